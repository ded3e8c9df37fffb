/* SPDX-License-Identifier: Apache-2.0 */
/* A route's contract: what it says itself, and where it says nothing what lies in the folder of schemas under its name. */
#include "control/config/contract_int.h"

#include "control/config/option_tables.h"
#include "lib/json/writer.h"

#include <stdlib.h>

#define STATUS_MIN 100
#define STATUS_MAX 599

static enum err bind_body(struct compile *compile, const struct contract_job *job, struct slice name,
                          struct contract *contract);
static enum err bind_parameters(struct compile *compile, const struct contract_job *job, struct slice name,
                                struct contract *contract);
static enum err bind_responses(struct compile *compile, const struct contract_job *job, struct slice name,
                               struct contract *contract);
static enum err describe(struct compile *compile, const struct contract_job *job, struct contract *contract);

void contract_inherit(const struct compile *compile, const struct yaml_node *route, struct contract_config *config)
{
    static const size_t bytes[] = {
        [OPTION_BOOL] = sizeof(bool), [OPTION_COUNT] = sizeof(uint64_t), [OPTION_CHOICE] = sizeof(uint32_t)};
    const struct yaml_node *node = yaml_find(route, "contract");
    for (size_t i = 0; i < option_table_contract.count; i++) {
        const struct option *row = &option_table_contract.rows[i];
        ASSERT(row->type < ARRAY_LEN(bytes) && bytes[row->type], "contracts have flags, counts and choices only");
        if (!yaml_find(node, row->name))
            memcpy((char *)config + row->offset, (const char *)&compile->config->schemas.contract + row->offset,
                   bytes[row->type]);
    }
}

/* --- convention -------------------------------------------------------------------------------------------------- */

/* NULL: there is none. */
static struct schema_file *find_file(struct compile *compile, struct slice name, const char *ending)
{
    struct schema_folder *folder = name.len ? compile->contracts->folder : NULL;
    struct slice path = arena_printf(compile->fill.scratch, SLICE_FMT "%s", SLICE_ARG(name), ending);
    return folder && path.ptr ? schema_folder_find(folder, path) : NULL;
}

/* --- the contract ------------------------------------------------------------------------------------------------ */

static struct schema_options options_of(const struct contract_config *config)
{
    return (struct schema_options){
        .allow_empty_string = (enum schema_choice)config->allow_empty_string,
        .coerce_types = config->coerces_types,
        .remove_additional = config->removes_additional,
        .apply_defaults = config->applies_defaults,
        .errors_max = (uint32_t)config->errors_max,
        .mode = (enum schema_mode)config->mode,
    };
}

static bool says_anything(const struct contract *contract)
{
    return contract->has_body || contract->parameter_count || contract->parameters_path.len ||
           contract->response_count || contract->operation_id.len || contract->summary.len ||
           contract->description.len || contract->tags.len;
}

enum err contract_make(struct compile *compile, const struct contract_job *job, const struct contract **ret_contract)
{
    struct contracts *contracts = compile->contracts;
    struct arena *scratch = compile->fill.scratch;
    struct slice name = {NULL, 0};
    uint32_t errors = compile->report->error_count;
    struct contract *contract = arena_alloc_zero(&compile->config->arena, sizeof *contract);
    if (!contract)
        return ERR_NOMEM;
    if (contracts->faulty == job->node)
        return ERR_OK;
    if (contracts->folder && !slice_is(job->method, "*")) {
        name = schema_route_name(scratch, job->method, job->pattern);
        struct slice file = arena_printf(scratch, SLICE_FMT ".json", SLICE_ARG(name));
        if (!file.ptr)
            return ERR_NOMEM;
        contracts->names[contracts->name_count++] = file.ptr;
    }
    *contract = (struct contract){
        .mode = (enum contract_mode)job->config->contract.mode,
        .errors_max = (uint32_t)job->config->contract.errors_max,
        .refuses_unknown_query = job->config->contract.refuses_unknown_query,
        .response_mode = CONTRACT_OFF,
    };
    TRY(bind_body(compile, job, name, contract));
    TRY(bind_parameters(compile, job, name, contract));
    TRY(bind_responses(compile, job, name, contract));
    TRY(describe(compile, job, contract));
    if (compile->report->error_count > errors)
        contracts->faulty = job->node;
    else if (says_anything(contract))
        *ret_contract = contract;
    return ERR_OK;
}

/* Cuts "FILE#/pointer"; the fragment keeps its "#". */
static struct slice cut_fragment(struct slice *path)
{
    size_t at = slice_find(*path, '#');
    struct slice fragment = slice_skip(*path, at);
    path->len = at;
    return fragment.len > 1 ? fragment : (struct slice){NULL, 0};
}

