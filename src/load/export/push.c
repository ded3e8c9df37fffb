/* SPDX-License-Identifier: Apache-2.0 */
/* Each receiver has a link and at most one request on its way. What comes meanwhile is passed over: the next figures hold it, since
 * all of them are totals. Only the last ones wait for their turn.
 *
 *     nothing → (link opens) → request sent → response → nothing
 *
 * A receiver that fails is told of once, and tried again with the next figures. */
#include "load/export/push_int.h"

#include "lib/sys/clock.h"
#include "load/export/sink_int.h"
#include "load/plan/target.h"
#include "load/wire.h"

#include <stdlib.h>

#define SENDERS          2
#define FIELDS_MAX       16
#define TIMEOUT_NS       (2 * NS_PER_S)
#define MEMORY_BYTES_MAX (64u << 20)
#define BLOCK_BYTES      (64u << 10)
#define WORDS_BYTES      160 /* of what a receiver says is wrong */

enum sender_kind { SENDER_GATEWAY, SENDER_RECEIVER };

struct sender {
    struct export_push *push;
    enum sender_kind kind;
    struct load_target *target; /* of the mini plan */
    struct slice path;
    struct load_link *link;
    uint32_t opened; /* how often: the addresses of the target take turns */
    struct load_exchange exchange;
    struct load_request request;
    struct http_head head;
    struct http_header headers[LOAD_HEADERS_MAX];
    struct http2_field fields[FIELDS_MAX];
    struct timer timer;
    struct arena arena; /* of the request on its way */
    char words[WORDS_BYTES];
    size_t words_len;
    bool is_busy; /* with a request, from begin to end */
    bool is_sent; /* the request is on the link */
    bool
        is_fresh; /* the link was opened for it; on a kept one it may have met the server's closing, and is tried again */
    bool is_told; /* of a failure */
    bool is_last; /* the last request has begun */
};

struct export_push {
    struct loop *loop;
    const struct load_export_options *options;
    void (*on_idle)(void *owner);
    void *owner;
    struct pool pool;
    struct arena arena;    /* of the targets */
    struct load_plan plan; /* what wire.h wants to know of its links */
    struct load_target targets[SENDERS];
    struct load_wire *wire;
    struct sender senders[SENDERS];
    uint32_t sender_count;
    const struct export_figures *last; /* NULL until export_push_finish */
};

static enum err add_sender(struct export_push *push, enum sender_kind kind, struct slice url, struct text *fault);
static void begin(struct sender *sender, const struct export_figures *figures);
static enum err write_request(struct sender *sender, const struct export_figures *figures);
static void open_link(struct sender *sender);
static void transmit(struct sender *sender);
static void end(struct sender *sender);
static void fail(struct sender *sender, const char *why);
static void advance(struct sender *sender);
static void on_ready(struct load_link *link);
static void on_room(struct load_link *link);
static void on_closed(struct load_link *link, enum load_failure failure);
static void on_data(struct load_exchange *exchange, struct slice data);
static void on_end(struct load_exchange *exchange);
static void on_failed(struct load_exchange *exchange, enum load_failure failure);
static void on_timeout(struct timer *timer);

static const struct load_link_events link_events = {on_ready, on_room, on_closed};
static const struct load_exchange_events exchange_events = {
    .on_data = on_data, .on_end = on_end, .on_failed = on_failed};

enum err export_push_create(struct loop *loop, const struct load_export_options *options, void (*on_idle)(void *owner),
                            void *owner, struct text *fault, struct export_push **ret_push)
{
    struct export_push *push = calloc(1, sizeof *push);
    if (!push)
        return ERR_NOMEM;
    *push = (struct export_push){.loop = loop, .options = options, .on_idle = on_idle, .owner = owner};
    push->plan = (struct load_plan){.targets = push->targets,
                                    .connections_max = SENDERS,
                                    .pipelining = 1,
                                    .streams_max = 1,
                                    .is_kept_alive = true,
                                    .thread_count = 1};
    pool_init(&push->pool, MEMORY_BYTES_MAX, MEMORY_BYTES_MAX);
    arena_init(&push->arena, &push->pool, 4096, MEMORY_BYTES_MAX);
    enum err err = ERR_OK;
    if (options->gateway.len)
        err = add_sender(push, SENDER_GATEWAY, options->gateway, fault);
    if (err == ERR_OK && options->receiver.len)
        err = add_sender(push, SENDER_RECEIVER, options->receiver, fault);
    if (err == ERR_OK)
        err = load_wire_create(&push->plan, loop, &push->wire);
    if (err != ERR_OK) {
        export_push_destroy(push);
        return err;
    }
    *ret_push = push;
    return ERR_OK;
}

