/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas that come back to themselves without a step into the value would be applied for ever: {"$ref": "#"}, or by way of
 * allOf, anyOf, if and the like. A condition on the way does not help: whether it holds depends on the value alone, so it
 * holds the next time round again. What goes by the dynamic scope is left to the limit on depth when the program runs.
 *
 * A search in depth without recursion: a chain of references may be as long as the documents. */
#include "lib/schema/graph_state_int.h"

static void search(struct graph *graph, struct schema_node *start);

void graph_cycles_find(struct graph *graph)
{
    for (struct schema_node *node = graph->reached; node; node = node->reached)
        if (node->cycle_epoch != graph->epoch)
            search(graph, node);
}

static void enter(struct graph *graph, struct schema_node *node, struct schema_node *from)
{
    node->cycle_epoch = graph->epoch;
    node->is_open = true;
    node->cursor = node->edges;
    node->entered_from = from;
}

static void tell(struct graph *graph, struct schema_node *from, const struct schema_node *to)
{
    unsigned steps = 1;
    for (const struct schema_node *node = from; node != to; node = node->entered_from)
        steps++;
    graph_fault(graph, from, SLICE_LIT(""), false,
                "this schema would be applied to the same value for ever: it comes back to %s" SLICE_FMT
                " after %u step%s of references and conditions, none of which goes into the value",
                to->pointer.len ? "" : "the root", SLICE_ARG(to->pointer), steps, steps == 1 ? "" : "s");
}

static void search(struct graph *graph, struct schema_node *start)
{
    struct schema_node *node = start;
    enter(graph, start, NULL);
    while (node) {
        struct schema_edge *edge = node->cursor;
        if (!edge) {
            node->is_open = false;
            node = node->entered_from;
            continue;
        }
        node->cursor = edge->next;
        if (edge->to->cycle_epoch != graph->epoch) {
            enter(graph, edge->to, node);
            node = edge->to;
        } else if (edge->to->is_open) {
            tell(graph, node, edge->to);
        }
    }
}
