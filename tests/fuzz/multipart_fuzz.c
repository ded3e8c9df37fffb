/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The first byte chooses a boundary, the rest is the body. Events of the body fed whole and fed in pieces must agree
 * once the data of each part is joined; fed whole, each part's data is one slice. */
#include "lib/http/multipart.h"

#include <stdlib.h>

#define INPUT_MAX 4096
#define LOG_MAX   (8 * INPUT_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum err err;
    size_t log_len;
    size_t data_events_max; /* of one part */
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

static void log_event(struct outcome *out, const struct multipart_event *event, size_t *data_events)
{
    if (event->kind == MULTIPART_PART_DATA) {
        require(event->data.len > 0);
        ++*data_events;
        out->data_events_max = MAX(out->data_events_max, *data_events);
        log_bytes(out, event->data);
        return;
    }
    *data_events = 0;
    log_bytes(out, slice_of(&"BDEF"[event->kind], 1));
    if (event->kind != MULTIPART_PART_BEGIN)
        return;
    require(event->part.name.ptr != NULL && (event->part.has_filename || event->part.filename.len == 0));
    log_bytes(out, event->part.name);
    log_bytes(out, SLICE_LIT("|"));
    log_bytes(out, event->part.filename);
    log_bytes(out, SLICE_LIT("|"));
    log_bytes(out, event->part.content_type);
}

static void parse(struct slice boundary, const uint8_t *data, size_t size, size_t first, size_t step,
                  struct outcome *out)
{
    char head[256];
    struct multipart multipart;
    struct multipart_config config = {
        .boundary = boundary, .head_memory = head, .head_bytes_max = sizeof head, .part_count_max = 8};
    size_t data_events = 0;
    require(multipart_init(&multipart, &config) == ERR_OK);
    out->err = ERR_AGAIN;
    out->log_len = 0;
    out->data_events_max = 0;
    size_t at = 0;
    for (size_t len = MIN(first, size); len > 0 && (out->err == ERR_AGAIN || out->err == ERR_EOF);
         len = MIN(step, size - at)) {
        char *copy = malloc(len);
        require(copy != NULL);
        memcpy(copy, data + at, len);
        struct slice piece = slice_of(copy, len);
        struct multipart_event event;
        while ((out->err = multipart_next(&multipart, &piece, &event)) == ERR_OK)
            log_event(out, &event, &data_events);
        require(piece.len == 0 || (out->err != ERR_AGAIN && out->err != ERR_EOF));
        free(copy);
        at += len;
    }
}

static void require_same(const struct outcome *a, const struct outcome *b)
{
    require(a->err == b->err);
    if (a->err != ERR_AGAIN && a->err != ERR_EOF)
        return;
    /* At the end of a truncated body the bytes held back for a delimiter are the same, too. */
    require(a->log_len == b->log_len && memcmp(a->log, b->log, a->log_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const boundaries[] = {"b", "--", "-b-", "----WebKitFormBoundaryA"};
    static struct outcome whole;
    static struct outcome other;
    if (size < 2 || size > INPUT_MAX)
        return 0;
    struct slice boundary = slice_of_text(boundaries[data[0] % ARRAY_LEN(boundaries)]);
    size_t first = 1 + data[0] / ARRAY_LEN(boundaries) % (size - 1);
    data++;
    size--;
    parse(boundary, data, size, size, size, &whole);
    require(whole.data_events_max <= 1);
    parse(boundary, data, size, 1, 1, &other);
    require_same(&whole, &other);
    parse(boundary, data, size, first, 5, &other);
    require_same(&whole, &other);
    return 0;
}
