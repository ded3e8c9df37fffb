/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/request.h"

#include "pipeline/connection.h"
#include "pipeline/flow.h"
#include "pipeline/worker.h"

#include <stdarg.h>
#include <stdio.h>

#define DETAIL_BYTES_MAX  512
#define FAULTS_FIRST      4
#define ARENA_BLOCK_BYTES 16384

static struct slice format(struct request *request, const char *text, va_list args) PRINTF_LIKE(2, 0);
static void on_task_done(struct task *task);

/* Empty. */
ALWAYS_INLINE struct request *take(struct worker *worker)
{
    struct request *request = slab_acquire(&worker->requests);
    if (UNLIKELY(!request))
        return NULL;
    memset(request, 0, REQUEST_CLEARED_BYTES);
    /* A small request takes nothing from the pool, which saves 130 instructions. */
    arena_init_with(&request->arena, &worker->pool, ARENA_BLOCK_BYTES, worker->limits.request_memory, request->memory,
                    sizeof request->memory);
    request->total_timer.deadline_ns = 0;
    request->response.fields = request->response.first_fields;
    request->response.field_capacity = RESPONSE_FIELDS_MAX;
    request->worker = worker;
    request->begin_ns = worker->loop.now_ns;
    return request;
}

struct request *request_acquire(struct connection *connection, size_t header_count_max)
{
    struct worker *worker = connection->worker;
    struct request *request = take(worker);
    if (UNLIKELY(!request))
        return NULL;
    request->head.headers = arena_alloc(&request->arena, header_count_max * sizeof(struct http_header));
    if (UNLIKELY(!request->head.headers)) {
        slab_release(&worker->requests, request);
        return NULL;
    }
    request->head.head_bytes = 0;
    request->connection = connection;
    request->generation = worker_generation_acquire(worker);
    request->config = request->generation->config;
    request->peer = connection->peer;
    request->tls = connection->tls;
    connection->open_requests++;
    return request;
}

/* The head is the stream's, and what it points to goes with that: a part that is an orphan looks at neither. */
struct request *request_acquire_part(struct request *parent)
{
    struct request *request = take(parent->worker);
    if (!request)
        return NULL;
    request->parent = parent;
    request->generation = parent->generation;
    request->generation->requests++;
    request->config = parent->config;
    request->head = parent->head;
    request->match = parent->match;
    request->route = parent->route;
    request->path = parent->path;
    request->peer = parent->peer;
    request->tls = parent->tls;
    request->id = parent->id;
    request->identity = parent->identity;
    request->is_timed = true;
    return request;
}

static NOT_INLINE void clean_up(struct request *request)
{
    while (request->cleanup_count > 0) {
        struct request_cleanup *cleanup = &request->cleanups[--request->cleanup_count];
        cleanup->run(cleanup->argument);
    }
    for (uint32_t i = 0; i < request->block_count; i++)
        pool_release(&request->worker->pool, request->blocks[i].ptr, request->blocks[i].bytes);
    arena_reset(&request->arena);
}

void request_release(struct request *request)
{
    list_remove(&request->due);
    struct worker *worker = request->worker;
    ASSERT(!request->holds, "a request that a crew thread holds is not recycled");
    if (request->cleanup_count || request->block_count || request->arena.blocks)
        clean_up(request);
    worker_generation_release(worker, request->generation);
    slab_release(&worker->requests, request);
    if (UNLIKELY(worker->is_draining))
        worker_connection_closed(worker);
}

enum verdict request_fail(struct request *request, enum problem problem, const char *text, ...)
{
    va_list args;
    va_start(args, text);
    request->problem = problem;
    request->problem_detail = format(request, text, args);
    va_end(args);
    return VERDICT_FAIL;
}

enum verdict request_fail_memory(struct request *request)
{
    if (request->arena.is_over_limit)
        return request_fail_too_large(request);
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_OUT_OF_MEMORY, "The memory for requests is taken; try again.");
}

enum verdict request_fail_too_large(struct request *request)
{
    return request_fail(request, PROBLEM_REQUEST_TOO_LARGE,
                        "The request needs more than the %llu bytes of memory that one request may take.",
                        (unsigned long long)request->worker->limits.request_memory);
}

void request_fault_add(struct request *request, struct slice pointer, const char *text, ...)
{
    if (request->fault_count >= REQUEST_FAULTS_MAX)
        return;
    va_list args;
    va_start(args, text);
    struct slice detail = format(request, text, args);
    va_end(args);
    struct slice copy = arena_copy(&request->arena, pointer);
    struct request_fault *fault = detail.ptr && copy.ptr ? request_fault_push(request) : NULL;
    if (fault)
        *fault = (struct request_fault){.pointer = copy, .detail = detail};
}

struct request_fault *request_fault_push(struct request *request)
{
    if (request->fault_count == request->fault_capacity) {
        uint32_t capacity = request->fault_capacity ? request->fault_capacity * 2 : FAULTS_FIRST;
        struct request_fault *larger = arena_alloc_array(&request->arena, capacity, sizeof *larger);
        if (!larger)
            return NULL;
        if (request->fault_count)
            memcpy(larger, request->faults, request->fault_count * sizeof *larger);
        request->faults = larger;
        request->fault_capacity = capacity;
    }
    struct request_fault *fault = &request->faults[request->fault_count++];
    *fault = (struct request_fault){0};
    return fault;
}

enum err response_fields_reserve(struct request *request, uint32_t count)
{
    struct response *response = &request->response;
    uint32_t capacity = count + RESPONSE_FIELDS_MAX;
    struct response_field *fields = arena_alloc_array(&request->arena, capacity, sizeof *fields);
    if (!fields)
        return ERR_NOMEM;
    if (response->field_count)
        memcpy(fields, response->fields, response->field_count * sizeof *fields);
    response->fields = fields;
    response->field_capacity = capacity;
    return ERR_OK;
}

void request_respond_from(struct request *request, int status, const char *content_type, struct body_source *source,
                          uint64_t bytes)
{
    response_set(request, status, content_type, (struct slice){NULL, 0});
    response_set_source(&request->response, source, bytes);
}

void response_set_source(struct response *response, struct body_source *source, uint64_t bytes)
{
    response->body = (struct slice){NULL, 0};
    response->source = source;
    response->has_length = bytes != UINT64_MAX;
    response->source_bytes = response->has_length ? bytes : 0;
}

void request_on_release(struct request *request, void (*run)(void *argument), void *argument)
{
    ASSERT(request->cleanup_count < REQUEST_CLEANUPS_MAX, "the stages keep few things to clean up");
    request->cleanups[request->cleanup_count++] = (struct request_cleanup){run, argument};
}

enum err request_submit(struct request *request)
{
    ASSERT(!request->holds && request->task.on_run, "one task at a time");
    request->task.on_done = on_task_done;
    atomic_store_explicit(&request->task.is_cancelled, false, memory_order_relaxed);
    TRY(crew_submit(request->worker->crew, request->worker->index, &request->task));
    request->holds++;
    request->was_submitted = true;
    return ERR_OK;
}

static void on_task_done(struct task *task)
{
    struct request *request = CONTAINER_OF(task, struct request, task);
    request->holds--;
    flow_resume(request);
}

static struct slice format(struct request *request, const char *text, va_list args)
{
    char line[DETAIL_BYTES_MAX];
    struct text out = text_init(line, sizeof line);
    text_vprintf(&out, text, args);
    return arena_copy(&request->arena, text_slice(&out));
}
