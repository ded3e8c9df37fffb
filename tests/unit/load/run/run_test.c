/* SPDX-License-Identifier: Apache-2.0 */
/* Whole tests of load against a server in this process: what is counted, and what is measured. */
#include "load/run.h"

#include "unit/lib/malloc_count.h"
#include "unit/load/run/server.h"

#include "load/session.h"

#include <math.h>

static struct load_plan plan;
static struct load_target target;
static struct load_scenario scenario;
static struct load_step step;
static struct load_stage stage;
static struct load_piece path[2];
static struct load_record *record;

static int setup(void **state)
{
    (void)state;
    path[0] = (struct load_piece){.kind = LOAD_PIECE_TEXT, .text = SLICE_LIT("/")};
    step = (struct load_step){.name = SLICE_LIT("get"),
                              .method = SLICE_LIT("GET"),
                              .path = {path, 1},
                              .is_literal = true,
                              .timeout_ns = 30 * NS_PER_S,
                              .beside = UINT32_MAX};
    scenario = (struct load_scenario){.name = SLICE_LIT("all"), .weight = 1, .steps = &step, .step_count = 1};
    stage = (struct load_stage){.duration_ns = NS_PER_S, .from = 1, .to = 1};
    target = (struct load_target){.authority = SLICE_LIT("localhost"), .address_count = 1};
    plan = (struct load_plan){.targets = &target,
                              .target_count = 1,
                              .scenarios = &scenario,
                              .scenario_count = 1,
                              .steps = &step,
                              .step_count = 1,
                              .stages = &stage,
                              .stage_count = 1,
                              .drain_ns = 5 * NS_PER_S,
                              .connections_max = 16,
                              .pipelining = 1,
                              .is_kept_alive = true,
                              .thread_count = 1,
                              .first_cpu = -1,
                              .seed = 5};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    load_record_destroy(record);
    record = NULL;
    server_stop();
    return 0;
}

static void open_loop(enum load_arrival arrival, double rate, uint64_t duration_ns)
{
    plan.arrival = arrival;
    stage = (struct load_stage){.duration_ns = duration_ns, .from = rate, .to = rate};
}

static void closed_loop(double users, uint64_t duration_ns)
{
    open_loop(LOAD_CLOSED, users, duration_ns);
    plan.connections_max = 0;
}

static struct load_run *begin(uint32_t part, uint32_t parts, uint64_t begin_ns)
{
    struct load_run_options options = {.plan = &plan, .part = part, .parts = parts};
    struct load_run *run = NULL;
    const char *why = "";
    enum err err = load_run_create(&options, 10 * NS_PER_S, &run, &why);
    if (err != ERR_OK)
        print_message("%s\n", why);
    assert_int_equal(err, ERR_OK);
    load_run_begin(run, begin_ns);
    return run;
}

static void end(struct load_run *run)
{
    while (!load_run_is_over(run))
        clock_sleep_ns(NS_PER_MS);
    load_run_collect(run, record);
    load_run_destroy(run);
}

static void start_server(void)
{
    server_start();
    target.addresses[0] = server.address;
    assert_int_equal(load_record_create(&plan, &record), ERR_OK);
}

static void run(void)
{
    start_server();
    end(begin(0, 1, clock_now_ns() + 10 * NS_PER_MS));
    server_join();
}

static const struct load_series *series(void)
{
    return &record->series[0];
}

static void expect_counts(uint64_t due, uint64_t answered)
{
    for (enum load_failure i = 0; i < LOAD_FAILURE_COUNT && answered == due; i++)
        if (counter_read(&series()->failed[i]))
            print_message("%u failed: %s\n", (unsigned)counter_read(&series()->failed[i]), load_failure_name(i));
    assert_int_equal(counter_read(&series()->due), due);
    assert_int_equal(counter_read(&series()->answered), answered);
    assert_int_equal(hdr_count(&series()->latency) >= answered, 1);
    uint64_t failed = load_series_failed(series());
    assert_int_equal(due, answered + failed + counter_read(&record->unsent));
}

