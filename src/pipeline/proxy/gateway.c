/* SPDX-License-Identifier: Apache-2.0 */
/* What RFC 9110 asks of a gateway before it hands a request on: not to go round in circles (section 7.6.3), to count the
 * hops where it is told to (7.6.2), and to say no to what it cannot hand on.
 *
 * TRACE is not handed on. An upstream would send back all that it got, what proxies have added included, and scripts
 * could read there what a browser keeps from them: nginx and others refuse it, too. */
#include "pipeline/proxy/proxy_int.h"

#include "lib/http/hops.h"

static bool wants_websocket(const struct http_head *head)
{
    struct slice rest = http_head_value(head, HTTP_FIELD_UPGRADE);
    struct slice protocol;
    while (http_list_next(&rest, &protocol))
        if (slice_equal_nocase(protocol, SLICE_LIT("websocket")))
            return true;
    return false;
}

/* An OPTIONS that may go no further is answered as if its target were here: with the methods that routes name, if they do. */
static enum verdict answer_options(struct request *request)
{
    const struct http_head nameless = {.host = request->head.host, .method = HTTP_METHOD_OTHER};
    struct route_match match;
    route_table_find(request->config->table, &nameless, request->path, &match);
    if (match.allow.len)
        response_field_add(request, "Allow", match.allow);
    response_set(request, 204, "", (struct slice){NULL, 0});
    return VERDICT_ANSWER;
}

enum verdict gateway_admit(struct request *request)
{
    const struct http_head *head = &request->head;
    struct slice name = request->config->via_name;
    if (wants_websocket(head))
        return request_fail(request, PROBLEM_NOT_IMPLEMENTED, "WebSocket connections are not handed on.");
    if (head->method == HTTP_METHOD_TRACE)
        return request_fail(request, PROBLEM_NOT_IMPLEMENTED, "TRACE is not handed on.");
    if (name.len && http_head_find(head, HTTP_FIELD_VIA) && hops_have_been(head, name)) {
        counter_add(&request->worker->meter.upstream_loops, 1);
        return request_fail(request, PROBLEM_LOOP_DETECTED,
                            "The request has been here before, as \"" SLICE_FMT "\" in Via says.", SLICE_ARG(name));
    }
    if (head->method != HTTP_METHOD_OPTIONS)
        return VERDICT_NEXT;
    uint32_t left;
    enum err err = hops_left(head, &left);
    if (err == ERR_SYNTAX)
        return request_fail(request, PROBLEM_BAD_REQUEST, "Max-Forwards is no number.");
    return err == ERR_OK && left == 0 ? answer_options(request) : VERDICT_NEXT;
}

struct slice gateway_via_line(const struct request *request, const struct http_head *received)
{
    enum via_protocol protocol = received->version_major > 1 ? VIA_HTTP2
                                 : received->version_minor   ? VIA_HTTP11
                                                             : VIA_HTTP10;
    return request->config->via_lines[protocol];
}

struct slice gateway_via(const struct request *request, const struct http_head *received)
{
    struct slice line = gateway_via_line(request, received);
    size_t around = sizeof "Via: \r\n" - 1;
    return line.len ? slice_of(line.ptr + sizeof "Via: " - 1, line.len - around) : line;
}
