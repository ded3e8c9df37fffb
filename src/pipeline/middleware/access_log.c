/* SPDX-License-Identifier: Apache-2.0 */
/* access_log: one JSON line for each request, written by another thread.
 *
 * The worker only copies numbers and texts into the next free record of its ring; formatting and writing happen on the
 * log thread, so that a slow disk slows the log and not the answers. When the ring is full the line is dropped and
 * counted. The query is not logged: it is where keys and personal data end up by mistake. */
#include "pipeline/middleware/outcome_int.h"
#include "pipeline/worker.h"

struct options {
    struct slice path;
    uint32_t sink; /* of path */
};

static const struct option rows[] = {
    {.name = "path",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, path),
     .fallback = "-",
     .min = 1,
     .max = 4096,
     .help = "The file that lines are appended to; - is standard output; relative to the configuration's folder"},
};

static const struct option_table table = {
    .name = "access_log",
    .help = "Where the access log goes",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err prepare(struct middleware_setup *setup);
static void on_complete(struct request *request, const void *options, void *state);

const struct middleware middleware_access_log = {
    .name = "access_log",
    .help = "Writes one JSON line for each request",
    .place = PLACE_OBSERVE,
    .duty = DUTY_OPTIONAL,
    .options = &table,
    .prepare = prepare,
    .on_complete = on_complete,
};

static void fill(struct access_record *record, const struct request *request);
static enum access_protocol protocol_of(const struct http_head *head);

static enum err prepare(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    struct slice path = options->path;
    bool is_relative = !slice_is(path, "-") && !slice_starts(path, SLICE_LIT("/")) && setup->folder.len;
    if (is_relative)
        path = arena_printf(setup->arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(setup->folder), SLICE_ARG(path));
    if (!path.ptr)
        return ERR_NOMEM;
    return access_log_open(path, setup->fault, &options->sink);
}

static void on_complete(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    struct worker *worker = request->worker;
    struct access_record *record = worker->ports->log_reserve(worker->ports->owner, worker->index);
    if (!record) {
        counter_add(&worker->meter.log_lines_dropped, 1);
        return;
    }
    fill(record, request);
    record->sink = options->sink;
    worker->ports->log_commit(worker->ports->owner, worker->index);
}

static void fill(struct access_record *record, const struct request *request)
{
    record->wall_ns = worker_wall_ns(request->worker, request->end_ns);
    record->duration_ns = request->end_ns - request->begin_ns;
    record->receive_ns = request->receive_ns;
    record->decode_ns = request->decode_ns;
    record->queue_ns = request->queue_ns;
    record->run_ns = request->run_ns;
    record->upstream_ns = request->upstream_ns;
    record->received_bytes = request->received_bytes;
    record->sent_bytes = request->sent_bytes;
    record->status = (uint16_t)outcome_status(request);
    record->problem = (uint8_t)(request->is_cancelled ? PROBLEM_CLIENT_CLOSED : request->problem);
    record->method = (uint8_t)(request->head.method_text.len ? request->head.method : HTTP_METHOD_OTHER);
    record->protocol = (uint8_t)protocol_of(&request->head);
    record->tls = request->tls;
    record->peer = request->peer;

    const struct slice none = {NULL, 0};
    size_t used = 0;
#define ADD(which, text) used = access_record_add(record, ACCESS_TEXT_##which, used, (text))
    ADD(request_id, request->id);
    ADD(method, record->method == HTTP_METHOD_OTHER ? request->head.method_text : none);
    ADD(path, request->path.len ? request->path : request->target_path);
    ADD(route, request->route ? request->route->name : none);
    ADD(tenant, request->identity.tenant);
    ADD(key_id, request->identity.key_id);
    ADD(bucket, request->identity.bucket);
    ADD(model, request->model_entry ? request->model_entry->config->name : none);
    ADD(upstream, request->exchange ? request->route->upstream->config->name : none);
    ADD(contract, request->contract_note);
    ADD(user_agent, request_header(request, HTTP_FIELD_USER_AGENT));
#undef ADD
}

static enum access_protocol protocol_of(const struct http_head *head)
{
    if (head->version_major > 1)
        return ACCESS_HTTP2;
    return head->version_minor > 0 ? ACCESS_HTTP11 : ACCESS_HTTP10;
}
