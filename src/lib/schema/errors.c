/* SPDX-License-Identifier: Apache-2.0 */
/* Failures as sentences.
 *
 * What is told of a value: scalars, shortened; of objects and arrays their size only, so that no secret slips out with
 * what holds it. Nothing is told of what a hiding schema has seen, whichever other schema complains of it, nor of members
 * that no schema knows: a misspelt "password" is one of them. */
#include "lib/base/utf8.h"
#include "lib/json/number.h"
#include "lib/schema/walk_int.h"

enum { FOUND_BYTES_MAX = 60, LIST_BYTES_MAX = 160 };

static const char *const type_texts[TYPE_COUNT] = {
    [TYPE_NULL] = "null",       [TYPE_BOOLEAN] = "a boolean", [TYPE_INTEGER] = "an integer", [TYPE_NUMBER] = "a number",
    [TYPE_STRING] = "a string", [TYPE_ARRAY] = "an array",    [TYPE_OBJECT] = "an object",
};

/* What is being written. */
struct telling {
    const struct failure *failure;
    struct arena *arena;
    bool is_hidden;
    bool hides_name; /* of a member that is one too many */
};

static void add_string(struct buffer *out, struct slice text)
{
    struct slice front = utf8_first(text, FOUND_BYTES_MAX);
    char memory[6 * FOUND_BYTES_MAX + 16];
    struct json_writer writer = json_writer_in_memory(memory, sizeof memory);
    struct slice quoted;
    json_write_string(&writer, front);
    if (json_writer_finish(&writer, &quoted) != ERR_OK)
        return;
    if (front.len == text.len) {
        buffer_add(out, quoted);
        return;
    }
    buffer_add(out, slice_first(quoted, quoted.len - 1));
    buffer_add(out, SLICE_LIT("\xe2\x80\xa6\""));
}

static void add_container(struct buffer *out, yyjson_val *value, const char *article)
{
    size_t count = unsafe_yyjson_get_len(value);
    if (is_object(value))
        buffer_printf(out, "%s object with %zu member%s", article, count, count == 1 ? "" : "s");
    else
        buffer_printf(out, "%s array of %zu item%s", article, count, count == 1 ? "" : "s");
}

static void add_value(struct buffer *out, yyjson_val *value)
{
    char memory[NUMBER_BYTES_MAX + 16];
    struct json_writer writer = json_writer_in_memory(memory, sizeof memory);
    struct slice text;
    if (unsafe_yyjson_is_ctn(value)) {
        add_container(out, value, "an");
    } else if (is_string(value)) {
        add_string(out, string_of(value));
    } else if (unsafe_yyjson_is_raw(value)) {
        buffer_add(out, utf8_first(string_of(value), FOUND_BYTES_MAX));
        if (unsafe_yyjson_get_len(value) > FOUND_BYTES_MAX)
            buffer_add(out, SLICE_LIT("\xe2\x80\xa6"));
    } else {
        json_write_value(&writer, value);
        if (json_writer_finish(&writer, &text) == ERR_OK)
            buffer_add(out, text);
    }
}

static void add_list(struct buffer *out, yyjson_val *array)
{
    size_t start = out->len;
    size_t count = unsafe_yyjson_get_len(array);
    yyjson_val *item = unsafe_yyjson_get_first(array);
    if (count != 1)
        buffer_add(out, SLICE_LIT("one of "));
    for (size_t i = 0; i < count; i++, item = unsafe_yyjson_get_next(item)) {
        if (i > 0)
            buffer_add(out, SLICE_LIT(", "));
        if (out->len - start > LIST_BYTES_MAX) {
            buffer_printf(out, "%zu more", count - i);
            return;
        }
        add_value(out, item);
    }
}

static void add_types(struct buffer *out, const struct rule *rule)
{
    for (uint8_t i = 0; i < rule->type.type_count; i++) {
        if (i > 0)
            buffer_add(out, i + 1 == rule->type.type_count ? SLICE_LIT(" or ") : SLICE_LIT(", "));
        buffer_add(out, slice_of_text(type_texts[rule->type.types[i]]));
    }
}

static const struct rule *rule_of(const struct block *block, enum op op)
{
    for (uint32_t i = 0; i < block->rule_count; i++)
        if (block->rules[i].op == op)
            return &block->rules[i];
    return NULL;
}

