/* SPDX-License-Identifier: Apache-2.0 */
/* Iterations on their way through the steps of their scenario. */
#include "load/run/generator_int.h"

#include "lib/http/http1.h"
#include "lib/sys/clock.h"

#include <stdlib.h>

#define ARENA_BLOCK_BYTES 4096
#define BODY_BYTES_MAX    ((size_t)64 << 20) /* of one that is looked at */
#define BODY_BYTES_FIRST  1024

/* Room for the head of an answer; kept for the next one. */
struct head {
    struct list node;
    struct http_head head;
    struct http_header headers[LOAD_HEADERS_MAX];
};

static void on_head(struct load_exchange *exchange);
static void on_data(struct load_exchange *exchange, struct slice data);
static void on_end(struct load_exchange *exchange);
static void on_failed(struct load_exchange *exchange, enum load_failure failure);
static void on_timer(struct timer *timer);
static void ask(struct slot *slot, uint64_t due_ns, bool was_counted);
static void send_on(struct slot *slot, struct connection *connection);
static void fail(struct slot *slot, enum load_failure failure);

/* For answers that nobody looks into, and for the others. */
static const struct load_exchange_events blind_events = {.on_end = on_end, .on_failed = on_failed};
static const struct load_exchange_events events = {
    .on_head = on_head, .on_data = on_data, .on_end = on_end, .on_failed = on_failed};

/* --- memory ------------------------------------------------------------------------------------------------------- */

static size_t slot_bytes(const struct load_plan *plan)
{
    size_t bytes =
        sizeof(struct slot) + plan->variable_count * sizeof(struct slice) + plan->data_count * sizeof(uint32_t);
    return (bytes + 63) & ~(size_t)63;
}

static void slot_init(struct generator *generator, struct slot *slot)
{
    const struct load_plan *plan = generator->plan;
    memset(slot, 0, slot_bytes(plan));
    slot->generator = generator;
    slot->variables = (struct slice *)(slot + 1);
    slot->rows = (uint32_t *)(slot->variables + plan->variable_count);
    slot->values = (struct load_values){.plan = plan,
                                        .variables = slot->variables,
                                        .rows = slot->rows,
                                        .sequence = &generator->sequence,
                                        .sequence_stride = generator->parts,
                                        .random = &slot->random,
                                        .regex_work = generator->regex_work};
    timer_init(&slot->timer, on_timer);
    list_init(&slot->node);
    arena_init(&slot->iteration, &generator->pool, ARENA_BLOCK_BYTES, BODY_BYTES_MAX * 4);
    arena_init(&slot->memory, &generator->pool, ARENA_BLOCK_BYTES, BODY_BYTES_MAX * 4);
    list_add_last(&generator->free, &slot->node);
}

static enum err add_block(struct generator *generator)
{
    size_t bytes = slot_bytes(generator->plan);
    size_t list_bytes = (generator->block_count + 1) * sizeof(char *);
    char **blocks = realloc(generator->blocks, list_bytes);
    if (!blocks)
        return ERR_NOMEM;
    generator->blocks = blocks;
    char *block = aligned_alloc(64, SLOTS_PER_BLOCK * bytes);
    if (!block)
        return ERR_NOMEM;
    blocks[generator->block_count++] = block;
    for (uint32_t i = 0; i < SLOTS_PER_BLOCK; i++)
        slot_init(generator, (struct slot *)(void *)(block + i * bytes));
    return ERR_OK;
}

enum err slot_create(struct generator *generator, struct slot **ret_slot)
{
    if (list_is_empty(&generator->free))
        TRY(add_block(generator));
    *ret_slot = CONTAINER_OF(list_pop_first(&generator->free), struct slot, node);
    return ERR_OK;
}

struct slot *slot_take(struct generator *generator)
{
    struct slot *slot = NULL;
    return slot_create(generator, &slot) == ERR_OK ? slot : NULL;
}

static struct slot *slot_at(const struct generator *generator, uint32_t index)
{
    char *block = generator->blocks[index / SLOTS_PER_BLOCK];
    return (struct slot *)(void *)(block + index % SLOTS_PER_BLOCK * slot_bytes(generator->plan));
}

