/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON: exact, so that a controller or a report has what the generator had. What is zero or empty is short or left out. */
#include "lib/json/writer.h"
#include "load/record_int.h"

/* A gauge of an agent cannot be larger in truth, and sums of these do not overflow. */
#define GAUGE_MAX (INT64_C(1) << 53)

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void write_counters(const struct load_members *members, const void *base, struct json_writer *writer)
{
    for (size_t i = 0; i < members->count; i++)
        json_write_member_u64(writer, members->rows[i].name,
                              counter_read(load_member_of(base, members->rows[i].offset)));
}

void load_hdr_write(const struct hdr *hdr, struct json_writer *writer, struct arena *arena)
{
    struct slice text;
    if (hdr_count(hdr) == 0) {
        json_write_null(writer);
        return;
    }
    json_write_object_begin(writer);
    json_write_member_u64(writer, "count", hdr_count(hdr));
    json_write_member_u64(writer, "sum_ns", hdr_sum_ns(hdr));
    json_write_member_u64(writer, "min_ns", hdr_min_ns(hdr));
    json_write_member_u64(writer, "max_ns", hdr_max_ns(hdr));
    if (hdr_encode(hdr, arena, &text) == ERR_OK)
        json_write_member_string(writer, "hdr", text);
    else
        writer->buffer.err = ERR_NOMEM; /* what json_writer_finish will say */
    json_write_object_end(writer);
}

static void write_hdrs(const struct load_members *members, const void *base, struct json_writer *writer,
                       struct arena *arena)
{
    for (size_t i = 0; i < members->count; i++) {
        json_write_key(writer, slice_of_text(members->rows[i].name));
        load_hdr_write(load_member_of(base, members->rows[i].offset), writer, arena);
    }
}

static void write_failed(const struct load_series *series, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("failed"));
    json_write_object_begin(writer);
    for (int i = LOAD_FAILURE_NONE + 1; i < LOAD_FAILURE_COUNT; i++)
        if (counter_read(&series->failed[i]))
            json_write_member_u64(writer, load_failure_name((enum load_failure)i), counter_read(&series->failed[i]));
    json_write_object_end(writer);
}

static void write_statuses(const struct load_series *series, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("statuses"));
    json_write_object_begin(writer);
    for (uint32_t i = 0; i < LOAD_STATUSES; i++) {
        char digits[20];
        if (counter_read(&series->statuses[i]) == 0)
            continue;
        json_write_key(writer, slice_of(digits, text_format_u64(digits, i)));
        json_write_u64(writer, counter_read(&series->statuses[i]));
    }
    json_write_object_end(writer);
}

static void write_stream(const struct load_stream_series *stream, struct json_writer *writer, struct arena *arena)
{
    json_write_key(writer, SLICE_LIT("stream"));
    json_write_object_begin(writer);
    write_counters(&load_stream_counters, stream, writer);
    write_hdrs(&load_stream_hdrs, stream, writer, arena);
    json_write_object_end(writer);
}

void load_series_write(const struct load_series *series, struct slice name, struct json_writer *writer,
                       struct arena *arena)
{
    json_write_object_begin(writer);
    json_write_member_string(writer, "step", name);
    write_counters(&load_series_counters, series, writer);
    write_failed(series, writer);
    write_statuses(series, writer);
    write_hdrs(&load_series_hdrs, series, writer, arena);
    if (series->stream)
        write_stream(series->stream, writer, arena);
    json_write_object_end(writer);
}

