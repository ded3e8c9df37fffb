/* SPDX-License-Identifier: Apache-2.0 */
/* A token of a pointer is compared with a key as it stands, both still escaped: nothing is copied, so nothing can be too
 * long. */
#include "lib/json/pointer.h"

#include "lib/base/utf8.h"

/* What is left of the text of a document; `at` never passes its end, well-formed or not. */
struct scan {
    struct slice text;
    size_t at;
};

static bool is_pointer(struct slice pointer);
static bool parse_index(struct slice token, size_t *ret_index);
static bool token_next(struct slice *token, char *ret_byte);
static bool locate_member(struct scan *scan, struct slice token, size_t *ret_key);
static bool locate_item(struct scan *scan, struct slice token);

/* Takes the first token off a pointer that is not empty. */
static struct slice take_token(struct slice *pointer)
{
    *pointer = slice_skip(*pointer, 1);
    size_t len = slice_find(*pointer, '/');
    struct slice token = slice_first(*pointer, len);
    *pointer = slice_skip(*pointer, len);
    return token;
}

static bool is_token(struct slice token, struct slice name)
{
    char byte;
    for (size_t i = 0; i < name.len; i++)
        if (!token_next(&token, &byte) || byte != name.ptr[i])
            return false;
    return token.len == 0;
}

static yyjson_val *find_member(yyjson_val *object, struct slice token)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;)
        if (is_token(token, json_text(key)))
            return yyjson_obj_iter_get_val(key);
    return NULL;
}

yyjson_val *json_pointer_find(yyjson_val *root, struct slice pointer)
{
    if (!is_pointer(pointer))
        return NULL;
    yyjson_val *value = root;
    while (value && pointer.len > 0) {
        struct slice token = take_token(&pointer);
        size_t index;
        if (yyjson_is_obj(value))
            value = find_member(value, token);
        else if (yyjson_is_arr(value) && parse_index(token, &index))
            value = yyjson_arr_get(value, index);
        else
            value = NULL;
    }
    return value;
}

static char peek(const struct scan *scan)
{
    return scan->at < scan->text.len ? scan->text.ptr[scan->at] : '\0';
}

static void skip_space(struct scan *scan)
{
    while (peek(scan) == ' ' || peek(scan) == '\t' || peek(scan) == '\n' || peek(scan) == '\r')
        scan->at++;
}

enum err json_pointer_locate(struct slice text, struct slice pointer, bool is_key, struct json_place *ret_place)
{
    if (!is_pointer(pointer))
        return ERR_NOT_FOUND;
    struct scan scan = {.text = text};
    skip_space(&scan);
    size_t key = scan.at;
    while (pointer.len > 0) {
        struct slice token = take_token(&pointer);
        bool is_found = false;
        if (peek(&scan) == '{') {
            is_found = locate_member(&scan, token, &key);
        } else if (peek(&scan) == '[') {
            is_found = locate_item(&scan, token);
            key = scan.at;
        }
        if (!is_found)
            return ERR_NOT_FOUND;
    }
    *ret_place = json_place_at(text, is_key ? key : scan.at);
    return ERR_OK;
}

struct json_place json_place_at(struct slice text, size_t byte)
{
    struct json_place place = {.byte = byte, .line = 1, .column = 1};
    for (size_t i = 0; i < byte; i++) {
        if (text.ptr[i] == '\n') {
            place.line++;
            place.column = 1;
        } else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80) {
            place.column++; /* continuation bytes of UTF-8 belong to the character before */
        }
    }
    return place;
}

/* The member or item of `container` that `value` is, or is below; adds its token. */
static yyjson_val *descend(yyjson_val *container, yyjson_val *value, struct text *pointer)
{
    bool is_object = unsafe_yyjson_is_obj(container);
    yyjson_val *child = container + 1;
    for (size_t index = 0;; index++) {
        yyjson_val *end = unsafe_yyjson_get_next(is_object ? child + 1 : child);
        if (value < end && is_object)
            json_pointer_add(pointer, json_text(child));
        else if (value < end)
            json_pointer_add_index(pointer, index);
        if (value < end)
            return is_object && value != child ? child + 1 : child;
        child = end;
    }
}

void json_pointer_of(yyjson_val *root, yyjson_val *value, struct text *ret_pointer)
{
    ASSERT(value >= root && value < unsafe_yyjson_get_next(root), "the value is in the document");
    while (root != value)
        root = descend(root, value, ret_pointer);
}

