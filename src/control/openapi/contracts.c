/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of a route: its parameters, body and responses, with schemas as they were compiled. Schemas of files become
 * components; what stands in the configuration itself stands in the operation. */
#include "control/openapi/openapi_int.h"

#include "pipeline/contract.h"

static const char *const places[] = {
    [CONTRACT_PATH] = "path",
    [CONTRACT_QUERY] = "query",
    [CONTRACT_HEADER] = "header",
    [CONTRACT_COOKIE] = "cookie",
};
static const char *const styles[] = {
    [CONTRACT_SIMPLE] = "simple",
    [CONTRACT_LABEL] = "label",
    [CONTRACT_MATRIX] = "matrix",
    [CONTRACT_FORM] = "form",
    [CONTRACT_SPACE_DELIMITED] = "spaceDelimited",
    [CONTRACT_PIPE_DELIMITED] = "pipeDelimited",
    [CONTRACT_DEEP_OBJECT] = "deepObject",
};
static const char *const modes[] = {
    [CONTRACT_ENFORCE] = "enforce", [CONTRACT_REPORT] = "report", [CONTRACT_OFF] = "off"};

/* --- schemas ----------------------------------------------------------------------------------------------------------- */

static enum err read_document(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                              struct slice *ret_name)
{
    const struct config *config = context;
    (void)arena;
    for (uint32_t i = 0; i < config->document_count; i++) {
        const struct contract_document *document = &config->documents[i];
        if (!slice_equal(document->uri, uri) && !(document->id.len && slice_equal(document->id, uri)))
            continue;
        *ret_text = document->text;
        *ret_name = document->path;
        return ERR_OK;
    }
    return ERR_NOT_FOUND;
}

static struct slice make_name(void *context, struct slice wanted)
{
    struct openapi *api = context;
    struct slice name = component_reserve(api, &api->schema_names, openapi_name(api, wanted));
    return api->err == ERR_OK ? name : (struct slice){NULL, 0};
}

void contracts_begin(struct openapi *api)
{
    if (!api->config->document_count)
        return;
    api->source = (struct schema_source){.context = (void *)(uintptr_t)api->config, .read = read_document};
    const struct schema_bundle_settings settings = {
        .schemas = {.draft = SCHEMA_DRAFT_2020_12,
                    .asserts_formats = api->config->schemas.asserts_formats,
                    .source = &api->source,
                    .documents_bytes_max = SIZE_MAX / 64},
        .prefix = SLICE_LIT("#/components/schemas/"),
        .name = make_name,
        .context = api,
    };
    if (schema_bundle_create(&settings, &api->bundle) != ERR_OK)
        api->err = ERR_NOMEM;
}

void contracts_end(struct openapi *api)
{
    if (!api->bundle)
        return;
    for (;;) {
        struct slice name;
        struct json_writer out = json_writer_in_arena(api->arena, 1024);
        if (!schema_bundle_next(api->bundle, &out, &name))
            break;
        component_put(api, COMPONENT_SCHEMA, name, openapi_finish(api, &out));
    }
    if (schema_bundle_error(api->bundle) != ERR_OK)
        api->err = schema_bundle_error(api->bundle);
}

/* What was compiled can be found again; were it not so, anything would be said to be allowed. */
static struct slice schema_of(struct openapi *api, const struct contract_schema *schema)
{
    struct json_writer out = json_writer_in_arena(api->arena, 256);
    if (!schema->schema || !api->bundle)
        return SLICE_LIT("{}");
    enum err err = schema->path.len ? schema_bundle_ref(api->bundle, schema->uri, &out)
                                    : schema_bundle_write(api->bundle, schema->uri, &out);
    if (err == ERR_NOMEM)
        api->err = ERR_NOMEM;
    return err == ERR_OK ? openapi_finish(api, &out) : SLICE_LIT("{}");
}

/* --- parameters -------------------------------------------------------------------------------------------------------- */

static void put_bool(struct json_writer *out, const char *key, bool value)
{
    json_write_key(out, slice_of_text(key));
    json_write_bool(out, value);
}

