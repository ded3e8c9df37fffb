/* SPDX-License-Identifier: Apache-2.0 */
/* The search against servers that are a few lines of arithmetic: one at a time, a fixed time each (M/D/1, where arrivals are
 * Poisson), whose capacity and quantiles theory knows. */
#include "load/knee.h"

#include "lib/sys/clock.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "load/values.h"

#define SERVICE_NS    NS_PER_MS /* capacity 1000/s */
#define CAPACITY      1000.0
#define REFUSED_SHARE 0.1

struct server {
    double refuses_above; /* rate at which it begins to answer 503; 0: never */
    double lags_above;    /* rate at which the generator is late; 0: never */
    uint32_t probes_max;  /* then it is cancelled */
    uint32_t probes;
    uint64_t offset_ns; /* of every latency */
};

static struct load_step step = {.name = {"get", 3}, .beside = UINT32_MAX};
static struct load_scenario scenario = {.weight = 1, .steps = &step, .step_count = 1};
static struct load_plan plan;
static struct load_knee knee;

static struct load_threshold p99_below(double ns)
{
    return (struct load_threshold){.text = SLICE_LIT("p99"),
                                   .step = UINT32_MAX,
                                   .quantity = LOAD_Q_LATENCY,
                                   .statistic = LOAD_S_QUANTILE,
                                   .quantile = 0.99,
                                   .test = LOAD_LESS,
                                   .bound = ns};
}

static struct load_threshold errors_below(double share)
{
    return (struct load_threshold){.text = SLICE_LIT("errors"),
                                   .step = UINT32_MAX,
                                   .quantity = LOAD_Q_ERRORS,
                                   .statistic = LOAD_S_VALUE,
                                   .test = LOAD_LESS,
                                   .bound = share};
}

/* --- the simulated test ------------------------------------------------------------------------------------------- */

#define RING (1u << 18)

struct request {
    uint64_t due_ns, end_ns;
    bool is_refused;
};

struct simulation {
    const struct load_plan *plan;
    struct server *server;
    struct load_results *results;
    struct load_record *record;
    uint64_t interval_end_ns;      /* from the end of warming up */
    struct request requests[RING]; /* those that are with the server, in order */
    uint64_t first, last;
    uint64_t idle_ns; /* when the server will be */
    struct load_random random;
};

static void complete(struct simulation *simulation, const struct request *request)
{
    struct load_series *series = &simulation->record->series[0];
    if (request->due_ns < simulation->plan->warm_ns)
        return;
    counter_add(request->is_refused ? &series->failed[LOAD_FAILURE_STATUS] : &series->answered, 1);
    if (!request->is_refused)
        hdr_record(&series->latency, request->end_ns - request->due_ns);
}

static void complete_until(struct simulation *simulation, uint64_t now_ns)
{
    while (simulation->first < simulation->last && simulation->requests[simulation->first % RING].end_ns <= now_ns)
        complete(simulation, &simulation->requests[simulation->first++ % RING]);
}

static void close_intervals(struct simulation *simulation, uint64_t now_ns)
{
    uint64_t warm_ns = simulation->plan->warm_ns;
    while (now_ns >= warm_ns + simulation->interval_end_ns &&
           simulation->interval_end_ns <= simulation->plan->stages[0].duration_ns) {
        complete_until(simulation, warm_ns + simulation->interval_end_ns);
        gauge_set(&simulation->record->in_flight, (int64_t)(simulation->last - simulation->first));
        assert_int_equal(
            load_results_add_interval(simulation->results, simulation->record, simulation->interval_end_ns, 0), ERR_OK);
        simulation->interval_end_ns += simulation->plan->interval_ns;
    }
}

