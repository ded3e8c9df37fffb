/* SPDX-License-Identifier: Apache-2.0 */
/* Records go round between two rings for each worker: empty ones to it, full ones back. A new object is written over the bracket
 * that ended the array, with a bracket behind it, in one call; so whoever reads the file meanwhile sees an array. */
#include "control/log/trace_log.h"

#include "control/server/say.h"
#include "lib/json/writer.h"
#include "lib/sys/file.h"
#include "lib/sys/ring.h"
#include "lib/sys/thread.h"
#include "lib/sys/wake.h"

#include <stdlib.h>

#define RECORDS    256 /* of a worker */
#define PATH_BYTES 4128
#define FILES_MAX  1000 /* clients choose how many records are in one */

struct trace_rings {
    struct ring empty;
    struct ring full;
    struct trace_record records[RECORDS];
};

struct trace_log {
    struct wake wake;
    struct thread thread;
    struct trace_log_options options;
    struct trace_rings *rings;
    _Atomic bool is_stopping;

    /* The thread's. */
    int fd; /* -1: none is open */
    uint64_t file_bytes;
    uint64_t bytes; /* of all files */
    uint64_t frequency;
    uint64_t file_index;
    uint64_t file_records;
    bool has_failed; /* which was said */
};

static void run(void *argument);

static enum err make_rings(struct trace_log *log)
{
    log->rings = aligned_alloc(64, log->options.worker_count * sizeof *log->rings);
    if (!log->rings)
        return ERR_NOMEM;
    memset(log->rings, 0, log->options.worker_count * sizeof *log->rings);
    for (uint32_t i = 0; i < log->options.worker_count; i++) {
        struct trace_rings *rings = &log->rings[i];
        TRY(ring_init(&rings->empty, RECORDS));
        TRY(ring_init(&rings->full, RECORDS));
        for (uint32_t k = 0; k < RECORDS; k++)
            (void)ring_push(&rings->empty, &rings->records[k]);
    }
    return ERR_OK;
}

static void destroy(struct trace_log *log)
{
    for (uint32_t i = 0; log->rings && i < log->options.worker_count; i++) {
        ring_deinit(&log->rings[i].empty);
        ring_deinit(&log->rings[i].full);
    }
    if (log->fd >= 0)
        file_close(log->fd);
    wake_deinit(&log->wake);
    free(log->rings);
    free(log);
}

enum err trace_log_start(const struct trace_log_options *options, struct trace_log **ret_log)
{
    struct trace_log *log = aligned_alloc(64, (sizeof *log + 63) / 64 * 64);
    if (!log)
        return ERR_NOMEM;
    memset(log, 0, sizeof *log);
    log->options = *options;
    log->fd = log->wake.fd = -1;
    enum err err = make_rings(log);
    if (err == ERR_OK)
        err = wake_init(&log->wake);
    if (err == ERR_OK)
        err = thread_start(&log->thread, "weir-trace", run, log);
    if (err != ERR_OK) {
        destroy(log);
        return err;
    }
    *ret_log = log;
    return ERR_OK;
}

void trace_log_stop(struct trace_log *log)
{
    if (!log)
        return;
    atomic_store(&log->is_stopping, true);
    wake_up(&log->wake);
    thread_join(&log->thread);
    destroy(log);
}

struct trace_record *trace_log_reserve(struct trace_log *log, uint32_t worker_index)
{
    return log ? ring_pop(&log->rings[worker_index].empty) : NULL;
}

void trace_log_commit(struct trace_log *log, uint32_t worker_index, struct trace_record *record)
{
    bool is_pushed = ring_push(&log->rings[worker_index].full, record);
    ASSERT(is_pushed, "there are no more records than the ring has room for");
    wake_up(&log->wake);
}

/* --- text --------------------------------------------------------------------------------------------------------------- */

static void write_head(struct json_writer *writer, const struct trace_record *record)
{
    struct slice version = slice_of(record->version, record->version_bytes);
    uint64_t number;
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("id"));
    json_write_u64(writer, record->id);
    json_write_key(writer, SLICE_LIT("model_name"));
    json_write_string(writer, slice_of(record->model, record->model_bytes));
    json_write_key(writer, SLICE_LIT("model_version"));
    if (text_parse_u64(version, &number) == ERR_OK)
        json_write_u64(writer, number);
    else
        json_write_string(writer, version);
    if (record->id_bytes) {
        json_write_key(writer, SLICE_LIT("request_id"));
        json_write_string(writer, slice_of(record->request_id, record->id_bytes));
    }
    json_write_object_end(writer);
}