static void add_number(struct buffer *out, const struct failure *failure, const char *how)
{
    const struct rule *type = rule_of(failure->block, OP_TYPE);
    bool is_integer = type && type->type.type_count == 1 && type->type.types[0] == TYPE_INTEGER;
    buffer_printf(out, "%s %s ", is_integer ? "an integer" : "a number", how);
    add_value(out, failure->rule->value);
}

static void add_count(struct buffer *out, const char *what, const char *how, uint64_t count, const char *unit)
{
    buffer_printf(out, "%s %s %llu %s%s", what, how, (unsigned long long)count, unit, count == 1 ? "" : "s");
}

static void add_properties_count(struct buffer *out, const char *how, uint64_t count)
{
    add_count(out, "an object with", how, count, "member");
}

/* What was expected; nothing where a sentence says it otherwise. */
static void add_expected(struct buffer *out, const struct telling *telling)
{
    const struct failure *failure = telling->failure;
    const struct rule *rule = failure->rule;
    switch (rule->op) {
    case OP_TYPE:
        add_types(out, rule);
        break;
    case OP_EMPTY:
        buffer_add(out, SLICE_LIT("a string that is not empty"));
        break;
    case OP_ENUM:
    case OP_CONST:
        if (telling->is_hidden)
            buffer_add(out, SLICE_LIT("(hidden)"));
        else if (rule->op == OP_ENUM)
            add_list(out, rule->value);
        else
            add_value(out, rule->value);
        break;
    case OP_MULTIPLE_OF:
        add_number(out, failure, "that is a multiple of");
        break;
    case OP_MAXIMUM:
        add_number(out, failure, "of at most");
        break;
    case OP_EXCLUSIVE_MAXIMUM:
        add_number(out, failure, "less than");
        break;
    case OP_MINIMUM:
        add_number(out, failure, "of at least");
        break;
    case OP_EXCLUSIVE_MINIMUM:
        add_number(out, failure, "greater than");
        break;
    case OP_MAX_LENGTH:
        add_count(out, "a string of", "at most", rule->bound, "character");
        break;
    case OP_MIN_LENGTH:
        add_count(out, "a string of", "at least", rule->bound, "character");
        break;
    case OP_PATTERN:
        buffer_add(out, SLICE_LIT("a string that matches "));
        add_string(out, rule->pattern.text);
        break;
    case OP_FORMAT:
        buffer_add(out, slice_of_text(format_help(rule->format)));
        break;
    case OP_MAX_ITEMS:
        add_count(out, "an array of", "at most", rule->bound, "item");
        break;
    case OP_MIN_ITEMS:
        add_count(out, "an array of", "at least", rule->bound, "item");
        break;
    case OP_UNIQUE_ITEMS:
        buffer_add(out, SLICE_LIT("items that all differ"));
        break;
    case OP_CONTAINS:
        if (failure->count < rule->contains.min)
            add_count(out, "an array with", "at least", rule->contains.min, "item");
        else
            add_count(out, "an array with", "at most", rule->contains.max, "item");
        buffer_printf(out, " that fit%s \"contains\"",
                      (failure->count < rule->contains.min ? rule->contains.min : rule->contains.max) == 1 ? "s" : "");
        break;
    case OP_MAX_PROPERTIES:
        add_properties_count(out, "at most", rule->bound);
        break;
    case OP_MIN_PROPERTIES:
        add_properties_count(out, "at least", rule->bound);
        break;
    case OP_REQUIRED:
    case OP_DEPENDENT_REQUIRED:
    case OP_DEPENDENT_SCHEMAS:
        buffer_add(out, SLICE_LIT("a member "));
        add_string(out, failure->name);
        break;
    case OP_ITEMS:
        add_count(out, "an array of", "at most", rule->items.from, "item");
        break;
    case OP_ANY_OF:
        buffer_printf(out, "a value that fits at least one of %u schemas", rule->subs.count);
        break;
    case OP_ONE_OF:
        buffer_printf(out, "a value that fits exactly one of %u schemas", rule->subs.count);
        break;
    case OP_NOT:
        buffer_add(out, SLICE_LIT("a value that does not fit the schema of \"not\""));
        break;
    default:
        break;
    }
}

