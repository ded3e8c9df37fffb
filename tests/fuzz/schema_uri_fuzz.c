/* SPDX-License-Identifier: Apache-2.0 */
/* Any two texts, parted by a line's end: a base and a reference. What is resolved is resolved already, whatever stands beside
 * it, has no fragment and is at most as long as both.
 * fuzz-library: lib/schema */
#include "lib/schema/uri_int.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool pool;
    struct arena arena;
    struct slice rest = slice_of(data, size);
    struct slice base = slice_cut(&rest, '\n');
    struct slice uri;
    struct slice again;
    struct slice fragment;
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 4096, SIZE_MAX);
    if (uri_resolve(&arena, (struct slice){NULL, 0}, base, &base, &fragment) == ERR_OK &&
        uri_resolve(&arena, base, rest, &uri, &fragment) == ERR_OK) {
        REQUIRE(uri.len <= base.len + rest.len + 4 && slice_find(uri, '#') == uri.len);
        REQUIRE(fragment.len <= rest.len);
        REQUIRE(uri_resolve(&arena, (struct slice){NULL, 0}, uri, &again, &fragment) == ERR_OK);
        REQUIRE(slice_equal(uri, again) && !fragment.ptr);
        REQUIRE(uri_resolve(&arena, base, uri, &again, &fragment) == ERR_OK && slice_equal(uri, again));
    }
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