/* The document and the fragment that a text of the configuration names, from the configuration's folder. */
static enum err name_schema(struct compile *compile, struct slice written, struct report_place place,
                            struct schema_job *job)
{
    struct slice path = written;
    job->place = place;
    job->fragment = cut_fragment(&path);
    if (path.len && path.ptr[0] != '/')
        path = arena_printf(compile->fill.scratch, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(compile->fill.folder),
                            SLICE_ARG(path));
    if (written.len && !path.ptr)
        return ERR_NOMEM;
    if (path.len && path.ptr[path.len - 1] != '/')
        return document_open(compile, path, place, &job->document);
    report_error(compile->report, place, "a schema is the path of a file, or FILE#/pointer");
    return ERR_OK;
}

/* GET and the like have no body as a rule; where one is sent it has to be as the schema says. Of a route for any method
 * the method of the request decides. */
static bool method_wants_body(struct slice method)
{
    return slice_is(method, "*") || slice_is(method, "POST") || slice_is(method, "PUT") || slice_is(method, "PATCH");
}

static enum err bind_body(struct compile *compile, const struct contract_job *job, struct slice name,
                          struct contract *contract)
{
    struct schema_job schema = {.options = options_of(&job->config->contract)};
    const struct yaml_node *node = yaml_find(job->node, "schema");
    struct schema_file *file = node ? NULL : find_file(compile, name, ".json");
    if (job->config->schema.len)
        TRY(name_schema(compile, job->config->schema, compile_place_of(node), &schema));
    else if (file)
        TRY(document_of_file(compile, file, &schema.document));
    if (!schema.document)
        return ERR_OK;
    TRY(schema_make(compile, &schema, &contract->body));
    contract->is_conventional |= file != NULL;
    contract->has_body = true;
    contract->is_body_required = job->config->is_body_required && method_wants_body(job->method);
    if (contract->body.schema && schema_options(contract->body.schema)->errors_max)
        contract->errors_max = schema_options(contract->body.schema)->errors_max;
    return ERR_OK;
}

static enum err bind_parameters(struct compile *compile, const struct contract_job *job, struct slice name,
                                struct contract *contract)
{
    const struct yaml_node *node = yaml_find(job->node, "parameters");
    struct schema_file *file = node ? NULL : find_file(compile, name, ".parameters.json");
    struct schema_job source = {0};
    if (file)
        TRY(document_of_file(compile, file, &source.document));
    else if (node && node->kind == YAML_LIST)
        TRY(document_of_yaml(compile, node, &source.document));
    else if (node && node->kind == YAML_SCALAR)
        TRY(name_schema(compile, node->text, node->place, &source));
    else if (node)
        report_error(compile->report, node->kind == YAML_NULL ? node->key_place : node->place,
                     "\"parameters\" in route takes a list of OpenAPI Parameter Objects, or the file of one");
    if (source.fragment.len)
        report_error(compile->report, source.place,
                     "\"parameters\" in route takes a whole file; leave " SLICE_FMT " out",
                     SLICE_ARG(slice_first(source.fragment, REPORT_QUOTE_BYTES_MAX)));
    if (!source.document)
        return ERR_OK;
    contract->is_conventional |= file != NULL;
    contract->parameters_path = source.document->made->path;
    return parameters_make(compile, job, source.document, contract);
}

/* --- responses --------------------------------------------------------------------------------------------------- */

/* "404", "4XX" or "default". */
static bool parse_status(struct slice text, struct contract_response *out)
{
    bool is_digit = text.len == 3 && text.ptr[0] >= '1' && text.ptr[0] <= '5';
    bool is_range = is_digit && slice_equal_nocase(slice_skip(text, 1), SLICE_LIT("XX"));
    uint64_t status;
    out->status_min = STATUS_MIN;
    out->status_max = STATUS_MAX;
    if (slice_is(text, "default"))
        return true;
    if (is_range) {
        out->status_min = (uint16_t)((text.ptr[0] - '0') * 100);
        out->status_max = (uint16_t)(out->status_min + 99);
        return true;
    }
    if (!is_digit || text_parse_u64(text, &status) != ERR_OK)
        return false;
    out->status_min = out->status_max = (uint16_t)status;
    return true;
}

