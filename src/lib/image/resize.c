/* SPDX-License-Identifier: Apache-2.0 */
/* The plan of a resize, and the walk over the rows.
 *
 * Pillow resizes the whole picture across, then the result down. We keep of that intermediate picture only the rows that
 * the next destination row needs, in a ring, so it stays in the cache; the numbers are the same. Rows go across four at a
 * time, because the coefficients are then loaded once for four. */
#include "lib/image/resize.h"

#include "lib/image/resize_int.h"

#include <math.h>

/* A direction as Pillow describes it: `box` of the source, in its single precision, onto `dst` pixels. */
struct direction {
    uint32_t src;
    uint32_t dst;
    float box_start;
    float box_end;
};

/* Working state of one run. */
struct run {
    const struct resize_plan *plan;
    const struct resize_source *source;
    const struct resize_kernel *kernel;
    size_t src_row_bytes;
    size_t ring_row_bytes;  /* with padding */
    uint32_t ring_rows;     /* 0 when nothing changes across */
    uint32_t next_row;      /* first source row not yet in the ring */
    uint8_t *ring;          /* row y at (y % ring_rows) × ring_row_bytes */
    uint8_t *tail;          /* copies of the last source rows, with padding */
    uint8_t *out;           /* one finished row */
    const uint8_t **window; /* the rows of one span */
};

static struct direction place(struct resize_plan *plan, struct direction *ret_down);
static enum err axis_create(const struct direction *direction, struct arena *arena, const struct resize_axis **ret);
static enum err run_init(struct run *run, struct arena *scratch);
static const uint8_t *run_row(struct run *run, uint32_t y);

enum err resize_plan_init(struct resize_plan *plan, const struct resize_spec *spec, struct arena *arena)
{
    const uint32_t sides[] = {spec->src_width, spec->src_height, spec->dst_width, spec->dst_height};
    for (size_t i = 0; i < ARRAY_LEN(sides); i++)
        if (sides[i] < 1 || sides[i] > RESIZE_SIDE_MAX)
            return ERR_INVALID;
    if (spec->channels != 1 && spec->channels != 3)
        return ERR_INVALID;
    *plan = (struct resize_plan){.spec = *spec, .place_width = spec->dst_width, .place_height = spec->dst_height};
    struct direction down;
    struct direction across = place(plan, &down);
    TRY(axis_create(&across, arena, &plan->across));
    return axis_create(&down, arena, &plan->down);
}

/* Python's round(): halves go to the even number, as in the default rounding mode. */
static uint32_t round_side(double side, uint32_t side_max)
{
    double rounded = rint(side);
    return rounded < 1 ? 1 : rounded > side_max ? side_max : (uint32_t)rounded;
}

static void place_inside(struct resize_plan *plan)
{
    const struct resize_spec *spec = &plan->spec;
    double src_ratio = (double)spec->src_width / spec->src_height;
    double dst_ratio = (double)spec->dst_width / spec->dst_height;
    if (src_ratio > dst_ratio)
        plan->place_height = round_side((double)spec->src_height / spec->src_width * spec->dst_width, spec->dst_height);
    else if (src_ratio < dst_ratio)
        plan->place_width = round_side((double)spec->src_width / spec->src_height * spec->dst_height, spec->dst_width);
    if (spec->fit == RESIZE_CONTAIN)
        return;
    plan->place_x = (uint32_t)rint((spec->dst_width - plan->place_width) * 0.5);
    plan->place_y = (uint32_t)rint((spec->dst_height - plan->place_height) * 0.5);
}

/* Keeps `kept` of `side` in the middle. */
static void crop(struct direction *direction, double kept)
{
    double start = (direction->src - kept) * 0.5;
    direction->box_start = (float)start;
    direction->box_end = fminf((float)(start + kept), (float)direction->src);
}

/* Sets place_* for the way of fitting; returns the direction across. */
static struct direction place(struct resize_plan *plan, struct direction *ret_down)
{
    const struct resize_spec *spec = &plan->spec;
    if (spec->fit == RESIZE_CONTAIN || spec->fit == RESIZE_CONTAIN_CENTER)
        place_inside(plan);
    struct direction across = {spec->src_width, plan->place_width, 0, (float)spec->src_width};
    struct direction down = {spec->src_height, plan->place_height, 0, (float)spec->src_height};
    double src_ratio = (double)spec->src_width / spec->src_height;
    double dst_ratio = (double)spec->dst_width / spec->dst_height;
    if (spec->fit == RESIZE_COVER && src_ratio > dst_ratio)
        crop(&across, dst_ratio * spec->src_height);
    if (spec->fit == RESIZE_COVER && src_ratio < dst_ratio)
        crop(&down, spec->src_width / dst_ratio);
    *ret_down = down;
    return across;
}

/* The triangle filter. */
static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* How far apart source pixels are, and how wide the filter is in them. */
struct filter {
    double scale;
    double support;
    double step; /* of the filter's argument from source pixel to source pixel */
};

