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

struct trace_file {
    int fd; /* -1: it is not open */
    uint64_t bytes;
    uint64_t records;
};

struct trace_log {
    struct wake wake;
    struct thread thread;
    struct trace_log_options options;
    struct trace_rings *rings;
    _Atomic bool is_stopping;

    /* The thread's. */
    struct trace_file whole;    /* of traces with a log_frequency of 0 */
    struct trace_file numbered; /* the last of those of others */
    uint64_t file_count;        /* of numbered ones */
    uint64_t bytes;             /* of all files */
    bool has_failed;            /* which was said */
};

static void run(void *argument);
static void close_file(struct trace_file *file);

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
    close_file(&log->whole);
    close_file(&log->numbered);
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
    log->whole.fd = log->numbered.fd = log->wake.fd = -1;
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
    json_write_member_u64(writer, "id", record->id);
    json_write_member_string(writer, "model_name", slice_of(record->model, record->model_bytes));
    json_write_key(writer, SLICE_LIT("model_version"));
    if (text_parse_u64(version, &number) == ERR_OK)
        json_write_u64(writer, number);
    else
        json_write_string(writer, version);
    if (record->id_bytes) {
        json_write_member_string(writer, "request_id", slice_of(record->request_id, record->id_bytes));
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
    json_write_member_u64(writer, "id", record->id);
    json_write_key(writer, SLICE_LIT("timestamps"));
    json_write_array_begin(writer);
    for (int i = 0; i < TRACE_POINT_COUNT; i++) {
        if (!record->at_ns[i])
            continue;
        json_write_object_begin(writer);
        json_write_member_string(writer, "name", slice_of_text(names[i]));
        json_write_member_u64(writer, "ns", record->at_ns[i]);
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

/* One that was written before, by another server, begins anew. */
static enum err open_file(struct trace_log *log, struct trace_file *file)
{
    char path[PATH_BYTES];
    struct text text = text_init(path, sizeof path);
    text_add(&text, log->options.path);
    if (file == &log->numbered)
        text_printf(&text, ".%llu", (unsigned long long)log->file_count);
    TRY(file_open_empty(path, &file->fd));
    log->file_count += file == &log->numbered;
    file->bytes = file->records = 0;
    return ERR_OK;
}

static void close_file(struct trace_file *file)
{
    if (file->fd >= 0)
        file_close(file->fd);
    file->fd = -1;
}

/* Models may differ in their log_frequency, so that traces of both kinds come by turns. */
static enum err choose_file(struct trace_log *log, uint64_t frequency, struct trace_file **ret_file)
{
    struct trace_file *file = frequency ? &log->numbered : &log->whole;
    if (frequency && file->records >= frequency)
        close_file(file);
    if (file->fd < 0 && frequency && log->file_count == FILES_MAX)
        return ERR_LIMIT;
    if (file->fd < 0)
        TRY(open_file(log, file));
    *ret_file = file;
    return ERR_OK;
}

/* The first of a file is the array as it was formatted; of others its bracket becomes a comma. */
static enum err write(struct trace_log *log, struct trace_file *file, char *text, size_t bytes)
{
    uint64_t at = file->bytes ? file->bytes - 1 : 0;
    if (file->bytes)
        text[0] = ',';
    TRY(file_write_at(file->fd, at, slice_of(text, bytes)));
    log->bytes += at + bytes - file->bytes;
    file->bytes = at + bytes;
    file->records++;
    return ERR_OK;
}

static void write_record(struct trace_log *log, const struct trace_record *record)
{
    char text[TRACE_TEXT_BYTES];
    struct trace_file *file;
    size_t bytes = trace_record_format(record, text);
    bool has_room = bytes <= log->options.bytes_max - log->bytes;
    enum err err = has_room ? choose_file(log, record->log_frequency, &file) : ERR_LIMIT;
    if (err == ERR_OK)
        err = write(log, file, text, bytes);
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
