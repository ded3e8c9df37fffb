/* SPDX-License-Identifier: Apache-2.0 */
/* Agents and a controller of this process, with generators that count what a server of known latencies would give: so what the parts
 * add up to can be compared with what one would have counted, bucket by bucket. */
#include "load/remote.h"

#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "load/remote/message_int.h"
#include "load/remote/proof_int.h"
#include "load/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define AGENTS_MAX  3
#define RATE        20000
#define DURATION_NS (400 * NS_PER_MS)

/* --- a generator of known figures --------------------------------------------------------------------------------- */

struct load_run {
    const struct load_plan *plan;
    uint32_t part, parts;
    _Atomic uint64_t begin_ns;
    bool is_stopped;
    uint64_t next; /* iteration */
    struct load_record *record;
};

static uint64_t latency_of(uint64_t iteration)
{
    struct {
        uint64_t state;
    } random = {iteration};
    uint64_t z = random.state * 0x9e3779b97f4a7c15;
    return 1000 + (z ^ z >> 29) % 50000000;
}

static void count(struct load_record *record, uint64_t iteration)
{
    counter_add(&record->series[0].due, 1);
    counter_add(&record->series[0].answered, 1);
    counter_add(&record->iterations_due, 1);
    hdr_record(&record->series[0].latency, latency_of(iteration));
}

enum err load_run_create(const struct load_run_options *options, uint64_t timeout_ns, struct load_run **ret_run,
                         const char **ret_why)
{
    (void)timeout_ns;
    if (slice_is(options->plan->name, "refused")) {
        *ret_why = "nobody listens";
        return ERR_CLOSED;
    }
    struct load_run *run = calloc(1, sizeof *run);
    assert_non_null(run);
    run->plan = options->plan;
    run->part = options->part;
    run->parts = options->parts;
    run->next = options->part;
    assert_int_equal(load_record_create(options->plan, &run->record), ERR_OK);
    *ret_run = run;
    return ERR_OK;
}

void load_run_begin(struct load_run *run, uint64_t begin_ns)
{
    run->begin_ns = begin_ns;
}

static uint64_t elapsed_ns(const struct load_run *run)
{
    uint64_t now_ns = clock_now_ns();
    return now_ns < run->begin_ns ? 0 : MIN(now_ns - run->begin_ns, load_plan_duration_ns(run->plan));
}

void load_run_collect(const struct load_run *run, struct load_record *into)
{
    struct load_run *mine = (struct load_run *)(uintptr_t)run;
    for (; !run->is_stopped && mine->next * NS_PER_S / RATE < elapsed_ns(run); mine->next += run->parts)
        count(run->record, mine->next);
    gauge_set(&run->record->users, 7);
    load_record_add(into, run->record);
}

bool load_run_is_over(const struct load_run *run)
{
    return run->is_stopped || elapsed_ns(run) == load_plan_duration_ns(run->plan);
}

void load_run_stop(struct load_run *run)
{
    run->is_stopped = true;
}

static _Atomic uint32_t runs_destroyed;

void load_run_destroy(struct load_run *run)
{
    if (!run)
        return;
    runs_destroyed++;
    load_record_destroy(run->record);
    free(run);
}

/* Remarks of results, as far as they are looked at here. */
static char remarks[4096];

void load_results_remark(struct load_results *results, enum load_remark_kind kind, const char *code, const char *format,
                         ...)
{
    (void)results;
    size_t used = strlen(remarks);
    va_list args;
    va_start(args, format);
    used += (size_t)snprintf(remarks + used, sizeof remarks - used, "%d %s: ", kind, code);
    used += (size_t)vsnprintf(remarks + used, sizeof remarks - used, format, args);
    (void)snprintf(remarks + used, sizeof remarks - used, "\n");
    va_end(args);
}

/* --- agents on threads -------------------------------------------------------------------------------------------- */

struct host {
    struct loop loop;
    struct load_agent *agent;
    struct thread thread;
    struct address address;
    struct slice token;
    _Atomic bool is_quitting;
    _Atomic bool is_frozen;   /* as by SIGSTOP */
    _Atomic bool is_stopping; /* as by SIGINT */
    bool is_up;
};

static struct host hosts[AGENTS_MAX];
static struct pool pool;
static struct arena arena;
static struct load_inputs inputs;
static struct load_step step;
static struct load_stage stage;
static struct load_scenario scenario;
static struct load_plan plan;