/* Whether an object or array is told beside others of its kind, which may be as large. */
static bool is_among_likes(const struct failure *failure)
{
    const struct rule *rule = failure->rule;
    uint32_t type = KIND_OF(failure->value) & YYJSON_TYPE_MASK;
    if (!unsafe_yyjson_is_ctn(failure->value) || (rule->op != OP_ENUM && rule->op != OP_CONST))
        return false;
    if (rule->op == OP_CONST)
        return (KIND_OF(rule->value) & YYJSON_TYPE_MASK) == type;
    yyjson_val *item = unsafe_yyjson_get_first(rule->value);
    for (size_t i = unsafe_yyjson_get_len(rule->value); i > 0; i--, item = unsafe_yyjson_get_next(item))
        if ((KIND_OF(item) & YYJSON_TYPE_MASK) == type)
            return true;
    return false;
}

static bool is_about_name(const struct failure *failure)
{
    return failure->rule->op == OP_ADDITIONAL_PROPERTIES || failure->rule->op == OP_UNEVALUATED_PROPERTIES;
}

static void add_found(struct buffer *out, const struct telling *telling)
{
    const struct failure *failure = telling->failure;
    if (telling->is_hidden)
        buffer_add(out, SLICE_LIT("(hidden)"));
    else if (is_about_name(failure))
        buffer_add(out, slice_of_text(json_kind(failure->value)));
    else if (is_among_likes(failure))
        add_container(out, failure->value, "a different");
    else
        add_value(out, failure->value);
}

/* The member of the schema that a name looks like a slip of. */
static const char *find_nearest(const struct telling *telling)
{
    enum { NAMES_MAX = 256 };
    const struct rule *properties = rule_of(telling->failure->block, OP_PROPERTIES);
    if (!properties)
        return NULL;
    size_t count = MIN(properties->properties.members.names.count, NAMES_MAX);
    const char **names = arena_alloc_array(telling->arena, count, sizeof *names);
    for (size_t i = 0; names && i < count; i++)
        names[i] = properties->properties.members.texts[i].ptr;
    return names ? text_nearest(telling->failure->name, names, count) : NULL;
}

static void add_unknown(struct buffer *out, const struct telling *telling)
{
    if (telling->hides_name) {
        buffer_add(out, SLICE_LIT("A member is not allowed here."));
        return;
    }
    const char *nearest = find_nearest(telling);
    buffer_add(out, SLICE_LIT("The member "));
    add_string(out, telling->failure->name);
    buffer_add(out, SLICE_LIT(" is not allowed here"));
    if (nearest) {
        buffer_add(out, SLICE_LIT("; did you mean "));
        add_string(out, slice_of_text(nearest));
        buffer_add_byte(out, '?');
    } else {
        buffer_add_byte(out, '.');
    }
}

static void add_plain(struct buffer *out, struct slice expected, struct slice found)
{
    buffer_add(out, SLICE_LIT("Expected "));
    buffer_add(out, expected);
    buffer_add(out, SLICE_LIT(", found "));
    buffer_add(out, found);
    buffer_add_byte(out, '.');
}

static void add_matches(struct buffer *out, const struct failure *failure, struct slice found)
{
    buffer_printf(out, "Expected a value that fits exactly one of %u schemas, found ", failure->rule->subs.count);
    buffer_add(out, found);
    if (failure->count == 0)
        buffer_add(out, SLICE_LIT(", which fits none."));
    else
        buffer_printf(out, ", which fits %llu.", (unsigned long long)failure->count);
}

