/* SPDX-License-Identifier: Apache-2.0 */
/* weir load --find-knee: one plan at many rates, here or by agents. */
#include "cmd/load/origin.h"

#include "lib/sys/clock.h"
#include "load/knee.h"
#include "load/plan/quantity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULT_BYTES 512
#define PAUSE_NS    (50 * NS_PER_MS) /* between looks for Ctrl-C */

struct search {
    struct load_job *job;
    struct load_knee_options options;
    struct load_threshold criteria[LOAD_KNEE_CRITERIA_MAX];
    FILE *out;
    bool has_failed; /* a probe could not be run, and it was said why */
};

/* --- the plan ----------------------------------------------------------------------------------------------------- */

static bool has_word(const struct load_job *job, const char *prefix)
{
    for (uint32_t i = 0; i < job->inputs.word_count; i++)
        if (slice_starts(job->inputs.words[i], slice_of_text(prefix)))
            return true;
    return false;
}

bool load_knee_prepare(struct load_job *job, struct slice last)
{
    bool needs_rate = !has_word(job, "--rate=") && !has_word(job, "--stages=");
    enum err err = ERR_OK;
    if (!job->knee.conditions) {
        if (job->knee.from > 0 || job->knee.to > 0 || job->knee.probe_ns)
            (void)cmd_misuse("load", "--from, --to and --probe belong to --find-knee");
        return job->knee.from <= 0 && job->knee.to <= 0 && !job->knee.probe_ns;
    }
    if (job->html_path || job->csv_prefix || job->hdr_log_path || job->junit_path) {
        (void)cmd_misuse("load", "--find-knee writes --json only");
        return false;
    }
    if (job->knee.to > 0 && job->knee.to < job->knee.from) {
        (void)cmd_misuse("load", "--to is below --from");
        return false;
    }
    if (load_word_is_plan(last))
        return true;
    if (needs_rate)
        err = load_inputs_add_word(&job->inputs, SLICE_LIT("--rate=100"));
    if (err == ERR_OK && !has_word(job, "--arrival="))
        err = load_inputs_add_word(&job->inputs, SLICE_LIT("--arrival=poisson"));
    if (err != ERR_OK)
        (void)cmd_fail("load", "out of memory");
    return err == ERR_OK;
}

static bool parse_conditions(struct search *search)
{
    char memory[FAULT_BYTES];
    struct slice rest = slice_of_text(search->job->knee.conditions);
    while (rest.ptr) {
        struct text fault = text_init(memory, sizeof memory);
        struct slice text = slice_trim(slice_cut(&rest, ','));
        uint32_t count = search->options.criterion_count;
        if (count == LOAD_KNEE_CRITERIA_MAX) {
            (void)cmd_misuse("load", "--find-knee takes at most %d conditions", LOAD_KNEE_CRITERIA_MAX);
            return false;
        }
        if (load_threshold_parse(text, search->job->made.plan, &fault, &search->criteria[count]) != ERR_OK) {
            (void)cmd_misuse(
                "load", "--find-knee takes conditions such as \"p99 < 50ms, errors < 0.1%%\": \"" SLICE_FMT "\" %s",
                SLICE_ARG(text), memory);
            return false;
        }
        search->criteria[count].text = text;
        search->options.criterion_count++;
    }
    return true;
}

/* --- probes ------------------------------------------------------------------------------------------------------- */

static enum err run_probe(void *owner, const struct load_plan *plan, const struct load_probe *probe,
                          struct load_results *results)
{
    struct search *search = owner;
    struct load_origin origin;
    if (load_job_is_cancelled(search->job))
        return ERR_CANCELLED;
    enum err err = load_origin_open(search->job, plan, probe, &origin);
    if (err != ERR_OK) {
        search->has_failed = err != ERR_CANCELLED;
        return err;
    }
    struct load_session_options options = {
        .plan = plan,
        .source = origin.source,
        .begin_ns = load_origin_begin(&origin),
        .is_cancelled = load_job_is_cancelled,
        .owner = search->job,
    };
    err = load_session_run(&options, results);
    load_origin_close(&origin);
    return err;
}

static void pause_for(void *owner, uint64_t ns)
{
    struct search *search = owner;
    uint64_t end_ns = clock_now_ns() + ns;
    while (clock_now_ns() < end_ns && !load_job_is_cancelled(search->job))
        clock_sleep_ns(PAUSE_NS);
}

static void print_probe(void *owner, const struct load_knee_probe *probe)
{
    struct search *search = owner;
    if (search->job->is_quiet)
        return;
    load_knee_print_probe(&search->options, probe, search->out);
    (void)fflush(search->out);
}

/* --- what came of it ---------------------------------------------------------------------------------------------- */

static int write_json(const struct search *search, const struct load_knee *knee)
{
    const char *path = search->job->json_path;
    bool is_standard = strcmp(path, "-") == 0;
    FILE *out = is_standard ? stdout : fopen(path, "w");
    bool is_written = out && load_knee_write_json(&search->options, knee, out) == ERR_OK;
    if (out && !is_standard && fclose(out) != 0)
        is_written = false;
    return is_written ? CMD_DONE : cmd_fail("load", "%s cannot be written", path);
}

static int verdict_of(const struct load_knee *knee)
{
    static const int exits[] = {
        [LOAD_KNEE_FOUND] = CMD_DONE,
        [LOAD_KNEE_ALL_HOLD] = CMD_DONE,
        [LOAD_KNEE_NONE_HOLDS] = LOAD_EXIT_THRESHOLDS,
        [LOAD_KNEE_BY_GENERATOR] = LOAD_EXIT_INVALID,
        [LOAD_KNEE_ENDED] = LOAD_EXIT_CANCELLED,
    };
    return exits[knee->end];
}

static int finish(const struct search *search, enum err err, const struct load_knee *knee)
{
    if (search->has_failed)
        return CMD_FAILED;
    if (err != ERR_OK && err != ERR_CANCELLED && err != ERR_LIMIT)
        return cmd_fail("load", "%s", err_text(err));
    load_knee_print(&search->options, knee, search->out);
    if (search->job->json_path && write_json(search, knee) != CMD_DONE)
        return CMD_FAILED;
    return err == ERR_LIMIT ? cmd_fail("load", "not found with %u probes", knee->probe_count) : verdict_of(knee);
}

int load_job_find_knee(struct load_job *job)
{
    bool has_standard = job->json_path && strcmp(job->json_path, "-") == 0;
    struct search search = {.job = job, .out = has_standard ? stderr : stdout};
    struct load_knee *knee = calloc(1, sizeof *knee);
    if (!knee)
        return cmd_fail("load", "out of memory");
    search.options = (struct load_knee_options){.plan = job->made.plan,
                                                .criteria = search.criteria,
                                                .from = job->knee.from,
                                                .to = job->knee.to,
                                                .probe_ns = job->knee.probe_ns,
                                                .warm_ns = job->made.plan->warm_ns,
                                                .run = run_probe,
                                                .pause = pause_for,
                                                .on_probe = print_probe,
                                                .owner = &search};
    int result = CMD_USAGE;
    if (parse_conditions(&search)) {
        enum err err = load_knee_search(&search.options, knee);
        result = finish(&search, err, knee);
    }
    free(knee);
    return result;
}