static struct load_plan *copy_plan(struct slice name)
{
    struct load_plan *copy = malloc(sizeof *copy);
    assert_non_null(copy);
    *copy = plan;
    copy->name = name;
    return copy;
}

static enum err make_plan(void *owner, struct load_inputs *given, uint64_t seed, struct text *why,
                          struct load_plan **ret_plan)
{
    struct slice content;
    (void)owner;
    assert_true(seed == plan.seed);
    if (given->word_count && slice_is(given->words[0], "nonsense")) {
        text_printf(why, "line 3: nonsense");
        return ERR_SYNTAX;
    }
    if (given->file_count) {
        assert_int_equal(load_inputs_read(given, SLICE_LIT("big"), SIZE_MAX, &content), ERR_OK);
        assert_int_equal(content.len, inputs.files[0].content.len);
        assert_memory_equal(content.ptr, inputs.files[0].content.ptr, content.len);
        assert_int_equal(load_inputs_read(given, SLICE_LIT("/etc/passwd"), SIZE_MAX, &content), ERR_NOT_FOUND);
    }
    *ret_plan = copy_plan(given->word_count ? given->words[0] : SLICE_LIT("x"));
    if (slice_is((*ret_plan)->name, "other"))
        (*ret_plan)->warm_ns++;
    return ERR_OK;
}

static void drop_plan(void *owner, struct load_plan *made)
{
    (void)owner;
    free(made);
}

static void host_run(void *argument)
{
    struct host *host = argument;
    while (!host->is_quitting) {
        if (host->is_frozen)
            clock_sleep_ns(NS_PER_MS);
        else
            loop_turn(&host->loop, 5 * NS_PER_MS);
        if (host->is_stopping)
            load_agent_stop(host->agent);
    }
    load_agent_destroy(host->agent);
}

static void host_start(struct host *host, const char *token)
{
    *host = (struct host){.token = slice_of_text(token)};
    assert_int_equal(loop_init(&host->loop), ERR_OK);
    struct load_agent_options options = {
        .loop = &host->loop, .token = host->token, .make_plan = make_plan, .drop_plan = drop_plan, .owner = host};
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.1:0"), &options.address), ERR_OK);
    assert_int_equal(load_agent_create(&options, &host->agent), ERR_OK);
    host->address = load_agent_address(host->agent);
    assert_int_equal(thread_start(&host->thread, "agent", host_run, host), ERR_OK);
    host->is_up = true;
}

static void host_kill(struct host *host)
{
    if (!host->is_up)
        return;
    host->is_quitting = true;
    thread_join(&host->thread);
    loop_deinit(&host->loop);
    host->is_up = false;
}

static int begin(void **state)
{
    (void)state;
    pool_init(&pool, 64 << 20, 256 << 20);
    arena_init(&arena, &pool, 4096, 256 << 20);
    load_inputs_init(&inputs, &arena);
    step = (struct load_step){.name = SLICE_LIT("get"), .method = SLICE_LIT("GET")};
    stage = (struct load_stage){.duration_ns = DURATION_NS, .from = RATE, .to = RATE};
    scenario = (struct load_scenario){.name = SLICE_LIT("all"), .weight = 1, .steps = &step, .step_count = 1};
    plan = (struct load_plan){.steps = &step,
                              .step_count = 1,
                              .scenarios = &scenario,
                              .scenario_count = 1,
                              .arrival = LOAD_CONSTANT,
                              .stages = &stage,
                              .stage_count = 1,
                              .interval_ns = 50 * NS_PER_MS,
                              .drain_ns = NS_PER_S,
                              .seed = UINT64_MAX - 5};
    remarks[0] = '\0';
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (size_t i = 0; i < AGENTS_MAX; i++)
        host_kill(&hosts[i]);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}

/* --- the controller's side ---------------------------------------------------------------------------------------- */

static char why_memory[1024];
static struct text why;

static enum err control_with(const char *token, uint32_t agents, struct load_controller **ret_controller)
{
    struct address addresses[AGENTS_MAX];
    static const struct slice names[] = {SLICE_LIT("one"), SLICE_LIT("two"), SLICE_LIT("three")};
    for (uint32_t i = 0; i < agents; i++)
        addresses[i] = hosts[i].address;
    struct load_controller_options options = {.plan = &plan,
                                              .inputs = &inputs,
                                              .agents = addresses,
                                              .names = names,
                                              .agent_count = agents,
                                              .token = slice_of_text(token)};
    why = text_init(why_memory, sizeof why_memory);
    return load_controller_create(&options, &why, ret_controller);
}

