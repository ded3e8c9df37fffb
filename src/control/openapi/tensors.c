/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of the Open Inference Protocol as schemas: names, datatypes and shapes as the loaded model declares them. That
 * `data` has as many elements as `shape` says no schema can tell; decode/tensors_check.c does. */
#include "control/openapi/openapi_int.h"

#include "pipeline/tensor.h"

#define SHAPE_BYTES  640
#define SYMBOL_SHOWN 64
#define PARAMETERS   "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\"]}}"

/* One element of `data`; NULL: the type has no form in JSON. Floats of responses may be null (NaN and the infinities). */
static const struct {
    const char *request;
    const char *response;
} elements[] = {
    [TENSOR_BOOL] = {"{\"type\":\"boolean\"}", "{\"type\":\"boolean\"}"},
#define WHOLE(least, most)                                                                                             \
    {"{\"type\":\"integer\",\"minimum\":" #least ",\"maximum\":" #most "}",                                            \
     "{\"type\":\"integer\",\"minimum\":" #least ",\"maximum\":" #most "}"}
    [TENSOR_U8] = WHOLE(0, 255),
    [TENSOR_U16] = WHOLE(0, 65535),
    [TENSOR_U32] = WHOLE(0, 4294967295),
    [TENSOR_U64] = WHOLE(0, 18446744073709551615),
    [TENSOR_I8] = WHOLE(-128, 127),
    [TENSOR_I16] = WHOLE(-32768, 32767),
    [TENSOR_I32] = WHOLE(-2147483648, 2147483647),
    [TENSOR_I64] = WHOLE(-9223372036854775808, 9223372036854775807),
#undef WHOLE
    [TENSOR_F32] = {"{\"type\":\"number\"}", "{\"type\":[\"number\",\"null\"]}"},
    [TENSOR_F64] = {"{\"type\":\"number\"}", "{\"type\":[\"number\",\"null\"]}"},
    [TENSOR_BYTES] = {"{\"type\":\"string\"}", "{\"type\":\"string\"}"},
};

static const char *element_of(const struct tensor_spec *spec, bool is_request)
{
    return is_request ? elements[spec->type].request : elements[spec->type].response;
}

static void write_const(struct json_writer *out, const char *key, struct slice value)
{
    put_object(out, key);
    put_text(out, "const", value);
    json_write_object_end(out);
}

static void write_dim(struct json_writer *out, const struct tensor_spec *spec, uint32_t i)
{
    json_write_object_begin(out);
    if (spec->dims[i] == TENSOR_DIM_ANY) {
        put_text(out, "type", SLICE_LIT("integer"));
        put_u64(out, "minimum", 1);
        if (spec->symbols[i].len)
            put_text(out, "description", spec->symbols[i]);
    } else {
        json_write_key(out, SLICE_LIT("const"));
        json_write_i64(out, spec->dims[i]);
    }
    json_write_object_end(out);
}

/* "[batch, 3, ?, 192]" */
static void put_dims(struct json_writer *out, const struct tensor_spec *spec)
{
    char memory[SHAPE_BYTES];
    struct text text = text_init(memory, sizeof memory);
    for (uint32_t i = 0; i < spec->rank; i++) {
        text_add(&text, i ? SLICE_LIT(", ") : SLICE_LIT("["));
        if (spec->dims[i] != TENSOR_DIM_ANY)
            text_printf(&text, "%lld", (long long)spec->dims[i]);
        else
            text_add(&text, spec->symbols[i].len ? slice_first(spec->symbols[i], SYMBOL_SHOWN) : SLICE_LIT("?"));
    }
    text_add(&text, spec->rank ? SLICE_LIT("]") : SLICE_LIT("[]"));
    put_text(out, "description", text_slice(&text));
}

/* Of a request each size is told; whoever reads a response finds them in it. */
static void write_shape(struct json_writer *out, const struct tensor_spec *spec, bool is_request)
{
    put_object(out, "shape");
    put_text(out, "type", SLICE_LIT("array"));
    put_u64(out, "minItems", spec->rank);
    put_u64(out, "maxItems", spec->rank);
    put_dims(out, spec);
    if (spec->rank && is_request) {
        put_array(out, "prefixItems");
        for (uint32_t i = 0; i < spec->rank; i++)
            write_dim(out, spec, i);
        json_write_array_end(out);
    }
    put_json(out, "items", SLICE_LIT("{\"type\":\"integer\",\"minimum\":1}"));
    json_write_object_end(out);
}

static void write_data(struct json_writer *out, const struct tensor_spec *spec, bool is_request)
{
    const char *element = element_of(spec, is_request);
    put_object(out, "data");
    put_text(out, "type", SLICE_LIT("array"));
    if (!element) {
        put_text(out, "description", SLICE_LIT("This type has no form in JSON: it goes in binary behind it."));
        put_json(out, "items", SLICE_LIT("{}"));
        json_write_object_end(out);
        return;
    }
    put_text(out, "description",
             is_request ? SLICE_LIT("Row by row, flat or nested as the shape says.") : SLICE_LIT("Row by row, flat."));
    if (is_request)
        put_u64(out, "minItems", 1);
    if (is_request && spec->rank > 1) {
        put_object(out, "items");
        put_array(out, "anyOf");
        json_write_raw(out, slice_of_text(element));
        json_write_raw(out, SLICE_LIT("{\"type\":\"array\",\"minItems\":1,\"items\":{}}"));
        json_write_array_end(out);
        json_write_object_end(out);
    } else {
        put_json(out, "items", slice_of_text(element));
    }
    json_write_object_end(out);
}

static void write_tensor(struct json_writer *out, const struct tensor_spec *spec, bool is_request)
{
    json_write_object_begin(out);
    put_text(out, "type", SLICE_LIT("object"));
    put_text(out, "title", spec->name);
    put_json(out, "required",
             is_request && element_of(spec, true) ? SLICE_LIT("[\"name\",\"datatype\",\"shape\",\"data\"]")
                                                  : SLICE_LIT("[\"name\",\"datatype\",\"shape\"]"));
    put_object(out, "properties");
    put_json(out, "parameters", SLICE_LIT(PARAMETERS));
    write_const(out, "name", spec->name);
    write_const(out, "datatype", slice_of_text(tensor_type_name(spec->type)));
    write_shape(out, spec, is_request);
    write_data(out, spec, is_request);
    json_write_object_end(out);
    json_write_object_end(out);
}

/* A tensor of which nothing is known. */
static const char any_tensor[] =
    "{\"type\":\"object\",\"required\":[\"name\",\"datatype\",\"shape\"],\"properties\":{\"name\":{\"type\":"
    "\"string\"},\"datatype\":{\"type\":\"string\"},\"shape\":{\"type\":\"array\",\"items\":{\"type\":\"integer\","
    "\"minimum\":1}},\"data\":{\"type\":\"array\",\"items\":{}}}}";

static bool has_scores(const struct tensor_spec *specs, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (specs[i].type != TENSOR_BYTES && specs[i].type != TENSOR_BOOL)
            return true;
    return false;
}

/* What an output becomes of which the best classes are asked for. */
static const char classes[] =
    "{\"type\":\"object\",\"title\":\"classes\",\"required\":[\"name\",\"datatype\",\"shape\"],\"properties\":{"
    "\"name\":{"
    "\"type\":\"string\"},\"datatype\":{\"const\":\"BYTES\"},\"shape\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":"
    "2,"
    "\"items\":{\"type\":\"integer\",\"minimum\":0}},\"data\":{\"type\":\"array\",\"description\":\"score:index or "
    "score:index:label, the best first.\",\"items\":{\"type\":\"string\"}}}}";

/* An array of tensors: all of them, or in a response those that were asked for. */
static void write_tensors(struct json_writer *out, const char *key, const struct tensor_spec *specs, uint32_t count,
                          bool is_request)
{
    bool has_classes = !is_request && has_scores(specs, count);
    put_object(out, key);
    put_text(out, "type", SLICE_LIT("array"));
    if (specs)
        put_u64(out, "maxItems", count);
    put_u64(out, "minItems", specs && is_request ? count : 1);
    json_write_key(out, SLICE_LIT("items"));
    if (!specs) {
        json_write_raw(out, slice_of_text(any_tensor));
    } else if (count == 1 && !has_classes) {
        write_tensor(out, specs, is_request);
    } else {
        json_write_object_begin(out);
        put_array(out, "anyOf");
        for (uint32_t i = 0; i < count; i++)
            write_tensor(out, &specs[i], is_request);
        if (has_classes)
            json_write_raw(out, slice_of_text(classes));
        json_write_array_end(out);
        json_write_object_end(out);
    }
    json_write_object_end(out);
}

static void write_wanted(struct json_writer *out, const struct model_info *model)
{
    put_object(out, "outputs");
    put_text(out, "type", SLICE_LIT("array"));
    put_text(out, "description", SLICE_LIT("The outputs that are wanted; without it all."));
    put_object(out, "items");
    put_text(out, "type", SLICE_LIT("object"));
    put_json(out, "required", SLICE_LIT("[\"name\"]"));
    put_object(out, "properties");
    put_object(out, "name");
    put_text(out, "type", SLICE_LIT("string"));
    if (model) {
        put_array(out, "enum");
        for (uint32_t i = 0; i < model->output_count; i++)
            json_write_string(out, model->outputs[i].name);
        json_write_array_end(out);
    }
    json_write_object_end(out);
    put_json(out, "parameters", SLICE_LIT(PARAMETERS));
    json_write_object_end(out);
    json_write_object_end(out);
    json_write_object_end(out);
}

static struct slice request_of(struct openapi *api, const struct model_info *model)
{
    struct json_writer out = json_writer_in_arena(api->arena, 2048);
    json_write_object_begin(&out);
    put_text(&out, "type", SLICE_LIT("object"));
    put_json(&out, "required", SLICE_LIT("[\"inputs\"]"));
    put_object(&out, "properties");
    put_json(&out, "id", SLICE_LIT("{\"type\":\"string\",\"description\":\"Comes back with the response.\"}"));
    put_json(&out, "parameters", SLICE_LIT(PARAMETERS));
    write_tensors(&out, "inputs", model ? model->inputs : NULL, model ? model->input_count : 0, true);
    write_wanted(&out, model);
    json_write_object_end(&out);
    json_write_object_end(&out);
    struct slice name = model ? openapi_printf(api, "InferenceRequest." SLICE_FMT, SLICE_ARG(model->name))
                              : SLICE_LIT("InferenceRequest");
    return component_ref(api, COMPONENT_SCHEMA, name, openapi_finish(api, &out));
}

static struct slice response_of(struct openapi *api, const struct model_info *model)
{
    struct json_writer out = json_writer_in_arena(api->arena, 2048);
    json_write_object_begin(&out);
    put_text(&out, "type", SLICE_LIT("object"));
    put_json(&out, "required", SLICE_LIT("[\"model_name\",\"model_version\",\"outputs\"]"));
    put_object(&out, "properties");
    if (model) {
        write_const(&out, "model_name", model->name);
        write_const(&out, "model_version", model->version);
    } else {
        put_json(&out, "model_name", SLICE_LIT("{\"type\":\"string\"}"));
        put_json(&out, "model_version", SLICE_LIT("{\"type\":\"string\"}"));
    }
    put_json(&out, "id", SLICE_LIT("{\"type\":\"string\"}"));
    write_tensors(&out, "outputs", model ? model->outputs : NULL, model ? model->output_count : 0, false);
    json_write_object_end(&out);
    json_write_object_end(&out);
    struct slice name = model ? openapi_printf(api, "InferenceResponse." SLICE_FMT, SLICE_ARG(model->name))
                              : SLICE_LIT("InferenceResponse");
    return component_ref(api, COMPONENT_SCHEMA, name, openapi_finish(api, &out));
}

/* The path chooses the model, so what fits one of them may be right. While one of them is not loaded, anything may. */
static struct slice of_all(struct openapi *api, struct slice (*write)(struct openapi *, const struct model_info *))
{
    const struct config *config = api->config;
    uint32_t count = config->models.count;
    for (uint32_t i = 0; i < count; i++)
        if (!target_model(config->model_entries[i]))
            return write(api, NULL);
    if (count == 0)
        return write(api, NULL);
    if (count == 1)
        return write(api, target_model(config->model_entries[0]));
    struct json_writer out = json_writer_in_arena(api->arena, 256);
    json_write_object_begin(&out);
    put_array(&out, "anyOf");
    for (uint32_t i = 0; i < count; i++)
        json_write_raw(&out, write(api, target_model(config->model_entries[i])));
    json_write_array_end(&out);
    json_write_object_end(&out);
    return openapi_finish(api, &out);
}

struct slice tensors_request(struct openapi *api, const struct model_info *model)
{
    return model ? request_of(api, model) : of_all(api, request_of);
}

struct slice tensors_response(struct openapi *api, const struct model_info *model)
{
    return model ? response_of(api, model) : of_all(api, response_of);
}

struct slice tensors_metadata(struct openapi *api)
{
    static const char json[] =
        "{\"type\":\"object\",\"required\":[\"name\",\"versions\",\"platform\",\"inputs\",\"outputs\"],\"properties\":{"
        "\"name\":{\"type\":\"string\"},\"versions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"platform\":"
        "{"
        "\"type\":\"string\"},\"inputs\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/"
        "TensorMetadata\"}},\"outputs\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/TensorMetadata"
        "\"}}}}";
    static const char tensor[] =
        "{\"type\":\"object\",\"required\":[\"name\",\"datatype\",\"shape\"],\"properties\":{\"name\":{\"type\":"
        "\"string\"},\"datatype\":{\"type\":\"string\"},\"shape\":{\"type\":\"array\",\"description\":\"-1 stands for "
        "any size.\",\"items\":{\"type\":\"integer\",\"minimum\":-1}}}}";
    (void)component_add(api, COMPONENT_SCHEMA, SLICE_LIT("TensorMetadata"), SLICE_LIT(tensor));
    return component_ref(api, COMPONENT_SCHEMA, SLICE_LIT("ModelMetadata"), SLICE_LIT(json));
}
