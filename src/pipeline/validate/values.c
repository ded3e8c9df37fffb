/* SPDX-License-Identifier: Apache-2.0 */
/* The value is written as JSON and parsed: so it is a document like any other, and duplicate names, malformed texts and
 * too much nesting are found where they are found in bodies. */
#include "pipeline/validate/values.h"

#include "lib/json/number.h"
#include "lib/json/writer.h"
#include "pipeline/body_json.h"

static bool is_number(struct slice text)
{
    double value;
    return number_parse_f64(text, &value) == ERR_OK;
}

/* {NULL, 0}: the text is a string. Nothing at all can only be null where it cannot be a string. */
static struct slice typed_form(struct slice text, uint32_t types)
{
    static const struct slice none = {NULL, 0};
    if ((types & (CONTRACT_INTEGER | CONTRACT_NUMBER)) && is_number(text))
        return text;
    if ((types & CONTRACT_BOOLEAN) && (slice_is(text, "true") || slice_is(text, "false")))
        return text;
    if ((types & CONTRACT_NULL) && (slice_is(text, "null") || (!text.len && !(types & CONTRACT_STRING))))
        return SLICE_LIT("null");
    return none;
}

static void write_leaf(struct json_writer *writer, struct slice text, uint32_t types, struct value *value)
{
    struct slice typed = typed_form(text, types);
    bool may_be_string = types & CONTRACT_STRING;
    if (!typed.ptr || (may_be_string && value->reading == VALUE_PLAIN)) {
        json_write_string(writer, text);
        return;
    }
    value->has_other |= may_be_string;
    json_write_raw(writer, typed);
}

static uint32_t types_of(const struct contract_parameter *parameter, struct slice name)
{
    for (uint32_t i = 0; i < parameter->property_count; i++)
        if (slice_equal(parameter->properties[i].name, name))
            return parameter->properties[i].types;
    return parameter->types;
}

static void write_value(struct json_writer *writer, const struct contract_parameter *parameter,
                        const struct style_leaves *leaves, struct value *value)
{
    switch (parameter->kind) {
    case CONTRACT_SCALAR:
        write_leaf(writer, leaves->count ? leaves->items[0].text : SLICE_LIT(""), parameter->types, value);
        return;
    case CONTRACT_ARRAY:
        json_write_array_begin(writer);
        for (uint32_t i = 0; i < leaves->count; i++)
            write_leaf(writer, leaves->items[i].text, parameter->types, value);
        json_write_array_end(writer);
        return;
    case CONTRACT_OBJECT:
        json_write_object_begin(writer);
        for (uint32_t i = 0; i < leaves->count; i++) {
            json_write_key(writer, leaves->items[i].name);
            write_leaf(writer, leaves->items[i].text, types_of(parameter, leaves->items[i].name), value);
        }
        json_write_object_end(writer);
        return;
    }
}

enum err value_make(const struct request *request, const struct contract_parameter *parameter,
                    const struct style_leaves *leaves, struct arena *arena, struct value *value)
{
    struct json_writer writer = json_writer_in_arena(arena, 0);
    struct slice text = parameter->is_json && leaves->count ? leaves->items[0].text : SLICE_LIT("");
    struct json_document document;
    struct json_fault fault;
    value->has_other = false;
    if (!parameter->is_json) {
        write_value(&writer, parameter, leaves, value);
        TRY(json_writer_finish(&writer, &text));
    }
    struct json_limits limits = body_json_limits(request, text);
    limits.keeps_numbers = value->keeps_numbers;
    enum err err = json_parse(arena, text, &limits, &document, &fault);
    if (err == ERR_NOMEM)
        return ERR_NOMEM;
    value->what = err == ERR_EXISTS ? "has a name twice" : parameter->is_json ? "is not valid JSON" : "cannot be read";
    if (err != ERR_OK)
        return ERR_SYNTAX;
    value->root = document.root;
    value->bytes = text.len;
    return ERR_OK;
}
