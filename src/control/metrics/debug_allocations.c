/* SPDX-License-Identifier: Apache-2.0 */
/* GET of `endpoint: allocations`. Counts are since the start of the process, so that whoever wants a span of their own takes the
 * difference of two answers; the span that is told here is for looking. */
#include "control/metrics/debug_int.h"
#include "lib/sys/clock.h"

#define SPAN_NS_MIN NS_PER_S

/* Counts, and what they were when the span began. */
struct told {
    struct allocation_count now;
    struct allocation_count before;
};

static uint64_t count_requests(const struct debug_sources *sources)
{
    uint64_t requests = 0;
    for (uint32_t w = 0; w < sources->worker_count; w++)
        requests += counter_read(&sources->workers[w]->requests);
    return requests;
}

static void add_count(struct allocation_count *to, const struct allocation_count *count)
{
    to->allocations += count->allocations;
    to->frees += count->frees;
    to->bytes += count->bytes;
}

static void add_told(struct told *to, const struct told *told)
{
    add_count(&to->now, &told->now);
    add_count(&to->before, &told->before);
}

static double ratio(uint64_t part, double of)
{
    return of > 0 ? (double)part / of : 0;
}

static double span_s(const struct allocation_span *span)
{
    return (double)(span->end_ns - span->begin_ns) / (double)NS_PER_S;
}

static void write_counts(struct json_writer *writer, const struct allocation_span *span, const struct told *told)
{
    uint64_t allocations = told->now.allocations - told->before.allocations;
    uint64_t bytes = told->now.bytes - told->before.bytes;
    json_write_member_u64(writer, "allocations", told->now.allocations);
    json_write_member_u64(writer, "frees", told->now.frees);
    json_write_member_u64(writer, "bytes", told->now.bytes);
    json_write_member_f64(writer, "allocations_per_s", ratio(allocations, span_s(span)));
    json_write_member_f64(writer, "bytes_per_s", ratio(bytes, span_s(span)));
    json_write_member_f64(writer, "allocations_per_request",
                          ratio(allocations, (double)(span->end_requests - span->begin_requests)));
}

static void write_object(struct json_writer *writer, const char *name, const struct allocation_span *span,
                         const struct told *told)
{
    json_write_key(writer, slice_of_text(name));
    json_write_object_begin(writer);
    write_counts(writer, span, told);
    json_write_object_end(writer);
}

static struct told told_of(const struct allocation_span *span, int thread, int user)
{
    return (struct told){span->end.of[thread][user], span->begin.of[thread][user]};
}

/* Where there was anything. */
static void write_subsystems(struct json_writer *writer, const struct allocation_span *span, int first_thread,
                             int last_thread)
{
    json_write_key(writer, SLICE_LIT("subsystems"));
    json_write_object_begin(writer);
    for (int user = 0; user < MEMORY_USER_COUNT; user++) {
        struct told sum = {{0}, {0}};
        for (int thread = first_thread; thread <= last_thread; thread++) {
            struct told told = told_of(span, thread, user);
            add_told(&sum, &told);
        }
        if (sum.now.allocations || sum.now.frees)
            write_object(writer, memory_user_name((enum memory_user)user), span, &sum);
    }
    json_write_object_end(writer);
}

static struct told sum_of_thread(const struct allocation_span *span, int thread)
{
    struct told sum = {{0}, {0}};
    for (int user = 0; user < MEMORY_USER_COUNT; user++) {
        struct told told = told_of(span, thread, user);
        add_told(&sum, &told);
    }
    return sum;
}

static void write_threads(struct json_writer *writer, const struct allocation_span *span)
{
    json_write_key(writer, SLICE_LIT("threads"));
    json_write_object_begin(writer);
    for (int thread = 0; thread < ALLOCATION_THREADS; thread++) {
        struct told sum = sum_of_thread(span, thread);
        json_write_key(writer, slice_of_text(allocation_thread_name((enum allocation_thread)thread)));
        json_write_object_begin(writer);
        write_counts(writer, span, &sum);
        write_subsystems(writer, span, thread, thread);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

static void write_span(struct json_writer *writer, const struct allocation_span *span)
{
    struct told all = {{0}, {0}};
    for (int thread = 0; thread < ALLOCATION_THREADS; thread++) {
        struct told sum = sum_of_thread(span, thread);
        add_told(&all, &sum);
    }
    json_write_member_u64(writer, "requests", span->end_requests);
    json_write_member_f64(writer, "span_s", span_s(span));
    json_write_member_u64(writer, "span_requests", span->end_requests - span->begin_requests);
    write_object(writer, "all", span, &all);
    write_subsystems(writer, span, 0, ALLOCATION_THREADS - 1);
    write_threads(writer, span);
}

/* Counts as they are now. The span begins anew where the last one ended, once that was a second long or is a second ago. */
static void look(struct allocation_span *span, const struct debug_sources *sources, struct allocation_span *ret_span)
{
    uint64_t now_ns = clock_now_ns();
    mutex_lock(&span->lock);
    if (!span->end_ns)
        span->begin_ns = span->end_ns = sources->begin_ns;
    if (span->end_ns - span->begin_ns >= SPAN_NS_MIN || now_ns - span->end_ns >= SPAN_NS_MIN) {
        span->begin_ns = span->end_ns;
        span->begin_requests = span->end_requests;
        span->begin = span->end;
    }
    span->end_ns = now_ns;
    span->end_requests = count_requests(sources);
    allocations_read(&span->end);
    *ret_span = *span;
    mutex_unlock(&span->lock);
}

enum err debug_write_allocations(struct json_writer *writer, struct arena *arena, const struct debug_sources *sources)
{
    struct allocation_span *span = arena_alloc_zero(arena, sizeof *span);
    if (!span)
        return ERR_NOMEM;
    json_write_object_begin(writer);
    json_write_member_bool(writer, "counted", allocations_are_counted());
    if (allocations_are_counted()) {
        look(sources->allocations, sources, span);
        write_span(writer, span);
    }
    json_write_object_end(writer);
    return ERR_OK;
}
