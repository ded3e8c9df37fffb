/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: pipeline
 *
 * No spelling of a path slips past its route, and nothing else gets to it: whatever the target, when it is not refused the
 * route found is the one that a reader finds who first decodes everything and then takes dot segments away. Beside the
 * routes stands a catch-all, as in front of a server that may well be such a reader. */
#include "lib/http/url.h"
#include "pipeline/route.h"

#include <stdlib.h>

#define INPUT_MAX    512
#define SEGMENTS_MAX (INPUT_MAX + 1)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct route routes[] = {
    {.method = {"GET", 3}, .pattern = {"/secret", 7}, .name = {"/secret", 7}},
    {.method = {"GET", 3}, .pattern = {"/m/x:ask", 8}, .name = {"/m/x:ask", 8}},
    {.method = {"GET", 3}, .pattern = {"/m/%C3%A9%25", 12}, .name = {"/m/\xc3\xa9%", 6}},
    {.method = {"GET", 3}, .pattern = {"/m/", 3}, .name = {"/m/", 3}},
    {.method = {"GET", 3}, .pattern = {"/{rest...}", 10}, .name = {"", 0}},
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static const struct route_table *table_of_routes(void)
{
    static struct pool pool;
    static struct arena arena;
    static struct route_table *table;
    struct route *pointers[ARRAY_LEN(routes)];
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    if (table)
        return table;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++)
        pointers[i] = &routes[i];
    pool_init(&pool, 0, 1 << 20);
    arena_init(&arena, &pool, 4096, 1 << 20);
    require(route_table_build(&arena, pointers, ARRAY_LEN(routes), &fault, &table) == ERR_OK);
    return table;
}

/* Decodes, then takes dot segments away (RFC 3986 section 5.2.4). False when it climbs above the root. */
static bool read_otherwise(struct slice path, char *out, struct slice *ret_path)
{
    char decoded[INPUT_MAX];
    struct slice rest;
    size_t ends[SEGMENTS_MAX];
    size_t count = 0;
    size_t len = 0;
    bool is_folder = false;
    require(url_percent_decode(path, false, decoded, &rest) == ERR_OK);
    rest = slice_skip(rest, 1);
    while (rest.ptr) {
        struct slice segment = slice_cut(&rest, '/');
        is_folder = slice_is(segment, ".") || slice_is(segment, "..");
        if (slice_is(segment, "..")) {
            if (count == 0)
                return false;
            len = --count ? ends[count - 1] : 0;
        } else if (!is_folder) {
            out[len++] = '/';
            if (segment.len)
                memcpy(out + len, segment.ptr, segment.len);
            len += segment.len;
            ends[count++] = len;
        }
    }
    if (is_folder)
        out[len++] = '/';
    *ret_path = slice_of(out, len);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char memory[3 * INPUT_MAX + 1];
    char other_memory[INPUT_MAX + 1];
    struct url_target target;
    struct slice path;
    struct slice other;
    struct route_match match;
    if (size == 0 || size > INPUT_MAX || url_target_parse(slice_of(data, size), &target) != ERR_OK)
        return 0;
    if (target.form != URL_ORIGIN && target.form != URL_ABSOLUTE)
        return 0;
    if (url_path_normalize(target.path, memory, sizeof memory, &path) != ERR_OK)
        return 0;
    const struct http_head head = {.host = SLICE_LIT("h"), .method_text = SLICE_LIT("GET"), .method = HTTP_METHOD_GET};
    route_table_find(table_of_routes(), &head, path, &match);
    require(match.route != NULL && read_otherwise(target.path, other_memory, &other));
    for (size_t i = 0; i + 1 < ARRAY_LEN(routes); i++)
        require((match.route == &routes[i]) == slice_equal(other, routes[i].name));
    return 0;
}