/* The narrower a response is, the further in front: exact ones before ranges before the default. */
static void add_response(struct contract *contract, struct contract_response response)
{
    uint32_t i = contract->response_count++;
    int width = response.status_max - response.status_min;
    for (; i > 0; i--) {
        const struct contract_response *before = &contract->responses[i - 1];
        int width_before = before->status_max - before->status_min;
        if (width_before < width || (width_before == width && before->status_min < response.status_min))
            break;
        contract->responses[i] = *before;
    }
    contract->responses[i] = response;
}

static const struct contract_response *find_response(const struct contract *contract,
                                                     const struct contract_response *like)
{
    for (uint32_t i = 0; i < contract->response_count; i++)
        if (contract->responses[i].status_min == like->status_min &&
            contract->responses[i].status_max == like->status_max)
            return &contract->responses[i];
    return NULL;
}

static struct schema_job response_job(const struct contract_job *job)
{
    return (struct schema_job){
        .options = {.allow_empty_string = (enum schema_choice)job->config->contract.allow_empty_string,
                    .mode = (enum schema_mode)job->config->contract.response_mode}};
}

/* A file, or {schema: FILE, description: TEXT}. */
static enum err read_response(struct compile *compile, const struct contract_job *job, const struct yaml_node *node,
                              struct contract_response *response)
{
    struct schema_job schema = response_job(job);
    const struct yaml_node *file = node->kind == YAML_MAP ? yaml_find(node, "schema") : node;
    const struct yaml_node *description = yaml_find(node, "description");
    bool is_good = (!file || file->kind == YAML_SCALAR) && (!description || description->kind == YAML_SCALAR);
    for (const struct yaml_node *child = node->kind == YAML_MAP ? node->first : NULL; child; child = child->next)
        is_good &= child == file || child == description;
    if (!is_good) {
        report_error(compile->report, node->kind == YAML_NULL ? node->key_place : node->place,
                     "a response is the file of a schema, or {schema: FILE, description: TEXT}");
        return ERR_OK;
    }
    if (description) {
        response->description = arena_copy(&compile->config->arena, description->text);
        if (!response->description.ptr)
            return ERR_NOMEM;
    }
    if (file)
        TRY(name_schema(compile, file->text, file->place, &schema));
    return schema.document ? schema_make(compile, &schema, &response->schema) : ERR_OK;
}

static enum err read_responses(struct compile *compile, const struct contract_job *job, const struct yaml_node *node,
                               struct contract *contract)
{
    if (node->kind != YAML_MAP) {
        report_error(compile->report, node->kind == YAML_NULL ? node->key_place : node->place,
                     "\"responses\" in route takes a map of status to file, such as {200: user.json, 4XX: "
                     "problem.json, default: problem.json}");
        return ERR_OK;
    }
    contract->responses = arena_alloc_array(&compile->config->arena, node->count, sizeof *contract->responses);
    if (!contract->responses)
        return ERR_NOMEM;
    for (const struct yaml_node *entry = node->first; entry; entry = entry->next) {
        struct contract_response response = {0};
        if (!parse_status(entry->key, &response))
            report_error(compile->report, entry->key_place,
                         "a response is for a status such as 200, for 2XX, or for default; found \"" SLICE_FMT "\"",
                         SLICE_ARG(slice_first(entry->key, REPORT_QUOTE_BYTES_MAX)));
        else if (find_response(contract, &response))
            report_error(compile->report, entry->key_place, "there is a response for " SLICE_FMT " already",
                         SLICE_ARG(entry->key));
        TRY(read_response(compile, job, entry, &response));
        add_response(contract, response);
    }
    return ERR_OK;
}

/* The status in NAME.response.json, NAME.response-404.json; false: the file is none of NAME's responses. */
static bool status_of_file(struct slice path, struct slice name, struct slice *ret_status)
{
    static const char ending[] = ".json";
    if (!slice_starts(path, name) || !slice_starts(slice_skip(path, name.len), SLICE_LIT(".response")))
        return false;
    struct slice rest = slice_skip(path, name.len + sizeof ".response" - 1);
    rest.len -= sizeof ending - 1;
    *ret_status = rest.len == 0 ? SLICE_LIT("2XX") : slice_skip(rest, 1);
    return rest.len == 0 || rest.ptr[0] == '-';
}

