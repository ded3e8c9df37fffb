/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of target takes and answers. The bodies of the built-in endpoints stand here as schemas; e2e/openapi holds
 * running servers against them. */
#include "control/openapi/openapi_int.h"

#include "lib/meter/exposition.h"
#include "pipeline/contract.h"
#include "pipeline/files.h"
#include "pipeline/graph.h"
#include "pipeline/image_body.h"

#define JSON  "application/json"
#define BYTES "application/octet-stream"
#define TENSOR_BODY                                                                                                    \
    "{\"type\":\"string\",\"format\":\"binary\",\"description\":\"The same document with tensors in binary behind "    \
    "it; the header "                                                                                                  \
    "Inference-Header-Content-Length says how many bytes are JSON.\"}"

#define CONFIG_TENSORS                                                                                                 \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"data_type\",\"dims\"],"               \
    "\"properties\":{"                                                                                                 \
    "\"name\":{\"type\":\"string\"},\"data_type\":{\"type\":\"string\"},\"dims\":{\"type\":\"array\",\"items\":{"      \
    "\"type\":"                                                                                                        \
    "\"integer\",\"minimum\":-1}}}}}"
#define NOTHING "{\"type\":\"object\"}"
#define REGIONS                                                                                                        \
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"key\",\"offset\",\"byte_size\"],"     \
    "\"properties\":{"                                                                                                 \
    "\"name\":{\"type\":\"string\"},\"key\":{\"type\":\"string\"},\"offset\":{\"type\":\"integer\",\"minimum\":0},"    \
    "\"byte_size\":{\"type\":\"integer\",\"minimum\":0}}}}"
#define STATISTICS                                                                                                     \
    "{\"type\":\"object\",\"required\":[\"model_stats\"],\"properties\":{\"model_stats\":{\"type\":\"array\","         \
    "\"items\":{"                                                                                                      \
    "\"type\":\"object\",\"required\":[\"name\",\"version\",\"last_inference\",\"inference_count\",\"execution_"       \
    "count\","                                                                                                         \
    "\"inference_stats\",\"batch_stats\"],\"properties\":{\"name\":{\"type\":\"string\"},\"version\":{\"type\":"       \
    "\"string\"},"                                                                                                     \
    "\"last_inference\":{\"type\":\"integer\",\"minimum\":0},\"inference_count\":{\"type\":\"integer\",\"minimum\":0}" \
    ","                                                                                                                \
    "\"execution_count\":{\"type\":\"integer\",\"minimum\":0},\"inference_stats\":{\"type\":\"object\"},\"batch_"      \
    "stats\":{"                                                                                                        \
    "\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"batch_size\"]}}}}}}}"

#define ALLOCATION_COUNTS                                                                                              \
    "{\"type\":\"object\",\"required\":[\"allocations\",\"frees\",\"bytes\",\"allocations_per_s\",\"bytes_per_s\","    \
    "\"allocations_per_request\"]}"
#define DEBUG_QUANTILES "\"count\",\"total_ns\",\"p50_ns\",\"p90_ns\",\"p99_ns\",\"p99_9_ns\",\"max_ns\",\"causes\""
#define INDEX_BODY      "{\"type\":\"object\",\"properties\":{\"ready\":{\"type\":\"boolean\"}}}"
#define WISH_BODY                                                                                                      \
    "{\"type\":\"object\",\"properties\":{\"parameters\":{\"type\":\"object\",\"properties\":{\"config\":{\"type\":"   \
    "\"string\"},\"unload_dependents\":{\"type\":\"boolean\"}}}}}"