/* --- what is counted ---------------------------------------------------------------------------------------------- */

static void an_open_loop_sends_what_is_due(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 2000, NS_PER_S);
    run();
    expect_counts(2000, 2000);
    assert_int_equal(counter_read(&series()->sent), 2000);
    assert_int_equal(counter_read(&series()->statuses[200]), 2000);
    assert_int_equal(counter_read(&series()->response_bytes), 4000);
    assert_int_equal(counter_read(&record->iterations_ended), 2000);
    assert_int_equal(hdr_count(&record->lag) + hdr_count(&record->wait), 2000);
    assert_int_equal(counter_read(&record->connects), 16);
    assert_int_equal(gauge_read(&record->in_flight), 0);
}

static void users_of_a_closed_loop_share_what_iterations_there_are(void **state)
{
    (void)state;
    closed_loop(8, 30 * NS_PER_S);
    plan.iterations_max = 5000;
    plan.thread_count = 3;
    run();
    expect_counts(5000, 5000);
    assert_int_equal(counter_read(&record->connects), 8);
}

static void warming_up_does_not_count(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 1000, 200 * NS_PER_MS);
    plan.warm_ns = 300 * NS_PER_MS;
    run();
    expect_counts(200, 200);
    assert_int_equal(server.record_count, 500);
}

static void requests_are_pipelined(void **state)
{
    (void)state;
    closed_loop(32, 30 * NS_PER_S);
    plan.connections_max = 2;
    plan.pipelining = 16;
    plan.iterations_max = 20000;
    run();
    expect_counts(20000, 20000);
    assert_int_equal(counter_read(&record->connects), 2);
}

static void each_request_may_have_a_link_of_its_own(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 300, NS_PER_S);
    plan.is_kept_alive = false;
    server.requests_per_link = 1;
    run();
    expect_counts(300, 300);
    assert_int_equal(counter_read(&record->connects), 300);
    assert_int_equal(server.accepted, 300);
}

static void a_server_that_closes_links_now_and_then_costs_no_request(void **state)
{
    (void)state;
    closed_loop(16, 30 * NS_PER_S);
    plan.connections_max = 4;
    plan.pipelining = 4;
    plan.iterations_max = 3000;
    server.requests_per_link = 7;
    run();
    expect_counts(3000, 3000);
    assert_true(counter_read(&record->disconnects) >= 3000 / 7 - 4);
}

/* Two parts at the same time ask for each number once, and what is recorded adds up. */
static void parts_together_are_one_test(void **state)
{
    (void)state;
    open_loop(LOAD_POISSON, 2000, NS_PER_S);
    path[1] = (struct load_piece){.kind = LOAD_PIECE_ITERATION};
    step.path.count = 2;
    step.is_literal = false;
    plan.thread_count = 2;
    start_server();
    uint64_t begin_ns = clock_now_ns() + 200 * NS_PER_MS;
    struct load_run *first = begin(0, 2, begin_ns);
    end(begin(1, 2, begin_ns));
    end(first);
    server_join();
    uint64_t count = counter_read(&series()->due);
    assert_true(fabs((double)count - 2000) < 5 * sqrt(2000));
    expect_counts(count, count);
    for (uint64_t i = 0; i < SERVER_ASKED_MAX; i++)
        assert_int_equal(server.asked[i], i < count);
}

static void what_finds_no_link_until_the_end_is_told(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 100, NS_PER_S);
    plan.connections_max = 1;
    plan.drain_ns = 100 * NS_PER_MS;
    server.delay_least_ns = server.delay_most_ns = 100 * NS_PER_MS;
    run();
    assert_int_equal(counter_read(&series()->due), 100);
    assert_in_range(counter_read(&series()->answered), 8, 11);
    assert_in_range(counter_read(&record->unsent), 85, 92);
    expect_counts(100, counter_read(&series()->answered));
    assert_true(hdr_count(&record->wait) > hdr_count(&record->lag));
}

