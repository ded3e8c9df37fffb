/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: load
 *
 * The first byte says where the stream is cut, the rest is the answer of a language model. What is read of it whole, byte by
 * byte and in two pieces must agree. */
#include "load/stream.h"

#include <stdlib.h>

#define INPUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct load_stream read_stream(const uint8_t *data, size_t size, size_t first, size_t step,
                                      enum load_failure *ret_failure)
{
    static struct load_streams *streams;
    static const struct load_step chat = {.kind = LOAD_STEP_CHAT};
    struct load_stream stream;
    if (!streams)
        require(load_streams_create(&streams) == ERR_OK);
    load_stream_begin(&stream, streams, &chat, 0, NULL);
    bool can_be_right = true;
    size_t at = 0;
    for (size_t len = MIN(first, size); len > 0; len = MIN(step, size - at)) {
        char *copy = malloc(len);
        require(copy != NULL);
        memcpy(copy, data + at, len);
        can_be_right = load_stream_take(&stream, slice_of(copy, len), at);
        free(copy);
        at += len;
    }
    *ret_failure = load_stream_end(&stream, 0, at);
    require(can_be_right || *ret_failure == LOAD_FAILURE_STREAM);
    return stream;
}

static void require_same(const struct load_stream *a, const struct load_stream *b)
{
    require(a->events == b->events && a->dialect == b->dialect && a->is_ended == b->is_ended);
    require(a->is_broken == b->is_broken && a->has_usage == b->has_usage);
    require(a->output_tokens == b->output_tokens && a->input_tokens == b->input_tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum load_failure failure;
    enum load_failure other_failure;
    if (size < 2 || size > INPUT_MAX)
        return 0;
    size_t first = 1 + data[0] % (size - 1);
    data++;
    size--;
    struct load_stream whole = read_stream(data, size, size, size, &failure);
    struct load_stream other = read_stream(data, size, 1, 1, &other_failure);
    require_same(&whole, &other);
    require(failure == other_failure);
    other = read_stream(data, size, first, size, &other_failure);
    require_same(&whole, &other);
    require(failure == other_failure);
    return 0;
}
