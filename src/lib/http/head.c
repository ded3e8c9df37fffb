/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/head.h"

const struct http_header *http_head_find_next(const struct http_head *head, const struct http_header *header)
{
    const struct http_header *end = head->headers + head->header_count;
    if (!(head->repeated >> header->id & 1))
        return NULL;
    for (const struct http_header *next = header + 1; next < end; next++)
        if (next->id == header->id && (next->id != HTTP_FIELD_OTHER || slice_equal_nocase(next->name, header->name)))
            return next;
    return NULL;
}

const struct http_header *http_head_find_name(const struct http_head *head, struct slice name)
{
    for (const struct http_header *header = head->headers; header < head->headers + head->header_count; header++)
        if (slice_equal_nocase(header->name, name))
            return header;
    return NULL;
}
