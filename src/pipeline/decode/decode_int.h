/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside decode/. */
#ifndef WEIR_PIPELINE_DECODE_DECODE_INT_H
#define WEIR_PIPELINE_DECODE_DECODE_INT_H

#include "lib/http/media.h"
#include "lib/image/image.h"
#include "pipeline/model_find.h"
#include "pipeline/worker.h"

/* One image into one input, as request->decode says. WAIT: a crew thread is at it. */
enum verdict decode_image(struct request *request, struct model *model);
/* An image that will not do: counted, and the request fails. ERR_OK counts it as decoded. */
enum verdict decode_image_conclude(struct request *request, enum err err, const struct image_fault *fault);
/* Bounds and colours for the image of this request. */
struct image_options decode_image_options(const struct request *request);
/* When the crew thread is done. */
enum verdict decode_image_end(struct request *request);

/* Of a route to a pipeline: only where the file is. */
void decode_plan_file(struct request *request);

/* A v2 request in JSON into all inputs. */
enum verdict decode_tensors(struct request *request, struct model *model);

/* The bytes of the image, wherever the body has them. */
enum verdict body_find_image(struct request *request, struct slice *ret_file);
enum verdict body_find_image_in_json(struct request *request, struct slice *ret_file);
enum verdict body_find_image_in_form(struct request *request, const struct media_type *type, struct slice *ret_file);

#endif
