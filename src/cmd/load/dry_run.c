/* SPDX-License-Identifier: Apache-2.0 */
/* One iteration of each scenario, for whoever writes a plan: what goes out, what comes back, which checks hold and what was taken out. */
#include "cmd/load/job.h"

#include "lib/base/utf8.h"
#include "lib/regex/regex.h"
#include "lib/sys/clock.h"
#include "load/fetch.h"
#include "load/results/format.h"
#include "load/values.h"

#include <stdio.h>
#include <stdlib.h>

#define SHOWN_BYTES 4096 /* of a body */
#define BODY_MAX    ((size_t)64 << 20)

struct trial {
    struct load_job *job;
    const struct load_plan *plan;
    struct loop loop;
    struct load_wire *wire;
    struct load_fetch fetch;
    struct load_request request;
    struct load_values values;
    struct slice variables[LOAD_VARIABLES_MAX];
    uint32_t *rows;
    uint64_t sequence;
    struct load_random random;
    uint32_t wrong; /* steps */
};

static int try_scenarios(struct trial *trial);
static enum err try_step(struct trial *trial, const struct load_step *step, bool *ret_goes_on);

static bool is_cancelled(void *owner)
{
    return load_job_is_cancelled(((struct trial *)owner)->job);
}

/* --- printing -------------------------------------------------------------------------------------------------------- */

/* Tabs are all right, and the line end of HTTP is one. */
static void print_line(struct slice line)
{
    line = line.len && line.ptr[line.len - 1] == '\r' ? slice_first(line, line.len - 1) : line;
    for (bool is_first = true; line.len || is_first; is_first = false) {
        if (!is_first)
            putchar('\t');
        format_shown(slice_cut(&line, '\t'), stdout);
    }
}

static void print_text(const char *prefix, struct slice text)
{
    struct slice shown = utf8_first(text, SHOWN_BYTES);
    if (!utf8_is_valid(text)) {
        printf("%s(%zu bytes that are no text)\n", prefix, text.len);
        return;
    }
    while (shown.ptr && shown.len) {
        struct slice line = slice_cut(&shown, '\n');
        fputs(prefix, stdout);
        print_line(line);
        putchar('\n');
    }
    if (text.len > SHOWN_BYTES)
        printf("%s... %zu bytes in all\n", prefix, text.len);
}

static void print_request(const struct trial *trial, const struct load_step *step)
{
    const struct load_request *request = &trial->request;
    putchar('\n');
    print_line(step->name);
    printf("\n  > " SLICE_FMT " ", SLICE_ARG(request->method));
    print_line(request->path);
    putchar('\n');
    bool has_host = false;
    for (uint32_t i = 0; i < request->field_count; i++)
        has_host = has_host || slice_equal_nocase(request->fields[i].name, SLICE_LIT("host"));
    if (!has_host)
        printf("  > host: " SLICE_FMT "\n", SLICE_ARG(trial->plan->targets[step->target].authority));
    for (uint32_t i = 0; i < request->field_count; i++) {
        printf("  > " SLICE_FMT ": ", SLICE_ARG(request->fields[i].name));
        print_line(request->fields[i].value);
        putchar('\n');
    }
    if (request->body.len)
        puts("  >");
    print_text("  > ", request->body);
}

static void print_response(const struct trial *trial, struct slice body)
{
    printf("  < %u, %.3f ms\n", trial->fetch.head.status,
           (double)(trial->fetch.exchange.received_ns - trial->fetch.exchange.sent_ns) / 1e6);
    for (uint32_t i = 0; i < trial->fetch.head.header_count; i++) {
        printf("  < " SLICE_FMT ": ", SLICE_ARG(trial->fetch.headers[i].name));
        print_text("", trial->fetch.headers[i].value);
        if (trial->fetch.headers[i].value.len == 0)
            putchar('\n');
    }
    if (body.len)
        puts("  <");
    print_text("  < ", body);
}

/* --- steps ----------------------------------------------------------------------------------------------------------- */

static enum err fill(struct trial *trial, const struct load_template *template, struct slice *ret_text)
{
    struct buffer out = buffer_in_arena(&trial->job->arena, 256);
    TRY(load_fill(template, &trial->values, &out));
    return buffer_finish(&out, ret_text);
}

static enum err make_request(struct trial *trial, const struct load_step *step)
{
    struct http2_field *fields = arena_alloc_array(&trial->job->arena, step->field_count, sizeof *fields);
    if (!fields)
        return ERR_NOMEM;
    trial->request = (struct load_request){.method = step->method, .fields = fields, .field_count = step->field_count};
    for (uint32_t i = 0; i < step->field_count; i++) {
        fields[i].name = step->fields[i].name;
        TRY(fill(trial, &step->fields[i].value, &fields[i].value));
    }
    TRY(fill(trial, &step->path, &trial->request.path));
    return fill(trial, &step->body, &trial->request.body);
}

