/* SPDX-License-Identifier: Apache-2.0 */
/* One route under one method: what is to be sent, who may, and what comes back. */
#include "control/openapi/openapi_int.h"

#include "pipeline/contract.h"

static void collect(struct operation *operation);
static void write_names(const struct operation *operation);
static void write_parameters(const struct operation *operation);
static void write_body(const struct operation *operation);
static void write_responses(const struct operation *operation);
static void write_security(const struct operation *operation);

/* A body of another method has no meaning that is defined (RFC 9110 section 9.3), and is not documented. */
static bool takes_body(const struct operation *operation)
{
    static const char *const methods[] = {"post", "put", "patch"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(operation->method, methods[i]) == 0)
            return true;
    return false;
}

void operation_write(struct openapi *api, const struct route *route, const char *method, struct slice pattern)
{
    struct operation operation = {
        .api = api,
        .route = route,
        .method = method,
        .pattern = pattern,
        .model = route->model ? target_model(route->model) : NULL,
    };
    collect(&operation);
    put_object(&api->out, method);
    write_names(&operation);
    write_parameters(&operation);
    write_body(&operation);
    write_responses(&operation);
    write_security(&operation);
    contract_validation_write(&operation);
    json_write_object_end(&api->out);
}

/* What the middlewares say, and the places that requests come past. */
static void collect(struct operation *operation)
{
    const struct route *route = operation->route;
    operation->said = (struct description){.arena = operation->api->arena, .model = operation->model};
    for (uint32_t i = 0; i < route->chain_count; i++) {
        const struct chain_link *link = &route->chain[i];
        if (link->middleware->describe && link->middleware->describe(link->options, &operation->said) != ERR_OK)
            operation->api->err = ERR_NOMEM;
    }
    operation->places = AT_ANY | AT_HEAD | (takes_body(operation) ? AT_BODY : 0) | operation->said.arises |
                        target_places(route) | contract_places(route->contract);
    if (route_runs_model(route) && !(operation->said.arises & AT_IMAGE))
        operation->places |= AT_TENSORS;
    operation->api->credentials |= operation->said.credentials;
}

/* Of the route's own words, or what the target says of itself. */
static struct slice first_of(struct slice own, struct slice otherwise)
{
    return own.len ? own : otherwise;
}

/* "post /v1/a-b/{id}" → "post_v1_a_b_id" */
static struct slice make_id(const struct operation *operation)
{
    char memory[NAME_BYTES_MAX];
    struct text id = text_init(memory, sizeof memory);
    struct slice pattern = operation->pattern;
    bool is_apart = true;
    text_add(&id, slice_of_text(operation->method));
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i];
        char lower = ascii_lower(c);
        bool is_word = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
        if (is_word && is_apart)
            text_add(&id, SLICE_LIT("_"));
        if (is_word)
            text_add(&id, slice_of(&c, 1));
        is_apart = !is_word;
    }
    struct slice own = operation->route->config->operation_id;
    struct slice name = own.len ? own : openapi_printf(operation->api, "%s", memory);
    return component_reserve(operation->api, &operation->api->operation_ids, name);
}

static struct slice host_note(const struct operation *operation)
{
    const struct route *route = operation->route;
    if (!route->host.len)
        return SLICE_LIT("");
    return openapi_printf(operation->api, " Answered for the host " SLICE_FMT " only.", SLICE_ARG(route->host));
}

static void write_tags(const struct operation *operation)
{
    const struct option_list *tags = &operation->route->config->tags;
    const struct slice *names = tags->items;
    put_array(&operation->api->out, "tags");
    for (uint32_t i = 0; i < tags->count; i++) {
        openapi_note_tag(operation->api, names[i]);
        json_write_string(&operation->api->out, names[i]);
    }
    json_write_array_end(&operation->api->out);
}

static void write_names(const struct operation *operation)
{
    struct openapi *api = operation->api;
    struct json_writer *out = &api->out;
    const struct route_config *config = operation->route->config;
    struct slice text = first_of(config->description, target_description(operation));
    struct slice note = host_note(operation);
    put_text(out, "operationId", make_id(operation));
    put_text(out, "summary", first_of(config->summary, target_summary(operation)));
    put_text(out, "description", openapi_printf(api, SLICE_FMT SLICE_FMT, SLICE_ARG(text), SLICE_ARG(note)));
    if (config->tags.count)
        write_tags(operation);
    else
        openapi_put_tag(api, out, target_tag(operation->route));
}

/* --- parameters -------------------------------------------------------------------------------------------------------- */

