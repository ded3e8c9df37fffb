/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, adding and encoding. All of it walks only the buckets between the smallest and the largest value: a histogram of
 * latencies has a few hundred of its 33,792 in use, and the pages of the others are never touched. */
#include "lib/meter/hdr.h"

#include "lib/base/base64.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* V2 of HdrHistogram's encoding (AbstractHistogram.java: V2EncodingCookieBase, with 0x10 for counts as ZigZag LEB128).
 * All numbers of the head are big-endian. */
#define COOKIE          0x1c849313U
#define HEAD_BYTES      40
#define DIGITS          3
#define COUNT_BYTES_MAX 9
#define BYTES_MAX       (HEAD_BYTES + (size_t)HDR_BUCKETS * COUNT_BYTES_MAX)

uint64_t hdr_bucket_lowest_ns(uint32_t index)
{
    if (index < 2U << HDR_STEP_BITS)
        return index;
    uint32_t shift = (index >> HDR_STEP_BITS) - 1;
    uint64_t step = (1U << HDR_STEP_BITS) + (index & ((1U << HDR_STEP_BITS) - 1));
    return step << shift;
}

uint64_t hdr_bucket_highest_ns(uint32_t index)
{
    return index + 1 < HDR_BUCKETS ? hdr_bucket_lowest_ns(index + 1) - 1 : HDR_VALUE_MAX_NS;
}

static uint64_t middle_of(uint32_t index)
{
    uint64_t lowest = hdr_bucket_lowest_ns(index);
    return lowest + (hdr_bucket_highest_ns(index) + 1 - lowest) / 2;
}

/* Buckets that may hold something: first <= i < end. */
struct range {
    uint32_t first, end;
};

static struct range range_of(const struct hdr *hdr)
{
    uint64_t min_plus_1 = hdr_place_read(&hdr->min_ns_plus_1);
    if (min_plus_1 == 0)
        return (struct range){0, 0};
    return (struct range){hdr_index(min_plus_1 - 1), hdr_index(hdr_place_read(&hdr->max_ns)) + 1};
}

static void widen(struct hdr *hdr, uint64_t min_ns, uint64_t max_ns)
{
    uint64_t min_plus_1 = hdr_place_read(&hdr->min_ns_plus_1);
    if (min_plus_1 == 0 || min_ns + 1 < min_plus_1)
        hdr_place_write(&hdr->min_ns_plus_1, min_ns + 1);
    if (max_ns > hdr_place_read(&hdr->max_ns))
        hdr_place_write(&hdr->max_ns, max_ns);
}

static void add(_Atomic uint64_t *place, uint64_t amount)
{
    hdr_place_write(place, hdr_place_read(place) + amount);
}

void hdr_merge(struct hdr *into, const struct hdr *from)
{
    struct range range = range_of(from);
    uint64_t count = 0;
    for (uint32_t i = range.first; i < range.end; i++) {
        uint64_t bucket = hdr_place_read(&from->buckets[i]);
        count += bucket;
        if (bucket)
            add(&into->buckets[i], bucket);
    }
    if (count == 0)
        return;
    add(&into->count, count);
    add(&into->sum_ns, hdr_place_read(&from->sum_ns));
    widen(into, hdr_min_ns(from), hdr_max_ns(from));
}

void hdr_subtract(struct hdr *into, const struct hdr *later, const struct hdr *earlier)
{
    struct range range = range_of(later);
    uint32_t first = UINT32_MAX;
    uint32_t last = 0;
    uint64_t count = 0;
    hdr_reset(into);
    for (uint32_t i = range.first; i < range.end; i++) {
        uint64_t after = hdr_place_read(&later->buckets[i]);
        uint64_t before = hdr_place_read(&earlier->buckets[i]);
        if (after <= before)
            continue;
        hdr_place_write(&into->buckets[i], after - before);
        count += after - before;
        first = MIN(first, i);
        last = i;
    }
    if (count == 0)
        return;
    hdr_place_write(&into->count, count);
    hdr_place_write(&into->sum_ns, hdr_place_read(&later->sum_ns) - hdr_place_read(&earlier->sum_ns));
    widen(into, MAX(hdr_bucket_lowest_ns(first), hdr_min_ns(later)),
          MIN(hdr_bucket_highest_ns(last), hdr_max_ns(later)));
}

