/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The response parser must say the same of the same bytes, however they come, and what it accepts must hold what its
 * header promises. */
#include "http1_outcome.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = {.head_bytes_max = 2048, .header_count_max = HEADERS_MAX};

static void require_same_response(const struct outcome *a, const struct outcome *b)
{
    require(a->head.status == b->head.status && a->head.is_until_close == b->head.is_until_close);
}

static void require_response(const struct outcome *out, enum http_method method)
{
    const struct http_head *head = &out->head;
    require(head->status >= 100 && head->status <= 599);
    bool is_bodyless = method == HTTP_METHOD_HEAD || head->status < 200 || head->status == 204 || head->status == 304;
    require(!(is_bodyless && (head->has_body || head->is_until_close)));
    require(is_bodyless || head->has_body == (head->is_chunked || head->content_length > 0 || head->is_until_close));
    require(!(head->is_until_close && head->is_keep_alive));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct subject responses = {.limits = &limits,
                                      .method = size & 1 ? HTTP_METHOD_GET : HTTP_METHOD_HEAD,
                                      .parse = http1_response_parse,
                                      .require_same = require_same_response,
                                      .require_promises = require_response};
    try_every_way(&responses, slice_of(data, size));
    return 0;
}
