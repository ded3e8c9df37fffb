/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/clock.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/flow.h"

#define LOOK_AGAIN_NS (20 * NS_PER_MS)

static void on_timer(struct timer *timer)
{
    flow_resume(CONTAINER_OF(timer, struct endpoint_wait, timer)->request);
}

static void stop_timer(void *waiting)
{
    timer_cancel(&((struct endpoint_wait *)waiting)->timer);
}

enum verdict endpoint_wait_on(struct endpoint_wait *waiting)
{
    struct loop *loop = &waiting->request->worker->loop;
    timer_set(&loop->timers, &waiting->timer, loop->now_ns + LOOK_AGAIN_NS);
    return VERDICT_WAIT;
}

/* In the request's arena. */
enum verdict endpoint_wait_begin(struct request *request, uint64_t ticket)
{
    struct endpoint_wait *waiting = arena_alloc_zero(&request->arena, sizeof *waiting);
    if (!waiting)
        return request_fail_memory(request);
    waiting->request = request;
    waiting->ticket = ticket;
    timer_init(&waiting->timer, on_timer);
    request->task_state = waiting;
    request_on_release(request, stop_timer, waiting);
    return endpoint_wait_on(waiting);
}
