/* SPDX-License-Identifier: Apache-2.0 */
/* Heads on their way through. Nothing is copied from one side to the other as text: what a parser has taken apart is
 * written anew, with one framing that is ours, so that no upstream can read a message otherwise than we did. */
#include "pipeline/proxy/proxy_int.h"

#include "lib/http/forward.h"
#include "lib/http/hops.h"

#define HEAD_BYTES_BASE 512 /* request line, framing, forwarding fields without their values */

/* Written by us, or answered by us. */
#define REQUEST_DROPPED                                                                                                \
    (FORWARD_BIT(HTTP_FIELD_HOST) | FORWARD_BIT(HTTP_FIELD_CONTENT_LENGTH) | FORWARD_BIT(HTTP_FIELD_EXPECT))
#define RESPONSE_DROPPED (FORWARD_BIT(HTTP_FIELD_CONTENT_LENGTH) | FORWARD_BIT(HTTP_FIELD_CONTENT_TYPE))

static size_t fields_bytes(const struct http_head *head)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < head->header_count; i++)
        bytes += head->headers[i].name.len + head->headers[i].value.len + 4;
    return bytes;
}

/* The path in its one canonical form: the route was chosen by it, and the upstream shall see no other. */
static struct slice make_target(struct request *request)
{
    struct slice path = request->path;
    struct slice query = request->query;
    if (!query.ptr)
        return path;
    char *text = arena_alloc(&request->arena, path.len + 1 + query.len);
    if (!text)
        return (struct slice){NULL, 0};
    memcpy(text, path.ptr, path.len);
    text[path.len] = '?';
    if (query.len)
        memcpy(text + path.len + 1, query.ptr, query.len);
    return slice_of(text, path.len + 1 + query.len);
}

static struct slice host_of(const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    const struct proxy_target *target = pool_find(exchange->pool, &exchange->link->address);
    bool is_servers = exchange->pool->upstream->config->host == UPSTREAM_HOST_SERVER || request->head.host.len == 0;
    return is_servers && target ? target->server->authority : request->head.host;
}

/* HTTP/2 may split Cookie into several fields, which HTTP/1.1 knows only as one (RFC 9113 section 8.2.3). */
static void write_cookies(struct http1_writer *writer, const struct http_head *head, const struct http_header *header)
{
    http1_write_prebuilt(writer, SLICE_LIT("Cookie: "));
    for (bool is_first = true; header; header = http_head_find_next(head, header), is_first = false) {
        if (!is_first)
            http1_write_prebuilt(writer, SLICE_LIT("; "));
        http1_write_prebuilt(writer, header->value);
    }
    http1_write_prebuilt(writer, SLICE_LIT("\r\n"));
}

/* CGI and WSGI make one variable of X-Real-IP and X_Real_IP (RFC 3875 section 4.1.18), so that a client could put its own
 * word beside ours. Names with "_" are left out, as nginx does. */
static bool has_underscore(const struct http_header *header)
{
    return header->id == HTTP_FIELD_OTHER && slice_find(header->name, '_') < header->name.len;
}

static void write_fields(struct http1_writer *writer, const struct request *request, uint64_t dropped)
{
    const struct http_head *head = &request->head;
    struct forward_filter filter;
    bool joins_cookies = head->version_major > 1 && (head->repeated & FORWARD_BIT(HTTP_FIELD_COOKIE));
    forward_filter_init(&filter, head, dropped | (joins_cookies ? FORWARD_BIT(HTTP_FIELD_COOKIE) : 0));
    for (uint32_t i = 0; i < head->header_count; i++)
        if (!forward_is_dropped(&filter, &head->headers[i]) && !has_underscore(&head->headers[i]))
            http1_write_parsed(writer, &head->headers[i]);
    if (joins_cookies)
        write_cookies(writer, head, http_head_find(head, HTTP_FIELD_COOKIE));
}

/* A trusted proxy in front is kept, in the one field that it is believed in, and becomes the last of the list. Where the
 * list cannot go on, because the upstream wants the other field, it begins with the client that it led to. */
static struct forward_origin origin_in(const struct request *request, enum forwarded_choice field,
                                       char client[IP_TEXT_MAX])
{
    const struct config *config = request->config;
    const struct ip *other_side = &request->connection->peer;
    bool is_kept = config->forwarded_choice == field && ip_set_has(&config->trusted, other_side);
    size_t len = ip_format(is_kept ? other_side : &request->peer, client);
    return (struct forward_origin){
        .before = is_kept ? &request->head : NULL,
        .client = slice_of(client, len),
        .host = request->head.host,
        .is_secure = connection_is_secure(request->connection),
    };
}

static void write_origin(struct http1_writer *writer, const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    uint32_t forwarded = exchange->pool->upstream->config->forwarded;
    char client[IP_TEXT_MAX];
    if (forwarded == UPSTREAM_FORWARDED_X || forwarded == UPSTREAM_FORWARDED_BOTH) {
        struct forward_origin origin = origin_in(request, FORWARDED_X_FORWARDED_FOR, client);
        forward_write_x(writer, &origin);
    }
    if (forwarded == UPSTREAM_FORWARDED_RFC7239 || forwarded == UPSTREAM_FORWARDED_BOTH) {
        struct forward_origin origin = origin_in(request, FORWARDED_FORWARDED, client);
        forward_write_forwarded(writer, &origin);
    }
}

