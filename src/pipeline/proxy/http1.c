/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on a link: one exchange at a time, which the end of the response ends. What comes while there is none is the
 * end of the connection, or a response that nobody has asked for (a 408 as a farewell): of no use any more. */
#include "pipeline/proxy/proxy_int.h"

static enum err start(struct upstream_link *link);
static struct iovec on_buffer(struct upstream_link *link);
static void on_received(struct upstream_link *link, size_t bytes, enum err err);
static void on_sent(struct upstream_link *link, enum err err);
static void on_timeout(struct upstream_link *link);
static bool has_room(const struct upstream_link *link);
static void on_left(struct upstream_link *link, struct exchange *exchange, bool is_reusable);
static enum verdict send_head(struct exchange *exchange);
static enum verdict send_body(struct exchange *exchange);

const struct upstream_protocol upstream_http1 = {
    .name = "HTTP/1.1",
    .start = start,
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = on_sent,
    .on_timeout = on_timeout,
    .has_room = has_room,
    .on_left = on_left,
    .send = send_head,
    .send_body = send_body,
};

static void take_head(struct exchange *exchange);

/* NULL while it is kept. */
static struct exchange *exchange_of(const struct upstream_link *link)
{
    return list_is_empty(&link->exchanges) ? NULL : CONTAINER_OF(link->exchanges.next, struct exchange, link_node);
}

static enum err start(struct upstream_link *link)
{
    link_open(link);
    return ERR_OK;
}

static bool has_room(const struct upstream_link *link)
{
    return list_is_empty(&link->exchanges);
}

static void on_left(struct upstream_link *link, struct exchange *exchange, bool is_reusable)
{
    (void)exchange;
    if (!is_reusable || !link_keep(link))
        link_close(link);
}

/* Sending. */

static void wait(struct exchange *exchange)
{
    link_wait(exchange->link, exchange_time_ns(exchange));
}

static enum verdict send_head(struct exchange *exchange)
{
    struct request *request = exchange->request;
    const struct limits_config *limits = &request->worker->limits;
    if (exchange->has_begun_body)
        return request_fail(request, PROBLEM_BAD_GATEWAY, "The upstream refused the request.");
    const struct http1_limits parser_limits = {
        .head_bytes_max = (uint32_t)limits->head_bytes,
        .header_count_max = (uint16_t)limits->header_count,
    };
    http1_parser_init(&exchange->parser, &parser_limits);
    http1_body_init(exchange);
    enum err err = http1_head_write(exchange);
    if (err == ERR_NOMEM)
        return request_fail_memory(request);
    if (err != ERR_OK)
        return request_fail(request, PROBLEM_INTERNAL, "The request could not be written for the upstream.");
    exchange->state = EXCHANGE_HEAD;
    wait(exchange);
    if (link_receive_start(exchange->link) != ERR_OK)
        return request_fail(request, PROBLEM_INTERNAL, "The connection to the upstream could not be watched.");
    if (request->head.has_body && !exchange->is_expecting)
        return send_body(exchange);
    http1_body_flush(exchange);
    return VERDICT_WAIT;
}

/* What is here of the body leaves together with the head. */
static enum verdict send_body(struct exchange *exchange)
{
    exchange->state = EXCHANGE_HEAD;
    exchange->is_expecting = false;
    exchange->is_corked = true;
    enum verdict verdict = exchange_give_body(exchange);
    exchange->is_corked = false;
    if (verdict == VERDICT_FAIL)
        return verdict;
    http1_body_flush(exchange);
    if (exchange->link->stream.unsent.len)
        return VERDICT_WAIT;
    return exchange_go_on_with_body(exchange) == VERDICT_FAIL ? VERDICT_FAIL : VERDICT_WAIT;
}

/* What has waited for the send goes on: more in our buffer, then more of the body. */
static void on_sent(struct upstream_link *link, enum err err)
{
    struct exchange *exchange = exchange_of(link);
    if (!exchange || exchange_is_given_up(exchange))
        return;
    wait(exchange);
    if (err != ERR_OK) {
        http1_body_break_off(exchange);
    } else {
        http1_body_flush(exchange);
    }
    if (!link->stream.unsent.len)
        exchange_wake_body(exchange);
}

/* Receiving. */

static struct iovec on_buffer(struct upstream_link *link)
{
    struct worker *worker = link->pool->worker;
    struct exchange *exchange = exchange_of(link);
    if (!exchange)
        return (struct iovec){worker->discarded, sizeof worker->discarded};
    struct exchange_buffer *in = &exchange->in;
    bool is_in_head = exchange->state != EXCHANGE_BODY;
    if (exchange_is_given_up(exchange))
        return (struct iovec){0};
    if (!buffer_ensure(exchange, in, is_in_head ? worker->limits.head_bytes + 1 : PROXY_PIECE_BYTES)) {
        exchange_fail_memory(exchange);
        return (struct iovec){0};
    }
    size_t room = in->capacity - in->end;
    return (struct iovec){in->ptr + in->end, is_in_head ? room : MIN(room, (size_t)PROXY_PIECE_BYTES)};
}

