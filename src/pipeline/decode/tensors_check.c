/* SPDX-License-Identifier: Apache-2.0 */
/* Holds a v2 request against what the model declares: names, datatypes, shapes, and whether the arrays of `data` have
 * the form that the shape says. The numbers themselves are not looked at here, so the cost is that of the arrays. */
#include "pipeline/decode/decode_int.h"
#include "pipeline/decode/tensors_int.h"
#include "pipeline/inference_parameter.h"

#include <stdarg.h>

#define NAME_SHOWN 64 /* of a client's text in a message */

static void check_id(struct tensors_plan *plan, yyjson_val *root);
static void check_inputs(struct tensors_plan *plan, yyjson_val *root);
static void check_outputs(struct tensors_plan *plan, yyjson_val *root);
static void check_input(struct tensors_plan *plan, yyjson_val *input, uint32_t position);
static bool check_type(struct tensors_plan *plan, yyjson_val *input, const struct tensor_spec *spec, uint32_t position);
static bool check_shape(struct tensors_plan *plan, yyjson_val *input, const struct tensor_spec *spec,
                        struct tensor_item *item);
static void check_data(struct tensors_plan *plan, yyjson_val *input, const struct tensor_spec *spec,
                       struct tensor_item *item);
static void check_json_data(struct tensors_plan *plan, yyjson_val *data, const struct tensor_spec *spec,
                            struct tensor_item *item);
static void check_missing(struct tensors_plan *plan);
static void add_wish(struct tensors_plan *plan, yyjson_val *output, uint32_t position, uint32_t index);
static void fail_name(struct tensors_plan *plan, const struct text *pointer, const char *kind,
                      const struct tensor_spec *specs, uint32_t count, struct slice name);

void tensors_check(struct tensors_plan *plan, yyjson_val *root)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = text_init(memory, sizeof memory);
    if (!yyjson_is_obj(root)) {
        tensors_fault(plan, &pointer, "Expected an object with \"inputs\", got %s.", json_kind(root));
        return;
    }
    check_id(plan, root);
    tensors_take_parameters(plan, root);
    check_inputs(plan, root);
    check_outputs(plan, root);
}

void tensors_fault(struct tensors_plan *plan, const struct text *pointer, const char *format, ...)
{
    char line[400];
    struct text out = text_init(line, sizeof line);
    plan->is_refused = true;
    if (plan->fault_count == REQUEST_FAULTS_MAX)
        return;
    va_list args;
    va_start(args, format);
    text_vprintf(&out, format, args);
    va_end(args);
    struct request_fault fault = {
        .pointer = arena_copy(plan->arena, text_slice(pointer)),
        .detail = arena_copy(plan->arena, text_slice(&out)),
    };
    if (fault.pointer.ptr && fault.detail.ptr)
        plan->faults[plan->fault_count++] = fault;
}

/* Most are made for a fault that is not there: printf took a fifth of a small request. */
static struct text pointer_to_item(char *memory, const char *list, uint32_t position, const char *member)
{
    struct text pointer = tensors_pointer_to(memory, list);
    json_pointer_add_index(&pointer, position);
    if (member) {
        text_add(&pointer, SLICE_LIT("/"));
        text_add(&pointer, slice_of_text(member));
    }
    return pointer;
}

struct text tensors_pointer(char *memory, uint32_t position, const char *member)
{
    return pointer_to_item(memory, "/inputs", position, member);
}

struct text tensors_pointer_to(char *memory, const char *path)
{
    struct text pointer = text_init(memory, TENSORS_POINTER_BYTES);
    text_add(&pointer, slice_of_text(path));
    return pointer;
}

static void check_id(struct tensors_plan *plan, yyjson_val *root)
{
    char memory[TENSORS_POINTER_BYTES];
    yyjson_val *id = json_get(root, SLICE_LIT("id"));
    plan->inference.id = json_text(id);
    if (!id || plan->inference.id.ptr)
        return;
    struct text pointer = tensors_pointer_to(memory, "/id");
    tensors_fault(plan, &pointer, "Expected a string, got %s.", json_kind(id));
}

static void check_inputs(struct tensors_plan *plan, yyjson_val *root)
{
    char memory[TENSORS_POINTER_BYTES];
    yyjson_val *inputs = json_get(root, SLICE_LIT("inputs"));
    if (!yyjson_is_arr(inputs)) {
        struct text pointer = tensors_pointer_to(memory, "/inputs");
        tensors_fault(plan, &pointer, "Expected an array of tensors, got %s.", json_kind(inputs));
        return;
    }
    uint32_t position = 0;
    yyjson_arr_iter iter = yyjson_arr_iter_with(inputs);
    for (yyjson_val *input; (input = yyjson_arr_iter_next(&iter)) && plan->fault_count < REQUEST_FAULTS_MAX;)
        check_input(plan, input, position++);
    check_missing(plan);
    tensors_check_tail(plan);
}

