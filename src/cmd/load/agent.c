/* SPDX-License-Identifier: Apache-2.0 */
/* weir load agent: does a part of tests that controllers on other machines want. */
#include "cmd/load/origin.h"

#include "lib/sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define COMMAND        "load agent"
#define MEMORY_MAX     ((size_t)1 << 20)
#define LISTEN_DEFAULT "127.0.0.1:7000"
#define END_NS         (10 * NS_PER_S) /* for what is outstanding when it is told to end */
#define TURN_NS        (100 * NS_PER_MS)

enum flag { FLAG_LISTEN, FLAG_TOKEN, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    [FLAG_LISTEN] = {"listen", 'l', "ADDRESS", "where controllers connect (" LISTEN_DEFAULT ")"},
    [FLAG_TOKEN] = {"token-file", 0, "FILE", "a secret that controllers have to know; needed beyond the loopback"},
};

struct host {
    struct loop loop;
    struct signals signals;
    struct load_agent *agent;
    uint64_t end_ns; /* told to end: at the latest then */
};

/* --- plans -------------------------------------------------------------------------------------------------------- */

/* The first thing that is wrong; the same plan was good at the controller's. */
static void explain(const struct report *report, struct text *why)
{
    if (report->note_count)
        report_note_format(report, &report->notes[0], why);
}

static enum err make(struct load_inputs *inputs, struct report *report, struct text *why, struct load_plan **ret_plan)
{
    struct load_made made = {0};
    TRY(load_plan_make(inputs, inputs->arena, report, &made));
    if (!made.plan) {
        explain(report, why);
        return ERR_INVALID;
    }
    enum err err = load_plan_resolve(&made, why);
    if (err != ERR_OK)
        load_plan_drop(made.plan);
    else
        *ret_plan = made.plan;
    return err;
}

static enum err make_plan(void *owner, struct load_inputs *inputs, uint64_t seed, struct text *why,
                          struct load_plan **ret_plan)
{
    (void)owner;
    struct report *report = calloc(1, sizeof *report);
    if (!report)
        return ERR_NOMEM;
    report_init(report);
    enum err err = make(inputs, report, why, ret_plan);
    if (err == ERR_OK)
        (*ret_plan)->seed = seed;
    report_deinit(report);
    free(report);
    return err;
}

static void drop_plan(void *owner, struct load_plan *plan)
{
    (void)owner;
    load_plan_drop(plan);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static void say(void *owner, const char *text)
{
    char now[25];
    (void)owner;
    clock_format_rfc3339(now, clock_wall_ns());
    (void)fprintf(stderr, "%s %s\n", now, text);
}

static void on_signal(struct signals *signals, int number)
{
    struct host *host = CONTAINER_OF(signals, struct host, signals);
    if (host->end_ns)
        process_exit_now(128 + number);
    host->end_ns = clock_now_ns() + END_NS;
    load_agent_stop(host->agent);
}

static void serve(struct host *host)
{
    char address[ADDRESS_TEXT_MAX];
    struct address bound = load_agent_address(host->agent);
    address_format(&bound, address);
    (void)printf("listening on %s\n", address);
    (void)fflush(stdout);
    while (!host->end_ns || (!load_agent_is_idle(host->agent) && clock_now_ns() < host->end_ns))
        loop_turn(&host->loop, TURN_NS);
    for (int i = 0; i < 3; i++) /* what was said last is to get out */
        loop_turn(&host->loop, 0);
}

static int run(const struct address *address, struct slice token)
{
    static const int numbers[] = {SIGINT, SIGTERM, 0};
    static struct host host;
    char text[ADDRESS_TEXT_MAX];
    host.signals.on_signal = on_signal;
    signals_block(numbers);
    if (loop_init(&host.loop) != ERR_OK || signals_start(&host.signals, &host.loop, numbers) != ERR_OK)
        return cmd_fail(COMMAND, "cannot make an event loop");
    struct load_agent_options options = {.loop = &host.loop,
                                         .address = *address,
                                         .token = token,
                                         .make_plan = make_plan,
                                         .drop_plan = drop_plan,
                                         .log = say};
    address_format(address, text);
    int result = CMD_DONE;
    enum err err = load_agent_create(&options, &host.agent);
    if (err == ERR_DENIED && !token.len)
        result = cmd_misuse(COMMAND, "%s can be reached from other machines: name a --token-file", text);
    else if (err == ERR_EXISTS)
        result = cmd_fail(COMMAND, "something listens on %s already", text);
    else if (err != ERR_OK)
        result = cmd_fail(COMMAND, "cannot listen on %s: %s", text, err_text(err));
    else
        serve(&host);
    load_agent_destroy(host.agent);
    signals_stop(&host.signals);
    loop_deinit(&host.loop);
    return result;
}

static int start(const char *listen, const char *token_path)
{
    struct pool pool;
    struct arena arena;
    struct address address;
    struct slice token = {NULL, 0};
    int result = CMD_FAILED;
    if (address_parse(slice_of_text(listen), &address) != ERR_OK || address_is_local(&address))
        return cmd_misuse(COMMAND, "--listen takes an address such as " LISTEN_DEFAULT ", found \"%s\"", listen);
    pool_init(&pool, 0, MEMORY_MAX);
    arena_init(&arena, &pool, 4096, MEMORY_MAX);
    if (!token_path || load_token_read(&arena, COMMAND, token_path, &token))
        result = run(&address, token);
    arena_reset(&arena);
    pool_deinit(&pool);
    return result;
}

int cmd_load_agent(int argc, char **argv)
{
    struct cmd_line line = {
        .command = COMMAND,
        .usage = "[--listen ADDRESS] [--token-file FILE]",
        .about =
            "Waits for weir load --agents on another machine and does its part of the test: the controller sends\n"
            "plan and files, all agents begin at one instant, and their figures go back. One test at a time. When\n"
            "the controller is gone, the load ends. Whoever knows the token can send load from here to anywhere.\n",
        .flags = flags,
        .flag_count = FLAG_COUNT,
    };
    const char *values[FLAG_COUNT] = {[FLAG_LISTEN] = LISTEN_DEFAULT};
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        values[flag] = value;
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count)
        return cmd_misuse(COMMAND, "unexpected argument \"%s\"", line.arguments[0]);
    return start(values[FLAG_LISTEN], values[FLAG_TOKEN]);
}
