/* SPDX-License-Identifier: Apache-2.0 */
/* The model repository extension of the Open Inference Protocol: what there is, and, under `control: explicit`, loading and
 * unloading. A load is answered once the model is in use, or why it is not. */
#include "lib/json/writer.h"
#include "pipeline/body_json.h"
#include "pipeline/endpoint/endpoint_int.h"

#include <stdlib.h>

/* --- index ------------------------------------------------------------------------------------------------------- */

static const char *const states[] = {
    [REPOSITORY_READY] = "READY",
    [REPOSITORY_UNAVAILABLE] = "UNAVAILABLE",
    [REPOSITORY_LOADING] = "LOADING",
    [REPOSITORY_UNLOADING] = "UNLOADING",
};

const char *repository_state_name(enum repository_state state)
{
    return states[state];
}

static void write_row(struct json_writer *writer, const struct repository_row *row)
{
    json_write_object_begin(writer);
    json_write_member_string(writer, "name", row->name);
    if (row->version.len)
        json_write_member_string(writer, "version", row->version);
    json_write_member_string(writer, "state", slice_of_text(repository_state_name(row->state)));
    json_write_member_string(writer, "reason", row->reason);
    json_write_object_end(writer);
}

static enum err write_rows(struct arena *arena, const struct repository_index *index, struct slice *ret_text)
{
    struct json_writer writer = json_writer_in_arena(arena, 4096);
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < index->count; i++)
        write_row(&writer, &index->rows[i]);
    json_write_array_end(&writer);
    return json_writer_finish(&writer, ret_text);
}

static enum err copy_text(struct slice text, struct rendering *rendering)
{
    rendering->text = malloc(text.len);
    if (!rendering->text)
        return ERR_NOMEM;
    memcpy(rendering->text, text.ptr, text.len);
    rendering->bytes = text.len;
    return ERR_OK;
}

enum err repository_render(struct rendering *rendering, repository_write write)
{
    const struct ports *ports = rendering->ports;
    struct repository_index *index;
    struct pool pool;
    struct arena arena;
    struct slice text;
    TRY(ports->repository_index(ports->owner, rendering->form, &index));
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 65536, 64U << 20);
    enum err err = write(&arena, index, &text);
    if (err == ERR_OK)
        err = copy_text(text, rendering);
    arena_reset(&arena);
    pool_deinit(&pool);
    free(index);
    return err;
}

static enum err render(struct rendering *rendering)
{
    return repository_render(rendering, write_rows);
}

/* A body may be left out. FAIL when it is no object. */
static enum verdict read_body(struct request *request, yyjson_val **ret_root)
{
    *ret_root = NULL;
    if (!request->body.len)
        return VERDICT_NEXT;
    enum verdict verdict = body_json(request, ret_root);
    if (verdict == VERDICT_NEXT && !yyjson_is_obj(*ret_root))
        return request_fail(request, PROBLEM_INVALID_JSON, "The body is a JSON object, found %s.",
                            json_kind(*ret_root));
    return verdict;
}

enum verdict endpoint_v2_repository_index(struct request *request)
{
    yyjson_val *root;
    if (!request->was_submitted) {
        enum verdict verdict = read_body(request, &root);
        if (verdict != VERDICT_NEXT)
            return verdict;
        yyjson_val *ready = json_get(root, SLICE_LIT("ready"));
        if (ready && !yyjson_is_bool(ready))
            return request_fail(request, PROBLEM_BAD_REQUEST, "/ready: Expected true or false, got %s.",
                                json_kind(ready));
        return endpoint_render(request, render, yyjson_get_bool(ready));
    }
    const struct rendering *rendering = endpoint_rendered(request);
    if (rendering->err != ERR_OK)
        return request_fail_memory(request);
    response_set(request, 200, "application/json", slice_of(rendering->text, rendering->bytes));
    return VERDICT_NEXT;
}

/* --- load, unload ------------------------------------------------------------------------------------------------ */

