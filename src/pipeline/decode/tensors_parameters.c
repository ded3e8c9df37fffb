/* SPDX-License-Identifier: Apache-2.0 */
/* `parameters` of a v2 request in JSON: an object wherever it stands; what its members mean is inference_parameter.h's. */
#include "pipeline/decode/tensors_int.h"
#include "pipeline/inference_parameter.h"

#define FAULT_BYTES 300

static struct parameter parameter_of(yyjson_val *key, yyjson_val *value)
{
    struct parameter parameter = {.name = json_text(key), .kind = PARAMETER_OTHER, .found = json_kind(value)};
    if (yyjson_is_bool(value)) {
        parameter.kind = PARAMETER_BOOL;
        parameter.is_true = yyjson_get_bool(value);
    } else if (yyjson_is_uint(value)) {
        parameter.kind = PARAMETER_WHOLE;
        parameter.number = yyjson_get_uint(value);
    } else if (yyjson_is_sint(value)) {
        parameter.kind = PARAMETER_NEGATIVE;
        parameter.negative = yyjson_get_sint(value);
        parameter.found = "a negative one";
    } else if (json_is_number(value)) {
        parameter.kind = PARAMETER_REAL;
    } else if (yyjson_is_str(value)) {
        parameter.kind = PARAMETER_TEXT;
        parameter.text = json_text(value);
    }
    return parameter;
}

/* NULL where there are none, or what stands there is refused. */
static yyjson_val *find(struct tensors_plan *plan, yyjson_val *object, const struct text *pointer)
{
    yyjson_val *parameters = json_get(object, SLICE_LIT("parameters"));
    if (!parameters || yyjson_is_obj(parameters))
        return parameters;
    tensors_fault(plan, pointer, "Expected an object, got %s.", json_kind(parameters));
    return NULL;
}

static void refuse(struct tensors_plan *plan, const struct text *pointer, const struct parameter *parameter,
                   const char *why)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text whole = text_init(memory, sizeof memory);
    text_add(&whole, text_slice(pointer));
    json_pointer_add(&whole, parameter->name);
    tensors_fault(plan, &whole, "%s", why);
}

void tensors_take_parameters(struct tensors_plan *plan, yyjson_val *root)
{
    char memory[TENSORS_POINTER_BYTES];
    struct text pointer = tensors_pointer_to(memory, "/parameters");
    yyjson_val *parameters = find(plan, root, &pointer);
    yyjson_obj_iter iter = yyjson_obj_iter_with(parameters);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        char why[FAULT_BYTES] = "There is no memory for it.";
        struct text fault = text_init(why, sizeof why);
        struct parameter parameter = parameter_of(key, yyjson_obj_iter_get_val(key));
        if (inference_parameter_take(&plan->inference, &parameter, plan->arena, &fault) != ERR_OK)
            refuse(plan, &pointer, &parameter, why);
    }
}

bool tensors_read_parameters(struct tensors_plan *plan, yyjson_val *tensor, const struct text *pointer,
                             struct tensor_parameters *ret_parameters)
{
    uint32_t faults = plan->fault_count;
    char why[FAULT_BYTES];
    struct text fault;
    yyjson_val *parameters = find(plan, tensor, pointer);
    yyjson_obj_iter iter = yyjson_obj_iter_with(parameters);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct parameter parameter = parameter_of(key, yyjson_obj_iter_get_val(key));
        fault = text_init(why, sizeof why);
        if (tensor_parameter_take(ret_parameters, &parameter, &fault) != ERR_OK)
            refuse(plan, pointer, &parameter, why);
    }
    fault = text_init(why, sizeof why);
    if (plan->fault_count == faults && tensor_parameters_check(ret_parameters, &fault) != ERR_OK)
        tensors_fault(plan, pointer, "%s", why);
    return plan->fault_count == faults && !(plan->is_refused && faults == REQUEST_FAULTS_MAX);
}
