/* SPDX-License-Identifier: Apache-2.0 */
/* A worker on its own thread behind a real socket, with a crew and routes that tell what they received: for what can only
 * be seen with bytes that come and go. Each route's chain has the middleware `echo`, which answers with the length and
 * the hash of the body; `hold` gives the request to the crew for floor.hold_ns before its body is read; the endpoint
 * metrics gives it to the crew after. */
#ifndef WEIR_TESTS_UNIT_PIPELINE_FLOOR_H
#define WEIR_TESTS_UNIT_PIPELINE_FLOOR_H

#include "lib/sys/clock.h"
#include "lib/sys/crew.h"
#include "pipeline/config_make.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "floor_streams.h"

#define FLOOR_ROUTES 6

struct floor {
    struct config *config;
    struct places *places;
    struct worker *worker;
    struct crew *crew;
    struct ports ports;
    struct address address;
    _Atomic uint64_t hold_ns;
    size_t report_bytes; /* what GET /report answers with */
};

static struct floor floor_; /* middlewares have no way to it but this */

static uint64_t hash_of(struct slice bytes)
{
    uint64_t hash = 1469598103934665603ULL;
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * 1099511628211ULL;
    return hash;
}

static void echo_chunk(struct request *request, const void *options, void *state, struct slice *chunk)
{
    (void)options;
    (void)state;
    *chunk = arena_printf(&request->arena, SLICE_FMT " %zu %016llx", SLICE_ARG(request->target_path), request->body.len,
                          (unsigned long long)hash_of(request->body));
}

static const struct middleware echo = {.name = "echo", .place = PLACE_OUTPUT, .on_response_chunk = echo_chunk};

/* Reads what the request points to before and after the wait: it must be there whatever became of the client. */
static void hold_run(struct task *task)
{
    const struct request *request = CONTAINER_OF(task, struct request, task);
    uint64_t before = hash_of(request->head.target);
    clock_sleep_ns(atomic_load(&floor_.hold_ns));
    assert_true(hash_of(request->head.target) == before);
}

static enum verdict hold_request(struct request *request, const void *options, void *state)
{
    (void)options;
    (void)state;
    if (request->was_submitted) {
        request->was_submitted = false;
        return VERDICT_NEXT;
    }
    request->task.on_run = hold_run;
    return request_submit(request) == ERR_OK ? VERDICT_WAIT : request_fail(request, PROBLEM_OVERLOADED, "full");
}

static const struct middleware hold = {.name = "hold", .place = PLACE_CONTEXT, .on_request = hold_request};

static bool port_is_ready(void *owner, struct text *why)
{
    (void)owner;
    (void)why;
    return true;
}

static bool port_is_stale(void *owner, struct text *why)
{
    (void)owner;
    (void)why;
    return false;
}

static enum err port_render(void *owner, bool is_openmetrics, char **ret_text, size_t *ret_bytes)
{
    const struct floor *floor = owner;
    (void)is_openmetrics;
    clock_sleep_ns(atomic_load(&floor->hold_ns));
    *ret_bytes = floor->report_bytes;
    *ret_text = malloc(floor->report_bytes + 1);
    memset(*ret_text, 'r', floor->report_bytes + 1);
    return ERR_OK;
}

static struct config *floor_config(const struct limits_config *limits)
{
    static const struct {
        const char *method, *pattern;
        enum endpoint endpoint;
        const struct middleware *links[2];
    } rows[FLOOR_ROUTES] = {
        {"*", "/echo/{n}", ENDPOINT_livez, {&echo, NULL}},
        {"*", "/hold/{n}", ENDPOINT_livez, {&hold, &echo}},
        {"*", "/slow/{n}", ENDPOINT_metrics, {&echo, NULL}},
        {"GET", "/report", ENDPOINT_metrics, {NULL, NULL}},
        {"*", "/swallow/{n}", ENDPOINT_livez, {&swallow, NULL}},
        {"GET", "/pour/{mode}/{n}", ENDPOINT_NONE, {&pour, NULL}},
    };
    struct config *config = config_create();
    assert_non_null(config);
    config->limits = *limits;
    struct listen_config *listen = arena_alloc_zero(&config->arena, sizeof *listen);
    listen->protocols = 1u << LISTEN_HTTP1 | 1u << LISTEN_H2;
    config->listen = (struct option_list){listen, 1};
    config->routes = arena_alloc_array(&config->arena, FLOOR_ROUTES + 1, sizeof(struct route *));
    const struct route_config *plain = arena_alloc_zero(&config->arena, sizeof *plain);
    for (int i = 0; i < FLOOR_ROUTES + 1; i++) {
        struct route *route = config->routes[i] = arena_alloc_zero(&config->arena, sizeof *route);
        *route = (struct route){.config = plain,
                                .name = SLICE_LIT("x"),
                                .body_bytes_max = limits->body_bytes,
                                .body_time_ns = limits->body_time,
                                .request_time_ns = limits->request_time};
        flow_plan(route);
        if (i == FLOOR_ROUTES)
            break;
        route->method = slice_of_text(rows[i].method);
        route->pattern = slice_of_text(rows[i].pattern);
        route->endpoint = rows[i].endpoint;
        for (int link = 0; link < 2 && rows[i].links[link]; link++)
            route_chain_add(route, (struct chain_link){.middleware = rows[i].links[link]});
        flow_plan(route);
    }
    config->unmatched = config->routes[FLOOR_ROUTES];
    config->route_count = FLOOR_ROUTES;
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    assert_int_equal(route_table_build(&config->arena, config->routes, FLOOR_ROUTES, &fault, &config->table), ERR_OK);
    return config;
}

