/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/load.h"

#include "cmd/knee/client.h"
#include "lib/sys/clock.h"

#include <math.h>
#include <stdlib.h>

#define SPIN_NS     (2 * NS_PER_MS)
#define DRAIN_NS    (2 * NS_PER_S)
#define WAITING_MAX (1u << 20) /* a power of two */
#define CONNECT_NS  (KNEE_CONNECT_S * NS_PER_S)

struct caller {
    struct knee_connection connection;
    uint64_t due_ns; /* of the request it waits for; 0: of none */
    struct generator *generator;
    bool is_idle; /* among the generator's idle */
    bool is_away; /* its connection is not there, or not yet */
};

struct generator {
    const struct knee_load_options *options;
    struct knee_load *load;
    struct loop loop;
    struct caller *callers;
    struct caller **idle;
    uint32_t idle_count;
    uint32_t in_flight;
    uint32_t away;
    uint64_t *waiting; /* a ring of due moments */
    uint64_t head, tail;
    uint64_t random;
    double next_ns;   /* when the next one is due */
    uint64_t from_ns; /* measuring */
    uint64_t to_ns;
    enum err err; /* of the last connection that was lost */
    uint32_t losses;
};

static enum err prepare(struct generator *generator);
static enum err connect_all(struct generator *generator);
static enum err drive(struct generator *generator);
static void release(struct generator *generator);
static void free_caller(struct generator *generator, struct caller *caller);
static void on_response(struct knee_connection *connection, int status, struct slice body);
static void on_lost(struct knee_connection *connection, enum err err);

enum err knee_load_run(const struct knee_load_options *options, struct knee_load *load)
{
    struct generator generator = {.options = options, .load = load, .random = options->seed, .loop.epoll = -1};
    memset(load, 0, sizeof *load);
    enum err err = prepare(&generator);
    if (err == ERR_OK)
        err = connect_all(&generator);
    if (err == ERR_OK)
        err = drive(&generator);
    release(&generator);
    return err;
}

static enum err prepare(struct generator *generator)
{
    uint32_t count = generator->options->connections;
    TRY(loop_init(&generator->loop));
    generator->callers = calloc(count, sizeof generator->callers[0]);
    generator->idle = calloc(count, sizeof(struct caller *));
    generator->waiting = calloc(WAITING_MAX, sizeof generator->waiting[0]);
    return generator->callers && generator->idle && generator->waiting ? ERR_OK : ERR_NOMEM;
}

static void release(struct generator *generator)
{
    for (uint32_t i = 0; generator->callers && i < generator->options->connections; i++)
        knee_connection_deinit(&generator->callers[i].connection);
    free(generator->callers);
    free(generator->idle);
    free(generator->waiting);
    loop_deinit(&generator->loop);
}

static void set_idle(struct generator *generator, struct caller *caller)
{
    caller->is_idle = true;
    generator->idle[generator->idle_count++] = caller;
}

static enum err connect_all(struct generator *generator)
{
    uint32_t count = generator->options->connections;
    uint64_t end_ns = clock_now_ns() + CONNECT_NS;
    for (uint32_t i = 0; i < count; i++) {
        struct caller *caller = &generator->callers[i];
        caller->generator = generator;
        caller->connection = (struct knee_connection){.on_response = on_response, .on_lost = on_lost, .owner = caller};
        TRY(knee_connection_open(&caller->connection, &generator->loop, &generator->options->address));
    }
    uint32_t connected = 0;
    while (connected < count && clock_now_ns() < end_ns && !generator->losses) {
        loop_turn(&generator->loop, NS_PER_MS);
        for (connected = 0; connected < count && generator->callers[connected].connection.is_connected;)
            connected++;
    }
    if (connected < count)
        return generator->losses ? generator->err : ERR_TIMEOUT;
    for (uint32_t i = 0; i < count; i++)
        set_idle(generator, &generator->callers[count - 1 - i]);
    return ERR_OK;
}

/* --- when requests are due --------------------------------------------------------------------------------------- */

/* splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t draw(struct generator *generator)
{
    uint64_t z = generator->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* The time to the next arrival of a Poisson process is exponential. */
static void draw_next(struct generator *generator)
{
    double uniform = ((double)(draw(generator) >> 11) + 1) / 0x1p53; /* (0, 1] */
    generator->next_ns += -log(uniform) / generator->options->rate * (double)NS_PER_S;
}

static bool is_open_loop(const struct generator *generator)
{
    return generator->options->rate > 0;
}

/* NULL: it does not count. */
static struct knee_slice *slice_at(struct generator *generator, uint64_t due_ns)
{
    if (due_ns < generator->from_ns || due_ns >= generator->to_ns)
        return NULL;
    uint64_t index = (due_ns - generator->from_ns) * KNEE_SLICES / (generator->to_ns - generator->from_ns);
    return &generator->load->slices[index];
}

static void dispatch(struct generator *generator, uint64_t due_ns)
{
    struct caller *caller = generator->idle[--generator->idle_count];
    caller->is_idle = false;
    caller->due_ns = due_ns;
    generator->in_flight++;
    knee_connection_send(&caller->connection, generator->options->request);
}

static void begin(struct generator *generator, uint64_t due_ns, uint64_t now_ns)
{
    struct knee_slice *slice = slice_at(generator, due_ns);
    if (slice)
        slice->due++;
    if (generator->idle_count) {
        if (slice)
            histogram_record(&generator->load->lag, now_ns - due_ns);
        dispatch(generator, due_ns);
    } else if (generator->tail - generator->head < WAITING_MAX) {
        generator->waiting[generator->tail++ % WAITING_MAX] = due_ns;
        generator->load->waiting_max = MAX(generator->load->waiting_max, generator->tail - generator->head);
    } else if (slice) {
        slice->failed++;
    }
}