static struct load_controller *control(uint32_t agents)
{
    struct load_controller *controller = NULL;
    enum err err = control_with("", agents, &controller);
    if (err != ERR_OK)
        fail_msg("%s: %s", err_name(err), why_memory);
    return controller;
}

static void start(struct load_controller *controller)
{
    load_controller_begin(controller, clock_now_ns() + 100 * NS_PER_MS);
}

static void wait_for_end(struct load_source *source, uint64_t seconds)
{
    uint64_t end_ns = clock_now_ns() + seconds * NS_PER_S;
    while (!source->is_over(source->owner)) {
        assert_true(clock_now_ns() < end_ns);
        clock_sleep_ns(NS_PER_MS);
    }
}

/* What one generator alone would have counted. */
static struct load_record *expect(uint64_t iterations, uint32_t part, uint32_t parts)
{
    struct load_record *record;
    assert_int_equal(load_record_create(&plan, &record), ERR_OK);
    for (uint64_t i = part; i < iterations; i += parts)
        count(record, i);
    return record;
}

static void assert_same(const struct hdr *a, const struct hdr *b)
{
    assert_int_equal(hdr_count(a), hdr_count(b));
    for (uint32_t i = 0; i < HDR_BUCKETS; i++)
        assert_int_equal(a->buckets[i], b->buckets[i]);
    assert_int_equal(hdr_max_ns(a), hdr_max_ns(b));
}

static struct load_record *collect(struct load_source *source)
{
    struct load_record *record;
    assert_int_equal(load_record_create(&plan, &record), ERR_OK);
    source->collect(source->owner, record);
    return record;
}

static void wait_for_report(struct load_source *source)
{
    uint64_t due = 0;
    uint64_t end_ns = clock_now_ns() + 10 * NS_PER_S;
    while (due == 0) {
        assert_true(clock_now_ns() < end_ns);
        struct load_record *record = collect(source);
        due = counter_read(&record->series[0].due);
        load_record_destroy(record);
        clock_sleep_ns(NS_PER_MS);
    }
}

static void parts_add_up_to_what_one_would_have_counted(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 3; i++)
        host_start(&hosts[i], "");
    struct load_controller *controller = control(3);
    struct load_source source = load_controller_source(controller);
    start(controller);
    wait_for_end(&source, 10);
    struct load_record *merged = collect(&source);
    struct load_record *alone = expect(RATE * DURATION_NS / NS_PER_S, 0, 1);
    assert_int_equal(counter_read(&merged->series[0].due), RATE * DURATION_NS / NS_PER_S);
    assert_same(&merged->series[0].latency, &alone->series[0].latency);
    struct load_results results = {.plan = &plan};
    arena_init(&results.arena, &pool, 4096, 1 << 20);
    source.finish(source.owner, &results);
    assert_int_equal(results.part_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        struct load_record *part = expect(RATE * DURATION_NS / NS_PER_S, i, 3);
        assert_false(results.parts[i].is_lost);
        assert_same(&results.parts[i].record->series[0].latency, &part->series[0].latency);
        load_record_destroy(part);
        load_record_destroy(results.parts[i].record);
    }
    assert_non_null(strstr(remarks, "2 clock: 3 agents began within "));
    arena_reset(&results.arena);
    load_record_destroy(merged);
    load_record_destroy(alone);
    load_controller_destroy(controller);
}

static void reports_come_while_it_runs(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    struct load_controller *controller = control(1);
    struct load_source source = load_controller_source(controller);
    start(controller);
    uint32_t seen = 0;
    uint64_t before = 0;
    while (!source.is_over(source.owner)) {
        struct load_record *record = collect(&source);
        uint64_t due = counter_read(&record->series[0].due);
        assert_true(due >= before);
        seen += due > before;
        before = due;
        load_record_destroy(record);
        clock_sleep_ns(5 * NS_PER_MS);
    }
    assert_true(seen >= 3);
    load_controller_destroy(controller);
}

static void a_test_after_a_test(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    stage.duration_ns = 50 * NS_PER_MS;
    for (int i = 0; i < 3; i++) {
        struct load_controller *controller = control(1);
        struct load_source source = load_controller_source(controller);
        start(controller);
        wait_for_end(&source, 5);
        load_controller_destroy(controller);
    }
}

