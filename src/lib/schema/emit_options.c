/* SPDX-License-Identifier: Apache-2.0 */
/* x-openapi-validation: what it may say, and what is in force at a node. */
#include "lib/schema/emitter_int.h"

static const char *const names[] = {"allowEmptyString", "coerceTypes", "removeAdditional",
                                    "applyDefaults",    "maxErrors",   "mode"};
static const char *const modes[] = {[SCHEMA_ENFORCE] = "enforce", [SCHEMA_REPORT] = "report", [SCHEMA_OFF] = "off"};

static bool find_name(struct slice text, const char *const *list, size_t count, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is(text, list[i])) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* Takes what an option says, which must be of the right form. */
static bool apply(struct schema_options *options, struct slice name, yyjson_val *value)
{
    size_t mode;
    bool is_yes = yyjson_is_true(value);
    if (slice_is(name, "allowEmptyString"))
        options->allow_empty_string = is_yes ? SCHEMA_YES : SCHEMA_NO;
    else if (slice_is(name, "coerceTypes"))
        options->coerce_types = is_yes;
    else if (slice_is(name, "removeAdditional"))
        options->remove_additional = is_yes;
    else if (slice_is(name, "applyDefaults"))
        options->apply_defaults = is_yes;
    else if (slice_is(name, "maxErrors"))
        options->errors_max = (uint32_t)MIN(yyjson_get_uint(value), UINT32_MAX);
    else if (slice_is(name, "mode") && find_name(json_text(value), modes, ARRAY_LEN(modes), &mode))
        options->mode = (enum schema_mode)mode;
    else
        return false;
    return true;
}

static void apply_all(struct schema_options *options, yyjson_val *schema)
{
    yyjson_val *said = json_get(schema, SLICE_LIT("x-openapi-validation"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(said);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;)
        (void)apply(options, json_text(key), yyjson_obj_iter_get_val(key));
}

/* Whether an option has the form it must have; if not, *ret_expected says which. */
static bool is_well_formed(struct slice name, yyjson_val *value, const char **ret_expected)
{
    size_t index;
    if (slice_is(name, "maxErrors")) {
        *ret_expected = "an integer of at least 1";
        return yyjson_is_uint(value) && yyjson_get_uint(value) > 0;
    }
    if (slice_is(name, "mode")) {
        *ret_expected = "\"enforce\", \"report\" or \"off\"";
        return find_name(json_text(value), modes, ARRAY_LEN(modes), &index);
    }
    *ret_expected = "true or false";
    return yyjson_is_bool(value);
}

/* Tells what is wrong with what the node itself says. */
static enum err check(struct emitter *emitter, const struct schema_node *node)
{
    yyjson_val *said = keyword_of(node, "x-openapi-validation");
    if (!said)
        return ERR_OK;
    if (!yyjson_is_obj(said)) {
        graph_fault(emitter->graph, node, SLICE_LIT("/x-openapi-validation"), false,
                    "\"x-openapi-validation\" takes an object of options, found %s", json_kind(said));
        return ERR_OK;
    }
    yyjson_obj_iter iter = yyjson_obj_iter_with(said);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        struct slice name = json_text(key);
        struct slice pointer;
        size_t index;
        const char *expected;
        TRY(emit_pointer(emitter, "x-openapi-validation", name, &pointer));
        if (!find_name(name, names, ARRAY_LEN(names), &index)) {
            const char *nearest = text_nearest(name, names, ARRAY_LEN(names));
            graph_fault(emitter->graph, node, pointer, true, "no option is called \"" SLICE_FMT "\"%s%s%s",
                        SLICE_ARG(name), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                        nearest ? "\"?" : "");
        } else if (!is_well_formed(name, yyjson_obj_iter_get_val(key), &expected)) {
            graph_fault(emitter->graph, node, pointer, false, "\"" SLICE_FMT "\" takes %s, found %s", SLICE_ARG(name),
                        expected, json_kind(yyjson_obj_iter_get_val(key)));
        }
    }
    return ERR_OK;
}

enum err emit_options(struct emitter *emitter, const struct schema_node *node, struct schema_options *ret_options)
{
    const struct schema_node *around[JSON_DEPTH_MAX];
    size_t count = 0;
    TRY(check(emitter, node));
    struct schema_options options = emitter->options;
    for (; node && count < JSON_DEPTH_MAX; node = node->parent)
        around[count++] = node;
    while (count > 0)
        apply_all(&options, around[--count]->value);
    *ret_options = options;
    return ERR_OK;
}