void slots_deinit(struct generator *generator)
{
    struct list *node;
    for (uint32_t i = 0; i < generator->block_count * SLOTS_PER_BLOCK; i++) {
        struct slot *slot = slot_at(generator, i);
        load_stream_drop(&slot->stream);
        timer_cancel(&slot->timer);
        arena_reset(&slot->iteration);
        arena_reset(&slot->memory);
        if (slot->exchange.head)
            free(CONTAINER_OF(slot->exchange.head, struct head, head));
    }
    for (uint32_t i = 0; i < generator->block_count; i++)
        free(generator->blocks[i]);
    free(generator->blocks);
    generator->block_count = 0;
    while ((node = list_pop_first(&generator->heads)))
        free(CONTAINER_OF(node, struct head, node));
}

static bool take_head(struct slot *slot)
{
    struct list *node = list_pop_first(&slot->generator->heads);
    struct head *head = node ? CONTAINER_OF(node, struct head, node) : calloc(1, sizeof *head);
    if (!head)
        return false;
    head->head.headers = head->headers;
    slot->exchange.head = &head->head;
    return true;
}

static void give_head(struct slot *slot)
{
    if (slot->exchange.head)
        list_add_first(&slot->generator->heads, &CONTAINER_OF(slot->exchange.head, struct head, head)->node);
    slot->exchange.head = NULL;
}

/* --- an iteration ------------------------------------------------------------------------------------------------- */

const struct load_scenario *scenario_of(const struct generator *generator, const struct load_due *due,
                                        struct load_random *ret_random)
{
    const struct load_plan *plan = generator->plan;
    ret_random->state = plan->seed + (due->number + 1) * 0xd1342543de82ef95;
    if (plan->scenario_count == 1)
        return &plan->scenarios[0];
    if (plan->is_scenario_of_stage)
        return &plan->scenarios[load_stage_at(plan, due->ns - MIN(due->ns, plan->warm_ns))];
    double place = load_draw_unit(ret_random) * generator->weight_sum;
    uint32_t index = 0;
    while (index + 1 < plan->scenario_count && place > plan->scenarios[index].weight)
        place -= plan->scenarios[index++].weight;
    return &plan->scenarios[index];
}

static uint32_t row_of(struct slot *slot, uint32_t index)
{
    const struct load_data *data = &slot->generator->plan->data[index];
    uint64_t number = slot->values.iteration;
    switch (data->order) {
    case LOAD_DATA_RANDOM:
        return (uint32_t)(load_draw(&slot->random) % data->row_count);
    case LOAD_DATA_SHUFFLED:
        return slot->generator->run->shuffles[index][number % data->row_count];
    default:
        return (uint32_t)(number % data->row_count);
    }
}

void slot_begin(struct slot *slot, uint64_t number, uint64_t due_ns, bool counts, bool was_stalled)
{
    struct generator *generator = slot->generator;
    const struct load_plan *plan = generator->plan;
    const struct load_due due = {.ns = due_ns - generator->begin_ns, .number = number};
    slot->scenario = scenario_of(generator, &due, &slot->random);
    slot->step = 0;
    slot->counts = counts;
    slot->begun_ns = due_ns;
    slot->values.iteration = number;
    slot->values.user = is_closed_loop(generator) ? generator->part + (uint64_t)generator->parts * slot->user : number;
    if (plan->variable_count)
        memcpy(slot->variables, plan->values, plan->variable_count * sizeof(struct slice));
    for (uint32_t i = 0; i < plan->data_count; i++)
        slot->rows[i] = row_of(slot, i);
    generator->busy_count++;
    if (counts)
        counter_add(&generator->record->iterations_begun, 1);
    slot->has_waited = was_stalled;
    ask(slot, due_ns, !is_closed_loop(generator));
}

static void end_iteration(struct slot *slot, bool has_failed, uint64_t now_ns)
{
    struct generator *generator = slot->generator;
    if (slot->counts)
        counter_add(&generator->record->iterations_ended, 1);
    arena_reset(&slot->iteration);
    generator->busy_count--;
    slot->state = SLOT_FREE;
    if (is_closed_loop(generator))
        closed_next(slot, has_failed, now_ns);
    else
        list_add_first(&generator->free, &slot->node);
}

