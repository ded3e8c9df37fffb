/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is decoded or refused, and what is refused leaves no trace; what is decoded encodes to a text that decodes to the same.
 * fuzz-library: lib/meter */
#include "lib/meter/hdr.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool pool;
    static struct hdr hdr;
    static struct hdr again;
    struct arena arena;
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 4096, SIZE_MAX);
    hdr_reset(&hdr);
    hdr_reset(&again);
    if (hdr_decode_add(slice_of(data, size), &hdr) == ERR_OK) {
        struct slice text;
        REQUIRE(hdr_encode(&hdr, &arena, &text) == ERR_OK);
        REQUIRE(hdr_decode_add(text, &again) == ERR_OK);
        REQUIRE(hdr_count(&hdr) == hdr_count(&again) && hdr_sum_ns(&hdr) == hdr_sum_ns(&again));
        REQUIRE(memcmp((void *)hdr.buckets, (void *)again.buckets, sizeof hdr.buckets) == 0);
        REQUIRE(hdr_quantile(&hdr, 0.5) <= hdr_max_ns(&hdr));
        REQUIRE(hdr_count_at_most(&hdr, hdr_max_ns(&hdr)) == hdr_count(&hdr));
    } else {
        REQUIRE(hdr_count(&hdr) == 0 && hdr_max_ns(&hdr) == 0 && hdr_sum_ns(&hdr) == 0);
    }
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