static const struct endpoint_row {
    enum tag tag;
    const char *summary;
    const char *help;
    uint32_t places;
    const char *schema;    /* of a 200 in JSON; NULL: made elsewhere */
    const char *input;     /* of a body in JSON; NULL: made elsewhere, or there is none */
    const char *not_ready; /* of a 503 that is no problem document; NULL: there is none */
} endpoints[ENDPOINT_COUNT] = {
    [ENDPOINT_livez] = {.tag = TAG_OPERATION,
                        .summary = "Whether the process serves",
                        .schema =
                            "{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{\"status\":{\"const\":"
                            "\"ok\"}}}"},
    [ENDPOINT_readyz] = {.tag = TAG_OPERATION,
                         .summary = "Whether traffic should come",
                         .schema =
                             "{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{\"status\":{\"const\":"
                             "\"ready\"},\"detail\":{\"type\":\"string\"}}}",
                         .not_ready = "{\"type\":\"object\",\"required\":[\"status\",\"detail\"],\"properties\":{"
                                      "\"status\":{\"const\":\"not ready\"},\"detail\":{\"type\":\"string\"}}}"},
    [ENDPOINT_scheduler] =
        {.tag = TAG_OPERATION,
         .summary = "What runs of each model are seen to cost",
         .schema = "{\"type\":\"object\",\"required\":[\"models\"],\"properties\":{\"models\":{\"type\":"
                   "\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"version\",\"row_ns\",\"run_ns\","
                   "\"rows_knee\",\"capacity_per_s\"],\"properties\":{\"name\":{\"type\":\"string\"},\"version\":{"
                   "\"type\":\"string\"},\"row_ns\":{\"type\":\"number\"},\"run_ns\":{\"type\":\"number\"},"
                   "\"rows_knee\":{\"type\":\"integer\"},\"capacity_per_s\":{\"type\":\"number\"}}}}}}"},
    [ENDPOINT_stalls] =
        {.tag = TAG_OPERATION,
         .summary = "Times that event loops were away",
         .places = AT_METRICS,
         .schema =
             "{\"type\":\"object\",\"required\":[\"threshold_ns\",\"workers\",\"all\",\"events\"],"
             "\"properties\":{\"threshold_ns\":{\"type\":\"integer\"},\"workers\":{\"type\":\"array\",\"items\":{"
             "\"type\":\"object\",\"required\":[\"worker\"," DEBUG_QUANTILES
             "]}},\"all\":{\"type\":\"object\",\"required\":[" DEBUG_QUANTILES
             "]},\"events\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"until\",\"worker\","
             "\"duration_ns\",\"cause\",\"phase\"],\"properties\":{\"until\":{\"type\":\"string\",\"format\":"
             "\"date-time\"},\"duration_ns\":{\"type\":\"integer\"},\"cause\":{\"enum\":[\"handler\","
             "\"descheduled\",\"major_fault\"]},\"stage\":{\"type\":\"string\"},\"route\":{\"type\":"
             "\"string\"}}}}}}"},
    [ENDPOINT_allocations] =
        {.tag = TAG_OPERATION,
         .summary = "How often the system is asked for memory",
         .places = AT_METRICS,
         .schema = "{\"type\":\"object\",\"required\":[\"counted\"],\"properties\":{\"counted\":{\"type\":\"boolean\"},"
                   "\"requests\":{\"type\":\"integer\"},\"span_s\":{\"type\":\"number\"},\"all\":" ALLOCATION_COUNTS
                   ",\"subsystems\":{\"type\":\"object\",\"additionalProperties\":" ALLOCATION_COUNTS
                   "},\"threads\":{\"type\":\"object\",\"additionalProperties\":" ALLOCATION_COUNTS "}}}"},
    [ENDPOINT_metrics] = {.tag = TAG_OPERATION, .summary = "All meters, for a scraper", .places = AT_METRICS},
    [ENDPOINT_schemas] = {.tag = TAG_OPERATION, .summary = "Schemas that routes are bound to", .places = AT_SCHEMAS},
    [ENDPOINT_openapi_json] = {.tag = TAG_OPERATION, .summary = "This document", .places = AT_OPENAPI},
    [ENDPOINT_openapi_yaml] = {.tag = TAG_OPERATION, .summary = "This document in YAML", .places = AT_OPENAPI},
    [ENDPOINT_v2_server] = {.tag = TAG_INFERENCE,
                            .summary = "What the server is",
                            .schema =
                                "{\"type\":\"object\",\"required\":[\"name\",\"version\",\"extensions\"],"
                                "\"properties\":{\"name\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},"
                                "\"extensions\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}"},
    [ENDPOINT_v2_live] = {.tag = TAG_INFERENCE,
                          .summary = "Whether the server lives",
                          .schema = "{\"type\":\"object\",\"required\":[\"live\"],\"properties\":{\"live\":{\"const\":"
                                    "true}}}"},
    [ENDPOINT_v2_ready] = {.tag = TAG_INFERENCE,
                           .summary = "Whether every model is ready",
                           .schema =
                               "{\"type\":\"object\",\"required\":[\"ready\"],\"properties\":{\"ready\":{\"const\":"
                               "true}}}",
                           .not_ready = "{\"type\":\"object\",\"required\":[\"ready\"],\"properties\":{\"ready\":{"
                                        "\"const\":false}}}"},
    [ENDPOINT_v2_model] = {.tag = TAG_INFERENCE,
                           .summary = "What a model takes and gives",
                           .places = AT_MODEL_NAME | AT_MODEL},
    [ENDPOINT_v2_model_ready] = {.tag = TAG_INFERENCE,
                                 .summary = "Whether a model is ready",
                                 .places = AT_MODEL_NAME,
                                 .schema = "{\"type\":\"object\",\"required\":[\"name\",\"ready\"],\"properties\":{"
                                           "\"name\":{\"type\":\"string\"},\"ready\":{\"const\":true}}}",
                                 .not_ready = "{\"type\":\"object\",\"required\":[\"name\",\"ready\"],\"properties\":{"
                                              "\"name\":{\"type\":\"string\"},\"ready\":{\"const\":false}}}"},
    [ENDPOINT_v2_model_config] =
        {.tag = TAG_INFERENCE,
         .summary = "How a model is served",
         .places = AT_MODEL_NAME | AT_MODEL,
         .schema = "{\"type\":\"object\",\"required\":[\"name\",\"platform\",\"backend\","
                   "\"max_batch_size\",\"input\",\"output\"],\"properties\":{\"name\":{\"type\":"
                   "\"string\"},\"platform\":{\"type\":\"string\"},\"backend\":{\"type\":\"string\"},"
                   "\"max_batch_size\":{\"type\":\"integer\",\"minimum\":0},\"input\":" CONFIG_TENSORS
                   ",\"output\":" CONFIG_TENSORS "}}"},
    [ENDPOINT_v2_model_stats] = {.tag = TAG_INFERENCE,
                                 .summary = "What a model has done",
                                 .places = AT_MODEL_NAME | AT_MODEL,
                                 .schema = STATISTICS},
    [ENDPOINT_v2_stats] = {.tag = TAG_INFERENCE, .summary = "What every model has done", .schema = STATISTICS},
    [ENDPOINT_v2_shared_status] = {.tag = TAG_INFERENCE,
                                   .summary = "Regions of shared memory",
                                   .places = AT_SHARED_MEMORY,
                                   .schema = REGIONS},
    [ENDPOINT_v2_shared_register] = {.tag = TAG_INFERENCE,
                                     .summary = "Register a region of shared memory",
                                     .places = AT_SHARED_MEMORY,
                                     .schema = NOTHING,
                                     .input = "{\"type\":\"object\",\"required\":[\"key\",\"byte_size\"],"
                                              "\"properties\":{\"key\":{\"type\":\"string\"},\"offset\":{\"type\":"
                                              "\"integer\",\"minimum\":0},\"byte_size\":{\"type\":\"integer\","
                                              "\"minimum\":0}}}"},
    [ENDPOINT_v2_shared_unregister] = {.tag = TAG_INFERENCE,
                                       .summary = "Forget regions of shared memory",
                                       .schema = NOTHING},
    [ENDPOINT_v2_cuda_status] = {.tag = TAG_INFERENCE,
                                 .summary = "Regions of memory of a GPU",
                                 .places = AT_CUDA,
                                 .schema = REGIONS},
    [ENDPOINT_v2_cuda_register] = {.tag = TAG_INFERENCE,
                                   .summary = "Refused: memory of a GPU is not taken",
                                   .places = AT_CUDA,
                                   .schema = NOTHING},
    [ENDPOINT_v2_cuda_unregister] = {.tag = TAG_INFERENCE,
                                     .summary = "Forget regions of memory of a GPU",
                                     .schema = NOTHING},
    [ENDPOINT_v2_logging] = {.tag = TAG_OPERATION,
                             .summary = "Which messages the server writes",
                             .places = AT_SETTINGS,
                             .schema = NOTHING,
                             .input = NOTHING},
    [ENDPOINT_v2_trace] =
        {.tag = TAG_INFERENCE, .summary = "What is traced", .places = AT_SETTINGS, .schema = NOTHING, .input = NOTHING},
    [ENDPOINT_v2_model_trace] = {.tag = TAG_INFERENCE,
                                 .summary = "What is traced of a model",
                                 .places = AT_MODEL_NAME | AT_SETTINGS,
                                 .schema = NOTHING,
                                 .input = NOTHING},
    [ENDPOINT_v2_repository_index] =
        {.tag = TAG_INFERENCE,
         .summary = "Which models there are",
         .places = AT_REPOSITORY,
         .schema =
             "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"name\",\"state\",\"reason\"],"
             "\"properties\":{\"name\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},\"state\":{\"enum\":["
             "\"READY\",\"UNAVAILABLE\",\"LOADING\",\"UNLOADING\"]},\"reason\":{\"type\":\"string\"}}}}",
         .input = INDEX_BODY},
    [ENDPOINT_v2_repository_load] = {.tag = TAG_INFERENCE,
                                     .summary = "Load a model",
                                     .places = AT_REPOSITORY,
                                     .schema = "{\"type\":\"object\"}",
                                     .input = WISH_BODY},
    [ENDPOINT_v2_repository_unload] = {.tag = TAG_INFERENCE,
                                       .summary = "Unload a model",
                                       .places = AT_REPOSITORY,
                                       .schema = "{\"type\":\"object\"}",
                                       .input = WISH_BODY},
    [ENDPOINT_v2_infer] = {.tag = TAG_INFERENCE,
                           .summary = "Run a model on tensors",
                           .places = AT_MODEL_NAME | AT_MODEL | AT_RUN},
};

