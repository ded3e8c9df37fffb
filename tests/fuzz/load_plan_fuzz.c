/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: load
 *
 * A plan of any bytes, behind it (after a NUL) words of the command line, a line each. It must not crash, leak or hang, and give a
 * plan without errors or errors without a plan; what a plan's templates are filled in with is written where it should. */
#include "load/plan/make.h"
#include "load/values.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill_all(const struct load_plan *plan, struct arena *arena)
{
    static struct slice variables[LOAD_VARIABLES_MAX];
    static uint32_t rows[16];
    struct load_random random = {.state = 1};
    uint64_t sequence = 1;
    struct load_values values = {.plan = plan,
                                 .variables = variables,
                                 .rows = rows,
                                 .sequence = &sequence,
                                 .sequence_stride = 1,
                                 .random = &random};
    for (uint32_t i = 0; i < plan->step_count; i++) {
        const struct load_step *step = &plan->steps[i];
        struct buffer out = buffer_in_arena(arena, 0);
        REQUIRE(load_fill(&step->path, &values, &out) == ERR_OK);
        REQUIRE(load_fill(&step->body, &values, &out) == ERR_OK);
        for (uint32_t f = 0; f < step->field_count; f++)
            REQUIRE(load_fill(&step->fields[f].value, &values, &out) == ERR_OK);
        REQUIRE(step->target < plan->target_count && step->index == i);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct load_inputs inputs;
    static struct report report;
    static struct load_made made;
    struct slice rest = slice_of(data, size);
    struct pool pool;
    struct arena arena;
    pool_init(&pool, 0, 512u << 20);
    arena_init(&arena, &pool, 65536, 256u << 20);
    load_inputs_init(&inputs, &arena);
    report_init(&report);
    inputs.is_closed = true;
    REQUIRE(load_inputs_add_file(&inputs, SLICE_LIT("p.yaml"), slice_cut(&rest, '\0')) == ERR_OK);
    REQUIRE(load_inputs_add_file(&inputs, SLICE_LIT("./d.csv"), SLICE_LIT("a,b\n1,\"x\"\n2,y\n")) == ERR_OK);
    while (rest.len && inputs.word_count < LOAD_WORDS_MAX - 1)
        REQUIRE(load_inputs_add_word(&inputs, slice_cut(&rest, '\n')) == ERR_OK);
    REQUIRE(load_inputs_add_word(&inputs, SLICE_LIT("p.yaml")) == ERR_OK);
    REQUIRE(load_plan_make(&inputs, &arena, &report, &made) == ERR_OK);
    REQUIRE((made.plan == NULL) == (report.error_count > 0));
    if (made.plan)
        fill_all(made.plan, &arena);
    load_plan_drop(made.plan);
    report_deinit(&report);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