static void files_come_whole(void **state)
{
    (void)state;
    char *place;
    size_t bytes = 3 * LOAD_CHUNK_BYTES + 12345;
    host_start(&hosts[0], "");
    assert_int_equal(load_inputs_place_file(&inputs, SLICE_LIT("big"), bytes, &place), ERR_OK);
    for (size_t i = 0; i < bytes; i++)
        place[i] = (char)(i * 7 % 251);
    assert_int_equal(load_inputs_add_file(&inputs, SLICE_LIT("empty"), SLICE_LIT("")), ERR_OK);
    load_controller_destroy(control(1));
}

/* --- what goes wrong before it begins ----------------------------------------------------------------------------- */

static void assert_refused(const char *token, uint32_t agents, enum err err, const char *text)
{
    struct load_controller *controller = NULL;
    assert_int_equal(control_with(token, agents, &controller), err);
    if (!strstr(why_memory, text))
        fail_msg("\"%s\" is not in: %s", text, why_memory);
}

static void the_token_is_asked_for_on_both_sides(void **state)
{
    (void)state;
    struct load_controller *controller;
    host_start(&hosts[0], "secret");
    host_start(&hosts[1], "");
    assert_refused("", 1, ERR_DENIED, "agent one: it wants a token");
    assert_refused("wrong", 1, ERR_DENIED, "it does not know the token of this agent");
    assert_refused("secret", 2, ERR_DENIED, "agent two: it does not know the token, and is sent nothing");
    assert_int_equal(control_with("secret", 1, &controller), ERR_OK);
    load_controller_destroy(controller);
}

static void only_a_loopback_address_goes_without_token(void **state)
{
    (void)state;
    struct loop loop;
    struct load_agent *agent;
    struct load_agent_options options = {.loop = &loop};
    static const char *const addresses[] = {"0.0.0.0:0", "[::]:0", ":0", "192.0.2.1:0"};
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        assert_int_equal(address_parse(slice_of_text(addresses[i]), &options.address), ERR_OK);
        assert_int_equal(load_agent_create(&options, &agent), ERR_DENIED);
    }
}

static void a_second_controller_is_told_busy(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    struct load_controller *controller = control(1);
    assert_refused("", 1, ERR_BUSY, "busy with the test of 127.0.0.1:");
    load_controller_destroy(controller);
    uint64_t end_ns = clock_now_ns() + 5 * NS_PER_S;
    while (control_with("", 1, &controller) != ERR_OK)
        assert_true(clock_now_ns() < end_ns);
    load_controller_destroy(controller);
}

static void a_plan_that_cannot_be_is_told_with_the_reason(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    assert_int_equal(load_inputs_add_word(&inputs, SLICE_LIT("nonsense")), ERR_OK);
    assert_refused("", 1, ERR_INVALID, "agent one: it cannot do this test: line 3: nonsense");
    inputs.words[0] = SLICE_LIT("refused");
    assert_refused("", 1, ERR_INVALID, "it cannot do this test: nobody listens");
    inputs.words[0] = SLICE_LIT("other");
    assert_refused("", 1, ERR_MISMATCH, "another plan");
}

static void a_test_of_more_than_a_day_is_refused(void **state)
{
    (void)state;
    stage.duration_ns = 25 * 3600 * NS_PER_S;
    host_start(&hosts[0], "");
    assert_refused("", 1, ERR_INVALID, "longer than");
}

static void nobody_listens(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    host_start(&hosts[1], "");
    host_kill(&hosts[1]);
    assert_refused("", 2, ERR_CLOSED, "agent two: nobody listens there");
}

static void an_agent_that_never_answers(void **state)
{
    (void)state;
    int fd;
    host_start(&hosts[0], "");
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.1:0"), &hosts[1].address), ERR_OK);
    assert_int_equal(socket_listen(&hosts[1].address, 5, &fd), ERR_OK);
    assert_int_equal(socket_address(fd, &hosts[1].address), ERR_OK);
    assert_refused("", 2, ERR_TIMEOUT, "agent two: no answer in time");
    socket_close(fd);
    struct load_controller *controller = control(1); /* the other one is free again */
    load_controller_destroy(controller);
}

/* --- what goes wrong while it runs -------------------------------------------------------------------------------- */

