/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/validate/style.h"

#include "lib/base/utf8.h"
#include "lib/http/url.h"

#define LEAVES_FIRST 8

#define MALFORMED "has an escape that is none, or is not UTF-8"
#define REPEATED  "is given more than once"
#define UNPAIRED  "has a name without a value"

/* What separates the items of a list. */
static const char delimiters[] = {
    [CONTRACT_SIMPLE] = ',',       [CONTRACT_LABEL] = ',',           [CONTRACT_MATRIX] = ',',
    [CONTRACT_FORM] = ',',         [CONTRACT_SPACE_DELIMITED] = ' ', [CONTRACT_PIPE_DELIMITED] = '|',
    [CONTRACT_DEEP_OBJECT] = '\0',
};

static enum err refuse(struct style_leaves *leaves, const char *what)
{
    leaves->what = what;
    return ERR_SYNTAX;
}

enum err style_decode(struct arena *arena, struct slice text, enum style_escapes escapes, struct slice *ret_text)
{
    if (escapes != STYLE_ESCAPES_NONE) {
        char *memory = arena_alloc(arena, text.len);
        if (!memory)
            return ERR_NOMEM;
        TRY(url_percent_decode(text, escapes == STYLE_ESCAPES_FORM, memory, &text));
    }
    if (!utf8_is_valid(text))
        return ERR_SYNTAX;
    *ret_text = text;
    return ERR_OK;
}

static enum err push(struct style_leaves *leaves, struct style_leaf leaf)
{
    if (leaves->count == leaves->capacity) {
        uint32_t capacity = leaves->capacity ? leaves->capacity * 2 : LEAVES_FIRST;
        struct style_leaf *larger = arena_alloc_array(leaves->arena, capacity, sizeof *larger);
        if (!larger)
            return ERR_NOMEM;
        if (leaves->count)
            memcpy(larger, leaves->items, leaves->count * sizeof *larger);
        leaves->items = larger;
        leaves->capacity = capacity;
    }
    leaves->items[leaves->count++] = leaf;
    return ERR_OK;
}

static enum err decode(struct style_leaves *leaves, struct slice text, enum style_escapes escapes,
                       struct slice *ret_text)
{
    enum err err = style_decode(leaves->arena, text, escapes, ret_text);
    return err == ERR_SYNTAX ? refuse(leaves, MALFORMED) : err;
}

static enum err add(struct style_leaves *leaves, struct slice name, struct slice text, enum style_escapes escapes)
{
    struct style_leaf leaf = {{NULL, 0}, {NULL, 0}};
    TRY(decode(leaves, name, escapes, &leaf.name));
    TRY(decode(leaves, text, escapes, &leaf.text));
    return push(leaves, leaf);
}

/* Lists. */

/* The first item, cut off. A space of a query may be written as "+" or "%20", and a bar as "%7C": there the escaped
 * delimiter is the only one that a client can send. */
static struct slice cut_item(struct slice *rest, char delimiter, enum style_escapes escapes)
{
    static const struct slice none = {NULL, 0};
    bool is_form = escapes == STYLE_ESCAPES_FORM && delimiter != ',';
    for (size_t i = 0; i < rest->len; i++) {
        struct slice here = slice_skip(*rest, i);
        bool is_plain = here.ptr[0] == delimiter || (is_form && delimiter == ' ' && here.ptr[0] == '+');
        bool is_escaped =
            is_form && here.len >= 3 &&
            slice_equal_nocase(slice_first(here, 3), delimiter == ' ' ? SLICE_LIT("%20") : SLICE_LIT("%7c"));
        if (!is_plain && !is_escaped)
            continue;
        struct slice item = slice_first(*rest, i);
        *rest = slice_skip(here, is_plain ? 1 : 3);
        return item;
    }
    struct slice item = *rest;
    *rest = none;
    return item;
}

/* "R=100" */
static enum err add_pair(struct style_leaves *leaves, struct slice pair, enum style_escapes escapes)
{
    size_t at = slice_find(pair, '=');
    if (at == pair.len)
        return refuse(leaves, UNPAIRED);
    return add(leaves, slice_first(pair, at), slice_skip(pair, at + 1), escapes);
}

