/* SPDX-License-Identifier: Apache-2.0 */
/* An array of numbers, read straight into memory, is what yyjson and strtod make of it: the same texts are taken, with the same
 * bits. The first byte says which type; the text stands somewhere in a longer one, because what reads many at a time
 * wants room on both sides.
 * fuzz-library: lib/json */
#include "lib/json/json.h"
#include "lib/json/row.h"
#include "lib/json/scan.h"

#include <math.h>
#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())
#define TEXT_MAX           2048
#define AROUND             80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const size_t element_bytes[] = {
#define JSON_ELEMENT(name, type) [JSON_ELEMENT_##name] = sizeof(type),
    JSON_ELEMENTS(JSON_ELEMENT)
#undef JSON_ELEMENT
};

/* yyjson keeps an integer that no 64 bits hold as a double, and "-0" as an integer. */
static bool take_integer(yyjson_val *value, int64_t least, uint64_t most, uint64_t *ret_bits)
{
    if (!yyjson_is_int(value))
        return false;
    *ret_bits = yyjson_get_uint(value);
    return yyjson_is_sint(value) ? least < 0 && yyjson_get_sint(value) >= least : *ret_bits <= most;
}

static bool take(yyjson_val *value, enum json_element element, void *out)
{
    static const int64_t least[] = {[JSON_ELEMENT_I8] = INT8_MIN,
                                    [JSON_ELEMENT_I16] = INT16_MIN,
                                    [JSON_ELEMENT_I32] = INT32_MIN,
                                    [JSON_ELEMENT_I64] = INT64_MIN,
                                    [JSON_ELEMENT_F64] = 0};
    static const uint64_t most[] = {
        [JSON_ELEMENT_U8] = UINT8_MAX,   [JSON_ELEMENT_U16] = UINT16_MAX, [JSON_ELEMENT_U32] = UINT32_MAX,
        [JSON_ELEMENT_U64] = UINT64_MAX, [JSON_ELEMENT_I8] = INT8_MAX,    [JSON_ELEMENT_I16] = INT16_MAX,
        [JSON_ELEMENT_I32] = INT32_MAX,  [JSON_ELEMENT_I64] = INT64_MAX};
    uint64_t bits;
    if (element == JSON_ELEMENT_F32 || element == JSON_ELEMENT_F64) {
        double number = yyjson_is_sint(value) && yyjson_get_sint(value) == 0 ? -0.0 : yyjson_get_num(value);
        float single = (float)number;
        bool is_double = element == JSON_ELEMENT_F64;
        memcpy(out, is_double ? (void *)&number : (void *)&single, is_double ? sizeof number : sizeof single);
        return yyjson_is_num(value) && (is_double || !isinf(single));
    }
    if (element == JSON_ELEMENT_BOOL) {
        *(uint8_t *)out = yyjson_get_bool(value);
        return yyjson_is_bool(value);
    }
    if (!take_integer(value, least[element], most[element], &bits))
        return false;
    memcpy(out, &bits, element_bytes[element]);
    return true;
}

/* What the array is by the document; false when it is none of that type. */
static bool read_tree(struct slice text, enum json_element element, size_t *ret_count, char *out)
{
    static _Alignas(64) char memory[1 << 20];
    const struct json_limits limits = {.bytes_max = TEXT_MAX, .depth_max = 8};
    struct json_document document;
    struct json_fault fault;
    struct arena arena;
    arena_init_fixed(&arena, memory, sizeof memory);
    if (json_parse(&arena, text, &limits, &document, &fault) != ERR_OK || !yyjson_is_arr(document.root))
        return false;
    *ret_count = yyjson_arr_size(document.root);
    yyjson_arr_iter iter = yyjson_arr_iter_with(document.root);
    for (yyjson_val *value; (value = yyjson_arr_iter_next(&iter)); out += element_bytes[element])
        if (!take(value, element, out))
            return false;
    return *ret_count > 0;
}

static size_t count_commas(struct slice text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == ',';
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char by_tree[TEXT_MAX * 8];
    if (size < 2 || size > TEXT_MAX || data[1] != '[')
        return 0;
    enum json_element element = data[0] % ARRAY_LEN(element_bytes);
    struct slice array = slice_of(data + 1, size - 1);
    char *whole = malloc(array.len + 2 * AROUND);
    memset(whole, ' ', array.len + 2 * AROUND);
    memcpy(whole + AROUND, array.ptr, array.len);
    struct slice text = slice_of(whole, array.len + 2 * AROUND);

    size_t count = count_commas(array);
    size_t tree_count = 0;
    bool is_array = read_tree(array, element, &tree_count, by_tree);
    char *out = malloc(count * element_bytes[element]);
    size_t at = AROUND;
    enum err err = json_row_read(text, &at, element, count, out);
    bool is_alone = json_scan_space(text, at) == text.len; /* behind it may stand what the document must not have */
    REQUIRE((err == ERR_OK && is_alone) == is_array);
    REQUIRE(err != ERR_OK || json_scan_array(text, AROUND) == at);
    if (is_array)
        REQUIRE(tree_count == count && memcmp(out, by_tree, count * element_bytes[element]) == 0);
    free(out);
    free(whole);
    return 0;
}
