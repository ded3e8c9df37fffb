/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/make.h"

#include "lib/options/fill.h"
#include "lib/regex/regex.h"
#include "load/plan/compile_int.h"
#include "load/plan/flags.h"
#include "load/plan/target.h"

#define PLAN_BYTES_MAX ((size_t)4 << 20)

/* From words to the spec. */
struct making {
    struct load_inputs *inputs;
    struct fill fill;
    struct load_spec *spec;
    struct load_spec_step step; /* of a URL */
    struct slice source;        /* the word that is no flag */
    bool is_read;               /* there is a spec, with or without mistakes */
};

static enum err read_plan(struct making *making);
static enum err read_url(struct making *making);
static enum err apply_flags(struct making *making, struct load_spec_step *step);

bool load_word_is_plan(struct slice word)
{
    bool has_scheme = memmem(word.ptr, word.len, "://", 3) != NULL;
    return !has_scheme && (slice_ends(word, SLICE_LIT(".yaml")) || slice_ends(word, SLICE_LIT(".yml")));
}

static struct slice source_of(const struct load_inputs *inputs)
{
    for (uint32_t i = 0; i < inputs->word_count; i++)
        if (!slice_starts(inputs->words[i], SLICE_LIT("--")))
            return inputs->words[i];
    return (struct slice){NULL, 0};
}

static enum err make_spec(struct making *making)
{
    struct slice source = making->source;
    if (!source.ptr)
        return report_begin(making->fill.report, SLICE_LIT("command line"), SLICE_LIT(""));
    return load_word_is_plan(source) ? read_plan(making) : read_url(making);
}

enum err load_plan_make(struct load_inputs *inputs, struct arena *arena, struct report *report,
                        struct load_made *ret_made)
{
    struct making making = {.inputs = inputs,
                            .fill = {.report = report, .arena = arena, .scratch = arena, .folder = SLICE_LIT(".")},
                            .spec = &ret_made->spec,
                            .source = source_of(inputs)};
    *ret_made = (struct load_made){0};
    TRY(make_spec(&making));
    if (!making.is_read)
        return ERR_OK;
    struct load_plan *plan = arena_alloc_zero(arena, sizeof *plan);
    if (!plan)
        return ERR_NOMEM;
    struct compile compile = {
        .spec = &ret_made->spec, .inputs = inputs, .arena = arena, .report = report, .plan = plan};
    enum err err = compile_plan(&compile);
    if (err == ERR_OK && !report->error_count)
        *ret_made = (struct load_made){.plan = plan, .targets = compile.targets, .spec = ret_made->spec};
    else
        load_plan_drop(plan);
    return err;
}

/* A plan with `url` is one with a single target. */
static enum err join_targets(struct making *making)
{
    struct load_spec *spec = making->spec;
    if (!option_text_is_set(&spec->url))
        return ERR_OK;
    if (spec->targets.count) {
        report_error(making->fill.report, spec->url.place, "a plan has `url`, or `targets`; not both");
        return ERR_OK;
    }
    struct load_spec_target *target = arena_alloc_zero(making->fill.arena, sizeof *target);
    if (!target)
        return ERR_NOMEM;
    TRY(fill_table(&making->fill, &(struct fill_job){.table = &load_table_target}, target));
    target->url = spec->url;
    target->place = spec->url.place;
    spec->targets = (struct option_list){target, 1};
    return ERR_OK;
}

