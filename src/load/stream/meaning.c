/* SPDX-License-Identifier: Apache-2.0 */
/* What one event says. Dialects are told apart by their members, not by the path that was asked: gateways put any of them
 * anywhere.
 *
 *   OpenAI     {"choices":[{"delta":{"content":"…"},"finish_reason":null}],"usage":{…}}, at the end the text [DONE]
 *              https://platform.openai.com/docs/api-reference/chat-streaming
 *   responses  {"type":"response.output_text.delta","delta":"…"}
 *              https://platform.openai.com/docs/api-reference/responses-streaming
 *   Anthropic  {"type":"content_block_delta","delta":{"type":"text_delta","text":"…"}}
 *              https://docs.anthropic.com/en/docs/build-with-claude/streaming
 *
 * Any other event with data counts as content, but for those named "error" and "done". */
#include "lib/json/json.h"
#include "load/stream/stream_int.h"

static bool is_filled(yyjson_val *value)
{
    return yyjson_get_len(value) > 0 && (yyjson_is_str(value) || yyjson_is_ctn(value));
}

/* Text, thoughts under whatever name, tool calls, a refusal: what a model has made. */
static bool delta_has_content(yyjson_val *delta)
{
    size_t index;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    if (!yyjson_is_obj(delta))
        return yyjson_is_str(delta) && is_filled(delta);
    yyjson_obj_foreach(delta, index, count, key, value)
    {
        struct slice name = json_text(key);
        bool is_about = slice_is(name, "role") || slice_is(name, "type") || slice_is(name, "signature");
        if (!is_about && is_filled(value))
            return true;
    }
    return false;
}

static void read_count(yyjson_val *usage, const char *name, const char *other_name, bool *ret_has, uint64_t *ret_count)
{
    yyjson_val *count = json_get(usage, slice_of_text(name));
    if (!count)
        count = json_get(usage, slice_of_text(other_name));
    if (!yyjson_is_uint(count))
        return;
    *ret_has = true;
    *ret_count = yyjson_get_uint(count);
}

static void read_usage(yyjson_val *usage, struct load_meaning *meaning)
{
    if (!yyjson_is_obj(usage))
        return;
    read_count(usage, "completion_tokens", "output_tokens", &meaning->has_output_tokens, &meaning->output_tokens);
    read_count(usage, "prompt_tokens", "input_tokens", &meaning->has_input_tokens, &meaning->input_tokens);
}

static void read_openai(yyjson_val *root, yyjson_val *choices, struct load_meaning *meaning)
{
    size_t index;
    size_t count;
    yyjson_val *choice;
    meaning->dialect = LOAD_DIALECT_OPENAI;
    yyjson_arr_foreach(choices, index, count, choice)
    {
        yyjson_val *reason = json_get(choice, SLICE_LIT("finish_reason"));
        bool has_text = is_filled(json_get(choice, SLICE_LIT("text")));
        meaning->is_end = meaning->is_end || yyjson_is_str(reason);
        meaning->is_error = meaning->is_error || slice_is(json_text(reason), "error");
        meaning->has_content =
            meaning->has_content || has_text || delta_has_content(json_get(choice, SLICE_LIT("delta")));
    }
    read_usage(json_get(root, SLICE_LIT("usage")), meaning);
}

static void read_responses(yyjson_val *root, struct slice type, struct load_meaning *meaning)
{
    struct slice what = slice_skip(type, strlen("response."));
    const size_t ending = strlen(".delta");
    bool is_delta = what.len > ending && slice_is(slice_skip(what, what.len - ending), ".delta");
    meaning->dialect = LOAD_DIALECT_RESPONSES;
    meaning->has_content = is_delta && delta_has_content(json_get(root, SLICE_LIT("delta")));
    meaning->is_error = slice_is(what, "failed");
    meaning->is_end = slice_is(what, "completed") || slice_is(what, "incomplete");
    read_usage(json_get(json_get(root, SLICE_LIT("response")), SLICE_LIT("usage")), meaning);
}

static bool read_anthropic(yyjson_val *root, struct slice type, struct load_meaning *meaning)
{
    if (slice_is(type, "content_block_delta"))
        meaning->has_content = delta_has_content(json_get(root, SLICE_LIT("delta")));
    else if (slice_is(type, "message_start"))
        read_usage(json_get(json_get(root, SLICE_LIT("message")), SLICE_LIT("usage")), meaning);
    else if (slice_is(type, "message_delta"))
        read_usage(json_get(root, SLICE_LIT("usage")), meaning);
    else if (slice_is(type, "message_stop"))
        meaning->is_end = true;
    else if (!slice_is(type, "content_block_start") && !slice_is(type, "content_block_stop") && !slice_is(type, "ping"))
        return false;
    meaning->dialect = LOAD_DIALECT_ANTHROPIC;
    return true;
}

static void read_other(const struct sse_event *event, struct load_meaning *meaning)
{
    meaning->is_end = slice_is(event->type, "done");
    meaning->has_content = event->has_data && !meaning->is_end;
}

static bool says_error(yyjson_val *root)
{
    yyjson_val *error = json_get(root, SLICE_LIT("error"));
    return (error && !yyjson_is_null(error)) || slice_is(json_text(json_get(root, SLICE_LIT("object"))), "error") ||
           slice_is(json_text(json_get(root, SLICE_LIT("type"))), "error");
}

/* Text that is no JSON comes from whoever streams plain text; but not in the midst of a dialect. */
void load_event_read(const struct sse_event *event, enum load_dialect known, struct arena *arena,
                     struct load_meaning *ret_meaning)
{
    const struct json_limits limits = {.bytes_max = LOAD_STREAM_EVENT_BYTES_MAX, .depth_max = JSON_DEPTH_MAX};
    struct json_document document;
    struct json_fault fault;
    *ret_meaning = (struct load_meaning){.dialect = known, .is_error = slice_is(event->type, "error")};
    if (!event->has_data || ret_meaning->is_error)
        return;
    if (slice_is(event->data, "[DONE]")) {
        ret_meaning->is_end = true;
        return;
    }
    if (json_parse(arena, event->data, &limits, &document, &fault) != ERR_OK) {
        ret_meaning->is_error = known != LOAD_DIALECT_UNKNOWN;
        read_other(event, ret_meaning);
        return;
    }
    yyjson_val *choices = json_get(document.root, SLICE_LIT("choices"));
    struct slice type = json_text(json_get(document.root, SLICE_LIT("type")));
    if (says_error(document.root))
        ret_meaning->is_error = true;
    else if (yyjson_is_arr(choices))
        read_openai(document.root, choices, ret_meaning);
    else if (slice_starts(type, SLICE_LIT("response.")))
        read_responses(document.root, type, ret_meaning);
    else if (!read_anthropic(document.root, type, ret_meaning) && known == LOAD_DIALECT_UNKNOWN)
        read_other(event, ret_meaning);
}
