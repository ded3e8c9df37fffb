/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/image_body.h"

#include "lib/http/media.h"
#include "lib/json/writer.h"
#include "pipeline/request.h"

static const char *const taken[] = {
    "application/json", "multipart/form-data", "image/jpeg", "image/png", "image/webp", "application/octet-stream",
};
#define TAKEN_TEXT "application/json, multipart/form-data, image/jpeg, image/png, image/webp, application/octet-stream"

/* An object of one member. */
static enum err describe_member(struct arena *arena, struct slice field, struct slice schema, struct slice *ret_schema)
{
    struct json_writer writer = json_writer_in_arena(arena, 256);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("type"));
    json_write_string(&writer, SLICE_LIT("object"));
    json_write_key(&writer, SLICE_LIT("required"));
    json_write_array_begin(&writer);
    json_write_string(&writer, field);
    json_write_array_end(&writer);
    json_write_key(&writer, SLICE_LIT("properties"));
    json_write_object_begin(&writer);
    json_write_key(&writer, field);
    json_write_raw(&writer, schema);
    json_write_object_end(&writer);
    json_write_object_end(&writer);
    return json_writer_finish(&writer, ret_schema);
}

enum err image_body_describe(struct slice field, struct description *description)
{
    struct slice bytes = SLICE_LIT("{\"type\":\"string\",\"format\":\"binary\"}");
    struct slice base64 = SLICE_LIT("{\"type\":\"string\",\"contentEncoding\":\"base64\",\"description\":"
                                    "\"The bytes of a JPEG, PNG or WebP file, or a data: URL of them.\"}");
    for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
        struct slice schema = bytes;
        if (slice_is(SLICE_LIT("application/json"), taken[i]))
            TRY(describe_member(description->arena, field, base64, &schema));
        else if (slice_is(SLICE_LIT("multipart/form-data"), taken[i]))
            TRY(describe_member(description->arena, field, bytes, &schema));
        description_add_input(description, taken[i], schema);
    }
    return ERR_OK;
}

/* Without a Content-Type the body is taken as the bytes of an image (RFC 9110 section 8.3: octet-stream). */
static bool is_taken(struct slice content_type)
{
    struct media_type type;
    if (!content_type.ptr)
        return true;
    if (media_type_parse(content_type, &type) != ERR_OK)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (media_type_is(&type, taken[i]))
            return true;
    return false;
}

enum verdict image_body_check_type(struct request *request)
{
    struct slice content_type = request_header(request, HTTP_FIELD_CONTENT_TYPE);
    if (is_taken(content_type))
        return VERDICT_NEXT;
    /* RFC 9110 section 15.5.16: a 415 may say by Accept what would have been taken. */
    response_field_add(request, "Accept", SLICE_LIT(TAKEN_TEXT));
    return request_fail(request, PROBLEM_UNSUPPORTED_MEDIA_TYPE,
                        "Content-Type is \"" SLICE_FMT "\"; an image is taken as " TAKEN_TEXT ".",
                        SLICE_ARG(slice_first(content_type, 100)));
}
