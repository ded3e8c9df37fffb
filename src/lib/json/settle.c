/* SPDX-License-Identifier: Apache-2.0 */
/* Which numbers of a document are exact as 64-bit integers or as doubles, and which stay as they were written.
 *
 * yyjson can keep what is too big (BIGNUM_AS_RAW) but says nothing about fractions that were rounded, so all are read as
 * text and most are turned into numbers here. A double is exact when its shortest digits are those that were written. */
#include "lib/json/compare.h"
#include "lib/json/json.h"

/* As many digits any double keeps, but for the smallest, where bits run out. */
#define F64_DIGITS    15
#define F64_PLACE_MIN (-290)
#define F64_PLACE_MAX 300
/* As many always fit into 64 bits, with their sign. */
#define I64_DIGITS 18

/* Whether it was an integer without point and exponent that fits. */
static bool settle_integer(yyjson_val *value, struct slice text)
{
    bool is_negative = text.ptr[0] == '-';
    struct slice digits = slice_skip(text, is_negative);
    uint64_t magnitude = 0;
    if (digits.len <= I64_DIGITS) {
        for (size_t i = 0; i < digits.len; i++) {
            unsigned digit = (unsigned char)digits.ptr[i] - (unsigned)'0';
            if (digit > 9)
                return false;
            magnitude = magnitude * 10 + digit;
        }
    } else if (text_parse_u64(digits, &magnitude) != ERR_OK) {
        return false;
    }
    if (is_negative && magnitude > (uint64_t)INT64_MAX + 1)
        return false;
    if (is_negative)
        unsafe_yyjson_set_sint(value, (int64_t)-magnitude);
    else
        unsafe_yyjson_set_uint(value, magnitude);
    return true;
}

static bool is_integer_text(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '.' || (text.ptr[i] | 0x20) == 'e')
            return false;
    return true;
}

static bool is_exact(const struct json_decimal *written, double value)
{
    size_t digits = written->digits.len + written->more.len;
    int64_t place = written->exponent + (int64_t)digits;
    if (digits <= F64_DIGITS && place > F64_PLACE_MIN && place < F64_PLACE_MAX)
        return true;
    struct json_decimal kept;
    json_decimal_read(slice_of(kept.memory, number_format_f64(kept.memory, value)), &kept);
    return json_decimal_compare(written, &kept) == 0;
}

static void settle_real(yyjson_val *value, struct slice text)
{
    struct json_decimal written;
    double number;
    if (is_integer_text(text)) /* beyond 64 bits */
        return;
    if (number_parse_f64(text, &number) != ERR_OK)
        return;
    json_decimal_read(text, &written);
    if (is_exact(&written, number))
        unsafe_yyjson_set_real(value, number);
}

void json_settle_numbers(yyjson_val *root, size_t values_count)
{
    for (yyjson_val *value = root; value < root + values_count; value++) {
        struct slice text = json_raw(value);
        if (text.ptr && !settle_integer(value, text))
            settle_real(value, text);
    }
}
