/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of literals, for tests. */
#ifndef WEIR_TESTS_LOAD_PLAN_MAKING_H
#define WEIR_TESTS_LOAD_PLAN_MAKING_H

#include "load/plan/make.h"
#include "unit/lib/yaml/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct making {
    struct pool pool;
    struct arena arena;
    struct load_inputs inputs;
    struct report report;
    struct load_made made;
    char said[8192]; /* notes, a line each, without the name of the file */
};

static inline void making_begin(struct making *making)
{
    memset(making, 0, sizeof *making);
    pool_init(&making->pool, 0, SIZE_MAX);
    arena_init(&making->arena, &making->pool, 65536, 256u << 20);
    load_inputs_init(&making->inputs, &making->arena);
    report_init(&making->report);
    making->inputs.is_closed = true;
}

static inline void making_add(struct making *making, const char *path, const char *content)
{
    assert_int_equal(load_inputs_add_file(&making->inputs, slice_of_text(path), slice_of_text(content)), ERR_OK);
}

static inline void making_word(struct making *making, const char *word)
{
    assert_int_equal(load_inputs_add_word(&making->inputs, slice_of_text(word)), ERR_OK);
}

/* The plan, or NULL. */
static inline const struct load_plan *making_run(struct making *making)
{
    assert_int_equal(load_plan_make(&making->inputs, &making->arena, &making->report, &making->made), ERR_OK);
    report_sort(&making->report);
    format_report(&making->report, making->said, sizeof making->said);
    assert_int_equal(making->made.plan == NULL, making->report.error_count > 0);
    return making->made.plan;
}

static inline void making_end(struct making *making)
{
    load_plan_drop(making->made.plan);
    report_deinit(&making->report);
    arena_reset(&making->arena);
    pool_deinit(&making->pool);
}

static inline const struct load_plan *make_yaml(struct making *making, const char *yaml)
{
    making_begin(making);
    making_add(making, "p.yaml", yaml);
    making_add(making, "./users.csv", "name,secret\nann,\"a\"\"b\"\nbob,pw\n");
    making_word(making, "p.yaml");
    return making_run(making);
}

#endif