static void arrive(struct simulation *simulation, uint64_t now_ns, double rate)
{
    struct server *server = simulation->server;
    bool is_late = server->lags_above > 0 && rate > server->lags_above;
    simulation->idle_ns = MAX(simulation->idle_ns, now_ns) + SERVICE_NS;
    assert_true(simulation->last - simulation->first < RING);
    simulation->requests[simulation->last++ % RING] = (struct request){
        .due_ns = now_ns,
        .end_ns = simulation->idle_ns + server->offset_ns + (is_late ? 200 * NS_PER_MS : 0),
        .is_refused = server->refuses_above > 0 && rate > server->refuses_above &&
                      load_draw_unit(&simulation->random) < REFUSED_SHARE,
    };
    if (now_ns < simulation->plan->warm_ns)
        return;
    counter_add(&simulation->record->series[0].due, 1);
    counter_add(&simulation->record->series[0].sent, 1);
    counter_add(&simulation->record->iterations_due, 1);
    hdr_record(&simulation->record->lag, is_late ? 200 * NS_PER_MS : 20000);
}

static enum err simulate(void *owner, const struct load_plan *probe, const struct load_probe *what,
                         struct load_results *results)
{
    (void)what;
    struct server *server = owner;
    struct simulation *simulation = calloc(1, sizeof *simulation);
    assert_non_null(simulation);
    if (server->probes_max && server->probes++ == server->probes_max) {
        free(simulation);
        return ERR_CANCELLED;
    }
    *simulation = (struct simulation){.plan = probe,
                                      .server = server,
                                      .results = results,
                                      .interval_end_ns = probe->interval_ns,
                                      .random = {probe->seed}};
    assert_int_equal(load_record_create(probe, &simulation->record), ERR_OK);
    double rate = probe->stages[0].from;
    double now_ns = 0;
    uint64_t end_ns = probe->warm_ns + probe->stages[0].duration_ns;
    for (;;) {
        double gap = probe->arrival == LOAD_POISSON ? -log(load_draw_unit(&simulation->random)) : 1;
        now_ns += gap * 1e9 / rate;
        if (now_ns >= (double)end_ns)
            break;
        close_intervals(simulation, (uint64_t)now_ns);
        complete_until(simulation, (uint64_t)now_ns);
        arrive(simulation, (uint64_t)now_ns, rate);
    }
    close_intervals(simulation, end_ns);
    complete_until(simulation, UINT64_MAX);
    gauge_set(&simulation->record->in_flight, 0);
    assert_int_equal(load_results_add_interval(results, simulation->record, probe->stages[0].duration_ns + 1000000, 0),
                     ERR_OK);
    load_results_judge(results);
    load_record_destroy(simulation->record);
    free(simulation);
    return ERR_OK;
}

static int begin(void **state)
{
    (void)state;
    plan = (struct load_plan){.steps = &step,
                              .step_count = 1,
                              .scenarios = &scenario,
                              .scenario_count = 1,
                              .arrival = LOAD_POISSON,
                              .thread_count = 1,
                              .interval_ns = NS_PER_S,
                              .lag_bound_ns = 10 * NS_PER_MS,
                              .error_bound = 0.01,
                              .seed = 1};
    return 0;
}

static enum err search(struct server *server, const struct load_threshold *criteria, uint32_t count, double from,
                       double to)
{
    struct load_knee_options options = {.plan = &plan,
                                        .criteria = criteria,
                                        .criterion_count = count,
                                        .from = from,
                                        .to = to,
                                        .run = simulate,
                                        .owner = server};
    return load_knee_search(&options, &knee);
}

static void assert_near(double value, double right, double share)
{
    if (fabs(value - right) > share * right)
        fail_msg("%g +- %g is more than %g %% from %g", value, knee.spread, 100 * share, right);
}

/* --- what theory knows -------------------------------------------------------------------------------------------- */

/* Share of requests that wait at most t service times at utilisation r (Erlang, 1909). */
static double waiting_at_most(double r, double t)
{
    long double sum = 0;
    for (int k = 0; k <= (int)t; k++) {
        long double u = (long double)r * ((long double)t - k);
        long double term = expl(u);
        for (int i = 1; i <= k; i++)
            term *= -u / i;
        sum += term;
    }
    return (double)((1 - (long double)r) * sum);
}

