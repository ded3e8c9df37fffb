/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas held against their metaschemas, by the same programs that check documents. What a metaschema has to say ("does not
 * match any of") is put into the words of the keyword that is wrong. */
#include "lib/schema/compiler_int.h"
#include "lib/schema/emit_int.h"

#include "lib/json/pointer.h"

#define STEPS_MAX      (1ULL << 30)
#define WRONG_ITEM_MAX 1000 /* so far a list is looked through for the item that is wrong */

static bool is_covered(const struct graph *graph, const struct schema_node *node);
static enum err check_node(struct schema_compiler *compiler, struct schema_node *node);
static enum err metaschema_of(struct schema_compiler *compiler, struct schema_dialect *dialect,
                              struct schema **ret_schema);
static void tell_errors(struct graph *graph, const struct schema_node *node, const struct schema_errors *errors);

/* Roots are collected before the first one is checked, because compiling a metaschema is a search of its own. */
enum err compiler_check(struct schema_compiler *compiler)
{
    struct graph *graph = compiler->graph;
    size_t count = 0;
    for (const struct schema_node *node = graph->reached; node; node = node->reached)
        count += !is_covered(graph, node);
    struct schema_node **roots = arena_alloc_array(&graph->fault_arena, count, sizeof(struct schema_node *));
    if (!roots)
        return ERR_NOMEM;
    count = 0;
    for (struct schema_node *node = graph->reached; node; node = node->reached)
        if (!is_covered(graph, node))
            roots[count++] = node;
    for (size_t i = 0; i < count && graph->fault_count < GRAPH_FAULTS_MAX; i++)
        TRY(check_node(compiler, roots[i]));
    return ERR_OK;
}

/* Whether it is checked with a schema around it. One of another dialect does not count: its metaschema knows nothing of this
 * one. */
static bool is_covered(const struct graph *graph, const struct schema_node *node)
{
    if (node->is_checked || node->resource->document->is_builtin)
        return true;
    for (const struct schema_node *around = node->parent; around; around = around->parent) {
        if (around->resource->dialect != node->resource->dialect)
            return false;
        if (around->is_checked || around->epoch == graph->epoch)
            return true;
    }
    return false;
}

static enum err check_node(struct schema_compiler *compiler, struct schema_node *node)
{
    struct schema *metaschema;
    TRY(metaschema_of(compiler, node->resource->dialect, &metaschema));
    if (!metaschema)
        return ERR_OK;
    struct schema_work work = {.scratch = &compiler->scratch, .regex = compiler->regex, .steps_left = STEPS_MAX};
    enum schema_outcome outcome = schema_check(metaschema, node->value, &work);
    arena_reset(&compiler->scratch);
    if (outcome == SCHEMA_INVALID) {
        struct schema_errors errors = {.arena = &compiler->scratch, .max = GRAPH_FAULTS_MAX};
        work.steps_left = STEPS_MAX;
        outcome = schema_explain(metaschema, node->value, &work, &errors);
        if (outcome == SCHEMA_INVALID)
            tell_errors(compiler->graph, node, &errors);
        arena_reset(&compiler->scratch);
    } else if (outcome == SCHEMA_VALID) {
        node->is_checked = true;
    }
    if (outcome == SCHEMA_OVER_LIMIT)
        graph_fault(compiler->graph, node, SLICE_LIT(""), false,
                    "this schema is too large to be held against its metaschema");
    return outcome == SCHEMA_NO_MEMORY ? ERR_NOMEM : ERR_OK;
}

/* NULL: the metaschema itself is broken, which has been said. It is not checked in turn. */
static enum err metaschema_of(struct schema_compiler *compiler, struct schema_dialect *dialect,
                              struct schema **ret_schema)
{
    /* No options, and `format` is left to those who use it: a reference that RFC 3986 would have escaped may be what
     * generators write. */
    const struct schema_settings settings = {.draft = compiler->settings.draft};
    struct schema_node *root;
    if (!dialect->metaschema && !dialect->is_broken) {
        compiler->has_searched = true;
        enum err err = graph_find(compiler->graph, dialect->uri, &root);
        if (err == ERR_OK)
            err = emit_program(compiler->graph, root, &settings, NULL, &dialect->metaschema);
        dialect->is_broken = err == ERR_INVALID;
        if (err != ERR_OK && err != ERR_INVALID)
            return err;
    }
    if (dialect->is_broken && compiler->graph->fault_count == 0)
        graph_fault_general(compiler->graph, dialect->uri, "this metaschema is broken");
    *ret_schema = dialect->metaschema;
    return ERR_OK;
}

#define A_SCHEMA        "a schema (an object, true or false)"
#define SCHEMAS_BY_NAME "an object of schemas"
#define SCHEMA_LIST     "a list of at least one schema"
#define A_COUNT         "an integer of at least 0"
#define A_TEXT          "a text"
#define A_FLAG          "true or false"
#define NAME_LIST       "a list of different texts"

/* What the standard's keywords take; where drafts differ, what suits all. */
static const struct {
    const char *keyword;
    const char *what;
} takes[] = {
    {"$id", "a URI without a fragment"},
    {"$schema", "a URI"},
    {"$ref", "a URI reference"},
    {"$anchor", "a name: a letter or \"_\", then letters, digits, \"-\", \"_\" and \".\""},
    {"$dynamicRef", "a URI reference"},
    {"$dynamicAnchor", "a name: a letter or \"_\", then letters, digits, \"-\", \"_\" and \".\""},
    {"$recursiveRef", "\"#\""},
    {"$recursiveAnchor", A_FLAG},
    {"$vocabulary", "an object of URIs with true or false"},
    {"$comment", A_TEXT},
    {"$defs", SCHEMAS_BY_NAME},
    {"definitions", SCHEMAS_BY_NAME},
    {"type", "one of \"array\", \"boolean\", \"integer\", \"null\", \"number\", \"object\", \"string\", or a list of "
             "different ones of them"},
    {"enum", "a list"},
    {"multipleOf", "a number greater than 0"},
    {"maximum", "a number"},
    {"exclusiveMaximum", "a number"},
    {"minimum", "a number"},
    {"exclusiveMinimum", "a number"},
    {"maxLength", A_COUNT},
    {"minLength", A_COUNT},
    {"pattern", "a regular expression in a text"},
    {"maxItems", A_COUNT},
    {"minItems", A_COUNT},
    {"uniqueItems", A_FLAG},
    {"maxContains", A_COUNT},
    {"minContains", A_COUNT},
    {"maxProperties", A_COUNT},
    {"minProperties", A_COUNT},
    {"required", NAME_LIST},
    {"dependentRequired", "an object of lists of different texts"},
    {"dependencies", "an object of schemas and of lists of different texts"},
    {"dependentSchemas", SCHEMAS_BY_NAME},
    {"properties", SCHEMAS_BY_NAME},
    {"patternProperties", SCHEMAS_BY_NAME},
    {"additionalProperties", A_SCHEMA},
    {"propertyNames", A_SCHEMA},
    {"unevaluatedProperties", A_SCHEMA},
    {"prefixItems", SCHEMA_LIST},
    {"items", "a schema, or in older drafts a list of schemas"},
    {"additionalItems", A_SCHEMA},
    {"unevaluatedItems", A_SCHEMA},
    {"contains", A_SCHEMA},
    {"allOf", SCHEMA_LIST},
    {"anyOf", SCHEMA_LIST},
    {"oneOf", SCHEMA_LIST},
    {"not", A_SCHEMA},
    {"if", A_SCHEMA},
    {"then", A_SCHEMA},
    {"else", A_SCHEMA},
    {"format", A_TEXT},
    {"contentEncoding", A_TEXT},
    {"contentMediaType", A_TEXT},
    {"contentSchema", A_SCHEMA},
    {"title", A_TEXT},
    {"description", A_TEXT},
    {"deprecated", A_FLAG},
    {"readOnly", A_FLAG},
    {"writeOnly", A_FLAG},
    {"examples", "a list"},
};

static const char *what_is_taken(struct slice keyword)
{
    for (size_t i = 0; i < ARRAY_LEN(takes); i++)
        if (slice_is(keyword, takes[i].keyword))
            return takes[i].what;
    return NULL;
}

/* What stands at a pointer below a node: the innermost schema on the way, and the keyword of it that the way goes on with. */
struct spot {
    const struct schema_node *node;
    struct slice keyword; /* empty: the schema itself */
};

static struct spot find_spot(const struct graph *graph, const struct schema_node *node, struct slice pointer)
{
    struct spot spot = {.node = node};
    yyjson_val *value = node->value;
    bool is_schema = true;
    while (pointer.len > 0 && value) {
        size_t end = 1 + slice_find(slice_skip(pointer, 1), '/');
        struct slice step = slice_first(pointer, end);
        if (is_schema)
            spot.keyword = slice_skip(step, 1);
        value = json_pointer_find(value, step);
        pointer = slice_skip(pointer, end);
        const struct schema_node *inner = value ? graph_node_of(graph, value) : NULL;
        is_schema = inner != NULL;
        if (inner)
            spot = (struct spot){.node = inner};
    }
    return spot;
}

/* Where one of several ways to write a keyword has failed further in, that is the one that was meant. */
static bool is_told_better(const struct schema_errors *errors, uint32_t index)
{
    struct slice own = errors->items[index].instance;
    for (uint32_t i = 0; i < errors->count; i++) {
        struct slice other = errors->items[i].instance;
        if (i < index && slice_equal(own, other))
            return true;
        if (other.len > own.len && slice_starts(other, own) && other.ptr[own.len] == '/')
            return true;
    }
    return false;
}

static const char *const types[] = {"array", "boolean", "integer", "null", "number", "object", "string"};

/* A list of which one item is wrong: the metaschema tells of the list, when it is one of two ways to write the keyword or its
 * items have to differ. The place of the first item that is no text, no type, or not the first of its name; SIZE_MAX: none. */
static size_t find_wrong_item(struct slice keyword, yyjson_val *list)
{
    bool is_type = slice_is(keyword, "type");
    if (!yyjson_is_arr(list) || (!is_type && !slice_is(keyword, "required")))
        return SIZE_MAX;
    for (size_t i = 0; i < yyjson_arr_size(list) && i < WRONG_ITEM_MAX; i++) {
        struct slice name = json_text(yyjson_arr_get(list, i));
        size_t type = 0;
        while (is_type && type < ARRAY_LEN(types) && !slice_is(name, types[type]))
            type++;
        bool is_wrong = !name.ptr || type == ARRAY_LEN(types);
        for (size_t k = 0; k < i && !is_wrong; k++)
            is_wrong = slice_equal(name, json_text(yyjson_arr_get(list, k)));
        if (is_wrong)
            return i;
    }
    return SIZE_MAX;
}

/* What is wrong with a keyword of the standard, at `pointer` below the node. */
static void tell_keyword(struct graph *graph, const struct schema_node *node, struct slice pointer,
                         struct slice keyword, const char *what, struct slice found)
{
    struct slice text = json_text(json_pointer_find(node->value, pointer));
    const char *nearest = slice_is(keyword, "type") && text.ptr ? text_nearest(text, types, ARRAY_LEN(types)) : NULL;
    graph_fault(graph, node, pointer, false, "\"" SLICE_FMT "\" takes %s, found " SLICE_FMT "%s%s%s",
                SLICE_ARG(keyword), what, SLICE_ARG(found), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                nearest ? "\"?" : "");
}

static bool tell_item(struct graph *graph, const struct schema_node *node, const struct schema_error *error,
                      struct slice keyword, const char *what)
{
    yyjson_val *list = json_pointer_find(node->value, error->instance);
    size_t index = find_wrong_item(keyword, list);
    if (index == SIZE_MAX)
        return false;
    yyjson_val *item = yyjson_arr_get(list, index);
    struct slice name = json_text(item);
    struct slice found = name.ptr ? arena_printf(&graph->fault_arena, "\"%.*s\"", (int)MIN(name.len, 64), name.ptr)
                                  : slice_of_text(json_kind(item));
    struct slice pointer = arena_printf(&graph->fault_arena, SLICE_FMT "/%zu", SLICE_ARG(error->instance), index);
    tell_keyword(graph, node, pointer, keyword, what, found);
    return true;
}

static void tell_error(struct graph *graph, const struct schema_node *node, const struct schema_error *error)
{
    struct spot spot = find_spot(graph, node, error->instance);
    const char *what = what_is_taken(spot.keyword);
    if (spot.node->resource->dialect != node->resource->dialect)
        return; /* its own metaschema says whether it is right */
    if (what && tell_item(graph, node, error, spot.keyword, what))
        return;
    if (what)
        tell_keyword(graph, node, error->instance, spot.keyword, what, error->found);
    else
        graph_fault(graph, node, error->instance, false, SLICE_FMT, SLICE_ARG(error->message));
}

static void tell_errors(struct graph *graph, const struct schema_node *node, const struct schema_errors *errors)
{
    for (uint32_t i = 0; i < errors->count; i++)
        if (!is_told_better(errors, i))
            tell_error(graph, node, &errors->items[i]);
}
