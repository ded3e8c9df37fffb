/* SPDX-License-Identifier: Apache-2.0 */
/* An interval as a line: for logs, and for programs that read along. */
#include "lib/json/writer.h"
#include "load/results/format.h"
#include "load/view/view_int.h"

static const struct load_interval *last_of(const struct load_results *results)
{
    return results->intervals[results->interval_count - 1];
}

void load_line_text(const struct load_results *results, struct text *out)
{
    const struct load_interval *interval = last_of(results);
    char end[FORMAT_BYTES], due[FORMAT_BYTES], done[FORMAT_BYTES], p50[FORMAT_BYTES], p99[FORMAT_BYTES];
    text_printf(out, "%s: %s/s due, %s/s answered, %llu failed, p50 %s, p99 %s, %lld in flight\n",
                format_ns(end, (double)interval->end_ns), format_count(due, interval_rate(interval, interval->all.due)),
                format_count(done, interval_rate(interval, interval->all.answered)),
                (unsigned long long)interval->all.failed, format_ns(p50, (double)interval->all.p50_ns),
                format_ns(p99, (double)interval->all.p99_ns), (long long)interval->in_flight);
}

void load_line_json(const struct load_results *results, struct text *out)
{
    const struct load_interval *interval = last_of(results);
    char memory[1024];
    struct slice line;
    struct json_writer writer = json_writer_in_memory(memory, sizeof memory);
    json_write_object_begin(&writer);
    json_write_member_u64(&writer, "begin_ns", interval->begin_ns);
    json_write_member_u64(&writer, "end_ns", interval->end_ns);
    json_write_member_u64(&writer, "stage", interval->stage);
    json_write_member_u64(&writer, "due", interval->all.due);
    json_write_member_u64(&writer, "answered", interval->all.answered);
    json_write_member_u64(&writer, "failed", interval->all.failed);
    json_write_member_u64(&writer, "p50_ns", interval->all.p50_ns);
    json_write_member_u64(&writer, "p99_ns", interval->all.p99_ns);
    json_write_member_u64(&writer, "max_ns", interval->all.max_ns);
    json_write_member_u64(&writer, "lag_p99_ns", interval->lag_p99_ns);
    json_write_member_u64(&writer, "tokens", interval->all.tokens);
    json_write_member_i64(&writer, "users", interval->users);
    json_write_member_i64(&writer, "links", interval->links);
    json_write_member_i64(&writer, "in_flight", interval->in_flight);
    json_write_member_i64(&writer, "backlog", interval->backlog);
    json_write_object_end(&writer);
    if (json_writer_finish(&writer, &line) != ERR_OK)
        return;
    text_add(out, line);
    text_add(out, SLICE_LIT("\n"));
}
