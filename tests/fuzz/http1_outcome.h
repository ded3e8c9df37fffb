/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets of both parsers of heads hold them to: the same answer to the same bytes at once, byte by byte, in
 * two pieces, from moved memory, and with every instruction set; and fields as the header promises them. To be included by
 * the one source file of a target. */
#ifndef TESTS_FUZZ_HTTP1_OUTCOME_H
#define TESTS_FUZZ_HTTP1_OUTCOME_H

#include "lib/http/http1.h"
#include "lib/http/scan.h"

#include <stdlib.h>

#define HEADERS_MAX     16
#define INPUT_BYTES_MAX 4096

struct outcome {
    enum err err;
    enum http1_fault fault;
    struct http_head head;
    struct http_header headers[HEADERS_MAX];
    const char *base; /* what the slices point into */
};

/* One call of the parser under test, and what is true of heads of its kind only. */
struct subject {
    const struct http1_limits *limits;
    enum http_method method; /* of the request that a response answers */
    enum err (*parse)(struct http1_parser *parser, enum http_method method, struct slice input, struct http_head *ret);
    void (*require_same)(const struct outcome *a, const struct outcome *b);
    void (*require_promises)(const struct outcome *out, enum http_method method);
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_same_slice(const struct outcome *a, struct slice in_a, const struct outcome *b, struct slice in_b)
{
    require(in_a.len == in_b.len);
    require(in_a.len == 0 || in_a.ptr - a->base == in_b.ptr - b->base);
}

static void require_same_outcome(const struct subject *subject, const struct outcome *a, const struct outcome *b)
{
    require(a->err == b->err && a->fault == b->fault);
    if (a->err != ERR_OK)
        return;
    const struct http_head *x = &a->head;
    const struct http_head *y = &b->head;
    require(x->version_minor == y->version_minor && x->has_body == y->has_body);
    require(x->is_chunked == y->is_chunked && x->has_content_length == y->has_content_length);
    require(x->is_keep_alive == y->is_keep_alive);
    require(x->content_length == y->content_length && x->head_bytes == y->head_bytes);
    require(x->header_count == y->header_count && x->repeated == y->repeated);
    require(x->present == y->present);
    for (int field = 0; field < HTTP_FIELD_COUNT; field++)
        require(!http_head_find(x, (enum http_field)field) || x->first[field] == y->first[field]);
    for (size_t i = 0; i < x->header_count; i++) {
        require_same_slice(a, a->headers[i].name, b, b->headers[i].name);
        require_same_slice(a, a->headers[i].value, b, b->headers[i].value);
        require(a->headers[i].id == b->headers[i].id);
    }
    subject->require_same(a, b);
}

static void require_good_head(const struct subject *subject, const struct outcome *out)
{
    const struct http_head *head = &out->head;
    require(head->head_bytes <= subject->limits->head_bytes_max);
    require(memcmp(out->base + head->head_bytes - 4, "\r\n\r\n", 4) == 0);
    require(!(head->is_chunked && (head->has_content_length || head->version_minor == 0)));
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        require(http_is_token(header->name) && header->id == http_field_parse(header->name));
        require(slice_equal(header->value, slice_trim(header->value)));
        for (size_t k = 0; k < header->value.len; k++)
            require(scan_is(header->value.ptr[k], SCAN_VALUE));
        size_t index = (size_t)(http_head_find(head, header->id) - head->headers);
        require(index <= i && head->headers[index].id == header->id);
    }
    subject->require_promises(out, subject->method);
}

/* How the input comes: `first` bytes, then `step` at a time. */
struct pieces {
    size_t first;
    size_t step;
};

/* Two copies take turns, so that every call finds the input moved and the old place overwritten. */
static void parse(const struct subject *subject, struct slice input, struct pieces pieces, enum cpu_level level,
                  char *copies[2], struct outcome *out)
{
    struct http1_parser parser;
    http1_parser_init(&parser, subject->limits);
    parser.scan = scan_for(level);
    memset(out, 0xa5, sizeof *out); /* what a head before may have left */
    out->head.headers = out->headers;
    out->err = ERR_AGAIN;
    size_t len = MIN(pieces.first, input.len);
    for (unsigned turn = 0; out->err == ERR_AGAIN; turn++) {
        char *copy = copies[turn & 1];
        memcpy(copy, input.ptr, len);
        if (turn > 0)
            memset(copies[(turn & 1) ^ 1], '?', input.len);
        out->err = subject->parse(&parser, subject->method, slice_of(copy, len), &out->head);
        out->base = copy;
        if (len == input.len)
            break;
        len = MIN(len + pieces.step, input.len);
    }
    out->fault = parser.fault;
}

static void try_every_way(const struct subject *subject, struct slice input)
{
    if (input.len == 0 || input.len > INPUT_BYTES_MAX)
        return;
    static struct outcome whole;
    static struct outcome other;
    char *kept[2] = {malloc(input.len), malloc(input.len)};
    char *copies[2] = {malloc(input.len), malloc(input.len)};
    require(kept[0] && kept[1] && copies[0] && copies[1]);
    const struct pieces ways[] = {{input.len, input.len}, {(unsigned char)input.ptr[0] % input.len, input.len}, {1, 1}};
    parse(subject, input, ways[0], CPU_SCALAR, kept, &whole);
    if (whole.err == ERR_OK)
        require_good_head(subject, &whole);
    for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++)
        for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
            parse(subject, input, ways[i], (enum cpu_level)level, copies, &other);
            require_same_outcome(subject, &whole, &other);
        }
    for (size_t i = 0; i < 2; i++) {
        free(kept[i]);
        free(copies[i]);
    }
}

#endif
