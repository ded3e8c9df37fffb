/* SPDX-License-Identifier: Apache-2.0 */
/* Heads on their way through. Nothing is copied from one side to the other as text: what a parser has taken apart is
 * written anew, with one framing that is ours, so that no upstream can read a message otherwise than we did. */
#include "pipeline/proxy/proxy_int.h"

#include "lib/http/forward.h"
#include "lib/http/hops.h"

#define OWN_BYTES_BASE 384 /* of our fields, without their values */

/* Written by us, or answered by us. */
#define REQUEST_DROPPED                                                                                                \
    (FORWARD_BIT(HTTP_FIELD_HOST) | FORWARD_BIT(HTTP_FIELD_CONTENT_LENGTH) | FORWARD_BIT(HTTP_FIELD_EXPECT))
/* What a client may not ask for of a response that is to be looked at: a coding, or a part of it. */
#define RESPONSE_WISHES                                                                                                \
    (FORWARD_BIT(HTTP_FIELD_ACCEPT_ENCODING) | FORWARD_BIT(HTTP_FIELD_RANGE) | FORWARD_BIT(HTTP_FIELD_IF_RANGE))
#define RESPONSE_DROPPED (FORWARD_BIT(HTTP_FIELD_CONTENT_LENGTH) | FORWARD_BIT(HTTP_FIELD_CONTENT_TYPE))

/* The path in its one canonical form: the route was chosen by it, and the upstream shall see no other. */
struct slice head_target(struct request *request)
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

struct slice head_host(const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    const struct proxy_target *target = pool_find(exchange->pool, &exchange->link->address);
    bool is_servers = exchange->pool->upstream->config->host == UPSTREAM_HOST_SERVER || request->head.host.len == 0;
    return is_servers && target ? target->server->authority : request->head.host;
}

/* CGI and WSGI make one variable of X-Real-IP and X_Real_IP (RFC 3875 section 4.1.18), so that a client could put its own
 * word beside ours. Names with "_" are left out, as nginx does. */
static bool has_underscore(const struct http_header *header)
{
    return header->id == HTTP_FIELD_OTHER && slice_find(header->name, '_') < header->name.len;
}

void head_filter_init(struct forward_filter *filter, const struct request *request, uint64_t also)
{
    uint64_t dropped = also | REQUEST_DROPPED | FORWARD_ORIGIN_BITS;
    const struct exchange *exchange = request->exchange;
    if (request->id.len)
        dropped |= FORWARD_BIT(HTTP_FIELD_X_REQUEST_ID);
    if (!request->head.has_body || exchange_has_length(exchange))
        dropped |= FORWARD_BIT(HTTP_FIELD_TRAILER);
    if (request->is_body_rewritten)
        dropped |= FORWARD_BIT(HTTP_FIELD_CONTENT_ENCODING);
    if (contract_checks_responses(request->route->contract))
        dropped |= RESPONSE_WISHES;
    if (request->head.method == HTTP_METHOD_OPTIONS)
        dropped |= FORWARD_BIT(HTTP_FIELD_MAX_FORWARDS);
    forward_filter_init(filter, &request->head, dropped);
}

/* What a client says of the bytes of a body does not hold for others (RFC 9530, RFC 3230, RFC 1864). */
static bool is_digest(const struct http_header *header)
{
    static const char *const names[] = {"content-digest", "repr-digest", "digest", "content-md5"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_equal_nocase(header->name, slice_of_text(names[i])))
            return true;
    return false;
}

bool head_is_dropped(const struct forward_filter *filter, const struct http_header *header)
{
    if (forward_is_dropped(filter, header) || has_underscore(header))
        return true;
    bool is_rewritten = filter->dropped & FORWARD_BIT(HTTP_FIELD_CONTENT_ENCODING);
    return is_rewritten && header->id == HTTP_FIELD_OTHER && is_digest(header);
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
    uint32_t left;
    char digits[20];
    http1_write_prebuilt(writer, gateway_via_line(request, &request->head));
    if (hops_left(&request->head, &left) == ERR_OK && left > 0)
        http1_write_named(writer, SLICE_LIT("Max-Forwards"), slice_of(digits, text_format_u64(digits, left - 1)));
}

