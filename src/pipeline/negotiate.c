/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/negotiate.h"

#include "lib/base/buffer.h"
#include "lib/http/media.h"

struct slice negotiate_accept(struct request *request)
{
    const struct http_header *header = http_head_find(&request->head, HTTP_FIELD_ACCEPT);
    if (!header)
        return (struct slice){NULL, 0};
    struct slice first = header->value;
    const struct http_header *next = http_head_find_next(&request->head, header);
    if (!next)
        return first;
    struct buffer joined = buffer_in_arena(&request->arena, 0);
    buffer_add(&joined, first);
    for (; next; next = http_head_find_next(&request->head, next)) {
        buffer_add(&joined, SLICE_LIT(", "));
        buffer_add(&joined, next->value);
    }
    struct slice all;
    return buffer_finish(&joined, &all) == ERR_OK ? all : first;
}

enum verdict negotiate_json(struct request *request)
{
    struct slice accept = negotiate_accept(request);
    if (media_accept_quality(accept, SLICE_LIT("application"), SLICE_LIT("json")) > 0)
        return VERDICT_NEXT;
    return request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                        "Accept is \"" SLICE_FMT "\"; the answer can only be application/json.",
                        SLICE_ARG(slice_first(accept, 100)));
}