/* "- login: p95 <= 1s" is a map to YAML and a condition to people. */
static enum err join_conditions(struct making *making, const struct yaml_node *root)
{
    const struct yaml_node *list = yaml_find(root, "thresholds");
    if (!list || list->kind != YAML_LIST)
        return ERR_OK;
    for (const struct yaml_node *item = list->first; item; item = item->next) {
        struct yaml_node *node;
        memcpy(&node, &item, sizeof node); /* of our own arena: ours to change */
        const struct yaml_node *alone = item->kind == YAML_MAP && item->count == 1 ? item->first : NULL;
        if (!alone || alone->kind != YAML_SCALAR || slice_is(alone->key, "condition") || slice_is(alone->key, "stop"))
            continue;
        node->text =
            arena_printf(making->fill.arena, SLICE_FMT ": " SLICE_FMT, SLICE_ARG(alone->key), SLICE_ARG(alone->text));
        node->kind = YAML_SCALAR;
        if (!node->text.ptr)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

static enum err read_plan(struct making *making)
{
    struct fill *fill = &making->fill;
    const struct yaml_node *root = NULL;
    struct slice text = {NULL, 0};
    struct slice path = making->source;
    size_t slash = path.len;
    enum err err = load_inputs_read(making->inputs, path, PLAN_BYTES_MAX, &text);
    if (err == ERR_NOMEM)
        return ERR_NOMEM;
    TRY(report_begin(fill->report, path, text.ptr ? text : SLICE_LIT("")));
    if (err != ERR_OK) {
        report_error(fill->report, (struct report_place){0}, "cannot be read: %s", err_text(err));
        return ERR_OK;
    }
    while (slash && path.ptr[slash - 1] != '/')
        slash--;
    fill->folder = slash > 1 ? slice_first(path, slash - 1) : slash ? SLICE_LIT("") : SLICE_LIT(".");
    err = yaml_parse(text, fill->scratch, fill->report, &root);
    if (err != ERR_OK)
        return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
    TRY(join_conditions(making, root));
    const struct fill_job job = {.table = &load_table_plan, .node = root, .place = {1, 1}};
    TRY(fill_table(fill, &job, making->spec));
    making->is_read = true;
    TRY(join_targets(making));
    return apply_flags(making, NULL);
}

/* Where the path of a URL begins. */
static size_t authority_end(struct slice url)
{
    const char *scheme = memmem(url.ptr, url.len, "://", 3);
    size_t at = scheme ? (size_t)(scheme - url.ptr) + 3 : 0;
    while (at < url.len && url.ptr[at] != '/' && url.ptr[at] != '?')
        at++;
    return at;
}

static enum err read_url(struct making *making)
{
    struct load_spec *spec = making->spec;
    struct fill *fill = &making->fill;
    size_t end = authority_end(making->source);
    struct slice path = slice_skip(making->source, end);
    TRY(report_begin(fill->report, SLICE_LIT("command line"), SLICE_LIT("")));
    TRY(fill_table(fill, &(struct fill_job){.table = &load_table_plan}, spec));
    TRY(fill_table(fill, &(struct fill_job){.table = &load_table_step}, &making->step));
    spec->url.text = slice_first(making->source, end);
    making->step.path.text =
        arena_printf(fill->arena, "%s" SLICE_FMT, path.len && path.ptr[0] == '/' ? "" : "/", SLICE_ARG(path));
    if (!making->step.path.text.ptr)
        return ERR_NOMEM;
    TRY(join_targets(making));
    making->is_read = true;
    TRY(apply_flags(making, &making->step));
    spec->steps = (struct option_list){&making->step, 1};
    return ERR_OK;
}

static enum err apply_flags(struct making *making, struct load_spec_step *step)
{
    struct load_flagged flagged = {.spec = making->spec, .step = step, .fill = &making->fill};
    for (uint32_t i = 0; i < making->inputs->word_count; i++)
        if (slice_starts(making->inputs->words[i], SLICE_LIT("--connections=")))
            flagged.has_connections = true;
    for (uint32_t i = 0; i < making->inputs->word_count; i++)
        if (slice_starts(making->inputs->words[i], SLICE_LIT("--")))
            TRY(load_flag_apply(&flagged, slice_skip(making->inputs->words[i], 2)));
    return ERR_OK;
}

enum err load_plan_resolve(const struct load_made *made, struct text *fault)
{
    for (uint32_t i = 0; i < made->plan->target_count; i++)
        TRY(load_target_resolve(&made->targets[i], fault));
    return ERR_OK;
}

void load_plan_drop(struct load_plan *plan)
{
    for (uint32_t i = 0; plan && i < plan->step_count; i++) {
        const struct load_step *step = &plan->steps[i];
        for (uint32_t c = 0; c < step->check_count; c++)
            regex_destroy(step->checks[c].regex);
        for (uint32_t e = 0; e < step->extract_count; e++)
            regex_destroy(step->extracts[e].regex);
    }
}
