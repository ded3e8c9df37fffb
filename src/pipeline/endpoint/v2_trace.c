/* SPDX-License-Identifier: Apache-2.0 */
/* The trace extension: what of the inferences is traced, for all models or for one. Where the file is the configuration says,
 * since whoever may ask may not choose what the server writes to. */
#include "lib/json/writer.h"
#include "pipeline/body_json.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/model_find.h"
#include "pipeline/trace_change.h"

#define SETTINGS_BYTES 256

static enum verdict answer(struct request *request, struct slice model)
{
    struct trace_text texts[TRACE_SETTINGS_TOLD];
    struct json_writer writer = json_writer_in_arena(&request->arena, SETTINGS_BYTES);
    trace_settings_tell(request, model, texts);
    json_write_object_begin(&writer);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        bool is_list = strcmp(texts[i].name, "trace_level") == 0;
        json_write_key(&writer, slice_of_text(texts[i].name));
        if (is_list)
            json_write_array_begin(&writer);
        json_write_string(&writer, texts[i].value);
        if (is_list)
            json_write_array_end(&writer);
    }
    json_write_object_end(&writer);
    return endpoint_answer(request, 200, &writer);
}

/* Numbers may be texts, as other servers have it, a level may stand in an array; null gives a setting back. */
static bool read_value(yyjson_val *value, struct trace_text *text)
{
    struct text out = text_init(text->memory, sizeof text->memory);
    if (yyjson_is_arr(value) && yyjson_arr_size(value) == 1)
        value = yyjson_arr_get_first(value);
    text->value = yyjson_is_null(value) ? (struct slice){NULL, 0} : json_text(value);
    if (yyjson_is_uint(value))
        text_printf(&out, "%llu", (unsigned long long)yyjson_get_uint(value));
    else if (yyjson_is_sint(value))
        text_printf(&out, "%lld", (long long)yyjson_get_sint(value));
    else
        return text->value.ptr || yyjson_is_null(value);
    text->value = text_slice(&out);
    return true;
}

static enum verdict take(struct request *request, yyjson_val *key, struct trace_change *change)
{
    struct slice name = json_text(key);
    struct trace_text text;
    if (!read_value(yyjson_obj_iter_get_val(key), &text))
        return request_fail(request, PROBLEM_BAD_REQUEST, "/" SLICE_FMT ": Expected a text or a number, got %s.",
                            SLICE_ARG(slice_first(name, 64)), json_kind(yyjson_obj_iter_get_val(key)));
    return trace_change_take(request, change, name, text.value);
}

static enum verdict read_change(struct request *request, struct trace_change *change)
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
    struct trace_change change = {0};
    if (read_change(request, &change) == VERDICT_FAIL)
        return VERDICT_FAIL;
    return trace_change_apply(request, model, &change);
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
