/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * Any text as a trailer section, added in two pieces: what is read of it are names that are tokens and values that are
 * values, the same ones wherever the pieces meet, and the same again when they are added field by field. */
#include "lib/http/trailers.h"

#include <stdlib.h>

#define INPUT_MAX 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_same(const struct trailers *a, const struct trailers *b)
{
    struct slice rest_a = trailers_text(a);
    struct slice rest_b = trailers_text(b);
    struct http_header field_a;
    struct http_header field_b;
    while (trailers_next(&rest_a, &field_a)) {
        require(trailers_next(&rest_b, &field_b));
        require(http_is_token(field_a.name) && http_is_value(field_a.value));
        require(slice_equal(field_a.name, field_b.name) && slice_equal(field_a.value, field_b.value));
        require(trailers_may_have(&field_a) == trailers_may_have(&field_b));
    }
    require(!trailers_next(&rest_b, &field_b));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char memory[8 * INPUT_MAX];
    struct arena arena;
    struct trailers whole = {0};
    struct trailers pieces = {0};
    struct trailers fields = {0};
    struct http_header field;
    if (size < 1 || size > INPUT_MAX)
        return 0;
    struct slice text = slice_of(data + 1, size - 1);
    size_t first = text.len ? data[0] % (text.len + 1) : 0;
    arena_init_fixed(&arena, memory, sizeof memory);
    trailers_add(&whole, &arena, text);
    trailers_add(&pieces, &arena, slice_first(text, first));
    trailers_add(&pieces, &arena, slice_skip(text, first));
    for (struct slice rest = trailers_text(&whole); trailers_next(&rest, &field);)
        trailers_add_field(&fields, &arena, field.name, field.value);
    require(!whole.is_lost && !pieces.is_lost && !fields.is_lost);
    bool begins_empty = text.len > 0 && (text.ptr[0] == '\r' || text.ptr[0] == '\n');
    if (!begins_empty)
        require_same(&whole, &pieces);
    require_same(&whole, &fields);
    return 0;
}
