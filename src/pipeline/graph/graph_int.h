/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside graph/: one request's way through its pipeline.
 *
 * A cell is one use of a step on one element. It waits for its inputs, is ready, runs (here, on a crew thread, or as a job
 * of the scheduler) and is done. Cells of a domain are made when the step that opens it is done, for only then it is known
 * how many there are. Everything but a running cell is the worker's. */
#ifndef WEIR_PIPELINE_GRAPH_GRAPH_INT_H
#define WEIR_PIPELINE_GRAPH_GRAPH_INT_H

#include "lib/json/writer.h"
#include "pipeline/graph.h"
#include "pipeline/model_meter.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

enum cell_state { CELL_WAITING, CELL_READY, CELL_RUNNING, CELL_DONE };

struct cell {
    struct graph *graph;
    struct cell *next; /* in its step's queue of ready ones */
    uint32_t step;
    uint32_t index; /* in its domain */
    enum cell_state state;
    bool is_planned; /* memory and destination are there */
    bool is_filling; /* of a model: a crew thread copies its inputs */
    struct run *run; /* of a model: from when somebody writes into it to when nobody reads it any more */
    struct task task;
    struct job job;
    bool has_job; /* the scheduler has it */
    enum err err;
    uint64_t cost_ns;
    uint64_t begin_ns;
    struct arena memory;
    struct graph_call call;
};

struct step_state {
    struct cell *cells;
    struct model_entry *model; /* of the step; NULL: it is built in */
    uint32_t count;
    uint32_t done_count;
    bool is_laid_out;   /* its cells are there */
    uint32_t run_count; /* of its cells that have a run */
    struct cell *ready;
    struct cell **ready_end;
};

/* How the answer leaves. */
enum answer_form { ANSWER_JSON, ANSWER_EVENTS, ANSWER_LINES };

/* What waits to be sent, in the request's arena. */
struct stream_piece {
    struct slice bytes;
    struct stream_piece *next;
};

struct graph {
    struct request *request;
    const struct pipeline *pipeline;
    struct graph_value body;
    uint32_t outstanding; /* cells that other threads have */
    uint32_t task_count;  /* of them, those of the crew */
    uint32_t finished_steps;
    uint64_t inline_ns; /* spent on cheap steps in this turn */
    bool is_over;       /* failed or given up: nothing is begun any more */
    bool is_unbounded;  /* elements wait for each other: in_flight does not hold, or none would ever end */

    enum answer_form form;
    bool is_streaming; /* the answer has begun */
    bool is_ended;     /* its last event is there */
    bool is_cut_off;   /* there was no memory for an event: none follows */
    bool *sent;        /* of the streamed answer, each element */
    uint32_t sent_count;
    struct body_source source;
    struct stream_piece *pieces;
    struct stream_piece **pieces_end;

    struct step_state steps[];
};

/* cells.c */
/* Begins everything that can be. */
void graph_pump(struct graph *graph);
/* Cells of all steps that run once. ERR_NOMEM. */
MUST_USE enum err graph_lay_out(struct graph *graph, uint32_t domain, uint32_t count);
static inline bool graph_is_done(const struct graph *graph)
{
    return graph->finished_steps == graph->pipeline->step_count;
}
/* The value of a source for an element; it is there. */
const struct graph_value *graph_value_at(const struct graph *graph, struct graph_source source, uint32_t index);
/* Whether it is there. */
bool graph_has_value(const struct graph *graph, struct graph_source source, uint32_t index);
/* Whether all of a list, or a value without a list, is there. */
bool graph_has_all(const struct graph *graph, struct graph_source source);
/* A cell that could not be begun yet is ready once more: something of the graph is out, and its end looks again. */
void graph_put_back(struct cell *cell);
/* A cell has run; `cell->err` says how. */
void graph_complete(struct cell *cell);
/* Fails the request, and has everything else stop. */
void graph_fail(struct graph *graph, enum problem problem, const char *format, ...) PRINTF_LIKE(3, 4);
void graph_stop(struct graph *graph);

/* launch.c */
/* FAILED: the graph is over, and the request says why. */
enum start { START_DONE, START_RUNNING, START_BUSY, START_FAILED };
enum start cell_start(struct cell *cell);
/* Nobody reads the outputs of the cell any more. */
void cell_release_run(struct cell *cell);

/* answer.c */
/* The whole answer as JSON. FAIL without memory. */
enum verdict answer_write(struct graph *graph);
/* One element of an answer with fields, as an object; `number` of them has "index". */
void answer_write_element(struct graph *graph, const struct graph_answer *answer, uint32_t index,
                          struct json_writer *writer, bool has_index);
/* All members but those of `without`. */
void answer_write_members(struct graph *graph, const struct graph_answer *without, struct json_writer *writer);
bool answer_takes(const struct graph *graph, const struct graph_answer *answer, uint32_t index);
uint32_t answer_count(const struct graph *graph, const struct graph_answer *answer);

/* stream.c */
/* A cell is done: sends what is complete by it. */
void stream_note(struct graph *graph, uint32_t step, uint32_t index);
/* The last event: what else there is, or a problem. */
void stream_end(struct graph *graph);
enum verdict stream_begin(struct graph *graph);
const char *stream_media_type(enum answer_form form);

#endif
