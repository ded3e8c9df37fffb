/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are parsed or refused with a fault inside the text; what is parsed is written, and reads back as the same
 * values. With numbers kept, the same, but for those that no number of yyjson is worth.
 * fuzz-library: lib/json */
#include "lib/json/compare.h"
#include "lib/json/writer.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 64};

static void check_fault(struct slice text, const struct json_fault *fault)
{
    REQUIRE(fault->byte <= text.len && fault->what);
    struct slice rest = slice_first(text, fault->byte);
    uint32_t line = 1;
    for (size_t end; (end = slice_find(rest, '\n')) < rest.len; line++)
        rest = slice_skip(rest, end + 1);
    REQUIRE(fault->line == line);
    REQUIRE(fault->column >= 1 && fault->column <= rest.len + 1);
}

static void check_equal(yyjson_val *a, yyjson_val *b)
{
    REQUIRE(yyjson_get_type(a) == yyjson_get_type(b));
    switch (yyjson_get_type(a)) {
    case YYJSON_TYPE_STR:
        REQUIRE(slice_equal(json_text(a), json_text(b)));
        break;
    case YYJSON_TYPE_NUM: {
        double left = yyjson_get_num(a);
        double right = yyjson_get_num(b);
        REQUIRE(yyjson_is_real(a) == yyjson_is_real(b) && memcmp(&left, &right, sizeof left) == 0);
        REQUIRE(yyjson_is_real(a) || yyjson_get_uint(a) == yyjson_get_uint(b));
        break;
    }
    case YYJSON_TYPE_RAW:
        REQUIRE(slice_equal(json_raw(a), json_raw(b)));
        break;
    case YYJSON_TYPE_BOOL:
        REQUIRE(yyjson_get_bool(a) == yyjson_get_bool(b));
        break;
    default:
        REQUIRE(yyjson_get_len(a) == yyjson_get_len(b));
    }
}

/* Both ways of asking for duplicates must agree with a plain search. */
static bool has_duplicates(const struct json_document *document)
{
    for (size_t i = 0; i < document->values_count; i++) {
        yyjson_val *object = document->root + i;
        yyjson_obj_iter iter = yyjson_obj_iter_with(object);
        for (yyjson_val *key; yyjson_is_obj(object) && (key = yyjson_obj_iter_next(&iter)) != NULL;)
            if (json_get(object, json_text(key)) != yyjson_obj_iter_get_val(key))
                return true;
    }
    return false;
}

static void check_document(struct arena *arena, struct slice text, const struct json_document *document)
{
    struct json_document again;
    struct json_fault fault;
    struct slice written;
    struct json_writer writer = json_writer_in_arena(arena, 0);
    json_write_value(&writer, document->root);
    REQUIRE(json_writer_finish(&writer, &written) == ERR_OK);
    REQUIRE(json_parse(arena, written, &(struct json_limits){.bytes_max = SIZE_MAX, .depth_max = 64}, &again, &fault) ==
            ERR_OK);
    REQUIRE(again.values_count == document->values_count);
    for (size_t i = 0; i < again.values_count; i++)
        check_equal(document->root + i, again.root + i);
    if (document->values_count > 1000)
        return; /* the plain search is quadratic */
    struct json_limits strict = limits;
    strict.refuse_duplicate_keys = true;
    enum err err = json_parse(arena, text, &strict, &again, &fault);
    REQUIRE(err == (has_duplicates(document) ? ERR_EXISTS : ERR_OK));
    if (err != ERR_OK)
        check_fault(text, &fault);
}

/* What is kept is worth something else than the number that it is read as without. */
static void check_kept(struct arena *arena, const struct json_document *document, const struct json_document *kept)
{
    REQUIRE(kept->values_count == document->values_count);
    for (size_t i = 0; i < kept->values_count; i++) {
        struct slice raw = json_raw(kept->root + i);
        if (raw.ptr &&
            (memchr(raw.ptr, '.', raw.len) || memchr(raw.ptr, 'e', raw.len) || memchr(raw.ptr, 'E', raw.len)))
            REQUIRE(json_compare_numbers(document->root + i, kept->root + i) != 0);
        else if (raw.ptr)
            REQUIRE(yyjson_is_real(document->root + i));
        else
            check_equal(document->root + i, kept->root + i);
    }
    struct slice written;
    struct json_document again;
    struct json_fault fault;
    struct json_limits how = {.bytes_max = SIZE_MAX, .depth_max = 64, .keeps_numbers = true};
    struct json_writer writer = json_writer_in_arena(arena, 0);
    json_write_value(&writer, kept->root);
    REQUIRE(json_writer_finish(&writer, &written) == ERR_OK);
    REQUIRE(json_parse(arena, written, &how, &again, &fault) == ERR_OK);
    for (size_t i = 0; i < again.values_count; i++)
        check_equal(kept->root + i, again.root + i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool pool;
    struct arena arena;
    struct json_document document;
    struct json_fault fault;
    struct slice text = slice_of(data, size);
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 4096, SIZE_MAX);
    enum err err = json_parse(&arena, text, &limits, &document, &fault);
    if (err == ERR_OK)
        check_document(&arena, text, &document);
    else
        check_fault(text, &fault);
    struct json_document kept;
    struct json_limits keeping = limits;
    keeping.keeps_numbers = true;
    enum err kept_err = json_parse(&arena, text, &keeping, &kept, &fault);
    REQUIRE(err != ERR_OK || kept_err == ERR_OK);
    if (err == ERR_OK)
        check_kept(&arena, &document, &kept);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
