/* SPDX-License-Identifier: Apache-2.0 */
/* One generator thread: its loop, links, and iterations.
 *
 *   arrivals, users → slot (an iteration) → request of a step → link → answer → next step, or the end
 *
 * In open loop what is due and finds no link is not stored: the arrivals are a function, which simply is not asked for the next one
 * until there is room; a second reader of it (`ahead`) counts what is due meanwhile. */
#ifndef WEIR_LOAD_RUN_GENERATOR_INT_H
#define WEIR_LOAD_RUN_GENERATOR_INT_H

#include "lib/sys/thread.h"
#include "load/arrival/arrival.h"
#include "load/run.h"
#include "load/stream.h"
#include "load/values.h"
#include "load/wire.h"

#define SLOTS_PER_BLOCK 64
#define SLOTS_WAITING_MAX                                                                                              \
    4096 /* of open loop, where there are several targets: one that is slow must not hold up the others */
#define RESENDS_MAX 100

struct generator;

enum slot_state {
    SLOT_FREE,     /* or a user that is not wanted (any more) */
    SLOT_WAITING,  /* for a link */
    SLOT_ASKING,   /* a request is on its way */
    SLOT_THINKING, /* between two steps */
    SLOT_RESTING,  /* a user between two iterations */
};

/* An iteration on its way. In closed loop a user, over and over. */
struct slot {
    struct load_exchange exchange;
    struct generator *generator;
    struct list node; /* free, waiting for a link, or to be begun again */
    enum slot_state state;
    bool counts;     /* it was due after warming up */
    bool has_waited; /* for a link */
    uint8_t resends;
    uint32_t step; /* within the scenario */
    const struct load_scenario *scenario;
    struct connection *connection; /* that the request is on */
    struct timer timer; /* of the answer, of thinking. It is left alone when the answer has come: see on_slot_timer */
    uint64_t due_ns;    /* of the request at hand */
    uint64_t begun_ns;
    struct load_random random;
    struct load_values values;
    struct slice *variables;
    uint32_t *rows;
    struct load_request request; /* made from templates */
    struct arena iteration;      /* extracted values */
    struct arena memory;         /* the request at hand, and the body of its answer */
    struct buffer body;
    struct load_stream stream;
    bool is_too_large;
    bool is_stream;
    uint32_t user; /* in closed loop: which of the thread's */
};

/* Of a thread. */
struct connection {
    struct list node; /* of those with room, or to be opened */
    struct generator *generator;
    struct target *target;
    uint64_t opened_ns;
    struct load_link *link;
    uint32_t address; /* of the target's, which it is or is being opened to */
    bool is_ready;
};

struct target {
    const struct load_target *target;
    struct list roomy;   /* connections with room, the one that was used longest ago first */
    struct list closed;  /* connections to be opened */
    struct list waiting; /* slots */
    uint32_t waiting_count;
    uint32_t ready_count;
    uint32_t connecting_count;
    uint32_t address;  /* the next one's turn */
    uint32_t dead;     /* bit n: address n has refused, since it answered or all were tried */
    uint64_t retry_ns; /* not to be tried again before; 0: now */
    uint64_t pause_ns; /* grows with each failure */
};

enum generator_state { GENERATOR_OPENING, GENERATOR_READY, GENERATOR_OVER };

struct generator {
    struct load_run *run;
    const struct load_plan *plan;
    uint32_t part, parts; /* of the whole test */
    struct thread thread;
    bool is_started;
    _Atomic uint32_t state;
    _Atomic uint32_t refusal;     /* enum load_failure of the last link that could not be opened */
    _Atomic(const char *) reason; /* in words, of TLS and protocols; NULL: none */

    struct loop loop;
    struct load_wire *wire;
    struct load_streams *streams;
    struct pool pool;
    struct regex_work *regex_work;
    struct load_record *record;

    struct connection *connections;
    char *links;
    uint32_t connection_count;
    uint32_t ready_count;
    uint32_t source; /* the next one's turn */
    struct target targets[LOAD_TARGETS_MAX];
    struct load_request requests[LOAD_STEPS_MAX]; /* made once */
    struct arena literal_memory;
    bool reads_body[LOAD_STEPS_MAX];

    char **blocks; /* of slots */
    uint32_t block_count;
    struct list free;
    struct list heads;     /* see struct head */
    struct list again;     /* users to go on when the turn ends, so that failures do not nest */
    uint32_t busy_count;   /* slots that are to come to an end */
    uint32_t asking_count; /* of those: with a request on its way */

