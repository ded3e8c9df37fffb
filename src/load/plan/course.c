/* SPDX-License-Identifier: Apache-2.0 */
/* How much is asked for: mode, stages, users, and recorded moments. */
#include "load/plan/compile_int.h"

#include "lib/json/number.h"
#include "lib/sys/clock.h"
#include "load/plan/quantity.h"

#include <math.h>
#include <stdlib.h>

#define DURATION_NS   (10 * NS_PER_S)
#define REPLAY_BYTES  ((size_t)256 << 20)
#define REPLAY_NS_MAX 6048e11

static enum err compile_stages(struct compile *compile, bool is_open);
static enum err compile_replay(struct compile *compile);
static void compile_links(struct compile *compile, bool is_open);

static bool has_rate(const struct load_spec_load *spec)
{
    const struct load_spec_stage *stages = spec->stages.items;
    bool has = option_text_is_set(&spec->rate);
    for (uint32_t i = 0; i < spec->stages.count; i++)
        has = has || option_text_is_set(&stages[i].rate);
    return has;
}

static bool has_users(const struct load_spec_load *spec)
{
    const struct load_spec_stage *stages = spec->stages.items;
    bool has = spec->users > 0 || option_text_is_set(&spec->spawn_rate) || spec->pacing_ns;
    for (uint32_t i = 0; i < spec->stages.count; i++)
        has = has || option_text_is_set(&stages[i].users);
    return has;
}

static bool resolve_mode(struct compile *compile)
{
    const struct load_spec_load *spec = &compile->spec->load;
    bool is_replay = spec->arrival == LOAD_ARRIVAL_REPLAY || spec->replay.file.ptr;
    bool is_open = spec->mode == LOAD_MODE_OPEN || (spec->mode == LOAD_MODE_AUTO && (has_rate(spec) || is_replay));
    if (is_open && has_users(spec))
        report_error(compile->report, spec->place,
                     "users, spawn_rate and pacing are of closed mode; a rate or a replay makes the mode open");
    if (!is_open && has_rate(spec))
        report_error(compile->report, spec->place,
                     "a rate is of open mode; in closed mode `users` say how much is asked for");
    if (is_open && !has_rate(spec) && !is_replay)
        report_error(compile->report, spec->place, "open mode lacks \"rate\", such as 100/s");
    if (!is_open && spec->arrival != LOAD_ARRIVAL_CONSTANT)
        report_error(compile->report, spec->place, "`arrival` is of open mode");
    return is_open;
}

enum err compile_load(struct compile *compile)
{
    static const enum load_arrival arrivals[] = {[LOAD_ARRIVAL_CONSTANT] = LOAD_CONSTANT,
                                                 [LOAD_ARRIVAL_POISSON] = LOAD_POISSON,
                                                 [LOAD_ARRIVAL_REPLAY] = LOAD_REPLAY};
    const struct load_spec_load *spec = &compile->spec->load;
    struct load_plan *plan = compile->plan;
    bool is_open = resolve_mode(compile);
    plan->arrival = is_open ? arrivals[spec->arrival] : LOAD_CLOSED;
    if (is_open && spec->replay.file.ptr)
        plan->arrival = LOAD_REPLAY;
    plan->warm_ns = spec->warm_ns;
    plan->drain_ns = spec->drain_ns;
    plan->pacing_ns = spec->pacing_ns;
    plan->iterations_max = spec->iterations;
    if (option_text_is_set(&spec->spawn_rate) &&
        (load_rate_parse(spec->spawn_rate.text, &plan->spawn_per_s) != ERR_OK || plan->spawn_per_s <= 0))
        report_error(compile->report, spec->spawn_rate.place,
                     "\"spawn_rate\" takes a rate of more than 0 such as 10/s, found \"" SLICE_FMT "\"",
                     SLICE_ARG(slice_first(spec->spawn_rate.text, REPORT_QUOTE_BYTES_MAX)));
    TRY(plan->arrival == LOAD_REPLAY ? compile_replay(compile) : compile_stages(compile, is_open));
    compile_links(compile, is_open);
    return ERR_OK;
}

/* What pipelining makes of a connection; it is HTTP/1.1's alone. */
static uint64_t carried_http1(const struct compile *compile)
{
    const struct load_plan *plan = compile->plan;
    for (uint32_t i = 0; i < plan->target_count; i++)
        if (plan->targets[i].protocol != LOAD_HTTP1)
            return 1;
    return compile->spec->pipelining;
}

