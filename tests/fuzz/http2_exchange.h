/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of both sides of HTTP/2 share: a stream with memory for its head, and a digest of what happens,
 * by which one way to feed the input is compared with another. */
#ifndef WEIR_TESTS_FUZZ_HTTP2_EXCHANGE_H
#define WEIR_TESTS_FUZZ_HTTP2_EXCHANGE_H

#include "lib/http2/http2.h"

#include <stdlib.h>

#define HEADERS_MAX  16
#define MEMORY_BYTES 4096

struct exchange {
    struct http2_stream stream;
    struct http_head head;
    struct http_header headers[HEADERS_MAX];
    char memory[MEMORY_BYTES];
    size_t memory_used;
    size_t left;
    uint64_t body_digest;
    bool is_open;
};

static uint64_t digest; /* of what happened */

static inline void require(bool condition)
{
    if (!condition)
        abort();
}

static inline uint64_t mix(uint64_t value, uint64_t more)
{
    return (value ^ more) * UINT64_C(0x100000001b3);
}

static inline void note(uint64_t value)
{
    digest = mix(digest, value);
}

static inline void note_slice(struct slice text)
{
    note(text.len);
    for (size_t i = 0; i < text.len; i++)
        note((uint8_t)text.ptr[i]);
}

static inline struct exchange *exchange_of(struct http2_stream *stream)
{
    return CONTAINER_OF(stream, struct exchange, stream);
}

static inline void *on_memory(struct http2_stream *stream, size_t bytes)
{
    struct exchange *exchange = exchange_of(stream);
    if (bytes > MEMORY_BYTES - exchange->memory_used)
        return NULL;
    exchange->memory_used += bytes;
    return exchange->memory + exchange->memory_used - bytes;
}

/* What holds for the fields of requests and responses. */
static inline void require_fields(const struct http_head *head)
{
    require(head->version_major == 2 && !head->is_chunked);
    for (uint16_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        require(http_is_token(header->name) && http_is_value(header->value));
        require(header->id == http_field_parse(header->name));
        require(slice_equal(header->value, slice_trim(header->value)));
        for (size_t k = 0; k < header->name.len; k++)
            require(header->name.ptr[k] == ascii_lower(header->name.ptr[k]));
        require(head->first[header->id] <= i && head->headers[head->first[header->id]].id == header->id);
    }
    require(!http_head_find(head, HTTP_FIELD_CONNECTION) && !http_head_find(head, HTTP_FIELD_TRANSFER_ENCODING));
}

#endif
