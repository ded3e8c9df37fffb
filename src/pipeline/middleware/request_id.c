/* SPDX-License-Identifier: Apache-2.0 */
/* request_id: a name for every request, in logs, problems and the answer.
 *
 * A client, or a proxy in front, may bring its own name, so that one request can be followed through several servers.
 * It is taken only when it cannot do harm where it will be printed: 1 to 64 letters, digits, dots, underscores and
 * hyphens, sent once. Anything else is passed over without an error, because a name is a courtesy and no input. Our own
 * names are 64 random bits: enough not to meet twice in a log, not secret. */
#include "pipeline/description.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#define ID_CHARS_MAX  64
#define ID_MADE_CHARS 16

struct options {
    bool is_trusting;
};

static const struct option rows[] = {
    {.name = "trust",
     .type = OPTION_BOOL,
     .offset = offsetof(struct options, is_trusting),
     .fallback = "true",
     .help = "Takes a well-formed X-Request-Id of the client instead of making one"},
};

static const struct option_table table = {
    .name = "request_id",
    .help = "How requests are named",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err describe(const void *options, struct description *description);
static enum verdict on_request(struct request *request, const void *options, void *state);

const struct middleware middleware_request_id = {
    .name = "request_id",
    .help = "Names the request and answers with X-Request-Id",
    .place = PLACE_IDENTIFY,
    .duty = DUTY_OPTIONAL,
    .options = &table,
    .describe = describe,
    .on_request = on_request,
};

static bool is_name(struct slice text);
static struct slice make(struct request *request);

static enum err describe(const void *options, struct description *description)
{
    (void)options;
    description->has_request_id = true;
    description_add_header(description, "X-Request-Id", "The name of the request, in logs and problems too.");
    return ERR_OK;
}

static enum verdict on_request(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    struct slice sent = request_header(request, HTTP_FIELD_X_REQUEST_ID);
    bool is_repeated = request->head.repeated >> HTTP_FIELD_X_REQUEST_ID & 1;
    bool is_taken = sent.len && options->is_trusting && !is_repeated && is_name(sent);
    request->id = is_taken ? sent : make(request);
    if (!request->id.ptr)
        return request_fail_memory(request);
    response_field_add(request, "X-Request-Id", request->id);
    return VERDICT_NEXT;
}

static NOT_INLINE bool is_name(struct slice text)
{
    if (text.len > ID_CHARS_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
        bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* {NULL, 0} without memory. */
static struct slice make(struct request *request)
{
    char *made = arena_alloc(&request->arena, ID_MADE_CHARS);
    if (!made)
        return (struct slice){NULL, 0};
    uint64_t random = worker_random(request->worker);
    text_format_hex(made, slice_of(&random, sizeof random));
    return slice_of(made, ID_MADE_CHARS);
}
