/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of gRPC over HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md) that are bytes: what stands before each message, and the texts
 * in its header fields and trailers. */
#ifndef WEIR_LIB_GRPC_GRPC_H
#define WEIR_LIB_GRPC_GRPC_H

#include "lib/base/buffer.h"

/* grpc/doc/statuscodes.md */
enum grpc_status {
    GRPC_OK,
    GRPC_CANCELLED,
    GRPC_UNKNOWN,
    GRPC_INVALID_ARGUMENT,
    GRPC_DEADLINE_EXCEEDED,
    GRPC_NOT_FOUND,
    GRPC_ALREADY_EXISTS,
    GRPC_PERMISSION_DENIED,
    GRPC_RESOURCE_EXHAUSTED,
    GRPC_FAILED_PRECONDITION,
    GRPC_ABORTED,
    GRPC_OUT_OF_RANGE,
    GRPC_UNIMPLEMENTED,
    GRPC_INTERNAL,
    GRPC_UNAVAILABLE,
    GRPC_DATA_LOSS,
    GRPC_UNAUTHENTICATED,
};
/* Its digits, a static text. */
struct slice grpc_status_text(enum grpc_status status);

/* What stands before a message. */
#define GRPC_PREFIX_BYTES 5
struct grpc_prefix {
    bool is_compressed;
    uint32_t message_bytes;
};
/* ERR_TRUNCATED: fewer than GRPC_PREFIX_BYTES are there; ERR_SYNTAX: the flag is neither 0 nor 1. */
MUST_USE enum err grpc_prefix_read(struct slice bytes, struct grpc_prefix *ret_prefix);
void grpc_prefix_write(char out[GRPC_PREFIX_BYTES], struct grpc_prefix prefix);

/* "application/grpc", "application/grpc+proto", "application/grpc; …"; not "application/grpc-web". */
bool grpc_is_content_type(struct slice content_type);
/* What follows its "+", such as "proto"; empty: nothing does. */
struct slice grpc_content_subtype(struct slice content_type);

/* grpc-timeout: up to eight digits and one of H, M, S, m, u, n. What is more than 2^63 - 1 ns is that. ERR_SYNTAX. */
MUST_USE enum err grpc_timeout_parse(struct slice text, uint64_t *ret_ns);

void grpc_message_write(struct buffer *out, struct slice text);

#endif