static bool judge(struct trial *trial, const struct load_step *step, struct slice body, bool *ret_goes_on)
{
    struct load_response response = {.head = &trial->fetch.head,
                                     .body = body,
                                     .latency_ns = trial->fetch.exchange.received_ns - trial->fetch.exchange.sent_ns};
    bool is_right = step->has_status_check || (trial->fetch.head.status >= 200 && trial->fetch.head.status < 400);
    if (!is_right)
        printf("  FAILS status %u is not 2xx or 3xx\n", trial->fetch.head.status);
    int failed = load_check_all(step, &response, &trial->values, &trial->job->arena);
    for (int i = 0; i < (failed < 0 ? (int)step->check_count : failed + 1); i++) {
        printf("  %s ", i == failed ? "FAILS" : "holds");
        print_line(step->checks[i].name);
        putchar('\n');
    }
    *ret_goes_on = load_extract_all(step, &response, &trial->values, &trial->job->arena) == ERR_OK;
    for (uint32_t i = 0; i < step->extract_count; i++) {
        uint32_t variable = step->extracts[i].variable;
        fputs("  ${", stdout);
        print_line(trial->plan->variables[variable]);
        fputs("} = ", stdout);
        print_text("", trial->variables[variable]);
        if (trial->variables[variable].len == 0)
            putchar('\n');
    }
    if (!*ret_goes_on)
        puts("  FAILS a value that is to be taken out is not in the response");
    is_right = is_right && failed < 0 && *ret_goes_on;
    *ret_goes_on = is_right || step->extract_count == 0;
    return is_right;
}

static enum err try_step(struct trial *trial, const struct load_step *step, bool *ret_goes_on)
{
    TRY(make_request(trial, step));
    print_request(trial, step);
    trial->fetch.target = &trial->plan->targets[step->target];
    trial->fetch.timeout_ns = step->timeout_ns;
    enum load_failure failure = load_fetch(&trial->fetch, trial->wire);
    *ret_goes_on = true;
    if (failure != LOAD_FAILURE_NONE) {
        const char *why = load_wire_reason(trial->wire);
        printf("  FAILS %s%s%s\n", load_failure_name(failure), *why ? ": " : "", why);
        trial->wrong++;
        *ret_goes_on = false; /* as in a test */
        return ERR_OK;
    }
    print_response(trial, trial->fetch.body);
    trial->wrong += !judge(trial, step, trial->fetch.body, ret_goes_on);
    return ERR_OK;
}

static enum err try_scenario(struct trial *trial, const struct load_scenario *scenario)
{
    bool goes_on = true;
    printf("%sscenario ", scenario == trial->plan->scenarios ? "" : "\n");
    print_line(scenario->name);
    putchar('\n');
    for (uint32_t i = 0; i < trial->plan->variable_count; i++)
        trial->variables[i] = trial->plan->values[i];
    for (uint32_t i = 0; goes_on && i < scenario->step_count; i++) {
        if (load_job_is_cancelled(trial->job))
            return ERR_CANCELLED;
        TRY(try_step(trial, &scenario->steps[i], &goes_on));
    }
    if (!goes_on)
        puts("  the iteration ends here");
    trial->values.iteration++;
    return ERR_OK;
}

static int try_scenarios(struct trial *trial)
{
    for (uint32_t i = 0; i < trial->plan->scenario_count; i++) {
        enum err err = try_scenario(trial, &trial->plan->scenarios[i]);
        if (err == ERR_CANCELLED)
            return LOAD_EXIT_CANCELLED;
        if (err != ERR_OK)
            return cmd_fail("load", "%s", err_text(err));
    }
    return trial->wrong ? CMD_FAILED : CMD_DONE;
}

int load_job_try(struct load_job *job)
{
    static struct trial trial;
    int result = CMD_FAILED;
    trial =
        (struct trial){.job = job, .plan = job->made.plan, .sequence = 1, .random = {.state = job->made.plan->seed}};
    trial.rows = arena_alloc_array(&job->arena, trial.plan->data_count + 1, sizeof *trial.rows);
    trial.fetch = (struct load_fetch){.request = &trial.request,
                                      .arena = &job->arena,
                                      .body_bytes_max = BODY_MAX,
                                      .is_cancelled = is_cancelled,
                                      .owner = &trial};
    trial.values = (struct load_values){.plan = trial.plan,
                                        .variables = trial.variables,
                                        .rows = trial.rows,
                                        .sequence = &trial.sequence,
                                        .sequence_stride = 1,
                                        .random = &trial.random};
    if (!trial.rows || loop_init(&trial.loop) != ERR_OK)
        return cmd_fail("load", "out of memory");
    if (load_wire_create(trial.plan, &trial.loop, &trial.wire) == ERR_OK) {
        if (regex_work_create(LOAD_REGEX_STEPS_MAX, &trial.values.regex_work) == ERR_OK)
            result = try_scenarios(&trial);
        regex_work_destroy(trial.values.regex_work);
        load_wire_destroy(trial.wire);
    }
    loop_deinit(&trial.loop);
    return result;
}
