/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted. Each generator thread writes a record of its own and nobody else's; the session reads all of them at any time, without
 * a lock, and adds them up. A sum of records (of threads, of agents) is a record again, exactly.
 *
 * What was due while warming up is not counted. Everything here only rises while a test runs, but for the gauges. */
#ifndef WEIR_LOAD_RECORD_H
#define WEIR_LOAD_RECORD_H

#include "lib/meter/counter.h"
#include "lib/meter/hdr.h"
#include "load/wire.h"

#define LOAD_STATUSES 600

/* Of a CHAT step. */
struct load_stream_series {
    struct hdr first_token;    /* from when it was due to the first event with content */
    struct hdr between_tokens; /* each gap between events with content */
    struct hdr per_token;      /* (last - first content) / (tokens - 1), of each response with two tokens or more */
    struct hdr normalized;     /* (end - sent) / tokens, of each response with a token */
    struct counter tokens;     /* as the server counts them (usage), else events with content */
    struct counter input_tokens;
    struct counter events;  /* with content */
    struct counter bunched; /* of those: received at one with the event before; somebody has held one back */
    struct counter good;    /* responses within all of the step's bounds: goodput */
};

/* One step. */
struct load_series {
    struct counter due;      /* requests that were to be sent */
    struct counter sent;     /* and were */
    struct counter answered; /* with a right response */
    struct counter failed[LOAD_FAILURE_COUNT];
    struct counter statuses[LOAD_STATUSES];
    struct counter request_bytes;
    struct counter response_bytes;     /* bodies */
    struct hdr latency;                /* from due; of right responses, and of timeouts with the time they had */
    struct hdr service;                /* from sent */
    struct load_stream_series *stream; /* NULL unless CHAT */
};

struct load_record {
    uint32_t series_count;
    struct load_series *series; /* by step index */
    struct hdr lag;             /* own lateness: from due to sent, where a link was free */
    struct hdr wait; /* from due to sent where none was: part of latency, and the server's or connections_max's doing */
    struct hdr connect; /* time to connect, TLS included */
    struct counter iterations_due;
    struct counter iterations_begun;
    struct counter iterations_ended;
    struct counter unsent;      /* were due and never sent: no link until the end */
    struct counter connects;    /* links opened */
    struct counter resumed;     /* of those, with the TLS session of an earlier one */
    struct counter disconnects; /* by the server or a fault */
    struct counter cpu_ns;      /* of the generator's threads */
    struct counter turns;
    struct gauge users;
    struct gauge links;
    struct gauge in_flight;
    struct gauge backlog; /* due and not sent */
};

/* For a plan's steps, all zero. ERR_NOMEM. */
MUST_USE enum err load_record_create(const struct load_plan *plan, struct load_record **ret_record);
void load_record_destroy(struct load_record *record); /* NULL is accepted */
/* into += from; `from` may be written meanwhile. Gauges add up too. */
void load_record_add(struct load_record *into, const struct load_record *from);
/* into = later - earlier; gauges as in `later`. */
void load_record_subtract(struct load_record *into, const struct load_record *later, const struct load_record *earlier);
void load_record_reset(struct load_record *record);

/* A series by itself, for totals. */
MUST_USE enum err load_series_create(bool has_stream, struct load_series **ret_series);
void load_series_destroy(struct load_series *series); /* NULL is accepted */
void load_series_add(struct load_series *into, const struct load_series *from);
void load_series_reset(struct load_series *series);
uint64_t load_series_failed(const struct load_series *series);
/* All series as one. `into` is reset first; its stream must be there if any series has one. */
void load_record_total(const struct load_record *record, struct load_series *into);

/* One line of JSON that holds all of it, and back: what agents send and results keep. `arena` for the text. Decoding adds, all or nothing, takes
 * hostile input and needs a record of the same steps. ERR_NOMEM; ERR_SYNTAX. */
struct json_writer;
void load_record_write(const struct load_record *record, const struct load_plan *plan, struct json_writer *writer,
                       struct arena *arena);
/* One series, and one histogram (null when empty): what a record is written of. */
void load_series_write(const struct load_series *series, struct slice name, struct json_writer *writer,
                       struct arena *arena);
void load_hdr_write(const struct hdr *hdr, struct json_writer *writer, struct arena *arena);
struct yyjson_val;
MUST_USE enum err load_record_read_add(struct yyjson_val *value, const struct load_plan *plan,
                                       struct load_record *into);
/* Into what is zero. Not all or nothing. ERR_NOMEM; ERR_SYNTAX. */
MUST_USE enum err load_series_read(struct yyjson_val *value, struct load_series *series);
MUST_USE enum err load_hdr_read(struct yyjson_val *value, struct hdr *hdr);

#endif