/* Items of an array, or names and values of an object in turns or, `has_pairs`, as pairs. An empty text has none. */
static enum err add_list(const struct contract_parameter *parameter, struct slice text, char delimiter, bool has_pairs,
                         enum style_escapes escapes, struct style_leaves *leaves)
{
    bool is_trimmed = escapes == STYLE_ESCAPES_NONE;
    if (!text.len)
        return ERR_OK;
    while (text.ptr) {
        struct slice name = {NULL, 0};
        struct slice item = cut_item(&text, delimiter, escapes);
        if (is_trimmed)
            item = slice_trim(item);
        if (parameter->kind == CONTRACT_OBJECT && has_pairs) {
            TRY(add_pair(leaves, item, escapes));
            continue;
        }
        if (parameter->kind == CONTRACT_OBJECT) {
            if (!text.ptr)
                return refuse(leaves, UNPAIRED);
            name = item;
            item = cut_item(&text, delimiter, escapes);
            if (is_trimmed)
                item = slice_trim(item);
        }
        TRY(add(leaves, name, item, escapes));
    }
    return ERR_OK;
}

/* A value that stands as a whole for its parameter. */
static enum err add_value(const struct contract_parameter *parameter, struct slice text, bool has_pairs,
                          enum style_escapes escapes, struct style_leaves *leaves)
{
    leaves->is_given = true;
    if (parameter->kind != CONTRACT_SCALAR && !parameter->is_json)
        return add_list(parameter, text, delimiters[parameter->style], has_pairs, escapes, leaves);
    if (leaves->count > 0)
        return refuse(leaves, REPEATED);
    return add(leaves, (struct slice){NULL, 0}, text, escapes);
}

/* Paths. */

/* ".5", ".3,4,5" or, exploded, ".3.4.5" and ".R=100.G=200" */
static enum err read_label(const struct contract_parameter *parameter, struct slice text, struct style_leaves *leaves)
{
    if (!text.len || text.ptr[0] != '.')
        return refuse(leaves, "does not begin with \".\"");
    text = slice_skip(text, 1);
    leaves->is_given = true;
    if (parameter->kind == CONTRACT_SCALAR || !parameter->is_exploded)
        return add_value(parameter, text, false, STYLE_ESCAPES_PERCENT, leaves);
    return add_list(parameter, text, '.', true, STYLE_ESCAPES_PERCENT, leaves);
}

/* ";id=5", ";id=3,4,5" or, exploded, ";id=3;id=4" and ";R=100;G=200" */
static enum err read_matrix(const struct contract_parameter *parameter, struct slice text, struct style_leaves *leaves)
{
    bool has_names = parameter->kind != CONTRACT_OBJECT || !parameter->is_exploded;
    if (!text.len || text.ptr[0] != ';')
        return refuse(leaves, "does not begin with \";\"");
    text = slice_skip(text, 1);
    while (text.ptr) {
        struct slice part = slice_cut(&text, ';');
        leaves->is_given = true;
        if (!has_names) {
            TRY(add_pair(leaves, part, STYLE_ESCAPES_PERCENT));
            continue;
        }
        struct slice name;
        TRY(decode(leaves, slice_cut(&part, '='), STYLE_ESCAPES_PERCENT, &name));
        if (!slice_equal(name, parameter->name))
            return refuse(leaves, "has another name in the path");
        if (parameter->kind == CONTRACT_ARRAY && parameter->is_exploded)
            TRY(add(leaves, (struct slice){NULL, 0}, part, STYLE_ESCAPES_PERCENT));
        else
            TRY(add_value(parameter, part, false, STYLE_ESCAPES_PERCENT, leaves));
    }
    return ERR_OK;
}

enum err style_read_path(const struct contract_parameter *parameter, struct slice segment, struct style_leaves *leaves)
{
    if (parameter->is_json)
        return add_value(parameter, segment, false, STYLE_ESCAPES_PERCENT, leaves);
    if (parameter->style == CONTRACT_LABEL)
        return read_label(parameter, segment, leaves);
    if (parameter->style == CONTRACT_MATRIX)
        return read_matrix(parameter, segment, leaves);
    return add_value(parameter, segment, parameter->is_exploded, STYLE_ESCAPES_PERCENT, leaves);
}

/* Queries. */

/* "name[key]": the key; {NULL, 0}: it is none of this parameter. */
static struct slice deep_key(const struct contract_parameter *parameter, struct slice name)
{
    size_t len = parameter->name.len;
    bool is_of_it = name.len >= len + 2 && slice_starts(name, parameter->name) && name.ptr[len] == '[' &&
                    name.ptr[name.len - 1] == ']';
    return is_of_it ? slice_of(name.ptr + len + 1, name.len - len - 2) : (struct slice){NULL, 0};
}

