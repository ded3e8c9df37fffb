/* SPDX-License-Identifier: Apache-2.0 */
/* The trace extension: what of the inferences is traced, for all models or for one. Where the file is the configuration says,
 * since whoever may ask may not choose what the server writes to. */
#include "lib/json/writer.h"
#include "pipeline/body_json.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/model_find.h"
#include "pipeline/tracing.h"

#define SETTINGS_BYTES 256
#define NUMBER_BYTES   24

/* What a request wants changed. */
struct change {
    struct trace_settings settings;
    uint32_t set;
    uint32_t cleared;
};

static const struct trace_settings nothing = {.rate = TRACE_RATE_FIRST, .count = -1};

/* Numbers are texts, as other servers have it. */
static void put_number(struct json_writer *writer, struct slice key, int64_t value)
{
    char memory[NUMBER_BYTES];
    struct text text = text_init(memory, sizeof memory);
    text_printf(&text, "%lld", (long long)value);
    json_write_key(writer, key);
    json_write_string(writer, text_slice(&text));
}

static struct slice file_name(const struct request *request)
{
    struct slice path = request->config->trace.file;
    while (slice_find(path, '/') < path.len)
        path = slice_skip(path, slice_find(path, '/') + 1);
    return path;
}

static enum verdict answer(struct request *request, struct slice model)
{
    const struct tracing *tracing = request->worker->ports->tracing;
    struct trace_settings settings = tracing ? tracing_settings(tracing, model) : nothing;
    struct json_writer writer = json_writer_in_arena(&request->arena, SETTINGS_BYTES);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("trace_level"));
    json_write_array_begin(&writer);
    json_write_string(&writer, settings.is_on ? SLICE_LIT("TIMESTAMPS") : SLICE_LIT("OFF"));
    json_write_array_end(&writer);
    put_number(&writer, SLICE_LIT("trace_rate"), (int64_t)settings.rate);
    put_number(&writer, SLICE_LIT("trace_count"), settings.count);
    put_number(&writer, SLICE_LIT("log_frequency"), (int64_t)settings.log_frequency);
    json_write_key(&writer, SLICE_LIT("trace_file"));
    json_write_string(&writer, file_name(request));
    json_write_key(&writer, SLICE_LIT("trace_mode"));
    json_write_string(&writer, SLICE_LIT("triton"));
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}

static enum verdict refuse(struct request *request, const char *name, const char *wanted, yyjson_val *value)
{
    return request_fail(request, PROBLEM_BAD_REQUEST, "/%s: Expected %s, got %s.", name, wanted, json_kind(value));
}

/* "OFF" and "TIMESTAMPS", alone or in an array. */
static enum verdict take_level(struct request *request, yyjson_val *value, struct change *change)
{
    yyjson_val *level = yyjson_is_arr(value) && yyjson_arr_size(value) == 1 ? yyjson_arr_get_first(value) : value;
    struct slice text = json_text(level);
    change->set |= TRACE_LEVEL;
    change->settings.is_on = slice_is(text, "TIMESTAMPS");
    if (change->settings.is_on || slice_is(text, "OFF"))
        return VERDICT_NEXT;
    if (slice_is(text, "TENSORS"))
        return request_fail(request, PROBLEM_NOT_IMPLEMENTED, "/trace_level: Tensors are not traced, only TIMESTAMPS.");
    return refuse(request, "trace_level", "\"OFF\" or \"TIMESTAMPS\"", value);
}

static bool read_number(yyjson_val *value, int64_t least, int64_t *ret_number)
{
    struct slice text = json_text(value);
    uint64_t number = yyjson_get_uint(value);
    bool is_minus_one = slice_is(text, "-1") || (yyjson_is_sint(value) && yyjson_get_sint(value) == -1);
    bool is_number = yyjson_is_uint(value) || (text.ptr && text_parse_u64(text, &number) == ERR_OK);
    *ret_number = is_minus_one ? -1 : (int64_t)number;
    return (is_minus_one || (is_number && number <= INT64_MAX)) && *ret_number >= least;
}

