/* SPDX-License-Identifier: Apache-2.0 */
/* An image as a part of multipart/form-data: the part that has the field's name, else the first that is a file or says
 * that it is an image, so that a form made for another server works too. The whole body is read to its closing
 * delimiter even when the image was found early, because a body that was cut off is not what the client meant.
 *
 * A small form is taken apart where it was received, without a copy. A larger one is taken apart as it arrives: only the
 * part that is meant is held in memory, and what is wrong with it (its media type, its first bytes, the dimensions in its
 * header) is answered at once, before the rest has come. Which of the two it was, the answer does not tell. */
#include "lib/http/multipart.h"
#include "pipeline/decode/decode_int.h"
#include "pipeline/flow.h"
#include "pipeline/graph.h"
#include "pipeline/grpc.h"
#include "pipeline/image_body.h"

#define HEAD_BYTES_MAX   4096
#define IN_PLACE_BYTES   16384
#define MEMORY_BYTES_MIN 16384
#define LOOK_BYTES_FIRST 16 /* the first bytes of every format */

/* Which part is meant. */
enum match { MATCH_NONE, MATCH_FILE, MATCH_NAME };

struct image_form {
    struct body_sink sink;
    struct request *request;
    struct multipart parser;
    struct slice field;
    uint64_t fed_bytes; /* of the form, before the piece that is looked at */
    bool is_arriving;   /* what is fed does not stay */
    bool is_ended;
    bool is_inside; /* the part that is taken */
    enum match match;
    struct slice data; /* in memory, if is_arriving */
    char *memory;
    size_t capacity;
    size_t look_bytes; /* when so much of the image is there it is looked at again */
};

static enum verdict create(struct request *request, struct slice boundary, bool is_arriving,
                           struct image_form **ret_form);
static enum verdict feed(struct image_form *form, struct slice bytes);
static enum verdict take_event(struct image_form *form, const struct multipart_event *event);
static enum verdict begin_part(struct image_form *form, const struct multipart_part *part);
static enum verdict add_data(struct image_form *form, struct slice data);
static enum verdict look(struct image_form *form);
static enum verdict conclude(const struct image_form *form, struct slice *ret_file);
static enum verdict fail_syntax(struct request *request, enum err err, uint64_t at);
static size_t write(struct body_sink *sink, struct slice bytes);
static void end(struct body_sink *sink);

enum verdict decode_expect_body(struct request *request)
{
    struct media_type type;
    if (request->route->pipeline) {
        decode_plan_file(request);
        if (image_body_check_type(request) == VERDICT_FAIL)
            return VERDICT_FAIL;
    }
    struct slice content_type = request_header(request, HTTP_FIELD_CONTENT_TYPE);
    bool is_unknown = request->head.has_body && !request->head.has_content_length;
    bool is_large = is_unknown || request->head.content_length > IN_PLACE_BYTES ||
                    http_head_find(&request->head, HTTP_FIELD_CONTENT_ENCODING);
    if (request->grpc)
        return grpc_expect_body(request);
    if (request->decode.kind != DECODE_IMAGE || !is_large || !(request->route->model || request->route->pipeline))
        return VERDICT_NEXT;
    if (media_type_parse(content_type, &type) != ERR_OK || !media_type_is(&type, "multipart/form-data"))
        return VERDICT_NEXT;
    enum verdict verdict = create(request, media_type_boundary(&type), true, &request->form);
    if (verdict == VERDICT_NEXT)
        request->sink = &request->form->sink;
    return verdict;
}

enum verdict body_find_image_in_form(struct request *request, const struct media_type *type, struct slice *ret_file)
{
    struct image_form *form = request->form;
    if (form)
        return conclude(form, ret_file);
    enum verdict verdict = create(request, media_type_boundary(type), false, &form);
    if (verdict == VERDICT_NEXT)
        verdict = feed(form, request->body);
    return verdict == VERDICT_NEXT ? conclude(form, ret_file) : verdict;
}

