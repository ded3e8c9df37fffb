/* SPDX-License-Identifier: Apache-2.0 */
/* Non-maximum suppression: of boxes that overlap, the one with the best score stays. Greedy, by intersection over union
 * (as in Girshick, Donahue, Darrell and Malik, "Rich feature hierarchies", CVPR 2014). */
#ifndef WEIR_LIB_VISION_NMS_H
#define WEIR_LIB_VISION_NMS_H

#include <stdbool.h>
#include <stdint.h>

enum nms_form {
    NMS_CORNERS, /* left, top, right, bottom */
    NMS_CENTER,  /* middle x, middle y, width, height */
};

struct nms_options {
    enum nms_form form;
    float overlap; /* intersection over union from which on the lesser one goes */
    float score;   /* less is not looked at; NaN never is */
    uint32_t kept_max;
    uint32_t candidates_max; /* the best so many are looked at */
};

struct nms_box {
    float left;
    float top;
    float right;
    float bottom;
    float score;
    uint32_t index; /* of the input */
};

/* `boxes` holds four numbers for each of `count`. Writes the boxes that stay to `kept`, best first; what is not finite or
 * turned inside out has no place among them. `work` and `kept` have room for candidates_max. Returns how many stay. */
uint32_t nms_select(const float *boxes, const float *scores, uint32_t count, const struct nms_options *options,
                    struct nms_box *work, struct nms_box *kept);

#endif
