/* SPDX-License-Identifier: Apache-2.0 */
/* Interim responses on their way through (RFC 9110 section 15.2): Early Hints, Processing, and what may come after them.
 * Their fields are held to the same rules as those of a response; whether the client knows such a thing is for its
 * protocol to say. One that cannot be handed on is dropped, because nobody may rely on it. */
#include "pipeline/proxy/proxy_int.h"

#include "lib/http/forward.h"
#include "pipeline/protocol.h"

/* There is no content for it to speak of (RFC 9110 section 8.6). */
#define INTERIM_DROPPED (FORWARD_BIT(HTTP_FIELD_CONTENT_LENGTH) | FORWARD_BIT(HTTP_FIELD_TRAILER))

void interim_hand_on(struct exchange *exchange)
{
    struct request *request = exchange->request;
    const struct http_head *head = &exchange->head;
    struct response_field *fields = arena_alloc_array(&request->arena, head->header_count, sizeof *fields);
    struct forward_filter filter;
    uint32_t count = 0;
    if (!fields || request->is_head_sent)
        return;
    forward_filter_init(&filter, head, INTERIM_DROPPED);
    for (uint32_t i = 0; i < head->header_count; i++)
        if (!forward_is_dropped(&filter, &head->headers[i]))
            fields[count++] = (struct response_field){head->headers[i].name, head->headers[i].value};
    enum err err = request->connection->protocol->inform(request, head->status, fields, count);
    exchange->has_informed |= err == ERR_OK;
}
