/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios and their steps. */
#include "load/plan/compile_int.h"

#include "lib/json/writer.h"
#include "lib/options/scalar.h"
#include "lib/yaml/yaml.h"

#define BODY_FILE_MAX ((size_t)64 << 20)
#define NAME_MAX_LEN  128

static enum err compile_scenario(struct compile *compile, const struct load_spec_scenario *spec,
                                 struct load_scenario *scenario);
static enum err compile_step(struct compile *compile, const struct load_spec_step *spec, struct load_step *step);
static enum err compile_request(struct compile *compile, const struct load_spec_step *spec, struct load_step *step);
static enum err compile_body(struct compile *compile, const struct load_spec_step *spec, struct load_step *step);
static enum err compile_fields(struct compile *compile, const struct load_spec_step *spec, struct load_step *step);
static enum err name_step(struct compile *compile, const struct load_spec_step *spec, struct load_step *step,
                          struct slice path);
static void compile_think(struct compile *compile, const struct load_spec_step *spec, struct load_step *step);
static void find_besides(struct compile *compile, const struct load_spec_scenario *specs, uint32_t count);

static uint32_t count_steps(const struct load_spec_scenario *specs, uint32_t count)
{
    uint32_t steps = 0;
    for (uint32_t i = 0; i < count; i++)
        steps += specs[i].steps.count;
    return steps;
}

enum err compile_scenarios(struct compile *compile)
{
    const struct load_spec *spec = compile->spec;
    const struct load_spec_scenario alone = {.name.text = SLICE_LIT("default"), .weight = 1, .steps = spec->steps};
    const struct load_spec_scenario *specs = spec->scenarios.count ? spec->scenarios.items : &alone;
    uint32_t count = spec->scenarios.count ? spec->scenarios.count : 1;
    uint32_t steps = count_steps(specs, count);
    struct load_scenario *scenarios = arena_alloc_array(compile->arena, count, sizeof *scenarios);
    if (spec->scenarios.count && spec->steps.count)
        report_error(compile->report, ((const struct load_spec_step *)spec->steps.items)->place,
                     "a plan has `scenarios`, or `steps` where it is one; not both");
    if (steps > LOAD_STEPS_MAX) {
        report_error(compile->report, specs[0].place, "%u steps in all scenarios together; at most %d", steps,
                     LOAD_STEPS_MAX);
        return ERR_OK;
    }
    compile->steps = arena_alloc_array(compile->arena, steps, sizeof *compile->steps);
    if (!scenarios || !compile->steps)
        return ERR_NOMEM;
    compile->plan->steps = compile->steps;
    for (uint32_t i = 0; i < count; i++)
        TRY(compile_scenario(compile, &specs[i], &scenarios[i]));
    compile->plan->scenarios = scenarios;
    compile->plan->scenario_count = count;
    find_besides(compile, specs, count);
    return ERR_OK;
}

static enum err compile_scenario(struct compile *compile, const struct load_spec_scenario *spec,
                                 struct load_scenario *scenario)
{
    const struct load_spec_step *specs = spec->steps.items;
    *scenario = (struct load_scenario){.name = spec->name.text,
                                       .weight = spec->weight,
                                       .steps = &compile->steps[compile->plan->step_count],
                                       .step_count = spec->steps.count};
    for (uint32_t i = 0; i < LOAD_VARIABLES_MAX; i++)
        compile->is_set[i] = i < compile->initial_count;
    for (uint32_t i = 0; i < spec->steps.count; i++) {
        struct load_step *step = &compile->steps[compile->plan->step_count];
        step->index = compile->plan->step_count;
        TRY(compile_step(compile, &specs[i], step));
        compile->plan->step_count++;
    }
    return ERR_OK;
}

