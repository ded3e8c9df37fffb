/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a number in two ways: as bits, which are written and must read back as the same bits, and as text, which
 * must be read as the C library reads it or be refused as the grammar of RFC 8259 demands.
 * fuzz-library: lib/json */
#include "lib/json/number.h"
#include "lib/json/row.h"

#include <math.h>
#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bits(const uint8_t *data)
{
    char text[NUMBER_BYTES_MAX + 1];
    float f;
    double d;
    memcpy(&f, data, sizeof f);
    memcpy(&d, data, sizeof d);
    if (isfinite(f)) {
        float back;
        size_t len = number_format_f32(text, f);
        text[len] = '\0';
        REQUIRE(number_parse_f32(slice_of(text, len), &back) == ERR_OK && memcmp(&back, &f, sizeof f) == 0);
        back = strtof(text, NULL);
        REQUIRE(memcmp(&back, &f, sizeof f) == 0);
        char row[JSON_ROW_PRINT_BYTES(9)];
        const float nine[] = {f, -f, 1, f, 0, f, f, 0.5F, f};
        size_t row_len = json_row_print_f32(row, nine, 9);
        REQUIRE(row_len > len + 1 && memcmp(row, text, len) == 0 && row[len] == ',');
        REQUIRE(memcmp(row + row_len - len - 1, text, len) == 0 && row[row_len - 1] == ',');
    }
    if (isfinite(d)) {
        double back;
        size_t len = number_format_f64(text, d);
        text[len] = '\0';
        REQUIRE(number_parse_f64(slice_of(text, len), &back) == ERR_OK && memcmp(&back, &d, sizeof d) == 0);
        back = strtod(text, NULL);
        REQUIRE(memcmp(&back, &d, sizeof d) == 0);
    }
}

static const char *skip_digits(const char *ptr)
{
    while (*ptr >= '0' && *ptr <= '9')
        ptr++;
    return ptr;
}

/* The grammar once more, plainly. The text ends with a NUL. */
static bool is_number(const char *ptr)
{
    ptr += *ptr == '-';
    const char *end = skip_digits(ptr);
    if (end == ptr || (*ptr == '0' && end != ptr + 1))
        return false;
    if (*end == '.') {
        ptr = end + 1;
        end = skip_digits(ptr);
        if (end == ptr)
            return false;
    }
    if (*end == 'e' || *end == 'E') {
        ptr = end + 1;
        ptr += *ptr == '-' || *ptr == '+';
        end = skip_digits(ptr);
        if (end == ptr)
            return false;
    }
    return *end == '\0';
}

static void check_text(const char *text, size_t len)
{
    float f = 0;
    double d = 0;
    enum err err_f = number_parse_f32(slice_of(text, len), &f);
    enum err err_d = number_parse_f64(slice_of(text, len), &d);
    if (strlen(text) != len || !is_number(text)) {
        REQUIRE(err_f != ERR_OK && err_d != ERR_OK);
        return;
    }
    float wanted_f = strtof(text, NULL);
    double wanted_d = strtod(text, NULL);
    REQUIRE(isinf(wanted_f) ? err_f == ERR_LIMIT : err_f == ERR_OK && memcmp(&f, &wanted_f, sizeof f) == 0);
    REQUIRE(isinf(wanted_d) ? err_d == ERR_LIMIT : err_d == ERR_OK && memcmp(&d, &wanted_d, sizeof d) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= sizeof(double))
        check_bits(data);
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_text(text, size);
    free(text);
    return 0;
}
