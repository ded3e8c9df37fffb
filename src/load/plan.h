/* SPDX-License-Identifier: Apache-2.0 */
/* What a load test is to do. Made once, by plan/ from a file or from flags, and not changed any more: all threads read it.
 *
 * A test draws *iterations*: each is one run through the steps of a scenario, which is chosen by weight. In open loop
 * iterations begin when they are due, whether or not earlier ones have ended. In closed loop a number of users each begin the
 * next one when the last has ended and they have thought. Times are nanoseconds, rates iterations a second. */
#ifndef WEIR_LOAD_PLAN_H
#define WEIR_LOAD_PLAN_H

#include "lib/base/arena.h"
#include "lib/base/slice.h"
#include "lib/http/http.h"
#include "lib/sys/socket.h"

#define LOAD_STEPS_MAX     256 /* of all scenarios together: each is a series of the results */
#define LOAD_SCENARIOS_MAX 64
#define LOAD_STAGES_MAX    256
#define LOAD_VARIABLES_MAX 256
#define LOAD_TARGETS_MAX   16

/* --- texts with places to fill in --------------------------------------------------------------------------------- */

enum load_piece_kind {
    LOAD_PIECE_TEXT,      /* as it stands */
    LOAD_PIECE_VARIABLE,  /* extracted by an earlier step, or set by the plan */
    LOAD_PIECE_COLUMN,    /* of the row that the iteration has of a data file */
    LOAD_PIECE_UUID,      /* version 4, anew each time */
    LOAD_PIECE_RANDOM,    /* an integer of low..high, both included */
    LOAD_PIECE_SEQUENCE,  /* 1, 2, 3, ... over the whole test; of thread or agent k of n: k, k + n, ... */
    LOAD_PIECE_USER,      /* number of the user (closed loop) or of the iteration's slot */
    LOAD_PIECE_ITERATION, /* number of the iteration, over the whole test */
    LOAD_PIECE_NOW_MS,    /* since 1970 */
};

/* What becomes of what is filled in. */
enum load_escape {
    LOAD_ESCAPE_NONE,
    LOAD_ESCAPE_JSON, /* it stands inside a JSON string */
    LOAD_ESCAPE_PATH, /* of a path or query: what cannot stand there at all becomes %XX, and "/", "?" and "&" stay */
};

struct load_piece {
    enum load_piece_kind kind;
    enum load_escape escape;
    struct slice text;
    uint32_t variable; /* its index, also that of a column: see load_data */
    uint32_t data;     /* of a column: which data file */
    int64_t low, high;
};

struct load_template {
    const struct load_piece *pieces;
    uint32_t count; /* 0: empty; 1 piece of TEXT: a literal */
};

static inline bool load_template_is_literal(const struct load_template *template)
{
    return template->count == 0 || (template->count == 1 && template->pieces[0].kind == LOAD_PIECE_TEXT);
}

enum load_data_order { LOAD_DATA_SEQUENTIAL, LOAD_DATA_RANDOM, LOAD_DATA_SHUFFLED };

/* Rows of a CSV or JSON-lines file; an iteration has one of each file that it uses. */
struct load_data {
    struct slice name;
    const struct slice *columns;
    uint32_t column_count;
    const struct slice *cells; /* row after row */
    uint32_t row_count;
    enum load_data_order order;
};

/* --- steps -------------------------------------------------------------------------------------------------------- */

struct load_field {
    struct slice name;
    struct load_template value;
};

enum load_where { LOAD_OF_STATUS, LOAD_OF_HEADER, LOAD_OF_BODY, LOAD_OF_JSON, LOAD_OF_TIME };
enum load_test {
    LOAD_EQUALS,
    LOAD_NOT_EQUALS,
    LOAD_LESS,
    LOAD_AT_MOST,
    LOAD_MORE,
    LOAD_AT_LEAST,
    LOAD_CONTAINS,
    LOAD_MATCHES,
    LOAD_EXISTS,
    LOAD_ABSENT
};

struct regex; /* lib/regex */

/* Statuses from low to high, both included. */
struct load_statuses {
    uint16_t low, high;
};

/* An assertion on a response. */
struct load_check {
    struct slice name; /* as it is reported: "json /result == \"180\"" */
    enum load_where where;
    struct slice key; /* header name, or JSON Pointer */
    enum load_test test;
    struct slice text; /* to compare with */
    double number;
    bool is_number; /* `text` reads as one: numbers are compared as such */
    struct regex *regex;
    const struct load_statuses *statuses; /* OF_STATUS: what it may be */
    uint32_t status_count;
};

/* A value of a response that later steps use. */
struct load_extract {
    uint32_t variable;
    enum load_where where; /* HEADER, JSON or BODY */
    struct slice key;
    struct regex *regex; /* NULL: all of the header or body, else the part of it that the first group has matched */
    bool is_optional;    /* else an iteration without it ends, as failed */
};

enum load_step_kind {
    LOAD_STEP_HTTP,
    LOAD_STEP_CHAT, /* the response is a stream of server-sent events of a chat completion, timed event by event */
};