/* The sentences of endpoints.def. */
static const char *const endpoint_helps[ENDPOINT_COUNT] = {
#define ENDPOINT(name, help) [ENDPOINT_##name] = help,
#include "pipeline/endpoints.def"
#undef ENDPOINT
};

const struct model_info *target_model(const struct model_entry *entry)
{
    if (!entry || atomic_load_explicit(&entry->state, memory_order_acquire) != MODEL_READY)
        return NULL;
    return model_info(atomic_load_explicit(&entry->model, memory_order_acquire));
}

static struct slice model_name(const struct route *route)
{
    return route->config->to.model;
}

/* The page /docs. */
static bool is_docs(const struct route *route)
{
    return route->asset && slice_starts(slice_of_text(route->asset->name), SLICE_LIT("docs/"));
}

enum tag target_tag(const struct route *route)
{
    if (is_docs(route))
        return TAG_OPERATION;
    if (route->endpoint)
        return endpoints[route->endpoint].tag;
    return route->upstream ? TAG_UPSTREAMS : route->files || route->asset ? TAG_FILES : TAG_MODELS;
}

struct slice target_summary(const struct operation *operation)
{
    const struct route *route = operation->route;
    if (route->endpoint)
        return slice_of_text(endpoints[route->endpoint].summary);
    if (is_docs(route))
        return SLICE_LIT("This document, to look at and to try out");
    if (route->asset)
        return openapi_printf(operation->api, "The file %s", route->asset->name);
    if (route->files)
        return SLICE_LIT("A file");
    if (route->upstream)
        return SLICE_LIT("Handed on to another server");
    if (route->pipeline)
        return openapi_printf(operation->api, "Run the pipeline " SLICE_FMT, SLICE_ARG(route->pipeline->config->name));
    return openapi_printf(operation->api, "Run the model " SLICE_FMT, SLICE_ARG(model_name(route)));
}