static void write_times(struct json_writer *writer, const struct trace_record *record)
{
    static const char *const names[] = {
#define TRACE_POINT(name) #name,
        TRACE_POINTS(TRACE_POINT)
#undef TRACE_POINT
    };
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("id"));
    json_write_u64(writer, record->id);
    json_write_key(writer, SLICE_LIT("timestamps"));
    json_write_array_begin(writer);
    for (int i = 0; i < TRACE_POINT_COUNT; i++) {
        if (!record->at_ns[i])
            continue;
        json_write_object_begin(writer);
        json_write_key(writer, SLICE_LIT("name"));
        json_write_string(writer, slice_of_text(names[i]));
        json_write_key(writer, SLICE_LIT("ns"));
        json_write_u64(writer, record->at_ns[i]);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
    json_write_object_end(writer);
}

size_t trace_record_format(const struct trace_record *record, char out[TRACE_TEXT_BYTES])
{
    struct json_writer writer = json_writer_in_memory(out, TRACE_TEXT_BYTES);
    struct slice text = {NULL, 0};
    json_write_array_begin(&writer);
    write_head(&writer, record);
    write_times(&writer, record);
    json_write_array_end(&writer);
    enum err err = json_writer_finish(&writer, &text);
    ASSERT(err == ERR_OK, "texts of a record are bounded");
    return text.len;
}

/* --- file --------------------------------------------------------------------------------------------------------------- */

static enum err open_file(struct trace_log *log)
{
    char path[PATH_BYTES];
    struct text text = text_init(path, sizeof path);
    text_add(&text, log->options.path);
    if (log->frequency)
        text_printf(&text, ".%llu", (unsigned long long)log->file_index);
    log->file_bytes = log->file_records = 0;
    return file_open_empty(path, &log->fd);
}

static void close_file(struct trace_log *log)
{
    if (log->fd >= 0)
        file_close(log->fd);
    log->fd = -1;
}

/* A file for each log_frequency; another number of it begins a new one. */
static enum err choose_file(struct trace_log *log, uint64_t frequency)
{
    bool is_full = frequency && log->file_records >= frequency;
    if (log->fd >= 0 && frequency == log->frequency && !is_full)
        return ERR_OK;
    close_file(log);
    if (is_full && log->file_index == FILES_MAX - 1)
        return ERR_LIMIT;
    log->file_index += is_full;
    log->frequency = frequency;
    return open_file(log);
}

/* The first of a file is the array as it was formatted; of others its bracket becomes a comma. */
static enum err write(struct trace_log *log, char *text, size_t bytes)
{
    uint64_t at = log->file_bytes ? log->file_bytes - 1 : 0;
    if (log->file_bytes)
        text[0] = ',';
    TRY(file_write_at(log->fd, at, slice_of(text, bytes)));
    log->bytes += at + bytes - log->file_bytes;
    log->file_bytes = at + bytes;
    log->file_records++;
    return ERR_OK;
}

static void write_record(struct trace_log *log, const struct trace_record *record)
{
    char text[TRACE_TEXT_BYTES];
    size_t bytes = trace_record_format(record, text);
    bool has_room = bytes <= log->options.bytes_max - log->bytes;
    enum err err = has_room ? choose_file(log, record->log_frequency) : ERR_LIMIT;
    if (err == ERR_OK)
        err = write(log, text, bytes);
    if (err != ERR_OK && !log->has_failed)
        say_error("traces cannot be written to " SLICE_FMT ": %s", SLICE_ARG(log->options.path), err_text(err));
    log->has_failed = err != ERR_OK;
}

static bool drain(struct trace_log *log)
{
    bool is_any = false;
    for (uint32_t i = 0; i < log->options.worker_count; i++)
        for (struct trace_record *record; (record = ring_pop(&log->rings[i].full));) {
            write_record(log, record);
            (void)ring_push(&log->rings[i].empty, record);
            is_any = true;
        }
    return is_any;
}

static bool has_work(struct trace_log *log)
{
    bool is_any = atomic_load(&log->is_stopping);
    for (uint32_t i = 0; i < log->options.worker_count; i++)
        is_any |= !ring_is_empty(&log->rings[i].full);
    return is_any;
}

static void run(void *argument)
{
    struct trace_log *log = argument;
    bool is_last;
    do {
        /* Asked before draining: what was committed before trace_log_stop is seen by this turn. */
        is_last = atomic_load(&log->is_stopping);
        if (drain(log) || is_last)
            continue;
        wake_announce(&log->wake);
        if (has_work(log))
            wake_clear(&log->wake);
        else
            wake_wait(&log->wake);
    } while (!is_last);
}
