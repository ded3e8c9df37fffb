/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange on a link of its own, waited for. */
#include "load/fetch.h"

#include "lib/sys/clock.h"
#include "load/wire/link_int.h"

#include <stdlib.h>

#define TURN_NS NS_PER_MS

static void on_data(struct load_exchange *exchange, struct slice data)
{
    struct load_fetch *fetch = CONTAINER_OF(exchange, struct load_fetch, exchange);
    fetch->is_too_large = fetch->is_too_large || data.len > fetch->body_bytes_max - fetch->buffer.len;
    if (!fetch->is_too_large)
        buffer_add(&fetch->buffer, data);
}

/* The head stands in memory of the link, which is about to go. */
static void on_end(struct load_exchange *exchange)
{
    struct load_fetch *fetch = CONTAINER_OF(exchange, struct load_fetch, exchange);
    fetch->is_over = true;
    for (uint32_t i = 0; i < fetch->head.header_count; i++) {
        struct http_header *header = &fetch->headers[i];
        header->name = arena_copy(fetch->arena, header->name);
        header->value = arena_copy(fetch->arena, header->value);
        if (!header->name.ptr || !header->value.ptr)
            fetch->failure = LOAD_FAILURE_LOCAL;
    }
}

static void on_failed(struct load_exchange *exchange, enum load_failure failure)
{
    struct load_fetch *fetch = CONTAINER_OF(exchange, struct load_fetch, exchange);
    fetch->is_over = true;
    fetch->failure = failure == LOAD_FAILURE_NONE ? LOAD_FAILURE_CLOSED : failure;
}

static void on_ready(struct load_link *link)
{
    ((struct load_fetch *)load_link_owner(link))->is_ready = true;
}

static void on_room(struct load_link *link)
{
    (void)link;
}

static void on_closed(struct load_link *link, enum load_failure failure)
{
    struct load_fetch *fetch = load_link_owner(link);
    fetch->is_closed = true;
    if (!fetch->is_ready)
        fetch->failure = failure == LOAD_FAILURE_NONE ? LOAD_FAILURE_CONNECT : failure;
}

static const struct load_exchange_events exchange_events = {
    .on_data = on_data, .on_end = on_end, .on_failed = on_failed};
static const struct load_link_events link_events = {.on_ready = on_ready, .on_room = on_room, .on_closed = on_closed};

static bool wait_for(struct load_fetch *fetch, struct load_wire *wire, const bool *is_done, uint64_t deadline_ns)
{
    while (!*is_done && !fetch->is_closed && clock_now_ns() < deadline_ns) {
        if (fetch->is_cancelled && fetch->is_cancelled(fetch->owner))
            break;
        load_wire_flush(wire);
        loop_turn(wire->loop, TURN_NS);
    }
    return *is_done;
}

static enum load_failure exchange_on(struct load_fetch *fetch, struct load_wire *wire, struct load_link *link)
{
    uint64_t deadline_ns = clock_now_ns() + fetch->timeout_ns;
    const struct load_target *target = fetch->target;
    if (load_link_open(link, wire, target, &target->addresses[0], NULL, &link_events, fetch) != ERR_OK)
        return LOAD_FAILURE_LOCAL;
    if (!wait_for(fetch, wire, &fetch->is_ready, deadline_ns))
        return fetch->failure ? fetch->failure : LOAD_FAILURE_TIMEOUT;
    load_link_send(link, &fetch->exchange);
    (void)wait_for(fetch, wire, &fetch->is_over, deadline_ns);
    if (!fetch->is_over)
        return LOAD_FAILURE_TIMEOUT;
    return fetch->is_too_large ? LOAD_FAILURE_TOO_LARGE : fetch->failure;
}

enum load_failure load_fetch(struct load_fetch *fetch, struct load_wire *wire)
{
    struct load_link *link = calloc(1, load_link_bytes());
    if (!link)
        return LOAD_FAILURE_LOCAL;
    fetch->is_ready = fetch->is_closed = fetch->is_over = fetch->is_too_large = false;
    fetch->failure = LOAD_FAILURE_NONE;
    fetch->buffer = buffer_in_arena(fetch->arena, 0);
    fetch->head = (struct http_head){.headers = fetch->headers};
    fetch->exchange =
        (struct load_exchange){.events = &exchange_events, .request = fetch->request, .head = &fetch->head};
    enum load_failure failure = exchange_on(fetch, wire, link);
    load_link_close(link);
    load_wire_flush(wire);
    free(link);
    if (failure == LOAD_FAILURE_NONE && buffer_finish(&fetch->buffer, &fetch->body) != ERR_OK)
        failure = LOAD_FAILURE_LOCAL;
    return failure;
}