static enum err add_sender(struct export_push *push, enum sender_kind kind, struct slice url, struct text *fault)
{
    struct sender *sender = &push->senders[push->sender_count];
    struct load_target *target = &push->targets[push->sender_count];
    struct slice rest;
    text_printf(fault, SLICE_FMT " ", SLICE_ARG(url));
    TRY(load_target_parse(url, &push->arena, fault, target, &rest));
    fault->len = 0;
    TRY(load_target_resolve(target, fault));
    *sender = (struct sender){.push = push, .kind = kind, .target = target, .path = rest};
    sender->link = calloc(1, load_link_bytes());
    if (!sender->link)
        return ERR_NOMEM;
    if (kind == SENDER_GATEWAY) {
        while (rest.len && rest.ptr[rest.len - 1] == '/')
            rest.len--;
        struct slice group;
        TRY(export_gateway_path(push->options, &push->arena, &group));
        sender->path = arena_printf(&push->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(rest), SLICE_ARG(group));
    } else if (!rest.len) {
        sender->path = SLICE_LIT("/");
    }
    if (!sender->path.ptr)
        return ERR_NOMEM;
    arena_init(&sender->arena, &push->pool, BLOCK_BYTES, MEMORY_BYTES_MAX / SENDERS);
    timer_init(&sender->timer, on_timeout);
    push->targets[push->sender_count].protocol = LOAD_HTTP1;
    push->plan.target_count = ++push->sender_count;
    return ERR_OK;
}

void export_push_destroy(struct export_push *push)
{
    if (!push)
        return;
    for (uint32_t i = 0; i < push->sender_count; i++) {
        struct sender *sender = &push->senders[i];
        sender->is_busy = false;
        timer_cancel(&sender->timer);
        load_link_close(sender->link);
        arena_reset(&sender->arena);
    }
    load_wire_destroy(push->wire);
    for (uint32_t i = 0; i < SENDERS; i++)
        free(push->senders[i].link);
    arena_reset(&push->arena);
    pool_deinit(&push->pool);
    free(push);
}

void export_push_flush(struct export_push *push)
{
    load_wire_flush(push->wire);
}

void export_push_send(struct export_push *push, const struct export_figures *figures)
{
    for (uint32_t i = 0; i < push->sender_count; i++)
        if (!push->senders[i].is_busy)
            begin(&push->senders[i], figures);
}

void export_push_finish(struct export_push *push, const struct export_figures *figures)
{
    push->last = figures;
    for (uint32_t i = 0; i < push->sender_count; i++)
        if (!push->senders[i].is_busy)
            advance(&push->senders[i]);
}

/* After the end of a request: what is still to be sent, and whether all is. */
static void advance(struct sender *sender)
{
    struct export_push *push = sender->push;
    if (!push->last)
        return;
    if (!sender->is_last) {
        sender->is_last = true;
        begin(sender, push->last);
        return;
    }
    for (uint32_t i = 0; i < push->sender_count; i++)
        if (!push->senders[i].is_last || push->senders[i].is_busy)
            return;
    push->on_idle(push->owner);
}

/* --- one request -------------------------------------------------------------------------------------------------- */

static void begin(struct sender *sender, const struct export_figures *figures)
{
    struct export_push *push = sender->push;
    sender->is_busy = true;
    sender->is_sent = sender->is_fresh = false;
    sender->words_len = 0;
    timer_set(&push->loop->timers, &sender->timer, push->loop->now_ns + TIMEOUT_NS);
    enum err err = write_request(sender, figures);
    if (err != ERR_OK)
        fail(sender, err_text(err));
    else if (!load_link_is_open(sender->link))
        open_link(sender);
    else if (load_link_room(sender->link))
        transmit(sender);
    /* Else the link is about to close, and on_closed opens another. */
}

static void open_link(struct sender *sender)
{
    const struct load_target *target = sender->target;
    const struct address *address = &target->addresses[sender->opened++ % target->address_count];
    sender->is_fresh = true;
    enum err err = load_link_open(sender->link, sender->push->wire, target, address, NULL, &link_events, sender);
    if (err != ERR_OK)
        fail(sender, err_text(err));
}

static void add_field(struct sender *sender, struct slice name, struct slice value)
{
    if (sender->request.field_count < FIELDS_MAX)
        sender->fields[sender->request.field_count++] = (struct http2_field){name, value};
}