/* Rates or users of a stage. */
static void read_level(struct compile *compile, const struct option_text *text, bool is_open, struct load_stage *stage)
{
    const char *name = is_open ? "rate" : "users";
    if (load_level_parse(text->text, !is_open, &stage->from, &stage->to) != ERR_OK)
        report_error(compile->report, text->place, "\"%s\" takes %s, found \"" SLICE_FMT "\"", name,
                     is_open ? "100, 100/s, 6000/min or a ramp 100 -> 1000" : "10 or a ramp 10 -> 100",
                     SLICE_ARG(slice_first(text->text, REPORT_QUOTE_BYTES_MAX)));
    else if (stage->from <= 0 && stage->to <= 0 && is_open)
        report_error(compile->report, text->place, "a rate is more than 0");
}

/* Without `stages`: one. A connection alone is a user, and one that is pipelined as many as it carries. */
static void make_stage(struct compile *compile, bool is_open, struct load_stage *stage)
{
    const struct load_spec_load *spec = &compile->spec->load;
    uint64_t connections = MAX(compile->spec->connections, 1);
    double users = (double)(spec->users ? spec->users : connections * carried_http1(compile));
    *stage = (struct load_stage){.duration_ns = spec->duration_ns  ? spec->duration_ns
                                                : spec->iterations ? UINT64_MAX
                                                                   : DURATION_NS,
                                 .from = users,
                                 .to = users};
    if (is_open && option_text_is_set(&spec->rate))
        read_level(compile, &spec->rate, true, stage);
    if (stage->duration_ns == UINT64_MAX && stage->from != stage->to)
        report_error(compile->report, spec->place, "a ramp has a `duration`");
}

static void check_alone(struct compile *compile)
{
    const struct load_spec_load *spec = &compile->spec->load;
    if (option_text_is_set(&spec->rate))
        report_error(compile->report, spec->rate.place, "with `stages`, the rate is theirs");
    if (spec->users)
        report_error(compile->report, spec->place, "with `stages`, the users are theirs");
    if (spec->duration_ns)
        report_error(compile->report, spec->place, "with `stages`, the duration is the sum of theirs");
}