static uint64_t think_ns(struct slot *slot, const struct load_step *step)
{
    if (step->think_most_ns == 0)
        return 0;
    double span = (double)(step->think_most_ns - step->think_least_ns);
    return step->think_least_ns + (uint64_t)(span * load_draw_unit(&slot->random));
}

/* A wrong status or check is counted, and the iteration goes on; where a value or an answer is missing it cannot. */
static void go_on(struct slot *slot, enum load_failure failure, uint64_t now_ns)
{
    const struct load_step *step = slot_step(slot);
    bool may_go_on = failure == LOAD_FAILURE_NONE ||
                     ((failure == LOAD_FAILURE_STATUS || failure == LOAD_FAILURE_CHECK) && step->extract_count == 0);
    uint64_t pause_ns = think_ns(slot, step);
    bool is_last = slot->step + 1 == slot->scenario->step_count;
    if (!may_go_on || (is_last && (pause_ns == 0 || !is_closed_loop(slot->generator)))) {
        end_iteration(slot, !may_go_on, now_ns);
        return;
    }
    slot->step++;
    slot->has_waited = false;
    if (pause_ns == 0) {
        ask(slot, now_ns, false);
        return;
    }
    slot->state = SLOT_THINKING;
    timer_set(&slot->generator->loop.timers, &slot->timer, now_ns + pause_ns);
}

static void stop_thinking(struct slot *slot, uint64_t now_ns)
{
    if (slot->step == slot->scenario->step_count)
        end_iteration(slot, false, now_ns);
    else
        ask(slot, now_ns, false);
}

/* The wheel is not told when an answer has come: the deadline of the next request is later, and only written down. */
static void on_timer(struct timer *timer)
{
    struct slot *slot = CONTAINER_OF(timer, struct slot, timer);
    uint64_t now_ns = clock_now_ns();
    if (slot->state == SLOT_THINKING) {
        stop_thinking(slot, now_ns);
    } else if (slot->state == SLOT_RESTING) {
        closed_begin(slot, now_ns);
    } else if (slot->state == SLOT_ASKING) {
        load_exchange_cancel(&slot->exchange);
        fail(slot, LOAD_FAILURE_TIMEOUT);
    }
}

/* --- a request ---------------------------------------------------------------------------------------------------- */

static void wait_for_link(struct slot *slot, bool is_first)
{
    struct target *target = &slot->generator->targets[slot_step(slot)->target];
    slot->state = SLOT_WAITING;
    slot->has_waited = true;
    target->waiting_count++;
    if (is_first)
        list_add_first(&target->waiting, &slot->node);
    else
        list_add_last(&target->waiting, &slot->node);
}

static struct slot *stop_waiting(struct target *target)
{
    struct list *node = list_pop_first(&target->waiting);
    if (!node)
        return NULL;
    target->waiting_count--;
    return CONTAINER_OF(node, struct slot, node);
}

static bool prepare(struct slot *slot, const struct load_step *step)
{
    struct generator *generator = slot->generator;
    bool is_blind = step->kind == LOAD_STEP_HTTP && !generator->reads_body[step->index];
    slot->exchange.events = is_blind ? &blind_events : &events;
    slot->exchange.request = &generator->requests[step->index];
    slot->is_too_large = false;
    slot->exchange.sent_ns = 0;
    if (!is_blind)
        slot->body = buffer_in_arena(&slot->memory, BODY_BYTES_FIRST);
    if (step->is_literal)
        return true;
    slot->exchange.request = &slot->request;
    return request_make(slot, step) == ERR_OK;
}

