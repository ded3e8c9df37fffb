/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a CHAT step: server-sent events of a language model, timed as they come.
 *
 * Definitions. With d the moment the request was due, s when it was sent, t1..tn when its events with content were received,
 * e when the response ended, and N the tokens (as the server counts them in `usage`, else n):
 *   first token    t1 - d, and it is t1's event that has the first text, tool call or thought that is not empty: one that
 *                  only names a role, or a ping, is none
 *   between tokens t2 - t1, t3 - t2, ...: a gap for each event with content but the first
 *   per token      (tn - t1) / (N - 1), of responses with N >= 2
 *   normalized     (e - s) / N
 * They are those of inference-perf (kubernetes-sigs/inference-perf, docs/metrics.md) but for these: it counts the first token
 * from s, we from d as for every latency; its time per token ends with the response, ours with the last content, so that
 * `usage` and [DONE] are not part of it; and it counts with a tokenizer of its own unless told otherwise. guidellm's time per
 * token is (tn - s) / N, the first one included: what we call normalized, nearly.
 *
 * An event is received when the kernel gives its last byte: the clock is read once behind each receive, and all events that
 * came with it share the reading. What that means for gaps: of k events received at one, k - 1 have a gap of zero and one has
 * the whole wait. The mean stays right; a median near zero says that somebody between (a proxy, Nagle, or this program if it
 * is late) holds events back. `bunched` counts them.
 *
 * Gaps, the first token and events are recorded as they come, also of responses that fail later on; tokens, per token,
 * normalized and good only at the end of a right one. */
#ifndef WEIR_LOAD_STREAM_H
#define WEIR_LOAD_STREAM_H

#include "lib/http/sse.h"
#include "load/record.h"

#define LOAD_STREAM_EVENT_BYTES_MAX (1u << 20)

/* What the streams of a thread share: memory. */
struct load_streams;
MUST_USE enum err load_streams_create(struct load_streams **ret_streams); /* ERR_NOMEM */
void load_streams_destroy(struct load_streams *streams);                  /* after its streams; NULL is accepted */

enum load_dialect {
    LOAD_DIALECT_UNKNOWN,   /* no event yet, or events that any end will do for: each with data has content */
    LOAD_DIALECT_OPENAI,    /* chat completions and completions: ends with finish_reason or [DONE] */
    LOAD_DIALECT_RESPONSES, /* OpenAI's responses: ends with response.completed or response.incomplete */
    LOAD_DIALECT_ANTHROPIC, /* messages: ends with message_stop */
};

/* One answer. In memory of the owner, who does not look inside. */
struct load_stream {
    struct load_streams *streams;
    const struct load_step *step;
    struct load_stream_series *series;
    struct sse sse;
    enum load_dialect dialect;
    bool is_ended;  /* by its own word */
    bool is_broken; /* an event says so, or is none */
    uint64_t due_ns, first_ns, last_ns;
    uint64_t events; /* with content */
    uint64_t output_tokens, input_tokens;
    bool has_usage;
};

/* Whether a response is a stream of events at all, and not coded (gzip): one that is not fails as STREAM, if its status is right. */
bool load_stream_is_one(const struct http_head *head);

/* `series` NULL: nothing is recorded, as while warming up. */
void load_stream_begin(struct load_stream *stream, struct load_streams *streams, const struct load_step *step,
                       uint64_t due_ns, struct load_stream_series *series);
/* A piece of the body, without its framing. False: it can only fail any more, and may be cancelled. */
bool load_stream_take(struct load_stream *stream, struct slice data, uint64_t received_ns);
/* The response is complete, and right in all other respects. NONE or STREAM. */
MUST_USE enum load_failure load_stream_end(struct load_stream *stream, uint64_t sent_ns, uint64_t end_ns);
/* It is not wanted any more: lets go of what it holds. Also behind load_stream_end, and of a zeroed one: harmless. */
void load_stream_drop(struct load_stream *stream);

#endif