static void begin_due(struct generator *generator, uint64_t now_ns)
{
    if (!is_open_loop(generator)) {
        while (now_ns < generator->to_ns && generator->idle_count)
            begin(generator, now_ns, now_ns);
        return;
    }
    while ((uint64_t)generator->next_ns <= now_ns && (uint64_t)generator->next_ns < generator->to_ns) {
        begin(generator, (uint64_t)generator->next_ns, now_ns);
        draw_next(generator);
    }
}

static uint64_t wait_of(const struct generator *generator, uint64_t now_ns)
{
    uint64_t next_ns = is_open_loop(generator) ? (uint64_t)generator->next_ns : generator->to_ns;
    if (now_ns >= generator->to_ns || !generator->idle_count)
        return generator->away ? NS_PER_MS : 10 * NS_PER_MS; /* an answer ends it */
    return next_ns > now_ns + SPIN_NS ? MIN(next_ns - now_ns - SPIN_NS, 10 * NS_PER_MS) : 0;
}

static bool is_done(const struct generator *generator)
{
    return !generator->in_flight && generator->head == generator->tail;
}

/* A server closes a connection now and then (limits.connection_requests): another takes its place. */
static void reconnect(struct generator *generator)
{
    for (uint32_t i = 0; i < generator->options->connections && generator->away; i++) {
        struct caller *caller = &generator->callers[i];
        if (!caller->is_away)
            continue;
        if (caller->connection.is_connected) {
            caller->is_away = false;
            generator->away--;
            free_caller(generator, caller);
        } else if (!caller->connection.is_open) {
            enum err err = knee_connection_open(&caller->connection, &generator->loop, &generator->options->address);
            generator->losses += err != ERR_OK;
        }
    }
}

/* What has no answer at the end has waited at least until then. */
static void give_up(struct generator *generator, uint64_t due_ns, uint64_t now_ns)
{
    struct knee_slice *slice = slice_at(generator, due_ns);
    if (!slice)
        return;
    slice->failed++;
    histogram_record(&slice->latency, now_ns - due_ns);
}

static enum err drive(struct generator *generator)
{
    const struct knee_load_options *options = generator->options;
    uint64_t now_ns = clock_now_ns();
    generator->from_ns = now_ns + options->warm_ns;
    generator->to_ns = generator->from_ns + options->measure_ns;
    generator->next_ns = (double)now_ns;
    while (now_ns < generator->to_ns || (!is_done(generator) && now_ns < generator->to_ns + DRAIN_NS)) {
        begin_due(generator, now_ns);
        loop_turn(&generator->loop, wait_of(generator, now_ns));
        now_ns = clock_now_ns();
        reconnect(generator);
        if (generator->losses > options->connections)
            return generator->err;
        if (options->is_stopped && options->is_stopped(options->owner))
            return ERR_CANCELLED;
    }
    generator->load->seconds = (double)options->measure_ns / (double)NS_PER_S;
    for (uint32_t i = 0; i < options->connections; i++)
        if (generator->callers[i].connection.is_busy)
            give_up(generator, generator->callers[i].due_ns, now_ns);
    while (generator->head < generator->tail)
        give_up(generator, generator->waiting[generator->head++ % WAITING_MAX], now_ns);
    return ERR_OK;
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void count(struct generator *generator, uint64_t due_ns, int status)
{
    struct knee_slice *slice = slice_at(generator, due_ns);
    uint64_t now_ns = clock_now_ns();
    if (status == 200 && slice_at(generator, now_ns))
        generator->load->completed++;
    if (!slice)
        return;
    if (status == 200) {
        slice->answered++;
        histogram_record(&slice->latency, now_ns - due_ns);
    } else if (status == 429 || status == 503) {
        slice->refused++;
    } else {
        slice->failed++;
    }
}

static void free_caller(struct generator *generator, struct caller *caller)
{
    set_idle(generator, caller);
    if (generator->head < generator->tail)
        dispatch(generator, generator->waiting[generator->head++ % WAITING_MAX]);
}

static void settle(struct caller *caller, int status)
{
    if (!caller->due_ns)
        return;
    count(caller->generator, caller->due_ns, status);
    caller->due_ns = 0;
    caller->generator->in_flight--;
}

static void on_response(struct knee_connection *connection, int status, struct slice body)
{
    (void)body;
    struct caller *caller = connection->owner;
    settle(caller, status);
    if (connection->is_connected)
        free_caller(caller->generator, caller);
}

static void leave_idle(struct generator *generator, struct caller *caller)
{
    uint32_t i = 0;
    while (generator->idle[i] != caller)
        i++;
    generator->idle[i] = generator->idle[--generator->idle_count];
    caller->is_idle = false;
}

/* It is made anew later, and not here: the loop may still look at it. */
static void on_lost(struct knee_connection *connection, enum err err)
{
    struct caller *caller = connection->owner;
    struct generator *generator = caller->generator;
    generator->err = err == ERR_OK || err == ERR_EOF ? ERR_CLOSED : err;
    generator->losses++;
    settle(caller, 0);
    if (caller->is_idle)
        leave_idle(generator, caller);
    if (!caller->is_away)
        generator->away++;
    caller->is_away = true;
}