struct load_step {
    struct slice name; /* unique in the plan; that of its series */
    uint32_t index;    /* of all steps of the plan */
    enum load_step_kind kind;
    uint32_t target; /* plan->targets */
    struct slice method;
    struct load_template path; /* with its query */
    const struct load_field *fields;
    uint32_t field_count;
    struct load_template body;
    bool is_literal; /* everything above is: the bytes of the request are made once */
    uint64_t timeout_ns;
    uint64_t think_least_ns, think_most_ns; /* after the step, uniform */
    const struct load_check *checks;        /* without any on the status: 2xx and 3xx are right */
    uint32_t check_count;
    bool has_status_check;
    const struct load_extract *extracts;
    uint32_t extract_count;
    /* CHAT: a request is good if these hold; 0: not asked. */
    uint64_t slo_first_token_ns;
    uint64_t slo_token_ns; /* mean time between tokens */
    uint64_t slo_total_ns;
    uint32_t beside; /* a step that asks the origin itself: no stream is smoother than that; UINT32_MAX: none */
};

struct load_scenario {
    struct slice name;
    double weight; /* > 0 */
    const struct load_step *steps;
    uint32_t step_count;
};

/* --- where to ----------------------------------------------------------------------------------------------------- */

enum load_protocol { LOAD_HTTP1, LOAD_HTTP2, LOAD_HTTP_BY_ALPN /* TLS: what the server chooses */ };

struct load_target {
    struct slice url; /* as written */
    bool is_tls;
    struct slice host;      /* without port: for SNI and certificates */
    struct slice authority; /* Host field, :authority */
    uint16_t port;
    struct slice path_prefix;    /* of the URL, without the last slash; may be empty. Paths of steps have it already */
    struct address addresses[8]; /* resolved before the test begins; links take turns */
    uint32_t address_count;
    enum load_protocol protocol;
    bool is_unverified;                /* takes any certificate */
    bool is_not_resumed;               /* each link makes a full handshake */
    struct slice ca, certificate, key; /* PEM; empty: the system's, none */
};

/* --- how much ----------------------------------------------------------------------------------------------------- */

enum load_arrival { LOAD_CLOSED, LOAD_CONSTANT, LOAD_POISSON, LOAD_REPLAY };

/* From `from` to `to` in a straight line over duration_ns: iterations a second, or in closed loop users. */
struct load_stage {
    uint64_t duration_ns;
    double from, to;
    struct slice name; /* may be empty */
};

enum load_quantity {
    LOAD_Q_LATENCY,
    LOAD_Q_SERVICE,
    LOAD_Q_FIRST_TOKEN,
    LOAD_Q_BETWEEN_TOKENS,
    LOAD_Q_ERRORS,
    LOAD_Q_RATE,
    LOAD_Q_GOODPUT,
    LOAD_Q_TOKENS,
    LOAD_Q_LAG
};
enum load_statistic { LOAD_S_QUANTILE, LOAD_S_MEAN, LOAD_S_MAX, LOAD_S_VALUE };

/* "p99 < 20ms", "errors < 0.1%", "login: p95 <= 1s". */
struct load_threshold {
    struct slice text; /* as written */
    uint32_t step;     /* UINT32_MAX: all together */
    enum load_quantity quantity;
    enum load_statistic statistic;
    double quantile;     /* 0..1 */
    enum load_test test; /* LESS, AT_MOST, MORE, AT_LEAST */
    double bound;        /* ns, a share of 1, or per second */
    bool stops_test;     /* as soon as it fails, after a tenth of the test */
};

struct load_plan {
    struct slice name;
    const struct load_target *targets;
    uint32_t target_count;
    const struct load_scenario *scenarios;
    uint32_t scenario_count;
    const struct load_step *steps; /* of all scenarios */
    uint32_t step_count;
    const struct load_data *data;
    uint32_t data_count;
    const struct slice *variables; /* names */
    const struct slice *values;    /* what they begin with */
    uint32_t variable_count;

    enum load_arrival arrival;
    const struct load_stage *stages;
    uint32_t stage_count;
    bool is_scenario_of_stage; /* what is due in stage k is of scenario k, and not of one drawn by weight: so that the
                                  series tell when a request was due. As many scenarios as stages */
    uint64_t warm_ns;          /* the load of the first stage, before anything counts; in addition to the stages */
    uint64_t drain_ns;         /* how long answers are waited for behind the end */
    const uint64_t *replay_ns; /* REPLAY: moments from the beginning, rising */
    uint64_t replay_count;
    double spawn_per_s;      /* closed loop: users begin one after the other; 0: at once */
    uint64_t iterations_max; /* 0: no bound but time */
    uint64_t pacing_ns;      /* closed loop: an iteration begins at least so long after the last one has; 0: none */

    uint32_t connections_max;      /* links, over all threads; of closed loop: a link each user */
    uint32_t pipelining;           /* requests on a link of HTTP/1.1 at once; 1 */
    uint32_t streams_max;          /* requests on a link of HTTP/2 at once */
    bool is_kept_alive;            /* else each request has a link of its own */
    const struct address *sources; /* local addresses that links take turns in; none: the system chooses */
    uint32_t source_count;

    uint32_t thread_count;
    uint64_t spin_ns;  /* open loop: a thread does not sleep through the last so many before a request is due; 0 */
    int32_t first_cpu; /* threads are pinned to this CPU and those behind it; -1: not pinned */
    uint64_t seed;
    uint64_t interval_ns; /* of the timeline; 1 s */
    const struct load_threshold *thresholds;
    uint32_t threshold_count;
    uint64_t lag_bound_ns; /* own lag's p99 above it and above a tenth of p99 latency makes a run invalid */
    double error_bound;    /* share of requests failed that makes a run invalid; 1: never */
};

/* Of the stages, without warming up; UINT64_MAX when only iterations_max ends it. */
uint64_t load_plan_duration_ns(const struct load_plan *plan);

#endif
