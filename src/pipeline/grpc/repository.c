/* SPDX-License-Identifier: Apache-2.0 */
/* The model repository extension: the same as over REST. There is one repository as far as clients are concerned; the name of one
 * is not looked at. */
#include "pipeline/endpoint_work.h"
#include "pipeline/grpc/calls_int.h"

#define INDEX_BYTES 4096

/* Fields of grpc_service.proto. */
enum { INDEX_READY = 2, INDEX_MODELS = 1 };
enum { ROW_NAME = 1, ROW_VERSION, ROW_STATE, ROW_REASON };
enum { LOAD_MODEL = 2, LOAD_PARAMETERS = 3 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2, PARAMETER_TEXT_FIELD = 3 };

/* --- index ------------------------------------------------------------------------------------------------------------- */

static enum err write_rows(struct arena *arena, const struct repository_index *index, struct slice *ret_text)
{
    struct buffer out = buffer_in_arena(arena, INDEX_BYTES);
    for (uint32_t i = 0; i < index->count; i++) {
        const struct repository_row *row = &index->rows[i];
        size_t begin = protobuf_message_begin(&out, INDEX_MODELS);
        protobuf_write_text(&out, ROW_NAME, row->name);
        protobuf_write_text(&out, ROW_VERSION, row->version);
        protobuf_write_text(&out, ROW_STATE, slice_of_text(repository_state_name(row->state)));
        protobuf_write_text(&out, ROW_REASON, row->reason);
        protobuf_message_end(&out, begin);
    }
    return buffer_finish(&out, ret_text);
}

static enum err render(struct rendering *rendering)
{
    return repository_render(rendering, write_rows);
}

static enum verdict begin_index(struct request *request)
{
    struct slice message;
    struct protobuf_field field;
    bool is_ready_only = false;
    enum err err;
    if (grpc_message(request, &message) == VERDICT_FAIL)
        return VERDICT_FAIL;
    while ((err = protobuf_next(&message, &field)) == ERR_OK)
        if (field.number == INDEX_READY && !protobuf_bool(&field, &is_ready_only))
            return grpc_refuse_message(request, "RepositoryIndexRequest");
    if (err != ERR_EOF)
        return grpc_refuse_message(request, "RepositoryIndexRequest");
    return endpoint_render(request, render, is_ready_only);
}

enum verdict grpc_repository_index(struct request *request)
{
    if (!request->was_submitted)
        return begin_index(request);
    const struct rendering *rendering = endpoint_rendered(request);
    struct grpc_reply *reply = grpc_reply_make(request);
    if (!reply || rendering->err != ERR_OK)
        return request_fail_memory(request);
    grpc_reply_add(reply, slice_of(rendering->text, rendering->bytes));
    return grpc_reply_send(request, reply);
}

/* --- load, unload ------------------------------------------------------------------------------------------------------ */

/* Of the parameters, `config` has a meaning; one of another type is no text. */
static enum verdict read_parameter(struct request *request, const struct protobuf_field *entry, struct slice *settings)
{
    struct slice rest;
    struct slice name = {"", 0};
    struct slice value = {"", 0};
    struct protobuf_field field;
    if (!protobuf_bytes(entry, &rest))
        return grpc_refuse_message(request, "RepositoryModelLoadRequest");
    while (protobuf_next(&rest, &field) == ERR_OK) {
        bool is_right = true;
        if (field.number == ENTRY_KEY)
            is_right = protobuf_string(&field, &name);
        else if (field.number == ENTRY_VALUE)
            is_right = protobuf_bytes(&field, &value);
        if (!is_right)
            return grpc_refuse_message(request, "RepositoryModelLoadRequest");
    }
    if (slice_starts(name, SLICE_LIT("file:")))
        return repository_refuse_file(request);
    while (slice_is(name, "config") && protobuf_next(&value, &field) == ERR_OK)
        if (field.number != PARAMETER_TEXT_FIELD || !protobuf_string(&field, settings))
            return request_fail(request, PROBLEM_BAD_REQUEST,
                                "The parameter \"config\" is a configuration as JSON in a string.");
    return VERDICT_NEXT;
}

static enum verdict begin_wish(struct request *request, enum repository_wish wish)
{
    struct repository_request wanted = {.wish = wish, .name = {"", 0}};
    struct slice message;
    struct protobuf_field field;
    enum err err;
    if (grpc_message(request, &message) == VERDICT_FAIL)
        return VERDICT_FAIL;
    while ((err = protobuf_next(&message, &field)) == ERR_OK) {
        if (field.number == LOAD_MODEL && !protobuf_string(&field, &wanted.name))
            return grpc_refuse_message(request, "RepositoryModelLoadRequest");
        bool is_parameter = field.number == LOAD_PARAMETERS && wish == REPOSITORY_WISH_LOAD;
        if (is_parameter && read_parameter(request, &field, &wanted.settings) == VERDICT_FAIL)
            return VERDICT_FAIL;
    }
    if (err != ERR_EOF)
        return grpc_refuse_message(request, "RepositoryModelLoadRequest");
    return repository_begin(request, &wanted);
}

enum verdict grpc_repository_wish(struct request *request, bool is_load)
{
    struct buffer nothing = buffer_in_arena(&request->arena, 0);
    if (!request->task_state)
        return begin_wish(request, is_load ? REPOSITORY_WISH_LOAD : REPOSITORY_WISH_UNLOAD);
    enum verdict verdict = repository_look(request);
    return verdict == VERDICT_NEXT ? grpc_reply_buffer(request, &nothing) : verdict;
}
