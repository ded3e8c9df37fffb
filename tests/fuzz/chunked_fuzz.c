/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The decoder must say the same of the same bytes however they are split, never produce more than its limit, and decode
 * what is encoded from its output to that output again. */
#include "lib/http/chunked.h"

#include <stdlib.h>

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct chunked_limits limits = {
    .body_bytes_max = 1024, .extension_bytes_max = 64, .trailer_bytes_max = 128};

struct outcome {
    enum err err;
    enum http1_fault fault;
    bool is_done;
    size_t consumed;
    size_t trailers_len;
    size_t body_len;
    char trailers[INPUT_MAX];
    char body[INPUT_MAX];
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void decode(const uint8_t *data, size_t size, size_t first, size_t step, struct outcome *out)
{
    struct chunked chunked;
    chunked_init(&chunked, &limits);
    memset(out, 0, offsetof(struct outcome, trailers));
    for (size_t len = MIN(first, size); len > 0 && !out->is_done && out->err == ERR_OK;
         len = MIN(step, size - out->consumed)) {
        struct chunked_result result = {0};
        char *piece = malloc(len);
        require(piece != NULL);
        memcpy(piece, data + out->consumed, len);
        out->err = chunked_decode(&chunked, piece, len, &result);
        require(result.produced <= result.consumed && result.consumed <= len);
        require(out->err != ERR_OK || result.is_done || result.consumed == len);
        memcpy(out->body + out->body_len, piece, result.produced);
        out->body_len += result.produced;
        require(result.trailers.len <= result.consumed - result.produced);
        if (result.trailers.len)
            memcpy(out->trailers + out->trailers_len, result.trailers.ptr, result.trailers.len);
        out->trailers_len += result.trailers.len;
        out->consumed += result.consumed;
        out->is_done = result.is_done;
        free(piece);
    }
    out->fault = chunked.fault;
    require(out->body_len <= limits.body_bytes_max);
}

static void require_same(const struct outcome *a, const struct outcome *b)
{
    require(a->err == b->err && a->fault == b->fault && a->is_done == b->is_done);
    if (a->err != ERR_OK)
        return;
    require(a->consumed == b->consumed && a->body_len == b->body_len);
    require(memcmp(a->body, b->body, a->body_len) == 0);
    require(a->trailers_len == b->trailers_len && memcmp(a->trailers, b->trailers, a->trailers_len) == 0);
    require(a->trailers_len <= limits.trailer_bytes_max && (!a->is_done || a->trailers_len >= 2));
}

static void require_round_trip(const struct outcome *whole)
{
    static char wire[INPUT_MAX + 64];
    static struct outcome again;
    size_t len = 0;
    if (whole->body_len > 0) {
        len = chunked_format_size(wire, whole->body_len);
        memcpy(wire + len, whole->body, whole->body_len);
        len += whole->body_len;
        memcpy(wire + len, "\r\n", 2);
        len += 2;
    }
    memcpy(wire + len, CHUNKED_END, sizeof CHUNKED_END - 1);
    len += sizeof CHUNKED_END - 1;
    decode((const uint8_t *)wire, len, len, len, &again);
    require(again.is_done && again.consumed == len && again.body_len == whole->body_len);
    require(memcmp(again.body, whole->body, whole->body_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole;
    static struct outcome other;
    if (size == 0 || size > INPUT_MAX)
        return 0;
    decode(data, size, size, size, &whole);
    decode(data, size, 1, 1, &other);
    require_same(&whole, &other);
    decode(data, size, 1 + data[size - 1] % size, 7, &other);
    require_same(&whole, &other);
    require_round_trip(&whole);
    return 0;
}
