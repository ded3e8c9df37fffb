/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of `data` into memory, each checked against the range of its type.
 *
 * A JSON number comes as the nearest double; a float32 is the nearest float of that double, which is what NumPy makes of
 * the same text. Whole numbers must be written without a point, so that 1.5 is never cut to 1. */
#include "pipeline/decode/tensors_int.h"

#include "lib/json/number.h"

#include <float.h>
#include <math.h>

/* Where reading stands in one row: `value` is element `index` of `count`. */
struct row {
    yyjson_val *value;
    size_t index;
    size_t count;
};

/* Takes elements until the end (true) or one that does not fit (false), at which `row` then stands. */
typedef bool (*fill_row_fn)(struct row *row, void *out);

/* Floats at least this large round to infinity. */
#define F32_OVERFLOW 0x1.ffffffp+127

/* A document that a schema has seen may keep long numbers as they were written. */
RARELY_CALLED static bool take_raw(yyjson_val *value, double *ret)
{
    return number_parse_f64(json_raw(value), ret) == ERR_OK;
}

static inline bool take_real(yyjson_val *value, double *ret)
{
    if (UNLIKELY(!unsafe_yyjson_is_num(value)))
        return take_raw(value, ret);
    /* "-0" is the only zero that is kept as signed, and strtod, NumPy's float and tensors_read make -0.0 of it. */
    bool is_negative_zero = unsafe_yyjson_is_sint(value) && unsafe_yyjson_get_sint(value) == 0;
    *ret = is_negative_zero ? -0.0 : unsafe_yyjson_get_num(value);
    return true;
}

static bool fill_F32(struct row *row, void *out_)
{
    float *out = out_;
    double number;
    for (; row->index < row->count; row->index++, row->value = unsafe_yyjson_get_next(row->value)) {
        if (!take_real(row->value, &number) || fabs(number) >= F32_OVERFLOW)
            return false;
        out[row->index] = (float)number;
    }
    return true;
}

static bool fill_F64(struct row *row, void *out_)
{
    double *out = out_;
    for (; row->index < row->count; row->index++, row->value = unsafe_yyjson_get_next(row->value))
        if (!take_real(row->value, &out[row->index]))
            return false;
    return true;
}

static bool fill_BOOL(struct row *row, void *out_)
{
    uint8_t *out = out_;
    for (; row->index < row->count; row->index++, row->value = unsafe_yyjson_get_next(row->value)) {
        if (!unsafe_yyjson_is_bool(row->value))
            return false;
        out[row->index] = unsafe_yyjson_get_bool(row->value);
    }
    return true;
}

/* The texts are the document's, and live as long as the request. */
static bool fill_BYTES(struct row *row, void *out_)
{
    struct slice *out = out_;
    for (; row->index < row->count; row->index++, row->value = unsafe_yyjson_get_next(row->value)) {
        if (!unsafe_yyjson_is_str(row->value))
            return false;
        out[row->index] = json_text(row->value);
    }
    return true;
}

#define FILL_UNSIGNED(name, type, most)                                                                                \
    static bool fill_##name(struct row *row, void *out_)                                                               \
    {                                                                                                                  \
        type *out = out_;                                                                                              \
        for (; row->index < row->count; row->index++, row->value = unsafe_yyjson_get_next(row->value)) {               \
            if (!unsafe_yyjson_is_uint(row->value) || unsafe_yyjson_get_uint(row->value) > (most))                     \
                return false;                                                                                          \
            out[row->index] = (type)unsafe_yyjson_get_uint(row->value);                                                \
        }                                                                                                              \
        return true;                                                                                                   \
    }

/* yyjson keeps numbers from 0 on as unsigned and only negative ones as signed. */
#define FILL_SIGNED(name, type, least, most)                                                                           \
    static bool fill_##name(struct row *row, void *out_)                                                               \
    {                                                                                                                  \
        type *out = out_;                                                                                              \
        for (; row->index < row->count; row->index++, row->value = unsafe_yyjson_get_next(row->value)) {               \
            bool is_high = unsafe_yyjson_is_uint(row->value) && unsafe_yyjson_get_uint(row->value) > (uint64_t)(most); \
            bool is_low = unsafe_yyjson_is_sint(row->value) && unsafe_yyjson_get_sint(row->value) < (least);           \
            if (!unsafe_yyjson_is_int(row->value) || is_high || is_low)                                                \
                return false;                                                                                          \
            out[row->index] = (type)unsafe_yyjson_get_sint(row->value);                                                \
        }                                                                                                              \
        return true;                                                                                                   \
    }

FILL_UNSIGNED(U8, uint8_t, UINT8_MAX)
FILL_UNSIGNED(U16, uint16_t, UINT16_MAX)
FILL_UNSIGNED(U32, uint32_t, UINT32_MAX)
FILL_UNSIGNED(U64, uint64_t, UINT64_MAX)
FILL_SIGNED(I8, int8_t, INT8_MIN, INT8_MAX)
FILL_SIGNED(I16, int16_t, INT16_MIN, INT16_MAX)
FILL_SIGNED(I32, int32_t, INT32_MIN, INT32_MAX)
FILL_SIGNED(I64, int64_t, INT64_MIN, INT64_MAX)