/* A kept connection that was closed just when it was used again says nothing about the upstream. The request may be sent
 * once more if doing it twice is as good as doing it once (RFC 9110 section 9.2.2), and if we still have it all. */
static bool can_repeat(const struct exchange *exchange)
{
    bool is_untouched = exchange->in.begin == exchange->in.end && exchange->interim_count == 0;
    return exchange->is_reused && exchange_is_idempotent(exchange) && is_untouched && exchange_has_whole_body(exchange);
}

static void end_before_head(struct exchange *exchange)
{
    if (can_repeat(exchange) && exchange_repeat(exchange))
        return;
    bool is_silent = exchange->in.begin == exchange->in.end;
    exchange_fail(exchange, PROBLEM_BAD_GATEWAY,
                  is_silent ? "The upstream closed the connection without a response."
                            : "The upstream closed the connection within the head of its response.");
}

/* The end of the connection, which is the end of the body where nothing else says so. */
static void end_in_body(struct exchange *exchange, enum err err)
{
    if (err != ERR_EOF || !exchange->head.is_until_close) {
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY, "The upstream broke off its response.");
        return;
    }
    exchange->is_complete = true;
    link_leave(exchange, false);
    exchange_leave(exchange);
    flow_resume(exchange->request);
}

static void take_body(struct exchange *exchange)
{
    wait(exchange);
    if (http1_body_take(exchange))
        flow_resume(exchange->request);
    else
        exchange_fail(exchange, PROBLEM_BAD_GATEWAY, http1_fault_text(exchange->chunked.fault));
}

static void on_received(struct upstream_link *link, size_t bytes, enum err err)
{
    struct exchange *exchange = exchange_of(link);
    if (!exchange) {
        link_close(link);
        return;
    }
    if (exchange_is_given_up(exchange))
        return;
    if (err != ERR_OK && exchange->state == EXCHANGE_BODY) {
        end_in_body(exchange, err);
    } else if (err != ERR_OK) {
        end_before_head(exchange);
    } else {
        exchange->in.end += bytes;
        if (exchange->state == EXCHANGE_BODY)
            take_body(exchange);
        else
            take_head(exchange);
    }
}

/* The head of the response that counts is at the front of `in`. */
static void take_response(struct exchange *exchange)
{
    enum err err = head_make_response(exchange, exchange->in.ptr + exchange->in.begin);
    if (err != ERR_OK) {
        exchange_fail_memory(exchange);
        return;
    }
    exchange->in.begin += exchange->head.head_bytes;
    exchange->left_bytes = exchange->head.content_length;
    exchange->state = EXCHANGE_BODY;
    take_body(exchange);
}

/* A whole one is progress; of a part of one nobody knows whether the rest will come. */
static void skip_head(struct exchange *exchange)
{
    struct exchange_buffer *in = &exchange->in;
    size_t rest = in->end - in->begin - exchange->head.head_bytes;
    memmove(in->ptr, in->ptr + in->begin + exchange->head.head_bytes, rest);
    in->begin = 0;
    in->end = rest;
    http1_parser_reset(&exchange->parser);
    wait(exchange);
}

static void take_head(struct exchange *exchange)
{
    struct exchange_buffer *in = &exchange->in;
    while (in->begin < in->end) {
        struct slice input = slice_of(in->ptr + in->begin, in->end - in->begin);
        enum err err = http1_response_parse(&exchange->parser, exchange->request->head.method, input, &exchange->head);
        if (err == ERR_AGAIN)
            break;
        if (err != ERR_OK) {
            exchange_fail(exchange, PROBLEM_BAD_GATEWAY, http1_fault_text(exchange->parser.fault));
            return;
        }
        if (exchange->head.status >= 200) {
            take_response(exchange);
            return;
        }
        if (!exchange_take_interim(exchange))
            return;
        skip_head(exchange);
    }
    exchange_after_interims(exchange);
}

/* Time. */

/* An upstream that waits for the client's body is not late. */
static bool is_waiting_for_client(const struct exchange *exchange)
{
    const struct upstream_link *link = exchange->link;
    if (exchange->state == EXCHANGE_BODY)
        return !link_is_receiving(link);
    return exchange->state == EXCHANGE_HEAD && !exchange->is_sent && !exchange->is_expecting &&
           !link->stream.unsent.len;
}

static void on_timeout(struct upstream_link *link)
{
    struct exchange *exchange = exchange_of(link);
    if (!exchange)
        link_close(link);
    else if (exchange_is_given_up(exchange))
        return;
    else if (is_waiting_for_client(exchange))
        wait(exchange);
    else
        exchange_on_timeout(exchange);
}