static struct filter filter_of(const struct direction *direction)
{
    double scale = (double)(direction->box_end - direction->box_start) / direction->dst;
    double stretch = fmax(scale, 1.0);
    return (struct filter){.scale = scale, .support = stretch, .step = 1.0 / stretch};
}

/* Pillow's arithmetic in Pillow's order: a sum in another order would round some coefficient the other way. */
static struct resize_span weigh(const struct direction *direction, const struct filter *filter, uint32_t index,
                                double *weights)
{
    double center = direction->box_start + (index + 0.5) * filter->scale;
    int first = MAX((int)(center - filter->support + 0.5), 0);
    int end = MIN((int)(center + filter->support + 0.5), (int)direction->src);
    double sum = 0;
    for (int i = 0; i < end - first; i++) {
        weights[i] = triangle((i + first - center + 0.5) * filter->step);
        sum += weights[i];
    }
    for (int i = 0; i < end - first; i++)
        if (sum != 0)
            weights[i] /= sum;
    return (struct resize_span){(uint32_t)first, (uint32_t)(end - first)};
}

static void quantise(struct resize_span span, const double *exact, int32_t *weights, struct resize_group *groups)
{
    for (uint32_t i = 0; i < span.count; i++) {
        int32_t weight = (int32_t)(0.5 + exact[i] * (1 << RESIZE_BITS));
        struct resize_group *group = &groups[i / RESIZE_GROUP_TAPS];
        weights[i] = weight;
        group->low[i % RESIZE_GROUP_TAPS] = (int16_t)(weight & ((1 << RESIZE_LOW_BITS) - 1));
        group->high[i % RESIZE_GROUP_TAPS] = (int16_t)(weight >> RESIZE_LOW_BITS);
    }
}

static enum err axis_create(const struct direction *direction, struct arena *arena, const struct resize_axis **ret)
{
    *ret = NULL;
    bool is_whole = direction->box_start == 0 && direction->box_end == (float)direction->src;
    if (is_whole && direction->src == direction->dst)
        return ERR_OK;

    struct filter filter = filter_of(direction);
    uint32_t taps_max = (uint32_t)ceil(filter.support) * 2 + 1;
    uint32_t groups_max = resize_group_count(taps_max);
    struct resize_axis *axis = arena_alloc(arena, sizeof *axis);
    struct resize_span *spans = arena_alloc(arena, direction->dst * sizeof *spans);
    int32_t *weights = arena_alloc(arena, (size_t)direction->dst * taps_max * sizeof *weights);
    struct resize_group *groups = arena_alloc_array(arena, (size_t)direction->dst * groups_max, sizeof *groups);
    double *exact = arena_alloc(arena, taps_max * sizeof *exact);
    if (!axis || !spans || !weights || !groups || !exact)
        return ERR_NOMEM;

    for (uint32_t i = 0; i < direction->dst; i++) {
        spans[i] = weigh(direction, &filter, i, exact);
        quantise(spans[i], exact, weights + (size_t)i * taps_max, groups + (size_t)i * groups_max);
    }
    *axis = (struct resize_axis){.count = direction->dst,
                                 .taps_max = taps_max,
                                 .groups_max = groups_max,
                                 .spans = spans,
                                 .weights = weights,
                                 .groups = groups};
    *ret = axis;
    return ERR_OK;
}

enum err resize_rows(const struct resize_plan *plan, const struct resize_source *source, struct arena *scratch,
                     resize_row_fn take, void *context)
{
    return resize_rows_at(cpu_level(), plan, source, scratch, take, context);
}

enum err resize_rows_at(enum cpu_level level, const struct resize_plan *plan, const struct resize_source *source,
                        struct arena *scratch, resize_row_fn take, void *context)
{
    struct run run = {.plan = plan, .source = source, .kernel = resize_kernel_of(level)};
    TRY(run_init(&run, scratch));
    const struct resize_axis *down = plan->down;
    if (down)
        run.next_row = down->spans[0].first;
    for (uint32_t y = 0; y < plan->place_height; y++) {
        struct resize_span span = down ? down->spans[y] : (struct resize_span){y, 1};
        for (uint32_t i = 0; i < span.count; i++)
            run.window[i] = run_row(&run, span.first + i);
        if (!down) {
            take(context, y, run.window[0]);
            continue;
        }
        for (uint32_t i = span.count; i % RESIZE_GROUP_TAPS != 0; i++)
            run.window[i] = run.window[span.count - 1];
        struct resize_down job = {.axis = down,
                                  .index = y,
                                  .rows = run.window,
                                  .dst = run.out,
                                  .bytes = (size_t)plan->place_width * plan->spec.channels};
        run.kernel->down(&job);
        take(context, y, run.out);
    }
    return ERR_OK;
}

