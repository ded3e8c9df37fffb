/* SPDX-License-Identifier: Apache-2.0 */
/* Adding, subtracting, writing and reading (record_json.c) are walks over the same members, which stand here once, as rows. */
#include "load/record_int.h"

#include <stdlib.h>

static const struct load_member series_counters[] = {
    {"due", offsetof(struct load_series, due)},
    {"sent", offsetof(struct load_series, sent)},
    {"answered", offsetof(struct load_series, answered)},
    {"request_bytes", offsetof(struct load_series, request_bytes)},
    {"response_bytes", offsetof(struct load_series, response_bytes)},
};
static const struct load_member series_hdrs[] = {
    {"latency", offsetof(struct load_series, latency)},
    {"service", offsetof(struct load_series, service)},
};
static const struct load_member stream_counters[] = {
    {"tokens", offsetof(struct load_stream_series, tokens)},
    {"input_tokens", offsetof(struct load_stream_series, input_tokens)},
    {"events", offsetof(struct load_stream_series, events)},
    {"bunched", offsetof(struct load_stream_series, bunched)},
    {"good", offsetof(struct load_stream_series, good)},
};
static const struct load_member stream_hdrs[] = {
    {"first_token", offsetof(struct load_stream_series, first_token)},
    {"between_tokens", offsetof(struct load_stream_series, between_tokens)},
    {"per_token", offsetof(struct load_stream_series, per_token)},
    {"normalized", offsetof(struct load_stream_series, normalized)},
};
static const struct load_member record_counters[] = {
    {"iterations_due", offsetof(struct load_record, iterations_due)},
    {"iterations_begun", offsetof(struct load_record, iterations_begun)},
    {"iterations_ended", offsetof(struct load_record, iterations_ended)},
    {"unsent", offsetof(struct load_record, unsent)},
    {"connects", offsetof(struct load_record, connects)},
    {"resumed", offsetof(struct load_record, resumed)},
    {"disconnects", offsetof(struct load_record, disconnects)},
    {"cpu_ns", offsetof(struct load_record, cpu_ns)},
    {"turns", offsetof(struct load_record, turns)},
};
static const struct load_member record_hdrs[] = {
    {"lag", offsetof(struct load_record, lag)},
    {"wait", offsetof(struct load_record, wait)},
    {"connect", offsetof(struct load_record, connect)},
};
static const struct load_member record_gauges[] = {
    {"users", offsetof(struct load_record, users)},
    {"links", offsetof(struct load_record, links)},
    {"in_flight", offsetof(struct load_record, in_flight)},
    {"backlog", offsetof(struct load_record, backlog)},
};

const struct load_members load_series_counters = {series_counters, ARRAY_LEN(series_counters)};
const struct load_members load_series_hdrs = {series_hdrs, ARRAY_LEN(series_hdrs)};
const struct load_members load_stream_counters = {stream_counters, ARRAY_LEN(stream_counters)};
const struct load_members load_stream_hdrs = {stream_hdrs, ARRAY_LEN(stream_hdrs)};
const struct load_members load_record_counters = {record_counters, ARRAY_LEN(record_counters)};
const struct load_members load_record_hdrs = {record_hdrs, ARRAY_LEN(record_hdrs)};
const struct load_members load_record_gauges = {record_gauges, ARRAY_LEN(record_gauges)};

/* --- life --------------------------------------------------------------------------------------------------------- */

static enum err make_series(const struct load_plan *plan, struct load_record *record)
{
    record->series = calloc(MAX(plan->step_count, 1), sizeof record->series[0]);
    if (!record->series)
        return ERR_NOMEM;
    record->series_count = plan->step_count;
    for (uint32_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i].kind != LOAD_STEP_CHAT)
            continue;
        record->series[i].stream = calloc(1, sizeof *record->series[i].stream);
        if (!record->series[i].stream)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

enum err load_record_create(const struct load_plan *plan, struct load_record **ret_record)
{
    struct load_record *record = calloc(1, sizeof *record);
    if (!record)
        return ERR_NOMEM;
    if (make_series(plan, record) != ERR_OK) {
        load_record_destroy(record);
        return ERR_NOMEM;
    }
    *ret_record = record;
    return ERR_OK;
}

void load_record_destroy(struct load_record *record)
{
    if (!record)
        return;
    for (uint32_t i = 0; i < record->series_count; i++)
        free(record->series[i].stream);
    free(record->series);
    free(record);
}

enum err load_series_create(bool has_stream, struct load_series **ret_series)
{
    struct load_series *series = calloc(1, sizeof *series);
    if (series && has_stream)
        series->stream = calloc(1, sizeof *series->stream);
    if (!series || (has_stream && !series->stream)) {
        free(series);
        return ERR_NOMEM;
    }
    *ret_series = series;
    return ERR_OK;
}

void load_series_destroy(struct load_series *series)
{
    if (!series)
        return;
    free(series->stream);
    free(series);
}

/* --- arithmetic --------------------------------------------------------------------------------------------------- */

static void add_counters(const struct load_members *members, void *into, const void *from)
{
    for (size_t i = 0; i < members->count; i++)
        counter_add(load_member_at(into, members->rows[i].offset),
                    counter_read(load_member_of(from, members->rows[i].offset)));
}

static void add_hdrs(const struct load_members *members, void *into, const void *from)
{
    for (size_t i = 0; i < members->count; i++)
        hdr_merge(load_member_at(into, members->rows[i].offset), load_member_of(from, members->rows[i].offset));
}