static void no_answer_in_time_is_a_timeout(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 50, NS_PER_S);
    step.timeout_ns = 100 * NS_PER_MS;
    server.is_silent = true;
    run();
    expect_counts(50, 0);
    assert_int_equal(counter_read(&series()->failed[LOAD_FAILURE_TIMEOUT]), 50);
    assert_true(hdr_quantile(&series()->latency, 0) >= 100 * NS_PER_MS);
    assert_true(counter_read(&record->connects) > 16);
}

static void a_server_that_goes_away_is_a_failure_of_each_request(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 500, NS_PER_S);
    start_server();
    struct load_run *all = begin(0, 1, clock_now_ns() + 10 * NS_PER_MS);
    clock_sleep_ns(500 * NS_PER_MS);
    server.is_refusing = true;
    end(all);
    uint64_t answered = counter_read(&series()->answered);
    assert_in_range(answered, 100, 400);
    expect_counts(500, answered);
    assert_int_equal(counter_read(&record->unsent), 0);
    assert_true(counter_read(&series()->failed[LOAD_FAILURE_CONNECT]) > 50);
}

static void a_test_may_be_stopped(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 1000, 3600 * NS_PER_S);
    start_server();
    struct load_run *all = begin(0, 1, clock_now_ns());
    clock_sleep_ns(200 * NS_PER_MS);
    load_run_stop(all);
    end(all);
    uint64_t due = counter_read(&series()->due);
    assert_in_range(due, 20, 1000);
    expect_counts(due, due);
}

/* At about the moment at which their time is over: a failure ends a request once, and its user goes on once. */
static void links_that_close_as_requests_time_out_are_one_failure_each(void **state)
{
    (void)state;
    closed_loop(64, NS_PER_S);
    step.timeout_ns = 5 * NS_PER_MS;
    server.delay_least_ns = 3 * NS_PER_MS;
    server.delay_most_ns = 6 * NS_PER_MS;
    server.is_hanging_up = true;
    run();
    uint64_t failed = load_series_failed(series());
    assert_true(failed > 1000);
    assert_int_equal(counter_read(&series()->due), failed + counter_read(&record->unsent));
    assert_int_equal(counter_read(&record->iterations_begun), counter_read(&series()->due));
    assert_int_equal(gauge_read(&record->in_flight), 0);
}

/* The first to time out takes the link along, and with it requests whose time is over in the same moment. */
static void pipelined_requests_time_out_together(void **state)
{
    (void)state;
    closed_loop(32, 500 * NS_PER_MS);
    plan.connections_max = 4;
    plan.pipelining = 8;
    step.timeout_ns = 20 * NS_PER_MS;
    server.is_silent = true;
    run();
    assert_true(counter_read(&series()->failed[LOAD_FAILURE_TIMEOUT]) > 4);
    assert_int_equal(counter_read(&series()->due), load_series_failed(series()) + counter_read(&record->unsent));
    assert_int_equal(gauge_read(&record->in_flight), 0);
}

static void nobody_listening_is_said_at_once(void **state)
{
    (void)state;
    struct load_run_options options = {.plan = &plan, .parts = 1};
    struct load_run *none = NULL;
    const char *why = NULL;
    start_server();
    address_set_port(&target.addresses[0], 1);
    assert_int_equal(load_run_create(&options, 5 * NS_PER_S, &none, &why), ERR_CLOSED);
    assert_non_null(strstr(why, "no connection to localhost"));
    assert_null(none);
}

/* As of "localhost" with a server that listens on IPv4 alone. */
static void an_address_where_nobody_listens_is_passed_over(void **state)
{
    (void)state;
    closed_loop(16, 30 * NS_PER_S);
    plan.iterations_max = 1000;
    start_server();
    target.addresses[1] = target.addresses[2] = server.address;
    target.address_count = 3;
    address_set_port(&target.addresses[0], 1);
    address_set_port(&target.addresses[2], 1);
    end(begin(0, 1, clock_now_ns()));
    expect_counts(1000, 1000);
    assert_int_equal(counter_read(&record->connects), 16);
}

