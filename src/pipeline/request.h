/* SPDX-License-Identifier: Apache-2.0 */
/* A request: what every stage reads and writes.
 *
 * It belongs to one worker from its first byte to its last and is touched by that worker only, except for `task`, its jobs
 * and the run or image that they work on, while another thread has it (holds). It is recycled only when the response is
 * handed over or given up AND nobody holds it. A client that goes away makes it an orphan: connection becomes NULL,
 * is_cancelled is set, and it ends as soon as the last hold ends.
 *
 * All its memory comes from `arena`; slices point into the connection's receive buffer, which stays until the request
 * has ended, or into the arena. */
#ifndef WEIR_PIPELINE_REQUEST_H
#define WEIR_PIPELINE_REQUEST_H

#include "lib/base/arena.h"
#include "lib/base/list.h"
#include "lib/http/chunked.h"
#include "lib/http/http1.h"
#include "lib/http/trailers.h"
#include "lib/image/normalize.h"
#include "lib/json/json.h"
#include "lib/sys/crew.h"
#include "lib/sys/timer.h"
#include "pipeline/body.h"
#include "pipeline/inference.h"
#include "pipeline/job.h"
#include "pipeline/model.h"
#include "pipeline/problem.h"
#include "pipeline/route.h"
#include "pipeline/stage.h"

struct connection;
struct grpc_call;
struct graph;
struct http2_exchange;
struct image_form;
struct key_memo;
struct worker;

#define RESPONSE_FIELDS_MAX  16 /* that stages and middlewares add; a proxied response brings room for its own */
#define REQUEST_CLEANUPS_MAX 8
#define REQUEST_FAULTS_MAX   16 /* of what decode finds; a contract has its own limit */
#define REQUEST_BLOCKS_MAX   3
#define REQUEST_MEMORY_BYTES 4608 /* the header fields that the default limit allows, and some texts */

/* What a contract has to say of a fault beside its place. Texts may be empty; none of them shows a secret. */
struct fault_terms {
    struct slice in;        /* "path", "query", "header", "cookie": of a parameter; empty: of the body */
    struct slice parameter; /* its name */
    struct slice schema;    /* where the schema says so: URI#pointer */
    struct slice keyword;
    struct slice expected;
    struct slice found;
};

/* One thing that is wrong, for the `errors` member of a problem. */
struct request_fault {
    struct slice pointer; /* RFC 6901, into the JSON body or the value of a parameter; or empty */
    struct slice detail;
    const struct fault_terms *terms; /* of a contract; NULL: there are none */
};

/* Who is asking; empty until auth and user_context have run. */
struct request_identity {
    struct slice tenant;
    struct slice key_id;
    struct slice key_name;
    struct key_memo *memo; /* the key's; NULL: it is not of a key. Another key's by the time of another stage */
    struct slice bucket;   /* of an A/B split */
    uint32_t bucket_index;
};

/* How decode makes tensors of the body. */
enum decode_kind {
    DECODE_NONE,
    DECODE_IMAGE,   /* normalize_image: one image into one tensor */
    DECODE_TENSORS, /* Open Inference Protocol v2, JSON */
};

struct decode_plan {
    enum decode_kind kind;
    const struct normalize_spec *image; /* borrowed from the middleware's options */
    struct slice image_field;           /* member of a JSON body, name of a multipart part */
    struct slice input;                 /* name of the model's input; empty: the first */
    uint8_t background[3];
    bool has_background;
};

struct response_field {
    struct slice name;
    struct slice value;
};

struct response {
    int status; /* 0: not decided */
    struct slice content_type;
    struct response_field *fields; /* first_fields, until response_fields_reserve makes room */
    uint32_t field_count;
    uint32_t field_capacity;
    struct response_field *trailers; /* set before the source ends; lost where there is no way to the client */
    uint32_t trailer_count;
    struct slice body;          /* in the arena, static, or kept by a cleanup */
    struct body_source *source; /* instead of body; kept by a cleanup */
    uint64_t source_bytes;      /* all that the source will give, if has_length */
    bool has_length;
    bool is_length_hidden; /* no Content-Length, though it is known: gRPC has none */
    bool has_date;         /* among the fields: that of an upstream, which the protocol must not add to */
    bool has_body;         /* somebody made one, if only an empty one */
    bool is_closing;       /* the connection ends after it */

    struct response_field first_fields[RESPONSE_FIELDS_MAX];
};

/* A receive buffer that outlives its connection because slices of the request point into it. */
struct request_block {
    void *ptr;
    size_t bytes;
};

struct request_cleanup {
    void (*run)(void *argument);
    void *argument;
};

struct request {
    struct worker *worker;
    struct connection *connection; /* NULL once the client has gone */
    struct http2_exchange *http2;  /* its stream, as long as there is a connection */
    struct request *parent; /* a message of a stream is a part of its request, and has no connection; NULL: whole */
    struct config *config;  /* held through the worker's generation */
    struct worker_generation *generation;
    struct exchange *exchange; /* proxy/'s: with an upstream */
    struct grpc_call *grpc;    /* grpc/'s; NULL: its route is to no remote procedure */
    uint64_t upstream_ns;      /* from handing it on to the head of the response */

