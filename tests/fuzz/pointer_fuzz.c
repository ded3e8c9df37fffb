/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a document: each of its values has a pointer that finds it again, in the document and in the text. Or it is
 * a pointer and, behind a NUL, the text in which it is looked for, both of any bytes.
 * fuzz-library: lib/json */
#include "lib/json/pointer.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = {.bytes_max = 1 << 16, .depth_max = 64, .refuse_duplicate_keys = true};

static void check_first_byte(yyjson_val *value, char first)
{
    static const char firsts[] = {
        [YYJSON_TYPE_NULL] = 'n', [YYJSON_TYPE_STR] = '"', [YYJSON_TYPE_ARR] = '[', [YYJSON_TYPE_OBJ] = '{'};
    if (yyjson_is_bool(value))
        REQUIRE(first == (yyjson_get_bool(value) ? 't' : 'f'));
    else if (yyjson_is_num(value))
        REQUIRE(first == '-' || (first >= '0' && first <= '9'));
    else
        REQUIRE(first == firsts[yyjson_get_type(value)]);
}

/* Values and keys stand in the order of the text, so each must be located behind the one before. */
static void check_document(struct slice text, const struct json_document *document)
{
    static char memory[1 << 17];
    size_t from = 0;
    for (size_t i = 0; i < document->values_count && i < 300; i++) {
        struct json_place place;
        yyjson_val *value = document->root + i;
        struct text pointer = text_init(memory, sizeof memory);
        json_pointer_of(document->root, value, &pointer);
        REQUIRE(!pointer.is_cut);
        yyjson_val *found = json_pointer_find(document->root, text_slice(&pointer));
        bool is_key = found == value + 1;
        REQUIRE(found == value || is_key);
        REQUIRE(json_pointer_locate(text, text_slice(&pointer), is_key, &place) == ERR_OK);
        REQUIRE(place.byte >= from && place.byte < text.len);
        check_first_byte(value, text.ptr[place.byte]);
        from = place.byte + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool pool;
    struct arena arena;
    struct json_document document;
    struct json_fault fault;
    struct json_place place;
    struct slice text = slice_of(data, size);
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 4096, SIZE_MAX);
    if (json_parse(&arena, text, &limits, &document, &fault) == ERR_OK)
        check_document(text, &document);
    struct slice rest = text;
    struct slice pointer = slice_cut(&rest, '\0');
    if (rest.ptr && json_pointer_locate(rest, pointer, false, &place) == ERR_OK)
        REQUIRE(place.byte <= rest.len);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
