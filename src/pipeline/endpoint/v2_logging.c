/* SPDX-License-Identifier: Apache-2.0 */
/* The logging extension: which lines the server writes to standard error. weir has two kinds, of what goes well and of what
 * does not, so warnings follow the first; it has no verbose ones, no other form, and no file of them. What cannot be changed
 * may be sent as it is, as clients do that send back what they got. */
#include "lib/json/writer.h"
#include "pipeline/body_json.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/setting.h"

#define SETTINGS_BYTES 256

static void put_bool(struct json_writer *writer, struct slice key, bool value)
{
    json_write_key(writer, key);
    json_write_bool(writer, value);
}

static enum verdict answer(struct request *request, const struct log_settings *settings)
{
    struct json_writer writer = json_writer_in_arena(&request->arena, SETTINGS_BYTES);
    json_write_object_begin(&writer);
    json_write_member_string(&writer, "log_file", SLICE_LIT(""));
    put_bool(&writer, SLICE_LIT("log_info"), settings->is_info);
    put_bool(&writer, SLICE_LIT("log_warning"), settings->is_info);
    put_bool(&writer, SLICE_LIT("log_error"), settings->is_error);
    json_write_member_u64(&writer, "log_verbose_level", 0);
    json_write_member_string(&writer, "log_format", SLICE_LIT("default"));
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}

static enum verdict take_bool(struct request *request, struct slice name, yyjson_val *value, bool *ret)
{
    if (!yyjson_is_bool(value))
        return request_fail(request, PROBLEM_BAD_REQUEST, "/" SLICE_FMT ": Expected true or false, got %s.",
                            SLICE_ARG(name), json_kind(value));
    *ret = yyjson_get_bool(value);
    return VERDICT_NEXT;
}

/* Warnings are no kind of their own: what is said of them has to be what is said of the first kind. */
static enum verdict take_warning(struct request *request, yyjson_val *root, yyjson_val *value)
{
    bool is_warning;
    yyjson_val *info = json_get(root, SLICE_LIT("log_info"));
    bool is_info = request->worker->ports->log_settings(request->worker->ports->owner, NULL).is_info;
    if (yyjson_is_bool(info))
        is_info = yyjson_get_bool(info);
    if (take_bool(request, SLICE_LIT("log_warning"), value, &is_warning) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (is_warning == is_info)
        return VERDICT_NEXT;
    return request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                        "/log_warning: Warnings are written as log_info says, and cannot be told apart from that.");
}

static enum verdict take(struct request *request, yyjson_val *root, yyjson_val *key, struct log_settings *settings)
{
    struct slice name = json_text(key);
    yyjson_val *value = yyjson_obj_iter_get_val(key);
    if (slice_is(name, "log_info"))
        return take_bool(request, name, value, &settings->is_info);
    if (slice_is(name, "log_error"))
        return take_bool(request, name, value, &settings->is_error);
    if (slice_is(name, "log_warning"))
        return take_warning(request, root, value);
    bool is_as_it_is = (slice_is(name, "log_verbose_level") && yyjson_is_uint(value) && yyjson_get_uint(value) == 0) ||
                       (slice_is(name, "log_file") && yyjson_is_str(value) && yyjson_get_len(value) == 0) ||
                       (slice_is(name, "log_format") && slice_is(json_text(value), "default"));
    if (is_as_it_is)
        return VERDICT_NEXT;
    return setting_refuse(request, name);
}

static enum verdict read_change(struct request *request, struct log_settings *ret_settings)
{
    yyjson_val *root = NULL;
    if (body_json(request, &root) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (!yyjson_is_obj(root))
        return request_fail(request, PROBLEM_BAD_REQUEST, "Expected an object of settings, got %s.", json_kind(root));
    yyjson_obj_iter iter = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (take(request, root, key, ret_settings) == VERDICT_FAIL)
            return VERDICT_FAIL;
    return VERDICT_NEXT;
}

enum verdict endpoint_v2_logging(struct request *request)
{
    const struct ports *ports = request->worker->ports;
    const struct log_settings now = ports->log_settings(ports->owner, NULL);
    struct log_settings wanted = now;
    if (request->head.method != HTTP_METHOD_POST)
        return answer(request, &now);
    if (read_change(request, &wanted) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (wanted.is_info == now.is_info && wanted.is_error == now.is_error)
        return answer(request, &now);
    if (!request->config->allows_log_settings)
        return request_fail(request, PROBLEM_NOT_ENABLED,
                            "Messages cannot be turned off from here (log_settings in the server's configuration).");
    const struct log_settings changed = ports->log_settings(ports->owner, &wanted);
    return answer(request, &changed);
}
