/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request in HTTP/1.1, with a framing that is ours. */
#include "pipeline/proxy/proxy_int.h"

#define HEAD_BYTES_BASE 256 /* request line, Host and framing without their values */

static size_t fields_bytes(const struct http_head *head)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < head->header_count; i++)
        bytes += head->headers[i].name.len + head->headers[i].value.len + 4;
    return bytes;
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

static void write_fields(struct http1_writer *writer, const struct request *request)
{
    const struct http_head *head = &request->head;
    struct forward_filter filter;
    bool joins_cookies = head->version_major > 1 && (head->repeated & FORWARD_BIT(HTTP_FIELD_COOKIE));
    head_filter_init(&filter, request, joins_cookies ? FORWARD_BIT(HTTP_FIELD_COOKIE) : 0);
    for (uint32_t i = 0; i < head->header_count; i++)
        if (!head_is_dropped(&filter, &head->headers[i]))
            http1_write_parsed(writer, &head->headers[i]);
    if (joins_cookies)
        write_cookies(writer, head, http_head_find(head, HTTP_FIELD_COOKIE));
}

static void write_framing(struct http1_writer *writer, struct exchange *exchange)
{
    const struct http_head *head = &exchange->request->head;
    exchange->is_chunked = head->has_body && !exchange_has_length(exchange);
    exchange->is_sent = !head->has_body;
    exchange->is_expecting = head->expects_continue && !exchange->is_collected;
    if (exchange->is_chunked)
        http1_write_prebuilt(writer, SLICE_LIT("Transfer-Encoding: chunked\r\n"));
    else if (exchange_has_length(exchange) || http_method_wants_body(head->method))
        http1_write_length(writer, exchange_body_bytes(exchange));
    if (exchange->is_expecting)
        http1_write_prebuilt(writer, SLICE_LIT("Expect: 100-continue\r\n"));
    if (trailers_are_wanted(head))
        http1_write_prebuilt(writer, SLICE_LIT("TE: trailers\r\nConnection: TE\r\n"));
}

enum err http1_head_write(struct exchange *exchange)
{
    struct request *request = exchange->request;
    struct slice target = head_target(request);
    struct slice host = head_host(exchange);
    struct http1_writer writer;
    size_t bytes = HEAD_BYTES_BASE + target.len + request->head.method_text.len + host.len + head_own_bytes(exchange) +
                   fields_bytes(&request->head);
    if (!target.ptr || !buffer_ensure(exchange, &exchange->out, bytes + PROXY_PIECE_BYTES / 4))
        return ERR_NOMEM;
    http1_writer_init(&writer, exchange->out.ptr, exchange->out.capacity);
    http1_write_request(&writer, request->head.method_text, target);
    http1_write_field(&writer, SLICE_LIT("Host"), host);
    write_fields(&writer, request);
    head_write_own(&writer, exchange);
    write_framing(&writer, exchange);
    http1_write_end(&writer);
    if (writer.is_cut || writer.is_refused)
        return ERR_LIMIT;
    exchange->out.begin = 0;
    exchange->out.end = writer.len;
    return ERR_OK;
}
