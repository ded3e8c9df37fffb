/* SPDX-License-Identifier: Apache-2.0 */
/* Times what is between a tensor's JSON and its memory, the library's own functions without a server around them:
 *
 *     tensors parse|print COUNT KIND
 *
 * KIND is how the floats look: short ("0.8402"), float (as few digits as read back equal), double (a float with the 17 digits
 * that Python's repr and JSON.stringify give it), signed. Prints {"ns": of a number, "ms": of all, "bytes": of text, "reference_ns":
 * strtof or snprintf}; the best of many times, because everything else is somebody else's time. */
#include "lib/json/number.h"
#include "lib/json/row.h"
#include "lib/json/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS     60
#define HEAD       "{\"inputs\":[{\"name\":\"x\",\"shape\":[1,3,224,224],\"datatype\":\"FP32\",\"data\":"
#define TEXT_BYTES 32

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void fail(const char *why)
{
    fprintf(stderr, "tensors: %s\n", why);
    exit(2);
}

static float make(const char *kind)
{
    float unit = (float)rand() / (float)RAND_MAX;
    return strcmp(kind, "signed") == 0 ? (unit - 0.5F) * 5 : unit;
}

static size_t put(char *out, const char *kind, float value)
{
    if (strcmp(kind, "short") == 0)
        return (size_t)snprintf(out, TEXT_BYTES, "%.4f", (double)value);
    if (strcmp(kind, "double") == 0)
        return (size_t)snprintf(out, TEXT_BYTES, "%.17g", (double)value);
    char digits[NUMBER_BYTES_MAX];
    size_t len = number_format_f32(digits, value);
    memcpy(out, digits, len);
    return len;
}

static size_t make_text(char *text, const char *kind, const float *values, size_t count)
{
    size_t len = (size_t)sprintf(text, HEAD "[");
    for (size_t i = 0; i < count; i++) {
        len += put(text + len, kind, values[i]);
        text[len++] = ',';
    }
    return len - 1 +
           (size_t)sprintf(text + len - 1, "]}],\"outputs\":[{\"name\":\"y\"}],\"parameters\":{\"padding\":\"%*s\"}}",
                           64, "");
}

/* What the stage decode does for the numbers: find the end of the array, then read it. */
static double parse(struct slice text, float *out, size_t count)
{
    size_t start = strlen(HEAD);
    double begin = now_ns();
    size_t end = json_scan_array(text, start);
    if (end == JSON_SCAN_NONE || json_row_read(text, &start, JSON_ELEMENT_F32, count, out) != ERR_OK || start != end)
        fail("the array is not read");
    return now_ns() - begin;
}

static double parse_reference(const char *text, float *out, size_t count)
{
    char *at = (char *)text + strlen(HEAD) + 1;
    double begin = now_ns();
    for (size_t i = 0; i < count; i++)
        out[i] = strtof(at, &at), at++;
    return now_ns() - begin;
}

static double print(char *out, const float *values, size_t count, size_t *ret_len)
{
    double begin = now_ns();
    *ret_len = json_row_print_f32(out, values, count);
    return now_ns() - begin;
}

static double print_reference(char *out, const float *values, size_t count)
{
    double begin = now_ns();
    for (size_t i = 0; i < count; i++)
        out += snprintf(out, TEXT_BYTES, "%.9g,", (double)values[i]);
    return now_ns() - begin;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

int main(int argc, char **argv)
{
    if (argc != 4 || (strcmp(argv[1], "parse") != 0 && strcmp(argv[1], "print") != 0))
        fail("tensors parse|print COUNT KIND");
    bool is_parse = strcmp(argv[1], "parse") == 0;
    size_t count = strtoul(argv[2], NULL, 10);
    float *values = malloc(count * sizeof *values);
    float *read = malloc(count * sizeof *read);
    char *text = malloc(JSON_ROW_PRINT_BYTES(count) + count * TEXT_BYTES + 1000);
    if (!values || !read || !text || count == 0)
        fail("no memory");
    for (size_t i = 0; i < count; i++)
        values[i] = make(argv[3]);
    size_t len = make_text(text, argv[3], values, count);
    double best = 1e18;
    double reference = 1e18;
    for (int i = 0; i < ROUNDS && is_parse; i++) {
        best = least(best, parse(slice_of(text, len), read, count));
        if (i % 8 == 0)
            reference = least(reference, parse_reference(text, read, count));
    }
    for (int i = 0; i < ROUNDS && !is_parse; i++) {
        best = least(best, print(text, values, count, &len));
        if (i % 8 == 0)
            reference = least(reference, print_reference(text, values, count));
    }
    printf("{\"ns\": %.3f, \"ms\": %.4f, \"bytes\": %zu, \"reference_ns\": %.3f}\n", best / (double)count, best / 1e6,
           len, reference / (double)count);
    return 0;
}
