/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/vision/nms.h"

#include "lib/base/attr.h"

#include <math.h>
#include <stdlib.h>

static struct nms_box read_box(const float *numbers, enum nms_form form)
{
    if (form == NMS_CORNERS)
        return (struct nms_box){.left = numbers[0], .top = numbers[1], .right = numbers[2], .bottom = numbers[3]};
    return (struct nms_box){.left = numbers[0] - numbers[2] / 2,
                            .top = numbers[1] - numbers[3] / 2,
                            .right = numbers[0] + numbers[2] / 2,
                            .bottom = numbers[1] + numbers[3] / 2};
}

static bool is_box(const struct nms_box *box)
{
    return isfinite(box->left) && isfinite(box->top) && isfinite(box->right) && isfinite(box->bottom) &&
           box->right >= box->left && box->bottom >= box->top;
}

/* Best first; of equals the earlier one. */
static bool is_better(const struct nms_box *a, const struct nms_box *b)
{
    return a->score != b->score ? a->score > b->score : a->index < b->index;
}

static int by_score(const void *a, const void *b)
{
    return is_better(a, b) ? -1 : 1;
}

/* A heap with the worst on top, so that the best candidates_max are found in one pass. */
static void sift_down(struct nms_box *heap, uint32_t count, uint32_t at)
{
    for (;;) {
        uint32_t worst = at;
        for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++)
            if (is_better(&heap[worst], &heap[child]))
                worst = child;
        if (worst == at)
            return;
        struct nms_box kept = heap[at];
        heap[at] = heap[worst];
        heap[worst] = kept;
        at = worst;
    }
}

static uint32_t choose_candidates(const float *boxes, const float *scores, uint32_t count,
                                  const struct nms_options *options, struct nms_box *heap)
{
    uint32_t held = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!(scores[i] >= options->score))
            continue;
        struct nms_box box = read_box(boxes + (size_t)i * 4, options->form);
        box.score = scores[i];
        box.index = i;
        if (!is_box(&box))
            continue;
        if (held < options->candidates_max) {
            heap[held++] = box;
            if (held == options->candidates_max)
                for (uint32_t k = held / 2; k-- > 0;)
                    sift_down(heap, held, k);
        } else if (held && is_better(&box, &heap[0])) {
            heap[0] = box;
            sift_down(heap, held, 0);
        }
    }
    return held;
}

static double area(const struct nms_box *box)
{
    return ((double)box->right - box->left) * ((double)box->bottom - box->top);
}

static bool overlaps(const struct nms_box *a, const struct nms_box *b, float most)
{
    double width = fmin(a->right, b->right) - fmax(a->left, b->left);
    double height = fmin(a->bottom, b->bottom) - fmax(a->top, b->top);
    if (!(width > 0 && height > 0))
        return false;
    double common = width * height;
    return common > most * (area(a) + area(b) - common);
}

uint32_t nms_select(const float *boxes, const float *scores, uint32_t count, const struct nms_options *options,
                    struct nms_box *work, struct nms_box *kept)
{
    uint32_t candidates = choose_candidates(boxes, scores, count, options, work);
    uint32_t stay = 0;
    qsort(work, candidates, sizeof *work, by_score);
    for (uint32_t i = 0; i < candidates && stay < options->kept_max; i++) {
        bool is_covered = false;
        for (uint32_t k = 0; k < stay && !is_covered; k++)
            is_covered = overlaps(&work[i], &kept[k], options->overlap);
        if (!is_covered)
            kept[stay++] = work[i];
    }
    return stay;
}