static bool takes_any_name(const struct contract_parameter *parameter)
{
    return parameter->place == CONTRACT_QUERY && parameter->kind == CONTRACT_OBJECT && parameter->is_exploded &&
           parameter->style == CONTRACT_FORM && !parameter->is_json;
}

/* Whether a parameter has this name in the query for its own. */
static bool is_own(const struct contract_parameter *parameter, struct slice name)
{
    if (parameter->place != CONTRACT_QUERY || takes_any_name(parameter))
        return false;
    if (parameter->style == CONTRACT_DEEP_OBJECT && !parameter->is_json)
        return deep_key(parameter, name).ptr;
    return slice_equal(name, parameter->name);
}

static bool has_owner(const struct contract *contract, struct slice name)
{
    for (uint32_t i = 0; i < contract->parameter_count; i++)
        if (is_own(&contract->parameters[i], name))
            return true;
    return false;
}

bool style_knows_query(const struct contract *contract, struct slice name)
{
    for (uint32_t i = 0; i < contract->parameter_count; i++)
        if (takes_any_name(&contract->parameters[i]))
            return true;
    return has_owner(contract, name);
}

static enum err add_deep(struct style_leaves *leaves, struct slice key, struct slice value)
{
    leaves->is_given = true;
    if (slice_find(key, '[') < key.len || slice_find(key, ']') < key.len)
        return refuse(leaves, "has brackets within brackets");
    TRY(add(leaves, (struct slice){NULL, 0}, value, STYLE_ESCAPES_FORM));
    leaves->items[leaves->count - 1].name = key;
    return ERR_OK;
}

static enum err take_query(const struct contract_parameter *parameter, const struct contract *others, struct slice name,
                           struct slice value, struct style_leaves *leaves)
{
    if (takes_any_name(parameter)) {
        if (has_owner(others, name))
            return ERR_OK;
        leaves->is_given = true;
        TRY(add(leaves, (struct slice){NULL, 0}, value, STYLE_ESCAPES_FORM));
        leaves->items[leaves->count - 1].name = name;
        return ERR_OK;
    }
    if (!is_own(parameter, name))
        return ERR_OK;
    if (parameter->style == CONTRACT_DEEP_OBJECT && !parameter->is_json)
        return add_deep(leaves, deep_key(parameter, name), value);
    if (parameter->kind == CONTRACT_ARRAY && parameter->is_exploded && !parameter->is_json) {
        leaves->is_given = true;
        return add(leaves, (struct slice){NULL, 0}, value, STYLE_ESCAPES_FORM);
    }
    if (leaves->is_given)
        return refuse(leaves, REPEATED);
    return add_value(parameter, value, false, STYLE_ESCAPES_FORM, leaves);
}

/* A name whose escapes are malformed is nobody's. */
enum err style_read_query(const struct contract_parameter *parameter, const struct contract *others, struct slice query,
                          struct style_leaves *leaves)
{
    struct slice written;
    struct slice value;
    while (url_query_next(&query, &written, &value)) {
        struct slice name;
        enum err err = style_decode(leaves->arena, written, STYLE_ESCAPES_FORM, &name);
        if (err == ERR_NOMEM)
            return err;
        if (err == ERR_OK)
            TRY(take_query(parameter, others, name, value, leaves));
    }
    return ERR_OK;
}

/* Header fields and cookies. */

/* Fields of one name are one list (RFC 9110 section 5.3), so a scalar is given once. */
enum err style_read_header(const struct contract_parameter *parameter, struct slice value, struct style_leaves *leaves)
{
    return add_value(parameter, slice_trim(value), parameter->is_exploded, STYLE_ESCAPES_NONE, leaves);
}

/* Cookies of one name are the items of an exploded array, because there is no other way to write one. */
enum err style_read_cookie(const struct contract_parameter *parameter, struct slice value, struct style_leaves *leaves)
{
    bool is_quoted = value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"';
    if (is_quoted)
        value = slice_of(value.ptr + 1, value.len - 2);
    if (parameter->kind == CONTRACT_ARRAY && parameter->is_exploded && !parameter->is_json) {
        leaves->is_given = true;
        return add(leaves, (struct slice){NULL, 0}, value, STYLE_ESCAPES_PERCENT);
    }
    if (leaves->is_given)
        return refuse(leaves, REPEATED);
    return add_value(parameter, value, false, STYLE_ESCAPES_PERCENT, leaves);
}