void hdr_reset(struct hdr *hdr)
{
    struct range range = range_of(hdr);
    for (uint32_t i = range.first; i < range.end; i++)
        if (hdr_place_read(&hdr->buckets[i]))
            hdr_place_write(&hdr->buckets[i], 0);
    hdr_place_write(&hdr->count, 0);
    hdr_place_write(&hdr->sum_ns, 0);
    hdr_place_write(&hdr->min_ns_plus_1, 0);
    hdr_place_write(&hdr->max_ns, 0);
}

uint64_t hdr_count(const struct hdr *hdr)
{
    return hdr_place_read(&hdr->count);
}

uint64_t hdr_sum_ns(const struct hdr *hdr)
{
    return hdr_place_read(&hdr->sum_ns);
}

uint64_t hdr_min_ns(const struct hdr *hdr)
{
    uint64_t min_plus_1 = hdr_place_read(&hdr->min_ns_plus_1);
    return min_plus_1 ? min_plus_1 - 1 : 0;
}

uint64_t hdr_max_ns(const struct hdr *hdr)
{
    return hdr_place_read(&hdr->max_ns);
}

double hdr_mean_ns(const struct hdr *hdr)
{
    uint64_t count = hdr_count(hdr);
    return count ? (double)hdr_sum_ns(hdr) / (double)count : 0;
}

double hdr_stddev_ns(const struct hdr *hdr)
{
    struct range range = range_of(hdr);
    double mean = hdr_mean_ns(hdr);
    double squares = 0;
    uint64_t count = 0;
    for (uint32_t i = range.first; i < range.end; i++) {
        uint64_t bucket = hdr_place_read(&hdr->buckets[i]);
        double off = (double)middle_of(i) - mean;
        squares += off * off * (double)bucket;
        count += bucket;
    }
    return count ? sqrt(squares / (double)count) : 0;
}

uint64_t hdr_quantile(const struct hdr *hdr, double q)
{
    uint64_t count = hdr_count(hdr);
    if (count == 0)
        return 0;
    struct range range = range_of(hdr);
    uint64_t max_ns = hdr_max_ns(hdr);
    /* The rank of the value asked for, from 1: as in histogram_quantile. */
    double rank = q * (double)count * (1 - 4 * DBL_EPSILON);
    uint64_t wanted = rank <= 1 ? 1 : rank >= (double)count ? count : (uint64_t)rank;
    wanted += (double)wanted < rank && wanted < count;
    uint64_t seen = 0;
    for (uint32_t i = range.first; i < range.end; i++) {
        seen += hdr_place_read(&hdr->buckets[i]);
        if (seen >= wanted)
            return MIN(hdr_bucket_highest_ns(i), max_ns);
    }
    return max_ns;
}

uint64_t hdr_count_at_most(const struct hdr *hdr, uint64_t value_ns)
{
    struct range range = range_of(hdr);
    uint32_t end = MIN(range.end, hdr_index(MIN(value_ns, HDR_VALUE_MAX_NS)) + 1);
    uint64_t count = 0;
    for (uint32_t i = range.first; i < end; i++)
        count += hdr_place_read(&hdr->buckets[i]);
    return count;
}

/* --- encoding ----------------------------------------------------------------------------------------------------- */

static uint8_t *put_number(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        *out++ = (uint8_t)(value >> 8 * i);
    return out;
}

/* LEB128 of the ZigZag form, whose ninth byte, if it comes to that, holds eight bits. */
static uint8_t *put_count(uint8_t *out, int64_t value)
{
    uint64_t zigzag = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    unsigned bytes = 1;
    for (; bytes < COUNT_BYTES_MAX && zigzag >= 0x80; bytes++) {
        *out++ = (uint8_t)(zigzag | 0x80);
        zigzag >>= 7;
    }
    *out++ = (uint8_t)zigzag;
    return out;
}

