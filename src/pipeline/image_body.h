/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that hold an image: as themselves, in a member of a JSON object, in a part of a form. What decode takes apart
 * (decode/body.c), said beforehand: to a client whose media type is another one, and to readers of the OpenAPI document. */
#ifndef WEIR_PIPELINE_IMAGE_BODY_H
#define WEIR_PIPELINE_IMAGE_BODY_H

#include "pipeline/description.h"
#include "pipeline/stage.h"

/* FAIL: the media type of the request's body cannot hold an image. */
enum verdict image_body_check_type(struct request *request);
/* Adds the bodies that are taken; `field` is the member or part. ERR_NOMEM. */
MUST_USE enum err image_body_describe(struct slice field, struct description *description);

#endif