static void a_lost_agent_ends_with_its_last_report(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    host_start(&hosts[1], "");
    stage.duration_ns = NS_PER_S;
    struct load_controller *controller = control(2);
    struct load_source source = load_controller_source(controller);
    start(controller);
    clock_sleep_ns(500 * NS_PER_MS);
    host_kill(&hosts[1]);
    wait_for_end(&source, 10);
    struct load_record *merged = collect(&source);
    struct load_results results = {.plan = &plan};
    arena_init(&results.arena, &pool, 4096, 1 << 20);
    source.finish(source.owner, &results);
    assert_int_equal(results.part_count, 2);
    assert_false(results.parts[0].is_lost);
    assert_int_equal(counter_read(&results.parts[0].record->series[0].due), RATE / 2);
    assert_true(results.parts[1].is_lost);
    assert_in_range(results.parts[1].lost_ns, 200 * NS_PER_MS, 900 * NS_PER_MS);
    uint64_t due = counter_read(&results.parts[1].record->series[0].due);
    assert_in_range(due, 1, RATE / 2 - 1);
    assert_int_equal(counter_read(&merged->series[0].due), RATE / 2 + due);
    struct load_record *remains = expect(2 * due, 1, 2); /* exactly its first ones */
    assert_same(&results.parts[1].record->series[0].latency, &remains->series[0].latency);
    assert_int_equal(gauge_read(&results.parts[1].record->users), 0);
    assert_non_null(strstr(remarks, "1 agent_lost: agent two was lost"));
    assert_non_null(strstr(remarks, "its share of 50 % is missing"));
    for (uint32_t i = 0; i < 2; i++)
        load_record_destroy(results.parts[i].record);
    arena_reset(&results.arena);
    load_record_destroy(remains);
    load_record_destroy(merged);
    load_controller_destroy(controller);
}

static void an_agent_that_hangs_is_given_up(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    stage.duration_ns = 60 * NS_PER_S;
    struct load_controller *controller = control(1);
    struct load_source source = load_controller_source(controller);
    start(controller);
    clock_sleep_ns(300 * NS_PER_MS);
    hosts[0].is_frozen = true;
    wait_for_end(&source, 9);
    load_controller_destroy(controller);
    hosts[0].is_frozen = false;
    uint64_t end_ns = clock_now_ns() + 5 * NS_PER_S;
    while (control_with("", 1, &controller) != ERR_OK) /* it has found out, and takes the next */
        assert_true(clock_now_ns() < end_ns);
    load_controller_destroy(controller);
}

static void an_agent_that_is_told_to_end_says_so(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    stage.duration_ns = 60 * NS_PER_S;
    struct load_controller *controller = control(1);
    struct load_source source = load_controller_source(controller);
    start(controller);
    wait_for_report(&source);
    hosts[0].is_stopping = true;
    wait_for_end(&source, 5);
    struct load_results results = {.plan = &plan};
    arena_init(&results.arena, &pool, 4096, 1 << 20);
    source.finish(source.owner, &results);
    assert_true(results.parts[0].is_lost);
    assert_true(counter_read(&results.parts[0].record->series[0].due) > 0);
    assert_non_null(strstr(remarks, "it was told to end"));
    load_record_destroy(results.parts[0].record);
    arena_reset(&results.arena);
    load_controller_destroy(controller);
}

static void an_agent_that_is_told_to_end_before_it_begins_refuses(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    struct load_controller *controller = control(1);
    struct load_source source = load_controller_source(controller);
    hosts[0].is_stopping = true;
    wait_for_end(&source, 5);
    load_controller_destroy(controller);
}

static void a_stop_ends_all_parts(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    host_start(&hosts[1], "");
    stage.duration_ns = 60 * NS_PER_S;
    struct load_controller *controller = control(2);
    struct load_source source = load_controller_source(controller);
    start(controller);
    clock_sleep_ns(300 * NS_PER_MS);
    source.stop(source.owner);
    wait_for_end(&source, 2);
    struct load_results results = {.plan = &plan};
    arena_init(&results.arena, &pool, 4096, 1 << 20);
    source.finish(source.owner, &results);
    for (uint32_t i = 0; i < 2; i++) {
        assert_false(results.parts[i].is_lost);
        load_record_destroy(results.parts[i].record);
    }
    arena_reset(&results.arena);
    load_controller_destroy(controller);
}