/* One count after the other up to the last bucket in use; a run of zeros is its length, negative. */
static uint8_t *put_counts(uint8_t *out, const struct hdr *hdr)
{
    struct range range = range_of(hdr);
    int64_t zeros = range.first;
    for (uint32_t i = range.first; i < range.end; i++) {
        uint64_t count = hdr_place_read(&hdr->buckets[i]);
        if (count == 0) {
            zeros++;
            continue;
        }
        if (zeros)
            out = put_count(out, zeros == 1 ? 0 : -zeros);
        zeros = 0;
        out = put_count(out, (int64_t)count);
    }
    return out;
}

static size_t counts_bytes_max(const struct hdr *hdr)
{
    struct range range = range_of(hdr);
    size_t bytes = COUNT_BYTES_MAX;
    for (uint32_t i = range.first; i < range.end; i++)
        bytes += hdr_place_read(&hdr->buckets[i]) ? 2 * COUNT_BYTES_MAX : 0;
    return bytes;
}

enum err hdr_encode(const struct hdr *hdr, struct arena *arena, struct slice *ret_text)
{
    uint8_t *bytes = arena_alloc(arena, HEAD_BYTES + counts_bytes_max(hdr));
    if (!bytes)
        return ERR_NOMEM;
    uint8_t *end = put_counts(bytes + HEAD_BYTES, hdr);
    const double ratio = 1;
    uint64_t ratio_bits;
    memcpy(&ratio_bits, &ratio, sizeof ratio_bits);
    uint8_t *head = put_number(bytes, COOKIE, 4);
    head = put_number(head, (uint64_t)(end - bytes - HEAD_BYTES), 4);
    head = put_number(head, 0, 4); /* normalizing index offset */
    head = put_number(head, DIGITS, 4);
    head = put_number(head, 1, 8); /* lowest discernible value */
    head = put_number(head, HDR_VALUE_MAX_NS, 8);
    (void)put_number(head, ratio_bits, 8);
    size_t chars = base64_encode_chars((size_t)(end - bytes));
    char *text = arena_alloc(arena, chars);
    if (!text)
        return ERR_NOMEM;
    base64_encode(slice_of(bytes, (size_t)(end - bytes)), text);
    *ret_text = slice_of(text, chars);
    return ERR_OK;
}

/* --- decoding ----------------------------------------------------------------------------------------------------- */

static uint64_t read_number(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | from[i];
    return value;
}

static enum err check_head(const uint8_t *bytes, size_t len)
{
    const double ratio = 1;
    uint64_t ratio_bits;
    memcpy(&ratio_bits, &ratio, sizeof ratio_bits);
    if (len < HEAD_BYTES || read_number(bytes, 4) != COOKIE || read_number(bytes + 4, 4) != len - HEAD_BYTES)
        return ERR_SYNTAX;
    bool is_ours = read_number(bytes + 8, 4) == 0 && read_number(bytes + 12, 4) == DIGITS &&
                   read_number(bytes + 16, 8) == 1 && read_number(bytes + 24, 8) == HDR_VALUE_MAX_NS &&
                   read_number(bytes + 32, 8) == ratio_bits;
    return is_ours ? ERR_OK : ERR_UNSUPPORTED;
}

/* NULL at the end or where it is cut short. */
static const uint8_t *read_count(const uint8_t *at, const uint8_t *end, int64_t *ret_value)
{
    uint64_t zigzag = 0;
    for (unsigned i = 0; i < COUNT_BYTES_MAX; i++) {
        if (at == end)
            return NULL;
        uint8_t byte = *at++;
        bool is_last = i == COUNT_BYTES_MAX - 1 || !(byte & 0x80);
        zigzag |= (uint64_t)(i == COUNT_BYTES_MAX - 1 ? byte : byte & 0x7f) << 7 * i;
        if (is_last)
            break;
    }
    *ret_value = (int64_t)(zigzag >> 1 ^ -(zigzag & 1));
    return at;
}

