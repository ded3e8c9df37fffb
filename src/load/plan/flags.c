/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/flags.h"

#include "lib/base/attr.h"
#include "lib/options/scalar.h"

#define MESSAGE_BYTES 1024

const struct load_flag load_flags[] = {
#define LOAD "How much"
    {LOAD, "connections", 'c', "N", LOAD_FLAG_PLAN, "connections", NULL,
     "connections; without a rate each is a user, who asks again when answered"},
    {LOAD, "duration", 'd', "TIME", LOAD_FLAG_LOAD, "duration", NULL, "how long: 10s, 1m30s, or seconds (10s)"},
    {LOAD, "run-time", 'z', "TIME", LOAD_FLAG_LOAD, "duration", NULL, "the same, as Locust and hey call it"},
    {LOAD, "requests", 'n', "N", LOAD_FLAG_LOAD, "iterations", NULL, "ends after so many iterations"},
    {LOAD, "rate", 'r', "RATE", LOAD_FLAG_LOAD, "rate", NULL, "open loop: 100, 100/s, 6000/min; 100..1000 is a ramp"},
    {LOAD, "arrival", 0, "KIND", LOAD_FLAG_LOAD, "arrival", NULL, "of a rate: constant, poisson or replay (constant)"},
    {LOAD, "stages", 0, "TIME:RATE,…", LOAD_FLAG_LOAD, "stages", NULL,
     "parts, such as 30s:100,1m:100..1000; of users 30s:10u"},
    {LOAD, "replay", 0, "FILE", LOAD_FLAG_REPLAY, "file", NULL, "moments at which to begin, in seconds, one a line"},
    {LOAD, "replay-speed", 0, "X", LOAD_FLAG_REPLAY, "scale", NULL, "2: twice as fast as recorded (1)"},
    {LOAD, "users", 'u', "N", LOAD_FLAG_LOAD, "users", NULL, "closed loop: users"},
    {LOAD, "spawn-rate", 0, "RATE", LOAD_FLAG_LOAD, "spawn_rate", NULL, "users that begin in a second (all at once)"},
    {LOAD, "pacing", 0, "TIME", LOAD_FLAG_LOAD, "pacing", NULL, "least time from one iteration of a user to the next"},
    {LOAD, "warm-up", 'w', "TIME", LOAD_FLAG_LOAD, "warm_up", NULL, "load before anything counts (0s)"},
    {LOAD, "drain", 0, "TIME", LOAD_FLAG_LOAD, "drain", NULL, "how long answers are waited for at the end (5s)"},
#define REQUEST "The request (of a URL; a plan has its own)"
    {REQUEST, "method", 'm', "METHOD", LOAD_FLAG_STEP, "method", NULL, "GET, or POST with a body"},
    {REQUEST, "header", 'H', "NAME: VALUE", LOAD_FLAG_STEP, "headers", NULL, "a header field; may be repeated"},
    {REQUEST, "data", 0, "TEXT", LOAD_FLAG_STEP, "body", NULL, "the body; ${uuid} and the like are filled in"},
    {REQUEST, "body-file", 0, "FILE", LOAD_FLAG_STEP, "body_file", NULL, "a file with the body"},
    {REQUEST, "timeout", 0, "TIME", LOAD_FLAG_STEP, "timeout", NULL, "longest that a response may take (30s)"},
    {REQUEST, "think", 0, "TIME", LOAD_FLAG_STEP, "think", NULL, "pause behind a response; 1s..3s: any time between"},
    {REQUEST, "chat", 0, NULL, LOAD_FLAG_STEP, "kind", "chat",
     "the response streams a chat completion: time its tokens"},
    {REQUEST, "slo-first-token", 0, "TIME", LOAD_FLAG_SLO, "first_token", NULL,
     "goodput: longest time to the first token"},
    {REQUEST, "slo-between-tokens", 0, "TIME", LOAD_FLAG_SLO, "between_tokens", NULL,
     "goodput: longest mean time between tokens"},
    {REQUEST, "slo-total", 0, "TIME", LOAD_FLAG_SLO, "total", NULL, "goodput: longest time to the end"},
#define PLAN "The plan"
    {PLAN, "variable", 'V', "NAME=VALUE", LOAD_FLAG_PLAN, "variables", NULL,
     "what ${NAME} begins with, in place of what the plan says; may be repeated"},
#define WIRE "Connections"
    {WIRE, "host", 0, "URL", LOAD_FLAG_TARGET, "url", NULL, "the server, in place of the one in a plan"},
    {WIRE, "http1", 0, NULL, LOAD_FLAG_TARGET, "protocol", "http1", "HTTP/1.1 only"},
    {WIRE, "http2", '2', NULL, LOAD_FLAG_TARGET, "protocol", "http2", "HTTP/2 only, also without TLS"},
    {WIRE, "insecure", 'k', NULL, LOAD_FLAG_TARGET, "verify", "false", "any certificate is taken"},
    {WIRE, "ca", 0, "FILE", LOAD_FLAG_TARGET, "ca", NULL, "PEM: authorities to trust, in place of the system's"},
    {WIRE, "cert", 0, "FILE", LOAD_FLAG_TARGET, "certificate", NULL, "PEM: the certificate to show"},
    {WIRE, "key", 0, "FILE", LOAD_FLAG_TARGET, "key", NULL, "PEM: its key"},
    {WIRE, "no-resume", 0, NULL, LOAD_FLAG_TARGET, "resume", "false", "each TLS handshake is a full one"},
    {WIRE, "no-keepalive", 0, NULL, LOAD_FLAG_PLAN, "keep_alive", "false", "a connection for each request"},
    {WIRE, "pipeline", 0, "N", LOAD_FLAG_PLAN, "pipelining", NULL,
     "requests on a connection of HTTP/1.1 at once (1); in a closed loop so many users share it"},
    {WIRE, "streams", 0, "N", LOAD_FLAG_PLAN, "streams", NULL, "requests on a connection of HTTP/2 at once (100)"},
    {WIRE, "source", 0, "ADDRESS,…", LOAD_FLAG_PLAN, "sources", NULL, "local addresses that connections take turns in"},
#define GENERATOR "The generator"
    {GENERATOR, "threads", 't', "N", LOAD_FLAG_PLAN, "threads", NULL, "threads (1)"},
    {GENERATOR, "cpu", 0, "N", LOAD_FLAG_PLAN, "cpu", NULL, "the first CPU that threads are pinned to"},
    {GENERATOR, "spin", 0, "TIME", LOAD_FLAG_PLAN, "spin", NULL,
     "open loop: how long before a request is due threads stay awake (0s)"},
    {GENERATOR, "seed", 's', "N", LOAD_FLAG_PLAN, "seed", NULL, "of all that is drawn (1)"},
    {GENERATOR, "interval", 'i', "TIME", LOAD_FLAG_PLAN, "interval", NULL, "of the timeline (1s)"},
#define VERDICT "The verdict"
    {VERDICT, "threshold", 'T', "CONDITION", LOAD_FLAG_PLAN, "thresholds", NULL,
     "\"p99 < 20ms\", \"errors < 0.1%\"; may be repeated; else exit code 3"},
    {VERDICT, "max-lag", 0, "TIME", LOAD_FLAG_VALID, "lag", NULL, "own lateness, p99, that makes a run invalid (10ms)"},
    {VERDICT, "max-errors", 0, "SHARE", LOAD_FLAG_VALID, "errors", NULL,
     "share of failed requests that makes a run invalid (0.5)"},
#define EXPORT "Prometheus"
    {EXPORT, "metrics", 0, "ADDRESS", LOAD_FLAG_EXPORT, "listen", NULL,
     "serves /metrics of the running test, such as 127.0.0.1:9095"},
    {EXPORT, "push-gateway", 0, "URL", LOAD_FLAG_EXPORT, "gateway", NULL, "pushes them to a push gateway"},
    {EXPORT, "remote-write", 0, "URL", LOAD_FLAG_EXPORT, "receiver", NULL, "sends them by remote write"},
    {EXPORT, "job", 0, "NAME", LOAD_FLAG_EXPORT, "job", NULL, "label of what is pushed and sent (weir_load)"},
    {EXPORT, "label", 0, "NAME: VALUE", LOAD_FLAG_EXPORT, "labels", NULL, "another label; may be repeated"},
    {EXPORT, "export-header", 0, "NAME: VALUE", LOAD_FLAG_EXPORT, "headers", NULL,
     "a header field for gateway and receiver"},
};
const size_t load_flag_count = ARRAY_LEN(load_flags);

