/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/compile_int.h"

#include "load/plan/quantity.h"
#include "load/plan/target.h"
#include "load/wire.h"

#define PEM_BYTES_MAX ((size_t)1 << 20)
#define LINKS_MAX     1000000

static enum err compile_variables(struct compile *compile);
static enum err finish_variables(struct compile *compile);
static enum err compile_sources(struct compile *compile);
static void compile_generator(struct compile *compile);

enum err compile_plan(struct compile *compile)
{
    const struct load_spec *spec = compile->spec;
    struct load_plan *plan = compile->plan;
    TRY(compile_targets(compile));
    if (plan->target_count == 0)
        return ERR_OK; /* steps have nowhere to go; it was reported */
    TRY(compile_data(compile));
    TRY(compile_variables(compile));
    if (spec->scenarios.count || spec->steps.count)
        TRY(compile_scenarios(compile));
    else
        report_error(compile->report, (struct report_place){1, 1},
                     "a plan lacks \"steps\", or \"scenarios\" with steps");
    TRY(finish_variables(compile));
    compile_generator(compile);
    TRY(compile_load(compile));
    TRY(compile_sources(compile));
    plan->name = spec->name.len ? spec->name : plan->targets[0].url;
    return compile_thresholds(compile);
}

/* What is in the files, where there are any: the system's own authorities are looked at when the test begins. */
static enum err check_pem(struct compile *compile, const struct load_spec_target *spec,
                          const struct load_target *target)
{
    char memory[512];
    struct text why = text_init(memory, sizeof memory);
    if (!target->ca.len && !target->certificate.len)
        return ERR_OK;
    enum err err = load_target_check_tls(target, &why);
    if (err == ERR_INVALID)
        report_error(compile->report, spec->place, "%s", memory);
    return err == ERR_INVALID ? ERR_OK : err;
}

static enum err compile_pem(struct compile *compile, const struct load_spec_target *spec, struct load_target *target)
{
    if (spec->ca.ptr)
        target->ca = compile_file(compile, spec->ca, spec->place, PEM_BYTES_MAX);
    if (spec->certificate.ptr)
        target->certificate = compile_file(compile, spec->certificate, spec->place, PEM_BYTES_MAX);
    if (spec->key.ptr)
        target->key = compile_file(compile, spec->key, spec->place, PEM_BYTES_MAX);
    if (!spec->certificate.ptr != !spec->key.ptr)
        report_error(compile->report, spec->place, "`certificate` and `key` go together");
    else
        return check_pem(compile, spec, target);
    return ERR_OK;
}

static enum err compile_target(struct compile *compile, const struct load_spec_target *spec, struct load_target *target)
{
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    struct slice rest;
    if (!spec->url.text.ptr)
        return ERR_OK; /* reported as missing */
    enum err err = load_target_parse(spec->url.text, compile->arena, &fault, target, &rest);
    if (err == ERR_NOMEM)
        return ERR_NOMEM;
    if (err != ERR_OK) {
        report_error(compile->report, spec->url.place, "\"" SLICE_FMT "\" %s",
                     SLICE_ARG(slice_first(spec->url.text, REPORT_QUOTE_BYTES_MAX)), memory);
        return ERR_OK;
    }
    if (slice_find(rest, '?') < rest.len)
        report_error(compile->report, spec->url.place, "the url of a target has no query; steps have their own");
    while (rest.len && rest.ptr[rest.len - 1] == '/')
        rest.len--;
    target->path_prefix = rest;
    target->protocol = (enum load_protocol)spec->protocol;
    if (target->protocol == LOAD_HTTP_BY_ALPN && !target->is_tls)
        target->protocol = LOAD_HTTP1;
    target->is_unverified = !spec->is_verified;
    target->is_not_resumed = !spec->is_resumed;
    return compile_pem(compile, spec, target);
}

enum err compile_targets(struct compile *compile)
{
    const struct load_spec_target *specs = compile->spec->targets.items;
    uint32_t count = compile->spec->targets.count;
    if (count == 0) {
        report_error(compile->report, (struct report_place){1, 1}, "a plan lacks \"url\", or \"targets\"");
        return ERR_OK;
    }
    compile->targets = arena_alloc_array(compile->arena, count, sizeof *compile->targets);
    if (!compile->targets)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        TRY(compile_target(compile, &specs[i], &compile->targets[i]));
        if (i && !specs[i].name.ptr)
            report_error(compile->report, specs[i].place, "a target behind the first lacks \"name\"");
    }
    compile->plan->targets = compile->targets;
    compile->plan->target_count = count;
    return ERR_OK;
}

static enum err compile_variables(struct compile *compile)
{
    const struct option_member *members = compile->spec->variables.items;
    for (uint32_t i = 0; i < compile->spec->variables.count; i++)
        (void)compile_variable(compile, members[i].name, members[i].name_place);
    compile->initial_count = compile->variable_count;
    return ERR_OK;
}

