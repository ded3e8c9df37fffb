/* SPDX-License-Identifier: Apache-2.0 */
/* Messages written as JSON, in the form that the text format is read into. */
#include "control/repository/text_format.h"
#include "lib/json/json.h"

struct reader {
    struct arena *arena;
    const char *const *maps;
    struct field_fault *fault;
};

struct chain {
    const struct field **end;
};

static enum err read_value(struct reader *reader, struct slice name, yyjson_val *value, struct chain *chain);

static bool is_map(const struct reader *reader, struct slice name)
{
    for (size_t i = 0; reader->maps[i]; i++)
        if (slice_is(name, reader->maps[i]))
            return true;
    return false;
}

static struct field *add(struct reader *reader, struct slice name, enum field_kind kind, struct chain *chain)
{
    struct field *field = arena_alloc_zero(reader->arena, sizeof *field);
    if (!field)
        return NULL;
    field->name = name;
    field->kind = kind;
    *chain->end = field;
    chain->end = &field->next;
    return field;
}

static struct slice print_number(struct reader *reader, yyjson_val *value)
{
    if (yyjson_is_uint(value))
        return arena_printf(reader->arena, "%llu", (unsigned long long)yyjson_get_uint(value));
    if (yyjson_is_sint(value))
        return arena_printf(reader->arena, "%lld", (long long)yyjson_get_sint(value));
    return yyjson_is_real(value) ? arena_printf(reader->arena, "%.17g", yyjson_get_real(value)) : json_raw(value);
}

static enum err add_scalar(struct reader *reader, struct slice name, yyjson_val *value, struct chain *chain)
{
    bool is_text = yyjson_is_str(value);
    struct field *field = add(reader, name, is_text ? FIELD_TEXT : FIELD_WORD, chain);
    if (!field)
        return ERR_NOMEM;
    field->text = is_text                 ? json_text(value)
                  : yyjson_is_bool(value) ? yyjson_get_bool(value) ? SLICE_LIT("true") : SLICE_LIT("false")
                                          : print_number(reader, value);
    return field->text.ptr ? ERR_OK : ERR_NOMEM;
}

/* Each member as a message of key and value. */
static enum err read_map(struct reader *reader, struct slice name, yyjson_val *object, struct chain *chain)
{
    size_t index;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    yyjson_obj_foreach(object, index, count, key, value)
    {
        struct field *entry = add(reader, name, FIELD_MESSAGE, chain);
        if (!entry)
            return ERR_NOMEM;
        struct chain members = {.end = &entry->first};
        TRY(add_scalar(reader, SLICE_LIT("key"), key, &members));
        TRY(read_value(reader, SLICE_LIT("value"), value, &members));
    }
    return ERR_OK;
}

static enum err read_members(struct reader *reader, yyjson_val *object, struct chain *chain)
{
    size_t index;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    yyjson_obj_foreach(object, index, count, key, value)
    {
        TRY(read_value(reader, json_text(key), value, chain));
    }
    return ERR_OK;
}

static enum err read_list(struct reader *reader, struct slice name, yyjson_val *array, struct chain *chain)
{
    size_t index;
    size_t count;
    yyjson_val *item;
    yyjson_arr_foreach(array, index, count, item)
    {
        if (yyjson_is_arr(item) || yyjson_is_null(item)) {
            text_printf(reader->fault->words, "\"" SLICE_FMT "\" is a list of values, not of %s", SLICE_ARG(name),
                        json_kind(item));
            return ERR_SYNTAX;
        }
        TRY(read_value(reader, name, item, chain));
    }
    return ERR_OK;
}

/* null is the same as nothing. */
static enum err read_value(struct reader *reader, struct slice name, yyjson_val *value, struct chain *chain)
{
    if (yyjson_is_null(value))
        return ERR_OK;
    if (yyjson_is_arr(value))
        return read_list(reader, name, value, chain);
    if (!yyjson_is_obj(value))
        return add_scalar(reader, name, value, chain);
    if (is_map(reader, name))
        return read_map(reader, name, value, chain);
    struct field *message = add(reader, name, FIELD_MESSAGE, chain);
    if (!message)
        return ERR_NOMEM;
    struct chain members = {.end = &message->first};
    return read_members(reader, value, &members);
}

enum err text_format_of_json(struct slice text, const char *const *maps, struct arena *arena, struct field_fault *fault,
                             const struct field **ret_root)
{
    static const struct json_limits limits = {.bytes_max = TEXT_FORMAT_BYTES_MAX,
                                              .depth_max = TEXT_FORMAT_DEPTH_MAX,
                                              .refuse_duplicate_keys = true,
                                              .keeps_numbers = true};
    struct reader reader = {.arena = arena, .maps = maps, .fault = fault};
    struct json_document document;
    struct json_fault wrong;
    struct field *root = arena_alloc_zero(arena, sizeof *root);
    if (!root)
        return ERR_NOMEM;
    enum err err = json_parse(arena, text, &limits, &document, &wrong);
    if (err == ERR_NOMEM || err == ERR_LIMIT)
        return err;
    if (err != ERR_OK || !yyjson_is_obj(document.root)) {
        fault->place = (struct report_place){err == ERR_OK ? 1 : wrong.line, err == ERR_OK ? 1 : wrong.column};
        text_printf(fault->words, "%s", err == ERR_OK ? "a configuration is an object" : wrong.what);
        return ERR_SYNTAX;
    }
    struct chain chain = {.end = &root->first};
    root->kind = FIELD_MESSAGE;
    TRY(read_members(&reader, document.root, &chain));
    *ret_root = root;
    return ERR_OK;
}