static void ask(struct slot *slot, uint64_t due_ns, bool was_counted)
{
    struct generator *generator = slot->generator;
    const struct load_step *step = slot_step(slot);
    struct target *target = &generator->targets[step->target];
    slot->due_ns = due_ns;
    slot->resends = 0;
    if (slot->counts && !was_counted)
        counter_add(&slot_series(slot)->due, 1);
    if (UNLIKELY(!prepare(slot, step))) {
        fail(slot, LOAD_FAILURE_TOO_LARGE);
        return;
    }
    struct connection *connection = list_is_empty(&target->waiting) ? connection_find(target) : NULL;
    if (LIKELY(connection != NULL)) {
        send_on(slot, connection);
        return;
    }
    wait_for_link(slot, false);
    if (!generator->plan->is_kept_alive)
        connections_open(generator, clock_now_ns());
}

static void send_on(struct slot *slot, struct connection *connection)
{
    struct generator *generator = slot->generator;
    const struct load_step *step = slot_step(slot);
    list_remove(&connection->node);
    if (UNLIKELY(!take_head(slot))) {
        connection_offer(connection);
        fail(slot, LOAD_FAILURE_LOCAL);
        return;
    }
    slot->state = SLOT_ASKING;
    slot->connection = connection;
    generator->asking_count++;
    if (step->kind == LOAD_STEP_CHAT)
        load_stream_begin(&slot->stream, generator->streams, step, slot->due_ns,
                          slot->counts ? slot_series(slot)->stream : NULL);
    if (step->timeout_ns)
        timer_set(&generator->loop.timers, &slot->timer, generator->loop.now_ns + step->timeout_ns);
    load_link_send(connection->link, &slot->exchange);
    connection_offer(connection);
}

void target_serve(struct target *target)
{
    struct connection *connection;
    while (!list_is_empty(&target->waiting) && (connection = connection_find(target)))
        send_on(stop_waiting(target), connection);
}

void target_fail_waiting(struct generator *generator, struct target *target, enum load_failure failure)
{
    struct slot *slot;
    uint32_t count = generator->plan->is_kept_alive ? target->waiting_count : 1;
    for (; count > 0 && (slot = stop_waiting(target)); count--)
        fail(slot, failure);
    if (generator->plan->is_kept_alive)
        open_abandon(generator, target, failure);
}

/* --- an answer ---------------------------------------------------------------------------------------------------- */

static void on_head(struct load_exchange *exchange)
{
    struct slot *slot = CONTAINER_OF(exchange, struct slot, exchange);
    slot->is_stream = slot_step(slot)->kind == LOAD_STEP_CHAT && load_stream_is_one(exchange->head);
}

static void on_data(struct load_exchange *exchange, struct slice data)
{
    struct slot *slot = CONTAINER_OF(exchange, struct slot, exchange);
    if (slot->is_stream)
        (void)load_stream_take(&slot->stream, data, exchange->received_ns);
    if (!slot->generator->reads_body[slot_step(slot)->index] || slot->is_too_large)
        return;
    slot->is_too_large = slot->body.len + data.len > BODY_BYTES_MAX;
    if (!slot->is_too_large)
        buffer_add(&slot->body, data);
}

