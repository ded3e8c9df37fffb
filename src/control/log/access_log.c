/* SPDX-License-Identifier: Apache-2.0 */
/* From rings of records to lines in files.
 *
 * Each worker has a ring of records that it writes in place, so a line costs the worker one copy of its texts and two
 * stores; JSON is made here. The log thread takes all there is, formats it into one buffer for each file and writes each
 * buffer once. Then it lingers a few milliseconds before it looks again: under load it is therefore never asleep, no
 * worker makes a system call for it, and a write carries hundreds of lines. When nothing has come it sleeps, and the
 * first record wakes it at once, so that a lonely request is in the file as soon as it is answered.
 *
 * Whether the thread may sleep: a worker publishes its record and then looks at may_sleep; the thread sets may_sleep and
 * then looks for records. All four are sequentially consistent, so not both can see the old state. In front of struct
 * wake, whose exchange would carry a cache line from worker to worker for each record, it is a line that all of them
 * share and hardly anybody writes. */
#include "control/log/access_log.h"

#include "control/log/access_line.h"
#include "control/log/sinks.h"
#include "lib/meter/counter.h"
#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "lib/sys/wake.h"

#include <stdlib.h>

#define LINGER_NS   (5 * NS_PER_MS) /* with 1024 records: 200,000 lines a second from each worker before any is lost */
#define BATCH_BYTES 65536

/* One producer, one consumer; as lib/sys/ring.h, but of records in place. */
struct record_ring {
    struct access_record *records;
    uint32_t mask;
    CACHE_ALIGNED _Atomic uint32_t pushed; /* written by the worker */
    uint32_t popped_seen;
    CACHE_ALIGNED _Atomic uint32_t popped; /* written by the log thread */
};

/* Lines on their way to one file. The log thread's. */
struct batch {
    char *memory; /* BATCH_BYTES of heap, from the first line on */
    size_t bytes;
    uint32_t lines;
};

struct access_log {
    struct thread thread;
    struct wake wake;
    struct record_ring *rings;
    uint32_t ring_count;
    struct access_line_clock clock;
    struct batch batches[ACCESS_SINKS_MAX];
    struct counter lost_lines;
    CACHE_ALIGNED _Atomic bool may_sleep;
    CACHE_ALIGNED _Atomic bool is_reopening;
    _Atomic bool is_stopping;
};

static enum err init_rings(struct access_log *log, uint32_t ring_records);
static void run(void *argument);
static void reopen_if_asked(struct access_log *log);
static uint32_t drain(struct access_log *log);
static uint32_t drain_ring(struct access_log *log, struct record_ring *ring);
static void add_line(struct access_log *log, const struct access_record *record);
static void flush(struct access_log *log, uint32_t sink);
static void sleep_until_work(struct access_log *log);
static bool has_work(struct access_log *log);

enum err access_log_create(uint32_t worker_count, uint32_t ring_records, struct access_log **ret_log)
{
    struct access_log *log = aligned_alloc(64, sizeof *log); /* struct wake has a cache line of its own */
    if (!log)
        return ERR_NOMEM;
    memset(log, 0, sizeof *log);
    log->ring_count = worker_count;
    log->wake.fd = -1;
    enum err err = init_rings(log, ring_records);
    if (err == ERR_OK)
        err = wake_init(&log->wake);
    if (err != ERR_OK) {
        access_log_destroy(log);
        return err;
    }
    *ret_log = log;
    return ERR_OK;
}

void access_log_destroy(struct access_log *log)
{
    if (!log)
        return;
    for (uint32_t i = 0; log->rings && i < log->ring_count; i++)
        free(log->rings[i].records);
    for (size_t i = 0; i < ARRAY_LEN(log->batches); i++)
        free(log->batches[i].memory);
    wake_deinit(&log->wake);
    free(log->rings);
    free(log);
}

enum err access_log_start(struct access_log *log)
{
    atomic_store(&log->is_stopping, false);
    return thread_start(&log->thread, "weir-log", run, log);
}

void access_log_stop(struct access_log *log)
{
    atomic_store(&log->is_stopping, true);
    wake_up(&log->wake);
    thread_join(&log->thread);
}

void access_log_reopen(struct access_log *log)
{
    atomic_store(&log->is_reopening, true);
    wake_up(&log->wake);
}

uint64_t access_log_lost_lines(const struct access_log *log)
{
    return counter_read(&log->lost_lines);
}

struct access_record *access_log_reserve(struct access_log *log, uint32_t worker_index)
{
    struct record_ring *ring = &log->rings[worker_index];
    uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    if (pushed - ring->popped_seen > ring->mask) {
        ring->popped_seen = atomic_load_explicit(&ring->popped, memory_order_acquire);
        if (pushed - ring->popped_seen > ring->mask)
            return NULL;
    }
    return &ring->records[pushed & ring->mask];
}

