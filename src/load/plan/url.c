/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/url.h"

#include "lib/sys/clock.h"
#include "load/plan/target.h"

/* What a plan of one step points to. */
struct parts {
    struct load_plan plan;
    struct load_target target;
    struct load_scenario scenario;
    struct load_step step;
    struct load_stage stage;
    struct load_piece path;
    struct load_piece body;
};

static struct load_template literal(struct load_piece *piece, struct slice text)
{
    *piece = (struct load_piece){.kind = LOAD_PIECE_TEXT, .text = text};
    return (struct load_template){.pieces = piece, .count = text.len ? 1 : 0};
}

static enum err add_fields(const struct load_url_options *options, struct arena *arena, struct text *fault,
                           struct load_step *step)
{
    struct load_field *fields = arena_alloc_array(arena, options->header_count, sizeof *fields);
    struct load_piece *pieces = arena_alloc_array(arena, options->header_count, sizeof *pieces);
    if (!fields || !pieces)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < options->header_count; i++) {
        struct slice rest = options->headers[i];
        fields[i].name = slice_trim(slice_cut(&rest, ':'));
        fields[i].value = literal(&pieces[i], slice_trim(rest));
        if (!rest.ptr || !http_is_token(fields[i].name) || !http_is_value(slice_trim(rest))) {
            text_printf(fault, "\"" SLICE_FMT "\" is no header such as \"Accept: text/html\"",
                        SLICE_ARG(options->headers[i]));
            return ERR_SYNTAX;
        }
    }
    step->fields = fields;
    step->field_count = options->header_count;
    return ERR_OK;
}

static enum err add_step(const struct load_url_options *options, struct arena *arena, struct text *fault,
                         struct parts *parts)
{
    struct slice rest;
    TRY(load_target_parse(options->url, arena, fault, &parts->target, &rest));
    TRY(load_target_resolve(&parts->target, fault));
    struct slice path = rest.len && rest.ptr[0] == '/' ? rest : arena_printf(arena, "/" SLICE_FMT, SLICE_ARG(rest));
    struct slice method = options->method.len ? options->method
                          : options->body.len ? SLICE_LIT("POST")
                                              : SLICE_LIT("GET");
    parts->step = (struct load_step){
        .name = arena_printf(arena, SLICE_FMT " " SLICE_FMT, SLICE_ARG(method), SLICE_ARG(path)),
        .method = method,
        .path = literal(&parts->path, path),
        .body = literal(&parts->body, options->body),
        .is_literal = true,
        .timeout_ns = options->timeout_ns,
        .beside = UINT32_MAX,
    };
    return path.ptr && parts->step.name.ptr ? add_fields(options, arena, fault, &parts->step) : ERR_NOMEM;
}

enum err load_plan_of_url(const struct load_url_options *options, struct arena *arena, struct text *fault,
                          struct load_plan **ret_plan)
{
    struct parts *parts = arena_alloc_zero(arena, sizeof *parts);
    if (!parts)
        return ERR_NOMEM;
    TRY(add_step(options, arena, fault, parts));
    double level = options->rate > 0 ? options->rate : options->connections;
    parts->scenario =
        (struct load_scenario){.name = SLICE_LIT("default"), .weight = 1, .steps = &parts->step, .step_count = 1};
    parts->stage = (struct load_stage){.duration_ns = options->duration_ns, .from = level, .to = level};
    parts->plan = (struct load_plan){
        .name = parts->target.url,
        .targets = &parts->target,
        .target_count = 1,
        .scenarios = &parts->scenario,
        .scenario_count = 1,
        .steps = &parts->step,
        .step_count = 1,
        .arrival = options->rate > 0 ? LOAD_CONSTANT : LOAD_CLOSED,
        .stages = &parts->stage,
        .stage_count = 1,
        .drain_ns = 5 * NS_PER_S,
        .iterations_max = options->iterations_max,
        .connections_max = options->connections,
        .pipelining = 1,
        .streams_max = 100,
        .is_kept_alive = true,
        .thread_count = options->threads,
        .first_cpu = -1,
        .seed = 1,
        .interval_ns = NS_PER_S,
        .lag_bound_ns = 10 * NS_PER_MS,
        .error_bound = 0.05,
    };
    *ret_plan = &parts->plan;
    return ERR_OK;
}