static uint32_t find_target(struct compile *compile, const struct option_text *name)
{
    const char *names[LOAD_TARGETS_MAX];
    const struct load_spec_target *specs = compile->spec->targets.items;
    size_t count = 0;
    if (!option_text_is_set(name))
        return 0;
    for (uint32_t i = 0; i < compile->spec->targets.count; i++) {
        if (slice_equal(specs[i].name, name->text))
            return i;
        if (specs[i].name.ptr)
            names[count++] = specs[i].name.ptr;
    }
    const struct report_unknown unknown = {.kind = "target",
                                           .name = name->text,
                                           .nearest = text_nearest(name->text, names, count),
                                           .otherwise = "`targets` names them"};
    report_unknown(compile->report, name->place, &unknown);
    return 0;
}

/* A slip that is made often, and that shows only when a test has run. */
static void check_stream(struct compile *compile, const struct load_spec_step *spec, const struct load_step *step)
{
    bool says_stream = spec->body_file.ptr || !step->body.count;
    for (uint32_t i = 0; i < step->body.count; i++) {
        struct slice text = step->body.pieces[i].text;
        says_stream = says_stream || (text.len && memmem(text.ptr, text.len, "\"stream\"", 8));
    }
    if (step->kind == LOAD_STEP_CHAT && !says_stream)
        report_warning(compile->report, spec->place,
                       "the response is to be a stream, and the body does not ask for one with \"stream\": true");
}

static enum err compile_step(struct compile *compile, const struct load_spec_step *spec, struct load_step *step)
{
    step->kind = (enum load_step_kind)spec->kind;
    step->target = find_target(compile, &spec->target);
    step->timeout_ns = spec->timeout_ns;
    step->slo_first_token_ns = spec->slo.first_token_ns;
    step->slo_token_ns = spec->slo.between_tokens_ns;
    step->slo_total_ns = spec->slo.total_ns;
    step->beside = UINT32_MAX;
    TRY(compile_request(compile, spec, step));
    TRY(compile_body(compile, spec, step));
    check_stream(compile, spec, step);
    TRY(compile_fields(compile, spec, step));
    compile_think(compile, spec, step);
    TRY(compile_response(compile, spec, step));
    step->is_literal = load_template_is_literal(&step->path) && load_template_is_literal(&step->body);
    for (uint32_t i = 0; i < step->field_count; i++)
        step->is_literal = step->is_literal && load_template_is_literal(&step->fields[i].value);
    return ERR_OK;
}

static bool has_body(const struct load_spec_step *spec)
{
    return option_text_is_set(&spec->body) || spec->json || spec->body_file.ptr;
}

/* Method and path, of `request` or one by one. */
static enum err compile_request(struct compile *compile, const struct load_spec_step *spec, struct load_step *step)
{
    struct option_text path = spec->path;
    struct slice method = spec->method.text;
    if (option_text_is_set(&spec->request)) {
        struct slice rest = slice_trim(spec->request.text);
        bool has_method = !slice_starts(rest, SLICE_LIT("/")) && !slice_starts(rest, SLICE_LIT("${"));
        size_t space = has_method ? slice_find(rest, ' ') : rest.len;
        path = (struct option_text){rest, spec->request.place};
        if (space < rest.len) {
            method = slice_first(rest, space);
            path.text = slice_trim(slice_skip(rest, space));
        }
        if (option_text_is_set(&spec->path) || option_text_is_set(&spec->method))
            report_error(compile->report, spec->place, "a step has `request`, or `method` and `path`; not both");
    }
    if (!path.text.len)
        report_error(compile->report, spec->place,
                     "a step lacks \"request\", such as GET /items, or \"path\" with or without \"method\"");
    else if (path.text.ptr[0] != '/' && !slice_starts(path.text, SLICE_LIT("${")))
        report_error(compile->report, path.place, "a path begins with \"/\", found \"" SLICE_FMT "\"",
                     SLICE_ARG(slice_first(path.text, REPORT_QUOTE_BYTES_MAX)));
    if (method.ptr && !http_is_token(method))
        report_error(compile->report, spec->place, "\"" SLICE_FMT "\" is no method",
                     SLICE_ARG(slice_first(method, REPORT_QUOTE_BYTES_MAX)));
    step->method = method.ptr       ? arena_copy(compile->arena, method)
                   : has_body(spec) ? SLICE_LIT("POST")
                                    : SLICE_LIT("GET");
    TRY(name_step(compile, spec, step, path.text));
    const struct load_target *target = &compile->targets[step->target];
    struct option_text whole = {.place = path.place};
    whole.text =
        arena_printf(compile->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(target->path_prefix), SLICE_ARG(path.text));
    if (!whole.text.ptr || !step->method.ptr)
        return ERR_NOMEM;
    for (size_t i = 0; i < path.text.len; i++)
        if ((unsigned char)path.text.ptr[i] <= ' ' && slice_find(path.text, '$') == path.text.len) {
            report_error(compile->report, path.place, "a path has no spaces; write %%20");
            break;
        }
    return compile_template(compile, &whole, LOAD_ESCAPE_PATH, &step->path);
}

