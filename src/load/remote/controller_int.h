/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a controller: its thread with a connection to each agent (controller_link.c), and what the session's thread asks of it
 * (controller.c). */
#ifndef WEIR_LOAD_REMOTE_CONTROLLER_INT_H
#define WEIR_LOAD_REMOTE_CONTROLLER_INT_H

#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "load/remote.h"
#include "load/remote/clock_int.h"
#include "load/remote/lines_int.h"
#include "load/remote/message_int.h"
#include "load/remote/proof_int.h"

#define CONTROLLER_WHY_BYTES 1024

enum link_state {
    LINK_CONNECTING,
    LINK_GREETED, /* waits for the greeting, then for the welcome */
    LINK_SYNCING, /* asks for the time, some times in a row */
    LINK_PREPARING,
    LINK_READY,
    LINK_RUNNING,
    LINK_DONE,
    LINK_LOST,
};

/* One agent. */
struct agent_link {
    struct lines lines;
    struct load_controller *controller;
    uint32_t part;
    struct slice name;
    struct address address;
    struct load_proof nonce;       /* ours */
    struct load_proof agent_nonce; /* its own */
    struct load_clock clock;
    uint32_t asked; /* how often for the time, while SYNCING */
    uint64_t heard_ns;
    uint64_t await_until_ns; /* while nobody listens, it is tried again */
    uint64_t deadline_ns;    /* by which it has to have come to the next state; 0: none */
    struct load_clock_estimate at_begin;

    /* Under the controller's mutex from RUNNING on. */
    enum link_state state;
    struct load_record *record; /* of the last report */
    struct load_record *spare;  /* the next one is read into this */
    uint64_t lost_ns;           /* monotonic */
    char why_memory[CONTROLLER_WHY_BYTES];
    struct text why; /* it is lost, or has refused */
    enum err err;
};

enum controller_outcome { OUTCOME_PENDING, OUTCOME_READY, OUTCOME_FAILED };

struct load_controller {
    struct load_controller_options options;
    struct agent_link *links;
    uint32_t link_count;
    uint64_t digest;
    uint64_t begin_ns;

    struct thread thread;
    struct loop *loop;
    struct mailbox mailbox;
    struct timer tick;
    struct pool pool;
    struct arena arena;   /* names */
    struct arena scratch; /* of a line */
    uint64_t ended_ns;    /* of the session's thread: when all had ended */
    uint64_t asked_ns;    /* when the clocks were last asked for, all of them */

    _Atomic enum controller_outcome outcome;
    /* Orders to the thread, set before its mailbox is woken. */
    _Atomic uint64_t begin_order_ns;
    _Atomic bool stop_order;
    _Atomic bool quit_order;
    bool has_stopped;
    struct mutex mutex;
};

/* All on the thread. */
void agent_link_open(struct agent_link *link);
void agent_link_begin(struct agent_link *link);
void agent_link_stop(struct agent_link *link);
void agent_link_ask_clock(struct agent_link *link);
/* Whether it is late, or silent. */
void agent_link_look(struct agent_link *link, uint64_t now_ns);
void agent_link_lose(struct agent_link *link, enum err err, const char *format, ...) PRINTF_LIKE(3, 4);
void controller_run(void *argument);

#endif
