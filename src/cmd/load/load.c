/* SPDX-License-Identifier: Apache-2.0 */
/* weir load: words to a plan, a plan to a run, a run to its results. */
#include "cmd/load/files.h"
#include "cmd/load/origin.h"

#include "lib/sys/terminal.h"
#include "load/plan/flags.h"
#include "load/plan/quantity.h"

#include <stdio.h>

#define PROBE_LEAST_NS 1e8
#define PROBE_MOST_NS  3.6e12
#define MEMORY_MAX     ((size_t)4 << 30)

/* Flags of the command itself stand behind those of plans. */
enum flag {
    FLAG_JSON,
    FLAG_HTML,
    FLAG_CSV,
    FLAG_HDR_LOG,
    FLAG_JUNIT,
    FLAG_PROGRESS,
    FLAG_QUIET,
    FLAG_AGENTS,
    FLAG_TOKEN,
    FLAG_KNEE,
    FLAG_FROM,
    FLAG_TO,
    FLAG_PROBE,
    FLAG_CHECK,
    FLAG_DRY,
    FLAG_SCHEMA,
    FLAG_REFERENCE,
    FLAG_COUNT,
};

static const struct cmd_flag own_flags[] = {
    [FLAG_JSON] = {"json", 'o', "FILE", "all results, histograms included, as JSON; - is standard output"},
    [FLAG_HTML] = {"html", 0, "FILE", "a report with charts, in one file"},
    [FLAG_CSV] = {"csv", 0, "PREFIX", "PREFIX_stats.csv, _stats_history.csv and _failures.csv, with Locust's columns"},
    [FLAG_HDR_LOG] = {"hdr-log", 0, "FILE", "latencies of each interval as HdrHistogram's log, in nanoseconds"},
    [FLAG_JUNIT] = {"junit", 0, "FILE", "thresholds as test cases of JUnit, for continuous integration"},
    [FLAG_PROGRESS] = {"progress", 0, "HOW",
                       "on standard error while it runs: live (where that is a terminal), text or json (a line\n"
                       "an interval), none"},
    [FLAG_QUIET] = {"quiet", 'q', NULL, "says nothing while it runs"},
    [FLAG_AGENTS] = {"agents", 0, "ADDRESS,…",
                     "machines with weir load agent that share the load, such as a:7000,b:7000"},
    [FLAG_TOKEN] = {"token-file", 0, "FILE", "the secret that they want to know"},
    [FLAG_KNEE] = {"find-knee", 0, "CONDITIONS",
                   "the highest rate at which all hold, such as \"p99 < 50ms, errors < 0.1%\""},
    [FLAG_FROM] = {"from", 0, "RATE", "the lowest rate to try (20)"},
    [FLAG_TO] = {"to", 0, "RATE", "the highest (no bound)"},
    [FLAG_PROBE] = {"probe", 0, "TIME", "how long each rate is tried, each time (5s)"},
    [FLAG_CHECK] = {"check", 0, NULL, "says all that is wrong with the plan"},
    [FLAG_DRY] = {"dry-run", 0, NULL, "one iteration of each scenario, requests and responses printed"},
    [FLAG_SCHEMA] = {"schema", 0, NULL, "prints the JSON Schema of a plan's file, for editors"},
    [FLAG_REFERENCE] = {"reference", 0, NULL, "prints the reference page of plans"},
};

static int finish(struct load_job *job);

/* --- words --------------------------------------------------------------------------------------------------------- */

static const char *group_of(enum flag flag)
{
    if (flag < FLAG_AGENTS)
        return "Results";
    if (flag < FLAG_KNEE)
        return "Several machines";
    return flag < FLAG_CHECK ? "The knee of a server" : "Instead of running";
}

static int build_flags(struct cmd_flag *flags, const char **groups)
{
    int count = 0;
    for (size_t i = 0; i < load_flag_count; i++) {
        const struct load_flag *flag = &load_flags[i];
        flags[count] = (struct cmd_flag){flag->name, flag->letter, flag->value, flag->help};
        groups[count++] = flag->group;
    }
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        flags[count] = own_flags[i];
        groups[count++] = group_of((enum flag)i);
    }
    return count;
}

static enum err add_word(struct load_job *job, const char *name, const char *value)
{
    struct slice word = arena_printf(&job->arena, "--%s%s%s", name, value ? "=" : "", value ? value : "");
    return word.ptr ? load_inputs_add_word(&job->inputs, word) : ERR_NOMEM;
}