static bool is_taken(const struct compile *compile, struct slice name)
{
    for (uint32_t i = 0; i < compile->plan->step_count; i++)
        if (slice_equal(compile->steps[i].name, name))
            return true;
    return false;
}

/* Names that were given must differ; those that are made of method and path get a number where they do not. */
static enum err name_step(struct compile *compile, const struct load_spec_step *spec, struct load_step *step,
                          struct slice path)
{
    if (option_text_is_set(&spec->name)) {
        step->name = spec->name.text;
        if (is_taken(compile, step->name))
            report_error(compile->report, spec->name.place,
                         "another step is called \"" SLICE_FMT "\"; names of steps are unique in a plan",
                         SLICE_ARG(step->name));
        return ERR_OK;
    }
    step->name = arena_printf(compile->arena, SLICE_FMT " " SLICE_FMT, SLICE_ARG(step->method),
                              SLICE_ARG(slice_first(path, NAME_MAX_LEN)));
    struct slice base = step->name;
    for (unsigned i = 2; step->name.ptr && is_taken(compile, step->name); i++)
        step->name = arena_printf(compile->arena, SLICE_FMT " (%u)", SLICE_ARG(base), i);
    return step->name.ptr ? ERR_OK : ERR_NOMEM;
}

/* ${...} alone and without quotes is not a text: what it stands for is the JSON. */
static bool is_value(struct slice text)
{
    return slice_starts(text, SLICE_LIT("${")) && slice_find(text, '}') == text.len - 1;
}

static bool looks_like_json(struct slice text)
{
    for (; text.len; text = slice_skip(text, 1))
        if (text.ptr[0] != ' ' && text.ptr[0] != '\n' && text.ptr[0] != '\r' && text.ptr[0] != '\t')
            return text.ptr[0] == '{' || text.ptr[0] == '[';
    return false;
}

static enum err compile_body(struct compile *compile, const struct load_spec_step *spec, struct load_step *step)
{
    if (option_text_is_set(&spec->body) + !!spec->json + !!spec->body_file.ptr > 1)
        report_error(compile->report, spec->place, "a step has one of `body`, `json` and `body_file`");
    if (spec->body_file.ptr) {
        struct load_piece *piece = arena_alloc_zero(compile->arena, sizeof *piece);
        if (!piece)
            return ERR_NOMEM;
        piece->text = compile_file(compile, spec->body_file, spec->place, BODY_FILE_MAX);
        step->body = (struct load_template){.pieces = piece, .count = piece->text.len ? 1 : 0};
        return ERR_OK;
    }
    if (!spec->json)
        return compile_template(compile, &spec->body,
                                looks_like_json(spec->body.text) ? LOAD_ESCAPE_JSON : LOAD_ESCAPE_NONE, &step->body);
    struct option_text text = {.place = spec->json->place};
    struct json_writer writer = json_writer_in_arena(compile->arena, 0);
    yaml_write_json_of(spec->json, is_value, &writer);
    TRY(json_writer_finish(&writer, &text.text));
    return compile_template(compile, &text, LOAD_ESCAPE_JSON, &step->body);
}

