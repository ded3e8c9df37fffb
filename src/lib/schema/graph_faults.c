/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong, with its place. Faults that a document has by itself are kept with it and told to each search that comes to
 * it; a document that nobody refers to may be as broken as it likes. */
#include "lib/json/pointer.h"
#include "lib/schema/graph_state_int.h"

#include <stdio.h>

static struct slice format_message(struct arena *arena, const char *format, va_list args)
{
    char line[1024];
    int len = vsnprintf(line, sizeof line, format, args);
    return len < 0 ? (struct slice){NULL, 0} : arena_copy(arena, slice_of(line, MIN((size_t)len, sizeof line - 1)));
}

static struct schema_fault make_fault(const struct schema_document *document, struct slice pointer, bool is_key,
                                      struct slice message)
{
    struct json_place place;
    struct schema_fault fault = {.name = document->name, .pointer = pointer, .message = message};
    if (document->root && json_pointer_locate(document->text, pointer, is_key, &place) == ERR_OK) {
        fault.line = place.line;
        fault.column = place.column;
    }
    return fault;
}

static bool is_same(const struct schema_fault *a, const struct schema_fault *b)
{
    return slice_equal(a->name, b->name) && slice_equal(a->pointer, b->pointer) && slice_equal(a->message, b->message);
}

/* The first ones are kept; a fault that cannot be told for want of memory still counts as one. */
static void tell(struct graph *graph, struct schema_fault fault)
{
    if (!fault.message.ptr)
        fault.message = SLICE_LIT("there is no memory to say what is wrong");
    for (uint32_t i = 0; i < graph->fault_count; i++)
        if (is_same(&graph->faults[i], &fault))
            return;
    if (graph->fault_count < GRAPH_FAULTS_MAX)
        graph->faults[graph->fault_count++] = fault;
}

static enum err keep(struct graph *graph, struct schema_document *document, struct schema_fault fault)
{
    struct document_fault *kept = arena_alloc_zero(&graph->arena, sizeof *kept);
    if (!kept || !fault.message.ptr)
        return graph_no_memory(graph);
    kept->fault = fault;
    *document->faults_end = kept;
    document->faults_end = &kept->next;
    return ERR_OK;
}

enum err graph_document_fault(struct graph *graph, struct schema_document *document, struct slice pointer, bool is_key,
                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct slice message = format_message(&graph->arena, format, args);
    va_end(args);
    if (document->fault_count >= GRAPH_FAULTS_MAX)
        return ERR_OK;
    document->fault_count++;
    return keep(graph, document, make_fault(document, pointer, is_key, message));
}

enum err graph_document_fault_at(struct graph *graph, struct schema_document *document, const struct json_fault *fault)
{
    struct slice message = arena_printf(&graph->arena, "this is no JSON: %s", fault->what);
    return keep(graph, document,
                (struct schema_fault){.name = document->name,
                                      .line = fault->line,
                                      .column = fault->column,
                                      .pointer = SLICE_LIT(""),
                                      .message = message});
}

void graph_faults_tell(struct graph *graph, struct schema_document *document)
{
    if (document->epoch == graph->epoch)
        return;
    document->epoch = graph->epoch;
    for (const struct document_fault *kept = document->faults; kept; kept = kept->next)
        tell(graph, kept->fault);
}

void graph_fault_general(struct graph *graph, struct slice name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct slice message = format_message(&graph->fault_arena, format, args);
    va_end(args);
    tell(graph, (struct schema_fault){.name = name, .pointer = SLICE_LIT(""), .message = message});
}

void graph_fault(struct graph *graph, const struct schema_node *node, struct slice pointer, bool is_key,
                 const char *format, ...)
{
    if (graph->fault_count == GRAPH_FAULTS_MAX)
        return;
    va_list args;
    va_start(args, format);
    struct slice message = format_message(&graph->fault_arena, format, args);
    va_end(args);
    struct slice full =
        arena_printf(&graph->fault_arena, SLICE_FMT SLICE_FMT, SLICE_ARG(node->pointer), SLICE_ARG(pointer));
    tell(graph, make_fault(node->resource->document, full, is_key, message));
}

const struct schema_fault *graph_faults(const struct graph *graph, uint32_t *ret_count)
{
    *ret_count = graph->fault_count;
    return graph->faults;
}

static bool is_before(const struct schema_fault *a, const struct schema_fault *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* By document, in the order in which they were come to, then by place; few enough for the simplest way. */
void graph_faults_sort(struct graph *graph)
{
    uint32_t ranks[GRAPH_FAULTS_MAX];
    for (uint32_t i = 0; i < graph->fault_count; i++) {
        struct schema_fault fault = graph->faults[i];
        uint32_t rank = 0;
        while (rank < i && !slice_equal(graph->faults[rank].name, fault.name))
            rank++;
        rank = rank < i ? ranks[rank] : i;
        uint32_t at = i;
        for (; at > 0 && (ranks[at - 1] > rank || (ranks[at - 1] == rank && is_before(&fault, &graph->faults[at - 1])));
             at--) {
            graph->faults[at] = graph->faults[at - 1];
            ranks[at] = ranks[at - 1];
        }
        graph->faults[at] = fault;
        ranks[at] = rank;
    }
}

void graph_faults_clear(struct graph *graph)
{
    graph->fault_count = 0;
    graph->is_over_limit = false;
    arena_reset(&graph->fault_arena);
}