static enum err write_request(struct sender *sender, const struct export_figures *figures)
{
    const struct load_export_options *options = sender->push->options;
    arena_reset(&sender->arena);
    sender->request = (struct load_request){.path = sender->path, .fields = sender->fields};
    add_field(sender, SLICE_LIT("User-Agent"), SLICE_LIT("weir"));
    for (uint32_t i = 0; i < options->field_count; i++)
        add_field(sender, options->fields[i].name, options->fields[i].value);
    if (sender->is_last && sender->kind == SENDER_GATEWAY && options->is_deleted_at_end) {
        sender->request.method = SLICE_LIT("DELETE");
        return ERR_OK;
    }
    if (sender->kind == SENDER_GATEWAY) {
        /* PUT: what was pushed before and is not here any more goes. */
        sender->request.method = SLICE_LIT("PUT");
        add_field(sender, SLICE_LIT("Content-Type"), slice_of_text(exposition_content_type(EXPOSITION_PROMETHEUS)));
        return export_render_text(figures, EXPOSITION_PROMETHEUS, &sender->arena, &sender->request.body);
    }
    sender->request.method = SLICE_LIT("POST");
    add_field(sender, SLICE_LIT("Content-Type"), SLICE_LIT("application/x-protobuf"));
    add_field(sender, SLICE_LIT("Content-Encoding"), SLICE_LIT("snappy"));
    add_field(sender, SLICE_LIT("X-Prometheus-Remote-Write-Version"), SLICE_LIT("0.1.0"));
    return export_remote_write(options, figures, clock_wall_ns() / NS_PER_MS, &sender->arena, &sender->request.body);
}

static void transmit(struct sender *sender)
{
    sender->head = (struct http_head){.headers = sender->headers};
    sender->exchange =
        (struct load_exchange){.events = &exchange_events, .request = &sender->request, .head = &sender->head};
    sender->is_sent = true;
    load_link_send(sender->link, &sender->exchange);
}

static void end(struct sender *sender)
{
    timer_cancel(&sender->timer);
    sender->is_busy = false;
    advance(sender);
}

static void fail(struct sender *sender, const char *why)
{
    static const char *const names[] = {[SENDER_GATEWAY] = "the push gateway", [SENDER_RECEIVER] = "remote write"};
    const struct load_export_options *options = sender->push->options;
    if (!sender->is_told && options->on_warning) {
        char memory[512];
        struct text text = text_init(memory, sizeof memory);
        text_printf(&text, "%s at " SLICE_FMT " does not take the figures: %s%s" SLICE_FMT, names[sender->kind],
                    SLICE_ARG(sender->target->url), why, sender->words_len ? ": " : "", (int)sender->words_len,
                    sender->words);
        options->on_warning(options->owner, memory);
    }
    sender->is_told = true;
    end(sender);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void on_ready(struct load_link *link)
{
    struct sender *sender = load_link_owner(link);
    if (sender->is_busy)
        transmit(sender);
}

static void on_room(struct load_link *link)
{
    (void)link; /* a link has one request; the next is begun with the next figures */
}

/* Between requests that is how servers end kept connections. A request on its way has failed before. */
static void on_closed(struct load_link *link, enum load_failure failure)
{
    struct sender *sender = load_link_owner(link);
    if (!sender->is_busy || sender->is_sent)
        return;
    if (sender->is_fresh)
        fail(sender, load_failure_help(failure));
    else
        open_link(sender);
}

static void on_data(struct load_exchange *exchange, struct slice data)
{
    struct sender *sender = CONTAINER_OF(exchange, struct sender, exchange);
    for (size_t i = 0; i < data.len && sender->words_len < WORDS_BYTES; i++)
        if (data.ptr[i] >= ' ' && data.ptr[i] < 0x7f)
            sender->words[sender->words_len++] = data.ptr[i];
}

static void on_end(struct load_exchange *exchange)
{
    struct sender *sender = CONTAINER_OF(exchange, struct sender, exchange);
    if (sender->head.status >= 200 && sender->head.status < 300) {
        end(sender);
        return;
    }
    char memory[32];
    struct text status = text_init(memory, sizeof memory);
    text_printf(&status, "status %u", sender->head.status);
    fail(sender, memory);
}

static void on_failed(struct load_exchange *exchange, enum load_failure failure)
{
    struct sender *sender = CONTAINER_OF(exchange, struct sender, exchange);
    if (sender->is_busy && sender->is_fresh)
        fail(sender, load_failure_help(failure));
    else
        sender->is_sent = false; /* on_closed follows */
}

static void on_timeout(struct timer *timer)
{
    struct sender *sender = CONTAINER_OF(timer, struct sender, timer);
    sender->is_busy = false; /* on_failed comes out of closing, and has nothing to say */
    load_link_close(sender->link);
    fail(sender, "no answer in time");
}
