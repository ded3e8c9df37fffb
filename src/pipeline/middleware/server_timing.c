/* SPDX-License-Identifier: Apache-2.0 */
/* server_timing: tells the client where the server's time went, as the field Server-Timing (W3C Server Timing), which browsers
 * show in their network panel.
 *
 * Milliseconds. Of what ran a model its phases: decode (body to tensors), queue, gather, run, scatter, format (outputs to the
 * body), of outputs from the cache decode and format; of every response total: from the first byte of the request to here. A
 * member of a batch has the times of the whole batch, since it has waited for all of it. Nobody asks the clock for this but the middleware itself, once. */
#include "lib/sys/clock.h"
#include "pipeline/description.h"
#include "pipeline/request.h"

#define VALUE_BYTES 256 /* seven names, and durations of 73 minutes at most */

static enum err describe(const void *options, struct description *description);
static void on_response_head(struct request *request, const void *options, void *state);

const struct middleware middleware_server_timing = {
    .name = "server_timing",
    .help = "Answers with Server-Timing: what the phases of the request took",
    .place = PLACE_OBSERVE,
    .duty = DUTY_OPTIONAL,
    .describe = describe,
    .on_response_head = on_response_head,
};

static enum err describe(const void *options, struct description *description)
{
    (void)options;
    description_add_header(description, "Server-Timing", "What the phases of the request took, in milliseconds.");
    return ERR_OK;
}

/* Down to 0.1 µs: the run of a small model takes two. */
static void add(struct text *value, const char *name, uint64_t ns)
{
    text_printf(value, "%s;dur=%.4f, ", name, (double)ns / (double)NS_PER_MS);
}

static void on_response_head(struct request *request, const void *options, void *state)
{
    (void)options;
    (void)state;
    char *memory = arena_alloc(&request->arena, VALUE_BYTES);
    if (!memory || request->response.field_count == request->response.field_capacity)
        return; /* a courtesy, and no reason to fail */
    struct text value = text_init(memory, VALUE_BYTES);
    uint64_t now_ns = clock_now_ns();
    if (request->has_outputs) {
        const struct job_times *times = &request->job.times;
        add(&value, "decode", request->decode_ns);
        if (request->has_job) {
            add(&value, "queue", times->queue_ns);
            add(&value, "gather", times->gather_ns);
            add(&value, "run", times->run_ns);
            add(&value, "scatter", times->scatter_ns);
        }
        add(&value, "format", now_ns - request->stage_begin_ns);
    }
    text_printf(&value, "total;dur=%.4f", (double)(now_ns - request->begin_ns) / (double)NS_PER_MS);
    response_field_add(request, "Server-Timing", text_slice(&value));
}