static int print_schema(struct load_job *job)
{
    struct slice schema;
    if (load_plan_schema_write(&job->arena, &schema) != ERR_OK)
        return cmd_fail("load", "out of memory");
    printf(SLICE_FMT "\n", SLICE_ARG(schema));
    return CMD_DONE;
}

static int print_reference(struct load_job *job)
{
    struct buffer page = buffer_in_arena(&job->arena, 65536);
    struct slice text;
    load_plan_reference_write(&page);
    if (buffer_finish(&page, &text) != ERR_OK)
        return cmd_fail("load", "out of memory");
    printf(SLICE_FMT, SLICE_ARG(text));
    return CMD_DONE;
}

static int take_progress(struct load_job *job, const char *value)
{
    static const char *const names[] = {
        [LOAD_VIEW_NONE] = "none", [LOAD_VIEW_TEXT] = "text", [LOAD_VIEW_JSON] = "json", [LOAD_VIEW_LIVE] = "live"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!slice_is(slice_of_text(value), names[i]))
            continue;
        job->view.kind = (enum load_view_kind)i;
        return -1;
    }
    return cmd_misuse("load", "--progress takes live, text, json or none, found \"%s\"", value);
}

static int take_knee(struct load_job *job, enum flag flag, const char *value)
{
    double ns = 0;
    bool is_good = true;
    if (flag == FLAG_KNEE)
        job->knee.conditions = value;
    else if (flag == FLAG_FROM)
        is_good = load_rate_parse(slice_of_text(value), &job->knee.from) == ERR_OK && job->knee.from > 0;
    else if (flag == FLAG_TO)
        is_good = load_rate_parse(slice_of_text(value), &job->knee.to) == ERR_OK && job->knee.to > 0;
    else
        is_good = load_time_parse(slice_of_text(value), &ns) == ERR_OK && ns >= PROBE_LEAST_NS && ns <= PROBE_MOST_NS;
    job->knee.probe_ns = flag == FLAG_PROBE ? (uint64_t)ns : job->knee.probe_ns;
    if (is_good)
        return -1;
    return cmd_misuse("load", "--%s takes %s, found \"%s\"", own_flags[flag].name,
                      flag == FLAG_PROBE ? "a time from 100ms to 1h" : "a rate such as 100 or 6000/min", value);
}

/* -1: go on. */
static int take_own(struct load_job *job, int flag, const char *value)
{
    switch (flag) {
    case FLAG_JSON:
        job->json_path = value;
        return -1;
    case FLAG_HTML:
        job->html_path = value;
        return -1;
    case FLAG_CSV:
        job->csv_prefix = value;
        return -1;
    case FLAG_HDR_LOG:
        job->hdr_log_path = value;
        return -1;
    case FLAG_JUNIT:
        job->junit_path = value;
        return -1;
    case FLAG_PROGRESS:
        return take_progress(job, value);
    case FLAG_QUIET:
        job->is_quiet = true;
        return -1;
    case FLAG_AGENTS:
        return load_agents_parse(job, value) ? -1 : CMD_USAGE;
    case FLAG_TOKEN:
        return load_token_read(&job->arena, "load", value, &job->agents.token) ? -1 : CMD_FAILED;
    case FLAG_KNEE:
    case FLAG_FROM:
    case FLAG_TO:
    case FLAG_PROBE:
        return take_knee(job, (enum flag)flag, value);
    case FLAG_CHECK:
        job->is_check = true;
        return -1;
    case FLAG_DRY:
        job->is_dry = true;
        return -1;
    case FLAG_SCHEMA:
        return print_schema(job);
    default:
        return print_reference(job);
    }
}