static const struct option_table *table_of(enum load_flag_place place)
{
    static const struct option_table *const tables[] = {
        [LOAD_FLAG_PLAN] = &load_table_plan,     [LOAD_FLAG_LOAD] = &load_table_load,
        [LOAD_FLAG_REPLAY] = &load_table_replay, [LOAD_FLAG_STEP] = &load_table_step,
        [LOAD_FLAG_TARGET] = &load_table_target, [LOAD_FLAG_SLO] = &load_table_slo,
        [LOAD_FLAG_VALID] = &load_table_valid,   [LOAD_FLAG_EXPORT] = &load_table_export,
    };
    return tables[place];
}

static const struct option *row_of(const struct load_flag *flag)
{
    const struct option_table *table = table_of(flag->place);
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, flag->row) == 0)
            return &table->rows[i];
    ASSERT(false, "a flag names a row");
    return NULL;
}

static enum err refuse(struct fill *fill, const char *format, ...) PRINTF_LIKE(2, 3);
static enum err refuse(struct fill *fill, const char *format, ...)
{
    static const struct report_origin origin = {.path = {"command line", 12}};
    char memory[MESSAGE_BYTES];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    report_error_in(fill->report, &origin, (struct report_place){0}, "%s", memory);
    return ERR_OK;
}

