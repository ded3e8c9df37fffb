/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that are not held whole: where a request's goes as it arrives, and where a response's comes from as it leaves.
 * Both work in pieces and both may say "not now", which is how a slow side slows the other and memory stays bounded.
 * Embedded in the struct of whoever provides them; worker's thread only. */
#ifndef WEIR_PIPELINE_BODY_H
#define WEIR_PIPELINE_BODY_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/sys/file.h"

/* Takes a request's body. */
struct body_sink {
    /* Takes bytes from the front, and says how many. After taking less than all, the owner calls flow_body_wanted once
     * it has room. The bytes are the caller's and gone after the call. It may fail the request through
     * request_fail, and then returns anything. */
    size_t (*write)(struct body_sink *sink, struct slice bytes);
    /* The body is complete. May fail the request, too. */
    void (*end)(struct body_sink *sink);
};

/* Gives a response's body. */
struct body_source {
    /* Writes up to `capacity` bytes, which is at least 1, to `place`. ERR_OK: *ret_bytes > 0. ERR_AGAIN: none yet;
     * the owner calls flow_resume when there are. ERR_EOF: there were all. Any other: the body cannot be completed, and
     * the client is made to see that. */
    enum err (*read)(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);
    /* NULL, or: the request has failed while the body is on its way, and request->problem says why. True: the body comes to
     * an end that tells of it, after flow_resume; else it is broken off. */
    bool (*fail)(struct body_source *source);
    /* NULL, or: instead of bytes a range of a file of up to bytes_max, to be sent without being read. A protocol that
     * can do that calls it instead of read, with the same results. The file stays open as long as the request. */
    enum err (*next_file)(struct body_source *source, uint64_t bytes_max, struct file_piece *ret_piece);
};

#endif