void load_record_write(const struct load_record *record, const struct load_plan *plan, struct json_writer *writer,
                       struct arena *arena)
{
    json_write_object_begin(writer);
    json_write_key(writer, SLICE_LIT("series"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < record->series_count; i++)
        load_series_write(&record->series[i], plan->steps[i].name, writer, arena);
    json_write_array_end(writer);
    write_counters(&load_record_counters, record, writer);
    write_hdrs(&load_record_hdrs, record, writer, arena);
    for (size_t i = 0; i < load_record_gauges.count; i++) {
        json_write_key(writer, slice_of_text(load_record_gauges.rows[i].name));
        json_write_i64(writer, gauge_read(load_member_of(record, load_record_gauges.rows[i].offset)));
    }
    json_write_object_end(writer);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* What is not there is 0: a program of an earlier day did not count it. */
static enum err read_count(yyjson_val *value, struct counter *counter)
{
    if (value && !yyjson_is_uint(value))
        return ERR_SYNTAX;
    counter_add(counter, value ? yyjson_get_uint(value) : 0);
    return ERR_OK;
}

static enum err read_counters(const struct load_members *members, yyjson_val *object, void *base)
{
    for (size_t i = 0; i < members->count; i++)
        TRY(read_count(json_get(object, slice_of_text(members->rows[i].name)),
                       load_member_at(base, members->rows[i].offset)));
    return ERR_OK;
}

enum err load_hdr_read(yyjson_val *value, struct hdr *hdr)
{
    if (!value || yyjson_is_null(value))
        return ERR_OK;
    yyjson_val *count = json_get(value, SLICE_LIT("count"));
    yyjson_val *sum = json_get(value, SLICE_LIT("sum_ns"));
    yyjson_val *min = json_get(value, SLICE_LIT("min_ns"));
    yyjson_val *max = json_get(value, SLICE_LIT("max_ns"));
    if (!yyjson_is_uint(count) || !yyjson_is_uint(sum) || !yyjson_is_uint(min) || !yyjson_is_uint(max))
        return ERR_SYNTAX;
    enum err err = hdr_decode_add(json_text(json_get(value, SLICE_LIT("hdr"))), hdr);
    if (err != ERR_OK)
        return err == ERR_NOMEM ? ERR_NOMEM : ERR_SYNTAX;
    if (hdr_count(hdr) != yyjson_get_uint(count))
        return ERR_SYNTAX;
    err = hdr_set_exact(hdr, yyjson_get_uint(sum), yyjson_get_uint(min), yyjson_get_uint(max));
    return err == ERR_OK ? ERR_OK : ERR_SYNTAX;
}

static enum err read_hdrs(const struct load_members *members, yyjson_val *object, void *base)
{
    for (size_t i = 0; i < members->count; i++)
        TRY(load_hdr_read(json_get(object, slice_of_text(members->rows[i].name)),
                          load_member_at(base, members->rows[i].offset)));
    return ERR_OK;
}

static enum err read_failed(yyjson_val *object, struct load_series *series)
{
    size_t known = 0;
    for (int i = LOAD_FAILURE_NONE + 1; i < LOAD_FAILURE_COUNT; i++) {
        yyjson_val *value = json_get(object, slice_of_text(load_failure_name((enum load_failure)i)));
        known += value != NULL;
        TRY(read_count(value, &series->failed[i]));
    }
    return known == yyjson_obj_size(object) ? ERR_OK : ERR_SYNTAX;
}

static enum err read_statuses(yyjson_val *object, struct load_series *series)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        uint64_t status;
        if (text_parse_u64(json_text(key), &status) != ERR_OK || status >= LOAD_STATUSES)
            return ERR_SYNTAX;
        TRY(read_count(yyjson_obj_iter_get_val(key), &series->statuses[status]));
    }
    return ERR_OK;
}

enum err load_series_read(yyjson_val *value, struct load_series *series)
{
    TRY(read_counters(&load_series_counters, value, series));
    TRY(read_failed(json_get(value, SLICE_LIT("failed")), series));
    TRY(read_statuses(json_get(value, SLICE_LIT("statuses")), series));
    TRY(read_hdrs(&load_series_hdrs, value, series));
    yyjson_val *stream = json_get(value, SLICE_LIT("stream"));
    if (!stream || !series->stream)
        return stream || series->stream ? ERR_SYNTAX : ERR_OK;
    TRY(read_counters(&load_stream_counters, stream, series->stream));
    return read_hdrs(&load_stream_hdrs, stream, series->stream);
}

static enum err read_gauges(yyjson_val *object, struct load_record *record)
{
    for (size_t i = 0; i < load_record_gauges.count; i++) {
        yyjson_val *value = json_get(object, slice_of_text(load_record_gauges.rows[i].name));
        if (!value)
            continue;
        bool fits = yyjson_is_uint(value)   ? yyjson_get_uint(value) <= GAUGE_MAX
                    : yyjson_is_sint(value) ? yyjson_get_sint(value) >= -GAUGE_MAX
                                            : false;
        if (!fits)
            return ERR_SYNTAX;
        gauge_set(load_member_at(record, load_record_gauges.rows[i].offset), yyjson_get_sint(value));
    }
    return ERR_OK;
}

static enum err read_record(yyjson_val *value, const struct load_plan *plan, struct load_record *record)
{
    yyjson_val *all = json_get(value, SLICE_LIT("series"));
    if (!yyjson_is_arr(all) || yyjson_arr_size(all) != plan->step_count)
        return ERR_SYNTAX;
    yyjson_arr_iter iter = yyjson_arr_iter_with(all);
    for (uint32_t i = 0; i < plan->step_count; i++) {
        yyjson_val *series = yyjson_arr_iter_next(&iter);
        if (!slice_equal(json_text(json_get(series, SLICE_LIT("step"))), plan->steps[i].name))
            return ERR_SYNTAX;
        TRY(load_series_read(series, &record->series[i]));
    }
    TRY(read_counters(&load_record_counters, value, record));
    TRY(read_hdrs(&load_record_hdrs, value, record));
    return read_gauges(value, record);
}

enum err load_record_read_add(yyjson_val *value, const struct load_plan *plan, struct load_record *into)
{
    struct load_record *read;
    TRY(load_record_create(plan, &read));
    enum err err = read_record(value, plan, read);
    if (err == ERR_OK)
        load_record_add(into, read);
    load_record_destroy(read);
    return err;
}
