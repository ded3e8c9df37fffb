/* SPDX-License-Identifier: Apache-2.0 */
/* Inside an agent: those who are connected (agent.c), and the test of the one that may give orders (agent_job.c). */
#ifndef WEIR_LOAD_REMOTE_AGENT_INT_H
#define WEIR_LOAD_REMOTE_AGENT_INT_H

#include "lib/sys/thread.h"
#include "load/remote.h"
#include "load/remote/lines_int.h"
#include "load/remote/message_int.h"
#include "load/remote/proof_int.h"
#include "load/run.h"

#define LOAD_WHY_BYTES 512

enum job_state {
    JOB_NONE,
    JOB_COLLECTING, /* what the plan is made of */
    JOB_PREPARING,  /* on the thread */
    JOB_READY,
    JOB_RUNNING,
};

/* A test. Its controller may be gone while the thread is not done yet. */
struct agent_job {
    enum job_state state;
    const struct load_agent_options *options;
    struct pool pool;
    struct arena arena;
    struct load_inputs inputs;
    char *file_place; /* of the file that is being sent, and how much of it is missing */
    size_t file_missing;
    uint32_t part, parts;
    uint64_t seed;
    struct load_probe probe;
    struct load_stage probe_stage;

    struct thread thread;
    _Atomic bool is_prepared; /* the thread is done with everything below */
    enum err err;
    char why_memory[LOAD_WHY_BYTES];
    struct text why;
    struct load_plan *plan;
    struct load_run *run;
    struct load_record *record;

    const char *ended; /* why it was not done to its end; NULL: it was, or the controller stopped it */
    uint64_t begin_ns;
    uint64_t report_ns; /* when the next is due */
};

void agent_job_init(struct agent_job *job, const struct load_agent_options *options);
/* Ends whatever runs; not while PREPARING and the thread is at work, which is what agent_job_may_end says. */
bool agent_job_may_end(const struct agent_job *job);
void agent_job_end(struct agent_job *job);
/* Orders, where the state allows them; else, and on any mistake in them, ERR_SYNTAX, ERR_LIMIT or ERR_NOMEM. */
MUST_USE enum err agent_job_take_file(struct agent_job *job, const struct load_message *message);
/* `scratch` for decoding. */
MUST_USE enum err agent_job_take_piece(struct agent_job *job, const struct load_message *message,
                                       struct arena *scratch);
MUST_USE enum err agent_job_prepare(struct agent_job *job, const struct load_message *message);
/* True once when the thread is done: the state is READY, or the job failed (job->err) and is to be ended. */
bool agent_job_look(struct agent_job *job);
/* The moment must be in the future: ERR_TIMEOUT. */
MUST_USE enum err agent_job_begin(struct agent_job *job, uint64_t at_ns);
/* `why` is a static string if it is not the controller who wants it. */
void agent_job_stop(struct agent_job *job, const char *why);
/* Of one that is RUNNING, ends it also when it takes too long. */
bool agent_job_is_over(struct agent_job *job, uint64_t now_ns);
/* The line that says what was counted so far; in the arena. */
MUST_USE enum err agent_job_report(struct agent_job *job, enum load_message_kind kind, struct arena *arena,
                                   struct slice *ret_line);

#endif
