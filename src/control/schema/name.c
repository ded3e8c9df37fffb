/* SPDX-License-Identifier: Apache-2.0 */
#include "control/schema/name.h"

static bool is_version(struct slice segment)
{
    bool is_number = segment.len > 1 && segment.ptr[0] == 'v';
    for (size_t i = 1; is_number && i < segment.len; i++)
        is_number = segment.ptr[i] >= '0' && segment.ptr[i] <= '9';
    return is_number;
}

struct slice path_segment_name(struct slice segment)
{
    static const char dots[] = "...";
    if (segment.len < 2 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
        return segment;
    segment = slice_of(segment.ptr + 1, segment.len - 2);
    bool is_rest = segment.len > 3 && memcmp(segment.ptr + segment.len - 3, dots, 3) == 0;
    return slice_first(segment, segment.len - (is_rest ? 3 : 0));
}

struct slice schema_route_name(struct arena *arena, struct slice method, struct slice pattern)
{
    struct slice version = {NULL, 0};
    char *name = arena_alloc(arena, method.len + pattern.len + 2);
    size_t len = 0;
    if (!name)
        return (struct slice){NULL, 0};
    for (size_t i = 0; i < method.len; i++)
        name[len++] = ascii_lower(method.ptr[i]);
    while (pattern.ptr) {
        struct slice segment = slice_cut(&pattern, '/');
        if (!version.ptr && is_version(segment)) {
            version = segment;
            continue;
        }
        segment = path_segment_name(segment);
        if (segment.len)
            name[len++] = '-';
        len = (size_t)(slice_put(name + len, segment) - name);
    }
    if (version.len)
        name[len++] = '-';
    len = (size_t)(slice_put(name + len, version) - name);
    name[len] = '\0';
    return slice_of(name, len);
}