static void load_ends_when_the_controller_is_gone(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    stage.duration_ns = 60 * NS_PER_S;
    struct load_controller *controller = control(1);
    start(controller);
    clock_sleep_ns(300 * NS_PER_MS);
    uint32_t before = runs_destroyed;
    load_controller_destroy(controller);
    uint64_t end_ns = clock_now_ns() + NS_PER_S;
    while (runs_destroyed == before) {
        assert_true(clock_now_ns() < end_ns);
        clock_sleep_ns(NS_PER_MS);
    }
}

/* --- strangers ---------------------------------------------------------------------------------------------------- */

static int call(const struct host *host)
{
    int fd;
    assert_int_equal(socket_connect(&host->address, 1000, &fd), ERR_OK);
    return fd;
}

static size_t hear(int fd, char *text, size_t capacity, uint64_t ms)
{
    size_t len = 0;
    uint64_t end_ns = clock_now_ns() + ms * NS_PER_MS;
    while (clock_now_ns() < end_ns && len < capacity - 1) {
        ssize_t count = read(fd, text + len, capacity - 1 - len);
        if (count == 0)
            break;
        if (count > 0)
            len += (size_t)count;
        text[len] = '\0';
        if (strstr(text, "\"refused\"")) /* it closes a second later */
            break;
        if (count < 0)
            clock_sleep_ns(NS_PER_MS);
    }
    text[len] = '\0';
    return len;
}

static void assert_answer(const char *line, const char *text)
{
    char heard[2048];
    int fd = call(&hosts[0]);
    assert_int_equal(write(fd, line, strlen(line)), strlen(line));
    (void)hear(fd, heard, sizeof heard, 3000);
    socket_close(fd);
    if (!strstr(heard, text))
        fail_msg("\"%s\" is not in: %s", text, heard);
}

static void strangers_are_refused_with_words(void **state)
{
    (void)state;
    host_start(&hosts[0], "");
    assert_answer("GET / HTTP/1.1\r\n\r\n", "a line that is no message");
    assert_answer("{\"type\":\"stop\"}\n", "stop before hello");
    assert_answer("{\"type\":\"hello\",\"protocol\":1,\"version\":\"0.0.0\",\"nonce\":\"\",\"proof\":\"\"}\n",
                  "\"code\":\"version\"");
    load_controller_destroy(control(1));
}

static void a_line_without_an_end_ends_the_connection(void **state)
{
    (void)state;
    char line[3 * LOAD_HELLO_BYTES_MAX];
    char heard[2048];
    host_start(&hosts[0], "");
    memset(line, 'a', sizeof line);
    int fd = call(&hosts[0]);
    assert_true(write(fd, line, sizeof line) > 0);
    uint64_t began_ns = clock_now_ns();
    (void)hear(fd, heard, sizeof heard, 3000);
    assert_true(clock_now_ns() - began_ns < 2 * NS_PER_S);
    socket_close(fd);
}

static void silent_strangers_do_not_keep_a_controller_out(void **state)
{
    (void)state;
    int fds[40];
    host_start(&hosts[0], "");
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        fds[i] = call(&hosts[0]);
    load_controller_destroy(control(1));
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        socket_close(fds[i]);
}

static void orders_out_of_place_end_the_test(void **state)
{
    (void)state;
    static const char *const orders[] = {
        "{\"type\":\"begin\",\"at_ns\":1}\n",
        "{\"type\":\"piece\",\"content\":\"QQ==\"}\n",
        "{\"type\":\"file\",\"path\":\"x\",\"bytes\":1}\n{\"type\":\"piece\",\"content\":\"QUFB\"}\n",
        "{\"type\":\"file\",\"path\":\"x\",\"bytes\":1}\n{\"type\":\"piece\",\"content\":\"?\"}\n",
        "{\"type\":\"file\",\"path\":\"x\",\"bytes\":99999999999999}\n",
        "{\"type\":\"prepare\",\"part\":2,\"parts\":2,\"seed\":1,\"words\":[],\"probe_rate\":0,\"probe_ns\":1,\"probe_"
        "warm_ns\":1,\"probe_interval_ns\":1,\"probe_drain_ns\":1}\n",
        "{\"type\":\"prepare\",\"part\":0,\"parts\":1,\"seed\":1,\"words\":[1],\"probe_rate\":0,\"probe_ns\":1,\"probe_"
        "warm_ns\":1,\"probe_interval_ns\":1,\"probe_drain_ns\":1}\n",
        "{\"type\":\"prepare\",\"part\":0,\"parts\":1,\"seed\":1,\"words\":[],\"probe_rate\":1e12,\"probe_ns\":1,"
        "\"probe_warm_ns\":1,\"probe_interval_ns\":1,\"probe_drain_ns\":1}\n",
        "{\"type\":\"welcome\",\"proof\":\"\"}\n",
    };
    host_start(&hosts[0], "");
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        char text[1024];
        (void)snprintf(text, sizeof text,
                       "{\"type\":\"hello\",\"protocol\":%d,\"version\":\"%s\",\"nonce\":\"\",\"proof\":\"\"}\n%s",
                       LOAD_PROTOCOL, WEIR_VERSION, orders[i]);
        assert_answer(text, "\"code\":\"syntax\"");
    }
    load_controller_destroy(control(1));
}