static int find_spec(const struct tensor_spec *specs, uint32_t count, struct slice name)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(specs[i].name, name))
            return (int)i;
    return -1;
}

static void check_input(struct tensors_plan *plan, yyjson_val *input, uint32_t position)
{
    char memory[TENSORS_POINTER_BYTES];
    if (!yyjson_is_obj(input)) {
        struct text whole = tensors_pointer(memory, position, NULL);
        tensors_fault(plan, &whole, "Expected an object, got %s.", json_kind(input));
        return;
    }
    struct text pointer = tensors_pointer(memory, position, "name");
    yyjson_val *name = json_get(input, SLICE_LIT("name"));
    if (!yyjson_is_str(name)) {
        tensors_fault(plan, &pointer, "Expected the name of an input, got %s.", json_kind(name));
        return;
    }
    const struct model_info *model = plan->model;
    int index = find_spec(model->inputs, model->input_count, json_text(name));
    if (index < 0) {
        fail_name(plan, &pointer, "input", model->inputs, model->input_count, json_text(name));
        return;
    }
    struct tensor_item *item = &plan->items[index];
    if (item->is_given) {
        tensors_fault(plan, &pointer, "The input \"" SLICE_FMT "\" is given twice.",
                      SLICE_ARG(model->inputs[index].name));
        return;
    }
    item->is_given = true;
    item->position = position;
    const struct tensor_spec *spec = &model->inputs[index];
    bool has_type = check_type(plan, input, spec, position);
    bool has_shape = check_shape(plan, input, spec, item);
    if (has_type && has_shape)
        check_data(plan, input, spec, item);
}

static bool check_type(struct tensors_plan *plan, yyjson_val *input, const struct tensor_spec *spec, uint32_t position)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer(memory, position, "datatype");
    yyjson_val *datatype = json_get(input, SLICE_LIT("datatype"));
    struct slice name = json_text(datatype);
    const char *wanted = tensor_type_name(spec->type);
    if (!name.ptr)
        tensors_fault(plan, &pointer, "Expected \"%s\", got %s.", wanted, json_kind(datatype));
    else if (!slice_is(name, wanted))
        tensors_fault(plan, &pointer, "Expected \"%s\", got \"" SLICE_FMT "\".", wanted,
                      SLICE_ARG(slice_first(name, NAME_SHOWN)));
    else
        return true;
    return false;
}

/* What is wrong with a shape, in one line that also says what is right. */
static void fail_shape(struct tensors_plan *plan, const struct tensor_spec *spec, const struct tensor_item *item,
                       const char *what)
{
    char memory[TENSORS_POINTER_BYTES];
    char shape_memory[TENSOR_SHAPE_BYTES];
    struct text pointer = tensors_pointer(memory, item->position, "shape");
    struct text shape = text_init(shape_memory, sizeof shape_memory);
    tensor_shape_print(&shape, spec->dims, spec->rank);
    tensors_fault(plan, &pointer, "%s; the input \"" SLICE_FMT "\" is %s, where -1 is any size.", what,
                  SLICE_ARG(spec->name), shape.ptr);
}

static bool read_dims(yyjson_val *shape, struct tensor_item *item)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(shape);
    yyjson_val *dim;
    for (uint32_t i = 0; (dim = yyjson_arr_iter_next(&iter)); i++) {
        if (!yyjson_is_uint(dim) || yyjson_get_uint(dim) > INT64_MAX)
            return false;
        item->dims[i] = (int64_t)yyjson_get_uint(dim);
    }
    return true;
}

