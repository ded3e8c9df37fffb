/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside sequence/. */
#ifndef WEIR_PIPELINE_SEQUENCE_SEQUENCE_INT_H
#define WEIR_PIPELINE_SEQUENCE_SEQUENCE_INT_H

#include "lib/base/hash.h"
#include "lib/base/list.h"
#include "lib/sys/thread.h"
#include "lib/sys/timer.h"
#include "pipeline/request.h"
#include "pipeline/sequences.h"
#include "pipeline/worker.h"

/* Of a correlation id with its tenant in front: what one tenant calls his cannot lead another to his state. */
#define SEQUENCE_NAME_BYTES 256

/* A state of the model: an output that is the next run's input. */
struct state_link {
    uint32_t input;
    uint32_t output;
    int64_t
        dims[TENSOR_RANK_MAX]; /* of the first one, which is zeros; TENSOR_DIM_ANY: as the request's other inputs say */
};

/* What is kept of one state. */
struct state {
    int64_t dims[TENSOR_RANK_MAX];
    void *data; /* grows as needed and is used again for the next sequence */
    size_t bytes;
    size_t capacity;
};

/* One sequence. The table's lock guards all but the states, which whoever has the turn reads and writes. */
struct slot {
    struct slot *next; /* in its bucket, or among the free ones */
    struct list node;  /* by last use, the latest first */
    struct list queue; /* of tickets; the first one has the turn */
    uint64_t used_ns;  /* when the last one ended */
    uint32_t name_bytes;
    bool has_ended; /* and goes with the last in the queue, unless one of them starts it anew */
    char name[SEQUENCE_NAME_BYTES];
    struct state states[]; /* as many as the model has */
};

/* What a request has to do with a sequence; in its arena. */
struct sequence_ticket {
    struct request *request;
    const struct worker *worker;
    struct sequences *sequences;
    struct slot *slot;
    struct list node;     /* of slot->queue; guarded by the lock */
    bool has_left;        /* the queue */
    _Atomic bool is_turn; /* set under the lock, read by its worker */
    bool is_done;         /* its run's states are the sequence's */
    struct timer timer;
    uint64_t deadline_ns; /* of its wait; UINT64_MAX: none of its own */
};

struct sequences {
    struct mutex mutex;
    _Atomic size_t bytes; /* of all states, also those of free slots; by whoever has a turn */
    size_t bytes_max;     /* 0: no limit */
    uint64_t idle_ns;
    uint32_t count_max;
    _Atomic uint32_t count; /* written under the lock */
    struct hash_key key;
    struct slot **buckets;
    uint32_t bucket_mask;
    struct list recent;
    struct slot *free;
    uint32_t state_count;
    struct state_link links[MODEL_TENSORS_MAX];
};

/* What became of asking for a place in a sequence. */
enum entrance {
    ENTRANCE_OPEN,    /* the ticket is in its queue */
    ENTRANCE_UNKNOWN, /* there is none of that name, and this is no start */
    ENTRANCE_FULL,
    ENTRANCE_NOMEM,
};
struct entrance_counts {
    uint32_t begun;
    uint32_t expired;
};
enum entrance sequence_enter(struct sequence_ticket *ticket, struct slice name, bool is_start, uint64_t now_ns,
                             struct entrance_counts *ret_counts);
/* Out of the queue, in which the next one has the turn then; the sequence ends with `ends`. Returns whom to let go on, if it is
 * of this worker; others look for themselves. */
struct request *sequence_leave(struct sequence_ticket *ticket, bool ends, uint64_t now_ns);

/* state.c. Whoever has the turn: hands the states to the run, zeros if this is a start, where the client gave none itself; takes
 * them from its outputs. ERR_NOMEM, ERR_LIMIT; ERR_MISMATCH: what the model gave does not fit as an input. */
MUST_USE enum err sequence_feed(struct sequence_ticket *ticket, struct run *run, bool is_start, uint64_t bytes_max);
MUST_USE enum err sequence_take(struct sequence_ticket *ticket, const struct run *run);
/* Frees what is larger than `kept_bytes`; nobody has the turn. */
void states_trim(struct sequences *sequences, struct state *states, size_t kept_bytes);

#endif
