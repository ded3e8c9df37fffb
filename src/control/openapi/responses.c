/* SPDX-License-Identifier: Apache-2.0 */
/* What an operation may answer: what its target and its contract say, and the problems that its requests can meet. */
#include "control/openapi/openapi_int.h"

#include "lib/http/http.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert(PROBLEM_COUNT <= 64, "problems are bits of a word");

struct response *response_at(struct responses *responses, const char *key)
{
    for (uint32_t i = 0; i < responses->count; i++)
        if (strcmp(responses->items[i].key, key) == 0)
            return &responses->items[i];
    ASSERT(responses->count < RESPONSES_MAX, "an operation has fewer responses than there are statuses in the tables");
    struct response *response = &responses->items[responses->count++];
    *response = (struct response){0};
    struct text text = text_init(response->key, sizeof response->key);
    text_add(&text, slice_of_text(key));
    return response;
}

void response_add_content(struct response *response, const char *media_type, struct slice schema)
{
    ASSERT(response->content_count < CONTENTS_MAX, "a response has a handful of forms");
    response->contents[response->content_count++] = (struct content){media_type, schema};
}

void responses_add_problems(const struct operation *operation, struct responses *responses)
{
    for (enum problem problem = PROBLEM_NONE + 1; problem < PROBLEM_COUNT; problem++) {
        const struct problem_row *row = problem_row(problem);
        if (!(row->arises & operation->places))
            continue;
        char key[KEY_BYTES_MAX];
        (void)snprintf(key, sizeof key, "%d", row->status);
        response_at(responses, key)->problems |= UINT64_C(1) << problem;
    }
}

/* --- problems --------------------------------------------------------------------------------------------------------- */

static struct slice problem_schema(struct openapi *api)
{
    static const char json[] =
        "{\"type\":\"object\",\"description\":\"A problem document of RFC 9457.\",\"required\":[\"type\",\"title\","
        "\"status\"],\"properties\":{"
        "\"type\":{\"type\":\"string\",\"format\":\"uri\",\"description\":\"Which problem it is: "
        "urn:weir:problem: and its name.\"},"
        "\"title\":{\"type\":\"string\",\"description\":\"The problem in a few words, always the same.\"},"
        "\"status\":{\"type\":\"integer\",\"minimum\":400,\"maximum\":599},"
        "\"detail\":{\"type\":\"string\",\"description\":\"What it is about this request.\"},"
        "\"instance\":{\"type\":\"string\",\"description\":\"The path of the request.\"},"
        "\"request_id\":{\"type\":\"string\"},"
        "\"error\":{\"type\":\"string\",\"description\":\"The detail once more, for clients of the Open Inference "
        "Protocol.\"},"
        "\"errors\":{\"type\":\"array\",\"description\":\"All that is wrong with the request, up to a limit.\","
        "\"items\":{\"type\":\"object\",\"properties\":{"
        "\"in\":{\"type\":\"string\",\"description\":\"path, query, header or cookie, of a parameter.\"},"
        "\"parameter\":{\"type\":\"string\",\"description\":\"Its name.\"},"
        "\"pointer\":{\"type\":\"string\",\"description\":\"A JSON Pointer to the place in the body, or in the value "
        "of "
        "the parameter.\"},"
        "\"schema\":{\"type\":\"string\",\"description\":\"Where the schema says so.\"},"
        "\"keyword\":{\"type\":\"string\"},\"expected\":{\"type\":\"string\"},\"found\":{\"type\":\"string\"},"
        "\"detail\":{\"type\":\"string\",\"description\":\"What is wrong, in a sentence.\"}}}}}}";
    return component_ref(api, COMPONENT_SCHEMA, SLICE_LIT("Problem"), SLICE_LIT(json));
}

/* "Bad Request" → "BadRequest" */
static struct slice name_of_status(struct openapi *api, const char *key)
{
    char name[NAME_BYTES_MAX];
    struct text text = text_init(name, sizeof name);
    uint64_t status = 0;
    enum err err = text_parse_u64(slice_of_text(key), &status);
    ASSERT(err == ERR_OK, "problems stand under statuses");
    for (const char *c = http_status_text((int)status); *c; c++)
        if (*c != ' ' && *c != '-')
            text_add(&text, slice_of(c, 1));
    return openapi_printf(api, "%s", name);
}