static uint64_t since(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

static size_t request_bytes(const struct load_request *request)
{
    size_t bytes = request->method.len + request->path.len + request->body.len;
    if (request->http1.len)
        return request->http1.len;
    for (uint32_t i = 0; i < request->field_count; i++)
        bytes += http1_field_bytes(request->fields[i].name, request->fields[i].value);
    return bytes;
}

static void record_sent(struct slot *slot)
{
    struct load_record *record = slot->generator->record;
    struct load_series *series = slot_series(slot);
    uint64_t late_ns = since(slot->due_ns, slot->exchange.sent_ns);
    hdr_record(slot->has_waited ? &record->wait : &record->lag, late_ns);
    counter_add(&series->sent, 1);
    counter_add(&series->request_bytes, request_bytes(slot->exchange.request));
}

/* With an answer, right or not. */
static void record_answer(struct slot *slot, enum load_failure failure)
{
    const struct load_exchange *exchange = &slot->exchange;
    struct load_series *series = slot_series(slot);
    if (!slot->counts)
        return;
    record_sent(slot);
    counter_add(&series->statuses[MIN(exchange->head->status, LOAD_STATUSES - 1)], 1);
    counter_add(&series->response_bytes, exchange->body_bytes);
    if (UNLIKELY(failure != LOAD_FAILURE_NONE)) {
        counter_add(&series->failed[failure], 1);
        return;
    }
    counter_add(&series->answered, 1);
    hdr_record(&series->latency, since(slot->due_ns, exchange->received_ns));
    hdr_record(&series->service, since(exchange->sent_ns, exchange->received_ns));
}

static void record_failure(struct slot *slot, enum load_failure failure)
{
    struct load_series *series = slot_series(slot);
    uint64_t now_ns = clock_now_ns();
    if (!slot->counts)
        return;
    if (slot->exchange.sent_ns)
        record_sent(slot);
    counter_add(&series->failed[failure], 1);
    if (failure == LOAD_FAILURE_TIMEOUT)
        hdr_record(&series->latency, since(slot->due_ns, now_ns));
}

static void end_request(struct slot *slot)
{
    if (slot->state == SLOT_ASKING)
        slot->generator->asking_count--;
    give_head(slot);
    if (UNLIKELY(slot->is_stream)) {
        load_stream_drop(&slot->stream);
        slot->is_stream = false;
    }
    arena_reset(&slot->memory);
    slot->connection = NULL;
}

/* What is due goes out first where links are free, and is counted where none is: the one that becomes free here was not there for it. */
static void on_end(struct load_exchange *exchange)
{
    struct slot *slot = CONTAINER_OF(exchange, struct slot, exchange);
    struct generator *generator = slot->generator;
    struct connection *connection = slot->connection;
    uint64_t now_ns = exchange->received_ns;
    if (generator->has_next && generator->begin_ns + generator->next.ns <= now_ns)
        open_begin_due(generator, now_ns);
    enum load_failure failure = request_judge(slot, slot_step(slot));
    record_answer(slot, failure);
    end_request(slot);
    connection_offer(connection);
    if (UNLIKELY(connection->target->waiting_count > 0))
        target_serve(connection->target);
    go_on(slot, failure, now_ns);
    if (generator->is_stalled)
        open_begin_due(generator, now_ns);
}

/* A link of HTTP/2 outlives the requests on it that fail, and has room for another. */
static void fail(struct slot *slot, enum load_failure failure)
{
    struct connection *connection = slot->connection;
    record_failure(slot, failure);
    end_request(slot);
    if (connection)
        connection_offer(connection);
    go_on(slot, failure, clock_now_ns());
}

/* A server that has begun to answer has looked at the request, whatever it says of that now. */
static void on_failed(struct load_exchange *exchange, enum load_failure failure)
{
    struct slot *slot = CONTAINER_OF(exchange, struct slot, exchange);
    if (exchange->first_byte_ns && failure == LOAD_FAILURE_NONE)
        failure = LOAD_FAILURE_CLOSED;
    if (failure != LOAD_FAILURE_NONE || slot->resends >= RESENDS_MAX) {
        fail(slot, failure == LOAD_FAILURE_NONE ? LOAD_FAILURE_CLOSED : failure);
        return;
    }
    slot->resends++;
    slot->generator->asking_count--;
    connection_offer(slot->connection);
    slot->connection = NULL;
    give_head(slot);
    exchange->sent_ns = 0;
    wait_for_link(slot, true);
}

void slots_give_up(struct generator *generator)
{
    for (uint32_t i = 0; i < generator->block_count * SLOTS_PER_BLOCK; i++) {
        struct slot *slot = slot_at(generator, i);
        if (slot->state == SLOT_WAITING && slot->counts)
            counter_add(&generator->record->unsent, 1);
        if (slot->state == SLOT_ASKING) {
            record_failure(slot, LOAD_FAILURE_TIMEOUT);
            generator->asking_count--;
        }
        slot->counts = false; /* its link will fail it once more */
        list_remove(&slot->node);
        slot->state = SLOT_FREE;
    }
    for (uint32_t i = 0; i < generator->plan->target_count; i++)
        generator->targets[i].waiting_count = 0;
    open_abandon(generator, NULL, LOAD_FAILURE_NONE);
}