static void write_path_parameter(const struct operation *operation, struct slice name, bool is_rest)
{
    if (contract_path_parameter_write(operation, name))
        return;
    struct json_writer *out = &operation->api->out;
    json_write_object_begin(out);
    put_text(out, "name", name);
    put_text(out, "in", SLICE_LIT("path"));
    json_write_key(out, SLICE_LIT("required"));
    json_write_bool(out, true);
    if (is_rest)
        put_text(out, "description",
                 SLICE_LIT("The rest of the path: any number of segments, with the slashes between them as they are."));
    json_write_key(out, SLICE_LIT("schema"));
    target_parameter_schema(operation, name, out);
    json_write_object_end(out);
}

static void write_path_parameters(const struct operation *operation)
{
    struct slice rest = operation->pattern;
    while (rest.ptr) {
        struct slice segment = slice_cut(&rest, '/');
        if (segment.len < 3 || segment.ptr[0] != '{')
            continue;
        struct slice name = slice_of(segment.ptr + 1, segment.len - 2);
        bool is_rest = name.len > 3 && memcmp(name.ptr + name.len - 3, "...", 3) == 0;
        if (is_rest)
            name.len -= 3;
        write_path_parameter(operation, name, is_rest);
    }
}

static void write_skip_parameter(const struct operation *operation)
{
    struct json_writer *out = &operation->api->out;
    json_write_object_begin(out);
    put_text(out, "name", SLICE_LIT("X-Weir-Skip"));
    put_text(out, "in", SLICE_LIT("header"));
    put_text(out, "description", SLICE_LIT("Middlewares to leave out, with commas between."));
    put_json(out, "schema", SLICE_LIT("{\"type\":\"string\"}"));
    json_write_object_end(out);
}

static void write_parameters(const struct operation *operation)
{
    bool has_any = slice_find(operation->pattern, '{') < operation->pattern.len;
    bool is_debug = operation->route->config->is_debug;
    if (!has_any && !is_debug && !contract_has_parameters(operation))
        return;
    put_array(&operation->api->out, "parameters");
    write_path_parameters(operation);
    contract_parameters_write(operation);
    if (is_debug)
        write_skip_parameter(operation);
    json_write_array_end(&operation->api->out);
}

/* --- the rest ---------------------------------------------------------------------------------------------------------- */

static void write_media(struct json_writer *out, const char *media_type, struct slice schema)
{
    put_object(out, media_type);
    if (schema.len)
        put_json(out, "schema", schema);
    json_write_object_end(out);
}

/* Of a route for any method the contract wants a body only where the method brings one. */
static bool wants_body(const struct operation *operation)
{
    static const char *const methods[] = {"post", "put", "patch"};
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(operation->method, methods[i]) == 0)
            return operation->route->contract->is_body_required;
    return false;
}

/* JSON is held to the contract, where there is one; and where that is enforced, nothing else is taken. */
static void write_body(const struct operation *operation)
{
    struct description_input own[DESCRIPTION_INPUTS_MAX];
    const struct description_input *inputs = operation->said.inputs;
    const struct contract *contract = operation->route->contract;
    uint32_t count = takes_body(operation) ? operation->said.input_count : 0;
    struct slice schema = contract_body(operation);
    bool is_only = schema.ptr && contract->body.mode == CONTRACT_ENFORCE;
    struct json_writer *out = &operation->api->out;
    if (count == 0 && takes_body(operation)) {
        inputs = own;
        count = target_inputs(operation, own);
    }
    if (count == 0 && !schema.ptr)
        return;
    put_object(out, "requestBody");
    json_write_key(out, SLICE_LIT("required"));
    json_write_bool(out, route_runs_model(operation->route) || operation->route->pipeline ||
                             (schema.ptr && wants_body(operation)));
    put_object(out, "content");
    if (schema.ptr)
        write_media(out, "application/json", schema);
    for (uint32_t i = 0; i < count; i++)
        if (!is_only && (!schema.ptr || strcmp(inputs[i].media_type, "application/json") != 0))
            write_media(out, inputs[i].media_type, inputs[i].schema);
    json_write_object_end(out);
    json_write_object_end(out);
}

static void write_responses(const struct operation *operation)
{
    struct responses *responses = arena_alloc_zero(operation->api->arena, sizeof *responses);
    if (!responses) {
        operation->api->err = ERR_NOMEM;
        return;
    }
    target_responses(operation, responses);
    contract_responses(operation, responses);
    responses_add_problems(operation, responses);
    responses_write(operation, responses);
}

static void write_security(const struct operation *operation)
{
    static const struct {
        enum credential credential;
        const char *name;
    } schemes[] = {
        {CREDENTIAL_BEARER, "bearer"}, {CREDENTIAL_API_KEY, "apiKey"}, {CREDENTIAL_CERTIFICATE, "certificate"}};
    struct json_writer *out = &operation->api->out;
    put_array(out, "security");
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (!(operation->said.credentials & schemes[i].credential))
            continue;
        json_write_object_begin(out);
        put_json(out, schemes[i].name, SLICE_LIT("[]"));
        json_write_object_end(out);
    }
    json_write_array_end(out);
}
