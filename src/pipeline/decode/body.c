/* SPDX-License-Identifier: Apache-2.0 */
/* Where a body has its image: as itself, in a member of a JSON object, in a part of a form. */
#include "lib/http/media.h"
#include "pipeline/decode/decode_int.h"

enum verdict body_find_image(struct request *request, struct slice *ret_file)
{
    struct slice content_type = request_header(request, HTTP_FIELD_CONTENT_TYPE);
    struct media_type type;
    if (media_type_parse(content_type, &type) == ERR_OK) {
        if (media_type_is(&type, "application/json"))
            return body_find_image_in_json(request, ret_file);
        if (media_type_is(&type, "multipart/form-data"))
            return body_find_image_in_form(request, &type, ret_file);
    }
    /* What kind of image it is, its first bytes say better than its label. */
    *ret_file = request->body;
    return VERDICT_NEXT;
}