static enum err compile_stages(struct compile *compile, bool is_open)
{
    const struct load_spec_load *spec = &compile->spec->load;
    const struct load_spec_stage *specs = spec->stages.items;
    uint32_t count = spec->stages.count ? spec->stages.count : 1;
    struct load_stage *stages = arena_alloc_array(compile->arena, count, sizeof *stages);
    if (!stages)
        return ERR_NOMEM;
    compile->plan->stages = stages;
    compile->plan->stage_count = count;
    if (spec->stages.count == 0) {
        make_stage(compile, is_open, stages);
        return ERR_OK;
    }
    check_alone(compile);
    for (uint32_t i = 0; i < count; i++) {
        const struct option_text *level = is_open ? &specs[i].rate : &specs[i].users;
        stages[i] = (struct load_stage){.duration_ns = specs[i].duration_ns, .name = specs[i].name};
        if (option_text_is_set(level))
            read_level(compile, level, is_open, &stages[i]);
        else
            report_error(compile->report, specs[i].place, "a stage of %s mode lacks \"%s\"",
                         is_open ? "open" : "closed", is_open ? "rate" : "users");
    }
    return ERR_OK;
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* A moment a line, in seconds. A first line that is no number is a header. */
static enum err read_moments(struct compile *compile, struct slice text, struct buffer *moments, uint64_t *ret_count)
{
    const struct load_spec_replay *spec = &compile->spec->load.replay;
    const struct report_origin origin = {.path = spec->file, .text = text};
    *ret_count = 0;
    for (uint32_t line = 1; text.ptr; line++) {
        double seconds;
        struct slice rest = slice_cut(&text, '\n');
        struct slice field = slice_trim(slice_cut(&rest, ','));
        if (field.len && field.ptr[field.len - 1] == '\r')
            field.len--;
        if (!field.len || field.ptr[0] == '#')
            continue;
        if (number_parse_f64(field, &seconds) != ERR_OK || seconds < 0 || seconds > 1e12) {
            if (line == 1)
                continue;
            report_error_in(compile->report, &origin, (struct report_place){line, 1},
                            "no moment in seconds, such as 12.345: \"" SLICE_FMT "\"",
                            SLICE_ARG(slice_first(field, REPORT_QUOTE_BYTES_MAX)));
            return ERR_OK;
        }
        double scaled = round(seconds * 1e9 / spec->scale);
        uint64_t ns = (uint64_t)fmin(scaled, 9e18);
        buffer_add(moments, slice_of(&ns, sizeof ns));
        ++*ret_count;
    }
    return ERR_OK;
}

static enum err compile_replay(struct compile *compile)
{
    const struct load_spec_load *spec = &compile->spec->load;
    struct load_stage *stage = arena_alloc_zero(compile->arena, sizeof *stage);
    struct buffer moments = buffer_in_arena(compile->arena, 65536);
    struct slice bytes;
    uint64_t count = 0;
    if (!stage)
        return ERR_NOMEM;
    if (!spec->replay.file.len)
        report_error(compile->report, spec->place, "`arrival: replay` lacks \"replay\", the file with the moments");
    if (spec->stages.count || option_text_is_set(&spec->rate))
        report_error(compile->report, spec->place, "a replay has no rate and no stages: the moments say when");
    struct slice text = spec->replay.file.ptr && spec->replay.file.len
                            ? compile_file(compile, spec->replay.file, spec->place, REPLAY_BYTES)
                            : (struct slice){NULL, 0};
    if (!text.ptr)
        return ERR_OK;
    TRY(read_moments(compile, text, &moments, &count));
    TRY(buffer_finish(&moments, &bytes));
    uint64_t *list = (uint64_t *)(void *)moments.ptr;
    if (count == 0) {
        report_error(compile->report, spec->place, "there are no moments in " SLICE_FMT, SLICE_ARG(spec->replay.file));
        return ERR_OK;
    }
    qsort(list, count, sizeof *list, compare_u64);
    uint64_t first = list[0];
    for (uint64_t i = 0; i < count; i++)
        list[i] -= first;
    if ((double)list[count - 1] > REPLAY_NS_MAX)
        report_error(compile->report, spec->place, "the moments reach over more than a week");
    compile->plan->replay_ns = list;
    compile->plan->replay_count = count;
    stage->duration_ns = list[count - 1] + 1;
    stage->from = stage->to = (double)count * 1e9 / (double)stage->duration_ns;
    compile->plan->stages = stage;
    compile->plan->stage_count = 1;
    return ERR_OK;
}

/* How many requests a connection to any of the targets may carry at once. */
static uint64_t carried(const struct compile *compile)
{
    const struct load_plan *plan = compile->plan;
    uint64_t least = UINT64_MAX;
    for (uint32_t i = 0; i < plan->target_count; i++)
        least =
            MIN(least, plan->targets[i].protocol == LOAD_HTTP1 ? compile->spec->pipelining : compile->spec->streams);
    return least;
}

/* Where nobody says how many connections an open loop may have: as many as hold two seconds of its highest rate. They are all opened
 * before the test, which small servers do not take well. A connection of HTTP/2 carries many requests. */
static uint32_t links_of_rate(const struct load_plan *plan, double rate)
{
    bool is_http2 = true;
    for (uint32_t i = 0; i < plan->target_count; i++)
        is_http2 = is_http2 && plan->targets[i].protocol == LOAD_HTTP2;
    return is_http2 ? 4 * plan->thread_count : (uint32_t)fmin(fmax(2 * rate, 16), 256);
}

static void compile_links(struct compile *compile, bool is_open)
{
    struct load_plan *plan = compile->plan;
    uint64_t asked = compile->spec->connections;
    double level = 0; /* the highest rate, or most users */
    for (uint32_t i = 0; i < plan->stage_count; i++)
        level = fmax(level, fmax(plan->stages[i].from, plan->stages[i].to));
    if (!is_open && asked && ((double)asked > level || (double)(asked * carried(compile)) < level))
        report_error(compile->report, compile->spec->load.place,
                     "in closed mode each user has a connection of its own, or a stream of HTTP/2: %.0f users, and "
                     "connections: %llu",
                     level, (unsigned long long)asked);
    uint32_t links_of_users = (uint32_t)ceil(level / (double)carried_http1(compile));
    plan->connections_max = asked ? (uint32_t)asked : is_open ? links_of_rate(plan, level) : links_of_users;
}
