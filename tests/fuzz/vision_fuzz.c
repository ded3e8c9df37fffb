/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/vision
 *
 * What is computed on the outputs of models, whatever numbers stand in them: NaN, infinities, zeros, the largest. The first
 * four bytes say sizes and what is done; the rest are floats by their bits. Nothing may be read or written outside of
 * exactly as much memory as was asked for, and results are of the input's size. */
#include "lib/base/attr.h"
#include "lib/vision/crop.h"
#include "lib/vision/nms.h"
#include "lib/vision/scores.h"
#include "lib/vision/text_boxes.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIDE_MAX   48
#define PIXELS_MAX 40000

/* A float for each place, over and over from the start. */
static float *spread(const uint8_t *data, size_t size, size_t count)
{
    float *values = malloc(MAX(count, 1) * sizeof *values);
    ASSERT(values, "a fuzzer has memory");
    for (size_t i = 0; i < count; i++) {
        uint8_t bits[4] = {0};
        for (size_t k = 0; k < 4 && size; k++)
            bits[k] = data[(i * 4 + k) % size];
        memcpy(&values[i], bits, 4);
    }
    return values;
}

static void find_boxes(const uint8_t *data, size_t size, uint32_t width, uint32_t height)
{
    float *map = spread(data, size, (size_t)width * height);
    const struct text_boxes_options options = {
        .threshold = 0.3F, .box_threshold = 0.1F, .unclip_ratio = 1.5F, .is_dilated = size & 1, .boxes_max = 20};
    const struct text_boxes_map whole = {map, width, height, 1000, 10};
    size_t bytes = text_boxes_bytes(width, height, &options);
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    struct arena arena;
    struct text_box *boxes;
    uint32_t count;
    ASSERT(memory, "a fuzzer has memory");
    arena_init_fixed(&arena, memory, bytes);
    ASSERT(text_boxes_find(&whole, &options, &arena, &boxes, &count) == ERR_OK, "what was asked for suffices");
    ASSERT(count <= options.boxes_max, "no more than are looked at");
    for (uint32_t i = 0; i < count; i++) {
        struct crop_size crop;
        ASSERT(quad_is_finite(&boxes[i].quad), "a box is one");
        ASSERT(crop_measure(&boxes[i].quad, 1.5F, &crop) == ERR_OK, "and can be cut out");
    }
    free(memory);
    free(map);
}

static void cut_out(const uint8_t *data, size_t size)
{
    uint8_t pixels[5 * 4 * 3] = {0};
    const struct image image = {pixels, 5, 4, 15};
    float *corners = spread(data, size, 8);
    struct quad quad;
    struct crop_size crop;
    memcpy(&quad, corners, sizeof quad);
    free(corners);
    if (crop_measure(&quad, 1.5F, &crop) != ERR_OK || (uint64_t)crop.width * crop.height > PIXELS_MAX)
        return;
    size_t bytes = crop_bytes(&crop);
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    struct arena arena;
    struct image out;
    ASSERT(memory, "a fuzzer has memory");
    arena_init_fixed(&arena, memory, bytes);
    ASSERT(crop_image(&image, &quad, &crop, &arena, &out) == ERR_OK, "what was asked for suffices");
    free(memory);
}

static void select_boxes(const uint8_t *data, size_t size, uint32_t count, uint32_t candidates)
{
    float *boxes = spread(data, size, (size_t)count * 4);
    float *scores = spread(data, size, count);
    const struct nms_options options = {.form = size & 1 ? NMS_CENTER : NMS_CORNERS,
                                        .overlap = 0.5F,
                                        .score = -1,
                                        .kept_max = candidates,
                                        .candidates_max = candidates};
    struct nms_box *work = malloc(MAX(candidates, 1) * sizeof *work);
    struct nms_box *kept = malloc(MAX(candidates, 1) * sizeof *kept);
    ASSERT(work && kept, "a fuzzer has memory");
    uint32_t stay = nms_select(boxes, scores, count, &options, work, kept);
    ASSERT(stay <= candidates && stay <= count, "none is made up");
    for (uint32_t i = 0; i < stay; i++)
        ASSERT(isfinite(kept[i].left) && kept[i].right >= kept[i].left &&
                   (i == 0 || kept[i].score <= kept[i - 1].score),
               "boxes, best first");
    free(work);
    free(kept);
    free(boxes);
    free(scores);
}

static void decode(const uint8_t *data, size_t size, uint32_t steps, uint32_t classes)
{
    static const struct slice items[] = {SLICE_LIT("a"), SLICE_LIT("bc"), SLICE_LIT(" ")};
    const struct ctc_labels labels = {items, ARRAY_LEN(items)};
    float *scores = spread(data, size, (size_t)steps * classes);
    char memory[SIDE_MAX * 2 + 1];
    struct buffer out = buffer_in_memory(memory, sizeof memory);
    struct slice text;
    float confidence;
    uint32_t best[5];
    ctc_decode(scores, steps, classes, &labels, &out, &confidence);
    ASSERT(buffer_finish(&out, &text) == ERR_OK && text.len <= steps * 2U, "at most a label for each step");
    ASSERT(!isnan(confidence), "a confidence is a number");
    ASSERT(scores_top(scores, steps * classes, 5, best) <= 5, "as many as were asked for");
    scores_softmax(scores, steps, classes, scores);
    for (uint32_t i = 0; i < steps * classes; i++)
        ASSERT(scores[i] >= 0 && scores[i] <= 1, "a probability is one");
    free(scores);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    uint32_t width = 1 + data[1] % SIDE_MAX;
    uint32_t height = 1 + data[2] % SIDE_MAX;
    switch (data[0] % 4) {
    case 0:
        find_boxes(data + 4, size - 4, width, height);
        break;
    case 1:
        cut_out(data + 4, size - 4);
        break;
    case 2:
        select_boxes(data + 4, size - 4, width * 4, 1 + data[2] % 60);
        break;
    default:
        decode(data + 4, size - 4, width, height);
    }
    return 0;
}
