/* SPDX-License-Identifier: Apache-2.0 */
/* One line of the access log, before formatting: written by a worker, formatted by the log thread. Texts stand one
 * behind the other in `text`, each cut to its share; what has a number is put down as one. */
#ifndef WEIR_PIPELINE_ACCESS_RECORD_H
#define WEIR_PIPELINE_ACCESS_RECORD_H

#include "lib/base/attr.h"
#include "lib/base/ip.h"
#include "lib/http/http.h"
#include "pipeline/problem.h"

#include <stdint.h>

/* ACCESS_TEXT(name, longest) */
#define ACCESS_TEXTS(ACCESS_TEXT)                                                                                      \
    ACCESS_TEXT(request_id, 64)                                                                                        \
    ACCESS_TEXT(method, 16)                                                                                            \
    ACCESS_TEXT(path, 200)                                                                                             \
    ACCESS_TEXT(route, 120)                                                                                            \
    ACCESS_TEXT(tenant, 64)                                                                                            \
    ACCESS_TEXT(key_id, 16)                                                                                            \
    ACCESS_TEXT(bucket, 32)                                                                                            \
    ACCESS_TEXT(model, 64)                                                                                             \
    ACCESS_TEXT(upstream, 64)                                                                                          \
    ACCESS_TEXT(contract, 160)                                                                                         \
    ACCESS_TEXT(user_agent, 96)

enum access_text {
#define ACCESS_TEXT(name, longest) ACCESS_TEXT_##name,
    ACCESS_TEXTS(ACCESS_TEXT)
#undef ACCESS_TEXT
        ACCESS_TEXT_COUNT
};

#define ACCESS_TEXT_LONGEST(name, longest) +(longest)
#define ACCESS_TEXT_BYTES                  (0 ACCESS_TEXTS(ACCESS_TEXT_LONGEST))

enum access_protocol { ACCESS_HTTP10, ACCESS_HTTP11, ACCESS_HTTP2 };

struct access_record {
    uint64_t wall_ns; /* when the response was handed over */
    uint64_t duration_ns;
    uint64_t receive_ns; /* of it: waiting for the body */
    uint64_t decode_ns;
    uint64_t queue_ns;    /* waiting for an executor */
    uint64_t run_ns;      /* inside the model */
    uint64_t upstream_ns; /* until an upstream's response began */
    uint64_t received_bytes;
    uint64_t sent_bytes;
    uint32_t sink; /* of access_log_open */
    uint16_t status;
    uint8_t method;   /* enum http_method; of OTHER the text says which */
    uint8_t problem;  /* enum problem */
    uint8_t protocol; /* enum access_protocol */
    uint8_t tls;      /* enum connection_tls */
    struct ip peer;   /* as bytes: its text is the log thread's work */
    uint8_t lengths[ACCESS_TEXT_COUNT];
    char text[ACCESS_TEXT_BYTES];
};

/* Appends a text to the record under construction, in the order of ACCESS_TEXTS; `used` is what stands there already. */
static inline size_t access_record_add(struct access_record *record, enum access_text which, size_t used,
                                       struct slice text)
{
    static const uint8_t longest[] = {
#define ACCESS_TEXT(name, longest_) (longest_),
        ACCESS_TEXTS(ACCESS_TEXT)
#undef ACCESS_TEXT
    };
    if (UNLIKELY(text.len > longest[which]))
        text.len = longest[which];
    slice_put(record->text + used, text);
    record->lengths[which] = (uint8_t)text.len;
    return used + text.len;
}

#endif