/* RFC 9110 sections 7.6.2 and 7.6.3. A request that may go no further does not come here (gateway.c). */
static void write_hops(struct http1_writer *writer, const struct request *request)
{
    struct slice via = gateway_via(request, &request->head);
    uint32_t left;
    char digits[20];
    if (via.len)
        http1_write_named(writer, SLICE_LIT("Via"), via);
    if (hops_left(&request->head, &left) == ERR_OK && left > 0)
        http1_write_named(writer, SLICE_LIT("Max-Forwards"), slice_of(digits, text_format_u64(digits, left - 1)));
}

static void write_framing(struct http1_writer *writer, struct exchange *exchange)
{
    const struct http_head *head = &exchange->request->head;
    bool wants_length =
        head->method == HTTP_METHOD_POST || head->method == HTTP_METHOD_PUT || head->method == HTTP_METHOD_PATCH;
    exchange->is_chunked = head->has_body && !head->has_content_length;
    exchange->is_sent = !head->has_body;
    exchange->is_expecting = head->expects_continue;
    if (exchange->is_chunked)
        http1_write_prebuilt(writer, SLICE_LIT("Transfer-Encoding: chunked\r\n"));
    else if (head->has_content_length || wants_length)
        http1_write_length(writer, head->content_length);
    if (exchange->is_expecting)
        http1_write_prebuilt(writer, SLICE_LIT("Expect: 100-continue\r\n"));
}

enum err head_write_request(struct exchange *exchange)
{
    struct request *request = exchange->request;
    struct slice target = make_target(request);
    struct slice host = host_of(exchange);
    struct http1_writer writer;
    uint64_t dropped = REQUEST_DROPPED | FORWARD_ORIGIN_BITS;
    size_t bytes = HEAD_BYTES_BASE + target.len + request->head.method_text.len + host.len + request->id.len +
                   2 * (request->head.host.len + (size_t)IP_TEXT_MAX) + request->config->via_name.len +
                   fields_bytes(&request->head);
    if (!target.ptr || !buffer_ensure(exchange, &exchange->out, bytes + PROXY_PIECE_BYTES / 4))
        return ERR_NOMEM;
    http1_writer_init(&writer, exchange->out.ptr, exchange->out.capacity);
    http1_write_request(&writer, request->head.method_text, target);
    http1_write_field(&writer, SLICE_LIT("Host"), host);
    if (request->id.len)
        dropped |= FORWARD_BIT(HTTP_FIELD_X_REQUEST_ID);
    if (request->head.method == HTTP_METHOD_OPTIONS)
        dropped |= FORWARD_BIT(HTTP_FIELD_MAX_FORWARDS);
    write_fields(&writer, request, dropped);
    if (request->id.len)
        http1_write_field(&writer, SLICE_LIT("X-Request-Id"), request->id);
    write_origin(&writer, exchange);
    write_hops(&writer, request);
    write_framing(&writer, exchange);
    http1_write_end(&writer);
    if (writer.is_cut || writer.is_refused)
        return ERR_LIMIT;
    exchange->out.begin = 0;
    exchange->out.end = writer.len;
    return ERR_OK;
}

static struct slice moved(struct slice text, const char *from, const char *to)
{
    return slice_of(to + (text.ptr - from), text.len);
}

/* The fields go to the arena, because the buffer they came in is wanted for the body. */
static enum err copy_fields(struct exchange *exchange, const char *from)
{
    struct request *request = exchange->request;
    const struct http_head *head = &exchange->head;
    struct response *response = &request->response;
    struct forward_filter filter;
    char *to = arena_alloc(&request->arena, head->head_bytes);
    if (!to)
        return ERR_NOMEM;
    exchange->field_count = response->field_count;
    TRY(response_fields_reserve(request, head->header_count + 1U));
    memcpy(to, from, head->head_bytes);
    forward_filter_init(&filter, head, RESPONSE_DROPPED);
    for (uint32_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        if (forward_is_dropped(&filter, header))
            continue;
        response->fields[response->field_count++] =
            (struct response_field){moved(header->name, from, to), moved(header->value, from, to)};
        response->has_date |= header->id == HTTP_FIELD_DATE;
    }
    struct slice via = gateway_via(request, head);
    if (via.len)
        response->fields[response->field_count++] = (struct response_field){SLICE_LIT("Via"), via};
    const struct http_header *type = http_head_find(head, HTTP_FIELD_CONTENT_TYPE);
    if (type)
        response->content_type = moved(type->value, from, to);
    return ERR_OK;
}

/* RFC 9110 section 15.3.6: a 205 has no content, whatever it announces. What comes of it all the same ends with its
 * connection, because nobody has a use for reading it. */
static void forbid_content(struct http_head *head)
{
    head->is_keep_alive &= !head->has_body;
    head->has_body = head->is_chunked = head->is_until_close = false;
    head->content_length = 0;
}

enum err head_make_response(struct exchange *exchange)
{
    struct request *request = exchange->request;
    const struct http_head *head = &exchange->head;
    struct response *response = &request->response;
    if (head->status == 205)
        forbid_content(&exchange->head);
    TRY(copy_fields(exchange, exchange->in.ptr + exchange->in.begin));
    request->upstream_ns = request->worker->loop.now_ns - exchange->begin_ns;
    response->status = head->status;
    response->has_body = true;
    response->has_length = head->has_content_length || !(head->has_body || request->head.method == HTTP_METHOD_HEAD);
    response->source_bytes = head->content_length;
    if (http_status_may_have_body(head->status))
        response->source = &exchange->source;
    return ERR_OK;
}
