/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: load
 *
 * Files that plans name, of any bytes: CSV, JSON lines, recorded moments; the first byte says which. Every row has all columns. */
#include "load/plan/make.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const plans[] = {
    "url: http://127.0.0.1\nsteps: [GET /]\ndata: {name: d, file: f, format: csv}\n",
    "url: http://127.0.0.1\nsteps: [GET /]\ndata: {name: d, file: f, format: jsonl}\n",
    "url: http://127.0.0.1\nsteps: [GET /]\nload: {replay: f}\n",
};

static void check(const struct load_plan *plan)
{
    size_t bytes = 0;
    for (uint32_t d = 0; d < plan->data_count; d++) {
        REQUIRE(plan->data[d].row_count > 0 && plan->data[d].column_count > 0);
        for (size_t i = 0; i < (size_t)plan->data[d].row_count * plan->data[d].column_count; i++)
            for (size_t b = 0; b < plan->data[d].cells[i].len; b++)
                bytes += (unsigned char)plan->data[d].cells[i].ptr[b];
    }
    for (uint64_t i = 1; i < plan->replay_count; i++)
        REQUIRE(plan->replay_ns[i - 1] <= plan->replay_ns[i]);
    REQUIRE(bytes < SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct load_inputs inputs;
    static struct report report;
    static struct load_made made;
    struct pool pool;
    struct arena arena;
    if (size == 0)
        return 0;
    const char *plan = plans[data[0] % 3];
    pool_init(&pool, 0, 512u << 20);
    arena_init(&arena, &pool, 65536, 256u << 20);
    load_inputs_init(&inputs, &arena);
    report_init(&report);
    inputs.is_closed = true;
    REQUIRE(load_inputs_add_file(&inputs, SLICE_LIT("p.yaml"), slice_of_text(plan)) == ERR_OK);
    REQUIRE(load_inputs_add_file(&inputs, SLICE_LIT("./f"), slice_of(data + 1, size - 1)) == ERR_OK);
    REQUIRE(load_inputs_add_word(&inputs, SLICE_LIT("p.yaml")) == ERR_OK);
    REQUIRE(load_plan_make(&inputs, &arena, &report, &made) == ERR_OK);
    REQUIRE((made.plan == NULL) == (report.error_count > 0));
    if (made.plan)
        check(made.plan);
    load_plan_drop(made.plan);
    report_deinit(&report);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