/* "200 while the process serves" → "200 while the process serves." */
static struct slice sentence(struct openapi *api, const char *help)
{
    char first = help[0] >= 'a' && help[0] <= 'z' ? (char)(help[0] - 32) : help[0];
    return openapi_printf(api, "%c%s.", first, help + 1);
}

/* "Runs the steps page, small, detect." */
static struct slice describe_pipeline(struct openapi *api, const struct pipeline *pipeline)
{
    struct buffer text = buffer_in_arena(api->arena, 256);
    struct slice all;
    buffer_printf(&text, "Runs the steps");
    for (uint32_t i = 0; i < pipeline->step_count; i++)
        buffer_printf(&text, "%s " SLICE_FMT, i ? "," : "", SLICE_ARG(pipeline->steps[i].name));
    buffer_printf(&text, " of the pipeline " SLICE_FMT " on an image.%s", SLICE_ARG(pipeline->config->name),
                  pipeline->streamed ? " To clients that accept a stream it is sent as it comes." : "");
    if (buffer_finish(&text, &all) == ERR_OK)
        return all;
    api->err = ERR_NOMEM;
    return SLICE_LIT("");
}

struct slice target_description(const struct operation *operation)
{
    const struct route *route = operation->route;
    if (route->endpoint)
        return sentence(operation->api, endpoint_helps[route->endpoint]);
    if (route->asset)
        return SLICE_LIT("A file that is part of the server program.");
    if (route->files)
        return SLICE_LIT("A file of a folder, whole or in parts, on conditions (RFC 9110 sections 13 and 14).");
    if (route->upstream)
        return SLICE_LIT("Request and response are handed through as they come.");
    if (route->pipeline)
        return describe_pipeline(operation->api, route->pipeline);
    if (!operation->model)
        return SLICE_LIT("What the model takes and gives is known once it is loaded.");
    return openapi_printf(operation->api, "Runs version " SLICE_FMT " of the model " SLICE_FMT " on the body.",
                          SLICE_ARG(operation->model->version), SLICE_ARG(operation->model->name));
}

