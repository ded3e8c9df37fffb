/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/ip.h"

#include "lib/base/attr.h"
#include "lib/base/text.h"

#include <stdlib.h>

#define V4_BYTES  4
#define V6_BYTES  16
#define V6_GROUPS 8

static enum err parse_v4(struct slice text, uint8_t *out);
static enum err parse_v6(struct slice text, uint8_t *out);
static size_t format_v6(const uint8_t *bytes, char *out);

static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct ip ip_of_bytes(const void *bytes, enum ip_family family)
{
    struct ip ip = {.family = (uint8_t)family};
    if (family == IP_V6 && memcmp(bytes, mapped, sizeof mapped) == 0) {
        ip.family = IP_V4;
        memcpy(ip.bytes, (const uint8_t *)bytes + sizeof mapped, V4_BYTES);
    } else if (family != IP_NONE) {
        memcpy(ip.bytes, bytes, family == IP_V4 ? V4_BYTES : V6_BYTES);
    }
    return ip;
}

enum err ip_parse(struct slice text, struct ip *ret_ip)
{
    uint8_t bytes[V6_BYTES];
    bool is_v6 = slice_find(text, ':') < text.len;
    TRY(is_v6 ? parse_v6(text, bytes) : parse_v4(text, bytes));
    *ret_ip = ip_of_bytes(bytes, is_v6 ? IP_V6 : IP_V4);
    return ERR_OK;
}

/* inet_aton would take 127.1, 0x7f.1 and 0177.0.0.1, and each filter reads those in its own way. */
static enum err parse_v4(struct slice text, uint8_t *out)
{
    struct slice rest = text;
    for (int i = 0; i < V4_BYTES; i++) {
        struct slice part = slice_cut(&rest, '.');
        uint64_t value;
        bool has_leading_zero = part.len > 1 && part.ptr[0] == '0';
        if (part.len == 0 || part.len > 3 || has_leading_zero || text_parse_u64(part, &value) != ERR_OK || value > 255)
            return ERR_SYNTAX;
        if ((i == V4_BYTES - 1) != (rest.ptr == NULL))
            return ERR_SYNTAX;
        out[i] = (uint8_t)value;
    }
    return ERR_OK;
}

/* Groups up to the end of `text` or up to "::". False on a mistake. */
static bool parse_groups(struct slice text, bool is_last, uint8_t *out, size_t *ret_count)
{
    size_t count = 0;
    struct slice rest = text;
    while (rest.ptr && text.len) {
        struct slice part = slice_cut(&rest, ':');
        uint64_t value;
        if (is_last && !rest.ptr && slice_find(part, '.') < part.len) {
            if (count + 2 > V6_GROUPS || parse_v4(part, out + 2 * count) != ERR_OK)
                return false;
            count += 2;
            break;
        }
        if (count == V6_GROUPS || part.len == 0 || part.len > 4 || text_parse_hex(part, &value) != ERR_OK)
            return false;
        out[2 * count] = (uint8_t)(value >> 8);
        out[2 * count + 1] = (uint8_t)value;
        count++;
    }
    *ret_count = count;
    return true;
}

static size_t find_gap(struct slice text)
{
    for (size_t i = 0; i + 1 < text.len; i++)
        if (text.ptr[i] == ':' && text.ptr[i + 1] == ':')
            return i;
    return text.len;
}

static enum err parse_v6(struct slice text, uint8_t *out)
{
    uint8_t head[V6_BYTES] = {0};
    uint8_t tail[V6_BYTES] = {0};
    size_t head_count;
    size_t tail_count = 0;
    size_t gap = find_gap(text);
    bool has_gap = gap < text.len;
    if (!parse_groups(slice_first(text, gap), !has_gap, head, &head_count))
        return ERR_SYNTAX;
    if (has_gap && !parse_groups(slice_skip(text, gap + 2), true, tail, &tail_count))
        return ERR_SYNTAX;
    if (has_gap ? head_count + tail_count >= V6_GROUPS : head_count != V6_GROUPS)
        return ERR_SYNTAX;
    memcpy(out, head, V6_BYTES);
    memcpy(out + V6_BYTES - 2 * tail_count, tail, 2 * tail_count);
    return ERR_OK;
}

size_t ip_format(const struct ip *ip, char out[IP_TEXT_MAX])
{
    size_t len = 0;
    if (ip->family == IP_V6)
        return format_v6(ip->bytes, out);
    if (ip->family == IP_NONE) {
        memcpy(out, "unknown", sizeof "unknown");
        return sizeof "unknown" - 1;
    }
    for (int i = 0; i < V4_BYTES; i++) {
        if (i)
            out[len++] = '.';
        len += text_format_u64(out + len, ip->bytes[i]);
    }
    out[len] = '\0';
    return len;
}

