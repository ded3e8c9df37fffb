/* SPDX-License-Identifier: Apache-2.0 */
/* Where the file is the configuration says, since whoever may ask may not choose what the server writes to. */
#include "pipeline/trace_change.h"

#include "pipeline/setting.h"
#include "pipeline/worker.h"

static const struct trace_settings nothing = {.rate = TRACE_RATE_FIRST, .count = -1};

static struct slice file_name(const struct request *request)
{
    struct slice path = request->config->trace.file;
    while (slice_find(path, '/') < path.len)
        path = slice_skip(path, slice_find(path, '/') + 1);
    return path;
}

static void tell_number(struct trace_text *out, const char *name, int64_t value)
{
    struct text text = text_init(out->memory, sizeof out->memory);
    text_printf(&text, "%lld", (long long)value);
    out->name = name;
    out->value = text_slice(&text);
}

void trace_settings_tell(const struct request *request, struct slice model,
                         struct trace_text ret_texts[TRACE_SETTINGS_TOLD])
{
    const struct tracing *tracing = request->worker->ports->tracing;
    struct trace_settings settings = tracing ? tracing_settings(tracing, model) : nothing;
    ret_texts[0].name = "trace_level";
    ret_texts[0].value = settings.is_on ? SLICE_LIT("TIMESTAMPS") : SLICE_LIT("OFF");
    tell_number(&ret_texts[1], "trace_rate", (int64_t)settings.rate);
    tell_number(&ret_texts[2], "trace_count", settings.count);
    tell_number(&ret_texts[3], "log_frequency", (int64_t)settings.log_frequency);
    ret_texts[4].name = "trace_file";
    ret_texts[4].value = file_name(request);
    ret_texts[5].name = "trace_mode";
    ret_texts[5].value = SLICE_LIT("triton");
}

static enum verdict refuse(struct request *request, struct slice name, const char *wanted, struct slice value)
{
    return request_fail(request, PROBLEM_BAD_REQUEST, "/" SLICE_FMT ": Expected %s, got \"" SLICE_FMT "\".",
                        SLICE_ARG(name), wanted, SLICE_ARG(slice_first(value, 64)));
}

static enum verdict take_level(struct request *request, struct trace_change *change, struct slice value)
{
    change->settings.is_on = slice_is(value, "TIMESTAMPS");
    if (change->settings.is_on || slice_is(value, "OFF"))
        return VERDICT_NEXT;
    if (slice_is(value, "TENSORS"))
        return request_fail(request, PROBLEM_NOT_IMPLEMENTED, "/trace_level: Tensors are not traced, only TIMESTAMPS.");
    return refuse(request, SLICE_LIT("trace_level"), "\"OFF\" or \"TIMESTAMPS\"", value);
}

static bool read_number(struct slice value, int64_t least, int64_t *ret_number)
{
    uint64_t number = 0;
    bool is_minus_one = slice_is(value, "-1");
    if (!is_minus_one && (text_parse_u64(value, &number) != ERR_OK || number > INT64_MAX))
        return false;
    *ret_number = is_minus_one ? -1 : (int64_t)number;
    return *ret_number >= least;
}

static enum verdict take_rate(struct request *request, struct trace_change *change, struct slice value)
{
    int64_t number;
    if (!read_number(value, 1, &number))
        return refuse(request, SLICE_LIT("trace_rate"), "a whole number from 1", value);
    change->settings.rate = (uint64_t)number;
    return VERDICT_NEXT;
}

static enum verdict take_count(struct request *request, struct trace_change *change, struct slice value)
{
    if (!read_number(value, -1, &change->settings.count))
        return refuse(request, SLICE_LIT("trace_count"), "a whole number from -1", value);
    return VERDICT_NEXT;
}

static enum verdict take_frequency(struct request *request, struct trace_change *change, struct slice value)
{
    int64_t number;
    if (!read_number(value, 0, &number))
        return refuse(request, SLICE_LIT("log_frequency"), "a whole number from 0", value);
    change->settings.log_frequency = (uint64_t)number;
    return VERDICT_NEXT;
}

static const struct {
    const char *name;
    enum trace_setting setting;
    enum verdict (*take)(struct request *request, struct trace_change *change, struct slice value);
} known[] = {
    {"trace_level", TRACE_LEVEL, take_level},
    {"trace_rate", TRACE_RATE, take_rate},
    {"trace_count", TRACE_COUNT, take_count},
    {"log_frequency", TRACE_FREQUENCY, take_frequency},
};

enum verdict trace_change_take(struct request *request, struct trace_change *change, struct slice name,
                               struct slice value)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!slice_is(name, known[i].name))
            continue;
        if (!value.ptr)
            change->cleared |= known[i].setting;
        else
            change->set |= known[i].setting;
        return value.ptr ? known[i].take(request, change, value) : VERDICT_NEXT;
    }
    bool is_as_it_is = (slice_is(name, "trace_file") && slice_equal(value, file_name(request))) ||
                       (slice_is(name, "trace_mode") && slice_is(value, "triton"));
    if (is_as_it_is)
        return VERDICT_NEXT;
    return setting_refuse(request, name);
}

enum verdict trace_change_apply(struct request *request, struct slice model, const struct trace_change *change)
{
    struct tracing *tracing = request->worker->ports->tracing;
    if (!tracing && change->settings.is_on)
        return request_fail(request, PROBLEM_NOT_ENABLED,
                            "Nothing can be traced: the server's configuration names no file for it (trace).");
    if (tracing && tracing_change(tracing, model, &change->settings, change->set, change->cleared) != ERR_OK)
        return request_fail(request, PROBLEM_OVERLOADED, "Too many models have trace settings of their own.");
    return VERDICT_NEXT;
}
