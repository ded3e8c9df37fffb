/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 3492. Labels are short, so that everything here is bounded by LABEL_MAX. */
#include "lib/formats/formats_int.h"
#include "lib/formats/idna_int.h"

#define PREFIX_BYTES 4 /* "xn--" */

/* Section 5. */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS_FIRST = 72, N_FIRST = 0x80 };

/* Section 6.1. */
static uint32_t adapt(uint32_t delta, uint32_t points, bool is_first)
{
    uint32_t k = 0;
    delta /= is_first ? DAMP : 2;
    delta += delta / points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
    return k <= bias + T_MIN ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
}

static uint32_t digit_of(char c)
{
    return is_digit(c) ? (uint32_t)(c - '0') + 26 : c >= 'a' && c <= 'z' ? (uint32_t)(c - 'a') : BASE;
}

/* One variable-length integer from the front. False: malformed, or larger than any that a label can have. */
static bool cut_delta(struct slice *rest, uint32_t bias, uint64_t *ret_delta)
{
    uint64_t weight = 1;
    uint64_t delta = 0;
    for (uint32_t k = BASE;; k += BASE) {
        uint32_t digit = rest->len ? digit_of(rest->ptr[0]) : BASE;
        if (digit == BASE)
            return false;
        *rest = slice_skip(*rest, 1);
        delta += digit * weight;
        if (delta > UINT32_MAX)
            return false;
        uint32_t t = threshold(k, bias);
        if (digit < t)
            break;
        weight *= BASE - t;
        if (weight > UINT32_MAX)
            return false;
    }
    *ret_delta = delta;
    return true;
}

static void insert(struct u_label *label, uint32_t at, uint32_t character)
{
    memmove(label->characters + at + 1, label->characters + at, (label->count - at) * sizeof *label->characters);
    label->characters[at] = character;
    label->count++;
}

/* Section 6.2. `text` has the basic characters already taken off into the label. */
static bool decode_deltas(struct slice rest, struct u_label *label)
{
    uint32_t bias = BIAS_FIRST;
    uint64_t n = N_FIRST;
    uint64_t i = 0;
    bool is_first = true;
    while (rest.len) {
        uint64_t delta;
        if (label->count == LABEL_MAX || !cut_delta(&rest, bias, &delta))
            return false;
        i += delta;
        n += i / (label->count + 1);
        i %= label->count + 1;
        if (n > 0x10ffff)
            return false;
        bias = adapt((uint32_t)delta, label->count + 1, is_first);
        is_first = false;
        insert(label, (uint32_t)i++, (uint32_t)n);
    }
    return !is_first;
}

/* Writes one variable-length integer; false: there is no room left. */
static bool encode_delta(uint64_t delta, uint32_t bias, char *out, size_t *len)
{
    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = threshold(k, bias);
        bool is_last = delta < t;
        uint32_t digit = (uint32_t)(is_last ? delta : t + (delta - t) % (BASE - t));
        if (*len == LABEL_MAX)
            return false;
        out[(*len)++] = (char)(digit < 26 ? 'a' + digit : '0' + digit - 26);
        if (is_last)
            return true;
        delta = (delta - t) / (BASE - t);
    }
}

static uint32_t next_larger(const struct u_label *label, uint32_t least)
{
    uint32_t next = UINT32_MAX;
    for (uint32_t i = 0; i < label->count; i++)
        if (label->characters[i] >= least && label->characters[i] < next)
            next = label->characters[i];
    return next;
}

/* Section 6.3, with the prefix in front; false: longer than a label may be. */
static bool encode(const struct u_label *label, char out[LABEL_MAX], size_t *ret_len)
{
    size_t len = PREFIX_BYTES;
    memcpy(out, "xn--", PREFIX_BYTES);
    for (uint32_t i = 0; i < label->count; i++) {
        if (label->characters[i] >= N_FIRST)
            continue;
        if (len == LABEL_MAX)
            return false;
        out[len++] = (char)label->characters[i];
    }
    uint32_t basic = (uint32_t)(len - PREFIX_BYTES);
    uint32_t done = basic;
    if (basic && len == LABEL_MAX)
        return false;
    if (basic)
        out[len++] = '-';
    uint32_t bias = BIAS_FIRST;
    uint32_t n = N_FIRST;
    uint64_t delta = 0;
    while (done < label->count) {
        uint32_t next = next_larger(label, n);
        delta += (uint64_t)(next - n) * (done + 1);
        n = next;
        for (uint32_t i = 0; i < label->count; i++) {
            delta += label->characters[i] < n;
            if (label->characters[i] != n)
                continue;
            if (!encode_delta(delta, bias, out, &len))
                return false;
            bias = adapt((uint32_t)delta, done + 1, done == basic);
            delta = 0;
            done++;
        }
        delta++;
        n++;
    }
    *ret_len = len;
    return true;
}

bool idna_measure(const struct u_label *label, size_t *ret_bytes)
{
    char out[LABEL_MAX];
    return encode(label, out, ret_bytes);
}

/* RFC 5891 section 5.3: "in lower case before conversion". */
bool idna_decode(struct slice a_label, struct u_label *ret_label)
{
    char lower[LABEL_MAX];
    char again[LABEL_MAX];
    size_t len;
    if (a_label.len <= PREFIX_BYTES || a_label.len > LABEL_MAX)
        return false;
    for (size_t i = 0; i < a_label.len; i++)
        lower[i] = ascii_lower(a_label.ptr[i]);
    struct slice rest = slice_of(lower + PREFIX_BYTES, a_label.len - PREFIX_BYTES);
    ret_label->count = 0;
    for (size_t i = rest.len; i-- > 0;) {
        if (rest.ptr[i] != '-')
            continue;
        for (size_t j = 0; j < i; j++)
            ret_label->characters[ret_label->count++] = (unsigned char)rest.ptr[j];
        rest = slice_skip(rest, i + 1);
        break;
    }
    return decode_deltas(rest, ret_label) && encode(ret_label, again, &len) && len == a_label.len &&
           memcmp(again, lower, len) == 0;
}
