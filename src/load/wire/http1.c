/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on a link. Requests that are made within one turn of the loop go out together where requests are pipelined;
 * without that, the bytes of a literal request go to the kernel from where they stand.
 *
 * Responses are read where they were received. A head is copied only when the end of its response is not there yet. */
#include "load/wire/link_int.h"

#include "lib/sys/clock.h"

static const struct http1_limits head_limits = {
    .head_bytes_max = 65536, .target_bytes_max = 8192, .header_count_max = LOAD_HEADERS_MAX};
static const struct chunked_limits chunk_limits = {
    .body_bytes_max = UINT64_MAX / 2, .extension_bytes_max = 1 << 20, .trailer_bytes_max = 65536};

static enum err begin(struct load_link *link)
{
    http1_parser_init(&link->http1.parser, &head_limits);
    return ERR_OK;
}

static void end(struct load_link *link)
{
    link_bytes_release(link->wire, &link->http1.kept);
    link_bytes_release(link->wire, &link->http1.gathering);
    link_bytes_release(link->wire, &link->http1.writing);
}

static struct load_exchange *first_of(struct load_link *link)
{
    return CONTAINER_OF(link->exchanges.next, struct load_exchange, node);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static uint32_t room(const struct load_link *link)
{
    const struct load_plan *plan = link->wire->plan;
    uint32_t depth = plan->is_kept_alive ? MAX(plan->pipelining, 1) : 1;
    return link->exchange_count < depth ? depth - link->exchange_count : 0;
}

static enum err gather(struct load_link *link, const struct load_request *request)
{
    struct link_bytes *to = &link->http1.gathering;
    bool is_made = request->http1.len > 0;
    size_t bytes = is_made ? request->http1.len : load_request_http1_bytes_max(request, link->target);
    TRY(link_bytes_reserve(link->wire, to, bytes));
    if (is_made)
        memcpy(to->ptr + to->len, request->http1.ptr, bytes);
    else
        TRY(load_request_put_http1(request, link->target, link->wire->plan->is_kept_alive, to->ptr + to->len,
                                   to->capacity - to->len, &bytes));
    to->len += bytes;
    return ERR_OK;
}

/* Without a body for the status line's sake: a request that cannot be written fails alone. */
static void refuse(struct load_link *link, struct load_exchange *exchange, enum err err)
{
    link_drop(link, exchange);
    exchange->events->on_failed(exchange, err == ERR_NOMEM ? LOAD_FAILURE_LOCAL : LOAD_FAILURE_TOO_LARGE);
}

static void settle_write(struct load_link *link, enum err err)
{
    struct link_http1 *http1 = &link->http1;
    if (LIKELY(err == ERR_OK)) {
        http1->lender = NULL;
        link_bytes_release(link->wire, &http1->writing);
    } else if (err != ERR_AGAIN) {
        link_break(link, LOAD_FAILURE_CLOSED);
    }
}

static void flush(struct load_link *link)
{
    struct link_http1 *http1 = &link->http1;
    if (!http1->gathering.len)
        return;
    http1->writing = http1->gathering;
    http1->gathering = (struct link_bytes){0};
    link_stamp(link);
    settle_write(link, link_write(link, slice_of(http1->writing.ptr, http1->writing.len)));
}

static void send_request(struct load_link *link, struct load_exchange *exchange)
{
    struct slice literal = exchange->request->http1;
    bool is_alone = link->wire->plan->pipelining <= 1;
    if (LIKELY(is_alone && literal.len && !link->is_writing)) {
        exchange->sent_ns = clock_now_ns();
        link->http1.lender = exchange;
        settle_write(link, link_write(link, literal));
        return;
    }
    enum err err = gather(link, exchange->request);
    if (err != ERR_OK)
        refuse(link, exchange, err);
    else if (is_alone && !link->is_writing)
        flush(link);
    else
        link_mark(link);
}

static void written(struct load_link *link)
{
    settle_write(link, ERR_OK);
    flush(link);
}

static void cancel(struct load_link *link, struct load_exchange *exchange)
{
    link_drop(link, exchange);
    stream_reset(&link->stream);
    link_lose(link, LOAD_FAILURE_CLOSED, LOAD_FAILURE_NONE);
}

/* --- responses --------------------------------------------------------------------------------------------------- */

static void fail(struct load_link *link, enum load_failure failure)
{
    stream_reset(&link->stream);
    link_lose(link, failure, failure);
}

/* A response that ends before its request has gone out leaves the rest of that in the way: nothing more can be sent. */
static void complete(struct load_link *link)
{
    struct link_http1 *http1 = &link->http1;
    struct load_exchange *exchange = first_of(link);
    uint32_t epoch = link->epoch;
    bool is_cut = http1->lender == exchange && link->is_writing;
    bool is_last = http1->is_last || is_cut;
    http1->expects = LINK_EXPECTS_HEAD;
    http1_parser_reset(&http1->parser);
    if (is_last)
        link_linger(link);
    exchange->received_ns = link->wire->received_ns;
    link_drop(link, exchange);
    exchange->events->on_end(exchange);
    if (link->epoch != epoch || !is_last)
        return;
    if (is_cut || link->exchange_count)
        link_lose(link, LOAD_FAILURE_NONE, LOAD_FAILURE_NONE);
}

/* What follows a head. */
static void expect_body(struct load_link *link, const struct http_head *head)
{
    struct link_http1 *http1 = &link->http1;
    http1->is_last = !head->is_keep_alive || !link->wire->plan->is_kept_alive || head->is_until_close;
    if (head->is_chunked && head->has_body) {
        http1->expects = LINK_EXPECTS_CHUNKS;
        chunked_init(&http1->chunked, &chunk_limits);
    } else if (head->is_until_close && head->has_body) {
        http1->expects = LINK_EXPECTS_CLOSE;
    } else {
        http1->expects = LINK_EXPECTS_LENGTH;
        http1->left_bytes = head->has_body ? head->content_length : 0;
    }
}

/* ERR_AGAIN: it is not complete. *ret_bytes is what it took. */
static enum err take_head(struct load_link *link, struct slice input, size_t *ret_bytes)
{
    struct link_http1 *http1 = &link->http1;
    struct load_exchange *exchange = first_of(link);
    enum http_method method = http_method_parse(exchange->request->method);
    exchange->received_ns = link->wire->received_ns;
    if (!exchange->first_byte_ns) {
        exchange->first_byte_ns = exchange->received_ns;
        struct http_header *headers = exchange->head->headers;
        *exchange->head = (struct http_head){.headers = headers};
    }
    TRY(http1_response_parse(&http1->parser, method, input, exchange->head));
    *ret_bytes = exchange->head->head_bytes;
    exchange->wire_bytes += *ret_bytes;
    if (exchange->head->status < 200) {
        struct http_header *headers = exchange->head->headers;
        *exchange->head = (struct http_head){.headers = headers};
        http1_parser_reset(&http1->parser);
        return ERR_OK;
    }
    expect_body(link, exchange->head);
    return ERR_OK;
}

/* Keeps what stands in `input` for later: behind what is kept already if that is elsewhere, else moved to the front. */
static enum err keep(struct load_link *link, const char *from, size_t len)
{
    struct link_bytes *kept = &link->http1.kept;
    if (kept->ptr && from >= kept->ptr && from < kept->ptr + kept->capacity) {
        memmove(kept->ptr, from, len);
    } else {
        kept->len = 0;
        TRY(link_bytes_reserve(link->wire, kept, len));
        memcpy(kept->ptr, from, len);
    }
    kept->len = len;
    return ERR_OK;
}

/* The head of a response whose end is still to come: its slices follow it to a place that stays. */
static enum err keep_head(struct load_link *link, const char *start)
{
    struct link_bytes *kept = &link->http1.kept;
    struct http_head *head = first_of(link)->head;
    if (kept->ptr && start >= kept->ptr && start < kept->ptr + kept->capacity)
        return ERR_OK;
    TRY(keep(link, start, head->head_bytes));
    for (uint32_t i = 0; i < head->header_count; i++) {
        struct http_header *header = &head->headers[i];
        header->name.ptr = kept->ptr + (header->name.ptr - start);
        if (header->value.ptr)
            header->value.ptr = kept->ptr + (header->value.ptr - start);
    }
    return ERR_OK;
}

static void give(struct load_exchange *exchange, const char *data, size_t len)
{
    exchange->body_bytes += len;
    if (exchange->events->on_data && len)
        exchange->events->on_data(exchange, slice_of(data, len));
}

/* Takes of a body what is there. *ret_is_done: it has ended. The caller compares the epoch. */
static enum err take_body(struct load_link *link, char *bytes, size_t len, size_t *ret_bytes, bool *ret_is_done)
{
    struct link_http1 *http1 = &link->http1;
    struct load_exchange *exchange = first_of(link);
    struct chunked_result chunk;
    size_t count = len;
    switch (http1->expects) {
    case LINK_EXPECTS_LENGTH:
        count = (size_t)MIN(http1->left_bytes, (uint64_t)len);
        http1->left_bytes -= count;
        *ret_bytes = count;
        *ret_is_done = http1->left_bytes == 0;
        break;
    case LINK_EXPECTS_CHUNKS:
        TRY(chunked_decode(&http1->chunked, bytes, len, &chunk));
        count = chunk.produced;
        *ret_bytes = chunk.consumed;
        *ret_is_done = chunk.is_done;
        break;
    default:
        *ret_bytes = len;
        *ret_is_done = false;
    }
    exchange->received_ns = link->wire->received_ns;
    exchange->wire_bytes += *ret_bytes;
    give(exchange, bytes, count);
    return ERR_OK;
}

/* One response, or what there is of it. ERR_AGAIN: all of the input was taken. ERR_CLOSED: the link has been closed on the
 * way, and is not to be touched. */
static enum err take_response(struct load_link *link, char **at, const char *stop)
{
    struct link_http1 *http1 = &link->http1;
    uint32_t epoch = link->epoch;
    const char *head_at = NULL;
    size_t count = 0;
    bool is_done = false;
    if (http1->expects == LINK_EXPECTS_HEAD) {
        head_at = *at;
        enum err err = take_head(link, slice_of(*at, (size_t)(stop - *at)), &count);
        if (err == ERR_AGAIN)
            return keep(link, *at, (size_t)(stop - *at)) == ERR_OK ? ERR_AGAIN : ERR_NOMEM;
        TRY(err);
        *at += count;
        struct load_exchange *exchange = first_of(link);
        if (http1->expects == LINK_EXPECTS_HEAD)
            return ERR_OK; /* 1xx */
        if (exchange->events->on_head)
            exchange->events->on_head(exchange);
        if (link->epoch != epoch)
            return ERR_CLOSED;
    }
    TRY(take_body(link, *at, (size_t)(stop - *at), &count, &is_done));
    if (link->epoch != epoch)
        return ERR_CLOSED;
    *at += count;
    if (!is_done)
        return head_at && keep_head(link, head_at) != ERR_OK ? ERR_NOMEM : ERR_AGAIN;
    complete(link);
    return link->epoch == epoch ? ERR_OK : ERR_CLOSED;
}

static void receive(struct load_link *link, char *bytes, size_t len)
{
    struct link_http1 *http1 = &link->http1;
    char *at = bytes;
    enum err err = ERR_OK;
    if (UNLIKELY(http1->kept.len && http1->expects == LINK_EXPECTS_HEAD)) {
        err = link_bytes_reserve(link->wire, &http1->kept, len);
        if (err != ERR_OK) {
            fail(link, LOAD_FAILURE_LOCAL);
            return;
        }
        at = http1->kept.ptr;
        memcpy(at + http1->kept.len, bytes, len);
        len += http1->kept.len;
        http1->kept.len = 0;
    }
    const char *stop = at + len;
    while (err == ERR_OK && at < stop && link->state == LINK_READY)
        err = link->exchange_count ? take_response(link, &at, stop) : ERR_SYNTAX;
    if (err == ERR_CLOSED)
        return;
    if (err == ERR_OK)
        link_bytes_release(link->wire, &http1->kept);
    else if (err != ERR_AGAIN)
        fail(link, link_failure_of(err));
}

static void receive_end(struct load_link *link)
{
    struct link_http1 *http1 = &link->http1;
    if (link->exchange_count && http1->expects == LINK_EXPECTS_CLOSE) {
        uint32_t epoch = link->epoch;
        complete(link);
        if (link->epoch != epoch)
            return;
    }
    bool is_in_order = link->exchange_count == 0;
    link_lose(link, LOAD_FAILURE_CLOSED, is_in_order ? LOAD_FAILURE_NONE : LOAD_FAILURE_CLOSED);
}

const struct link_protocol link_http1 = {
    .begin = begin,
    .room = room,
    .send = send_request,
    .cancel = cancel,
    .receive = receive,
    .receive_end = receive_end,
    .flush = flush,
    .written = written,
    .end = end,
};
