/* SPDX-License-Identifier: Apache-2.0 */
/* What is allowed and checks nothing, but was hardly meant: the standard lets a schema have members of any name and formats
 * that nobody knows, so "requried" opens what its author believes to be closed. Told when a schema has been compiled. */
#include "lib/schema/compiler_int.h"

#include "lib/formats/formats.h"

enum {
    NAME_BYTES_MAX = 32, /* no keyword is near to a longer name */
    LOOKS_MAX = 20000,   /* so many unknown names are compared with the known ones, and no more */
};

static const char *const keywords[] = {
#define HANDED_ON(name) name,
#define OTHER(name)     name,
#include "lib/schema/keyword_names.def"
#undef HANDED_ON
#undef OTHER
};

struct suspects {
    struct graph *graph;
    uint32_t looks_left;
};

static bool is_keyword(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (slice_is(name, keywords[i]))
            return true;
    return false;
}

static void tell(struct suspects *suspects, const struct schema_node *node, struct slice keyword, const char *message,
                 struct slice found, const char *nearest)
{
    char memory[2 * NAME_BYTES_MAX + 8];
    struct text pointer = text_init(memory, sizeof memory);
    json_pointer_add(&pointer, keyword);
    graph_fault(suspects->graph, node, text_slice(&pointer), true, message, SLICE_ARG(found), nearest);
}

static void look_at_format(struct suspects *suspects, const struct schema_node *node, struct slice name)
{
    const char *names[FORMAT_COUNT];
    enum format format;
    if (!name.len || name.len > NAME_BYTES_MAX || format_find(name, &format) == ERR_OK)
        return;
    for (int i = 0; i < FORMAT_COUNT; i++)
        names[i] = format_name((enum format)i);
    const char *nearest = text_nearest(name, names, FORMAT_COUNT);
    if (nearest)
        tell(suspects, node, SLICE_LIT("format"),
             "\"" SLICE_FMT "\" is no known format and is not checked; did you mean \"%s\"?", name, nearest);
}

static void look_at_member(struct suspects *suspects, const struct schema_node *node, yyjson_val *key)
{
    struct slice name = json_text(key);
    if (slice_is(name, "format"))
        look_at_format(suspects, node, json_text(yyjson_obj_iter_get_val(key)));
    if (slice_is(name, "nullable") && node->resource->draft == SCHEMA_DRAFT_2020_12)
        tell(suspects, node, name,
             "\"" SLICE_FMT "\" is of OpenAPI 3.0 and says nothing here; write \"type\": [..., \"%s\"]", name, "null");
    bool is_meant = is_keyword(name) || slice_starts(name, SLICE_LIT("x-")) || slice_starts(name, SLICE_LIT("$$"));
    if (is_meant || name.len > NAME_BYTES_MAX || suspects->looks_left == 0)
        return;
    suspects->looks_left--;
    const char *nearest = text_nearest(name, keywords, ARRAY_LEN(keywords));
    if (nearest)
        tell(suspects, node, name, "\"" SLICE_FMT "\" is no keyword and checks nothing; did you mean \"%s\"?", name,
             nearest);
}

void suspects_tell(struct graph *graph)
{
    struct suspects suspects = {.graph = graph, .looks_left = LOOKS_MAX};
    for (const struct schema_node *node = graph->reached; node; node = node->reached) {
        if (node->resource->document->is_builtin || !yyjson_is_obj(node->value) || node->ignores_siblings)
            continue;
        yyjson_obj_iter members = yyjson_obj_iter_with(node->value);
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&members)) != NULL;)
            look_at_member(&suspects, node, key);
        if (graph->fault_count == GRAPH_FAULTS_MAX)
            return;
    }
}
