/* SPDX-License-Identifier: Apache-2.0 */
/* Problems as clients see them: application/problem+json of RFC 9457, or one line of text for those that prefer it.
 *
 * Clients of the Open Inference Protocol look for a member "error", which RFC 9457 section 3.2 allows as an extension, so
 * on those routes the document has it too. When the request's memory is used up, which may be the problem itself, the
 * answer is a text that was made when the program was compiled. */
#include "pipeline/format/format_int.h"

#include "lib/http/media.h"
#include "lib/json/writer.h"
#include "pipeline/grpc.h"
#include "pipeline/negotiate.h"

#define BODY_BYTES  512
#define FAULT_BYTES 128
#define SECONDS_MAX 20

/* One shortest document for each row of errors.def. */
static const struct slice shortest[] = {
    {NULL, 0},
#define PROBLEM(name, status, slug, title, is_retryable, arises)                                                       \
    SLICE_LIT("{\"type\":\"" PROBLEM_TYPE_PREFIX slug "\",\"title\":\"" title "\",\"status\":" #status "}"),
#include "pipeline/errors.def"
#undef PROBLEM
};

enum form { FORM_PROBLEM, FORM_JSON, FORM_TEXT };
static const char *const forms[] = {
    [FORM_PROBLEM] = "application/problem+json",
    [FORM_JSON] = "application/json",
    [FORM_TEXT] = "text/plain",
};

static void add_retry_after(struct request *request);
static enum err write_document(struct request *request, struct slice *ret_body);
static enum err write_text(struct request *request, struct slice *ret_body);

void format_problem(struct request *request)
{
    if (UNLIKELY(grpc_is_request(request))) {
        grpc_problem(request);
        return;
    }
    const struct problem_row *row = problem_row(request->problem);
    int form = media_accept_choose(negotiate_accept(request), forms, ARRAY_LEN(forms));
    struct slice body;
    add_retry_after(request);
    if (form == FORM_TEXT && write_text(request, &body) == ERR_OK)
        response_set(request, row->status, "text/plain; charset=utf-8", body);
    else if (write_document(request, &body) == ERR_OK)
        response_set(request, row->status, forms[FORM_PROBLEM], body);
    else
        response_set(request, row->status, forms[FORM_PROBLEM], shortest[request->problem]);
}

static void add_retry_after(struct request *request)
{
    if (!request->retry_after_s)
        return;
    char *seconds = arena_alloc(&request->arena, SECONDS_MAX);
    if (seconds)
        response_field_add(request, "Retry-After", slice_of(seconds, text_format_u64(seconds, request->retry_after_s)));
}

static bool is_v2(const struct request *request)
{
    static const char *const names[ENDPOINT_COUNT] = {
#define ENDPOINT(name, help) [ENDPOINT_##name] = #name,
#include "pipeline/endpoints.def"
#undef ENDPOINT
    };
    if (!request->route)
        return false;
    if (request->route == request->config->unmatched) /* what the protocol has and weir does not */
        return slice_starts(request->path, SLICE_LIT("/v2/"));
    const char *name = names[request->route->endpoint];
    return name && strncmp(name, "v2_", 3) == 0;
}

static void write_member(struct json_writer *writer, struct slice key, struct slice text)
{
    if (!text.len)
        return;
    json_write_key(writer, key);
    json_write_string(writer, text);
}

/* A pointer into the body is written when it is empty, too: that is the one to the whole document. */
static void write_fault(struct json_writer *writer, const struct request_fault *fault)
{
    static const struct fault_terms none;
    const struct fault_terms *terms = fault->terms ? fault->terms : &none;
    json_write_object_begin(writer);
    write_member(writer, SLICE_LIT("in"), terms->in);
    write_member(writer, SLICE_LIT("parameter"), terms->parameter);
    if (fault->pointer.len || !terms->in.len) {
        json_write_key(writer, SLICE_LIT("pointer"));
        json_write_string(writer, fault->pointer);
    }
    write_member(writer, SLICE_LIT("schema"), terms->schema);
    write_member(writer, SLICE_LIT("keyword"), terms->keyword);
    write_member(writer, SLICE_LIT("expected"), terms->expected);
    write_member(writer, SLICE_LIT("found"), terms->found);
    write_member(writer, SLICE_LIT("detail"), fault->detail);
    json_write_object_end(writer);
}

static void write_faults(struct json_writer *writer, const struct request *request)
{
    if (!request->fault_count)
        return;
    json_write_key(writer, SLICE_LIT("errors"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < request->fault_count; i++)
        write_fault(writer, &request->faults[i]);
    json_write_array_end(writer);
}

static enum err write_document(struct request *request, struct slice *ret_body)
{
    const struct problem_row *row = problem_row(request->problem);
    struct slice detail = request->problem_detail.len ? request->problem_detail : slice_of_text(row->title);
    char type_memory[64];
    struct text type = text_init(type_memory, sizeof type_memory);
    text_printf(&type, PROBLEM_TYPE_PREFIX "%s", row->slug);

    struct json_writer writer = json_writer_in_arena(&request->arena, BODY_BYTES + request->fault_count * FAULT_BYTES);
    json_write_object_begin(&writer);
    write_member(&writer, SLICE_LIT("type"), text_slice(&type));
    write_member(&writer, SLICE_LIT("title"), slice_of_text(row->title));
    json_write_key(&writer, SLICE_LIT("status"));
    json_write_u64(&writer, (uint64_t)row->status);
    write_member(&writer, SLICE_LIT("detail"), request->problem_detail);
    write_member(&writer, SLICE_LIT("instance"), request->path);
    write_faults(&writer, request);
    write_member(&writer, SLICE_LIT("request_id"), request->id);
    if (is_v2(request))
        write_member(&writer, SLICE_LIT("error"), detail);
    json_write_object_end(&writer);
    return json_writer_finish(&writer, ret_body);
}

/* "/age: Expected …", "query limit/0: Expected …", and of the whole body "Expected …". */
static void add_fault(struct buffer *buffer, const struct request_fault *fault)
{
    if (fault->terms && fault->terms->in.len) {
        buffer_add(buffer, fault->terms->in);
        buffer_add(buffer, SLICE_LIT(" "));
        buffer_add(buffer, fault->terms->parameter);
    }
    buffer_add(buffer, fault->pointer);
    if (fault->pointer.len || (fault->terms && fault->terms->in.len))
        buffer_add(buffer, SLICE_LIT(": "));
    buffer_add(buffer, fault->detail);
    buffer_add(buffer, SLICE_LIT("\n"));
}

static enum err write_text(struct request *request, struct slice *ret_body)
{
    const struct problem_row *row = problem_row(request->problem);
    struct buffer buffer = buffer_in_arena(&request->arena, BODY_BYTES);
    buffer_add(&buffer, slice_of_text(row->title));
    buffer_add(&buffer, SLICE_LIT(".\n"));
    if (request->problem_detail.len) {
        buffer_add(&buffer, request->problem_detail);
        buffer_add(&buffer, SLICE_LIT("\n"));
    }
    for (uint32_t i = 0; i < request->fault_count; i++)
        add_fault(&buffer, &request->faults[i]);
    return buffer_finish(&buffer, ret_body);
}