static void tell(int fd, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_int_equal(write(fd, text, (size_t)len), len);
}

/* What it does not read piles up until a report finds no room, and ends the test that it is of. */
static void a_controller_that_reads_no_reports_is_given_up(void **state)
{
    (void)state;
    char heard[4096];
    host_start(&hosts[0], "");
    stage.duration_ns = 60 * NS_PER_S;
    plan.interval_ns = NS_PER_MS;
    int fd = call(&hosts[0]);
    tell(fd, "{\"type\":\"hello\",\"protocol\":%d,\"version\":\"%s\",\"nonce\":\"\",\"proof\":\"\"}\n", LOAD_PROTOCOL,
         WEIR_VERSION);
    tell(fd,
         "{\"type\":\"prepare\",\"part\":0,\"parts\":1,\"seed\":%llu,\"words\":[],\"probe_rate\":0,\"probe_ns\":1,"
         "\"probe_warm_ns\":1,\"probe_interval_ns\":1,\"probe_drain_ns\":1}\n",
         (unsigned long long)plan.seed);
    (void)hear(fd, heard, sizeof heard, 500);
    assert_non_null(strstr(heard, "\"ready\""));
    uint32_t before = runs_destroyed;
    uint64_t now_ns = clock_now_ns();
    tell(fd, "{\"type\":\"begin\",\"at_ns\":%llu}\n", (unsigned long long)(now_ns + 100 * NS_PER_MS));
    for (uint64_t i = 0; runs_destroyed == before; i++) {
        assert_true(clock_now_ns() < now_ns + 30 * NS_PER_S);
        clock_sleep_ns(100 * NS_PER_MS);
        if (runs_destroyed == before)
            tell(fd, "{\"type\":\"clock\",\"sent_ns\":1}\n");
    }
    socket_close(fd);
    plan.interval_ns = 50 * NS_PER_MS;
    load_controller_destroy(control(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_add_up_to_what_one_would_have_counted, begin, end),
        cmocka_unit_test_setup_teardown(reports_come_while_it_runs, begin, end),
        cmocka_unit_test_setup_teardown(a_test_after_a_test, begin, end),
        cmocka_unit_test_setup_teardown(files_come_whole, begin, end),
        cmocka_unit_test_setup_teardown(the_token_is_asked_for_on_both_sides, begin, end),
        cmocka_unit_test_setup_teardown(only_a_loopback_address_goes_without_token, begin, end),
        cmocka_unit_test_setup_teardown(a_second_controller_is_told_busy, begin, end),
        cmocka_unit_test_setup_teardown(a_plan_that_cannot_be_is_told_with_the_reason, begin, end),
        cmocka_unit_test_setup_teardown(a_test_of_more_than_a_day_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(nobody_listens, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_that_never_answers, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_agent_ends_with_its_last_report, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_that_hangs_is_given_up, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_that_is_told_to_end_says_so, begin, end),
        cmocka_unit_test_setup_teardown(an_agent_that_is_told_to_end_before_it_begins_refuses, begin, end),
        cmocka_unit_test_setup_teardown(a_stop_ends_all_parts, begin, end),
        cmocka_unit_test_setup_teardown(load_ends_when_the_controller_is_gone, begin, end),
        cmocka_unit_test_setup_teardown(strangers_are_refused_with_words, begin, end),
        cmocka_unit_test_setup_teardown(a_line_without_an_end_ends_the_connection, begin, end),
        cmocka_unit_test_setup_teardown(silent_strangers_do_not_keep_a_controller_out, begin, end),
        cmocka_unit_test_setup_teardown(orders_out_of_place_end_the_test, begin, end),
        cmocka_unit_test_setup_teardown(a_controller_that_reads_no_reports_is_given_up, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
