/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/media.h"
#include "load/stream/stream_int.h"

#include <stdlib.h>

#define POOL_CACHE_BYTES (4u << 20)
#define POOL_BYTES_MAX   (1u << 30)
#define ARENA_BYTES      16384
#define ARENA_BYTES_MAX  (64u << 20)

struct load_streams {
    struct pool pool;
    struct arena arena; /* of the event at hand */
    _Alignas(16) char memory[ARENA_BYTES];
};

enum err load_streams_create(struct load_streams **ret_streams)
{
    struct load_streams *streams = malloc(sizeof *streams);
    if (!streams)
        return ERR_NOMEM;
    pool_init(&streams->pool, POOL_CACHE_BYTES, POOL_BYTES_MAX);
    *ret_streams = streams;
    return ERR_OK;
}

void load_streams_destroy(struct load_streams *streams)
{
    if (!streams)
        return;
    pool_deinit(&streams->pool);
    free(streams);
}

bool load_stream_is_one(const struct http_head *head)
{
    struct media_type type;
    struct slice coding = http_head_value(head, HTTP_FIELD_CONTENT_ENCODING);
    return (!coding.len || slice_equal_nocase(coding, SLICE_LIT("identity"))) &&
           media_type_parse(http_head_value(head, HTTP_FIELD_CONTENT_TYPE), &type) == ERR_OK &&
           media_type_is(&type, "text/event-stream");
}

void load_stream_begin(struct load_stream *stream, struct load_streams *streams, const struct load_step *step,
                       uint64_t due_ns, struct load_stream_series *series)
{
    *stream = (struct load_stream){.streams = streams, .step = step, .due_ns = due_ns, .series = series};
    sse_init(&stream->sse, &streams->pool, LOAD_STREAM_EVENT_BYTES_MAX);
}

void load_stream_drop(struct load_stream *stream)
{
    sse_deinit(&stream->sse);
}

static uint64_t since(uint64_t begin_ns, uint64_t end_ns)
{
    return end_ns > begin_ns ? end_ns - begin_ns : 0;
}

static void record_content(struct load_stream *stream, uint64_t received_ns)
{
    struct load_stream_series *series = stream->series;
    bool is_first = stream->events == 0;
    if (series) {
        counter_add(&series->events, 1);
        if (is_first)
            hdr_record(&series->first_token, since(stream->due_ns, received_ns));
        else
            hdr_record(&series->between_tokens, since(stream->last_ns, received_ns));
        if (!is_first && received_ns == stream->last_ns)
            counter_add(&series->bunched, 1);
    }
    if (is_first)
        stream->first_ns = received_ns;
    stream->last_ns = received_ns;
    stream->events++;
}

static void note_event(struct load_stream *stream, const struct sse_event *event, uint64_t received_ns)
{
    struct load_streams *streams = stream->streams;
    struct load_meaning meaning;
    arena_init_with(&streams->arena, &streams->pool, ARENA_BYTES, ARENA_BYTES_MAX, streams->memory, ARENA_BYTES);
    load_event_read(event, stream->dialect, &streams->arena, &meaning);
    arena_reset(&streams->arena);
    stream->dialect = meaning.dialect;
    stream->is_ended = stream->is_ended || meaning.is_end;
    stream->is_broken = stream->is_broken || meaning.is_error;
    if (meaning.has_output_tokens) {
        stream->has_usage = true;
        stream->output_tokens = meaning.output_tokens;
    }
    if (meaning.has_input_tokens)
        stream->input_tokens = meaning.input_tokens;
    if (meaning.has_content)
        record_content(stream, received_ns);
}

bool load_stream_take(struct load_stream *stream, struct slice data, uint64_t received_ns)
{
    enum err err = ERR_AGAIN;
    struct sse_event event;
    while (!stream->is_broken && (err = sse_next(&stream->sse, &data, &event)) == ERR_OK)
        note_event(stream, &event, received_ns);
    stream->is_broken = stream->is_broken || err != ERR_AGAIN;
    return !stream->is_broken;
}

/* One that says how it ends has to; of others a whole response is enough, if anything was in it. */
static bool is_whole(const struct load_stream *stream)
{
    if (stream->is_broken || (stream->events == 0 && stream->dialect == LOAD_DIALECT_UNKNOWN))
        return false;
    return stream->is_ended || (stream->dialect == LOAD_DIALECT_UNKNOWN && !sse_is_within_event(&stream->sse));
}

static bool is_within(uint64_t bound_ns, uint64_t time_ns)
{
    return bound_ns == 0 || time_ns <= bound_ns;
}

enum load_failure load_stream_end(struct load_stream *stream, uint64_t sent_ns, uint64_t end_ns)
{
    const struct load_step *step = stream->step;
    struct load_stream_series *series = stream->series;
    uint64_t tokens = stream->has_usage ? stream->output_tokens : stream->events;
    uint64_t per_token_ns = tokens > 1 ? since(stream->first_ns, stream->last_ns) / (tokens - 1) : 0;
    bool is_right = is_whole(stream);
    load_stream_drop(stream);
    if (!is_right)
        return LOAD_FAILURE_STREAM;
    if (!series)
        return LOAD_FAILURE_NONE;
    bool is_good = stream->events > 0 && is_within(step->slo_first_token_ns, since(stream->due_ns, stream->first_ns)) &&
                   is_within(step->slo_token_ns, per_token_ns) &&
                   is_within(step->slo_total_ns, since(stream->due_ns, end_ns));
    counter_add(&series->tokens, tokens);
    counter_add(&series->input_tokens, stream->input_tokens);
    counter_add(&series->good, is_good);
    if (tokens > 1 && stream->events > 0)
        hdr_record(&series->per_token, per_token_ns);
    if (tokens > 0)
        hdr_record(&series->normalized, since(sent_ns, end_ns) / tokens);
    return LOAD_FAILURE_NONE;
}
