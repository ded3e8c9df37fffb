/* SPDX-License-Identifier: Apache-2.0 */
/* The answer as it comes: each element of a list as soon as it is complete, and at the end what is known only then.
 *
 * As server-sent events (HTML, section 9.2: "event: line", "data: {…}") or as JSON in lines, where the event is the one
 * member of each object. Elements come in the order in which they are done, so each says its place in the whole. The stream
 * begins when it is known how many elements there will be; what fails before is answered as a problem, what fails later is
 * the last event. */
#include "pipeline/flow.h"
#include "pipeline/graph/graph_int.h"

#define EVENT_BYTES 512

static void send_event(struct graph *graph, struct slice event, const struct json_writer *data);
static enum err read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes);
static bool fail(struct body_source *source);

const char *stream_media_type(enum answer_form form)
{
    return form == ANSWER_EVENTS ? "text/event-stream" : "application/x-ndjson";
}

enum verdict stream_begin(struct graph *graph)
{
    graph->source = (struct body_source){.read = read, .fail = fail};
    response_field_add(graph->request, "Cache-Control", SLICE_LIT("no-cache"));
    request_respond_from(graph->request, 200, stream_media_type(graph->form), &graph->source, UINT64_MAX);
    return VERDICT_NEXT;
}

static bool is_complete(const struct graph *graph, const struct graph_answer *answer, uint32_t index)
{
    for (uint32_t i = 0; i < answer->field_count; i++)
        if (!graph_has_value(graph, answer->fields[i].from, index))
            return false;
    return !answer->has_score || graph_has_value(graph, answer->score, index);
}

static void note_element(struct graph *graph, uint32_t index)
{
    const struct graph_answer *answer = graph->pipeline->streamed;
    if (graph->sent[index] || !is_complete(graph, answer, index))
        return;
    graph->sent[index] = true;
    if (!answer_takes(graph, answer, index))
        return;
    struct json_writer writer = json_writer_in_arena(&graph->request->arena, EVENT_BYTES);
    answer_write_element(graph, answer, index, &writer, true);
    send_event(graph, answer->event, &writer);
    graph->sent_count++;
}

void stream_note(struct graph *graph, uint32_t step, uint32_t index)
{
    const struct graph_answer *answer = graph->pipeline->streamed;
    if (graph->form == ANSWER_JSON || !graph->is_streaming || graph->is_ended)
        return;
    if (graph->pipeline->steps[step].domain == answer->domain)
        note_element(graph, index);
    else
        for (uint32_t i = 0; i < answer_count(graph, answer); i++)
            note_element(graph, i);
}

void stream_end(struct graph *graph)
{
    struct request *request = graph->request;
    struct json_writer writer = json_writer_in_arena(&request->arena, EVENT_BYTES);
    graph->is_ended = true;
    json_write_object_begin(&writer);
    if (request->problem) {
        const struct problem_row *row = problem_row(request->problem);
        json_write_key(&writer, SLICE_LIT("type"));
        struct slice type = arena_printf(&request->arena, PROBLEM_TYPE_PREFIX "%s", row->slug);
        json_write_string(&writer, type);
        json_write_member_string(&writer, "title", slice_of_text(row->title));
        json_write_member_u64(&writer, "status", (uint64_t)row->status);
        json_write_member_string(&writer, "detail", request->problem_detail);
    } else {
        json_write_member_u64(&writer, "count", graph->sent_count);
        answer_write_members(graph, graph->pipeline->streamed, &writer);
    }
    json_write_object_end(&writer);
    send_event(graph, request->problem ? SLICE_LIT("error") : SLICE_LIT("done"), &writer);
}

static struct stream_piece *make_piece(struct graph *graph, struct slice event, const struct json_writer *data)
{
    struct arena *arena = &graph->request->arena;
    struct stream_piece *piece = arena_alloc_zero(arena, sizeof *piece);
    struct slice json;
    if (!piece || json_writer_finish(data, &json) != ERR_OK)
        return NULL;
    piece->bytes = arena_printf(arena,
                                graph->form == ANSWER_EVENTS ? "event: " SLICE_FMT "\ndata: " SLICE_FMT "\n\n"
                                                             : "{\"" SLICE_FMT "\":" SLICE_FMT "}\n",
                                SLICE_ARG(event), SLICE_ARG(json));
    return piece->bytes.ptr ? piece : NULL;
}

/* JSON of one line has no line break in it. Behind an event for which there is no memory there is no other, and the stream is
 * cut off: whoever reads it must not take it for whole. */
static void send_event(struct graph *graph, struct slice event, const struct json_writer *data)
{
    struct stream_piece *piece = graph->is_cut_off ? NULL : make_piece(graph, event, data);
    graph->is_cut_off = !piece;
    if (!piece)
        return;
    *graph->pieces_end = piece;
    graph->pieces_end = &piece->next;
}

static enum err read(struct body_source *source, char *place, size_t capacity, size_t *ret_bytes)
{
    struct graph *graph = CONTAINER_OF(source, struct graph, source);
    if (!graph->is_ended && (graph->request->problem || graph_is_done(graph)))
        stream_end(graph);
    size_t bytes = 0;
    while (graph->pieces && bytes < capacity) {
        struct slice *rest = &graph->pieces->bytes;
        size_t part = MIN(rest->len, capacity - bytes);
        memcpy(place + bytes, rest->ptr, part);
        *rest = slice_skip(*rest, part);
        bytes += part;
        if (rest->len == 0)
            graph->pieces = graph->pieces->next;
        if (!graph->pieces)
            graph->pieces_end = &graph->pieces;
    }
    *ret_bytes = bytes;
    if (bytes)
        return ERR_OK;
    if (graph->is_cut_off)
        return ERR_NOMEM;
    return graph->is_ended ? ERR_EOF : ERR_AGAIN;
}

/* Its time is over, or what it was made of has failed: nothing is begun any more, and `read` says why it ends. */
static bool fail(struct body_source *source)
{
    graph_stop(CONTAINER_OF(source, struct graph, source));
    return true;
}