static void add_decoded(struct hdr *into, uint32_t index, uint64_t count)
{
    add(&into->buckets[index], count);
    add(&into->count, count);
    add(&into->sum_ns, middle_of(index) * count);
    widen(into, hdr_bucket_lowest_ns(index), hdr_bucket_highest_ns(index));
}

/* Counts one after the other; `into` NULL only looks whether they are in order. `total` is what is there already. */
static enum err walk_counts(const uint8_t *at, const uint8_t *end, uint64_t total, struct hdr *into)
{
    uint64_t index = 0;
    while (at < end) {
        int64_t count;
        at = read_count(at, end, &count);
        if (!at)
            return ERR_SYNTAX;
        if (count < 0) {
            if (count < -(int64_t)HDR_BUCKETS)
                return ERR_SYNTAX;
            index += (uint64_t)-count;
            continue;
        }
        if (index >= HDR_BUCKETS || (uint64_t)count > (uint64_t)INT64_MAX - total)
            return ERR_SYNTAX;
        total += (uint64_t)count;
        if (into && count)
            add_decoded(into, (uint32_t)index, (uint64_t)count);
        index++;
    }
    return index <= HDR_BUCKETS ? ERR_OK : ERR_SYNTAX;
}

static enum err decode_bytes(const uint8_t *bytes, size_t len, struct hdr *into)
{
    TRY(check_head(bytes, len));
    uint64_t total = hdr_count(into);
    if (total > (uint64_t)INT64_MAX)
        return ERR_SYNTAX;
    TRY(walk_counts(bytes + HEAD_BYTES, bytes + len, total, NULL));
    return walk_counts(bytes + HEAD_BYTES, bytes + len, total, into);
}

enum err hdr_decode_add(struct slice text, struct hdr *into)
{
    if (text.len > base64_encode_chars(BYTES_MAX))
        return ERR_SYNTAX;
    uint8_t *bytes = malloc(base64_decode_bytes_max(text.len));
    if (!bytes)
        return ERR_NOMEM;
    size_t len;
    size_t fault_at;
    enum err err = base64_decode(text, bytes, &len, &fault_at);
    if (err == ERR_OK)
        err = decode_bytes(bytes, len, into);
    free(bytes);
    return err;
}

/* Whether values of these buckets can add up to it: a sum beyond 64 bits has wrapped, and says nothing. */
static bool can_add_up(const struct hdr *hdr, uint64_t sum_ns)
{
    struct range range = range_of(hdr);
    double least = 0;
    double most = 0;
    for (uint32_t i = range.first; i < range.end; i++) {
        double count = (double)hdr_place_read(&hdr->buckets[i]);
        least += count * (double)hdr_bucket_lowest_ns(i);
        most += count * (double)hdr_bucket_highest_ns(i);
    }
    return most >= 0x1p63 || ((double)sum_ns >= least * (1 - 1e-9) && (double)sum_ns <= most * (1 + 1e-9));
}

enum err hdr_set_exact(struct hdr *hdr, uint64_t sum_ns, uint64_t min_ns, uint64_t max_ns)
{
    struct range range = range_of(hdr);
    if (range.end == 0)
        return sum_ns || min_ns || max_ns ? ERR_INVALID : ERR_OK;
    if (min_ns > max_ns || max_ns > HDR_VALUE_MAX_NS || hdr_index(min_ns) != range.first ||
        hdr_index(max_ns) != range.end - 1 || !can_add_up(hdr, sum_ns))
        return ERR_INVALID;
    hdr_place_write(&hdr->sum_ns, sum_ns);
    hdr_place_write(&hdr->min_ns_plus_1, min_ns + 1);
    hdr_place_write(&hdr->max_ns, max_ns);
    return ERR_OK;
}