void head_write_own(struct http1_writer *writer, const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    if (request->id.len)
        http1_write_field(writer, SLICE_LIT("X-Request-Id"), request->id);
    /* A response that is to be looked at comes plain, and whole. */
    if (contract_checks_responses(request->route->contract))
        http1_write_field(writer, SLICE_LIT("Accept-Encoding"), SLICE_LIT("identity"));
    write_origin(writer, exchange);
    write_hops(writer, request);
}

size_t head_own_bytes(const struct exchange *exchange)
{
    const struct request *request = exchange->request;
    return OWN_BYTES_BASE + request->id.len + request->config->via_name.len +
           2 * (request->head.host.len + (size_t)IP_TEXT_MAX);
}

/* The head goes to the arena, because the buffer it came in is wanted for the body. */
static enum err keep_head(struct exchange *exchange, const char *from)
{
    const struct http_head *head = &exchange->head;
    char *to = arena_alloc(&exchange->request->arena, head->head_bytes);
    if (!to)
        return ERR_NOMEM;
    memcpy(to, from, head->head_bytes);
    for (uint32_t i = 0; i < head->header_count; i++) {
        struct http_header *header = &head->headers[i];
        header->name.ptr = to + (header->name.ptr - from);
        header->value.ptr = to + (header->value.ptr - from);
    }
    return ERR_OK;
}

static enum err copy_fields(struct exchange *exchange)
{
    struct request *request = exchange->request;
    const struct http_head *head = &exchange->head;
    struct response *response = &request->response;
    struct forward_filter filter;
    bool may_have_trailers = head->has_body && !head->has_content_length &&
                             (request->head.version_major > 1 || trailers_are_wanted(&request->head));
    exchange->field_count = response->field_count;
    TRY(response_fields_reserve(request, head->header_count + 1U));
    forward_filter_init(&filter, head, RESPONSE_DROPPED | (may_have_trailers ? 0 : FORWARD_BIT(HTTP_FIELD_TRAILER)));
    for (uint32_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        if (forward_is_dropped(&filter, header))
            continue;
        response->fields[response->field_count++] = (struct response_field){header->name, header->value};
        response->has_date |= header->id == HTTP_FIELD_DATE;
    }
    struct slice via = gateway_via(request, head);
    if (via.len)
        response->fields[response->field_count++] = (struct response_field){SLICE_LIT("Via"), via};
    response->content_type = http_head_value(head, HTTP_FIELD_CONTENT_TYPE);
    return ERR_OK;
}

/* RFC 9110 section 15.3.6: a 205 has no content, whatever it announces. Nobody has a use for reading what comes of it all
 * the same. */
static void forbid_content(struct exchange *exchange)
{
    struct http_head *head = &exchange->head;
    exchange->is_dirty = head->has_body;
    head->has_body = head->is_chunked = head->is_until_close = false;
    head->content_length = 0;
}

enum err head_make_response(struct exchange *exchange, const char *from)
{
    struct request *request = exchange->request;
    const struct http_head *head = &exchange->head;
    struct response *response = &request->response;
    if (head->status == 205)
        forbid_content(exchange);
    if (from)
        TRY(keep_head(exchange, from));
    TRY(copy_fields(exchange));
    request->upstream_ns = request->worker->loop.now_ns - exchange->begin_ns;
    histogram_record(&request->worker->meter.upstream_time, request->upstream_ns);
    response->status = head->status;
    response->has_body = true;
    response->has_length = head->has_content_length || !(head->has_body || request->head.method == HTTP_METHOD_HEAD);
    response->source_bytes = head->content_length;
    if (http_status_may_have_body(head->status))
        response->source = &exchange->source;
    return ERR_OK;
}
