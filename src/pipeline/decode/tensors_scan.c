/* SPDX-License-Identifier: Apache-2.0 */
/* The fast way to the numbers: the arrays of `data` are cut out of the document before it is parsed, and read from the text
 * straight into the model's memory. The document without them is some hundred bytes, whatever the tensor.
 *
 * In place of each array the document that is parsed has an empty string, and is asked afterwards where that string stands:
 * so no text of a client can pass for one. What the scan took for the value of `data` was one if the parser found a
 * value there, and the text as a whole is well-formed if the document is with the strings and each array is by itself.
 *
 * This way only ever says yes. Whatever is wrong or just out of the ordinary (an escaped name, a number that does not fit,
 * arrays with strings in them), the body is parsed as a whole and looked at by the tree, which can tell what it is. */
#include "lib/json/row.h"
#include "lib/json/scan.h"
#include "pipeline/decode/tensors_int.h"

#define PLACEHOLDER SLICE_LIT("\"\"")
/* The root, `inputs` and the input are open around an array of data. */
#define DEPTH_AROUND 3

_Static_assert(TENSOR_RANK_MAX <= JSON_ROWS_RANK_MAX, "every shape that is taken can be read");

/* A place in the text that only moves forward. NONE: something is not as expected. */
struct walk {
    struct slice text;
    size_t at;
    struct tensors_cuts *cuts;
};

/* Takes one character, with the white space before it; false when another one stands there. */
static bool walk_take(struct walk *walk, char mark)
{
    size_t place = json_scan_space(walk->text, walk->at);
    if (place >= walk->text.len || walk->text.ptr[place] != mark)
        return false;
    walk->at = place + 1;
    return true;
}

static bool walk_is_at(struct walk *walk, char mark)
{
    walk->at = json_scan_space(walk->text, walk->at);
    return walk->at < walk->text.len && walk->text.ptr[walk->at] == mark;
}

/* The name of the next member with its colon; {NULL, 0} where there is none. As written: escapes are not looked at. */
static struct slice walk_name(struct walk *walk)
{
    size_t start = json_scan_space(walk->text, walk->at);
    size_t end = walk_is_at(walk, '"') ? json_scan_string(walk->text, start) : JSON_SCAN_NONE;
    if (end == JSON_SCAN_NONE)
        return (struct slice){NULL, 0};
    walk->at = end;
    return walk_take(walk, ':') ? slice_of(walk->text.ptr + start + 1, end - start - 2) : (struct slice){NULL, 0};
}

static bool walk_past(struct walk *walk)
{
    size_t end = json_scan_value(walk->text, json_scan_space(walk->text, walk->at));
    if (end == JSON_SCAN_NONE)
        return false;
    walk->at = end;
    return true;
}

/* Calls `visit` for each member's name with the walk at its value; visit moves on behind it. What does not look like an object
 * ends the walk: then the parser will say the same of it. */
static void walk_object(struct walk *walk, bool (*visit)(struct walk *walk, struct slice name))
{
    if (!walk_take(walk, '{'))
        return;
    do {
        struct slice name = walk_name(walk);
        if (!name.ptr || !visit(walk, name))
            return;
    } while (walk_take(walk, ','));
    (void)walk_take(walk, '}');
}

static bool visit_input(struct walk *walk, struct slice name)
{
    struct tensors_cuts *cuts = walk->cuts;
    if (!slice_is(name, "data") || !walk_is_at(walk, '[') || cuts->count == MODEL_TENSORS_MAX)
        return walk_past(walk);
    size_t end = json_scan_array(walk->text, walk->at);
    if (end == JSON_SCAN_NONE)
        return walk_past(walk); /* with strings in it */
    cuts->items[cuts->count++] = (struct tensor_cut){.start = walk->at, .end = end};
    walk->at = end;
    return true;
}