static enum verdict take_number(struct request *request, const char *name, yyjson_val *value, struct change *change)
{
    int64_t number;
    if (strcmp(name, "trace_rate") == 0) {
        if (!read_number(value, 1, &number))
            return refuse(request, name, "a whole number from 1", value);
        change->settings.rate = (uint64_t)number;
        change->set |= TRACE_RATE;
    } else if (strcmp(name, "trace_count") == 0) {
        if (!read_number(value, -1, &number))
            return refuse(request, name, "a whole number from -1", value);
        change->settings.count = number;
        change->set |= TRACE_COUNT;
    } else {
        if (!read_number(value, 0, &number))
            return refuse(request, name, "a whole number from 0", value);
        change->settings.log_frequency = (uint64_t)number;
        change->set |= TRACE_FREQUENCY;
    }
    return VERDICT_NEXT;
}

static const struct {
    const char *name;
    enum trace_setting setting;
} known[] = {
    {"trace_level", TRACE_LEVEL},
    {"trace_rate", TRACE_RATE},
    {"trace_count", TRACE_COUNT},
    {"log_frequency", TRACE_FREQUENCY},
};

/* null gives a setting back to what holds without it. */
static enum verdict take(struct request *request, yyjson_val *key, struct change *change)
{
    struct slice name = json_text(key);
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!slice_is(name, known[i].name))
            continue;
        if (yyjson_is_null(value)) {
            change->cleared |= known[i].setting;
            return VERDICT_NEXT;
        }
        return known[i].setting == TRACE_LEVEL ? take_level(request, value, change)
                                               : take_number(request, known[i].name, value, change);
    }
    bool is_as_it_is = (slice_is(name, "trace_file") && slice_equal(json_text(value), file_name(request))) ||
                       (slice_is(name, "trace_mode") && slice_is(json_text(value), "triton"));
    if (is_as_it_is)
        return VERDICT_NEXT;
    return request_fail(request, PROBLEM_NOT_IMPLEMENTED, "/" SLICE_FMT ": This cannot be set here.",
                        SLICE_ARG(slice_first(name, 64)));
}

static enum verdict read_change(struct request *request, struct change *change)
{
    yyjson_val *root = NULL;
    if (body_json(request, &root) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (!yyjson_is_obj(root))
        return request_fail(request, PROBLEM_BAD_REQUEST, "Expected an object of settings, got %s.", json_kind(root));
    yyjson_obj_iter iter = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (take(request, key, change) == VERDICT_FAIL)
            return VERDICT_FAIL;
    return VERDICT_NEXT;
}

static enum verdict apply(struct request *request, struct slice model)
{
    struct tracing *tracing = request->worker->ports->tracing;
    struct change change = {.settings = nothing};
    if (read_change(request, &change) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (!tracing && change.settings.is_on)
        return request_fail(request, PROBLEM_NOT_ENABLED,
                            "Nothing can be traced: the server's configuration names no file for it (trace).");
    if (tracing && tracing_change(tracing, model, &change.settings, change.set, change.cleared) != ERR_OK)
        return request_fail(request, PROBLEM_OVERLOADED, "Too many models have trace settings of their own.");
    return VERDICT_NEXT;
}

static enum verdict get_or_change(struct request *request, struct slice model)
{
    if (request->head.method == HTTP_METHOD_POST && apply(request, model) == VERDICT_FAIL)
        return VERDICT_FAIL;
    return answer(request, model);
}

enum verdict endpoint_v2_trace(struct request *request)
{
    return get_or_change(request, (struct slice){NULL, 0});
}

enum verdict endpoint_v2_model_trace(struct request *request)
{
    if (model_find(request) == VERDICT_FAIL)
        return VERDICT_FAIL;
    return get_or_change(request, request->model_entry->config->name);
}
