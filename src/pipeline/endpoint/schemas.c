/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint `schemas`: GET lists what is bound, POST has all of it read anew.
 *
 * The control plane does that on a thread of its own. The request looks for the outcome now and then: nothing has to be held
 * for it, a worker's timer is all it takes, and such requests are rare. */
#include "lib/sys/clock.h"
#include "pipeline/contract.h"
#include "pipeline/endpoint/endpoint_int.h"

#include "lib/json/writer.h"

#include <stdlib.h>

#define LIST_BYTES 4096

static enum verdict list(struct request *request);
static enum verdict reload(struct request *request);

enum verdict endpoint_schemas(struct request *request)
{
    return request->head.method == HTTP_METHOD_POST ? reload(request) : list(request);
}

/* --- GET --------------------------------------------------------------------------------------------------------- */

static int compare_uri(const void *key, const void *item)
{
    const struct slice *uri = key;
    struct slice other = ((const struct contract_document *)item)->uri;
    int order = memcmp(uri->ptr, other.ptr, MIN(uri->len, other.len));
    return order ? order : (uri->len > other.len) - (uri->len < other.len);
}

static const struct contract_document *document_of(const struct config *config, const struct contract_schema *schema)
{
    struct slice uri = slice_first(schema->uri, slice_find(schema->uri, '#'));
    return config->document_count
               ? bsearch(&uri, config->documents, config->document_count, sizeof(struct contract_document), compare_uri)
               : NULL;
}

struct listing {
    struct json_writer *writer;
    const struct config *config;
    const struct route *route;
};

/* From the folder of schemas, where the file is in there. */
static struct slice name_file(const struct config *config, struct slice path)
{
    const struct slice folder = config->schemas.folder_shown;
    bool is_inside = folder.len && path.len > folder.len && slice_starts(path, folder) && path.ptr[folder.len] == '/';
    return is_inside ? slice_skip(path, folder.len + 1) : path;
}

static void put_schema(void *context, struct slice part, const struct contract_schema *schema)
{
    static const char *const modes[] = {
        [CONTRACT_ENFORCE] = "enforce", [CONTRACT_REPORT] = "report", [CONTRACT_OFF] = "off"};
    const struct listing *listing = context;
    struct json_writer *writer = listing->writer;
    const struct contract_document *document = document_of(listing->config, schema);
    size_t fragment = slice_find(schema->uri, '#');
    char time[25];
    if (!document)
        return;
    clock_format_rfc3339(time, document->loaded_ns);
    json_write_object_begin(writer);
    json_write_member_string(writer, "route", listing->route->name);
    json_write_member_string(writer, "part", part);
    json_write_member_string(writer, "file",
                             schema->path.len ? name_file(listing->config, schema->path) : listing->config->path);
    if (fragment < schema->uri.len)
        json_write_member_string(writer, "fragment", slice_skip(schema->uri, fragment));
    json_write_member_string(writer, "sha256", slice_of_text(document->hash));
    json_write_member_string(writer, "loaded", slice_of_text(time));
    json_write_member_string(writer, "mode", slice_of_text(modes[schema->mode]));
    json_write_object_end(writer);
}

static enum verdict list(struct request *request)
{
    const struct ports *ports = request->worker->ports;
    const struct config *config = request->config;
    char memory[NOTICE_BYTES + 1];
    struct text why = text_init(memory, sizeof memory);
    struct json_writer writer = json_writer_in_arena(&request->arena, LIST_BYTES);
    bool is_stale = ports->schemas_are_stale(ports->owner, &why);
    json_write_object_begin(&writer);
    json_write_member_bool(&writer, "stale", is_stale);
    if (is_stale)
        json_write_member_string(&writer, "detail", text_slice(&why));
    json_write_key(&writer, SLICE_LIT("schemas"));
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct listing listing = {.writer = &writer, .config = config, .route = config->routes[i]};
        contract_each(config->routes[i]->contract, put_schema, &listing);
    }
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}

/* --- POST -------------------------------------------------------------------------------------------------------- */

static enum verdict refuse(struct request *request, const struct schemas_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->fault_count; i++)
        request_fault_add(request, SLICE_LIT(""), SLICE_FMT, SLICE_ARG(outcome->faults[i]));
    return request_fail(request, PROBLEM_INVALID_SCHEMAS,
                        "The schemas as they are now were not taken; those from before go on being used.");
}

static enum verdict look(struct endpoint_wait *waiting)
{
    struct request *request = waiting->request;
    const struct ports *ports = request->worker->ports;
    struct schemas_outcome outcome;
    enum err err = ports->schemas_outcome(ports->owner, waiting->ticket, &request->arena, &outcome);
    if (err == ERR_AGAIN)
        return endpoint_wait_on(waiting);
    if (err != ERR_OK)
        return request_fail_memory(request);
    if (outcome.is_given_up)
        return request_fail(request, PROBLEM_OVERLOADED, "The server is shutting down and reads no schemas any more.");
    if (!outcome.is_good)
        return refuse(request, &outcome);
    response_set(request, 200, "application/json",
                 outcome.has_changed ? SLICE_LIT("{\"status\":\"reloaded\"}")
                                     : SLICE_LIT("{\"status\":\"unchanged\"}"));
    return VERDICT_NEXT;
}

static enum verdict reload(struct request *request)
{
    const struct ports *ports = request->worker->ports;
    struct endpoint_wait *waiting = request->task_state;
    return waiting ? look(waiting) : endpoint_wait_begin(request, ports->schemas_reload(ports->owner));
}