    enum stage stage;
    bool is_running; /* a stage is on the stack */
    bool is_resumed; /* flow_resume was called meanwhile: the stage is called again should it wait */
    bool is_waiting;
    bool is_cancelled;
    bool is_answered; /* handed to the connection or given up: ends with the hold */
    bool is_timed;
    uint32_t holds;          /* tasks and jobs that other threads have: not recycled before it is 0 */
    uint64_t begin_ns;       /* first byte of the head */
    uint64_t end_ns;         /* the response was handed over, or nobody waits for it any more */
    uint64_t stage_begin_ns; /* when the stage before ended */
    uint64_t trace_id;       /* tracing.h; 0: it is not traced. The next two only then */
    uint64_t trace_frequency;
    uint64_t trace_received_ns;
    uint64_t receive_ns; /* spent in these stages, if is_timed */
    uint64_t decode_ns;
    uint64_t received_bytes;
    uint64_t sent_bytes;

    /* parse */
    struct slice target_path; /* as sent */
    struct slice query;
    struct slice path; /* normalised */
    struct ip peer;    /* the client, as far as trusted proxies tell; IP_NONE: at a unix socket */
    uint8_t tls;       /* enum connection_tls */

    /* receive */
    struct slice body;
    struct slice body_tail; /* body_split: binary tensors behind the JSON, which `body` is then */
    bool has_body_tail;     /* if only an empty one */
    yyjson_val *body_root;  /* body_json: the body as a document; NULL: nobody has asked */
    char *body_memory;      /* NULL: the body stands in the receive buffer */
    size_t body_capacity;
    size_t body_received;      /* bytes at body_memory or behind the head */
    struct slice body_pending; /* HTTP/1: decoded and not yet taken by the sink, in the receive buffer */
    struct body_sink *sink;    /* takes the body as it comes; NULL: it is collected */
    bool is_body_admitted;     /* the stage receive wants it */
    bool has_begun_body;
    bool is_body_decoded; /* HTTP/1: nothing but body_pending is left */
    bool is_body_complete;
    bool is_body_rewritten;   /* not what was received: a coding was taken off, or a contract has edited it */
    bool is_body_wanted;      /* reading has begun, by the stage receive or by flow_receive */
    bool is_body_blocked;     /* the sink has no room */
    uint64_t body_since_ns;   /* limits.body_time counts from here: its beginning, or progress where it is streamed */
    struct trailers trailers; /* of a route that streams; complete when the body is */

    /* route and chain */
    const struct route *route; /* == match.route, or the configuration's `unmatched` */
    uint32_t chain_done;       /* bit n: the way in has passed link n, so the way back will meet it */
    uint32_t skip_mask;        /* links turned off by X-Weir-Skip */
    char *chain_state;         /* what the links keep for this request */
    struct slice id;
    struct request_identity identity;

    /* decode, schedule, infer */
    struct decode_plan decode;
    struct slice image_file; /* of a route to a pipeline: where the body has it */
    struct graph *graph;     /* graph/'s: the pipeline at work; NULL: not begun */
    struct image_form *form; /* taken apart as it arrives, instead of body; decode/ */
    struct model_entry *model_entry;
    struct run *run;
    struct inference inference;
    bool has_job;     /* `job` is there, and is run's */
    struct list jobs; /* that are out; zero when there never was one */
    struct task task; /* one at a time */
    bool was_submitted;
    uint64_t queue_ns;
    uint64_t run_ns;
    void *task_state;                        /* of the stage that submitted */
    enum err task_err;                       /* the crew thread's while the request is held */
    bool has_outputs;                        /* the run's are there, executed or from the cache */
    struct sequence_ticket *sequence_ticket; /* sequence/'s; NULL: it is of none */
    struct list due;                         /* among those that flow_turn resumes */
    struct cache_ticket *cache_ticket;       /* cache/'s; NULL: the cache has nothing to do with it */

    /* outcome */
    bool is_source_dry; /* HTTP/1: the source has nothing for now, and its owner will say when it has */
    bool is_head_sent;  /* the response has begun: it can be completed or aborted, not replaced */
    uint64_t source_sent_bytes;
    enum problem problem;
    struct slice problem_detail;
    struct slice contract_note;   /* where the contract was broken first, for the log */
    struct request_fault *faults; /* by request_fault_push */
    uint32_t fault_count;
    uint32_t fault_capacity;
    uint32_t retry_after_s; /* 0: no field */
    uint32_t block_count;
    uint32_t cleanup_count;
    struct response response;