static void add_message(struct buffer *out, const struct telling *telling, struct slice expected, struct slice found)
{
    const struct failure *failure = telling->failure;
    switch (failure->rule->op) {
    case OP_FALSE:
        buffer_add(out, SLICE_LIT("No value is allowed here, found "));
        buffer_add(out, found);
        buffer_add_byte(out, '.');
        break;
    case OP_REQUIRED:
        buffer_add(out, SLICE_LIT("The member "));
        add_string(out, failure->name);
        buffer_add(out, SLICE_LIT(" is missing."));
        break;
    case OP_DEPENDENT_REQUIRED:
    case OP_DEPENDENT_SCHEMAS:
        buffer_add(out, SLICE_LIT("The member "));
        add_string(out, failure->name);
        buffer_add(out, SLICE_LIT(" is missing, which another member wants beside it."));
        break;
    case OP_ADDITIONAL_PROPERTIES:
    case OP_UNEVALUATED_PROPERTIES:
        add_unknown(out, telling);
        break;
    case OP_ITEMS:
    case OP_UNEVALUATED_ITEMS:
        buffer_printf(out, "The item %llu (counted from 0) is not allowed here.", (unsigned long long)failure->count);
        break;
    case OP_UNIQUE_ITEMS:
        buffer_printf(out,
                      "Expected items that all differ, found that the items %llu and %llu (counted from 0) are equal.",
                      (unsigned long long)failure->count, (unsigned long long)failure->other);
        break;
    case OP_ONE_OF:
        add_matches(out, failure, found);
        break;
    case OP_CONTAINS:
        buffer_add(out, SLICE_LIT("Expected "));
        buffer_add(out, expected);
        buffer_printf(out, ", found %llu.", (unsigned long long)failure->count);
        break;
    default:
        add_plain(out, expected, found);
        break;
    }
}

/* Whether a hiding schema has seen the value or what holds it. Members stand between their object and its end. */
static bool is_hidden(const struct failures *failures, const yyjson_val *value)
{
    for (uint32_t i = 0; i < failures->hidden_count; i++)
        if (value >= failures->hidden[i] && value < unsafe_yyjson_get_next(failures->hidden[i]))
            return true;
    return false;
}

/* contains: which of the keywords it was. */
static void name_contains(const struct failure *failure, struct slice *ret_keyword)
{
    const struct rule *rule = failure->rule;
    if (failure->count > rule->contains.max)
        *ret_keyword = SLICE_LIT("maxContains");
    else if (failure->count < rule->contains.min && rule->contains.min != 1)
        *ret_keyword = SLICE_LIT("minContains");
}

static bool write_error(const struct failures *failures, const struct failure *failure, struct arena *arena,
                        struct schema_error *ret_error)
{
    struct telling telling = {failure, arena, is_hidden(failures, failure->value), false};
    struct slice keyword = failure->rule->keyword;
    struct slice pointer = failure->rule->pointer;
    struct slice path = slice_of(failures->texts.ptr + failure->path_at, failure->path_bytes);
    struct slice instance = slice_of(path.ptr + path.len, failure->instance_bytes);
    /* The key is in front of its value; where the object is hidden, so is what its members are called. */
    if (is_about_name(failure) && is_hidden(failures, failure->value - 1)) {
        telling.hides_name = true;
        while (instance.len > 0 && instance.ptr[--instance.len] != '/')
            ;
    }
    if (failure->rule->op == OP_CONTAINS)
        name_contains(failure, &keyword);
    if (!slice_equal(keyword, failure->rule->keyword)) {
        path.len -= pointer.len;
        pointer = arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(keyword));
        path = arena_printf(arena, SLICE_FMT SLICE_FMT, SLICE_ARG(path), SLICE_ARG(pointer));
    }
    struct buffer expected = buffer_in_arena(arena, 64);
    struct buffer found = buffer_in_arena(arena, 64);
    struct buffer message = buffer_in_arena(arena, 128);
    add_expected(&expected, &telling);
    add_found(&found, &telling);
    *ret_error = (struct schema_error){
        .instance = arena_copy(arena, instance), .path = arena_copy(arena, path), .keyword = keyword};
    ret_error->location =
        arena_printf(arena, SLICE_FMT SLICE_FMT, SLICE_ARG(failure->block->location), SLICE_ARG(pointer));
    if (buffer_finish(&expected, &ret_error->expected) != ERR_OK || buffer_finish(&found, &ret_error->found) != ERR_OK)
        return false;
    add_message(&message, &telling, ret_error->expected, ret_error->found);
    return buffer_finish(&message, &ret_error->message) == ERR_OK && ret_error->instance.ptr && ret_error->path.ptr &&
           ret_error->location.ptr;
}

bool errors_write(const struct schema *schema, const struct failures *failures, struct schema_errors *errors)
{
    (void)schema;
    errors->count = 0;
    errors->is_cut = failures->is_cut;
    errors->items = arena_alloc_array(errors->arena, failures->count, sizeof *errors->items);
    if (!errors->items)
        return false;
    for (uint32_t i = 0; i < failures->count; i++)
        if (!write_error(failures, &failures->items[i], errors->arena, &errors->items[errors->count++]))
            return false;
    return true;
}
