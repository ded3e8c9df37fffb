/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a pipeline as JSON: the members that the configuration names. */
#include "pipeline/graph/graph_int.h"
#include "pipeline/tensor_json.h"

#define FIRST_BYTES 4096

static void write_value(const struct graph_value *value, struct json_writer *writer);

static bool is_listed(const struct graph *graph, struct graph_source source)
{
    return graph_domain_of(graph->pipeline, source) != GRAPH_NO_DOMAIN;
}

uint32_t answer_count(const struct graph *graph, const struct graph_answer *answer)
{
    if (answer->domain == GRAPH_NO_DOMAIN)
        return 1;
    const struct cell *opener = &graph->steps[answer->domain - 1].cells[0];
    for (uint32_t i = 0; i < GRAPH_OUTPUTS_MAX; i++)
        if (opener->call.outputs[i].is_list)
            return opener->call.outputs[i].count;
    return 0;
}

bool answer_takes(const struct graph *graph, const struct graph_answer *answer, uint32_t index)
{
    return !answer->has_score || graph_value_at(graph, answer->score, index)->number >= answer->score_min;
}

enum verdict answer_write(struct graph *graph)
{
    struct request *request = graph->request;
    struct json_writer writer = json_writer_in_arena(&request->arena, FIRST_BYTES);
    struct slice body;
    json_write_object_begin(&writer);
    answer_write_members(graph, NULL, &writer);
    json_write_object_end(&writer);
    if (json_writer_finish(&writer, &body) != ERR_OK)
        return request_fail_memory(request);
    response_set(request, 200, "application/json", body);
    return VERDICT_NEXT;
}

void answer_write_element(struct graph *graph, const struct graph_answer *answer, uint32_t index,
                          struct json_writer *writer, bool has_index)
{
    json_write_object_begin(writer);
    if (has_index) {
        json_write_member_u64(writer, "index", index);
    }
    for (uint32_t i = 0; i < answer->field_count; i++) {
        json_write_key(writer, answer->fields[i].name);
        write_value(graph_value_at(graph, answer->fields[i].from, index), writer);
    }
    json_write_object_end(writer);
}

/* A text of all of a list; between them what the configuration says. */
static void write_joined(struct graph *graph, const struct graph_answer *answer, struct json_writer *writer)
{
    struct buffer text = buffer_in_arena(&graph->request->arena, FIRST_BYTES);
    struct slice all;
    bool has_some = false;
    for (uint32_t i = 0; i < answer_count(graph, answer); i++) {
        if (!answer_takes(graph, answer, i))
            continue;
        if (has_some)
            buffer_add(&text, answer->separator);
        buffer_add(&text, graph_value_at(graph, answer->fields[0].from, i)->text);
        has_some = true;
    }
    if (buffer_finish(&text, &all) == ERR_OK)
        json_write_string(writer, all);
    else
        json_write_null(writer);
}

static void write_list(struct graph *graph, const struct graph_answer *answer, struct json_writer *writer)
{
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < answer_count(graph, answer); i++) {
        if (!answer_takes(graph, answer, i))
            continue;
        if (answer->is_each)
            answer_write_element(graph, answer, i, writer, false);
        else
            write_value(graph_value_at(graph, answer->fields[0].from, i), writer);
    }
    json_write_array_end(writer);
}

void answer_write_members(struct graph *graph, const struct graph_answer *without, struct json_writer *writer)
{
    for (uint32_t i = 0; i < graph->pipeline->answer_count; i++) {
        const struct graph_answer *answer = &graph->pipeline->answers[i];
        if (answer == without)
            continue;
        json_write_key(writer, answer->name);
        if (answer->is_joined)
            write_joined(graph, answer, writer);
        else if (answer->is_each || is_listed(graph, answer->fields[0].from))
            write_list(graph, answer, writer);
        else
            write_value(graph_value_at(graph, answer->fields[0].from, 0), writer);
    }
}

static void write_box(const struct quad *box, struct json_writer *writer)
{
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < 4; i++) {
        json_write_array_begin(writer);
        json_write_f32(writer, box->corners[i].x);
        json_write_f32(writer, box->corners[i].y);
        json_write_array_end(writer);
    }
    json_write_array_end(writer);
}

