/* SPDX-License-Identifier: Apache-2.0 */
/* TraceSetting and LogSettings: what is changed, if anything, and then what holds. */
#include "pipeline/grpc/calls_int.h"
#include "pipeline/setting.h"
#include "pipeline/trace_change.h"

/* Fields of grpc_service.proto: a map of settings, and the values of each. */
enum { SETTINGS = 1, TRACE_MODEL = 2, ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum { TRACE_VALUE = 1 };
enum { LOG_BOOL = 1, LOG_NUMBER, LOG_TEXT };

/* An entry of the map: its name, and its value as the message that it is. */
static bool read_entry(const struct protobuf_field *entry, struct slice *ret_name, struct slice *ret_value)
{
    struct slice rest;
    struct protobuf_field field;
    enum err err;
    *ret_name = *ret_value = (struct slice){"", 0};
    if (!protobuf_bytes(entry, &rest))
        return false;
    while ((err = protobuf_next(&rest, &field)) == ERR_OK) {
        if (field.number == ENTRY_KEY && !protobuf_string(&field, ret_name))
            return false;
        if (field.number == ENTRY_VALUE && !protobuf_bytes(&field, ret_value))
            return false;
    }
    return err == ERR_EOF;
}

/* --- tracing ------------------------------------------------------------------------------------------------------------ */

/* No value gives the setting back; of levels there may be several, of which only one makes sense here. */
static bool read_trace_value(struct slice message, struct slice *ret_text)
{
    struct protobuf_field field;
    enum err err;
    *ret_text = (struct slice){NULL, 0};
    while ((err = protobuf_next(&message, &field)) == ERR_OK)
        if (field.number == TRACE_VALUE && !protobuf_string(&field, ret_text))
            return false;
    return err == ERR_EOF;
}

static enum verdict read_trace_change(struct request *request, struct slice message, struct trace_change *change,
                                      struct slice *model)
{
    struct protobuf_field field;
    struct slice name;
    struct slice value;
    struct slice text;
    enum err err;
    while ((err = protobuf_next(&message, &field)) == ERR_OK) {
        if (field.number == TRACE_MODEL && !protobuf_string(&field, model))
            return grpc_refuse_message(request, "TraceSettingRequest");
        if (field.number != SETTINGS)
            continue;
        if (!read_entry(&field, &name, &value) || !read_trace_value(value, &text))
            return grpc_refuse_message(request, "TraceSettingRequest");
        if (trace_change_take(request, change, name, text) == VERDICT_FAIL)
            return VERDICT_FAIL;
    }
    return err == ERR_EOF ? VERDICT_NEXT : grpc_refuse_message(request, "TraceSettingRequest");
}

static void write_trace_settings(struct request *request, struct slice model, struct buffer *out)
{
    struct trace_text texts[TRACE_SETTINGS_TOLD];
    trace_settings_tell(request, model, texts);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t entry = protobuf_message_begin(out, SETTINGS);
        protobuf_write_text(out, ENTRY_KEY, slice_of_text(texts[i].name));
        size_t value = protobuf_message_begin(out, ENTRY_VALUE);
        protobuf_write_bytes(out, TRACE_VALUE, texts[i].value);
        protobuf_message_end(out, value);
        protobuf_message_end(out, entry);
    }
}

