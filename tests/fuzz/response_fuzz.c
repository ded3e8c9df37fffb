/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The response parser must say the same of the same bytes: at once, byte by byte, in two pieces, from moved memory, and
 * with every instruction set. What it accepts must hold what its header promises. */
#include "lib/http/http1.h"
#include "lib/http/scan.h"

#include <stdlib.h>

#define HEADERS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = {.head_bytes_max = 2048, .header_count_max = HEADERS_MAX};

struct outcome {
    enum err err;
    enum http1_fault fault;
    struct http_head head;
    struct http_header headers[HEADERS_MAX];
    const char *base; /* what the slices point into */
};

/* Two copies take turns, so that every call finds the input moved and the old place overwritten. */
static void parse(const uint8_t *data, size_t size, size_t first, size_t step, enum cpu_level level, char *copies[2],
                  enum http_method method, struct outcome *out)
{
    struct http1_parser parser;
    http1_parser_init(&parser, &limits);
    parser.scan = scan_for(level);
    memset(out, 0xa5, sizeof *out); /* what a response before may have left */
    out->head.headers = out->headers;
    out->err = ERR_AGAIN;
    size_t len = MIN(first, size);
    for (unsigned turn = 0; out->err == ERR_AGAIN; turn++) {
        char *copy = copies[turn & 1];
        memcpy(copy, data, len);
        if (turn > 0)
            memset(copies[(turn & 1) ^ 1], '?', size);
        out->err = http1_response_parse(&parser, method, slice_of(copy, len), &out->head);
        out->base = copy;
        if (len == size)
            break;
        len = MIN(len + step, size);
    }
    out->fault = parser.fault;
}

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

static void require_same(const struct outcome *a, const struct outcome *b)
{
    require(a->err == b->err && a->fault == b->fault);
    if (a->err != ERR_OK)
        return;
    const struct http_head *x = &a->head;
    const struct http_head *y = &b->head;
    require(x->status == y->status && x->version_minor == y->version_minor && x->has_body == y->has_body);
    require(x->is_chunked == y->is_chunked && x->has_content_length == y->has_content_length);
    require(x->is_keep_alive == y->is_keep_alive && x->is_until_close == y->is_until_close);
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
}

static void require_promises(const struct outcome *out, enum http_method method)
{
    const struct http_head *head = &out->head;
    require(head->head_bytes <= limits.head_bytes_max && head->status >= 100 && head->status <= 599);
    require(memcmp(out->base + head->head_bytes - 4, "\r\n\r\n", 4) == 0);
    require(!(head->is_chunked && (head->has_content_length || head->version_minor == 0)));
    bool is_bodyless = method == HTTP_METHOD_HEAD || head->status < 200 || head->status == 204 || head->status == 304;
    require(!(is_bodyless && (head->has_body || head->is_until_close)));
    require(is_bodyless || head->has_body == (head->is_chunked || head->content_length > 0 || head->is_until_close));
    require(!(head->is_until_close && head->is_keep_alive));
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        require(http_is_token(header->name) && header->id == http_field_parse(header->name));
        require(slice_equal(header->value, slice_trim(header->value)));
        for (size_t k = 0; k < header->value.len; k++)
            require(scan_is(header->value.ptr[k], SCAN_VALUE));
        size_t index = (size_t)(http_head_find(head, header->id) - head->headers);
        require(index <= i && head->headers[index].id == header->id);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    static struct outcome whole;
    static struct outcome other;
    char *kept[2] = {malloc(size), malloc(size)};
    char *copies[2] = {malloc(size), malloc(size)};
    require(kept[0] && kept[1] && copies[0] && copies[1]);
    enum http_method method = size & 1 ? HTTP_METHOD_GET : HTTP_METHOD_HEAD;
    parse(data, size, size, size, CPU_SCALAR, kept, method, &whole);
    if (whole.err == ERR_OK)
        require_promises(&whole, method);
    for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++) {
        parse(data, size, size, size, (enum cpu_level)level, copies, method, &other);
        require_same(&whole, &other);
        parse(data, size, data[0] % size, size, (enum cpu_level)level, copies, method, &other);
        require_same(&whole, &other);
        parse(data, size, 1, 1, (enum cpu_level)level, copies, method, &other);
        require_same(&whole, &other);
    }
    for (size_t i = 0; i < 2; i++) {
        free(kept[i]);
        free(copies[i]);
    }
    return 0;
}