/* A value of one answer is in the path of the next request. */
static void steps_follow_each_other(void **state)
{
    (void)state;
    static struct load_step steps[2];
    static struct load_piece second[2];
    struct load_extract extract = {.where = LOAD_OF_HEADER, .key = SLICE_LIT("x-number")};
    struct slice name = SLICE_LIT("number"), first = SLICE_LIT("0");
    second[0] = path[0];
    second[1] = (struct load_piece){.kind = LOAD_PIECE_VARIABLE};
    steps[0] = steps[1] = step;
    steps[0].extracts = &extract;
    steps[0].extract_count = 1;
    steps[1].index = 1;
    steps[1].is_literal = false;
    steps[1].path = (struct load_template){second, 2};
    scenario.steps = plan.steps = steps;
    scenario.step_count = plan.step_count = 2;
    plan.variables = &name;
    plan.values = &first;
    plan.variable_count = 1;
    server.fields = "X-Number: 77\r\n";
    closed_loop(4, 30 * NS_PER_S);
    plan.iterations_max = 300;
    run();
    expect_counts(300, 300);
    assert_int_equal(counter_read(&record->series[1].answered), 300);
    assert_int_equal(server.asked[77], 300);
}

static void users_think_and_keep_their_pace(void **state)
{
    (void)state;
    closed_loop(2, NS_PER_S);
    plan.pacing_ns = 100 * NS_PER_MS;
    step.think_least_ns = 10 * NS_PER_MS;
    step.think_most_ns = 20 * NS_PER_MS;
    run();
    uint64_t due = counter_read(&series()->due);
    assert_in_range(due, 16, 20);
    expect_counts(due, due);
}

/* --- what is measured --------------------------------------------------------------------------------------------- */

/* 1 % of 2,000 requests falls in the first 20 ms of a stand of 100 ms, and waits for 80 ms or more. */
static void a_server_that_stands_still_is_seen_by_an_open_loop(void **state)
{
    (void)state;
    open_loop(LOAD_CONSTANT, 1000, 2 * NS_PER_S);
    plan.connections_max = 4;
    server.stop_at_ns = 500 * NS_PER_MS;
    server.stop_for_ns = 100 * NS_PER_MS;
    run();
    expect_counts(2000, 2000);
    assert_true(hdr_quantile(&series()->latency, 0.99) >= 78 * NS_PER_MS);
    assert_true(hdr_count(&record->wait) >= 50);
}