    /* Not cleared when a request begins, nor are the arrays at the end of `response`: request_acquire, a count, a flag or the
     * stage before says what of it is there. Clearing these 2.8 KB was 6 % of a small request's instructions. */
    struct arena arena;
    struct timer total_timer; /* limits.total_time */
    struct http_head head;    /* the codec's, which begins with `headers` and head_bytes of 0 */
    struct chunked chunked;   /* once has_begun_body */
    struct route_match match; /* once the stage route has run */
    struct job job;           /* if has_job */
    struct request_block blocks[REQUEST_BLOCKS_MAX];
    struct request_cleanup cleanups[REQUEST_CLEANUPS_MAX];
    char memory[REQUEST_MEMORY_BYTES] __attribute__((aligned(16))); /* where `arena` begins */
};

#define REQUEST_CLEARED_BYTES offsetof(struct request, response.first_fields)

/* Sets the problem with a printf text (bounded; lost when the arena is full) and returns VERDICT_FAIL. */
enum verdict request_fail(struct request *request, enum problem problem, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same for memory that ran out: 413 when the request's own limit is reached, 503 when the worker's is. */
enum verdict request_fail_memory(struct request *request);
/* For what can never fit into limits.request_memory: 413. */
enum verdict request_fail_too_large(struct request *request);
/* Room for one more item of `errors`, empty; NULL when there is no memory. How many there may be is its caller's affair. */
struct request_fault *request_fault_push(struct request *request);
/* Adds one item to `errors`; what is over REQUEST_FAULTS_MAX is dropped. */
void request_fault_add(struct request *request, struct slice pointer, const char *format, ...) PRINTF_LIKE(3, 4);

/* Room for so many fields beside RESPONSE_FIELDS_MAX. ERR_NOMEM. */
MUST_USE enum err response_fields_reserve(struct request *request, uint32_t count);
/* Names and values are borrowed until the response is written; names are tokens. Beyond the room there is asserts.
 * Inline, so that the length of a literal is known. */
static inline void response_field_add(struct request *request, const char *name, struct slice value)
{
    struct response *response = &request->response;
    ASSERT(response->field_count < response->field_capacity, "the stages add few response fields");
    response->fields[response->field_count++] = (struct response_field){slice_of_text(name), value};
}

/* Status, media type and body at once; body borrowed like fields. */
static inline void response_set(struct request *request, int status, const char *content_type, struct slice body)
{
    request->response.status = status;
    request->response.content_type = slice_of_text(content_type);
    request->response.body = body;
    request->response.has_body = true;
}

/* Run at the end of the request, last added first. Beyond REQUEST_CLEANUPS_MAX asserts. */
void request_on_release(struct request *request, void (*run)(void *argument), void *argument);

/* The value of a header field as sent, or {NULL, 0}. */
static inline struct slice request_header(const struct request *request, enum http_field field)
{
    return http_head_value(&request->head, field);
}

/* Gives request->task to the crew; on_run must be set. When it is done the request is resumed and its stage called
 * again. ERR_BUSY when the crew is full. */
MUST_USE enum err request_submit(struct request *request);

/* schedule/: before there is a run. Takes note of the deadlines that the client and the route have set; FAIL when a run of the
 * model would not be admitted now, unless outputs may come from a cache. */
enum verdict request_admit(struct request *request, struct model *model);
/* What the route and the client say of its time; part of request_admit. */
enum verdict request_note_timeouts(struct request *request);
/* schedule/: gives a job to the scheduler, which holds the request until it is done: its `run` must be set, and `on_done` is
 * request_job_done unless somebody set another, which calls that in the end. Deadline, tenant and priority are the request's.
 * ERR_BUSY: it was not taken, for a reason. A request may have many jobs, but goes on only when none of them is out. */
struct admission;
MUST_USE enum err request_schedule(struct request *request, struct job *job, struct admission *ret_admission);
/* The request is held no longer for it, and resumed. It may be gone on return. */
void request_job_done(struct job *job);
/* The answer to a run that was not admitted. */
enum verdict request_fail_admission(struct request *request, const struct admission *admission);

/* For protocols: from the worker's slab, with its arena and room for `header_count_max` header fields; NULL at the
 * worker's limit. */
struct request *request_acquire(struct connection *connection, size_t header_count_max);
/* A request for a message of one that is a stream: memory and run of its own, and all else of the stream's. It is whoever
 * acquires it that sees that it does not outlive `parent`: then parent is to be NULL, by flow_cancel. NULL at the limit. */
struct request *request_acquire_part(struct request *parent);
/* The body comes from a source from now on; `bytes` UINT64_MAX when nobody knows how much. */
void response_set_source(struct response *response, struct body_source *source, uint64_t bytes);
/* Status and media type of a response whose body comes from a source; `bytes` UINT64_MAX when nobody knows how much. */
void request_respond_from(struct request *request, int status, const char *content_type, struct body_source *source,
                          uint64_t bytes);
/* Runs the cleanups and gives all back. Nobody holds it. */
void request_release(struct request *request);

#endif
