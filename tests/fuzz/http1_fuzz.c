/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The request parser must say the same of the same bytes, however they come, and what it accepts must hold what its
 * header promises. */
#include "http1_outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = {
    .head_bytes_max = 2048, .target_bytes_max = 256, .header_count_max = HEADERS_MAX};

static enum err parse_request(struct http1_parser *parser, enum http_method method, struct slice input,
                              struct http_head *ret_head)
{
    (void)method;
    return http1_request_parse(parser, input, ret_head);
}

static void require_same_request(const struct outcome *a, const struct outcome *b)
{
    const struct http_head *x = &a->head;
    const struct http_head *y = &b->head;
    require(x->method == y->method && x->expects_continue == y->expects_continue);
    require_same_slice(a, x->method_text, b, y->method_text);
    require_same_slice(a, x->target, b, y->target);
    require_same_slice(a, x->host, b, y->host);
}

static void require_request(const struct outcome *out, enum http_method method)
{
    const struct http_head *head = &out->head;
    (void)method;
    require(head->target.len > 0);
    require(head->has_body == (head->is_chunked || head->content_length > 0));
    require(head->host.len > 0 ? http_is_authority(head->host) : head->version_minor == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct subject requests = {.limits = &limits,
                                            .parse = parse_request,
                                            .require_same = require_same_request,
                                            .require_promises = require_request};
    try_every_way(&requests, slice_of(data, size));
    return 0;
}