static bool check_shape(struct tensors_plan *plan, yyjson_val *input, const struct tensor_spec *spec,
                        struct tensor_item *item)
{
    char what[160];
    struct text out = text_init(what, sizeof what);
    yyjson_val *shape = json_get(input, SLICE_LIT("shape"));
    if (!yyjson_is_arr(shape)) {
        text_printf(&out, "Expected an array of sizes, got %s", json_kind(shape));
        fail_shape(plan, spec, item, what);
        return false;
    }
    if (yyjson_arr_size(shape) != spec->rank) {
        text_printf(&out, "Expected %u dimensions, got %zu", spec->rank, yyjson_arr_size(shape));
        fail_shape(plan, spec, item, what);
        return false;
    }
    if (!read_dims(shape, item)) {
        fail_shape(plan, spec, item, "A dimension must be a whole number");
        return false;
    }
    int64_t elements = tensor_elements(item->dims, spec->rank);
    if (!tensor_dims_fit(spec, item->dims, spec->rank))
        fail_shape(plan, spec, item, "The shape does not fit");
    else if (elements < 0 || (uint64_t)elements > plan->bytes_max / tensor_element_bytes(spec->type))
        fail_shape(plan, spec, item, "The tensor takes more memory than a request may have");
    else
        return true;
    return false;
}

/* On the way down into nested data. */
struct descent {
    struct tensors_plan *plan;
    const struct tensor_spec *spec;
    const struct tensor_item *item;
    size_t indices[TENSOR_RANK_MAX];
};

static void fail_descent(const struct descent *descent, yyjson_val *value, uint32_t level)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer(memory, descent->item->position, "data");
    for (uint32_t i = 0; i < level; i++)
        json_pointer_add_index(&pointer, descent->indices[i]);
    long long wanted = (long long)descent->item->dims[level];
    if (yyjson_is_arr(value))
        tensors_fault(descent->plan, &pointer, "Expected an array of %lld, as the shape says; it has %zu.", wanted,
                      yyjson_arr_size(value));
    else
        tensors_fault(descent->plan, &pointer, "Expected an array of %lld, as the shape says; got %s.", wanted,
                      json_kind(value));
}

/* Stops at the first array that is not as the shape says: those behind it would only say the same. */
static bool check_nested(struct descent *descent, yyjson_val *value, uint32_t level)
{
    if (!yyjson_is_arr(value) || yyjson_arr_size(value) != (size_t)descent->item->dims[level]) {
        fail_descent(descent, value, level);
        return false;
    }
    if (level + 1 == descent->spec->rank)
        return true;
    yyjson_arr_iter iter = yyjson_arr_iter_with(value);
    for (yyjson_val *child; (child = yyjson_arr_iter_next(&iter)); descent->indices[level]++)
        if (!check_nested(descent, child, level + 1))
            return false;
    descent->indices[level] = 0;
    return true;
}

static void check_data(struct tensors_plan *plan, yyjson_val *input, const struct tensor_spec *spec,
                       struct tensor_item *item)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer(memory, item->position, "parameters");
    struct tensor_parameters parameters = {0};
    yyjson_val *data = json_get(input, SLICE_LIT("data"));
    if (!tensors_read_parameters(plan, input, &pointer, &parameters))
        return;
    bool is_elsewhere = parameters.has_binary_bytes || parameters.shared.region.ptr;
    if (is_elsewhere && data) {
        pointer = tensors_pointer(memory, item->position, "data");
        tensors_fault(plan, &pointer, "Its parameters say that the data are elsewhere.");
    } else if (parameters.has_binary_bytes) {
        tensors_take_binary(plan, spec, item, parameters.binary_bytes);
    } else if (is_elsewhere) {
        tensors_take_shared(plan, spec, item, &parameters.shared);
    } else {
        check_json_data(plan, data, spec, item);
    }
}

static void check_json_data(struct tensors_plan *plan, yyjson_val *data, const struct tensor_spec *spec,
                            struct tensor_item *item)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer(memory, item->position, "data");
    item->data = data;
    if (spec->type == TENSOR_F16 || spec->type == TENSOR_BF16) {
        tensors_fault(plan, &pointer, "%s has no form in JSON; send it in binary behind the JSON (binary_data_size).",
                      tensor_type_name(spec->type));
        return;
    }
    item->cut = tensors_cut_of(plan, data);
    if (item->cut)
        return; /* tensors_read looks at it */
    if (!yyjson_is_arr(data)) {
        tensors_fault(plan, &pointer, "Expected an array, got %s.", json_kind(data));
        return;
    }
    item->is_nested = spec->rank > 1 && yyjson_is_arr(yyjson_arr_get_first(data));
    if (item->is_nested) {
        struct descent descent = {.plan = plan, .spec = spec, .item = item};
        (void)check_nested(&descent, data, 0);
        return;
    }
    int64_t elements = tensor_elements(item->dims, spec->rank);
    if (yyjson_arr_size(data) != (size_t)elements)
        tensors_fault(plan, &pointer, "Expected %lld elements, as the shape says; got %zu.", (long long)elements,
                      yyjson_arr_size(data));
}