static struct limits_config floor_limits(void)
{
    return (struct limits_config){
        .codings = 8,
        .coding_memory = 28 << 20,
        .decoded_ratio = 200,
        .head_bytes = 4096,
        .target_bytes = 1024,
        .header_count = 64,
        .body_bytes = 1 << 20,
        .request_memory = 16 << 20,
        .worker_memory = 256 << 20,
        .worker_cache = 4 << 20,
        .connections = 100,
        .connection_requests = 1000000,
        .header_time = 10 * NS_PER_S,
        .body_time = 20 * NS_PER_S,
        .body_rate = 1,
        .idle_time = 20 * NS_PER_S,
        .write_time = 10 * NS_PER_S,
        .request_time = 10 * NS_PER_S,
        .http2_streams = 10,
        .http2_stream_window = 65536,
        .http2_connection_window = 65536,
#define ABUSE(name, field, fallback, what, more) .http2_##field = fallback,
#include "lib/http2/abuses.def"
#undef ABUSE
    };
}

static void floor_start(const struct limits_config *limits)
{
    int fd = -1;
    floor_ = (struct floor){.config = floor_config(limits), .report_bytes = 100};
    floor_.ports = (struct ports){
        .owner = &floor_, .is_ready = port_is_ready, .schemas_are_stale = port_is_stale, .metrics_render = port_render};
    assert_int_equal(places_create(1, &floor_.places), ERR_OK);
    const struct worker_options options = {.config = floor_.config, .places = floor_.places, .ports = &floor_.ports};
    assert_int_equal(worker_create(&options, &floor_.worker), ERR_OK);
    struct wake *wakes[] = {&floor_.worker->mailbox.wake};
    const struct crew_options crew = {
        .name = "floor", .thread_count = 2, .worker_count = 1, .ring_entries = 64, .wakes = wakes};
    assert_int_equal(crew_create(&crew, &floor_.crew), ERR_OK);
    floor_.worker->crew = floor_.crew;
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.1:0"), &floor_.address), ERR_OK);
    assert_int_equal(socket_listen(&floor_.address, 4096, &fd), ERR_OK);
    assert_int_equal(socket_address(fd, &floor_.address), ERR_OK);
    assert_int_equal(worker_listen(floor_.worker, fd, 0), ERR_OK);
    assert_int_equal(worker_start(floor_.worker), ERR_OK);
}

static void floor_order(enum worker_order order, struct config *config)
{
    worker_send(floor_.worker, order, config);
    while (!worker_is_idle(floor_.worker))
        clock_sleep_ns(NS_PER_MS);
}

/* worker_destroy asserts that every connection, request and block has come back. */
static void floor_stop(void)
{
    floor_order(WORKER_STOP, NULL);
    worker_join(floor_.worker);
    assert_true(atomic_load(&floor_.worker->is_drained));
    crew_destroy(floor_.crew);
    worker_destroy(floor_.worker);
    places_destroy(floor_.places);
    config_unref(floor_.config);
}

/* --- A client --------------------------------------------------------------------------------------------------- */

static int client_open(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &floor_.address.any, floor_.address.len), 0);
    struct timeval patience = {.tv_sec = 30};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

static void client_send(int fd, const char *bytes, size_t len)
{
    for (ssize_t count; len > 0; bytes += count, len -= (size_t)count) {
        count = send(fd, bytes, len, MSG_NOSIGNAL);
        assert_true(count > 0);
    }
}

UNUSED static void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text));
}

/* All until the other side closes, as text; false after a reset or without an end. */
UNUSED static bool client_read_all(int fd, char *out, size_t capacity)
{
    size_t len = 0;
    ssize_t count;
    while ((count = recv(fd, out + len, capacity - 1 - len, 0)) > 0)
        len += (size_t)count;
    out[len] = '\0';
    return count == 0;
}

struct answer {
    int status;
    bool is_closing;
    char body[512]; /* its first bytes */
    size_t body_bytes;
};

/* One response, byte by byte so that nothing of the next is taken. `has_body`: not to HEAD. */
static bool client_read(int fd, bool has_body, struct answer *ret_answer)
{
    char head[2048];
    size_t len = 0;
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        if (len == sizeof head - 1 || recv(fd, head + len, 1, 0) != 1)
            return false;
        len++;
    }
    head[len] = '\0';
    const char *length = strstr(head, "Content-Length: ");
    *ret_answer = (struct answer){.is_closing = strstr(head, "Connection: close") != NULL};
    assert_int_equal(sscanf(head, "HTTP/1.1 %d", &ret_answer->status), 1);
    size_t left = has_body && length ? strtoul(length + 16, NULL, 10) : 0;
    ret_answer->body_bytes = left;
    size_t kept = 0;
    while (left > 0) {
        char piece[4096];
        ssize_t count = recv(fd, piece, MIN(left, sizeof piece), 0);
        if (count <= 0)
            return false;
        size_t keep = MIN((size_t)count, sizeof ret_answer->body - 1 - kept);
        memcpy(ret_answer->body + kept, piece, keep);
        kept += keep;
        left -= (size_t)count;
    }
    return true;
}

#endif
