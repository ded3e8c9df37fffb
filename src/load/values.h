/* SPDX-License-Identifier: Apache-2.0 */
/* What an iteration knows, and what plan/ does with it at run time: fill in templates, hold checks, take values out. A thread's
 * own; no function here allocates but from the arena that it is given. */
#ifndef WEIR_LOAD_VALUES_H
#define WEIR_LOAD_VALUES_H

#include "lib/base/buffer.h"
#include "lib/http/head.h"
#include "load/plan.h"

struct load_random {
    uint64_t state;
};
/* splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). */
static inline uint64_t load_draw(struct load_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}
/* Of (0, 1]. */
static inline double load_draw_unit(struct load_random *random)
{
    return ((double)(load_draw(random) >> 11) + 1) / 0x1p53;
}

struct load_values {
    const struct load_plan *plan;
    struct slice *variables; /* plan->variable_count */
    const uint32_t *rows;    /* plan->data_count: which row of each data file this iteration has */
    uint64_t user;
    uint64_t iteration;
    uint64_t *sequence; /* of the thread: the next number, and its stride */
    uint64_t sequence_stride;
    struct load_random *random;
    struct regex_work *regex_work; /* of the thread: regex_work_create(LOAD_REGEX_STEPS_MAX, ...) */
};
#define LOAD_REGEX_STEPS_MAX 100000

/* ERR_NOMEM or ERR_LIMIT of the buffer. */
MUST_USE enum err load_fill(const struct load_template *template, struct load_values *values, struct buffer *out);

/* A response that is complete. */
struct load_response {
    const struct http_head *head;
    struct slice body;
    uint64_t latency_ns;
    /* What the functions below keep between them; zeroes at first. */
    bool is_parsed;
    struct yyjson_val *json; /* NULL: the body is none; in the arena */
};

/* Whether `step` needs a response's body to be kept at all. */
bool load_step_reads_body(const struct load_step *step);
/* The first check that does not hold; -1 when all do. `arena` for parsing JSON; it is the caller's to reset. */
int load_check_all(const struct load_step *step, struct load_response *response, const struct load_values *values,
                   struct arena *arena);
/* Sets values->variables to slices in the arena. ERR_NOT_FOUND when a value that is not optional is not there. */
MUST_USE enum err load_extract_all(const struct load_step *step, struct load_response *response,
                                   struct load_values *values, struct arena *arena);

#endif
