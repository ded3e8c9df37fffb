/* SPDX-License-Identifier: Apache-2.0 */
/* What controller and agent say to each other: objects of JSON, one a line, declared as rows of messages.def. */
#ifndef WEIR_LOAD_REMOTE_MESSAGE_INT_H
#define WEIR_LOAD_REMOTE_MESSAGE_INT_H

#include "lib/json/json.h"
#include "lib/json/writer.h"

#define LOAD_PROTOCOL          1
#define LOAD_NONCE_CHARS       64
#define LOAD_HELLO_BYTES_MAX   4096               /* of a line, until the other side is known */
#define LOAD_ORDER_BYTES_MAX   ((size_t)4 << 20)  /* of a line to an agent */
#define LOAD_REPORT_BYTES_MAX  ((size_t)64 << 20) /* of a line from an agent */
#define LOAD_CHUNK_BYTES       ((size_t)1 << 20)  /* of a file, before base64 */
#define LOAD_MESSAGE_DEPTH_MAX 16

enum load_message_kind {
#define MESSAGE(name, text) LOAD_MESSAGE_##name,
#define FIELD(message, name, type, member)
#include "load/remote/messages.def"
#undef MESSAGE
#undef FIELD
    LOAD_MESSAGE_COUNT,
};

/* Which members a kind has, messages.def says; the others are zero. Slices and values are in the arena of parsing. */
struct load_message {
    enum load_message_kind kind;
    uint64_t protocol;
    struct slice version;
    struct slice nonce; /* LOAD_NONCE_CHARS of hexadecimal */
    struct slice proof; /* that the token is known: see proof.c */
    bool needs_token;
    struct slice code; /* of a refusal: "busy", "token", "version", "plan", "late", "syntax" */
    struct slice text;
    uint64_t sent_ns, received_ns, answered_ns; /* the first by the controller's clock, the others by the agent's */
    struct slice path;
    uint64_t bytes;
    struct slice content; /* base64 */
    uint64_t part, parts, seed, digest;
    yyjson_val *words; /* an array of strings */
    double probe_rate; /* see load_probe */
    uint64_t probe_ns, probe_warm_ns, probe_interval_ns, probe_drain_ns;
    uint64_t at_ns;     /* by the agent's clock */
    yyjson_val *record; /* load_record_read_add */
};

/* A line without its end. ERR_SYNTAX (no JSON, an unknown type, a member that is missing or of another type), ERR_LIMIT, ERR_NOMEM;
 * *ret_why is a static string. Members that are not known are passed over. What would control a terminal in `version`, `code` and `text`
 * is replaced by question marks. */
MUST_USE enum err load_message_parse(struct arena *arena, struct slice line, size_t bytes_max,
                                     struct load_message *ret_message, const char **ret_why);
/* Begins the line of a message with all members but those that are values; the caller may add to the object, then ends it. */
void load_message_begin(struct json_writer *writer, const struct load_message *message);
/* Of a message without values: the whole line, with its end, in the arena. ERR_NOMEM. */
MUST_USE enum err load_message_format(struct arena *arena, const struct load_message *message, struct slice *ret_line);
/* The end of what load_message_begin began. ERR_NOMEM. */
MUST_USE enum err load_message_end(struct json_writer *writer, struct slice *ret_line);
const char *load_message_name(enum load_message_kind kind);

#endif
