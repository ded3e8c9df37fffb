/* SPDX-License-Identifier: Apache-2.0 */
/* One test by several machines: agents that wait for orders, and a controller that has each do a part of the test.
 *
 * The controller sends what the plan is made from (inputs.h), and each agent makes the same plan and does its part of it (run.h). All
 * begin at one instant: the controller measures each agent's clock as NTP does and says the moment in it. Once an interval an agent
 * sends all that it has counted so far; histograms merge exactly, and a report that is lost costs nothing once the next is there.
 *
 * An agent that is lost ends with its last report. What the others do goes on, and the results say whose share is missing since
 * when. An agent that does not hear of its controller for LOAD_SILENCE_NS ends its part at once and waits for the next. */
#ifndef WEIR_LOAD_REMOTE_H
#define WEIR_LOAD_REMOTE_H

#include "lib/base/text.h"
#include "load/inputs.h"
#include "load/session.h"

#define LOAD_AGENTS_MAX      64
#define LOAD_SILENCE_NS      5000000000ull /* without a sign of life of the other side */
#define LOAD_AGENT_BYTES_MAX ((size_t)256 << 20)
/* By how much a controller looks later at an interval's end than agents do, so that their reports of it are there. */
#define LOAD_REPORT_DELAY_NS 250000000ull
#define LOAD_AGENT_TICK_NS   20000000ull /* how long it may take an agent to see that its part is over */

/* What a plan is changed to before it is run, for a search that runs one plan at many rates: one stage in open loop, without bounds of
 * iterations and without thresholds. */
struct load_probe {
    double rate; /* 0: the plan stays what it is */
    uint64_t duration_ns, warm_ns, interval_ns, drain_ns;
};
/* `stage` becomes the plan's; it has to live as long. */
void load_probe_apply(const struct load_probe *probe, struct load_stage *stage, struct load_plan *plan);

/* --- the agent ---------------------------------------------------------------------------------------------------- */

struct load_agent;

struct load_agent_options {
    struct loop *loop; /* its thread is the one that calls everything here but make_plan */
    struct address address;
    struct slice token;       /* borrowed; empty: none is needed, which only a loopback address may have */
    uint64_t duration_max_ns; /* of a test; longer ones are refused or ended. 0: a day */
    uint64_t prepare_max_ns;  /* for links to be opened; 0: 20 s */
    /* Makes a plan of what the controller has sent, in the arena, on a thread of its own. On failure `why` says it in words. What has to be
     * given back, drop_plan does; it may be NULL. */
    enum err (*make_plan)(void *owner, struct load_inputs *inputs, uint64_t seed, struct text *why,
                          struct load_plan **ret_plan);
    void (*drop_plan)(void *owner, struct load_plan *plan);
    void (*log)(void *owner, const char *text); /* one line, without its end */
    void *owner;
};

/* ERR_DENIED: no token, and the address is not of the loopback. Errors of socket_listen; ERR_NOMEM. */
MUST_USE enum err load_agent_create(const struct load_agent_options *options, struct load_agent **ret_agent);
struct address load_agent_address(const struct load_agent *agent); /* with the port that was chosen for 0 */
/* Ends what runs: the controller is told. For a clean end of the program. */
void load_agent_stop(struct load_agent *agent);
bool load_agent_is_idle(const struct load_agent *agent);
/* Ends whatever runs. NULL is accepted. */
void load_agent_destroy(struct load_agent *agent);

/* --- the controller ----------------------------------------------------------------------------------------------- */

struct load_controller;

struct load_controller_options {
    const struct load_plan *plan; /* the same that agents will make of the inputs, changed by the probe */
    struct load_probe probe;
    const struct load_inputs *inputs; /* borrowed until load_controller_create returns */
    const struct address *agents;
    const struct slice *names;         /* as they were given; copied */
    uint32_t agent_count;              /* 1..LOAD_AGENTS_MAX */
    struct slice token;                /* empty: none */
    uint64_t prepare_timeout_ns;       /* 0: 30 s */
    bool (*is_cancelled)(void *owner); /* asked every 10 ms or so while it prepares; may be NULL */
    void *owner;
};

/* Waits until all agents are ready for their parts. On failure `why` says which is not, and nothing is left: ERR_CLOSED nobody
 * listens, ERR_TIMEOUT, ERR_DENIED (token), ERR_BUSY (another's test), ERR_MISMATCH (version, plan), ERR_INVALID (it cannot
 * do the plan), ERR_CANCELLED, ERR_NOMEM, ERR_IO. */
MUST_USE enum err load_controller_create(const struct load_controller_options *options, struct text *why,
                                         struct load_controller **ret_controller);
/* Once; the moment must be some hundred milliseconds away. A session of it has begin_ns + LOAD_REPORT_DELAY_NS. */
void load_controller_begin(struct load_controller *controller, uint64_t begin_ns);
/* For a session. Its `finish` fills in the parts, with remarks on those that are missing and on how sure the common beginning is. */
struct load_source load_controller_source(struct load_controller *controller);
/* Agents that still run are told to stop and left. NULL is accepted. */
void load_controller_destroy(struct load_controller *controller);

/* Whether two plans are the same, as far as what they do goes: for a test of several machines. */
uint64_t load_plan_digest(const struct load_plan *plan);

#endif
