/* SPDX-License-Identifier: Apache-2.0 */
/* An image becomes the model's input: header, limits, memory, pixels, tensor, in this order.
 *
 * A small image is decoded here on the worker, because handing it over costs more than it saves. A larger one would hold
 * up every other connection of the worker, so a crew thread does it. That thread must not touch the worker's pool: it
 * gets one piece of the request's memory beforehand, large enough for all that decoding and resizing take
 * (image_work_bytes), and a fixed arena on it. It reads the file where it was received and writes the tensor where the
 * model reads it; both stay until the request ends, which cannot be while a crew thread holds it. */
#include "lib/image/work.h"
#include "pipeline/decode/decode_int.h"
#include "pipeline/flow.h"
#include "pipeline/image_input.h"

/* One image on its way, in the request's arena; with the crew thread while the request is held. */
struct image_work {
    struct slice file;
    struct image_options options;
    const struct normalize_spec *spec;
    void *tensor;
    struct arena memory; /* of the crew thread */
    enum err err;
    struct image_fault fault;
};

static enum verdict prepare_input(struct request *request, struct model *model, void **ret_data);
static enum verdict submit(struct request *request, struct image_work *work, const struct image_info *info);
static void run_task(struct task *task);
static enum err decode(struct image_work *work, struct arena *arena);

enum verdict decode_image(struct request *request, struct model *model)
{
    struct image_work *work = arena_alloc_zero(&request->arena, sizeof *work);
    if (!work)
        return request_fail_memory(request);
    work->options = decode_image_options(request);
    work->spec = request->decode.image;
    enum verdict verdict = body_find_image(request, &work->file);
    if (verdict != VERDICT_NEXT)
        return verdict;

    struct image_info info;
    enum err err = image_probe(work->file, &info, &work->fault);
    if (err == ERR_OK)
        err = image_check(&info, &work->options.limits, &work->fault);
    if (err != ERR_OK)
        return decode_image_conclude(request, err, &work->fault);

    verdict = prepare_input(request, model, &work->tensor);
    if (verdict != VERDICT_NEXT)
        return verdict;
    if (image_work_pixels(&info, work->spec) > request->config->inline_pixels)
        return submit(request, work, &info);
    return decode_image_conclude(request, decode(work, &request->arena), &work->fault);
}

struct image_options decode_image_options(const struct request *request)
{
    const struct limits_config *limits = &request->config->limits;
    struct image_options options = image_options_default();
    options.limits.pixels_max = limits->image_pixels;
    options.limits.decoder_bytes_max = limits->request_memory;
    options.has_background = request->decode.has_background;
    memcpy(options.background, request->decode.background, sizeof options.background);
    return options;
}

/* A route whose normalize_image does not fit its model was complained about when the model was loaded. */
static enum verdict prepare_input(struct request *request, struct model *model, void **ret_data)
{
    char why[512];
    struct text fault = text_init(why, sizeof why);
    struct image_input input;
    if (image_input_find(&request->decode, model_info(model), &fault, &input) != ERR_OK)
        return request_fail(request, PROBLEM_INTERNAL, "%s", why);
    enum verdict verdict = decode_acquire_run(request, model);
    if (verdict != VERDICT_NEXT)
        return verdict;
    uint64_t bytes_max = request->config->limits.request_memory;
    enum err err = run_input(request->run, input.index, input.dims, bytes_max, ret_data);
    if (err == ERR_LIMIT)
        return request_fail_too_large(request);
    return err == ERR_OK ? VERDICT_NEXT : request_fail_memory(request);
}

static enum verdict submit(struct request *request, struct image_work *work, const struct image_info *info)
{
    size_t bytes = image_work_bytes(info, work->spec);
    void *memory = arena_alloc_aligned(&request->arena, bytes);
    if (!memory)
        return request_fail_memory(request);
    arena_init_fixed(&work->memory, memory, bytes);
    request->task_state = work;
    request->task.on_run = run_task;
    if (request_submit(request) == ERR_OK)
        return VERDICT_WAIT;
    counter_add(&request->worker->meter.runs_refused, 1);
    request->retry_after_s = 1;
    return request_fail(request, PROBLEM_OVERLOADED, "All executors are busy and their queues full; try again.");
}

/* On a crew thread. */
static void run_task(struct task *task)
{
    const struct request *request = CONTAINER_OF(task, struct request, task);
    struct image_work *work = request->task_state;
    work->err = decode(work, &work->memory);
}

static enum err decode(struct image_work *work, struct arena *arena)
{
    struct image image;
    TRY(image_decode(work->file, &work->options, arena, &image, &work->fault));
    return image_normalize(&image, work->spec, arena, work->tensor);
}

enum verdict decode_image_end(struct request *request)
{
    struct image_work *work = request->task_state;
    request->was_submitted = false;
    return decode_image_conclude(request, work->err, &work->fault);
}

enum verdict decode_image_conclude(struct request *request, enum err err, const struct image_fault *fault)
{
    struct worker_meter *meter = &request->worker->meter;
    if (err == ERR_OK) {
        counter_add(&meter->images_decoded, 1);
        return VERDICT_NEXT;
    }
    if (err == ERR_NOMEM)
        return request_fail_memory(request);
    counter_add(&meter->images_refused, 1);
    /* Other limits than on pixels (scans, chunks) are met by images made to exhaust, not by large ones. */
    bool is_large = err == ERR_LIMIT && strcmp(fault->what, "dimensions") == 0;
    enum problem problem = is_large ? PROBLEM_IMAGE_TOO_LARGE : PROBLEM_INVALID_IMAGE;
    return request_fail(request, problem, "The image was refused: %s.", fault->text);
}
