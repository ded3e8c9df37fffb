/* SPDX-License-Identifier: Apache-2.0 */
/* Load at one rate, by the engine of weir load: in open loop requests are due at moments that a Poisson process draws beforehand, whether or
 * not the server has answered those before, and each one's latency counts from the moment it was due (docs/internals/load-generator.md).
 * How late the engine was itself is measured and told (lag). */
#ifndef WEIR_CMD_KNEE_LOAD_H
#define WEIR_CMD_KNEE_LOAD_H

#include "lib/base/text.h"
#include "lib/meter/histogram.h"
#include "lib/sys/socket.h"
#include "load/wire.h"

#define KNEE_SLICES     20 /* of a measurement: what the bootstrap draws from */
#define KNEE_FIELDS_MAX 8

struct knee_slice {
    uint64_t due;
    uint64_t answered;        /* 200 */
    uint64_t refused;         /* 429 and 503 */
    uint64_t failed;          /* any other answer, a lost connection, or none */
    struct histogram latency; /* of the answered, and of those without an answer so far as it was waited */
};

struct knee_load_options {
    struct address address;
    struct slice host;
    const struct load_request *request; /* of at most KNEE_FIELDS_MAX fields */
    double rate;      /* requests a second; 0: closed loop, each connection asks again when it is answered */
    uint64_t warm_ns; /* the same load, before it counts */
    uint64_t measure_ns;
    uint32_t connections;
    uint64_t seed;
    bool (*is_stopped)(void *owner); /* asked often; true ends it at once */
    void *owner;
};

struct knee_load {
    struct knee_slice slices[KNEE_SLICES];
    struct histogram lag; /* from due to sent, where a connection was idle */
    uint64_t
        waiting_max; /* most requests that were due and had no idle connection, of those moments when it was looked */
    uint64_t completed; /* answers with 200 that came while it was measured */
    double seconds;     /* measured */
};

/* *load is cleared first; large, so on the heap. ERR_CANCELLED when stopped; ERR_CLOSED and others when no connection can be made, with words
 * in `fault`; ERR_NOMEM. */
MUST_USE enum err knee_load_run(const struct knee_load_options *options, struct text *fault, struct knee_load *load);

#endif
