/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests are traced, and what is noted of them. */
#include "unit/pipeline/stand.h"

#include "pipeline/tracing.h"

#define HEAD "POST /x HTTP/1.1\r\nHost: a\r\n"

static struct stand stand;
static struct tracing *tracing;
static struct trace_record record;
static bool is_behind;
static uint32_t committed;

static struct trace_record *reserve(void *owner, uint32_t worker_index)
{
    (void)owner;
    (void)worker_index;
    return is_behind ? NULL : &record;
}

static void commit(void *owner, uint32_t worker_index, struct trace_record *given)
{
    (void)owner;
    (void)worker_index;
    assert_ptr_equal(given, &record);
    committed++;
}

static int setup(void **state)
{
    (void)state;
    stand_init(&stand);
    assert_int_equal(tracing_create(&tracing), ERR_OK);
    stand.ports.tracing = tracing;
    stand.ports.trace_reserve = reserve;
    stand.ports.trace_commit = commit;
    is_behind = false;
    committed = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stand_deinit(&stand);
    tracing_destroy(tracing);
    return 0;
}

static struct request *begin(void)
{
    struct request *request = stand_begin(&stand, HEAD, (struct slice){NULL, 0});
    request->model_entry = &stand.model_entry;
    trace_begin(request);
    return request;
}

static uint32_t count_traced(uint32_t requests)
{
    uint32_t traced = 0;
    for (uint32_t i = 0; i < requests; i++)
        traced += begin()->trace_id != 0;
    return traced;
}

static void change(const char *model, struct trace_settings settings, uint32_t set, uint32_t cleared)
{
    assert_int_equal(tracing_change(tracing, slice_of_text(model), &settings, set, cleared), ERR_OK);
}

static void traces_one_of_so_many_until_there_were_enough(void **state)
{
    (void)state;
    assert_int_equal(count_traced(5), 0);
    change("", (struct trace_settings){.is_on = true, .rate = 3}, TRACE_LEVEL | TRACE_RATE, 0);
    assert_int_equal(count_traced(9), 3);
    change("", (struct trace_settings){.count = 2}, TRACE_COUNT, 0);
    assert_int_equal(count_traced(30), 2);
    assert_int_equal(tracing_settings(tracing, SLICE_LIT("net")).count, 0);
    change("", (struct trace_settings){0}, 0, TRACE_COUNT);
    assert_int_equal(count_traced(9), 3);
    change("", (struct trace_settings){0}, TRACE_LEVEL, 0);
    assert_int_equal(count_traced(9), 0);
}

static void a_model_has_settings_of_its_own(void **state)
{
    (void)state;
    change("net", (struct trace_settings){.is_on = true}, TRACE_LEVEL, 0);
    change("", (struct trace_settings){.rate = 2}, TRACE_RATE, 0);
    assert_int_equal(count_traced(4), 2);
    assert_false(tracing_settings(tracing, SLICE_LIT("other")).is_on);
    change("net", (struct trace_settings){.rate = 1}, TRACE_RATE, TRACE_LEVEL);
    assert_int_equal(count_traced(4), 0);
    change("", (struct trace_settings){.is_on = true}, TRACE_LEVEL, 0);
    assert_int_equal(count_traced(4), 4);
    change("net", (struct trace_settings){0}, 0, TRACE_RATE);
    assert_int_equal(tracing_settings(tracing, SLICE_LIT("net")).rate, 2);
}

static void so_many_models_have_settings_and_no_more(void **state)
{
    (void)state;
    const struct trace_settings on = {.is_on = true};
    char name[20];
    for (int i = 0; i < TRACE_MODELS_MAX; i++) {
        snprintf(name, sizeof name, "m%d", i);
        change(name, on, TRACE_LEVEL, 0);
    }
    assert_int_equal(tracing_change(tracing, SLICE_LIT("one more"), &on, TRACE_LEVEL, 0), ERR_LIMIT);
    change("m7", on, TRACE_LEVEL, 0);
}

static void notes_when_what_happened(void **state)
{
    (void)state;
    change("", (struct trace_settings){.is_on = true, .rate = 1, .log_frequency = 9},
           TRACE_LEVEL | TRACE_RATE | TRACE_FREQUENCY, 0);
    struct request *request = begin();
    request->begin_ns = 10;
    request->trace_received_ns = 20;
    request->inference.id = SLICE_LIT("q");
    request->has_outputs = true;
    request->has_job = true;
    request->job.submit_ns = 30;
    request->job.times = (struct job_times){.queue_ns = 1, .gather_ns = 2, .run_ns = 3, .scatter_ns = 4};
    request->stage_begin_ns = 50;
    request->end_ns = 60;
    trace_end(request);
    const uint64_t expected[TRACE_POINT_COUNT] = {10, 20, 20, 30, 31, 33, 36, 40, 50, 50, 60};
    assert_memory_equal(record.at_ns, expected, sizeof expected);
    assert_int_equal(committed, 1);
    assert_int_equal(record.id, request->trace_id);
    assert_int_equal(record.log_frequency, 9);
    expect_slice(slice_of(record.model, record.model_bytes), "net");
    expect_slice(slice_of(record.version, record.version_bytes), "3");
    expect_slice(slice_of(record.request_id, record.id_bytes), "q");
}

static void what_was_not_run_has_no_times_of_a_run(void **state)
{
    (void)state;
    change("", (struct trace_settings){.is_on = true, .rate = 1}, TRACE_LEVEL | TRACE_RATE, 0);
    struct request *request = begin();
    trace_end(request);
    assert_int_equal(record.at_ns[TRACE_QUEUE_START], 0);
    assert_int_equal(record.at_ns[TRACE_COMPUTE_END], 0);
}

static void a_writer_that_is_behind_loses_traces_and_counts_them(void **state)
{
    (void)state;
    change("", (struct trace_settings){.is_on = true, .rate = 1}, TRACE_LEVEL | TRACE_RATE, 0);
    struct request *request = begin();
    is_behind = true;
    trace_end(request);
    assert_int_equal(committed, 0);
    assert_int_equal(counter_read(&request->worker->meter.traces_dropped), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(traces_one_of_so_many_until_there_were_enough), TEST(a_model_has_settings_of_its_own),
        TEST(so_many_models_have_settings_and_no_more),      TEST(notes_when_what_happened),
        TEST(what_was_not_run_has_no_times_of_a_run),        TEST(a_writer_that_is_behind_loses_traces_and_counts_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