/* Content-Type, Accept and Authorization are no parameters to OpenAPI (section 4.8.12.1). */
static bool is_ignored(const struct contract_parameter *parameter)
{
    static const char *const names[] = {"accept", "content-type", "authorization"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (parameter->place == CONTRACT_HEADER && slice_is(parameter->name, names[i]))
            return true;
    return false;
}

static void write_parameter(struct openapi *api, const struct contract_parameter *parameter)
{
    struct json_writer *out = &api->out;
    struct slice schema = schema_of(api, &parameter->schema);
    json_write_object_begin(out);
    put_text(out, "name", parameter->name);
    put_text(out, "in", slice_of_text(places[parameter->place]));
    if (parameter->description.len)
        put_text(out, "description", parameter->description);
    put_bool(out, "required", parameter->is_required || parameter->place == CONTRACT_PATH);
    if (parameter->is_deprecated)
        put_bool(out, "deprecated", true);
    if (parameter->allows_empty)
        put_bool(out, "allowEmptyValue", true);
    if (parameter->is_json) {
        put_object(out, "content");
        put_object(out, "application/json");
        put_json(out, "schema", schema);
        json_write_object_end(out);
        json_write_object_end(out);
    } else {
        put_text(out, "style", slice_of_text(styles[parameter->style]));
        put_bool(out, "explode", parameter->is_exploded);
        put_json(out, "schema", schema);
    }
    json_write_object_end(out);
}

static const struct contract_parameter *find(const struct contract *contract, enum contract_place place,
                                             struct slice name)
{
    for (uint32_t i = 0; contract && i < contract->parameter_count; i++)
        if (contract->parameters[i].place == place && slice_equal(contract->parameters[i].name, name))
            return &contract->parameters[i];
    return NULL;
}

bool contract_path_parameter_write(const struct operation *operation, struct slice name)
{
    const struct contract_parameter *parameter = find(operation->route->contract, CONTRACT_PATH, name);
    if (parameter)
        write_parameter(operation->api, parameter);
    return parameter != NULL;
}

bool contract_has_parameters(const struct operation *operation)
{
    const struct contract *contract = operation->route->contract;
    for (uint32_t i = 0; contract && i < contract->parameter_count; i++)
        if (contract->parameters[i].place != CONTRACT_PATH && !is_ignored(&contract->parameters[i]))
            return true;
    return false;
}

void contract_parameters_write(const struct operation *operation)
{
    const struct contract *contract = operation->route->contract;
    for (uint32_t i = 0; contract && i < contract->parameter_count; i++)
        if (contract->parameters[i].place != CONTRACT_PATH && !is_ignored(&contract->parameters[i]))
            write_parameter(operation->api, &contract->parameters[i]);
}

/* --- bodies ------------------------------------------------------------------------------------------------------------ */

struct slice contract_body(const struct operation *operation)
{
    const struct contract *contract = operation->route->contract;
    return contract && contract->has_body ? schema_of(operation->api, &contract->body) : (struct slice){NULL, 0};
}

void contract_responses(const struct operation *operation, struct responses *responses)
{
    const struct contract *contract = operation->route->contract;
    for (uint32_t i = 0; contract && i < contract->response_count; i++) {
        const struct contract_response *row = &contract->responses[i];
        char memory[KEY_BYTES_MAX];
        struct text key = text_init(memory, sizeof memory);
        contract_response_key(row, &key);
        struct response *response = response_at(responses, memory);
        response->description = row->description.len ? row->description : SLICE_LIT("As the contract says.");
        response->content_count = 0;
        if (row->schema.schema)
            response_add_content(response, "application/json", schema_of(operation->api, &row->schema));
    }
}

uint32_t contract_places(const struct contract *contract)
{
    uint32_t arises = 0;
    if (!contract)
        return 0;
    bool is_enforced = contract->mode == CONTRACT_ENFORCE;
    if (contract->has_body && contract->body.mode == CONTRACT_ENFORCE)
        arises |= AT_CONTRACT;
    if (is_enforced && (contract->parameter_count || contract->refuses_unknown_query))
        arises |= AT_PARAMETERS;
    for (uint32_t i = 0; i < contract->parameter_count; i++)
        if (contract->parameters[i].schema.schema && contract->parameters[i].schema.mode == CONTRACT_ENFORCE)
            arises |= AT_PARAMETERS;
    if (contract->response_count && contract->response_mode == CONTRACT_ENFORCE)
        arises |= AT_RESPONSE;
    return arises;
}

/* What is done about what does not fit: of the body's schema, else of the route. */
void contract_validation_write(const struct operation *operation)
{
    static const char *const choices[] = {[SCHEMA_YES] = "true", [SCHEMA_NO] = "false"};
    const struct contract *contract = operation->route->contract;
    struct json_writer *out = &operation->api->out;
    bool refuses_query = contract && contract->refuses_unknown_query && contract->mode == CONTRACT_ENFORCE;
    if (!contract || !(contract->has_body || contract->parameter_count || contract->response_count || refuses_query))
        return;
    const struct schema_options *options = contract->has_body && contract->body.schema
                                               ? schema_options(contract->body.schema)
                                               : &(const struct schema_options){.errors_max = contract->errors_max};
    put_object(out, "x-openapi-validation");
    put_text(out, "mode", slice_of_text(modes[contract->has_body ? contract->body.mode : contract->mode]));
    if (contract->has_body && contract->mode != (enum contract_mode)contract->body.mode)
        put_text(out, "parameters", slice_of_text(modes[contract->mode]));
    if (contract->response_count)
        put_text(out, "responses", slice_of_text(modes[contract->response_mode]));
    put_u64(out, "maxErrors", options->errors_max ? options->errors_max : contract->errors_max);
    put_bool(out, "refuseUnknownQuery", refuses_query);
    if (contract->has_body) {
        put_bool(out, "coerceTypes", options->coerce_types);
        put_bool(out, "removeAdditional", options->remove_additional);
        put_bool(out, "applyDefaults", options->apply_defaults);
        if (options->allow_empty_string != SCHEMA_UNSET)
            put_json(out, "allowEmptyString", slice_of_text(choices[options->allow_empty_string]));
    }
    json_write_object_end(out);
}
