/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a content coding, streaming: bytes in, coded bytes out, into memory of the caller. */
#ifndef WEIR_LIB_CODINGS_ENCODER_H
#define WEIR_LIB_CODINGS_ENCODER_H

#include "lib/codings/codings.h"

/* Less room than this is refused: a flush marker must fit at once or zlib would repeat it. */
#define ENCODER_ROOM_BYTES_MIN 32

enum encoder_mode {
    ENCODER_CONTINUE, /* may keep what it was given until it pays */
    ENCODER_FLUSH,    /* all that was given can be decoded by the other side: for events */
    ENCODER_FINISH,   /* the stream ends */
};

struct encoder_config {
    enum coding coding;
    int level;            /* of the coding's own scale, clamped to it; 0: a default that is fast */
    uint64_t known_bytes; /* of the whole content, when known; 0: not known. A hint that saves memory */
};

/* ERR_UNSUPPORTED for the identity, ERR_BUSY over in_use_max, ERR_NOMEM. */
MUST_USE enum err encoder_acquire(struct codings *codings, const struct encoder_config *config,
                                  struct encoder **ret_encoder);
/* At any time, also in the middle of a stream. NULL is accepted. */
void encoder_release(struct encoder *encoder);

/* Takes bytes from the front of *input and writes to `out`. ERR_OK: *ret_bytes > 0 were written, call again with what is
 * left and the same mode. ERR_AGAIN: all was taken (and, of ENCODER_FLUSH, given out), nothing was written. ERR_EOF: the
 * same of ENCODER_FINISH. ERR_NOMEM or ERR_INTERNAL: the stream is broken. */
MUST_USE enum err encoder_write(struct encoder *encoder, struct slice *input, enum encoder_mode mode, char *out,
                                size_t capacity, size_t *ret_bytes);

/* More than this a whole content never becomes: the capacity for one go. */
size_t encoder_bound(enum coding coding, size_t content_bytes);

#endif