void access_log_commit(struct access_log *log, uint32_t worker_index)
{
    struct record_ring *ring = &log->rings[worker_index];
    uint32_t pushed = atomic_load_explicit(&ring->pushed, memory_order_relaxed);
    atomic_store_explicit(&ring->pushed, pushed + 1, memory_order_seq_cst);
    if (UNLIKELY(atomic_load_explicit(&log->may_sleep, memory_order_seq_cst)))
        wake_up(&log->wake);
}

static enum err init_rings(struct access_log *log, uint32_t ring_records)
{
    size_t bytes = log->ring_count * sizeof *log->rings;
    uint32_t capacity = 1;
    while (capacity < ring_records)
        capacity *= 2;
    log->rings = aligned_alloc(64, bytes);
    if (!log->rings)
        return ERR_NOMEM;
    memset(log->rings, 0, bytes);
    for (uint32_t i = 0; i < log->ring_count; i++) {
        struct record_ring *ring = &log->rings[i];
        ring->mask = capacity - 1;
        ring->records = calloc(capacity, sizeof *ring->records);
        if (!ring->records)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

static void run(void *argument)
{
    struct access_log *log = argument;
    bool is_last;
    do {
        /* Asked before draining: what was committed before access_log_stop is seen by this turn. */
        is_last = atomic_load(&log->is_stopping);
        reopen_if_asked(log);
        uint32_t lines = drain(log);
        if (is_last)
            continue;
        if (lines)
            clock_sleep_ns(LINGER_NS);
        else
            sleep_until_work(log);
    } while (!is_last);
}

static void reopen_if_asked(struct access_log *log)
{
    if (atomic_load_explicit(&log->is_reopening, memory_order_relaxed) && atomic_exchange(&log->is_reopening, false))
        access_sinks_reopen();
}

static uint32_t drain(struct access_log *log)
{
    uint32_t lines = 0;
    for (uint32_t i = 0; i < log->ring_count; i++)
        lines += drain_ring(log, &log->rings[i]);
    for (uint32_t i = 0; lines && i < access_sinks_count(); i++)
        flush(log, i);
    return lines;
}

static uint32_t drain_ring(struct access_log *log, struct record_ring *ring)
{
    uint32_t first = atomic_load_explicit(&ring->popped, memory_order_relaxed);
    uint32_t end = atomic_load_explicit(&ring->pushed, memory_order_acquire);
    for (uint32_t at = first; at != end; at++) {
        add_line(log, &ring->records[at & ring->mask]);
        atomic_store_explicit(&ring->popped, at + 1, memory_order_release);
    }
    return end - first;
}

static void add_line(struct access_log *log, const struct access_record *record)
{
    ASSERT(record->sink < access_sinks_count(), "a record names a sink of access_log_open");
    struct batch *batch = &log->batches[record->sink];
    if (!batch->memory)
        batch->memory = malloc(BATCH_BYTES);
    if (!batch->memory) {
        counter_add(&log->lost_lines, 1);
        return;
    }
    if (batch->bytes + ACCESS_LINE_BYTES_MAX > BATCH_BYTES)
        flush(log, record->sink);
    batch->bytes += access_line_format(&log->clock, record, batch->memory + batch->bytes);
    batch->lines++;
}

static void flush(struct access_log *log, uint32_t sink)
{
    struct batch *batch = &log->batches[sink];
    if (!batch->lines)
        return;
    if (access_sink_write(sink, slice_of(batch->memory, batch->bytes), batch->lines) != ERR_OK)
        counter_add(&log->lost_lines, batch->lines);
    batch->bytes = 0;
    batch->lines = 0;
}

static void sleep_until_work(struct access_log *log)
{
    atomic_store_explicit(&log->may_sleep, true, memory_order_seq_cst);
    wake_announce(&log->wake);
    if (has_work(log))
        wake_clear(&log->wake);
    else
        wake_wait(&log->wake);
    atomic_store_explicit(&log->may_sleep, false, memory_order_relaxed);
}

static bool has_work(struct access_log *log)
{
    for (uint32_t i = 0; i < log->ring_count; i++) {
        struct record_ring *ring = &log->rings[i];
        if (atomic_load_explicit(&ring->pushed, memory_order_seq_cst) !=
            atomic_load_explicit(&ring->popped, memory_order_relaxed))
            return true;
    }
    return atomic_load(&log->is_stopping) || atomic_load(&log->is_reopening);
}
