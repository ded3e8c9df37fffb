/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: pipeline
 *
 * Parameters in every place and style, and the values that they are read as. The first two bytes say which; the rest is the
 * text, in an allocation of exactly its size. Leaves are UTF-8, no longer together than the text, and only objects have
 * names. A value is of the kind that was asked for, and its parts are of the types that are allowed, or texts. */
#include "lib/base/utf8.h"
#include "pipeline/validate/values.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum err read_one(const struct contract_parameter *parameter, struct slice text, struct style_leaves *leaves)
{
    const struct contract contract = {.parameters = (struct contract_parameter *)parameter, .parameter_count = 1};
    switch (parameter->place) {
    case CONTRACT_PATH:
        return style_read_path(parameter, text, leaves);
    case CONTRACT_QUERY:
        return style_read_query(parameter, &contract, text, leaves);
    case CONTRACT_HEADER:
        return style_read_header(parameter, text, leaves);
    default:
        return style_read_cookie(parameter, text, leaves);
    }
}

static void check(const struct contract_parameter *parameter, const struct style_leaves *leaves, size_t size)
{
    size_t bytes = 0;
    ASSERT(leaves->is_given || leaves->count == 0, "what is not there has no leaves");
    for (uint32_t i = 0; i < leaves->count; i++) {
        const struct style_leaf *leaf = &leaves->items[i];
        ASSERT(utf8_is_valid(leaf->name) && utf8_is_valid(leaf->text), "texts are UTF-8");
        ASSERT(parameter->kind == CONTRACT_OBJECT || leaf->name.len == 0, "only objects have names");
        bytes += leaf->name.len + leaf->text.len;
    }
    ASSERT(bytes <= size, "nothing is made up");
    ASSERT(parameter->kind != CONTRACT_SCALAR || leaves->count <= 1, "a scalar is one text");
}

static bool is_allowed(yyjson_val *value, uint32_t types)
{
    return yyjson_is_str(value) || (yyjson_is_bool(value) && types & CONTRACT_BOOLEAN) ||
           (yyjson_is_null(value) && types & CONTRACT_NULL) ||
           ((yyjson_is_num(value) || yyjson_is_raw(value)) && types & (CONTRACT_INTEGER | CONTRACT_NUMBER));
}

static void check_value(const struct contract_parameter *parameter, const struct style_leaves *leaves,
                        enum value_reading reading, struct arena *arena)
{
    static const struct config config = {.limits.json_depth = 16};
    static struct request request = {.config = (struct config *)&config};
    struct value value = {.reading = reading, .keeps_numbers = parameter->is_exploded};
    enum err err = value_make(&request, parameter, leaves, arena, &value);
    ASSERT(err == ERR_OK || (err == ERR_SYNTAX && value.what), "who refuses says why");
    if (err != ERR_OK || parameter->is_json)
        return;
    yyjson_val *root = value.root;
    ASSERT(parameter->kind != CONTRACT_SCALAR || is_allowed(root, parameter->types), "a scalar is of a type allowed");
    ASSERT(parameter->kind != CONTRACT_ARRAY || yyjson_arr_size(root) == leaves->count, "each item is there");
    ASSERT(parameter->kind != CONTRACT_OBJECT || yyjson_obj_size(root) == leaves->count, "each member is there");
    yyjson_arr_iter iter = yyjson_arr_iter_with(root);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        ASSERT(is_allowed(item, parameter->types), "items are of a type allowed");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > 4096)
        return 0;
    struct pool pool;
    struct arena arena;
    bool is_deep = data[1] % 7 == CONTRACT_DEEP_OBJECT;
    pool_init(&pool, 1 << 20, 64 << 20);
    arena_init(&arena, &pool, 4096, 32 << 20);
    const struct contract_parameter parameter = {
        .name = SLICE_LIT("id"),
        .place = (enum contract_place)(data[0] & 3),
        .kind = is_deep ? CONTRACT_OBJECT : (enum contract_kind)((data[0] >> 2 & 3) % 3),
        .is_exploded = data[0] & 0x40,
        .is_json = (data[0] & 0xb0) == 0xb0,
        .style = (enum contract_style)(data[1] % 7),
        .types = data[1] >> 3,
    };
    struct style_leaves leaves = {.arena = &arena};
    char *copy = malloc(size - 1);
    ASSERT(copy, "there is memory");
    memcpy(copy, data + 2, size - 2);
    enum err err = read_one(&parameter, slice_of(copy, size - 2), &leaves);
    ASSERT(err == ERR_OK || err == ERR_SYNTAX, "a small text needs little memory");
    ASSERT(err == ERR_OK || leaves.what, "who refuses says why");
    if (err == ERR_OK) {
        check(&parameter, &leaves, size - 2);
        check_value(&parameter, &leaves, VALUE_TYPED, &arena);
        check_value(&parameter, &leaves, VALUE_PLAIN, &arena);
    }
    free(copy);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