/* Puts an item behind those of a list. */
static enum err append(struct fill *fill, struct option_list *list, size_t bytes, void **ret_item)
{
    char *items = arena_alloc_array(fill->arena, list->count + 1, bytes);
    if (!items)
        return ERR_NOMEM;
    if (list->count)
        memcpy(items, list->items, list->count * bytes);
    *ret_item = items + list->count * bytes;
    *list = (struct option_list){items, list->count + 1};
    return ERR_OK;
}

/* The one to be written: a new one, but for variables, which a flag overrides. */
static enum err take_member(struct fill *fill, const struct load_flag *flag, struct slice name,
                            struct option_list *list, struct option_member **ret_member)
{
    struct option_member *members = list->items;
    for (uint32_t i = 0; i < list->count; i++)
        if (slice_equal(members[i].name, name) && strcmp(flag->row, "variables") == 0) {
            *ret_member = &members[i];
            return ERR_OK;
        }
    void *item;
    TRY(append(fill, list, sizeof **ret_member, &item));
    *ret_member = item;
    return ERR_OK;
}

/* "Name: value" or "name=value". */
static enum err add_member(struct fill *fill, const struct load_flag *flag, struct slice value, void *field)
{
    struct option_member *member;
    size_t colon = slice_find(value, ':'), equals = slice_find(value, '=');
    size_t end = MIN(colon, equals);
    if (end == value.len || end == 0)
        return refuse(fill, "--%s takes %s, found \"" SLICE_FMT "\"", flag->name, flag->value,
                      SLICE_ARG(slice_first(value, REPORT_QUOTE_BYTES_MAX)));
    TRY(take_member(fill, flag, slice_trim(slice_first(value, end)), field, &member));
    member->name = arena_copy(fill->arena, slice_trim(slice_first(value, end)));
    member->value.text = arena_copy(fill->arena, slice_trim(slice_skip(value, end + 1)));
    return member->name.ptr && member->value.text.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err add_threshold(struct fill *fill, struct slice value, void *field)
{
    struct load_spec_threshold *threshold;
    TRY(append(fill, field, sizeof *threshold, (void **)&threshold));
    threshold->condition.text = arena_copy(fill->arena, value);
    return threshold->condition.text.ptr ? ERR_OK : ERR_NOMEM;
}

/* Items with commas between, or of a range "1s..3s" its two ends. */
static enum err add_texts(struct fill *fill, struct slice value, void *field)
{
    struct slice *item;
    const char *dots = memmem(value.ptr, value.len, "..", 2);
    while (value.ptr) {
        struct slice word = slice_cut(&value, dots ? '.' : ',');
        if (!word.len)
            continue;
        TRY(append(fill, field, sizeof *item, (void **)&item));
        *item = arena_copy(fill->arena, slice_trim(word));
        if (!item->ptr)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

/* "30s:100,1m:100..1000,30s:10u". */
static enum err add_stages(struct fill *fill, const struct load_flag *flag, struct slice value, void *field)
{
    *(struct option_list *)field = (struct option_list){0};
    while (value.ptr) {
        struct load_spec_stage *stage;
        struct slice level = slice_trim(slice_cut(&value, ','));
        struct slice duration = slice_cut(&level, ':');
        TRY(append(fill, field, sizeof *stage, (void **)&stage));
        if (!level.len || duration_parse(duration, &stage->duration_ns) != ERR_OK || stage->duration_ns == 0) {
            *(struct option_list *)field = (struct option_list){0};
            return refuse(fill, "--%s takes %s, such as 30s:100,1m:100..1000", flag->name, flag->value);
        }
        bool is_users = level.ptr[level.len - 1] == 'u';
        level.len -= is_users;
        *(is_users ? &stage->users : &stage->rate) = (struct option_text){.text = arena_copy(fill->arena, level)};
    }
    return ERR_OK;
}

/* Of rows that are lists; as long as those may be, as in a file. */
static enum err add_items(struct fill *fill, const struct load_flag *flag, const struct option *row, struct slice value,
                          struct option_list *list)
{
    if (row->type == OPTION_MEMBERS)
        TRY(add_member(fill, flag, value, list));
    else if (row->type == OPTION_TEXTS)
        TRY(add_texts(fill, value, list));
    else if (row->table == &load_table_threshold)
        TRY(add_threshold(fill, value, list));
    else
        TRY(add_stages(fill, flag, value, list));
    if (list->count <= row->max)
        return ERR_OK;
    list->count = (uint32_t)row->max;
    return refuse(fill, "--%s takes %s, at most %.0f of them", flag->name, flag->value, row->max);
}

static bool is_digits(struct slice text)
{
    uint64_t value;
    return text_parse_u64(text, &value) == ERR_OK;
}

static enum err set_value(struct fill *fill, const struct load_flag *flag, const struct option *row, struct slice value,
                          void *field)
{
    char memory[256];
    struct text takes = text_init(memory, sizeof memory);
    if (row->type == OPTION_MEMBERS || row->type == OPTION_TEXTS || row->type == OPTION_TABLES)
        return add_items(fill, flag, row, value, field);
    /* Seconds, as wrk and Locust take them. */
    if (row->type == OPTION_DURATION && is_digits(value) && !slice_is(value, "0"))
        value = arena_printf(fill->arena, SLICE_FMT "s", SLICE_ARG(value));
    if (!value.ptr)
        return ERR_NOMEM;
    const struct yaml_node node = {.kind = YAML_SCALAR, .text = value};
    struct slice folder = fill->folder;
    fill->folder = SLICE_LIT("."); /* files of the command line are not looked for beside the plan */
    enum err err = fill_value(fill, row, &node, field);
    fill->folder = folder;
    if (err != ERR_INVALID)
        return err;
    option_describe(row, &takes);
    return refuse(fill, "--%s takes %s, found \"" SLICE_FMT "\"", flag->name, memory,
                  SLICE_ARG(slice_first(value, REPORT_QUOTE_BYTES_MAX)));
}

static enum err set_targets(struct load_flagged *flagged, const struct load_flag *flag, struct slice value)
{
    struct load_spec_target *targets = flagged->spec->targets.items;
    const struct option *row = row_of(flag);
    uint32_t count =
        strcmp(flag->row, "url") == 0 ? MIN(1u, flagged->spec->targets.count) : flagged->spec->targets.count;
    for (uint32_t i = 0; i < count; i++)
        TRY(set_value(flagged->fill, flag, row, value, (char *)&targets[i] + row->offset));
    return ERR_OK;
}

static enum err set_load(struct load_flagged *flagged, const struct load_flag *flag, struct slice value)
{
    struct load_spec_load *load = &flagged->spec->load;
    const struct option *row = row_of(flag);
    /* A flag that says how much is asked for takes the place of all that the plan says of it; two of them contradict each other. */
    if (strcmp(flag->row, "rate") == 0 || strcmp(flag->row, "users") == 0 || strcmp(flag->row, "stages") == 0) {
        if (flagged->amount && flagged->amount != flag)
            return refuse(flagged->fill, "--%s and --%s both say how much is asked for; take one of them%s",
                          flagged->amount->name, flag->name,
                          strcmp(flag->row, "stages") == 0 || strcmp(flagged->amount->row, "stages") == 0
                              ? ""
                              : ", and --connections for how many connections a rate may use");
        flagged->amount = flag;
    }
    if (strcmp(flag->row, "rate") == 0 || strcmp(flag->row, "users") == 0) {
        load->stages = (struct option_list){0};
        load->mode = LOAD_MODE_AUTO;
        flagged->spec->connections = flagged->has_connections ? flagged->spec->connections : 0;
    }
    if (strcmp(flag->row, "rate") == 0) {
        load->users = 0;
        load->spawn_rate = (struct option_text){0};
        load->pacing_ns = 0;
    } else if (strcmp(flag->row, "users") == 0) {
        load->rate = (struct option_text){0};
        load->arrival = LOAD_ARRIVAL_CONSTANT;
    } else if (strcmp(flag->row, "stages") == 0) {
        load->rate = (struct option_text){0};
        load->users = 0;
        load->duration_ns = 0;
    }
    return set_value(flagged->fill, flag, row, value, (char *)load + row->offset);
}

static enum err apply(struct load_flagged *flagged, const struct load_flag *flag, struct slice value)
{
    const struct option *row = row_of(flag);
    void *owners[] = {
        [LOAD_FLAG_PLAN] = flagged->spec,          [LOAD_FLAG_REPLAY] = &flagged->spec->load.replay,
        [LOAD_FLAG_STEP] = flagged->step,          [LOAD_FLAG_SLO] = flagged->step ? &flagged->step->slo : NULL,
        [LOAD_FLAG_VALID] = &flagged->spec->valid, [LOAD_FLAG_EXPORT] = &flagged->spec->export,
    };
    if (flag->place == LOAD_FLAG_TARGET)
        return set_targets(flagged, flag, value);
    if (flag->place == LOAD_FLAG_LOAD)
        return set_load(flagged, flag, value);
    if (!owners[flag->place])
        return refuse(flagged->fill, "--%s is for a URL; the steps of a plan say it", flag->name);
    return set_value(flagged->fill, flag, row, value, (char *)owners[flag->place] + row->offset);
}

enum err load_flag_apply(struct load_flagged *flagged, struct slice word)
{
    struct slice value = word;
    struct slice name = slice_cut(&value, '=');
    const char *names[128];
    for (size_t i = 0; i < load_flag_count; i++) {
        names[i] = load_flags[i].name;
        if (!slice_is(name, load_flags[i].name))
            continue;
        if (!load_flags[i].value != !value.ptr)
            return refuse(flagged->fill, "--%s takes %s", load_flags[i].name,
                          load_flags[i].value ? load_flags[i].value : "no value");
        return apply(flagged, &load_flags[i], load_flags[i].value ? value : slice_of_text(load_flags[i].fixed));
    }
    const char *nearest = text_nearest(name, names, load_flag_count);
    return refuse(flagged->fill, "there is no flag --" SLICE_FMT "%s%s%s", SLICE_ARG(slice_first(name, 40)),
                  nearest ? "; did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "");
}