uint32_t target_places(const struct route *route)
{
    uint32_t places = endpoints[route->endpoint].places;
    if (route->model)
        places |= AT_MODEL | AT_RUN;
    if (route->upstream)
        places |= AT_PROXY;
    if (route->pipeline)
        places |= AT_PIPELINE | AT_IMAGE;
    if (route->files)
        places |= AT_FILES;
    if (route->asset)
        places |= AT_ASSET;
    return places;
}

/* --- parameters and bodies --------------------------------------------------------------------------------------------- */

/* What is not loaded can be named, too. */
static bool is_wish(enum endpoint endpoint)
{
    return endpoint == ENDPOINT_v2_repository_load || endpoint == ENDPOINT_v2_repository_unload;
}

void target_parameter_schema(const struct operation *operation, struct slice name, struct json_writer *out)
{
    const struct config *config = operation->api->config;
    const struct model_config *models = config->models.items;
    bool is_version = slice_is(name, "version");
    json_write_object_begin(out);
    put_text(out, "type", SLICE_LIT("string"));
    if (endpoint_names_model(operation->route->endpoint) && !is_wish(operation->route->endpoint) &&
        config->models.count && (is_version || slice_is(name, "model"))) {
        put_array(out, "enum");
        for (uint32_t i = 0; i < config->models.count; i++) {
            struct slice value = is_version ? models[i].version : models[i].name;
            bool is_listed = false;
            for (uint32_t k = 0; k < i; k++)
                is_listed |= slice_equal(value, is_version ? models[k].version : models[k].name);
            if (!is_listed)
                json_write_string(out, value);
        }
        json_write_array_end(out);
    }
    json_write_object_end(out);
}