static double utilisation_where(double quantile, double latency_in_services)
{
    double low = 0.01;
    double high = 0.999;
    for (int i = 0; i < 60; i++) {
        double middle = (low + high) / 2;
        if (waiting_at_most(middle, latency_in_services - 1) >= quantile)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void theory_is_right_where_it_is_known(void **state)
{
    (void)state;
    assert_near(waiting_at_most(0.5, 0), 0.5, 1e-9); /* those that find it idle */
    assert_near(waiting_at_most(0.5, 1), 0.5 * exp(0.5), 1e-9);
    assert_near(waiting_at_most(0.8, 30), 1, 1e-4);
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

static void finds_where_the_p99_of_an_md1_queue_passes_a_bound(void **state)
{
    (void)state;
    static const double bounds_ms[] = {5, 10, 20};
    for (size_t i = 0; i < ARRAY_LEN(bounds_ms); i++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct server server = {0};
            struct load_threshold threshold = p99_below(bounds_ms[i] * 1e6);
            plan.seed = seed;
            assert_int_equal(search(&server, &threshold, 1, 0, 0), ERR_OK);
            assert_int_equal(knee.end, LOAD_KNEE_FOUND);
            assert_int_equal(knee.high_failed, 0);
            assert_near(knee.rate, CAPACITY * utilisation_where(0.99, bounds_ms[i]), 0.05);
            assert_true(knee.high / knee.low <= 1.05);
        }
}

static void finds_the_capacity_when_arrivals_are_even(void **state)
{
    (void)state;
    struct server server = {0};
    struct load_threshold threshold = p99_below(50e6);
    plan.arrival = LOAD_CONSTANT;
    assert_int_equal(search(&server, &threshold, 1, 0, 0), ERR_OK);
    assert_int_equal(knee.end, LOAD_KNEE_FOUND);
    assert_near(knee.rate, CAPACITY, 0.05);
}

static void a_server_that_falls_behind_fails_whatever_the_thresholds_say(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct server server = {0};
        struct load_threshold threshold = errors_below(0.001);
        plan.seed = seed;
        assert_int_equal(search(&server, &threshold, 1, 100, 0), ERR_OK);
        assert_int_equal(knee.end, LOAD_KNEE_FOUND);
        assert_int_equal(knee.high_verdict, LOAD_KNEE_SATURATED);
        assert_near(knee.rate, CAPACITY, 0.05);
    }
}

static void finds_where_errors_begin_and_names_the_criterion(void **state)
{
    (void)state;
    struct server server = {.refuses_above = 333};
    const struct load_threshold thresholds[] = {p99_below(50e6), errors_below(0.001)};
    assert_int_equal(search(&server, thresholds, 2, 0, 0), ERR_OK);
    assert_int_equal(knee.end, LOAD_KNEE_FOUND);
    assert_int_equal(knee.high_failed, 1);
    assert_near(knee.rate, 333, 0.05);
}

static void the_generators_limit_is_not_called_the_servers_knee(void **state)
{
    (void)state;
    struct server server = {.lags_above = 500};
    struct load_threshold threshold = p99_below(50e6);
    assert_int_equal(search(&server, &threshold, 1, 0, 0), ERR_OK);
    assert_int_equal(knee.end, LOAD_KNEE_BY_GENERATOR);
    assert_int_equal(knee.high_verdict, LOAD_KNEE_OWN_LIMIT);
    assert_near(knee.low, 500, 0.05);
}

static void goes_down_where_the_first_rate_fails(void **state)
{
    (void)state;
    struct server server = {.refuses_above = 3};
    struct load_threshold threshold = errors_below(0.001);
    assert_int_equal(search(&server, &threshold, 1, 0, 0), ERR_OK);
    assert_int_equal(knee.end, LOAD_KNEE_FOUND);
    assert_true(knee.low <= 4);
}

static void says_when_no_rate_holds(void **state)
{
    (void)state;
    struct server server = {.offset_ns = 100 * NS_PER_MS};
    struct load_threshold threshold = p99_below(50e6);
    assert_int_equal(search(&server, &threshold, 1, 100, 0), ERR_OK);
    assert_int_equal(knee.end, LOAD_KNEE_NONE_HOLDS);
    assert_int_equal(knee.probe_count, 2);
}

static void says_when_all_hold_up_to_the_bound(void **state)
{
    (void)state;
    struct server server = {0};
    struct load_threshold threshold = p99_below(50e6);
    assert_int_equal(search(&server, &threshold, 1, 50, 300), ERR_OK);
    assert_int_equal(knee.end, LOAD_KNEE_ALL_HOLD);
    assert_near(knee.low, 300, 1e-9);
}

static void ended_early_it_keeps_what_there_is(void **state)
{
    (void)state;
    struct server server = {.probes_max = 3};
    struct load_threshold threshold = p99_below(50e6);
    assert_int_equal(search(&server, &threshold, 1, 50, 0), ERR_CANCELLED);
    assert_int_equal(knee.end, LOAD_KNEE_ENDED);
    assert_int_equal(knee.probe_count, 3);
    assert_near(knee.low, 200, 1e-9);
}

static void the_law_finds_the_capacity_of_a_server_that_does_one_at_a_time(void **state)
{
    (void)state;
    struct server server = {0};
    struct load_threshold threshold = p99_below(20e6);
    assert_int_equal(search(&server, &threshold, 1, 100, 0), ERR_OK);
    assert_true(knee.usl.is_known);
    assert_near(knee.usl.peak_rate, CAPACITY, 0.1);
}

/* --- the law by itself -------------------------------------------------------------------------------------------- */

static void the_law_is_found_in_figures_that_follow_it(void **state)
{
    (void)state;
    struct load_knee_probe probes[12];
    struct load_knee_usl usl;
    for (uint32_t i = 0; i < ARRAY_LEN(probes); i++) {
        double n = 1 + 3.0 * i;
        probes[i] = (struct load_knee_probe){.concurrency = n,
                                             .answered = 995.6 * n / (1 + 0.0267 * (n - 1) + 0.000769 * n * (n - 1))};
    }
    load_knee_fit_usl(probes, ARRAY_LEN(probes), &usl);
    assert_true(usl.is_known);
    assert_near(usl.a, 995.6, 1e-6);
    assert_near(usl.s, 0.0267, 1e-6);
    assert_near(usl.k, 0.000769, 1e-6);
    assert_near(usl.peak_concurrency, 35.6, 0.01);
    load_knee_fit_usl(probes, 3, &usl);
    assert_false(usl.is_known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(theory_is_right_where_it_is_known),
        cmocka_unit_test_setup(finds_where_the_p99_of_an_md1_queue_passes_a_bound, begin),
        cmocka_unit_test_setup(finds_the_capacity_when_arrivals_are_even, begin),
        cmocka_unit_test_setup(a_server_that_falls_behind_fails_whatever_the_thresholds_say, begin),
        cmocka_unit_test_setup(finds_where_errors_begin_and_names_the_criterion, begin),
        cmocka_unit_test_setup(the_generators_limit_is_not_called_the_servers_knee, begin),
        cmocka_unit_test_setup(goes_down_where_the_first_rate_fails, begin),
        cmocka_unit_test_setup(says_when_no_rate_holds, begin),
        cmocka_unit_test_setup(says_when_all_hold_up_to_the_bound, begin),
        cmocka_unit_test_setup(ended_early_it_keeps_what_there_is, begin),
        cmocka_unit_test_setup(the_law_finds_the_capacity_of_a_server_that_does_one_at_a_time, begin),
        cmocka_unit_test(the_law_is_found_in_figures_that_follow_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