static int take_words(struct load_job *job, int argc, char **argv)
{
    struct cmd_flag flags[CMD_FLAGS_MAX];
    const char *groups[CMD_FLAGS_MAX];
    struct cmd_line line = {
        .command = "load",
        .usage = "[FLAGS] URL\n[FLAGS] PLAN.yaml\nagent [FLAGS]\nreport [-o FILE.html] RESULTS.json...\n"
                 "compare [--fail-if RULE]... BEFORE.json AFTER.json",
        .about =
            "Sends requests and measures the answers: one request to a URL, or what a plan says. Latency counts\n"
            "from the moment that a request was due. Ctrl-C ends it early, with results; the second one at once.\n",
        .flags = flags,
        .flag_count = build_flags(flags, groups),
        .groups = groups,
        .exits = LOAD_EXITS,
    };
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0) {
        bool is_own = (size_t)flag >= load_flag_count;
        int result = is_own ? take_own(job, flag - (int)load_flag_count, value) : -1;
        if (result >= 0)
            return result;
        if (!is_own && add_word(job, load_flags[flag].name, value) != ERR_OK)
            return cmd_misuse("load", "more than %d flags for the plan", LOAD_WORDS_MAX);
    }
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count != 1)
        return cmd_misuse("load", "name one URL, such as http://127.0.0.1:8080/, or the file of one plan");
    if (!load_knee_prepare(job, slice_of_text(line.arguments[0])))
        return CMD_USAGE;
    if (load_inputs_add_word(&job->inputs, slice_of_text(line.arguments[0])) != ERR_OK)
        return cmd_fail("load", "out of memory");
    return -1;
}

/* "weir load report ..." and the like: commands of their own. */
static int run_other(int argc, char **argv, bool *ret_is_other)
{
    struct slice word = argc > 1 ? slice_of_text(argv[1]) : (struct slice){0};
    *ret_is_other = true;
    if (slice_is(word, "agent"))
        return cmd_load_agent(argc - 1, argv + 1);
    if (slice_is(word, "report"))
        return cmd_load_report(argc - 1, argv + 1);
    if (slice_is(word, "compare"))
        return cmd_load_compare(argc - 1, argv + 1);
    *ret_is_other = false;
    return CMD_DONE;
}

int cmd_load(int argc, char **argv)
{
    bool is_other;
    int other = run_other(argc, argv, &is_other);
    if (is_other)
        return other;
    static struct load_job job;
    job.view = (struct load_view){
        .kind = terminal_is_there() ? LOAD_VIEW_LIVE : LOAD_VIEW_NONE,
        .out = stderr,
        .is_utf8 = terminal_is_utf8(),
        .has_color = terminal_has_color(),
        .columns = terminal_columns,
    };
    pool_init(&job.pool, 0, MEMORY_MAX);
    arena_init(&job.arena, &job.pool, 65536, MEMORY_MAX);
    load_inputs_init(&job.inputs, &job.arena);
    report_init(&job.report);
    int result = take_words(&job, argc, argv);
    if (result < 0)
        result = load_job_make(&job);
    if (result == CMD_DONE && job.made.plan)
        result = finish(&job);
    load_plan_drop(job.made.plan);
    report_deinit(&job.report);
    arena_reset(&job.arena);
    pool_deinit(&job.pool);
    return result;
}

int load_job_make(struct load_job *job)
{
    char memory[512];
    struct text fault = text_init(memory, sizeof memory);
    if (load_plan_make(&job->inputs, &job->arena, &job->report, &job->made) != ERR_OK)
        return cmd_fail("load", "out of memory");
    report_sort(&job->report);
    report_print(&job->report, stderr);
    if (!job->made.plan)
        return CMD_USAGE;
    if (!job->is_check && load_plan_resolve(&job->made, &fault) != ERR_OK)
        return cmd_fail("load", "%s", memory);
    return CMD_DONE;
}

/* --- running ------------------------------------------------------------------------------------------------------- */

static void on_signal(struct signals *signals, int number)
{
    struct load_job *job = CONTAINER_OF(signals, struct load_job, signals);
    if (job->is_cancelled)
        process_exit_now(128 + number);
    job->is_cancelled = true;
}

bool load_job_is_cancelled(void *owner)
{
    struct load_job *job = owner;
    loop_turn(&job->signal_loop, 0);
    return job->is_cancelled;
}

static int finish(struct load_job *job)
{
    static const int numbers[] = {SIGINT, SIGTERM, 0};
    if (job->is_check)
        return CMD_DONE;
    if (!job->is_dry && load_job_check_outputs(job) != CMD_DONE)
        return CMD_FAILED;
    signals_block(numbers);
    job->signals.on_signal = on_signal;
    if (loop_init(&job->signal_loop) != ERR_OK)
        return cmd_fail("load", "cannot make an event loop");
    int result = CMD_FAILED;
    if (signals_start(&job->signals, &job->signal_loop, numbers) == ERR_OK) {
        result = job->is_dry ? load_job_try(job) : job->knee.conditions ? load_job_find_knee(job) : load_job_run(job);
        signals_stop(&job->signals);
    } else {
        result = cmd_fail("load", "cannot wait for signals");
    }
    loop_deinit(&job->signal_loop);
    return result;
}