/* "" or tokens that each begin with "/", in which "~" stands only in "~0" and "~1". */
static bool is_pointer(struct slice pointer)
{
    if (pointer.len > 0 && pointer.ptr[0] != '/')
        return false;
    for (size_t i = 0; i < pointer.len; i++)
        if (pointer.ptr[i] == '~' && (i + 1 == pointer.len || (pointer.ptr[i + 1] != '0' && pointer.ptr[i + 1] != '1')))
            return false;
    return true;
}

/* Digits without a leading zero (section 4). */
static bool parse_index(struct slice token, size_t *ret_index)
{
    uint64_t index;
    if (token.len > 1 && token.ptr[0] == '0')
        return false;
    if (text_parse_u64(token, &index) != ERR_OK)
        return false;
    *ret_index = index;
    return true;
}

/* The next byte of the name that a token stands for; false at its end. */
static bool token_next(struct slice *token, char *ret_byte)
{
    if (token->len == 0)
        return false;
    bool is_escaped = token->ptr[0] == '~' && token->len > 1;
    *ret_byte = token->ptr[0];
    if (is_escaped)
        *ret_byte = token->ptr[1] == '0' ? '~' : '/';
    *token = slice_skip(*token, is_escaped ? 2 : 1);
    return true;
}

static uint32_t take_hex(struct scan *scan)
{
    uint64_t code = 0;
    struct slice digits = slice_first(slice_skip(scan->text, scan->at), 4);
    if (text_parse_hex(digits, &code) != ERR_OK)
        code = 0xfffd;
    scan->at += digits.len;
    return (uint32_t)code;
}

/* Behind "\u". Returns how many bytes of UTF-8. */
static size_t take_unicode(struct scan *scan, char out[4])
{
    uint32_t code = take_hex(scan);
    if (code >= 0xd800 && code < 0xdc00) {
        scan->at = MIN(scan->at + 2, scan->text.len);
        code = 0x10000 + ((code & 0x3ff) << 10) + (take_hex(scan) & 0x3ff);
    }
    return utf8_put(out, code);
}

/* One character of a string as it stands in the text, of at least one byte. Returns how many bytes it stands for. */
static size_t take_char(struct scan *scan, char out[4])
{
    out[0] = scan->text.ptr[scan->at++];
    if (out[0] != '\\' || scan->at == scan->text.len)
        return 1;
    out[0] = scan->text.ptr[scan->at++];
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *plain = out[0] ? strchr(from, out[0]) : NULL;
    if (plain)
        out[0] = to[plain - from];
    return out[0] == 'u' ? take_unicode(scan, out) : 1;
}

/* Goes over the string that begins here. Whether it is what the token names. */
static bool take_string(struct scan *scan, struct slice token)
{
    bool is_equal = true;
    char bytes[4];
    for (scan->at++; scan->at < scan->text.len && peek(scan) != '"';) {
        size_t len = take_char(scan, bytes);
        for (size_t i = 0; i < len && is_equal; i++) {
            char byte;
            is_equal = token_next(&token, &byte) && byte == bytes[i];
        }
    }
    scan->at = MIN(scan->at + 1, scan->text.len);
    return is_equal && token.len == 0;
}

/* Goes over one value and the space behind it. */
static void skip_value(struct scan *scan)
{
    size_t depth = 0;
    do {
        char c = peek(scan);
        if (c == '"') {
            (void)take_string(scan, (struct slice){NULL, 0});
            continue;
        }
        depth += c == '[' || c == '{';
        depth -= (c == ']' || c == '}') && depth > 0;
        scan->at++;
        while (depth == 0 && c != ']' && c != '}' && scan->at < scan->text.len && !strchr(",]}", peek(scan)))
            scan->at++;
    } while (depth > 0 && scan->at < scan->text.len);
    scan->at = MIN(scan->at, scan->text.len);
    skip_space(scan);
}

/* From "{" to the value of the member. */
static bool locate_member(struct scan *scan, struct slice token, size_t *ret_key)
{
    scan->at++;
    for (skip_space(scan); peek(scan) == '"'; skip_space(scan)) {
        size_t key = scan->at;
        bool is_it = take_string(scan, token);
        skip_space(scan);
        scan->at += peek(scan) == ':';
        skip_space(scan);
        if (is_it) {
            *ret_key = key;
            return true;
        }
        skip_value(scan);
        scan->at += peek(scan) == ',';
    }
    return false;
}

/* From "[" to the item. */
static bool locate_item(struct scan *scan, struct slice token)
{
    size_t index;
    if (!parse_index(token, &index))
        return false;
    scan->at++;
    skip_space(scan);
    for (; index > 0 && scan->at < scan->text.len && peek(scan) != ']'; index--) {
        skip_value(scan);
        scan->at += peek(scan) == ',';
        skip_space(scan);
    }
    return scan->at < scan->text.len && peek(scan) != ']';
}
