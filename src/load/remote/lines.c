/* SPDX-License-Identifier: Apache-2.0 */
#include "load/remote/lines_int.h"

#include <stdlib.h>

#define INPUT_FIRST_BYTES 4096

static struct iovec on_buffer(struct stream *stream);
static void on_received(struct stream *stream, size_t bytes, enum err err);
static void on_sent(struct stream *stream, enum err err);
static void on_hangup(struct stream *stream);
static void on_connected(struct stream *stream, enum err err);

static const struct stream_handlers handlers = {
    .on_buffer = on_buffer,
    .on_received = on_received,
    .on_sent = on_sent,
    .on_hangup = on_hangup,
    .on_connected = on_connected,
};

static struct lines *of_stream(struct stream *stream)
{
    return CONTAINER_OF(stream, struct lines, stream);
}

static void begin(struct lines *lines, const struct lines_events *events)
{
    lines->events = events;
    lines->input.len = lines->sending.len = lines->waiting.len = 0;
    lines->is_sending = lines->is_connected = false;
    lines->is_open = true;
}

enum err lines_open(struct lines *lines, struct loop *loop, int fd, const struct lines_events *events)
{
    stream_open(&lines->stream, loop, fd, &handlers);
    begin(lines, events);
    lines->is_connected = true;
    enum err err = stream_receive_start(&lines->stream);
    if (err != ERR_OK)
        lines_close(lines);
    return err;
}

enum err lines_connect(struct lines *lines, struct loop *loop, const struct address *address,
                       const struct lines_events *events)
{
    TRY(stream_connect(&lines->stream, loop, address, NULL, &handlers));
    begin(lines, events);
    return ERR_OK;
}

void lines_close(struct lines *lines)
{
    if (!lines->is_open)
        return;
    stream_close(&lines->stream);
    lines->is_open = lines->is_connected = lines->is_sending = false;
}

void lines_deinit(struct lines *lines)
{
    lines_close(lines);
    free(lines->input.ptr);
    free(lines->sending.ptr);
    free(lines->waiting.ptr);
    lines->input = lines->sending = lines->waiting = (struct lines_bytes){0};
}

static void lose(struct lines *lines, enum err err)
{
    if (!lines->is_open)
        return;
    lines_close(lines);
    lines->events->on_lost(lines, err);
}

static void on_connected(struct stream *stream, enum err err)
{
    struct lines *lines = of_stream(stream);
    if (err == ERR_OK)
        err = stream_receive_start(stream);
    if (err != ERR_OK) {
        lose(lines, err);
        return;
    }
    lines->is_connected = true;
    lines->events->on_connected(lines);
}

/* --- receiving ---------------------------------------------------------------------------------------------------- */

static bool reserve(struct lines_bytes *bytes, size_t more, size_t bytes_max)
{
    size_t wanted = bytes->len + more;
    if (wanted <= bytes->capacity)
        return true;
    if (wanted > bytes_max)
        return false;
    size_t capacity = MIN(MAX(MAX(wanted, 2 * bytes->capacity), (size_t)INPUT_FIRST_BYTES), bytes_max);
    char *ptr = realloc(bytes->ptr, capacity);
    if (!ptr)
        return false;
    bytes->ptr = ptr;
    bytes->capacity = capacity;
    return true;
}

static struct iovec on_buffer(struct stream *stream)
{
    struct lines *lines = of_stream(stream);
    if (!reserve(&lines->input, 1, lines->line_bytes_max + 1)) {
        lose(lines, ERR_LIMIT);
        return (struct iovec){NULL, 0};
    }
    return (struct iovec){lines->input.ptr + lines->input.len, lines->input.capacity - lines->input.len};
}

/* Tells of each whole line; keeps what is behind the last. `old` bytes are known to hold no end. */
static void take_lines(struct lines *lines, size_t old)
{
    struct slice rest = slice_of(lines->input.ptr, lines->input.len);
    size_t end = old + slice_find(slice_skip(rest, old), '\n');
    while (end < rest.len && lines->is_open) {
        if (end > lines->line_bytes_max) {
            lose(lines, ERR_LIMIT);
            return;
        }
        struct slice line = slice_first(rest, end);
        rest = slice_skip(rest, end + 1);
        lines->events->on_line(lines, line);
        end = slice_find(rest, '\n');
    }
    if (!lines->is_open)
        return;
    memmove(lines->input.ptr, rest.ptr, rest.len);
    lines->input.len = rest.len;
}

static void on_received(struct stream *stream, size_t bytes, enum err err)
{
    struct lines *lines = of_stream(stream);
    size_t old = lines->input.len;
    if (err != ERR_OK) {
        lose(lines, err);
        return;
    }
    lines->input.len += bytes;
    take_lines(lines, old);
}

static void on_hangup(struct stream *stream)
{
    lose(of_stream(stream), ERR_EOF);
}

/* --- sending ------------------------------------------------------------------------------------------------------ */

static void send_waiting(struct lines *lines)
{
    size_t sent;
    while (lines->is_open && lines->waiting.len) {
        struct lines_bytes bytes = lines->waiting;
        lines->waiting = lines->sending;
        lines->waiting.len = 0;
        lines->sending = bytes;
        enum err err = stream_send(&lines->stream, slice_of(bytes.ptr, bytes.len), &sent);
        lines->is_sending = err == ERR_AGAIN;
        if (err == ERR_AGAIN)
            return;
        if (err != ERR_OK)
            lose(lines, err);
    }
}

static void on_sent(struct stream *stream, enum err err)
{
    struct lines *lines = of_stream(stream);
    lines->is_sending = false;
    if (err != ERR_OK)
        lose(lines, err);
    else
        send_waiting(lines);
}

void lines_send(struct lines *lines, struct slice line)
{
    if (!lines->is_open)
        return;
    if (!reserve(&lines->waiting, line.len, lines->output_bytes_max)) {
        lose(lines, ERR_LIMIT);
        return;
    }
    memcpy(lines->waiting.ptr + lines->waiting.len, line.ptr, line.len);
    lines->waiting.len += line.len;
    if (!lines->is_sending && lines->is_connected)
        send_waiting(lines);
}

bool lines_is_sent(const struct lines *lines)
{
    return !lines->is_sending && lines->waiting.len == 0;
}