static bool visit_root(struct walk *walk, struct slice name)
{
    if (!slice_is(name, "inputs") || !walk_take(walk, '['))
        return walk_past(walk);
    do {
        walk_object(walk, visit_input);
    } while (walk_take(walk, ','));
    return walk_take(walk, ']');
}

static enum err parse_rest(struct tensors_plan *plan, const struct json_limits *limits, yyjson_val **ret_root)
{
    struct tensors_cuts *cuts = &plan->cuts;
    size_t bytes = cuts->text.len + cuts->count * PLACEHOLDER.len;
    for (uint32_t i = 0; i < cuts->count; i++)
        bytes -= cuts->items[i].end - cuts->items[i].start;
    char *rest = arena_alloc(plan->arena, bytes);
    if (!rest)
        return ERR_NOMEM;
    size_t places[MODEL_TENSORS_MAX];
    size_t from = 0;
    char *out = rest;
    for (uint32_t i = 0; i < cuts->count; i++) {
        out = slice_put(out, slice_of(cuts->text.ptr + from, cuts->items[i].start - from));
        places[i] = (size_t)(out - rest) + 1;
        out = slice_put(out, PLACEHOLDER);
        from = cuts->items[i].end;
    }
    (void)slice_put(out, slice_skip(cuts->text, from));
    struct json_document document;
    struct json_fault fault;
    TRY(json_parse(plan->arena, slice_of(rest, bytes), limits, &document, &fault));
    for (uint32_t i = 0; i < cuts->count; i++)
        cuts->items[i].place = document.copy + places[i];
    *ret_root = document.root;
    return ERR_OK;
}

bool tensors_scan(struct tensors_plan *plan, struct slice text, const struct json_limits *limits)
{
    struct walk walk = {.text = text, .cuts = &plan->cuts};
    yyjson_val *root;
    plan->cuts.text = text;
    plan->cuts.rank_max = limits->depth_max > DEPTH_AROUND ? limits->depth_max - DEPTH_AROUND : 0;
    walk_object(&walk, visit_root);
    if (plan->cuts.count == 0 || parse_rest(plan, limits, &root) != ERR_OK)
        return false;
    tensors_check(plan, root);
    return !plan->is_refused && plan->cuts.used == plan->cuts.count;
}

const struct tensor_cut *tensors_cut_of(struct tensors_plan *plan, yyjson_val *value)
{
    const char *place = json_text(value).ptr;
    for (uint32_t i = 0; place && i < plan->cuts.count; i++) {
        if (plan->cuts.items[i].place != place)
            continue;
        plan->cuts.used++;
        return &plan->cuts.items[i];
    }
    return NULL;
}

static bool element_of(enum tensor_type type, enum json_element *ret_element)
{
    switch (type) {
#define JSON_ELEMENT(name, type)                                                                                       \
    case TENSOR_##name:                                                                                                \
        *ret_element = JSON_ELEMENT_##name;                                                                            \
        return true;
        JSON_ELEMENTS(JSON_ELEMENT)
#undef JSON_ELEMENT
    default:
        return false;
    }
}

bool tensors_read(const struct tensors_plan *plan, uint32_t input, void *data)
{
    const struct tensor_spec *spec = &plan->model->inputs[input];
    const struct tensor_item *item = &plan->items[input];
    struct slice text = slice_first(plan->cuts.text, item->cut->end);
    size_t at = item->cut->start;
    size_t first = json_scan_space(text, at + 1);
    int64_t elements = tensor_elements(item->dims, spec->rank);
    bool is_nested = first < text.len && text.ptr[first] == '[';
    enum json_element element;
    if (!element_of(spec->type, &element) || (is_nested ? spec->rank : 1) > plan->cuts.rank_max)
        return false;
    enum err err = is_nested ? json_rows_read(text, &at, element, item->dims, spec->rank, data)
                             : json_row_read(text, &at, element, (size_t)elements, data);
    return err == ERR_OK && at == text.len;
}
