/* SPDX-License-Identifier: Apache-2.0 */
#include "control/metrics/render_int.h"
#include "lib/sys/allocations.h"

/* `offset` in struct allocation_count. */
static void render_family_of(struct rendering *rendering, const struct allocation_counts *counts, const char *name,
                             const char *unit, const char *help, size_t offset)
{
    render_family(rendering, EXPOSITION_COUNTER, name, unit, help);
    for (int thread = 0; thread < ALLOCATION_THREADS && allocations_are_counted(); thread++)
        for (int user = 0; user < MEMORY_USER_COUNT; user++) {
            const char *place = (const char *)&counts->of[thread][user] + offset;
            uint64_t value = *(const uint64_t *)(const void *)place;
            struct exposition_label labels[] = {
                {"subsystem", slice_of_text(memory_user_name((enum memory_user)user))},
                {"thread", slice_of_text(allocation_thread_name((enum allocation_thread)thread))}};
            if (value)
                exposition_sample(&rendering->out, labels, ARRAY_LEN(labels), (double)value);
        }
}

void render_allocations(struct rendering *rendering)
{
    struct allocation_counts counts;
    allocations_read(&counts);
    render_family_of(rendering, &counts, "weir_allocations", NULL,
                     "Times that the system was asked for memory, by who asked and on which kind of thread",
                     offsetof(struct allocation_count, allocations));
    render_family_of(rendering, &counts, "weir_allocated_bytes", "bytes", "Bytes that the system was asked for",
                     offsetof(struct allocation_count, bytes));
    render_family_of(rendering, &counts, "weir_frees", NULL, "Times that memory was given back to the system",
                     offsetof(struct allocation_count, frees));
}
