/* SPDX-License-Identifier: Apache-2.0 */
#include "load/remote/message_int.h"

#include "lib/base/utf8.h"

enum type { TYPE_U64, TYPE_F64, TYPE_BOOL, TYPE_TEXT, TYPE_ARRAY, TYPE_OBJECT };

struct field {
    enum load_message_kind message;
    const char *name;
    enum type type;
    size_t offset;
};

static const char *const names[] = {
#define MESSAGE(name, text) [LOAD_MESSAGE_##name] = text,
#define FIELD(message, name, type, member)
#include "load/remote/messages.def"
#undef MESSAGE
#undef FIELD
};

static const struct field fields[] = {
#define MESSAGE(name, text)
#define FIELD(message, name, type, member)                                                                             \
    {LOAD_MESSAGE_##message, name, TYPE_##type, offsetof(struct load_message, member)},
#include "load/remote/messages.def"
#undef MESSAGE
#undef FIELD
};

const char *load_message_name(enum load_message_kind kind)
{
    return names[kind];
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool find_kind(struct slice text, enum load_message_kind *ret_kind)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!slice_is(text, names[i]))
            continue;
        *ret_kind = (enum load_message_kind)i;
        return true;
    }
    return false;
}

static bool read_field(const struct field *field, yyjson_val *value, struct load_message *message)
{
    void *place = (char *)message + field->offset;
    switch (field->type) {
    case TYPE_U64:
        *(uint64_t *)place = yyjson_get_uint(value);
        return yyjson_is_uint(value);
    case TYPE_F64:
        *(double *)place = yyjson_get_num(value);
        return yyjson_is_num(value);
    case TYPE_BOOL:
        *(bool *)place = yyjson_get_bool(value);
        return yyjson_is_bool(value);
    case TYPE_TEXT:
        *(struct slice *)place = json_text(value);
        return yyjson_is_str(value);
    case TYPE_ARRAY:
        *(yyjson_val **)place = value;
        return yyjson_is_arr(value);
    case TYPE_OBJECT:
        *(yyjson_val **)place = value;
        return yyjson_is_obj(value);
    }
    return false;
}

static enum err read_fields(yyjson_val *root, struct load_message *message, const char **ret_why)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *field = &fields[i];
        if (field->message != message->kind)
            continue;
        yyjson_val *value = json_get(root, slice_of_text(field->name));
        if (value && read_field(field, value, message))
            continue;
        *ret_why = value ? "a member of another type than it has to have" : "a member is missing";
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

/* Words of the other side end on a terminal, which they are not to control. */
static enum err clean(struct arena *arena, struct slice *text)
{
    if (text->len == 0)
        return ERR_OK;
    char *copy = arena_alloc(arena, text->len);
    size_t len = 0;
    if (!copy)
        return ERR_NOMEM;
    for (struct slice rest = *text; rest.len > 0;) {
        bool is_shown;
        struct slice taken = utf8_take_shown(&rest, &is_shown);
        if (is_shown)
            memcpy(copy + len, taken.ptr, taken.len);
        else
            memset(copy + len, '?', taken.len);
        len += taken.len;
    }
    *text = slice_of(copy, len);
    return ERR_OK;
}

static enum err clean_words(struct arena *arena, struct load_message *message)
{
    TRY(clean(arena, &message->version));
    TRY(clean(arena, &message->code));
    return clean(arena, &message->text);
}

enum err load_message_parse(struct arena *arena, struct slice line, size_t bytes_max, struct load_message *ret_message,
                            const char **ret_why)
{
    const struct json_limits limits = {
        .bytes_max = bytes_max, .depth_max = LOAD_MESSAGE_DEPTH_MAX, .refuse_duplicate_keys = true};
    struct json_document document;
    struct json_fault fault;
    enum err err = json_parse(arena, line, &limits, &document, &fault);
    if (err != ERR_OK) {
        *ret_why = err == ERR_NOMEM ? "no memory for it" : fault.what;
        return err == ERR_EXISTS ? ERR_SYNTAX : err;
    }
    struct load_message message = {.kind = LOAD_MESSAGE_COUNT};
    if (!find_kind(json_text(json_get(document.root, SLICE_LIT("type"))), &message.kind)) {
        *ret_why = "no message of a known type";
        return ERR_SYNTAX;
    }
    TRY(read_fields(document.root, &message, ret_why));
    if (clean_words(arena, &message) != ERR_OK) {
        *ret_why = "no memory for it";
        return ERR_NOMEM;
    }
    *ret_message = message;
    return ERR_OK;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void write_field(struct json_writer *writer, const struct field *field, const struct load_message *message)
{
    const void *place = (const char *)message + field->offset;
    if (field->type == TYPE_U64)
        json_write_member_u64(writer, field->name, *(const uint64_t *)place);
    else if (field->type == TYPE_F64)
        json_write_member_f64(writer, field->name, *(const double *)place);
    else if (field->type == TYPE_BOOL)
        json_write_member_bool(writer, field->name, *(const bool *)place);
    else if (field->type == TYPE_TEXT)
        json_write_member_string(writer, field->name, *(const struct slice *)place);
}

void load_message_begin(struct json_writer *writer, const struct load_message *message)
{
    json_write_object_begin(writer);
    json_write_member_string(writer, "type", slice_of_text(names[message->kind]));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].message == message->kind)
            write_field(writer, &fields[i], message);
}

enum err load_message_end(struct json_writer *writer, struct slice *ret_line)
{
    struct slice text;
    json_write_object_end(writer);
    TRY(json_writer_finish(writer, &text));
    buffer_add_byte(&writer->buffer, '\n');
    return buffer_finish(&writer->buffer, ret_line);
}

enum err load_message_format(struct arena *arena, const struct load_message *message, struct slice *ret_line)
{
    struct json_writer writer = json_writer_in_arena(arena, 512);
    load_message_begin(&writer, message);
    return load_message_end(&writer, ret_line);
}