uint32_t target_inputs(const struct operation *operation, struct description_input inputs[DESCRIPTION_INPUTS_MAX])
{
    const struct route *route = operation->route;
    if (route_runs_model(route)) {
        inputs[0] = (struct description_input){JSON, tensors_request(operation->api, operation->model)};
        inputs[1] = (struct description_input){BYTES, SLICE_LIT(TENSOR_BODY)};
        return 2;
    }
    if (route->pipeline) {
        struct description said = {.arena = operation->api->arena};
        if (image_body_describe(route->pipeline->config->field, &said) != ERR_OK)
            operation->api->err = ERR_NOMEM;
        memcpy(inputs, said.inputs, sizeof said.inputs);
        return said.input_count;
    }
    if (endpoints[route->endpoint].input && strcmp(operation->method, "post") == 0) {
        inputs[0] = (struct description_input){JSON, slice_of_text(endpoints[route->endpoint].input)};
        return 1;
    }
    if (!route->upstream)
        return 0;
    inputs[0] = (struct description_input){"*/*", {NULL, 0}};
    return 1;
}

/* --- responses --------------------------------------------------------------------------------------------------------- */

static struct response *add(struct responses *responses, const char *key, const char *text)
{
    struct response *response = response_at(responses, key);
    response->description = slice_of_text(text);
    return response;
}

static void add_binary(struct response *response, const char *media_type)
{
    response_add_content(response, media_type, SLICE_LIT("{\"type\":\"string\",\"format\":\"binary\"}"));
}

static void add_files(struct responses *responses, const char *media_type)
{
    add_binary(add(responses, "200", "The file."), media_type);
    struct response *part = add(responses, "206", "The part, or the parts, that Range asks for.");
    add_binary(part, media_type);
    if (strcmp(media_type, "*/*") != 0)
        add_binary(part, "multipart/byteranges");
    (void)add(responses, "304", "What the client has is the file as it is.");
}

static void add_metrics(struct responses *responses)
{
    struct response *response = add(responses, "200", "The meters.");
    for (int i = 0; i <= EXPOSITION_OPENMETRICS; i++)
        response_add_content(response, exposition_content_type((enum exposition_format)i),
                             SLICE_LIT("{\"type\":\"string\"}"));
}

static void add_document(struct responses *responses, const char *media_type)
{
    response_add_content(add(responses, "200", "The document."), media_type, SLICE_LIT("{\"type\":\"object\"}"));
    (void)add(responses, "304", "What the client has is the document as it is.");
}

static void add_schemas(const struct operation *operation, struct responses *responses)
{
    bool is_reload = strcmp(operation->method, "post") == 0;
    response_add_content(
        add(responses, "200", is_reload ? "The files were read, and are good." : "What is bound."), JSON,
        is_reload
            ? SLICE_LIT("{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{\"status\":{\"enum\":["
                        "\"reloaded\",\"unchanged\"]}}}")
            : SLICE_LIT("{\"type\":\"object\",\"required\":[\"stale\",\"schemas\"],\"properties\":{\"stale\":{"
                        "\"type\":\"boolean\"},\"detail\":{\"type\":\"string\"},\"schemas\":{\"type\":\"array\","
                        "\"items\":{\"type\":\"object\",\"required\":[\"route\",\"part\",\"file\",\"sha256\","
                        "\"loaded\",\"mode\"],\"properties\":{\"route\":{\"type\":\"string\"},\"part\":{\"type\":"
                        "\"string\"},\"file\":{\"type\":\"string\"},\"fragment\":{\"type\":\"string\"},\"sha256\":{"
                        "\"type\":\"string\"},\"loaded\":{\"type\":\"string\",\"format\":\"date-time\"},\"mode\":{"
                        "\"enum\":[\"enforce\",\"report\",\"off\"]}}}}}}"));
}

