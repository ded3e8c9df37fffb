/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/head.h"

#include "lib/base/text.h"
#include "lib/http/scan.h"

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

enum http1_fault http_head_repeat_fault(enum http_field field)
{
    if (!http_field_is_single(field))
        return HTTP1_FAULT_NONE;
    return field == HTTP_FIELD_HOST             ? HTTP1_FAULT_HOST_REPEATED
           : field == HTTP_FIELD_CONTENT_LENGTH ? HTTP1_FAULT_LENGTH_REPEATED
                                                : HTTP1_FAULT_FIELD_REPEATED;
}

/* RFC 9112 section 6.3. "5, 5" may be read as 5 there; here it is not one number. */
enum http1_fault http_head_read_length(struct http_head *head)
{
    const struct http_header *length = http_head_find(head, HTTP_FIELD_CONTENT_LENGTH);
    if (!length)
        return HTTP1_FAULT_NONE;
    enum err err = text_parse_u64(length->value, &head->content_length);
    if (err != ERR_OK)
        return err == ERR_LIMIT ? HTTP1_FAULT_LENGTH_TOO_LARGE : HTTP1_FAULT_LENGTH_INVALID;
    head->has_content_length = true;
    head->has_body = head->content_length > 0;
    return HTTP1_FAULT_NONE;
}

/* RFC 9110 section 10.1.1: 1.0 clients do not wait, whatever they say. */
enum http1_fault http_head_read_expectation(struct http_head *head)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_EXPECT);
    bool is_version_1_0 = head->version_major == 1 && head->version_minor == 0;
    for (; header; header = http_head_find_next(head, header))
        if (!SCAN_IS_WORD(header->value, "100-continue"))
            return HTTP1_FAULT_EXPECTATION_UNKNOWN;
    head->expects_continue = http_head_find(head, HTTP_FIELD_EXPECT) && !is_version_1_0 && head->has_body;
    return HTTP1_FAULT_NONE;
}
