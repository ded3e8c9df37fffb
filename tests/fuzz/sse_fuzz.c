/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The first byte says where the stream is cut, the rest is the stream. Events of the stream fed whole, byte by byte and in
 * pieces must agree, and what was held must have gone back. */
#include "lib/http/sse.h"

#include <stdlib.h>

#define INPUT_MAX 4096
#define LOG_MAX   (64 * INPUT_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum err err;
    bool is_within;
    size_t log_len;
    char log[LOG_MAX];
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void log_bytes(struct outcome *out, struct slice bytes)
{
    require(out->log_len + bytes.len <= LOG_MAX);
    if (bytes.len)
        memcpy(out->log + out->log_len, bytes.ptr, bytes.len);
    out->log_len += bytes.len;
}

static void log_event(struct outcome *out, const struct sse_event *event)
{
    char flags = (char)('0' + event->has_data + 2 * event->has_retry + 4 * (event->id.ptr != NULL));
    require(event->has_data || event->data.len == 0);
    require(event->has_retry || event->retry_ms == 0);
    log_bytes(out, slice_of(&flags, 1));
    log_bytes(out, event->type);
    log_bytes(out, SLICE_LIT("|"));
    log_bytes(out, event->data);
    log_bytes(out, SLICE_LIT("|"));
    log_bytes(out, event->id);
    log_bytes(out, slice_of(&event->retry_ms, sizeof event->retry_ms));
}

static void parse(const uint8_t *data, size_t size, size_t first, size_t step, struct outcome *out)
{
    struct pool pool;
    struct sse sse;
    pool_init(&pool, 1 << 20, 1 << 20);
    sse_init(&sse, &pool, 2 * INPUT_MAX);
    out->err = ERR_AGAIN;
    out->log_len = 0;
    size_t at = 0;
    for (size_t len = MIN(first, size); len > 0; len = MIN(step, size - at)) {
        char *copy = malloc(len);
        require(copy != NULL);
        memcpy(copy, data + at, len);
        struct slice piece = slice_of(copy, len);
        struct sse_event event;
        while ((out->err = sse_next(&sse, &piece, &event)) == ERR_OK)
            log_event(out, &event);
        require(out->err == ERR_AGAIN && piece.len == 0);
        free(copy);
        at += len;
    }
    out->is_within = sse_is_within_event(&sse);
    sse_deinit(&sse);
    require(pool.outstanding_bytes == 0);
    pool_deinit(&pool);
}

static void require_same(const struct outcome *a, const struct outcome *b)
{
    require(a->is_within == b->is_within);
    require(a->log_len == b->log_len && memcmp(a->log, b->log, a->log_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole;
    static struct outcome other;
    if (size < 2 || size > INPUT_MAX)
        return 0;
    size_t first = 1 + data[0] % (size - 1);
    data++;
    size--;
    parse(data, size, size, size, &whole);
    parse(data, size, 1, 1, &other);
    require_same(&whole, &other);
    parse(data, size, first, 1 + first % 17, &other);
    require_same(&whole, &other);
    return 0;
}