static void add_endpoint(const struct operation *operation, struct responses *responses)
{
    const struct endpoint_row *row = &endpoints[operation->route->endpoint];
    if (operation->route->endpoint == ENDPOINT_metrics) {
        add_metrics(responses);
        return;
    }
    if (operation->route->endpoint == ENDPOINT_openapi_json || operation->route->endpoint == ENDPOINT_openapi_yaml) {
        add_document(responses, operation->route->endpoint == ENDPOINT_openapi_json ? JSON : "application/yaml");
        return;
    }
    if (operation->route->endpoint == ENDPOINT_schemas) {
        add_schemas(operation, responses);
        return;
    }
    struct slice schema = slice_of_text(row->schema);
    if (operation->route->endpoint == ENDPOINT_v2_model)
        schema = tensors_metadata(operation->api);
    else if (operation->route->endpoint == ENDPOINT_v2_infer)
        schema = operation->said.answer.len ? operation->said.answer : tensors_response(operation->api, NULL);
    struct response *answer = add(responses, "200", row->not_ready ? "It is so." : "The answer.");
    response_add_content(answer, JSON, schema);
    if (operation->route->endpoint == ENDPOINT_v2_infer && !operation->said.answer.len)
        response_add_content(answer, BYTES, SLICE_LIT(TENSOR_BODY));
    if (row->not_ready)
        response_add_content(add(responses, "503", "It is not so yet, or no longer."), JSON,
                             slice_of_text(row->not_ready));
}

static void add_model(const struct operation *operation, struct responses *responses)
{
    struct slice schema =
        operation->said.answer.len ? operation->said.answer : tensors_response(operation->api, operation->model);
    struct response *answer = add(responses, "200", "What the model says of it.");
    response_add_content(answer, JSON, schema);
    if (!operation->said.answer.len)
        response_add_content(answer, BYTES, SLICE_LIT(TENSOR_BODY));
}

static void add_pipeline(const struct operation *operation, struct responses *responses)
{
    const struct pipeline *pipeline = operation->route->pipeline;
    struct response *response = add(responses, "200", "The answer; in a stream, its last event tells how it ended.");
    struct slice schema;
    if (graph_describe_answer(pipeline, operation->api->arena, &schema) != ERR_OK) {
        operation->api->err = ERR_NOMEM;
        return;
    }
    response_add_content(response, JSON, schema);
    if (!pipeline->streamed)
        return;
    response_add_content(response, "text/event-stream", SLICE_LIT("{\"type\":\"string\"}"));
    response_add_content(response, "application/x-ndjson", SLICE_LIT("{\"type\":\"string\"}"));
}

static void add_upstream(struct responses *responses)
{
    add_binary(add(responses, "2XX", "What the other server answers."), "*/*");
    add_binary(add(responses, "default", "Whatever else the other server answers."), "*/*");
}

void target_responses(const struct operation *operation, struct responses *responses)
{
    const struct route *route = operation->route;
    if (route->endpoint)
        add_endpoint(operation, responses);
    else if (route->pipeline)
        add_pipeline(operation, responses);
    else if (route->asset)
        add_files(responses, route->asset->media_type);
    else if (route->files)
        add_files(responses, "*/*");
    else if (route->upstream && !(route->contract && route->contract->response_count))
        add_upstream(responses);
    else if (route->upstream)
        return; /* the contract says it */
    else
        add_model(operation, responses);
    if (route->files)
        (void)add(responses, "301", "The path names a folder: it ends in a slash.");
}
