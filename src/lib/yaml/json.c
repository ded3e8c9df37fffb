/* SPDX-License-Identifier: Apache-2.0 */
/* From YAML to JSON, and back to the place. */
#include "lib/yaml/yaml.h"

#include "lib/json/number.h"
#include "lib/json/writer.h"

#define TOKEN_BYTES 1024

static bool is_json_number(struct slice text)
{
    double value;
    return number_parse_f64(text, &value) == ERR_OK;
}

static void write_scalar(const struct yaml_node *node, bool (*is_json)(struct slice text), struct json_writer *writer)
{
    bool is_word = (is_json && is_json(node->text)) || slice_is(node->text, "true") || slice_is(node->text, "false") ||
                   is_json_number(node->text);
    if (is_word && !node->is_quoted)
        json_write_raw(writer, node->text);
    else
        json_write_string(writer, node->text);
}

void yaml_write_json(const struct yaml_node *node, struct json_writer *writer)
{
    yaml_write_json_of(node, NULL, writer);
}

void yaml_write_json_of(const struct yaml_node *node, bool (*is_json)(struct slice text), struct json_writer *writer)
{
    switch (node->kind) {
    case YAML_NULL:
        json_write_null(writer);
        break;
    case YAML_SCALAR:
        write_scalar(node, is_json, writer);
        break;
    case YAML_LIST:
        json_write_array_begin(writer);
        for (const struct yaml_node *item = node->first; item; item = item->next)
            yaml_write_json_of(item, is_json, writer);
        json_write_array_end(writer);
        break;
    case YAML_MAP:
        json_write_object_begin(writer);
        for (const struct yaml_node *member = node->first; member; member = member->next) {
            json_write_key(writer, member->key);
            yaml_write_json_of(member, is_json, writer);
        }
        json_write_object_end(writer);
        break;
    }
}

/* ~1 is "/", ~0 is "~" (RFC 6901 section 4). */
static struct slice unescape(struct slice token, char out[TOKEN_BYTES])
{
    size_t len = 0;
    for (size_t i = 0; i < token.len && len < TOKEN_BYTES; i++) {
        bool is_escape = token.ptr[i] == '~' && i + 1 < token.len;
        out[len++] = !is_escape ? token.ptr[i] : token.ptr[++i] == '1' ? '/' : '~';
    }
    return slice_of(out, len);
}

static const struct yaml_node *child_of(const struct yaml_node *node, struct slice token)
{
    uint64_t index;
    if (node->kind == YAML_LIST) {
        const struct yaml_node *item = text_parse_u64(token, &index) == ERR_OK ? node->first : NULL;
        for (; item && index; index--)
            item = item->next;
        return item;
    }
    for (const struct yaml_node *child = node->kind == YAML_MAP ? node->first : NULL; child; child = child->next)
        if (slice_equal(child->key, token))
            return child;
    return NULL;
}

struct report_place yaml_place_of(const struct yaml_node *root, struct slice pointer, bool is_key)
{
    const struct yaml_node *node = root;
    const struct yaml_node *child = root;
    if (pointer.len)
        pointer = slice_skip(pointer, 1);
    else
        pointer = (struct slice){NULL, 0};
    while (child && pointer.ptr) {
        char memory[TOKEN_BYTES];
        child = child_of(node, unescape(slice_cut(&pointer, '/'), memory));
        node = child ? child : node;
    }
    return (is_key || node->kind == YAML_NULL) && node->key.ptr ? node->key_place : node->place;
}
