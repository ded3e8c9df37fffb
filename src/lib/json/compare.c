/* SPDX-License-Identifier: Apache-2.0 */
/* Members of objects mostly stand in the same order in both, so they are walked side by side as long as names agree. What is
 * left is matched through a table of up to MATCH_MEMBERS members at a time, on the stack: linear up to there, and beyond it
 * as many passes as it takes, counted as steps like all else. Documents are at most JSON_DEPTH_MAX deep, and so is the
 * recursion. */
#include "lib/json/compare.h"

#include <math.h>

#define MATCH_MEMBERS 128
#define MATCH_SLOTS   256
#define STEP_BYTES    64

/* Members of one object, to be taken by those of another. */
struct match {
    yyjson_val *keys[MATCH_MEMBERS]; /* NULL: taken */
    uint8_t slots[MATCH_SLOTS];      /* index + 1; 0: none */
    uint32_t count;
    uint32_t taken;
};

static bool equal_objects(yyjson_val *a, yyjson_val *b, uint64_t *steps);
static bool equal_members(yyjson_val *a, yyjson_val *b, size_t count, uint64_t *steps);
static uint64_t hash_number(struct hash_key key, yyjson_val *number);

static bool spend(uint64_t *steps, uint64_t count)
{
    *steps = *steps > count ? *steps - count : 0;
    return *steps > 0;
}

static bool equal_texts(yyjson_val *a, yyjson_val *b, uint64_t *steps)
{
    struct slice text = json_text(a);
    return text.len == unsafe_yyjson_get_len(b) && spend(steps, text.len / STEP_BYTES) &&
           slice_equal(text, json_text(b));
}

static bool equal_arrays(yyjson_val *a, yyjson_val *b, uint64_t *steps)
{
    size_t count = unsafe_yyjson_get_len(a);
    if (count != unsafe_yyjson_get_len(b))
        return false;
    a++;
    b++;
    for (size_t i = 0; i < count; i++, a = unsafe_yyjson_get_next(a), b = unsafe_yyjson_get_next(b))
        if (!json_equal(a, b, steps))
            return false;
    return true;
}

bool json_equal(yyjson_val *a, yyjson_val *b, uint64_t *steps)
{
    if (!spend(steps, 1))
        return false;
    if (json_is_number(a))
        return json_is_number(b) && json_compare_numbers(a, b) == 0;
    if (yyjson_get_type(a) != yyjson_get_type(b))
        return false;
    switch (yyjson_get_type(a)) {
    case YYJSON_TYPE_BOOL:
        return unsafe_yyjson_get_bool(a) == unsafe_yyjson_get_bool(b);
    case YYJSON_TYPE_STR:
        return equal_texts(a, b, steps);
    case YYJSON_TYPE_ARR:
        return equal_arrays(a, b, steps);
    case YYJSON_TYPE_OBJ:
        return equal_objects(a, b, steps);
    default:
        return true;
    }
}

static bool equal_objects(yyjson_val *a, yyjson_val *b, uint64_t *steps)
{
    size_t count = unsafe_yyjson_get_len(a);
    if (count != unsafe_yyjson_get_len(b))
        return false;
    a++;
    b++;
    for (; count > 0 && slice_equal(json_text(a), json_text(b)); count--) {
        if (!json_equal(a + 1, b + 1, steps))
            return false;
        a = unsafe_yyjson_get_next(a + 1);
        b = unsafe_yyjson_get_next(b + 1);
    }
    return equal_members(a, b, count, steps);
}

/* Good enough to spread names; who finds many that collide makes at most MATCH_MEMBERS of them compared with each. */
static uint8_t slot_of(struct slice name)
{
    uint64_t word = 0;
    memcpy(&word, name.ptr, MIN(name.len, sizeof word));
    uint64_t last = name.len > sizeof word ? (unsigned char)name.ptr[name.len - 1] : 0;
    uint64_t middle = name.len > sizeof word ? (unsigned char)name.ptr[name.len / 2] : 0;
    return (uint8_t)((word ^ last << 24 ^ middle << 40 ^ name.len << 56) * 0x9e3779b97f4a7c15u >> 56);
}