static size_t padded(size_t bytes)
{
    return (bytes + RESIZE_PAD_BYTES + 63) & ~(size_t)63;
}

static enum err run_init(struct run *run, struct arena *scratch)
{
    const struct resize_plan *plan = run->plan;
    uint32_t window_max = plan->down ? plan->down->groups_max * RESIZE_GROUP_TAPS : 1;
    run->src_row_bytes = (size_t)plan->spec.src_width * plan->spec.channels;
    run->ring_row_bytes = padded((size_t)plan->place_width * plan->spec.channels);
    run->window = arena_alloc(scratch, window_max * sizeof *run->window);
    run->out = arena_alloc_aligned(scratch, run->ring_row_bytes);
    if (!run->window || !run->out)
        return ERR_NOMEM;
    if (!plan->across)
        return ERR_OK;
    run->ring_rows = (plan->down ? plan->down->taps_max : 1) + RESIZE_BATCH;
    run->ring = arena_alloc_aligned(scratch, run->ring_rows * run->ring_row_bytes);
    run->tail = arena_alloc_aligned(scratch, RESIZE_BATCH * padded(run->src_row_bytes));
    return run->ring && run->tail ? ERR_OK : ERR_NOMEM;
}

/* A source row that may be read RESIZE_PAD_BYTES beyond its end: the next rows are there, or it is copied. */
static const uint8_t *source_row(struct run *run, uint32_t y)
{
    const struct resize_source *source = run->source;
    const uint8_t *row = source->pixels + y * source->stride_bytes;
    if ((run->plan->spec.src_height - 1 - y) * source->stride_bytes >= RESIZE_PAD_BYTES)
        return row;
    uint8_t *copy = run->tail + y % RESIZE_BATCH * padded(run->src_row_bytes);
    memcpy(copy, row, run->src_row_bytes);
    memset(copy + run->src_row_bytes, 0, RESIZE_PAD_BYTES);
    return copy;
}

/* Fills the ring with the next batch; at the end of the picture the last row fills up the batch. */
static void run_across(struct run *run)
{
    const struct resize_plan *plan = run->plan;
    const uint8_t *src[RESIZE_BATCH];
    uint8_t *dst[RESIZE_BATCH];
    for (uint32_t i = 0; i < RESIZE_BATCH; i++) {
        uint32_t y = MIN(run->next_row + i, plan->spec.src_height - 1);
        src[i] = source_row(run, y);
        dst[i] = run->ring + y % run->ring_rows * run->ring_row_bytes;
    }
    resize_across_fn across = plan->spec.channels == 3 ? run->kernel->across_rgb : run->kernel->across_grey;
    across(plan->across, src, dst);
    run->next_row += RESIZE_BATCH;
}

/* Row `y` in its destination width. Rows are asked for in order, those of one span at a time. */
static const uint8_t *run_row(struct run *run, uint32_t y)
{
    if (!run->plan->across)
        return run->source->pixels + y * run->source->stride_bytes;
    while (y >= run->next_row)
        run_across(run);
    return run->ring + y % run->ring_rows * run->ring_row_bytes;
}

/* Where resize_image puts its rows. */
struct canvas {
    struct image image;
    size_t offset; /* of the picture's first pixel */
    size_t row_bytes;
};

static void put_row(void *context, uint32_t y, const uint8_t *row)
{
    struct canvas *canvas = context;
    memcpy(canvas->image.pixels + canvas->offset + y * canvas->image.stride_bytes, row, canvas->row_bytes);
}

enum err resize_image(const struct resize_plan *plan, const struct image *image, const uint8_t pad[3],
                      struct arena *arena, struct image *ret)
{
    const struct resize_spec *spec = &plan->spec;
    ASSERT(spec->channels == IMAGE_CHANNELS && spec->src_width == image->width && spec->src_height == image->height,
           "the plan was made for another image");
    struct canvas canvas = {.image = {.width = spec->dst_width, .height = spec->dst_height}};
    canvas.image.stride_bytes = (size_t)spec->dst_width * IMAGE_CHANNELS;
    canvas.row_bytes = (size_t)plan->place_width * IMAGE_CHANNELS;
    canvas.offset = plan->place_y * canvas.image.stride_bytes + (size_t)plan->place_x * IMAGE_CHANNELS;
    canvas.image.pixels = arena_alloc_aligned(arena, canvas.image.stride_bytes * spec->dst_height);
    if (!canvas.image.pixels)
        return ERR_NOMEM;
    if (plan->place_width != spec->dst_width || plan->place_height != spec->dst_height)
        for (size_t i = 0; i < canvas.image.stride_bytes * spec->dst_height; i++)
            canvas.image.pixels[i] = pad[i % IMAGE_CHANNELS];
    struct resize_source source = {image->pixels, image->stride_bytes};
    TRY(resize_rows(plan, &source, arena, put_row, &canvas));
    *ret = canvas.image;
    return ERR_OK;
}