static enum err find_responses(struct compile *compile, const struct contract_job *job, struct slice name,
                               struct contract *contract)
{
    struct schema_folder *folder = compile->contracts->folder;
    struct slice status;
    uint32_t count = 0;
    for (uint32_t i = 0; i < folder->count; i++)
        count += status_of_file(folder->files[i].path, name, &status);
    if (count == 0)
        return ERR_OK;
    contract->responses = arena_alloc_array(&compile->config->arena, count, sizeof *contract->responses);
    if (!contract->responses)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < folder->count; i++) {
        struct contract_response response = {0};
        struct schema_job schema = response_job(job);
        if (!status_of_file(folder->files[i].path, name, &status) || !parse_status(status, &response) ||
            find_response(contract, &response))
            continue; /* a file that is not used is told of at the end */
        TRY(document_of_file(compile, &folder->files[i], &schema.document));
        if (schema.document)
            TRY(schema_make(compile, &schema, &response.schema));
        contract->is_conventional = true;
        add_response(contract, response);
    }
    return ERR_OK;
}

static enum err bind_responses(struct compile *compile, const struct contract_job *job, struct slice name,
                               struct contract *contract)
{
    const struct yaml_node *node = yaml_find(job->node, "responses");
    if (node)
        TRY(read_responses(compile, job, node, contract));
    else if (name.len)
        TRY(find_responses(compile, job, name, contract));
    if (contract->response_count)
        contract->response_mode = (enum contract_mode)job->config->contract.response_mode;
    return ERR_OK;
}

/* --- for OpenAPI ------------------------------------------------------------------------------------------------- */

static void check_operation_id(struct compile *compile, const struct contract_job *job)
{
    struct report_place place = compile_place_of(yaml_find(job->node, "operation_id"));
    const struct config *config = compile->config;
    for (uint32_t i = 0; i < config->route_count; i++) {
        const struct contract *other = config->routes[i]->contract;
        if (!other || !slice_equal(other->operation_id, job->config->operation_id))
            continue;
        report_error(compile->report, place,
                     "operation_id \"" SLICE_FMT "\" is that of route \"" SLICE_FMT
                     "\" already; each method of each path is an operation of its own",
                     SLICE_ARG(other->operation_id), SLICE_ARG(slice_first(config->routes[i]->name, 200)));
        return;
    }
}

static enum err describe(struct compile *compile, const struct contract_job *job, struct contract *contract)
{
    const struct route_config *config = job->config;
    const struct slice *tags = config->tags.items;
    contract->operation_id = config->operation_id;
    contract->summary = config->summary;
    contract->description = config->description;
    if (config->operation_id.len)
        check_operation_id(compile, job);
    if (config->tags.count == 0)
        return ERR_OK;
    struct json_writer writer = json_writer_in_arena(&compile->config->arena, 0);
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < config->tags.count; i++)
        json_write_string(&writer, tags[i]);
    json_write_array_end(&writer);
    return json_writer_finish(&writer, &contract->tags);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void warn_of_unused(struct compile *compile)
{
    const struct contracts *contracts = compile->contracts;
    for (uint32_t i = 0; i < contracts->folder->count; i++) {
        const struct schema_file *file = &contracts->folder->files[i];
        const struct report_origin origin = {.path = file->name};
        if (file->is_used)
            continue;
        const char *nearest = text_nearest(file->path, contracts->names, contracts->name_count);
        report_warning_in(compile->report, &origin, (struct report_place){0},
                          "no route is bound to this file, and no schema refers to it%s%s%s",
                          nearest ? "; was it to be \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    }
}

static int compare_documents(const void *a, const void *b)
{
    struct slice left = ((const struct contract_document *)a)->uri;
    struct slice right = ((const struct contract_document *)b)->uri;
    int order = memcmp(left.ptr, right.ptr, MIN(left.len, right.len));
    return order ? order : (left.len > right.len) - (left.len < right.len);
}

enum err bindings_finish(struct compile *compile)
{
    struct contracts *contracts = compile->contracts;
    struct config *config = compile->config;
    struct document *document;
    for (uint32_t i = 0; contracts->folder && i < contracts->folder->count; i++)
        if (contracts->folder->files[i].is_used)
            TRY(document_of_file(compile, &contracts->folder->files[i], &document));
    if (contracts->folder && compile->report->error_count == 0)
        warn_of_unused(compile);
    struct contract_document *documents =
        arena_alloc_array(&config->arena, contracts->document_count, sizeof *documents);
    if (!documents)
        return ERR_NOMEM;
    config->documents = documents;
    config->document_count = contracts->document_count;
    if (contracts->folder) {
        config->documents_base = arena_copy(&config->arena, contracts->folder->uri);
        if (!config->documents_base.ptr)
            return ERR_NOMEM;
    }
    documents += contracts->document_count;
    for (document = contracts->documents; document; document = document->next)
        *--documents = *document->made;
    if (config->document_count)
        qsort(documents, config->document_count, sizeof *documents, compare_documents);
    return ERR_OK;
}