/* Takes up to MATCH_MEMBERS members from the key `from` on; returns what stands behind them. */
static yyjson_val *match_fill(struct match *match, yyjson_val *from, size_t count)
{
    memset(match->slots, 0, sizeof match->slots);
    match->taken = 0;
    match->count = (uint32_t)MIN(count, (size_t)MATCH_MEMBERS);
    for (uint32_t i = 0; i < match->count; i++) {
        uint8_t slot = slot_of(json_text(from));
        while (match->slots[slot] != 0)
            slot++; /* wraps */
        match->slots[slot] = (uint8_t)(i + 1);
        match->keys[i] = from;
        from = unsafe_yyjson_get_next(from + 1);
    }
    return from;
}

/* The first member of that name that is not taken yet; it is now. */
static yyjson_val *match_take(struct match *match, struct slice name, uint64_t *steps)
{
    for (uint8_t slot = slot_of(name); match->slots[slot] != 0; slot++) {
        yyjson_val **key = &match->keys[match->slots[slot] - 1];
        if (!spend(steps, 1))
            return NULL;
        if (!*key || !slice_equal(json_text(*key), name))
            continue;
        yyjson_val *value = *key + 1;
        *key = NULL;
        match->taken++;
        return value;
    }
    return NULL;
}

/* From the keys `a` and `b` on. Each member of b must find one of a. Kept out of line: only here is the table. */
NOT_INLINE static bool equal_members(yyjson_val *a, yyjson_val *b, size_t count, uint64_t *steps)
{
    struct match match;
    for (size_t left = count; left > 0; left -= match.count) {
        b = match_fill(&match, b, left);
        yyjson_val *key = a;
        for (size_t i = 0; i < count && match.taken < match.count; i++, key = unsafe_yyjson_get_next(key + 1)) {
            yyjson_val *other = match_take(&match, json_text(key), steps);
            if (!other && count <= MATCH_MEMBERS)
                return false;
            if (other && !json_equal(key + 1, other, steps))
                return false;
            if (!spend(steps, 1))
                return false;
        }
        if (match.taken < match.count)
            return false;
    }
    return true;
}

/* Both halves of a product: every bit of one factor moves every bit of the result. SipHash took half the time of validating
 * a document with uniqueItems; who finds texts that collide here makes them compared, and that is counted. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_words(struct hash_key key, uint64_t a, uint64_t b)
{
    return mix(a ^ key.k0 ^ 0x9e3779b97f4a7c15u, b ^ key.k1 ^ 0xd1b54a32d192ed03u);
}

static inline uint64_t read_word(const char *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, sizeof word);
    return word;
}

static inline uint64_t hash_text(struct hash_key key, struct slice text)
{
    uint64_t hash = text.len * 0x9e3779b97f4a7c15u;
    const char *at = text.ptr;
    size_t left = text.len;
    for (; left > 16; at += 16, left -= 16)
        hash = hash_words(key, hash ^ read_word(at), read_word(at + 8));
    if (left > 8)
        return hash_words(key, hash ^ read_word(at), read_word(at + left - 8));
    uint64_t last = 0;
    if (left >= 4) {
        uint32_t low;
        uint32_t high; /* overlaps low where there are less than eight */
        memcpy(&low, at, 4);
        memcpy(&high, at + left - 4, 4);
        last = low | (uint64_t)high << 32;
    } else if (left > 0) {
        last = (uint64_t)(unsigned char)at[0] << 16 | (uint64_t)(unsigned char)at[left / 2] << 8 |
               (unsigned char)at[left - 1];
    }
    return hash_words(key, hash, last);
}

static uint64_t hash_container(struct hash_key key, yyjson_val *container);

