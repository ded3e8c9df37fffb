/* SPDX-License-Identifier: Apache-2.0 */
/* What programs that hold schemas against documents by the thousand have in common: a compiler, an arena and a matcher of
 * regular expressions for one schema after the other, and one verdict from all three ways to run it. */
#ifndef WEIR_TESTS_SUPPORT_SCHEMA_RUN_H
#define WEIR_TESTS_SUPPORT_SCHEMA_RUN_H

#include "lib/schema/schema.h"

#include <stdio.h>
#include <stdlib.h>

#define RUN_STEPS_MAX 50000000
#define RUN_BYTES_MAX ((size_t)512 << 20)

enum run_verdict { RUN_VALID, RUN_INVALID, RUN_REFUSED, RUN_OVER_LIMIT, RUN_INCONSISTENT };

struct schema_run {
    struct pool pool;
    struct arena texts;   /* until run_end */
    struct arena scratch; /* of one document */
    struct regex_work *regex;
    struct schema_compiler *compiler;
    struct schema *schema;
};

static inline void run_require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        exit(1);
    }
}

static inline void run_begin(struct schema_run *run)
{
    *run = (struct schema_run){0};
    pool_init(&run->pool, 64 << 20, RUN_BYTES_MAX);
    arena_init(&run->texts, &run->pool, 64 << 10, RUN_BYTES_MAX);
    arena_init(&run->scratch, &run->pool, 64 << 10, RUN_BYTES_MAX);
    run_require(regex_work_create(1000000, &run->regex) == ERR_OK, "no memory");
}

static inline void run_drop_schema(struct schema_run *run)
{
    schema_unref(run->schema);
    schema_compiler_destroy(run->compiler);
    run->schema = NULL;
    run->compiler = NULL;
}

static inline void run_end(struct schema_run *run)
{
    run_drop_schema(run);
    regex_work_destroy(run->regex);
    arena_reset(&run->scratch);
    arena_reset(&run->texts);
    pool_deinit(&run->pool);
}

/* What was wrong with the last schema, in a static string. */
static inline const char *run_fault(const struct schema_run *run)
{
    static char text[512];
    uint32_t count = 0;
    const struct schema_fault *faults = schema_compiler_faults(run->compiler, &count);
    if (count == 0)
        return "no fault given";
    snprintf(text, sizeof text, SLICE_FMT ":%u: " SLICE_FMT ": " SLICE_FMT, SLICE_ARG(faults[0].name), faults[0].line,
             SLICE_ARG(faults[0].pointer), SLICE_ARG(faults[0].message));
    return text;
}

/* Whether the text is a schema; it becomes run->schema. */
static inline bool run_compile(struct schema_run *run, const struct schema_settings *settings, struct slice uri,
                               struct slice text)
{
    static const struct schema_options none;
    run_drop_schema(run);
    run_require(schema_compiler_create(settings, &run->compiler) == ERR_OK, "no memory");
    return schema_compiler_add(run->compiler, uri, SLICE_LIT("schema"), text) == ERR_OK &&
           schema_compile(run->compiler, uri, &none, &run->schema) == ERR_OK;
}

static inline enum run_verdict run_verdict_of(enum schema_outcome outcome)
{
    return outcome == SCHEMA_VALID ? RUN_VALID : outcome == SCHEMA_INVALID ? RUN_INVALID : RUN_OVER_LIMIT;
}

static inline struct schema_work run_work(struct schema_run *run)
{
    return (struct schema_work){.scratch = &run->scratch, .regex = run->regex, .steps_left = RUN_STEPS_MAX};
}

/* The verdict, which has to be the same whichever way it is asked for. Errors stay in the arena `scratch`. */
static inline enum run_verdict run_check(struct schema_run *run, yyjson_val *document, struct schema_errors *errors)
{
    struct schema_work work = run_work(run);
    enum schema_outcome first = schema_check(run->schema, document, &work);
    *errors = (struct schema_errors){.arena = &run->scratch, .max = 100};
    work = run_work(run);
    enum schema_outcome second = schema_explain(run->schema, document, &work, errors);
    struct schema_edits edits = {.arena = &run->scratch};
    work = run_work(run);
    enum schema_outcome third = schema_adapt(run->schema, document, &work, &edits, NULL);
    if (first != second || first != third || (first == SCHEMA_INVALID) != (errors->count > 0) || edits.count > 0) {
        fprintf(stderr, "schema_check says %d, schema_explain %d with %u errors, schema_adapt %d with %u edits\n",
                first, second, errors->count, third, edits.count);
        return RUN_INCONSISTENT;
    }
    return run_verdict_of(first);
}

/* A document from its text; NULL for what is no JSON. It stays in the arena `scratch`. */
static inline yyjson_val *run_parse(struct schema_run *run, struct slice text, bool keeps_numbers)
{
    const struct json_limits limits = {
        .bytes_max = RUN_BYTES_MAX, .depth_max = JSON_DEPTH_MAX, .keeps_numbers = keeps_numbers};
    struct json_document document;
    struct json_fault fault;
    return json_parse(&run->scratch, text, &limits, &document, &fault) == ERR_OK ? document.root : NULL;
}

/* A file's bytes in the arena `texts`; {NULL, 0} when it cannot be read. */
static inline struct slice run_read(struct schema_run *run, const char *path)
{
    FILE *file = fopen(path, "rb");
    struct slice text = {NULL, 0};
    if (!file)
        return text;
    if (fseek(file, 0, SEEK_END) == 0) {
        long bytes = ftell(file);
        char *memory = bytes >= 0 ? arena_alloc(&run->texts, (size_t)bytes + 1) : NULL;
        rewind(file);
        if (memory && fread(memory, 1, (size_t)bytes, file) == (size_t)bytes)
            text = slice_of(memory, (size_t)bytes);
    }
    fclose(file);
    return text;
}

#endif