static void and_is_hidden_by_a_closed_one(void **state)
{
    (void)state;
    closed_loop(4, 2 * NS_PER_S);
    server.stop_at_ns = 500 * NS_PER_MS;
    server.stop_for_ns = 100 * NS_PER_MS;
    run();
    assert_true(counter_read(&series()->answered) > 1000);
    assert_true(hdr_max_ns(&series()->latency) >= 100 * NS_PER_MS);
    assert_true(hdr_quantile(&series()->latency, 0.99) < 78 * NS_PER_MS);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

#define ATTEMPTS 3

/* How many of some quantiles are within one bucket of the server's own record. Never below: that would be no measurement at all. */
static unsigned compare_with_record(const double *quantiles, size_t count)
{
    unsigned near = 0;
    qsort(server.records, server.record_count, sizeof server.records[0], compare);
    for (size_t i = 0; i < count; i++) {
        uint64_t theirs_ns = server.records[(size_t)ceil(quantiles[i] * server.record_count) - 1];
        uint64_t ours_ns = hdr_quantile(&series()->service, quantiles[i]);
        assert_true(hdr_index(ours_ns) >= hdr_index(theirs_ns));
        near += hdr_index(ours_ns) <= hdr_index(theirs_ns) + 1;
    }
    return near;
}

/* The server's own record holds each of its times; what the generator adds to them is the way there and back. Times are long enough
 * that a bucket (half a millisecond at 600 ms) holds that way. On a machine that has no time for it, which the generator's own lag tells,
 * nothing can be said. */
static void quantiles_are_those_of_the_servers_own_record(void **state)
{
    (void)state;
    double quantiles[] = {0.1, 0.5, 0.9, 0.95, 0.99};
    unsigned near = 0;
    open_loop(LOAD_CONSTANT, 400, 2500 * NS_PER_MS);
    plan.connections_max = 600;
    for (int i = 0; i < ATTEMPTS && near < ARRAY_LEN(quantiles); i++) {
        if (i > 0)
            (void)teardown(NULL);
        server.delay_least_ns = 540 * NS_PER_MS;
        server.delay_most_ns = 1000 * NS_PER_MS;
        run();
        expect_counts(1000, 1000);
        near = compare_with_record(quantiles, ARRAY_LEN(quantiles));
    }
    if (near < ARRAY_LEN(quantiles) && hdr_quantile(&record->lag, 0.99) > NS_PER_MS / 4) {
        print_message("%u of %zu within a bucket, and the machine is too busy to tell\n", near, ARRAY_LEN(quantiles));
        skip();
    }
    assert_int_equal(near, ARRAY_LEN(quantiles));
}

/* --- what it costs ------------------------------------------------------------------------------------------------ */

static unsigned long mallocs_of(uint64_t iterations)
{
    plan.iterations_max = iterations;
    start_server();
    unsigned long before = malloc_count;
    end(begin(0, 1, clock_now_ns()));
    unsigned long count = malloc_count - before;
    load_record_destroy(record);
    record = NULL;
    server_stop();
    return count;
}

static void nothing_is_allocated_for_a_request_once_warm(void **state)
{
    (void)state;
    if (!MALLOC_COUNT_WORKS)
        skip();
    path[1] = (struct load_piece){.kind = LOAD_PIECE_UUID};
    struct load_check check = {.where = LOAD_OF_BODY, .test = LOAD_CONTAINS, .text = SLICE_LIT("ok")};
    for (int i = 0; i < 2; i++) {
        closed_loop(4, 30 * NS_PER_S);
        unsigned long few = mallocs_of(1000);
        unsigned long many = mallocs_of(6000);
        assert_true(many <= few + 4);
        step.path.count = 2;
        step.is_literal = false;
        step.checks = &check;
        step.check_count = 1;
    }
    start_server();
    assert_int_equal(load_record_create(&plan, &record), ERR_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_open_loop_sends_what_is_due),
        TEST(users_of_a_closed_loop_share_what_iterations_there_are),
        TEST(warming_up_does_not_count),
        TEST(requests_are_pipelined),
        TEST(each_request_may_have_a_link_of_its_own),
        TEST(a_server_that_closes_links_now_and_then_costs_no_request),
        TEST(parts_together_are_one_test),
        TEST(what_finds_no_link_until_the_end_is_told),
        TEST(no_answer_in_time_is_a_timeout),
        TEST(a_server_that_goes_away_is_a_failure_of_each_request),
        TEST(a_test_may_be_stopped),
        TEST(pipelined_requests_time_out_together),
        TEST(links_that_close_as_requests_time_out_are_one_failure_each),
        TEST(nobody_listening_is_said_at_once),
        TEST(an_address_where_nobody_listens_is_passed_over),
        TEST(steps_follow_each_other),
        TEST(users_think_and_keep_their_pace),
        TEST(a_server_that_stands_still_is_seen_by_an_open_loop),
        TEST(and_is_hidden_by_a_closed_one),
        TEST(quantiles_are_those_of_the_servers_own_record),
        TEST(nothing_is_allocated_for_a_request_once_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