/* Most values are texts; the order of these branches is what is guessed right. */
static inline uint64_t hash_value(struct hash_key key, yyjson_val *value)
{
    if (LIKELY(unsafe_yyjson_is_str(value)))
        return hash_text(key, json_text(value));
    if (unsafe_yyjson_is_ctn(value))
        return hash_container(key, value);
    if (json_is_number(value))
        return hash_number(key, value);
    return hash_words(key, value->tag, 0);
}

/* Members in any order have one sum. Objects and arrays differ by what is mixed in at last. */
static uint64_t hash_container(struct hash_key key, yyjson_val *container)
{
    uint64_t sum = 0;
    yyjson_val *end = unsafe_yyjson_get_next(container);
    if (unsafe_yyjson_is_arr(container)) {
        for (yyjson_val *item = container + 1; item < end; item = unsafe_yyjson_get_next(item))
            sum = hash_words(key, sum, hash_value(key, item));
        return hash_words(key, sum, YYJSON_TYPE_ARR);
    }
    for (yyjson_val *name = container + 1; name < end; name = unsafe_yyjson_get_next(name + 1))
        sum += hash_words(key, hash_text(key, json_text(name)), hash_value(key, name + 1));
    return hash_words(key, sum, YYJSON_TYPE_OBJ);
}

uint64_t json_hash(struct hash_key key, yyjson_val *value)
{
    return hash_value(key, value);
}

/* Of as many digits as fit into a word, piece by piece, whichever side of a point they stood on. */
static uint64_t hash_decimal(struct hash_key key, const struct json_decimal *decimal)
{
    enum { PIECE_DIGITS = 19 };
    uint64_t hash = hash_words(key, decimal->is_negative, (uint64_t)decimal->exponent);
    uint64_t piece = 0;
    uint32_t count = 0;
    const struct slice parts[] = {decimal->digits, decimal->more};
    for (size_t part = 0; part < ARRAY_LEN(parts); part++) {
        for (size_t i = 0; i < parts[part].len; i++) {
            piece = piece * 10 + (uint64_t)(parts[part].ptr[i] - '0');
            if (++count < PIECE_DIGITS)
                continue;
            hash = hash_words(key, hash, piece);
            count = 0;
            piece = 0;
        }
    }
    return hash_words(key, hash, piece);
}

/* Integers of up to 15 digits are what most numbers are: they hash as such in every form. */
#define SMALL_DIGITS 15
#define SMALL_MAX    1e15

static bool is_small_integer(yyjson_val *number, int64_t *ret_value)
{
    if (yyjson_is_raw(number))
        return false;
    double value = unsafe_yyjson_get_num(number);
    if (fabs(value) >= SMALL_MAX || value != floor(value))
        return false;
    *ret_value = (int64_t)value;
    return true;
}

/* The same of digits. */
static bool is_small_decimal(const struct json_decimal *decimal, int64_t *ret_value)
{
    size_t count = decimal->digits.len + decimal->more.len;
    if (decimal->exponent < 0 || decimal->exponent > SMALL_DIGITS || count + (size_t)decimal->exponent > SMALL_DIGITS)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < decimal->digits.len; i++)
        value = value * 10 + (decimal->digits.ptr[i] - '0');
    for (size_t i = 0; i < decimal->more.len; i++)
        value = value * 10 + (decimal->more.ptr[i] - '0');
    for (int64_t i = 0; i < decimal->exponent; i++)
        value *= 10;
    *ret_value = decimal->is_negative ? -value : value;
    return true;
}

static uint64_t hash_number(struct hash_key key, yyjson_val *number)
{
    int64_t integer;
    struct json_decimal decimal;
    if (is_small_integer(number, &integer))
        return hash_words(key, (uint64_t)integer, YYJSON_TYPE_NUM);
    json_decimal_of(number, &decimal);
    if (is_small_decimal(&decimal, &integer))
        return hash_words(key, (uint64_t)integer, YYJSON_TYPE_NUM);
    return hash_decimal(key, &decimal);
}
