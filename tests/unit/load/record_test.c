/* SPDX-License-Identifier: Apache-2.0 */
#include "load/record.h"

#include "lib/json/writer.h"
#include "unit/support/arena.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct load_step steps[] = {
    {.name = {"login", 5}, .index = 0},
    {.name = {"chat \"1\"", 8}, .index = 1, .kind = LOAD_STEP_CHAT},
};
static const struct load_plan plan = {.steps = steps, .step_count = 2};

static struct load_record *record;
static struct load_record *other;
static struct load_record *third;

static int make_records(void **state)
{
    (void)state;
    assert_int_equal(load_record_create(&plan, &record), ERR_OK);
    assert_int_equal(load_record_create(&plan, &other), ERR_OK);
    assert_int_equal(load_record_create(&plan, &third), ERR_OK);
    return make_arena_of(SIZE_MAX);
}

static int drop_records(void **state)
{
    load_record_destroy(record);
    load_record_destroy(other);
    load_record_destroy(third);
    return drop_arena(state);
}

/* Some of everything. */
static void fill(struct load_record *into, uint64_t seed)
{
    for (uint32_t i = 0; i < 2; i++) {
        struct load_series *series = &into->series[i];
        counter_add(&series->due, 10 * seed);
        counter_add(&series->sent, 9 * seed);
        counter_add(&series->answered, 7 * seed + i);
        counter_add(&series->failed[LOAD_FAILURE_TIMEOUT], seed);
        counter_add(&series->failed[LOAD_FAILURE_LOCAL], i);
        counter_add(&series->statuses[200], 7 * seed);
        counter_add(&series->statuses[503], i);
        counter_add(&series->response_bytes, 100 * seed);
        for (uint64_t k = 0; k < 50; k++) {
            hdr_record(&series->latency, seed * 1000003 * (k + 1));
            hdr_record(&series->service, seed * 500009 * (k + 1));
        }
    }
    struct load_stream_series *stream = into->series[1].stream;
    counter_add(&stream->tokens, 12 * seed);
    counter_add(&stream->good, seed);
    counter_add(&stream->bunched, 2 * seed);
    hdr_record(&stream->first_token, 40000000 * seed);
    hdr_record(&stream->normalized, 9000000 * seed);
    hdr_record(&into->lag, 1200 * seed);
    hdr_record(&into->connect, 90000 * seed);
    counter_add(&into->iterations_due, 10 * seed);
    counter_add(&into->cpu_ns, 123456 * seed);
    gauge_add(&into->users, (int64_t)seed);
    gauge_add(&into->backlog, -(int64_t)seed);
}

/* All that a record holds, as text. */
static struct slice text_of(const struct load_record *of)
{
    struct json_writer writer = json_writer_in_arena(&arena, 0);
    struct slice text;
    load_record_write(of, &plan, &writer, &arena);
    assert_int_equal(json_writer_finish(&writer, &text), ERR_OK);
    return text;
}

static void assert_same(const struct load_record *a, const struct load_record *b)
{
    struct slice left = text_of(a);
    struct slice right = text_of(b);
    assert_int_equal(left.len, right.len);
    assert_memory_equal(left.ptr, right.ptr, left.len);
}

static enum err read_add(struct slice text, struct load_record *into)
{
    struct json_document document;
    struct json_fault fault;
    struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = 16};
    assert_int_equal(json_parse(&arena, text, &limits, &document, &fault), ERR_OK);
    return load_record_read_add(document.root, &plan, into);
}

static void a_sum_is_as_if_one_had_recorded_it_all(void **state)
{
    (void)state;
    fill(record, 3);
    fill(record, 5);
    fill(other, 3);
    fill(third, 5);
    load_record_add(other, third);
    assert_same(record, other);
}

