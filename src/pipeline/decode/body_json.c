/* SPDX-License-Identifier: Apache-2.0 */
/* An image as base64 in a member of a body of JSON.
 *
 * The text of the member is decoded in place: the document is a copy of ours in the arena, and the decoded image is
 * shorter than its text. */
#include "pipeline/body_json.h"
#include "lib/base/base64.h"
#include "pipeline/decode/decode_int.h"

#define POINTER_BYTES 300

static enum verdict fail_member(struct request *request, yyjson_val *root, yyjson_val *member);
static enum verdict fail_base64(struct request *request, const char *what);
static enum verdict cut_data_url(struct request *request, struct slice text, struct slice *ret_base64);

enum verdict body_find_image_in_json(struct request *request, struct slice *ret_file)
{
    yyjson_val *root = NULL;
    enum verdict verdict = body_json(request, &root);
    if (verdict != VERDICT_NEXT)
        return verdict;
    yyjson_val *member = json_get(root, request->decode.image_field);
    struct slice text = json_text(member);
    if (!text.ptr)
        return fail_member(request, root, member);
    struct slice base64;
    verdict = cut_data_url(request, text, &base64);
    if (verdict != VERDICT_NEXT)
        return verdict;

    void *place = (void *)base64.ptr; /* our own copy, see above */
    size_t bytes;
    size_t fault_at;
    if (base64_decode(base64, place, &bytes, &fault_at) == ERR_OK) {
        *ret_file = slice_of(place, bytes);
        return VERDICT_NEXT;
    }
    if (fault_at == base64.len)
        return fail_base64(request, "ends in the middle of a group of four characters");
    char what[100];
    struct text out = text_init(what, sizeof what);
    text_printf(&out, "has a character at position %zu, counted from 1, that cannot stand there",
                (size_t)(base64.ptr - text.ptr) + fault_at + 1);
    return fail_base64(request, what);
}

static struct slice pointer_of(const struct request *request, char memory[POINTER_BYTES])
{
    struct text pointer = text_init(memory, POINTER_BYTES);
    json_pointer_add(&pointer, request->decode.image_field);
    return text_slice(&pointer);
}

static enum verdict fail_member(struct request *request, yyjson_val *root, yyjson_val *member)
{
    char memory[POINTER_BYTES];
    struct slice field = request->decode.image_field;
    if (!yyjson_is_obj(root)) {
        request_fault_add(request, (struct slice){NULL, 0}, "Expected an object, got %s.", json_kind(root));
        return request_fail(request, PROBLEM_MISSING_INPUT,
                            "The body is %s; expected an object with the member \"" SLICE_FMT "\".", json_kind(root),
                            SLICE_ARG(field));
    }
    request_fault_add(request, pointer_of(request, memory), "Expected a string of base64, got %s.", json_kind(member));
    if (!member)
        return request_fail(request, PROBLEM_MISSING_INPUT, "The body has no member \"" SLICE_FMT "\".",
                            SLICE_ARG(field));
    return request_fail(request, PROBLEM_MISSING_INPUT,
                        "The member \"" SLICE_FMT "\" is %s; expected a string of base64.", SLICE_ARG(field),
                        json_kind(member));
}

static enum verdict fail_base64(struct request *request, const char *what)
{
    char memory[POINTER_BYTES];
    request_fault_add(request, pointer_of(request, memory), "The text %s.", what);
    return request_fail(request, PROBLEM_INVALID_BASE64, "The member \"" SLICE_FMT "\" %s.",
                        SLICE_ARG(request->decode.image_field), what);
}

/* The media type that a data: URL names is not looked at: the bytes of the image say it better. */
static enum verdict cut_data_url(struct request *request, struct slice text, struct slice *ret_base64)
{
    struct slice media_type;
    switch (data_url_split(text, &media_type, ret_base64)) {
    case ERR_OK:
        return VERDICT_NEXT;
    case ERR_NOT_FOUND:
        *ret_base64 = text;
        return VERDICT_NEXT;
    case ERR_UNSUPPORTED:
        return fail_base64(request, "is a data: URL without \";base64\"");
    default:
        return fail_base64(request, "begins like a data: URL, but has no comma where its data begin");
    }
}