/* RFC 5952 section 4.2: the longest run of zero groups, the first of several, and never a single one. */
static size_t find_zeros(const uint8_t *bytes, size_t *ret_count)
{
    size_t best = V6_GROUPS;
    size_t best_count = 1;
    size_t run = 0;
    for (size_t i = 0; i < V6_GROUPS; i++) {
        run = bytes[2 * i] | bytes[2 * i + 1] ? 0 : run + 1;
        if (run > best_count) {
            best_count = run;
            best = i + 1 - run;
        }
    }
    *ret_count = best_count;
    return best;
}

static size_t format_v6(const uint8_t *bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t zeros_count;
    size_t zeros = find_zeros(bytes, &zeros_count);
    size_t len = 0;
    for (size_t i = 0; i < V6_GROUPS; i++) {
        if (i == zeros) {
            out[len++] = ':';
            i += zeros_count - 1;
            if (i == V6_GROUPS - 1)
                out[len++] = ':';
            continue;
        }
        if (i)
            out[len++] = ':';
        unsigned value = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
        int shift = value > 0xfff ? 12 : value > 0xff ? 8 : value > 0xf ? 4 : 0;
        for (; shift >= 0; shift -= 4)
            out[len++] = digits[value >> shift & 15];
    }
    out[len] = '\0';
    return len;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

struct ip ip_prefix(const struct ip *ip, unsigned bits)
{
    struct ip prefix = *ip;
    for (unsigned i = 0; i < V6_BYTES; i++) {
        unsigned kept = bits > 8 * i ? MIN(bits - 8 * i, 8U) : 0;
        prefix.bytes[i] &= (uint8_t)(0xff00U >> kept);
    }
    return prefix;
}

/* Sets. */

static unsigned width_of(const struct ip *ip)
{
    return ip->family == IP_V4 ? 8 * V4_BYTES : 8 * V6_BYTES;
}

/* With all bits behind the prefix set. */
static struct ip last_of(const struct ip *first, unsigned bits)
{
    struct ip last = *first;
    for (unsigned i = 0; i < width_of(first) / 8; i++) {
        unsigned kept = bits > 8 * i ? MIN(bits - 8 * i, 8U) : 0;
        last.bytes[i] |= (uint8_t)(0xffU >> kept);
    }
    return last;
}

enum err ip_range_parse(struct slice text, struct ip_range *ret_range)
{
    struct slice rest = text;
    struct slice host = slice_cut(&rest, '/');
    struct ip ip;
    TRY(ip_parse(host, &ip));
    bool is_mapped = ip.family == IP_V4 && slice_find(host, ':') < host.len;
    uint64_t bits = width_of(&ip) + (is_mapped ? 8 * sizeof mapped : 0);
    uint64_t bits_max = bits;
    if (rest.ptr && (rest.len > 3 || text_parse_u64(rest, &bits) != ERR_OK || bits > bits_max))
        return ERR_SYNTAX;
    if (is_mapped && bits < 8 * sizeof mapped)
        return ERR_INVALID;
    unsigned prefix = (unsigned)(is_mapped ? bits - 8 * sizeof mapped : bits);
    struct ip first = ip_prefix(&ip, prefix);
    if (!ip_equal(&first, &ip))
        return ERR_INVALID;
    *ret_range = (struct ip_range){.first = first, .last = last_of(&first, prefix)};
    return ERR_OK;
}

static int compare(const void *a, const void *b)
{
    return memcmp(&((const struct ip_range *)a)->first, &((const struct ip_range *)b)->first, sizeof(struct ip));
}

struct ip_set ip_set_of(struct ip_range *ranges, uint32_t count)
{
    uint32_t kept = 0;
    if (count)
        qsort(ranges, count, sizeof *ranges, compare);
    for (uint32_t i = 0; i < count; i++) {
        struct ip_range *before = kept ? &ranges[kept - 1] : NULL;
        if (!before || memcmp(&before->last, &ranges[i].first, sizeof(struct ip)) < 0)
            ranges[kept++] = ranges[i];
        else if (memcmp(&before->last, &ranges[i].last, sizeof(struct ip)) < 0)
            before->last = ranges[i].last;
    }
    return (struct ip_set){.ranges = ranges, .count = kept};
}

bool ip_set_has(const struct ip_set *set, const struct ip *ip)
{
    uint32_t begin = 0;
    uint32_t end = set->count;
    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;
        if (memcmp(&set->ranges[middle].last, ip, sizeof *ip) < 0)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin < set->count && memcmp(&set->ranges[begin].first, ip, sizeof *ip) <= 0;
}