static void add_array(struct counter *into, const struct counter *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (counter_read(&from[i]))
            counter_add(&into[i], counter_read(&from[i]));
}

void load_series_add(struct load_series *into, const struct load_series *from)
{
    add_counters(&load_series_counters, into, from);
    add_array(into->failed, from->failed, ARRAY_LEN(into->failed));
    add_array(into->statuses, from->statuses, ARRAY_LEN(into->statuses));
    add_hdrs(&load_series_hdrs, into, from);
    if (!from->stream)
        return;
    ASSERT(into->stream, "a stream's figures are added to a series without");
    add_counters(&load_stream_counters, into->stream, from->stream);
    add_hdrs(&load_stream_hdrs, into->stream, from->stream);
}

void load_record_add(struct load_record *into, const struct load_record *from)
{
    ASSERT(into->series_count == from->series_count, "records of different plans are added");
    for (uint32_t i = 0; i < into->series_count; i++)
        load_series_add(&into->series[i], &from->series[i]);
    add_counters(&load_record_counters, into, from);
    add_hdrs(&load_record_hdrs, into, from);
    for (size_t i = 0; i < load_record_gauges.count; i++)
        gauge_add(load_member_at(into, load_record_gauges.rows[i].offset),
                  gauge_read(load_member_of(from, load_record_gauges.rows[i].offset)));
}

static void subtract_counters(const struct load_members *members, void *into, const void *later, const void *earlier)
{
    for (size_t i = 0; i < members->count; i++) {
        size_t offset = members->rows[i].offset;
        struct counter *counter = load_member_at(into, offset);
        counter->value = 0;
        counter_add(counter,
                    counter_read(load_member_of(later, offset)) - counter_read(load_member_of(earlier, offset)));
    }
}

static void subtract_hdrs(const struct load_members *members, void *into, const void *later, const void *earlier)
{
    for (size_t i = 0; i < members->count; i++) {
        size_t offset = members->rows[i].offset;
        hdr_subtract(load_member_at(into, offset), load_member_of(later, offset), load_member_of(earlier, offset));
    }
}

static void subtract_array(struct counter *into, const struct counter *later, const struct counter *earlier,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        into[i].value = 0;
        counter_add(&into[i], counter_read(&later[i]) - counter_read(&earlier[i]));
    }
}

static void subtract_series(struct load_series *into, const struct load_series *later,
                            const struct load_series *earlier)
{
    subtract_counters(&load_series_counters, into, later, earlier);
    subtract_array(into->failed, later->failed, earlier->failed, ARRAY_LEN(into->failed));
    subtract_array(into->statuses, later->statuses, earlier->statuses, ARRAY_LEN(into->statuses));
    subtract_hdrs(&load_series_hdrs, into, later, earlier);
    if (!into->stream)
        return;
    subtract_counters(&load_stream_counters, into->stream, later->stream, earlier->stream);
    subtract_hdrs(&load_stream_hdrs, into->stream, later->stream, earlier->stream);
}

void load_record_subtract(struct load_record *into, const struct load_record *later, const struct load_record *earlier)
{
    ASSERT(into->series_count == later->series_count && later->series_count == earlier->series_count,
           "records of different plans are subtracted");
    for (uint32_t i = 0; i < into->series_count; i++)
        subtract_series(&into->series[i], &later->series[i], &earlier->series[i]);
    subtract_counters(&load_record_counters, into, later, earlier);
    subtract_hdrs(&load_record_hdrs, into, later, earlier);
    for (size_t i = 0; i < load_record_gauges.count; i++)
        gauge_set(load_member_at(into, load_record_gauges.rows[i].offset),
                  gauge_read(load_member_of(later, load_record_gauges.rows[i].offset)));
}

static void reset_counters(const struct load_members *members, void *base)
{
    for (size_t i = 0; i < members->count; i++)
        ((struct counter *)load_member_at(base, members->rows[i].offset))->value = 0;
}

static void reset_hdrs(const struct load_members *members, void *base)
{
    for (size_t i = 0; i < members->count; i++)
        hdr_reset(load_member_at(base, members->rows[i].offset));
}

void load_series_reset(struct load_series *series)
{
    reset_counters(&load_series_counters, series);
    for (size_t i = 0; i < ARRAY_LEN(series->failed); i++)
        series->failed[i].value = 0;
    for (size_t i = 0; i < ARRAY_LEN(series->statuses); i++)
        series->statuses[i].value = 0;
    reset_hdrs(&load_series_hdrs, series);
    if (!series->stream)
        return;
    reset_counters(&load_stream_counters, series->stream);
    reset_hdrs(&load_stream_hdrs, series->stream);
}

void load_record_reset(struct load_record *record)
{
    for (uint32_t i = 0; i < record->series_count; i++)
        load_series_reset(&record->series[i]);
    reset_counters(&load_record_counters, record);
    reset_hdrs(&load_record_hdrs, record);
    for (size_t i = 0; i < load_record_gauges.count; i++)
        gauge_set(load_member_at(record, load_record_gauges.rows[i].offset), 0);
}

uint64_t load_series_failed(const struct load_series *series)
{
    uint64_t failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(series->failed); i++)
        failed += counter_read(&series->failed[i]);
    return failed;
}

void load_record_total(const struct load_record *record, struct load_series *into)
{
    load_series_reset(into);
    for (uint32_t i = 0; i < record->series_count; i++)
        load_series_add(into, &record->series[i]);
}
