/* SPDX-License-Identifier: Apache-2.0 */
/* A body of texts and ranges of one file.
 *
 * A worker must not wait for a disk. What is in the kernel's memory is read, or sent from there, by the worker itself;
 * for what is not, a crew thread reads it into the kernel's memory first, up to a MiB ahead. A file that has become
 * shorter meanwhile breaks the response off: its length was promised. */
#include "pipeline/files/files_int.h"

#define LOAD_BYTES (1U << 20)

struct segments {
    struct body_source source;
    struct request *request;
    int fd;
    uint32_t count;
    uint32_t index;
    uint64_t done; /* of the current one */
    uint64_t load_offset;
    uint64_t load_bytes;
    struct segment list[];
};

static enum err read_segments(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);
static enum err next_file(struct body_source *source, uint64_t bytes_max, struct file_piece *ret_piece);
static enum verdict answer_at_once(struct request *request, struct segments *segments, size_t bytes);
static void run_load(struct task *task);

static uint64_t length_of(const struct segment *segment)
{
    return segment->bytes ? segment->bytes : segment->text.len;
}

enum verdict segments_answer(struct request *request, int fd, const struct segment *list, uint32_t count)
{
    struct response *response = &request->response;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += length_of(&list[i]);
    if (count == 1 && list[0].bytes == 0) {
        response->body = list[0].text;
        return VERDICT_NEXT;
    }
    struct segments *segments = arena_alloc_zero(&request->arena, sizeof *segments + count * sizeof *list);
    if (!segments)
        return request_fail_memory(request);
    *segments = (struct segments){.source = {.read = read_segments, .next_file = count == 1 ? next_file : NULL},
                                  .request = request,
                                  .fd = fd,
                                  .count = count};
    memcpy(segments->list, list, count * sizeof *list);
    if (bytes <= FILE_AT_ONCE_BYTES) /* for HEAD too: its fields are those of GET */
        return answer_at_once(request, segments, (size_t)bytes);
    response_set_source(response, &segments->source, bytes);
    return VERDICT_NEXT;
}

/* Falls back to the source where that would have to wait. */
static enum verdict answer_at_once(struct request *request, struct segments *segments, size_t bytes)
{
    struct response *response = &request->response;
    char *memory = arena_alloc(&request->arena, bytes);
    size_t done = 0;
    if (!memory)
        return request_fail_memory(request);
    for (uint32_t i = 0; i < segments->count; i++) {
        const struct segment *segment = &segments->list[i];
        for (uint64_t at = 0; at < length_of(segment);) {
            size_t count = (size_t)(length_of(segment) - at);
            if (segment->bytes == 0)
                memcpy(memory + done, segment->text.ptr, count);
            else if (file_read_at(segments->fd, segment->offset + at, memory + done, count, false, &count) != ERR_OK) {
                response_set_source(response, &segments->source, bytes);
                return VERDICT_NEXT;
            }
            at += count;
            done += count;
        }
    }
    response->body = slice_of(memory, done);
    return VERDICT_NEXT;
}

/* The next segment that has something left; NULL at the end. */
static const struct segment *current(struct segments *segments)
{
    while (segments->index < segments->count && segments->done == length_of(&segments->list[segments->index])) {
        segments->index++;
        segments->done = 0;
    }
    return segments->index < segments->count ? &segments->list[segments->index] : NULL;
}

/* Whether a crew thread has just loaded what comes next: then it may be waited for, should it have gone again. */
static bool was_loaded(struct segments *segments)
{
    bool was = segments->request->was_submitted;
    segments->request->was_submitted = false;
    return was;
}

/* ERR_AGAIN: a crew thread loads it. ERR_OK: nobody is free for that, so it has to be waited for. */
static enum err load(struct segments *segments, uint64_t offset, uint64_t bytes)
{
    struct request *request = segments->request;
    segments->load_offset = offset;
    segments->load_bytes = MIN(bytes, (uint64_t)LOAD_BYTES);
    request->task_state = segments;
    request->task.on_run = run_load;
    return request_submit(request) == ERR_OK ? ERR_AGAIN : ERR_OK;
}

/* On a crew thread. */
static void run_load(struct task *task)
{
    const struct request *request = CONTAINER_OF(task, struct request, task);
    const struct segments *segments = request->task_state;
    file_load(segments->fd, segments->load_offset, segments->load_bytes);
}

static enum err read_segments(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct segments *segments = CONTAINER_OF(source, struct segments, source);
    const struct segment *segment = current(segments);
    if (!segment)
        return ERR_EOF;
    if (segments->request->holds)
        return ERR_AGAIN;
    uint64_t left = length_of(segment) - segments->done;
    size_t bytes = (size_t)MIN(left, (uint64_t)capacity);
    if (segment->bytes == 0) {
        memcpy(place, segment->text.ptr + segments->done, bytes);
    } else {
        uint64_t offset = segment->offset + segments->done;
        enum err err = file_read_at(segments->fd, offset, place, bytes, was_loaded(segments), &bytes);
        if (err == ERR_AGAIN) {
            TRY(load(segments, offset, left));
            err = file_read_at(segments->fd, offset, place, bytes, true, &bytes);
        }
        if (err != ERR_OK)
            return err == ERR_EOF ? ERR_TRUNCATED : err;
    }
    segments->done += bytes;
    *ret_bytes = bytes;
    return ERR_OK;
}

static enum err next_file(struct body_source *source, uint64_t bytes_max, struct file_piece *ret_piece)
{
    struct segments *segments = CONTAINER_OF(source, struct segments, source);
    const struct segment *segment = current(segments);
    if (!segment)
        return ERR_EOF;
    if (segments->request->holds)
        return ERR_AGAIN;
    uint64_t offset = segment->offset + segments->done;
    uint64_t bytes = MIN(segment->bytes - segments->done, bytes_max);
    bool is_loaded = was_loaded(segments);
    if (is_loaded || !file_is_cached(segments->fd, offset, bytes)) {
        bytes = MIN(bytes, (uint64_t)LOAD_BYTES);
        if (!is_loaded)
            TRY(load(segments, offset, bytes));
    }
    segments->done += bytes;
    *ret_piece = (struct file_piece){.fd = segments->fd, .offset = offset, .bytes = bytes};
    return ERR_OK;
}
