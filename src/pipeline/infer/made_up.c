/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/made_up.h"

#include "lib/base/attr.h"

#include <math.h>
#include <string.h>

static uint64_t next(uint64_t *state);
static uint64_t make_up(enum tensor_type type, uint64_t random, enum made_up made_up);

void made_up_fill(struct tensor *tensor, uint64_t seed, enum made_up made_up)
{
    static const char digits[] = "0123456789";
    size_t bytes = tensor_element_bytes(tensor->spec->type);
    size_t count = tensor->bytes / bytes;
    uint64_t state = seed * 0x9e3779b97f4a7c15U;
    for (size_t i = 0; i < count; i++) {
        uint64_t random = next(&state);
        char *at = (char *)tensor->data + i * bytes;
        if (tensor->spec->type == TENSOR_BYTES) {
            struct slice text = slice_of(&digits[random % 10], 1);
            memcpy(at, &text, sizeof(text));
        } else {
            uint64_t value = make_up(tensor->spec->type, random, made_up);
            memcpy(at, &value, bytes); /* little-endian, as the runtime is */
        }
    }
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* The element's bits. */
static uint64_t make_up(enum tensor_type type, uint64_t random, enum made_up made_up)
{
    double real = (double)(random >> 11) * 0x1p-52 - 1;
    float single = (float)real;
    uint64_t bits = 0;
    switch (type) {
    case TENSOR_F64:
        memcpy(&bits, &real, sizeof(real));
        return bits;
    case TENSOR_F32:
        memcpy(&bits, &single, sizeof(single));
        return bits;
    case TENSOR_BF16: /* the upper half of a float */
        memcpy(&bits, &single, sizeof(single));
        return bits >> 16;
    case TENSOR_F16: /* from 0.5 to 1, with a sign */
        return (random & 0x83ffU) | 0x3800U;
    case TENSOR_U8:
    case TENSOR_I8:
        return random & 0xff;
    case TENSOR_BOOL:
        return random & 1;
    default:
        return made_up == MADE_UP_AT_RANDOM ? random & 1 : made_up == MADE_UP_ONES;
    }
}

static bool element_read(enum tensor_type type, const char *at, double *ret_value);
static double last_place(enum tensor_type type);
static bool is_element_equal(enum tensor_type type, const char *a, const char *b, double tolerance);

bool is_row_equal(const struct tensor *tensor, uint32_t row, const struct tensor *alone, double tolerance,
                  struct text *how)
{
    enum tensor_type type = alone->spec->type;
    size_t bytes = tensor_element_bytes(type);
    const char *data = (const char *)tensor->data + row * alone->bytes;
    if (tensor->rank != alone->rank || tensor->bytes != alone->bytes * (size_t)tensor->dims[0] ||
        memcmp(tensor->dims + 1, alone->dims + 1, (alone->rank - 1) * sizeof(alone->dims[0])) != 0) {
        text_printf(how, "of another shape");
        return false;
    }
    for (size_t at = 0; at < alone->bytes; at += bytes) {
        const char *a = data + at, *b = (const char *)alone->data + at;
        double x, y;
        if (is_element_equal(type, a, b, tolerance))
            continue;
        if (element_read(type, a, &x) && element_read(type, b, &y))
            text_printf(how, "%.9g and not %.9g", x, y);
        else
            text_printf(how, "element %zu", at / bytes);
        return false;
    }
    return true;
}

static bool is_element_equal(enum tensor_type type, const char *a, const char *b, double tolerance)
{
    double x, y;
    if (type == TENSOR_BYTES) {
        struct slice s, t;
        memcpy(&s, a, sizeof(s));
        memcpy(&t, b, sizeof(t));
        return slice_equal(s, t);
    }
    if (memcmp(a, b, tensor_type_bytes(type)) == 0)
        return true;
    if (!element_read(type, a, &x) || !element_read(type, b, &y))
        return false;
    return fabs(x - y) <= MAX(tolerance, last_place(type)) * (1 + fabs(y)) || (isnan(x) && isnan(y));
}

static double difference(enum tensor_type type, const char *a, const char *b, double *ret_scale)
{
    double x, y;
    *ret_scale = 1;
    if (is_element_equal(type, a, b, 0))
        return 0;
    if (!element_read(type, a, &x) || !element_read(type, b, &y))
        return 1;
    *ret_scale = 1 + fabs(x);
    return isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY;
}

bool tensor_difference(const struct tensor *before, const struct tensor *after, double *absolute, double *relative)
{
    enum tensor_type type = before->spec->type;
    size_t bytes = tensor_element_bytes(type);
    if (before->rank != after->rank || before->bytes != after->bytes ||
        memcmp(before->dims, after->dims, before->rank * sizeof(before->dims[0])) != 0)
        return false;
    for (size_t at = 0; at < before->bytes; at += bytes) {
        double scale;
        double apart = difference(type, (const char *)before->data + at, (const char *)after->data + at, &scale);
        *absolute = MAX(*absolute, apart);
        *relative = MAX(*relative, isfinite(apart) ? apart / scale : INFINITY);
    }
    return true;
}

static double last_place(enum tensor_type type)
{
    return type == TENSOR_F16 ? 0x1p-9 : type == TENSOR_BF16 ? 0x1p-6 : 0;
}

static double half_read(uint16_t bits)
{
    int exponent = bits >> 10 & 0x1f;
    double fraction = bits & 0x3ff;
    double magnitude = exponent == 0x1f ? (fraction > 0 ? NAN : INFINITY)
                       : exponent       ? ldexp(fraction + 1024, exponent - 25)
                                        : ldexp(fraction, -24);
    return bits & 0x8000 ? -magnitude : magnitude;
}

/* Floats only. */
static bool element_read(enum tensor_type type, const char *at, double *ret_value)
{
    uint16_t half = 0;
    uint32_t bits = 0;
    float single = 0;
    switch (type) {
    case TENSOR_F64:
        memcpy(ret_value, at, sizeof(*ret_value));
        return true;
    case TENSOR_F32:
        memcpy(&single, at, sizeof(single));
        *ret_value = (double)single;
        return true;
    case TENSOR_BF16:
        memcpy(&half, at, sizeof(half));
        bits = (uint32_t)half << 16;
        memcpy(&single, &bits, sizeof(single));
        *ret_value = (double)single;
        return true;
    case TENSOR_F16:
        memcpy(&half, at, sizeof(half));
        *ret_value = half_read(half);
        return true;
    default:
        return false;
    }
}