static enum verdict create(struct request *request, struct slice boundary, bool is_arriving,
                           struct image_form **ret_form)
{
    struct image_form *form = arena_alloc_zero(&request->arena, sizeof *form);
    char *memory = arena_alloc(&request->arena, HEAD_BYTES_MAX);
    if (!form || !memory)
        return request_fail_memory(request);
    const struct multipart_config config = {
        .boundary = boundary,
        .head_memory = memory,
        .head_bytes_max = HEAD_BYTES_MAX,
        .part_count_max = (uint32_t)request->config->limits.multipart_parts,
    };
    if (!boundary.len || multipart_init(&form->parser, &config) != ERR_OK)
        return request_fail(request, PROBLEM_INVALID_MULTIPART,
                            "Content-Type needs a boundary of 1 to 70 characters: multipart/form-data; boundary=…");
    form->sink = (struct body_sink){.write = write, .end = end};
    form->request = request;
    form->field = request->decode.image_field;
    form->is_arriving = is_arriving;
    *ret_form = form;
    return VERDICT_NEXT;
}

static size_t write(struct body_sink *sink, struct slice bytes)
{
    (void)feed(CONTAINER_OF(sink, struct image_form, sink), bytes);
    return bytes.len;
}

static void end(struct body_sink *sink)
{
    struct image_form *form = CONTAINER_OF(sink, struct image_form, sink);
    if (form->fed_bytes == 0)
        form->request->form = NULL; /* an empty body is no form that was cut off */
    else if (!form->is_ended)
        (void)fail_syntax(form->request, ERR_AGAIN, 0);
}

static enum verdict feed(struct image_form *form, struct slice bytes)
{
    struct slice rest = bytes;
    for (;;) {
        struct multipart_event event;
        enum err err = multipart_next(&form->parser, &rest, &event);
        if (err == ERR_AGAIN || err == ERR_EOF)
            break;
        if (err != ERR_OK)
            return fail_syntax(form->request, err, form->fed_bytes + bytes.len - rest.len);
        enum verdict verdict = take_event(form, &event);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    form->fed_bytes += bytes.len;
    return VERDICT_NEXT;
}

static enum verdict take_event(struct image_form *form, const struct multipart_event *event)
{
    switch (event->kind) {
    case MULTIPART_PART_BEGIN:
        return begin_part(form, &event->part);
    case MULTIPART_PART_DATA:
        return form->is_inside ? add_data(form, event->data) : VERDICT_NEXT;
    case MULTIPART_PART_END:
        form->is_inside = false;
        return VERDICT_NEXT;
    case MULTIPART_END:
        form->is_ended = true;
        return VERDICT_NEXT;
    }
    return VERDICT_NEXT;
}

static enum match match_of(const struct multipart_part *part, struct slice field)
{
    if (slice_equal(part->name, field))
        return MATCH_NAME;
    bool is_image = slice_equal_nocase(slice_first(part->content_type, 6), SLICE_LIT("image/"));
    return is_image || part->has_filename ? MATCH_FILE : MATCH_NONE;
}

/* Programs that know no better say application/octet-stream, or nothing. */
static bool is_taken(struct slice content_type)
{
    struct media_type type;
    if (content_type.len == 0)
        return true;
    return media_type_parse(content_type, &type) == ERR_OK &&
           (slice_equal_nocase(type.type, SLICE_LIT("image")) || media_type_is(&type, "application/octet-stream"));
}

static enum verdict begin_part(struct image_form *form, const struct multipart_part *part)
{
    struct request *request = form->request;
    enum match match = match_of(part, form->field);
    if (match == MATCH_NAME && form->match == MATCH_NAME)
        return request_fail(request, PROBLEM_INVALID_MULTIPART, "The form has more than one part \"" SLICE_FMT "\".",
                            SLICE_ARG(form->field));
    if (match == MATCH_NAME && !is_taken(part->content_type))
        return request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                            "The part \"" SLICE_FMT "\" is \"" SLICE_FMT "\"; an image is expected.",
                            SLICE_ARG(form->field), SLICE_ARG(slice_first(part->content_type, 100)));
    form->is_inside = match > form->match;
    if (!form->is_inside)
        return VERDICT_NEXT;
    form->match = match;
    form->data = (struct slice){form->memory, 0};
    form->look_bytes = LOOK_BYTES_FIRST;
    return VERDICT_NEXT;
}

