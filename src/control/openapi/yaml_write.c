/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of YAML disagree on what a plain word is: to YAML 1.1, which PyYAML speaks, "no", "1_000", "1:30" and
 * "2026-11-25" are no strings; and a colon, a hash or a dash mean something in some places. So a string stands plain only
 * when it begins with a letter or a slash, holds nothing but harmless characters, and is no word of theirs. In double
 * quotes a JSON string is a YAML string, escapes included (YAML 1.2 section 1.3: a superset). */
#include "control/openapi/yaml_write.h"

#include "lib/json/writer.h"

#define INDENT          2
#define PLAIN_BYTES_MAX 120
#define KEY_BYTES_MAX   160 /* each byte may need six */

struct yaml {
    struct buffer out;
    struct arena *arena;
};

static void write_value(struct yaml *yaml, yyjson_val *value, uint32_t level);

static bool is_reserved(struct slice text)
{
    static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_equal_nocase(text, slice_of_text(words[i])))
            return true;
    return false;
}

static bool is_letter(char c)
{
    char lower = ascii_lower(c);
    return lower >= 'a' && lower <= 'z';
}

static bool is_plain(struct slice text)
{
    if (text.len == 0 || text.len > PLAIN_BYTES_MAX || is_reserved(text))
        return false;
    if (!is_letter(text.ptr[0]) && text.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_word = is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
        bool is_inner =
            (c == ' ' || c == '(' || c == ')' || c == '+' || c == ';' || c == '=' || c == '{' || c == '}') &&
            i + 1 < text.len && c != ' ';
        bool is_space = c == ' ' && i + 1 < text.len && text.ptr[i + 1] != ' ' && text.ptr[i + 1] != '#';
        bool is_end = i + 1 == text.len && (c == ')' || c == '}');
        if (!is_word && !is_inner && !is_space && !is_end)
            return false;
    }
    return true;
}

/* The code point of the character at the front, and how many bytes it has; the text is valid UTF-8. */
static uint32_t character_at(struct slice text, size_t *ret_bytes)
{
    const unsigned char *c = (const unsigned char *)text.ptr;
    *ret_bytes = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    uint32_t code = *ret_bytes == 1 ? c[0] : c[0] & (0x7fU >> *ret_bytes);
    for (size_t i = 1; i < *ret_bytes; i++)
        code = code << 6 | (c[i] & 0x3f);
    return code;
}

/* What may not stand in YAML as it is (section 5.1), and what some readers take for a line's end. */
static bool is_printable(uint32_t code)
{
    return code < 0x7f ||
           (code > 0x9f && code != 0x2028 && code != 0x2029 && code != 0xfeff && code != 0xfffe && code != 0xffff);
}

/* JSON may hold as itself what YAML has to escape. */
static void add_quoted(struct yaml *yaml, struct slice quoted)
{
    while (quoted.len) {
        size_t bytes;
        uint32_t code = character_at(quoted, &bytes);
        if (is_printable(code))
            buffer_add(&yaml->out, slice_first(quoted, bytes));
        else
            buffer_printf(&yaml->out, "\\u%04x", code);
        quoted = slice_skip(quoted, bytes);
    }
}

static void write_string(struct yaml *yaml, struct slice text)
{
    if (is_plain(text)) {
        buffer_add(&yaml->out, text);
        return;
    }
    struct json_writer writer = json_writer_in_arena(yaml->arena, text.len + 16);
    struct slice quoted;
    json_write_string(&writer, text);
    enum err err = json_writer_finish(&writer, &quoted);
    if (err == ERR_OK)
        add_quoted(yaml, quoted);
    else if (yaml->out.err == ERR_OK)
        yaml->out.err = err;
}

static void begin_line(struct yaml *yaml, uint32_t level)
{
    if (yaml->out.len)
        buffer_add_byte(&yaml->out, '\n');
    for (uint32_t i = 0; i < level * INDENT; i++)
        buffer_add_byte(&yaml->out, ' ');
}

static bool is_block(yyjson_val *value)
{
    return (yyjson_is_obj(value) && yyjson_obj_size(value)) || (yyjson_is_arr(value) && yyjson_arr_size(value));
}

/* A key before its colon has at most 1024 characters (YAML 1.2 section 7.4.2); a longer one is announced. */
static void write_key(struct yaml *yaml, struct slice key, uint32_t level)
{
    bool is_long = key.len > KEY_BYTES_MAX;
    if (is_long)
        buffer_add(&yaml->out, SLICE_LIT("? "));
    write_string(yaml, key);
    if (is_long)
        begin_line(yaml, level);
}

/* The first member stands behind the dash of an item. */
static void write_members(struct yaml *yaml, yyjson_val *object, uint32_t level, bool is_begun)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)); is_begun = false) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (!is_begun)
            begin_line(yaml, level);
        write_key(yaml, json_text(key), level);
        buffer_add(&yaml->out, is_block(value) ? SLICE_LIT(":") : SLICE_LIT(": "));
        write_value(yaml, value, level + 1);
    }
}

static void write_items(struct yaml *yaml, yyjson_val *array, uint32_t level)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(array);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        begin_line(yaml, level);
        buffer_add(&yaml->out, SLICE_LIT("- "));
        if (yyjson_is_obj(item) && yyjson_obj_size(item))
            write_members(yaml, item, level + 1, true);
        else if (yyjson_is_arr(item) && yyjson_arr_size(item)) {
            yaml->out.len--; /* the space: what follows begins a line */
            write_items(yaml, item, level + 1);
        } else {
            write_value(yaml, item, level + 1);
        }
    }
}

static void write_scalar(struct yaml *yaml, yyjson_val *value)
{
    struct json_writer writer = json_writer_in_arena(yaml->arena, 64);
    struct slice text;
    json_write_value(&writer, value);
    if (json_writer_finish(&writer, &text) == ERR_OK)
        buffer_add(&yaml->out, text);
    else if (yaml->out.err == ERR_OK)
        yaml->out.err = ERR_NOMEM;
}

static void write_value(struct yaml *yaml, yyjson_val *value, uint32_t level)
{
    if (yyjson_is_str(value))
        write_string(yaml, json_text(value));
    else if (!is_block(value))
        write_scalar(yaml, value);
    else if (yyjson_is_obj(value))
        write_members(yaml, value, level, false);
    else
        write_items(yaml, value, level);
}

enum err yaml_write_value(yyjson_val *root, struct arena *arena, struct slice *ret_text)
{
    struct yaml yaml = {.out = buffer_in_arena(arena, 65536), .arena = arena};
    write_value(&yaml, root, 0);
    buffer_add_byte(&yaml.out, '\n');
    return buffer_finish(&yaml.out, ret_text);
}

enum err yaml_write_text(struct slice json, struct arena *arena, struct slice *ret_text)
{
    const struct json_limits limits = {.bytes_max = json.len, .depth_max = JSON_DEPTH_MAX};
    struct json_document document;
    struct json_fault fault;
    enum err err = json_parse(arena, json, &limits, &document, &fault);
    ASSERT(err != ERR_SYNTAX, "what the writer wrote is JSON");
    return err == ERR_OK ? yaml_write_value(document.root, arena, ret_text) : err;
}