static void check_field(struct compile *compile, const struct option_member *member)
{
    static const char *const ours[] = {"content-length", "transfer-encoding", "connection"};
    if (!http_is_token(member->name))
        report_error(compile->report, member->name_place, "\"" SLICE_FMT "\" is no name of a header field",
                     SLICE_ARG(slice_first(member->name, REPORT_QUOTE_BYTES_MAX)));
    if (!http_is_value(member->value.text))
        report_error(compile->report, member->value.place, "a header field has no control characters in it");
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (slice_equal_nocase(member->name, slice_of_text(ours[i])))
            report_error(compile->report, member->name_place, "%s is made of the body and `keep_alive`", ours[i]);
}

static enum err compile_fields(struct compile *compile, const struct load_spec_step *spec, struct load_step *step)
{
    static const struct option_text json_type = {.text = SLICE_LIT("application/json")};
    const struct option_member *members = spec->headers.items;
    struct load_field *fields = arena_alloc_array(compile->arena, spec->headers.count + 1, sizeof *fields);
    bool has_type = !spec->json;
    if (!fields)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < spec->headers.count; i++) {
        check_field(compile, &members[i]);
        fields[i].name = members[i].name;
        TRY(compile_template(compile, &members[i].value, LOAD_ESCAPE_NONE, &fields[i].value));
        has_type = has_type || slice_equal_nocase(members[i].name, SLICE_LIT("content-type"));
    }
    step->fields = fields;
    step->field_count = spec->headers.count;
    if (has_type)
        return ERR_OK;
    fields[step->field_count].name = SLICE_LIT("content-type");
    return compile_template(compile, &json_type, LOAD_ESCAPE_NONE, &fields[step->field_count++].value);
}

static void compile_think(struct compile *compile, const struct load_spec_step *spec, struct load_step *step)
{
    const struct slice *texts = spec->think.items;
    uint64_t bounds[2] = {0, 0};
    for (uint32_t i = 0; i < spec->think.count; i++)
        if (duration_parse(texts[i], &bounds[i]) != ERR_OK)
            report_error(compile->report, spec->place,
                         "\"think\" takes times such as 500ms or 2s, found \"" SLICE_FMT "\"",
                         SLICE_ARG(slice_first(texts[i], REPORT_QUOTE_BYTES_MAX)));
    if (spec->think.count == 2 && bounds[0] > bounds[1])
        report_error(compile->report, spec->place, "\"think\" takes the least time first");
    step->think_least_ns = bounds[0];
    step->think_most_ns = bounds[spec->think.count == 2];
}

static void find_beside(struct compile *compile, const struct load_spec_step *spec, struct load_step *step)
{
    const char *names[LOAD_STEPS_MAX];
    if (!option_text_is_set(&spec->beside))
        return;
    for (uint32_t i = 0; i < compile->plan->step_count; i++) {
        names[i] = compile->steps[i].name.ptr;
        if (slice_equal(compile->steps[i].name, spec->beside.text))
            step->beside = i;
    }
    if (step->beside != UINT32_MAX)
        return;
    const struct report_unknown unknown = {.kind = "step",
                                           .name = spec->beside.text,
                                           .nearest = text_nearest(spec->beside.text, names, compile->plan->step_count),
                                           .otherwise = "it is the `name` of another step"};
    report_unknown(compile->report, spec->beside.place, &unknown);
}

/* Once all steps have their names. */
static void find_besides(struct compile *compile, const struct load_spec_scenario *specs, uint32_t count)
{
    struct load_step *step = compile->steps;
    for (uint32_t s = 0; s < count; s++)
        for (uint32_t i = 0; i < specs[s].steps.count; i++)
            find_beside(compile, &((const struct load_spec_step *)specs[s].steps.items)[i], step++);
}