/* {"datatype", "shape", "data"}. Types without a form in JSON are refused when the models are there (graph_bind). */
static void write_tensor(const struct graph_tensor *tensor, struct json_writer *writer)
{
    json_write_object_begin(writer);
    json_write_member_string(writer, "datatype", slice_of_text(tensor_type_name(tensor->type)));
    json_write_key(writer, SLICE_LIT("shape"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < tensor->rank; i++)
        json_write_i64(writer, tensor->dims[i]);
    json_write_array_end(writer);
    json_write_key(writer, SLICE_LIT("data"));
    if (tensor_type_has_json(tensor->type))
        tensor_write_data(writer, tensor->type, tensor->data, tensor->bytes);
    else
        json_write_null(writer);
    json_write_object_end(writer);
}

static void write_value(const struct graph_value *value, struct json_writer *writer)
{
    switch (value->type) {
    case GRAPH_TEXT:
        json_write_string(writer, value->text);
        break;
    case GRAPH_NUMBER:
        json_write_f32(writer, value->number);
        break;
    case GRAPH_BOX:
        write_box(&value->box, writer);
        break;
    case GRAPH_TENSOR:
        write_tensor(&value->tensor, writer);
        break;
    case GRAPH_FILE:
    case GRAPH_IMAGE:
        ASSERT(false, "a configuration whose answer is made of images is refused");
    }
}

/* --- What clients are told ---------------------------------------------------------------------------------------- */

static const char *schema_of(enum graph_type type)
{
    switch (type) {
    case GRAPH_TEXT:
        return "{\"type\":\"string\"}";
    case GRAPH_NUMBER:
        return "{\"type\":[\"number\",\"null\"]}";
    case GRAPH_BOX:
        return "{\"type\":\"array\",\"description\":\"Corners, x and y, clockwise from the upper left "
               "one.\",\"minItems\":4,"
               "\"maxItems\":4,\"items\":{\"type\":\"array\",\"minItems\":2,\"maxItems\":2,\"items\":{\"type\":"
               "\"number\"}}}";
    default:
        return "{\"type\":\"object\",\"required\":[\"datatype\",\"shape\",\"data\"],\"properties\":{\"datatype\":{"
               "\"type\":\"string\"},\"shape\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},\"data\":{"
               "\"type\":"
               "\"array\",\"items\":{\"type\":[\"number\",\"null\",\"string\",\"boolean\"]}}}}";
    }
}

static void describe_fields(const struct pipeline *pipeline, const struct graph_answer *answer,
                            struct json_writer *writer)
{
    json_write_object_begin(writer);
    json_write_member_string(writer, "type", SLICE_LIT("object"));
    json_write_key(writer, SLICE_LIT("required"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < answer->field_count; i++)
        json_write_string(writer, answer->fields[i].name);
    json_write_array_end(writer);
    json_write_key(writer, SLICE_LIT("properties"));
    json_write_object_begin(writer);
    for (uint32_t i = 0; i < answer->field_count; i++) {
        json_write_key(writer, answer->fields[i].name);
        json_write_raw(writer, slice_of_text(schema_of(graph_output_of(pipeline, answer->fields[i].from)->type)));
    }
    json_write_object_end(writer);
    json_write_object_end(writer);
}

static void describe_one(const struct pipeline *pipeline, const struct graph_answer *answer, struct json_writer *writer)
{
    enum graph_type type = graph_output_of(pipeline, answer->fields[0].from)->type;
    bool is_list = !answer->is_joined && (answer->is_each || answer->domain != GRAPH_NO_DOMAIN);
    if (is_list) {
        json_write_object_begin(writer);
        json_write_member_string(writer, "type", SLICE_LIT("array"));
        json_write_key(writer, SLICE_LIT("items"));
    }
    if (answer->is_each)
        describe_fields(pipeline, answer, writer);
    else
        json_write_raw(writer, slice_of_text(schema_of(type)));
    if (is_list)
        json_write_object_end(writer);
}

enum err graph_describe_answer(const struct pipeline *pipeline, struct arena *arena, struct slice *ret_schema)
{
    struct json_writer writer = json_writer_in_arena(arena, FIRST_BYTES);
    json_write_object_begin(&writer);
    json_write_member_string(&writer, "type", SLICE_LIT("object"));
    json_write_key(&writer, SLICE_LIT("required"));
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < pipeline->answer_count; i++)
        json_write_string(&writer, pipeline->answers[i].name);
    json_write_array_end(&writer);
    json_write_key(&writer, SLICE_LIT("properties"));
    json_write_object_begin(&writer);
    for (uint32_t i = 0; i < pipeline->answer_count; i++) {
        json_write_key(&writer, pipeline->answers[i].name);
        describe_one(pipeline, &pipeline->answers[i], &writer);
    }
    json_write_object_end(&writer);
    json_write_object_end(&writer);
    return json_writer_finish(&writer, ret_schema);
}