static struct slice problem_titles(struct openapi *api, uint64_t problems)
{
    struct buffer text = buffer_in_arena(api->arena, 256);
    struct slice titles = {NULL, 0};
    for (enum problem problem = PROBLEM_NONE + 1; problem < PROBLEM_COUNT; problem++)
        if (problems >> problem & 1)
            buffer_printf(&text, "%s%s.", text.len ? " " : "", problem_row(problem)->title);
    if (buffer_finish(&text, &titles) != ERR_OK)
        api->err = ERR_NOMEM;
    return titles;
}

/* --- header fields ----------------------------------------------------------------------------------------------------- */

static struct slice header_ref(struct openapi *api, const char *name, const char *help, const char *schema)
{
    struct slice json =
        openapi_printf(api, "{\"description\":\"%s\",\"schema\":%s}", help, schema ? schema : "{\"type\":\"string\"}");
    return component_ref(api, COMPONENT_HEADER, slice_of_text(name), json);
}

static bool is_retryable(uint64_t problems)
{
    for (enum problem problem = PROBLEM_NONE + 1; problem < PROBLEM_COUNT; problem++)
        if ((problems >> problem & 1) && problem_row(problem)->is_retryable && problem_row(problem)->status == 503)
            return true;
    return false;
}

static void write_headers(const struct operation *operation, const struct response *response, struct json_writer *out)
{
    struct openapi *api = operation->api;
    const struct description *said = &operation->said;
    bool is_retried = is_retryable(response->problems);
    bool is_challenge = response->problems >> PROBLEM_UNAUTHORIZED & 1;
    if (!said->header_count && !is_retried && !is_challenge)
        return;
    put_object(out, "headers");
    for (uint32_t i = 0; i < said->header_count; i++)
        put_json(out, said->headers[i].name, header_ref(api, said->headers[i].name, said->headers[i].help, NULL));
    if (is_challenge)
        put_json(out, "WWW-Authenticate",
                 header_ref(api, "WWW-Authenticate", "How to say who one is (RFC 9110 section 11.6.1).", NULL));
    if (is_retried)
        put_json(out, "Retry-After",
                 header_ref(api, "Retry-After", "Seconds after which the same request may succeed.",
                            "{\"type\":\"integer\",\"minimum\":0}"));
    json_write_object_end(out);
}

/* --- one response ------------------------------------------------------------------------------------------------------ */

static void write_content(struct json_writer *out, const char *media_type, struct slice schema)
{
    put_object(out, media_type);
    if (schema.len)
        put_json(out, "schema", schema);
    json_write_object_end(out);
}

static void write_response(const struct operation *operation, const struct response *response, struct json_writer *out)
{
    struct openapi *api = operation->api;
    struct slice titles = problem_titles(api, response->problems);
    json_write_object_begin(out);
    put_text(out, "description",
             !titles.len ? response->description
             : !response->description.len
                 ? titles
                 : openapi_printf(api, SLICE_FMT " " SLICE_FMT, SLICE_ARG(response->description), SLICE_ARG(titles)));
    write_headers(operation, response, out);
    if (response->content_count || response->problems) {
        put_object(out, "content");
        for (uint32_t i = 0; i < response->content_count; i++)
            write_content(out, response->contents[i].media_type, response->contents[i].schema);
        if (response->problems) {
            write_content(out, "application/problem+json", problem_schema(api));
            write_content(out, "text/plain", SLICE_LIT("{\"type\":\"string\"}"));
        }
        json_write_object_end(out);
    }
    json_write_object_end(out);
}

static int compare_keys(const void *a_, const void *b_)
{
    const struct response *a = a_;
    const struct response *b = b_;
    return strcmp(a->key, b->key); /* digits before letters: ranges stand behind their statuses */
}

void responses_write(const struct operation *operation, struct responses *responses)
{
    struct openapi *api = operation->api;
    qsort(responses->items, responses->count, sizeof responses->items[0], compare_keys);
    put_object(&api->out, "responses");
    for (uint32_t i = 0; i < responses->count; i++) {
        const struct response *response = &responses->items[i];
        struct json_writer writer = json_writer_in_arena(api->arena, 512);
        write_response(operation, response, &writer);
        struct slice json = openapi_finish(api, &writer);
        bool is_problem = response->problems && !response->content_count;
        put_json(&api->out, response->key,
                 is_problem ? component_ref(api, COMPONENT_RESPONSE, name_of_status(api, response->key), json) : json);
    }
    json_write_object_end(&api->out);
}