static void a_difference_and_what_was_before_add_up_to_what_is_after(void **state)
{
    (void)state;
    fill(record, 3);
    load_record_add(other, record);
    fill(record, 5);
    fill(third, 9); /* into is overwritten */
    load_record_subtract(third, record, other);
    assert_int_equal(counter_read(&third->series[1].answered), 7 * 5 + 1);
    assert_int_equal(counter_read(&third->series[1].failed[LOAD_FAILURE_LOCAL]), 1);
    assert_int_equal(hdr_count(&third->series[0].latency), 50);
    assert_int_equal(counter_read(&third->series[1].stream->tokens), 60);
    assert_int_equal(gauge_read(&third->users), 8); /* a gauge is as it is now */
    gauge_set(&third->users, gauge_read(&record->users) - gauge_read(&other->users));
    gauge_set(&third->backlog, gauge_read(&record->backlog) - gauge_read(&other->backlog));
    load_record_add(other, third);
    assert_same(record, other);
}

static void what_is_written_reads_back_exactly(void **state)
{
    (void)state;
    fill(record, 7);
    assert_int_equal(read_add(text_of(record), other), ERR_OK);
    assert_same(record, other);
    load_record_add(third, record);
    load_record_add(third, record);
    assert_int_equal(read_add(text_of(record), other), ERR_OK);
    assert_same(third, other);
}

static void a_total_is_all_series_as_one(void **state)
{
    (void)state;
    struct load_series *total;
    assert_int_equal(load_series_create(true, &total), ERR_OK);
    fill(record, 2);
    counter_add(&total->due, 99);
    load_record_total(record, total);
    assert_int_equal(counter_read(&total->due), 40);
    assert_int_equal(hdr_count(&total->latency), 100);
    assert_int_equal(load_series_failed(total), 5);
    assert_int_equal(counter_read(&total->stream->tokens), 24);
    load_series_destroy(total);
}

static void a_reset_record_is_empty(void **state)
{
    (void)state;
    fill(record, 4);
    load_record_reset(record);
    assert_same(record, other);
}

static void refuses_what_is_no_record_of_the_plan_and_adds_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "null",
        "{}",
        "{\"series\":[]}",
        "{\"series\":[{\"step\":\"login\"},{\"step\":\"chat\",\"stream\":{}}]}",
        "{\"series\":[{\"step\":\"login\"},{\"step\":\"chat \\\"1\\\"\"}]}",
        "{\"series\":[{\"step\":\"login\",\"due\":5},{\"step\":\"chat \\\"1\\\"\",\"stream\":{\"tokens\":-1}}]}",
        "{\"series\":[{\"step\":\"login\",\"failed\":{\"bad luck\":5}},{\"step\":\"chat \\\"1\\\"\",\"stream\":{}}]}",
        "{\"series\":[{\"step\":\"login\",\"statuses\":{\"600\":5}},{\"step\":\"chat \\\"1\\\"\",\"stream\":{}}]}",
        "{\"series\":[{\"step\":\"login\",\"latency\":{\"count\":1}},{\"step\":\"chat \\\"1\\\"\",\"stream\":{}}]}",
        "{\"series\":[{\"step\":\"login\",\"due\":5},{\"step\":\"chat \\\"1\\\"\",\"stream\":{}}],\"users\":1e300}",
        "{\"series\":[{\"step\":\"login\",\"due\":5},{\"step\":\"chat \\\"1\\\"\",\"stream\":{}}],"
        "\"users\":9223372036854775807}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(read_add(slice_of_text(cases[i]), record), ERR_SYNTAX);
    assert_same(record, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sum_is_as_if_one_had_recorded_it_all, make_records, drop_records),
        cmocka_unit_test_setup_teardown(a_difference_and_what_was_before_add_up_to_what_is_after, make_records,
                                        drop_records),
        cmocka_unit_test_setup_teardown(what_is_written_reads_back_exactly, make_records, drop_records),
        cmocka_unit_test_setup_teardown(a_total_is_all_series_as_one, make_records, drop_records),
        cmocka_unit_test_setup_teardown(a_reset_record_is_empty, make_records, drop_records),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_record_of_the_plan_and_adds_nothing, make_records,
                                        drop_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
