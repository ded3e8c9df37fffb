/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/compiler_int.h"

#include "lib/schema/emit_int.h"
#include "lib/schema/program_int.h"

#include <stdlib.h>

#define REGEX_STEPS_MAX 1000000

enum err schema_compiler_create(const struct schema_settings *settings, struct schema_compiler **ret_compiler)
{
    struct schema_compiler *compiler = calloc(1, sizeof *compiler);
    if (!compiler)
        return ERR_NOMEM;
    compiler->settings = *settings;
    pool_init(&compiler->pool, 1 << 20, SIZE_MAX);
    arena_init(&compiler->scratch, &compiler->pool, 16384, SIZE_MAX);
    enum err err = graph_create(&compiler->settings, &compiler->graph);
    if (err == ERR_OK)
        err = regex_work_create(REGEX_STEPS_MAX, &compiler->regex);
    if (err != ERR_OK) {
        schema_compiler_destroy(compiler);
        return err;
    }
    *ret_compiler = compiler;
    return ERR_OK;
}

void schema_compiler_destroy(struct schema_compiler *compiler)
{
    if (!compiler)
        return;
    for (struct schema_dialect *dialect = compiler->graph ? compiler->graph->dialects : NULL; dialect;
         dialect = dialect->next)
        schema_unref(dialect->metaschema);
    graph_destroy(compiler->graph);
    regex_work_destroy(compiler->regex);
    arena_reset(&compiler->scratch);
    pool_deinit(&compiler->pool);
    free(compiler);
}

enum err schema_compiler_add(struct schema_compiler *compiler, struct slice uri, struct slice name, struct slice text)
{
    graph_faults_clear(compiler->graph);
    return graph_add(compiler->graph, uri, name, text);
}

/* What references lead to is known before anything is held against a metaschema, and both are done before giving up, so that
 * one look shows all that is wrong. */
static enum err find_and_check(struct schema_compiler *compiler, struct slice uri, struct schema_node **ret_root)
{
    struct graph *graph = compiler->graph;
    enum err err = graph_find(graph, uri, ret_root);
    if (err != ERR_OK && err != ERR_INVALID)
        return err;
    compiler->has_searched = false;
    TRY(compiler_check(compiler));
    if (graph->fault_count > 0)
        return ERR_INVALID;
    return compiler->has_searched ? graph_find(graph, uri, ret_root) : ERR_OK;
}

enum err schema_compile(struct schema_compiler *compiler, struct slice uri, const struct schema_options *options,
                        struct schema **ret_schema)
{
    struct schema_node *root;
    graph_faults_clear(compiler->graph);
    enum err err = find_and_check(compiler, uri, &root);
    if (err == ERR_OK)
        err = emit_program(compiler->graph, root, &compiler->settings, options, ret_schema);
    if (err == ERR_OK) {
        (*ret_schema)->draft = root->resource->draft;
        suspects_tell(compiler->graph);
    }
    graph_faults_sort(compiler->graph);
    return err;
}

const struct schema_fault *schema_compiler_faults(const struct schema_compiler *compiler, uint32_t *ret_count)
{
    return graph_faults(compiler->graph, ret_count);
}