/* Once all extracts are known. */
static enum err finish_variables(struct compile *compile)
{
    const struct option_member *members = compile->spec->variables.items;
    struct slice *names = arena_alloc_array(compile->arena, compile->variable_count, sizeof *names);
    struct slice *values = arena_alloc_array(compile->arena, compile->variable_count, sizeof *values);
    if (!names || !values)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < compile->variable_count; i++) {
        names[i] = compile->variables[i];
        values[i] = i < compile->initial_count ? members[i].value.text : SLICE_LIT("");
    }
    compile->plan->variables = names;
    compile->plan->values = values;
    compile->plan->variable_count = compile->variable_count;
    return ERR_OK;
}

static enum err compile_sources(struct compile *compile)
{
    const struct slice *texts = compile->spec->sources.items;
    uint32_t count = compile->spec->sources.count;
    struct address *sources = arena_alloc_array(compile->arena, count, sizeof *sources);
    if (!sources)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        bool is_v6 = slice_find(texts[i], ':') < texts[i].len;
        struct slice text =
            arena_printf(compile->arena, is_v6 ? "[" SLICE_FMT "]:0" : SLICE_FMT ":0", SLICE_ARG(texts[i]));
        if (!text.ptr)
            return ERR_NOMEM;
        if (address_parse(text, &sources[i]) != ERR_OK)
            report_error(compile->report, (struct report_place){0},
                         "\"sources\" takes addresses of this machine such as 127.0.0.2, found \"" SLICE_FMT "\"",
                         SLICE_ARG(slice_first(texts[i], REPORT_QUOTE_BYTES_MAX)));
    }
    compile->plan->sources = sources;
    compile->plan->source_count = count;
    return ERR_OK;
}

static void compile_generator(struct compile *compile)
{
    const struct load_spec *spec = compile->spec;
    struct load_plan *plan = compile->plan;
    uint64_t cpu = 0;
    bool is_pinned = option_text_is_set(&spec->cpu) && !slice_is(spec->cpu.text, "none");
    if (is_pinned && (text_parse_u64(spec->cpu.text, &cpu) != ERR_OK || cpu > 4095))
        report_error(compile->report, spec->cpu.place,
                     "\"cpu\" takes the number of a CPU, from 0, or none, found \"" SLICE_FMT "\"",
                     SLICE_ARG(slice_first(spec->cpu.text, REPORT_QUOTE_BYTES_MAX)));
    plan->first_cpu = is_pinned ? (int32_t)cpu : -1;
    plan->thread_count = spec->threads ? (uint32_t)spec->threads : 1;
    plan->spin_ns = spec->spin_ns;
    plan->pipelining = (uint32_t)spec->pipelining;
    plan->streams_max = (uint32_t)spec->streams;
    plan->is_kept_alive = spec->is_kept_alive;
    plan->seed = spec->seed;
    plan->interval_ns = spec->interval_ns;
    plan->lag_bound_ns = spec->valid.lag_ns;
    plan->error_bound = spec->valid.errors;
    if (!plan->is_kept_alive && plan->pipelining > 1)
        report_error(compile->report, (struct report_place){0}, "`pipelining` needs `keep_alive`");
}

/* Nothing of that is measured where no step streams. */
static void check_streams(struct compile *compile, const struct load_threshold *threshold, struct report_place place)
{
    bool is_of_stream = threshold->quantity == LOAD_Q_FIRST_TOKEN || threshold->quantity == LOAD_Q_BETWEEN_TOKENS ||
                        threshold->quantity == LOAD_Q_TOKENS || threshold->quantity == LOAD_Q_GOODPUT;
    bool has_stream = false;
    for (uint32_t i = 0; i < compile->plan->step_count; i++)
        if (threshold->step == UINT32_MAX || threshold->step == i)
            has_stream = has_stream || compile->plan->steps[i].kind == LOAD_STEP_CHAT;
    if (is_of_stream && !has_stream)
        report_error(compile->report, place, "only steps of `kind: chat` have tokens, and %s",
                     threshold->step == UINT32_MAX ? "there is none" : "this step is of another kind");
}

enum err compile_thresholds(struct compile *compile)
{
    const struct load_spec_threshold *specs = compile->spec->thresholds.items;
    uint32_t count = compile->spec->thresholds.count;
    struct load_threshold *thresholds = arena_alloc_array(compile->arena, count, sizeof *thresholds);
    if (!thresholds)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        char memory[512];
        struct text fault = text_init(memory, sizeof memory);
        if (!specs[i].condition.text.ptr)
            continue;
        if (load_threshold_parse(specs[i].condition.text, compile->plan, &fault, &thresholds[i]) != ERR_OK)
            report_error(compile->report, specs[i].condition.place, "%s", memory);
        else
            check_streams(compile, &thresholds[i], specs[i].condition.place);
        thresholds[i].stops_test = specs[i].stops_test;
    }
    compile->plan->thresholds = thresholds;
    compile->plan->threshold_count = count;
    return ERR_OK;
}

struct slice compile_file(struct compile *compile, struct slice path, struct report_place place, size_t bytes_max)
{
    struct slice content = {NULL, 0};
    enum err err = load_inputs_read(compile->inputs, path, bytes_max, &content);
    if (err != ERR_OK)
        report_error(compile->report, place, SLICE_FMT " cannot be read: %s", SLICE_ARG(path), err_text(err));
    return err == ERR_OK ? content : (struct slice){NULL, 0};
}
