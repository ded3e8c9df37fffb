/* SPDX-License-Identifier: Apache-2.0 */
/* An image as a part of multipart/form-data: the part that has the field's name, else the first that is a file or says
 * that it is an image, so that a form made for another server works too. The whole body is read to its closing
 * delimiter even when the image was found early, because a body that was cut off is not what the client meant. */
#include "lib/http/multipart.h"
#include "pipeline/decode/decode_int.h"

#define HEAD_BYTES_MAX 4096

/* Which part is meant. */
enum match { MATCH_NONE, MATCH_FILE, MATCH_NAME };

struct found {
    struct slice data;
    enum match match;
    bool is_repeated; /* two parts have the field's name */
};

static enum err read_parts(struct multipart *parser, struct slice *rest, struct slice field, struct found *found);
static enum match match_of(const struct multipart_part *part, struct slice field);
static enum verdict fail_syntax(struct request *request, enum err err, size_t at);

enum verdict body_find_image_in_multipart(struct request *request, struct slice boundary, struct slice *ret_file)
{
    char *memory = arena_alloc(&request->arena, HEAD_BYTES_MAX);
    if (!memory)
        return request_fail_memory(request);
    const struct multipart_config config = {
        .boundary = boundary,
        .head_memory = memory,
        .head_bytes_max = HEAD_BYTES_MAX,
        .part_count_max = (uint32_t)request->config->limits.multipart_parts,
    };
    struct multipart parser;
    if (!boundary.len || multipart_init(&parser, &config) != ERR_OK)
        return request_fail(request, PROBLEM_INVALID_MULTIPART,
                            "Content-Type needs a boundary of 1 to 70 characters: multipart/form-data; boundary=…");
    struct slice field = request->decode.image_field;
    struct slice rest = request->body;
    struct found found = {0};
    enum err err = read_parts(&parser, &rest, field, &found);
    if (err != ERR_EOF)
        return fail_syntax(request, err, request->body.len - rest.len);
    if (found.is_repeated)
        return request_fail(request, PROBLEM_INVALID_MULTIPART, "The form has more than one part \"" SLICE_FMT "\".",
                            SLICE_ARG(field));
    if (found.match == MATCH_NONE)
        return request_fail(request, PROBLEM_MISSING_INPUT,
                            "The form has no part \"" SLICE_FMT "\", and no other that is a file.", SLICE_ARG(field));
    *ret_file = found.data;
    return VERDICT_NEXT;
}

/* ERR_EOF when all went well. */
static enum err read_parts(struct multipart *parser, struct slice *rest, struct slice field, struct found *found)
{
    bool is_inside = false; /* the part that is taken */
    for (;;) {
        struct multipart_event event;
        TRY(multipart_next(parser, rest, &event));
        if (event.kind == MULTIPART_PART_BEGIN) {
            enum match match = match_of(&event.part, field);
            found->is_repeated = found->is_repeated || (match == MATCH_NAME && found->match == MATCH_NAME);
            is_inside = match > found->match;
            if (is_inside)
                *found = (struct found){.match = match};
        } else if (event.kind == MULTIPART_PART_DATA && is_inside) {
            if (found->data.ptr)
                return ERR_INTERNAL; /* of a body that is fed at once, a part is one slice */
            found->data = event.data;
        } else if (event.kind == MULTIPART_PART_END) {
            is_inside = false;
        }
    }
}

static enum match match_of(const struct multipart_part *part, struct slice field)
{
    if (slice_equal(part->name, field))
        return MATCH_NAME;
    bool is_image = slice_equal_nocase(slice_first(part->content_type, 6), SLICE_LIT("image/"));
    return is_image || part->has_filename ? MATCH_FILE : MATCH_NONE;
}

static enum verdict fail_syntax(struct request *request, enum err err, size_t at)
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
        return request_fail(request, PROBLEM_INVALID_MULTIPART, "The form is malformed near byte %zu.", at);
    }
}