enum verdict repository_look(struct request *request)
{
    struct endpoint_wait *waiting = request->task_state;
    const struct ports *ports = request->worker->ports;
    struct repository_outcome outcome;
    enum err err = ports->repository_outcome(ports->owner, waiting->ticket, &request->arena, &outcome);
    if (err == ERR_AGAIN)
        return endpoint_wait_on(waiting);
    if (err != ERR_OK)
        return request_fail_memory(request);
    switch (outcome.result) {
    case REPOSITORY_DONE:
        break;
    case REPOSITORY_NOT_FOUND:
        return request_fail(request, PROBLEM_MODEL_NOT_FOUND, SLICE_FMT ".", SLICE_ARG(outcome.reason));
    case REPOSITORY_REFUSED:
        return request_fail(request, PROBLEM_MODEL_REFUSED, SLICE_FMT, SLICE_ARG(outcome.reason));
    case REPOSITORY_GIVEN_UP:
        return request_fail(request, PROBLEM_OVERLOADED, "The server is shutting down and loads no models any more.");
    }
    return VERDICT_NEXT;
}

static enum verdict look(struct request *request)
{
    enum verdict verdict = repository_look(request);
    if (verdict == VERDICT_NEXT)
        response_set(request, 200, "application/json", SLICE_LIT("{}"));
    return verdict;
}

enum verdict repository_refuse_file(struct request *request)
{
    return request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                        "Files of a model are not taken from a request: put them into the repository.");
}

/* The parameters of a load: `config`; contents of files are not taken. */
static enum verdict read_parameters(struct request *request, yyjson_val *root, struct slice *ret_settings)
{
    yyjson_val *parameters = json_get(root, SLICE_LIT("parameters"));
    yyjson_val *config = json_get(parameters, SLICE_LIT("config"));
    size_t index;
    size_t count;
    yyjson_val *key;
    yyjson_val *value;
    if (parameters && !yyjson_is_obj(parameters))
        return request_fail(request, PROBLEM_INVALID_JSON, "parameters is an object, found %s.", json_kind(parameters));
    yyjson_obj_foreach(parameters, index, count, key, value)
    {
        if (slice_starts(json_text(key), SLICE_LIT("file:")))
            return repository_refuse_file(request);
    }
    if (config && !yyjson_is_str(config))
        return request_fail(request, PROBLEM_INVALID_JSON,
                            "parameters.config is a configuration as JSON in a string, found %s.", json_kind(config));
    *ret_settings = json_text(config);
    return VERDICT_NEXT;
}

enum verdict repository_begin(struct request *request, const struct repository_request *wanted)
{
    const struct ports *ports = request->worker->ports;
    if (!config_is_explicit(request->config))
        return request_fail(
            request, PROBLEM_NOT_ENABLED,
            "Models are loaded and unloaded on request only from a repository with `control: explicit`.");
    if (slice_find(wanted->name, '\0') < wanted->name.len)
        return request_fail(request, PROBLEM_MODEL_NOT_FOUND, "No model has a name with a NUL in it.");
    uint64_t ticket = ports->repository_ask(ports->owner, wanted);
    if (ticket)
        return endpoint_wait_begin(request, ticket);
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_OVERLOADED, "Too many models wait to be loaded or unloaded; try again.");
}

static enum verdict ask(struct request *request, enum repository_wish wish)
{
    struct repository_request wanted = {.wish = wish, .name = route_param(&request->match, "model")};
    yyjson_val *root;
    enum verdict verdict = read_body(request, &root);
    if (verdict == VERDICT_NEXT && wish == REPOSITORY_WISH_LOAD)
        verdict = read_parameters(request, root, &wanted.settings);
    return verdict == VERDICT_NEXT ? repository_begin(request, &wanted) : verdict;
}

enum verdict endpoint_v2_repository_load(struct request *request)
{
    return request->task_state ? look(request) : ask(request, REPOSITORY_WISH_LOAD);
}

enum verdict endpoint_v2_repository_unload(struct request *request)
{
    return request->task_state ? look(request) : ask(request, REPOSITORY_WISH_UNLOAD);
}
