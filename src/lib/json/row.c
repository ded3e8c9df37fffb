/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/row_int.h"

#include "lib/base/attr.h"
#include "lib/json/number.h"
#include "lib/json/scan.h"

#include <math.h>

/* Floats at least this large round to infinity. */
#define F32_OVERFLOW 0x1.ffffffp+127

/* Where a burst found nothing that it knows, the next is not far from being the same. */
#define BURST_PAUSE 8

/* Takes one element off the front of *rest. */
typedef enum err (*read_fn)(struct slice *rest, void *out);

static enum err read_F64(struct slice *rest, void *out)
{
    return number_read_f64(rest, out);
}

static enum err read_F32(struct slice *rest, void *out)
{
    double number;
    TRY(number_read_f64(rest, &number));
    if (fabs(number) >= F32_OVERFLOW)
        return ERR_LIMIT;
    *(float *)out = (float)number;
    return ERR_OK;
}

static enum err read_BOOL(struct slice *rest, void *out)
{
    bool is_true = slice_starts(*rest, SLICE_LIT("true"));
    if (!is_true && !slice_starts(*rest, SLICE_LIT("false")))
        return ERR_SYNTAX;
    *rest = slice_skip(*rest, is_true ? 4 : 5);
    *(uint8_t *)out = is_true;
    return ERR_OK;
}

/* An integer between `least` and `most`, as 64 bits of either kind. What stands behind it is looked at by the caller, who
 * finds a point or an exponent there. */
static inline enum err read_integer(struct slice *rest, int64_t least, uint64_t most, uint64_t *ret_bits)
{
    const char *ptr = rest->ptr;
    const char *end = ptr + rest->len;
    bool is_negative = ptr < end && *ptr == '-';
    uint64_t limit = is_negative ? 0 - (uint64_t)least : most;
    uint64_t value = 0;
    ptr += is_negative;
    const char *digits = ptr;
    for (; ptr < end && *ptr >= '0' && *ptr <= '9'; ptr++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*ptr - '0'), &value) || value > limit)
            return ERR_LIMIT;
    if (ptr == digits || (*digits == '0' && ptr > digits + 1) || (is_negative && least == 0))
        return ERR_SYNTAX;
    *rest = slice_of(ptr, (size_t)(end - ptr));
    *ret_bits = is_negative ? 0 - value : value;
    return ERR_OK;
}

#define READ_INTEGER(name, type, least, most)                                                                          \
    static enum err read_##name(struct slice *rest, void *out)                                                         \
    {                                                                                                                  \
        uint64_t bits;                                                                                                 \
        TRY(read_integer(rest, least, most, &bits));                                                                   \
        *(type *)out = (type)bits;                                                                                     \
        return ERR_OK;                                                                                                 \
    }

READ_INTEGER(U8, uint8_t, 0, UINT8_MAX)
READ_INTEGER(U16, uint16_t, 0, UINT16_MAX)
READ_INTEGER(U32, uint32_t, 0, UINT32_MAX)
READ_INTEGER(U64, uint64_t, 0, UINT64_MAX)
READ_INTEGER(I8, int8_t, INT8_MIN, INT8_MAX)
READ_INTEGER(I16, int16_t, INT16_MIN, INT16_MAX)
READ_INTEGER(I32, int32_t, INT32_MIN, INT32_MAX)
READ_INTEGER(I64, int64_t, INT64_MIN, INT64_MAX)

static const struct {
    read_fn read;
    size_t bytes;
} kinds[] = {
#define JSON_ELEMENT(name, type) [JSON_ELEMENT_##name] = {read_##name, sizeof(type)},
    JSON_ELEMENTS(JSON_ELEMENT)
#undef JSON_ELEMENT
};

/* One element and what must stand behind it. */
static enum err read_one(struct slice text, size_t *at, read_fn read, char behind, void *out)
{
    size_t start = json_scan_space(text, *at);
    struct slice rest = slice_skip(text, start);
    TRY(read(&rest, out));
    size_t end = json_scan_space(text, text.len - rest.len);
    if (end == text.len || text.ptr[end] != behind)
        return ERR_SYNTAX;
    *at = end + 1;
    return ERR_OK;
}

enum err json_row_read(struct slice text, size_t *at, enum json_element element, size_t count, void *out)
{
    if (*at >= text.len || text.ptr[*at] != '[' || count == 0)
        return ERR_SYNTAX;
    row_burst_fn burst = row_burst(element);
    size_t bytes = kinds[element].bytes;
    size_t cursor = *at + 1;
    char *place = out;
    size_t pause = 0;
    for (size_t left = count; left > 1; left--, place += bytes) {
        size_t taken = burst && pause == 0 ? burst(text, &cursor, left - 1, place) : 0;
        left -= taken;
        place += taken * bytes;
        if (left == 1)
            break;
        pause = pause ? pause - 1 : (taken ? 0 : BURST_PAUSE);
        TRY(read_one(text, &cursor, kinds[element].read, ',', place));
    }
    TRY(read_one(text, &cursor, kinds[element].read, ']', place));
    *at = cursor;
    return ERR_OK;
}

/* Behind one character, with white space around it. */
static enum err read_mark(struct slice text, size_t *at, char mark)
{
    size_t place = json_scan_space(text, *at);
    if (place == text.len || text.ptr[place] != mark)
        return ERR_SYNTAX;
    *at = json_scan_space(text, place + 1);
    return ERR_OK;
}

/* What is open on the way down, counted by the elements that are still to come. */
enum err json_rows_read(struct slice text, size_t *at, enum json_element element, const int64_t *dims, uint32_t rank,
                        void *out)
{
    int64_t left[JSON_ROWS_RANK_MAX];
    ASSERT(rank > 0 && rank <= JSON_ROWS_RANK_MAX, "as many arrays in each other as there is room to count");
    for (uint32_t i = 0; i < rank; i++)
        if (dims[i] <= 0)
            return ERR_SYNTAX;
    size_t count = (size_t)dims[rank - 1];
    size_t cursor = *at;
    char *place = out;
    uint32_t level = 0;
    for (;;) {
        for (; level + 1 < rank; level++) {
            TRY(read_mark(text, &cursor, '['));
            left[level] = dims[level];
        }
        TRY(json_row_read(text, &cursor, element, count, place));
        place += count * kinds[element].bytes;
        for (; level > 0 && --left[level - 1] == 0; level--)
            TRY(read_mark(text, &cursor, ']'));
        if (level == 0)
            break;
        TRY(read_mark(text, &cursor, ','));
    }
    *at = cursor;
    return ERR_OK;
}

size_t json_row_print_f32(char *out, const float *values, size_t count)
{
    row_print_fn print = row_print();
    if (print)
        return print(out, values, count);
    char *end = out;
    for (size_t i = 0; i < count; i++) {
        if (LIKELY(isfinite(values[i]))) {
            end += number_format_f32(end, values[i]);
        } else {
            memcpy(end, "null", 4);
            end += 4;
        }
        *end++ = ',';
    }
    return (size_t)(end - out);
}
