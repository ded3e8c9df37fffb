/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer, waited for: for trials before a test, and not for its load. */
#ifndef WEIR_LOAD_FETCH_H
#define WEIR_LOAD_FETCH_H

#include "lib/base/buffer.h"
#include "load/wire.h"

/* Large; the caller's. */
struct load_fetch {
    const struct load_request *request;
    const struct load_target *target;
    uint64_t timeout_ns; /* of connecting and of the answer together */
    struct arena *arena; /* of head and body */
    size_t body_bytes_max;
    bool (*is_cancelled)(void *owner); /* asked once a millisecond or so; may be NULL */
    void *owner;

    /* What came of it. */
    struct http_head head;
    struct http_header headers[LOAD_HEADERS_MAX];
    struct slice body;
    struct load_exchange exchange; /* with its times */

    /* Inside. */
    struct buffer buffer;
    bool is_ready, is_closed, is_over, is_too_large;
    enum load_failure failure;
};

/* By a link of its own. NONE: there is an answer, whatever its status. */
enum load_failure load_fetch(struct load_fetch *fetch, struct load_wire *wire);

#endif