    uint64_t begin_ns, warm_end_ns, end_ns;
    uint64_t drain_end_ns; /* once it is over: how long answers are waited for */
    bool is_over;          /* nothing new begins */
    uint64_t sequence;
    double weight_sum;
    /* open loop */
    struct load_arrivals arrivals;
    struct load_due next;
    bool has_next;
    bool is_stalled; /* it is due, and there was no link */
    struct load_arrivals ahead_arrivals;
    struct load_due ahead; /* the first one that has not been counted as due; only while it is stalled */
    bool has_ahead;
    uint64_t backlog;
    uint64_t stop_number; /* of the first iteration that is not begun any more */
    /* closed loop */
    struct load_users users;
    struct slot **user_slots;
    uint32_t user_capacity;
    uint32_t user_count;
    uint64_t users_look_ns;
    uint64_t iterations_left;
    uint64_t iteration_count;

    uint64_t cpu_look_ns;
    uint64_t cpu_base_ns; /* at the end of warming up */
};

struct load_run {
    struct load_run_options options;
    uint32_t thread_count;
    struct generator *generators;
    uint32_t **shuffles; /* of each data file that is shuffled: its rows in another order */
    _Atomic uint64_t begin_ns;
    _Atomic bool is_stopped;
    _Atomic bool is_ending; /* the threads are to return */
    char why[256];
};

/* generator.c */
MUST_USE enum err generator_init(struct generator *generator, struct load_run *run, uint32_t index);
void generator_deinit(struct generator *generator);
void generator_main(void *argument);
bool generator_is_draining(const struct generator *generator);

/* connections.c */
MUST_USE enum err connections_init(struct generator *generator);
void connections_deinit(struct generator *generator);
/* Opens what is closed and may be opened by now. */
void connections_open(struct generator *generator, uint64_t now_ns);
/* When connections_open has something to do again. */
uint64_t connections_next_ns(const struct generator *generator);
/* One with room; NULL: none. */
struct connection *connection_find(struct target *target);
/* After a send, or when there may be room again. */
void connection_offer(struct connection *connection);

/* open.c: iterations that are due */
void open_begin_due(struct generator *generator, uint64_t now_ns);
/* What was due for a target and not begun has failed, or will never be sent (NONE); of all targets with NULL. */
void open_abandon(struct generator *generator, const struct target *target, enum load_failure failure);
void open_init(struct generator *generator);
/* No more than what is due by now. */
void open_stop(struct generator *generator, uint64_t now_ns);

/* closed.c: users */
MUST_USE enum err closed_init(struct generator *generator);
void closed_look(struct generator *generator, uint64_t now_ns);
/* The user's iteration has ended. */
void closed_next(struct slot *slot, bool has_failed, uint64_t now_ns);
void closed_begin(struct slot *slot, uint64_t now_ns);
void closed_end(struct generator *generator);

/* slots.c */
MUST_USE enum err slot_create(struct generator *generator, struct slot **ret_slot);
void slots_deinit(struct generator *generator);
/* Iteration `number` begins. was_stalled: it was due when there was no link. */
void slot_begin(struct slot *slot, uint64_t number, uint64_t due_ns, bool counts, bool was_stalled);
/* Of open loop; NULL: no memory. */
struct slot *slot_take(struct generator *generator);
/* Slots that wait for a target. */
void target_serve(struct target *target);
/* Those of a target, and what is due for it, have failed; without keep-alive only the one that a link was opened for. */
void target_fail_waiting(struct generator *generator, struct target *target, enum load_failure failure);
/* Those that are not done when draining ends. */
void slots_give_up(struct generator *generator);
/* Which scenario an iteration is of: a function of its number and the plan's seed, or of the stage that it is due in. */
const struct load_scenario *scenario_of(const struct generator *generator, const struct load_due *due,
                                        struct load_random *ret_random);

/* request.c */
MUST_USE enum err requests_init(struct generator *generator);
MUST_USE enum err request_make(struct slot *slot, const struct load_step *step);
/* The answer is complete: what is to be said of it. */
enum load_failure request_judge(struct slot *slot, const struct load_step *step);

static inline const struct load_step *slot_step(const struct slot *slot)
{
    return &slot->scenario->steps[slot->step];
}

static inline struct load_series *slot_series(const struct slot *slot)
{
    return &slot->generator->record->series[slot_step(slot)->index];
}

static inline bool is_closed_loop(const struct generator *generator)
{
    return generator->plan->arrival == LOAD_CLOSED;
}

#endif