static void check_missing(struct tensors_plan *plan)
{
    char memory[TENSORS_POINTER_BYTES];
    char shape_memory[TENSOR_SHAPE_BYTES];
    for (uint32_t i = 0; i < plan->model->input_count; i++) {
        const struct tensor_spec *spec = &plan->model->inputs[i];
        if (plan->items[i].is_given || (plan->model->written_inputs & 1U << i))
            continue;
        struct text pointer = tensors_pointer_to(memory, "/inputs");
        struct text shape = text_init(shape_memory, sizeof shape_memory);
        tensor_shape_print(&shape, spec->dims, spec->rank);
        tensors_fault(plan, &pointer, "The input \"" SLICE_FMT "\" is missing: %s %s, where -1 is any size.",
                      SLICE_ARG(spec->name), tensor_type_name(spec->type), shape.ptr);
    }
}

static void check_output(struct tensors_plan *plan, yyjson_val *output, uint32_t position)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = pointer_to_item(memory, "/outputs", position, NULL);
    yyjson_val *name = json_get(output, SLICE_LIT("name"));
    if (!yyjson_is_str(name)) {
        tensors_fault(plan, &pointer, "Expected an object with the name of an output, got %s.",
                      yyjson_is_obj(output) ? "one without" : json_kind(output));
        return;
    }
    pointer = pointer_to_item(memory, "/outputs", position, "name");
    const struct model_info *model = plan->model;
    int index = find_spec(model->outputs, model->output_count, json_text(name));
    if (index < 0) {
        fail_name(plan, &pointer, "output", model->outputs, model->output_count, json_text(name));
        return;
    }
    for (uint32_t i = 0; i < plan->inference.output_count; i++)
        if (plan->outputs[i].index == (uint32_t)index) {
            tensors_fault(plan, &pointer, "The output \"" SLICE_FMT "\" is asked for twice.",
                          SLICE_ARG(model->outputs[index].name));
            return;
        }
    add_wish(plan, output, position, (uint32_t)index);
}

static void add_wish(struct tensors_plan *plan, yyjson_val *output, uint32_t position, uint32_t index)
{
    char memory[TENSORS_POINTER_BYTES];
    char why[300];
    struct text pointer = pointer_to_item(memory, "/outputs", position, "parameters");
    struct text fault = text_init(why, sizeof why);
    struct tensor_parameters parameters = {0};
    struct output_wish *wish = &plan->outputs[plan->inference.output_count];
    if (!tensors_read_parameters(plan, output, &pointer, &parameters))
        return;
    if (output_wish_make(&parameters, &plan->inference, &plan->model->outputs[index], index, wish, &fault) != ERR_OK)
        tensors_fault(plan, &pointer, "%s", why);
    else
        plan->inference.output_count++;
}

static void check_outputs(struct tensors_plan *plan, yyjson_val *root)
{
    char memory[TENSORS_POINTER_BYTES];
    yyjson_val *outputs = json_get(root, SLICE_LIT("outputs"));
    if (!outputs)
        return;
    if (!yyjson_is_arr(outputs)) {
        struct text pointer = tensors_pointer_to(memory, "/outputs");
        tensors_fault(plan, &pointer, "Expected an array, got %s.", json_kind(outputs));
        return;
    }
    uint32_t position = 0;
    yyjson_arr_iter iter = yyjson_arr_iter_with(outputs);
    for (yyjson_val *output; (output = yyjson_arr_iter_next(&iter)) && plan->fault_count < REQUEST_FAULTS_MAX;)
        check_output(plan, output, position++);
}

static void fail_name(struct tensors_plan *plan, const struct text *pointer, const char *kind,
                      const struct tensor_spec *specs, uint32_t count, struct slice name)
{
    const char *names[MODEL_TENSORS_MAX] = {NULL};
    size_t names_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct slice copy = arena_copy(plan->arena, specs[i].name); /* with a NUL */
        if (copy.ptr)
            names[names_count++] = copy.ptr;
    }
    struct slice shown = slice_first(name, NAME_SHOWN);
    const char *nearest = text_nearest(shown, names, names_count);
    if (!nearest && names_count == 1)
        nearest = names[0];
    if (nearest)
        tensors_fault(plan, pointer, "The model has no %s \"" SLICE_FMT "\"; did you mean \"%s\"?", kind,
                      SLICE_ARG(shown), nearest);
    else
        tensors_fault(plan, pointer, "The model has no %s \"" SLICE_FMT "\".", kind, SLICE_ARG(shown));
}