/* A part is not longer than what is left of the form, if that is known; else room doubles. */
static bool grow(struct image_form *form, size_t bytes)
{
    const struct request *request = form->request;
    bool is_known = request->head.has_content_length && !http_head_find(&request->head, HTTP_FIELD_CONTENT_ENCODING);
    size_t wanted = form->data.len + bytes;
    if (wanted <= form->capacity)
        return true;
    uint64_t left = is_known ? request->head.content_length - form->fed_bytes : 0;
    size_t capacity = MAX(MAX(wanted, form->capacity * 2), MAX((size_t)left, (size_t)MEMORY_BYTES_MIN));
    char *memory = arena_alloc_aligned(&form->request->arena, capacity);
    if (!memory)
        return false;
    if (form->data.len)
        memcpy(memory, form->memory, form->data.len);
    form->memory = memory;
    form->capacity = capacity;
    form->data.ptr = memory;
    return true;
}

static enum verdict add_data(struct image_form *form, struct slice data)
{
    if (!form->is_arriving) {
        ASSERT(form->data.len == 0, "of a form that is fed at once, a part is one slice");
        form->data = data;
        return VERDICT_NEXT;
    }
    if (!grow(form, data.len))
        return request_fail_memory(form->request);
    memcpy(form->memory + form->data.len, data.ptr, data.len);
    form->data.len += data.len;
    bool is_due = form->match == MATCH_NAME && form->data.len >= form->look_bytes;
    return is_due ? look(form) : VERDICT_NEXT;
}

/* What the bytes so far say for certain. That the rest is missing is no fault yet. */
static enum verdict look(struct image_form *form)
{
    struct request *request = form->request;
    const struct image_options options = decode_image_options(request);
    struct image_info info;
    struct image_fault fault;
    form->look_bytes = form->data.len * 4;
    if (image_format_of(form->data) == IMAGE_UNKNOWN)
        return decode_image_conclude(request, image_probe(form->data, &info, &fault), &fault);
    if (image_probe(form->data, &info, &fault) != ERR_OK || image_check(&info, &options.limits, &fault) == ERR_OK)
        return VERDICT_NEXT;
    return decode_image_conclude(request, ERR_LIMIT, &fault);
}

static enum verdict conclude(const struct image_form *form, struct slice *ret_file)
{
    if (!form->is_ended)
        return fail_syntax(form->request, ERR_AGAIN, 0);
    if (form->match == MATCH_NONE)
        return request_fail(form->request, PROBLEM_MISSING_INPUT,
                            "The form has no part \"" SLICE_FMT "\", and no other that is a file.",
                            SLICE_ARG(form->field));
    *ret_file = form->data;
    return VERDICT_NEXT;
}

static enum verdict fail_syntax(struct request *request, enum err err, uint64_t at)
{
    switch (err) {
    case ERR_AGAIN:
        return request_fail(request, PROBLEM_INVALID_MULTIPART, "The form ends before its closing boundary.");
    case ERR_LIMIT:
        return request_fail(request, PROBLEM_INVALID_MULTIPART,
                            "The form has more than %llu parts, or a part with more than %d bytes of header fields.",
                            (unsigned long long)request->config->limits.multipart_parts, HEAD_BYTES_MAX);
    case ERR_UNSUPPORTED:
        return request_fail(request, PROBLEM_INVALID_MULTIPART,
                            "A part has a Content-Transfer-Encoding; send its bytes as they are.");
    default:
        return request_fail(request, PROBLEM_INVALID_MULTIPART, "The form is malformed near byte %llu.",
                            (unsigned long long)at);
    }
}