/* NULL where a type has no form in JSON: tensors_check has refused those. */
static const struct {
    fill_row_fn fill;
    const char *wanted;
} kinds[] = {
    [TENSOR_BOOL] = {fill_BOOL, "true or false"},
    [TENSOR_U8] = {fill_U8, "a whole number from 0 to 255"},
    [TENSOR_U16] = {fill_U16, "a whole number from 0 to 65535"},
    [TENSOR_U32] = {fill_U32, "a whole number from 0 to 4294967295"},
    [TENSOR_U64] = {fill_U64, "a whole number from 0 to 18446744073709551615"},
    [TENSOR_I8] = {fill_I8, "a whole number from -128 to 127"},
    [TENSOR_I16] = {fill_I16, "a whole number from -32768 to 32767"},
    [TENSOR_I32] = {fill_I32, "a whole number from -2147483648 to 2147483647"},
    [TENSOR_I64] = {fill_I64, "a whole number from -9223372036854775808 to 9223372036854775807"},
    [TENSOR_F16] = {NULL, NULL},
    [TENSOR_F32] = {fill_F32, "a number within the range of FP32"},
    [TENSOR_F64] = {fill_F64, "a number"},
    [TENSOR_BF16] = {NULL, NULL},
    [TENSOR_BYTES] = {fill_BYTES, "a text"},
};

/* On the way down into nested data; `out` moves on from row to row. */
struct descent {
    struct tensors_plan *plan;
    const struct tensor_spec *spec;
    const struct tensor_item *item;
    char *out;
    size_t indices[TENSOR_RANK_MAX];
};

static void fill_nested(struct descent *descent, yyjson_val *value, uint32_t level);
static void fill_row(struct descent *descent, yyjson_val *array, uint32_t level);
static void fail_element(const struct descent *descent, const struct row *row, uint32_t level);

void tensors_fill(struct tensors_plan *plan, uint32_t input, void *data)
{
    if (plan->items[input].source == TENSOR_IN_TAIL) {
        tensors_fill_binary(plan, input, data);
        return;
    }
    struct descent descent = {
        .plan = plan,
        .spec = &plan->model->inputs[input],
        .item = &plan->items[input],
        .out = data,
    };
    ASSERT(kinds[descent.spec->type].fill, "tensors_check lets only types with a form in JSON pass");
    if (descent.item->is_nested)
        fill_nested(&descent, descent.item->data, 0);
    else
        fill_row(&descent, descent.item->data, 0);
}

/* The depth is the rank of the tensor, and the arrays are as tensors_check has found them. */
static void fill_nested(struct descent *descent, yyjson_val *value, uint32_t level)
{
    if (level + 1 == descent->spec->rank) {
        fill_row(descent, value, level);
        return;
    }
    descent->indices[level] = 0;
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    for (yyjson_val *child; (child = yyjson_arr_iter_next(&iter)); descent->indices[level]++)
        fill_nested(descent, child, level + 1);
}

static void fill_row(struct descent *descent, yyjson_val *array, uint32_t level)
{
    enum tensor_type type = descent->spec->type;
    struct row row = {.value = unsafe_yyjson_get_first(array), .count = yyjson_arr_size(array)};
    while (!kinds[type].fill(&row, descent->out)) {
        fail_element(descent, &row, level);
        if (descent->plan->fault_count == REQUEST_FAULTS_MAX)
            return;
        row.index++;
        row.value = unsafe_yyjson_get_next(row.value);
    }
    descent->out += row.count * tensor_element_bytes(type);
}

static void fail_element(const struct descent *descent, const struct row *row, uint32_t level)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer(memory, descent->item->position, "data");
    for (uint32_t i = 0; i < level; i++)
        json_pointer_add_index(&pointer, descent->indices[i]);
    json_pointer_add_index(&pointer, row->index);
    const char *wanted = kinds[descent->spec->type].wanted;
    char number[NUMBER_BYTES_MAX];
    if (yyjson_is_raw(row->value))
        tensors_fault(descent->plan, &pointer, "Expected %s, got " SLICE_FMT ".", wanted,
                      SLICE_ARG(slice_first(json_raw(row->value), NUMBER_BYTES_MAX)));
    else if (yyjson_is_real(row->value)) /* with its point: "a whole number, got 1" would not help */
        tensors_fault(descent->plan, &pointer, "Expected %s, got %.*s.", wanted,
                      (int)number_format_f64(number, yyjson_get_real(row->value)), number);
    else if (yyjson_is_num(row->value))
        tensors_fault(descent->plan, &pointer, "Expected %s, got %.17g.", wanted, yyjson_get_num(row->value));
    else
        tensors_fault(descent->plan, &pointer, "Expected %s, got %s.", wanted, json_kind(row->value));
}