enum verdict call_trace_setting(struct request *request, struct slice message, struct buffer *out)
{
    struct trace_change change = {0};
    struct slice model = {"", 0};
    if (read_trace_change(request, message, &change, &model) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (model.len && model_find_named(request, model, (struct slice){"", 0}) == VERDICT_FAIL)
        return VERDICT_FAIL;
    bool is_changed = change.set || change.cleared;
    if (is_changed && trace_change_apply(request, model, &change) == VERDICT_FAIL)
        return VERDICT_FAIL;
    write_trace_settings(request, model, out);
    return VERDICT_NEXT;
}

/* --- messages of the server -------------------------------------------------------------------------------------------- */

struct log_value {
    uint32_t kind; /* LOG_BOOL, LOG_NUMBER, LOG_TEXT; 0: none */
    bool is_true;
    uint64_t number;
    struct slice text;
};

static bool read_log_value(struct slice message, struct log_value *ret_value)
{
    struct protobuf_field field;
    enum err err;
    *ret_value = (struct log_value){0};
    while ((err = protobuf_next(&message, &field)) == ERR_OK) {
        bool is_right = true;
        if (field.number == LOG_BOOL)
            is_right = protobuf_bool(&field, &ret_value->is_true);
        else if (field.number == LOG_NUMBER)
            is_right = protobuf_u64(&field, &ret_value->number);
        else if (field.number == LOG_TEXT)
            is_right = protobuf_string(&field, &ret_value->text);
        if (!is_right)
            return false;
        if (field.number <= LOG_TEXT)
            ret_value->kind = field.number;
    }
    return err == ERR_EOF;
}

/* What a request wants of them. */
struct log_change {
    struct log_settings settings;
    bool is_warning;
    bool has_warning;
};

/* What there is no other of may be sent as it is. */
static bool is_as_it_is(struct slice name, const struct log_value *value)
{
    if (slice_is(name, "log_verbose_level"))
        return value->kind == LOG_NUMBER && value->number == 0;
    if (slice_is(name, "log_file"))
        return value->kind == LOG_TEXT && value->text.len == 0;
    return slice_is(name, "log_format") && slice_is(value->text, "default");
}

static enum verdict take_log(struct request *request, struct slice name, const struct log_value *value,
                             struct log_change *change)
{
    bool *place = slice_is(name, "log_info")      ? &change->settings.is_info
                  : slice_is(name, "log_error")   ? &change->settings.is_error
                  : slice_is(name, "log_warning") ? &change->is_warning
                                                  : NULL;
    if (!place && !is_as_it_is(name, value))
        return setting_refuse(request, name);
    if (place && value->kind != LOG_BOOL)
        return request_fail(request, PROBLEM_BAD_REQUEST, "/" SLICE_FMT ": Expected true or false.", SLICE_ARG(name));
    if (place)
        *place = value->is_true;
    change->has_warning |= place == &change->is_warning;
    return VERDICT_NEXT;
}

/* Warnings are no kind of their own, so they have to go with log_info. */
static enum verdict read_log_change(struct request *request, struct slice message, struct log_change *change)
{
    struct protobuf_field field;
    struct log_value value;
    struct slice name;
    struct slice bytes;
    enum err err;
    while ((err = protobuf_next(&message, &field)) == ERR_OK) {
        if (field.number != SETTINGS)
            continue;
        if (!read_entry(&field, &name, &bytes) || !read_log_value(bytes, &value))
            return grpc_refuse_message(request, "LogSettingsRequest");
        if (take_log(request, name, &value, change) == VERDICT_FAIL)
            return VERDICT_FAIL;
    }
    if (err != ERR_EOF)
        return grpc_refuse_message(request, "LogSettingsRequest");
    if (change->has_warning && change->is_warning != change->settings.is_info)
        return request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                            "/log_warning: Warnings are written as log_info says, and cannot be told apart from that.");
    return VERDICT_NEXT;
}

static void write_log(struct buffer *out, const char *name, uint32_t kind, uint64_t number, struct slice text)
{
    size_t entry = protobuf_message_begin(out, SETTINGS);
    protobuf_write_text(out, ENTRY_KEY, slice_of_text(name));
    size_t value = protobuf_message_begin(out, ENTRY_VALUE);
    if (kind == LOG_TEXT)
        protobuf_write_bytes(out, LOG_TEXT, text);
    else
        protobuf_write_u64(out, kind, number);
    protobuf_message_end(out, value);
    protobuf_message_end(out, entry);
}

static void write_log_settings(struct buffer *out, const struct log_settings *settings)
{
    const struct slice none = {NULL, 0};
    write_log(out, "log_file", LOG_TEXT, 0, SLICE_LIT(""));
    write_log(out, "log_info", LOG_BOOL, settings->is_info, none);
    write_log(out, "log_warning", LOG_BOOL, settings->is_info, none);
    write_log(out, "log_error", LOG_BOOL, settings->is_error, none);
    write_log(out, "log_verbose_level", LOG_NUMBER, 0, none);
    write_log(out, "log_format", LOG_TEXT, 0, SLICE_LIT("default"));
}

enum verdict call_log_settings(struct request *request, struct slice message, struct buffer *out)
{
    const struct ports *ports = request->worker->ports;
    const struct log_settings now = ports->log_settings(ports->owner, NULL);
    struct log_change change = {.settings = now};
    if (read_log_change(request, message, &change) == VERDICT_FAIL)
        return VERDICT_FAIL;
    const struct log_settings *wanted = &change.settings;
    bool is_changed = wanted->is_info != now.is_info || wanted->is_error != now.is_error;
    if (is_changed && !request->config->allows_log_settings)
        return request_fail(request, PROBLEM_NOT_ENABLED,
                            "Messages cannot be turned off from here (log_settings in the server's configuration).");
    const struct log_settings changed = is_changed ? ports->log_settings(ports->owner, wanted) : now;
    write_log_settings(out, &changed);
    return VERDICT_NEXT;
}
