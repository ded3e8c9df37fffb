/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/trailers.h"

#define BYTES_FIRST 256

static char *extend(struct trailers *trailers, struct arena *arena, size_t bytes)
{
    if (trailers->capacity - trailers->len < bytes) {
        size_t capacity = MAX(2 * trailers->capacity, MAX(trailers->len + bytes, (size_t)BYTES_FIRST));
        char *text = arena_alloc(arena, capacity);
        if (!text) {
            trailers->is_lost = true;
            return NULL;
        }
        if (trailers->len)
            memcpy(text, trailers->text, trailers->len);
        trailers->text = text;
        trailers->capacity = capacity;
    }
    char *place = trailers->text + trailers->len;
    trailers->len += bytes;
    return place;
}

/* A section without fields is an empty line. */
void trailers_add(struct trailers *trailers, struct arena *arena, struct slice bytes)
{
    bool is_end = trailers->len == 0 && bytes.len > 0 && (bytes.ptr[0] == '\r' || bytes.ptr[0] == '\n');
    char *place = bytes.len == 0 || is_end || trailers->is_lost ? NULL : extend(trailers, arena, bytes.len);
    if (place)
        slice_put(place, bytes);
}

void trailers_add_field(struct trailers *trailers, struct arena *arena, struct slice name, struct slice value)
{
    trailers->is_lost |= name.len == 0;
    char *place = trailers->is_lost ? NULL : extend(trailers, arena, name.len + value.len + 3);
    if (!place)
        return;
    place = slice_put(place, name);
    place = slice_put(place, SLICE_LIT(":"));
    place = slice_put(place, value);
    slice_put(place, SLICE_LIT("\r\n"));
}

bool trailers_next(struct slice *rest, struct http_header *ret_field)
{
    while (rest->len > 0) {
        struct slice line = slice_cut(rest, '\n');
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0)
            return false;
        struct slice name = slice_first(line, slice_find(line, ':'));
        struct slice value = slice_trim(slice_skip(line, MIN(name.len + 1, line.len)));
        if (name.len == line.len || !http_is_token(name) || !http_is_value(value))
            continue;
        *ret_field = (struct http_header){.name = name, .value = value, .id = http_field_parse(name)};
        return true;
    }
    return false;
}

static bool begins_with(struct slice text, struct slice prefix)
{
    return text.len >= prefix.len && slice_equal_nocase(slice_first(text, prefix.len), prefix);
}

/* Of the names that software acts upon (fields.def) a validator is the one that may come late. */
bool trailers_may_have(const struct http_header *field)
{
    static const struct slice prefixes[] = {SLICE_LIT("access-control-"), SLICE_LIT("proxy"), SLICE_LIT("sec-"),
                                            SLICE_LIT("x-forwarded-"), SLICE_LIT("x-original-")};
    static const struct slice names[] = {
        SLICE_LIT("age"),
        SLICE_LIT("alt-svc"),
        SLICE_LIT("cdn-loop"),
        SLICE_LIT("clear-site-data"),
        SLICE_LIT("content-language"),
        SLICE_LIT("content-location"),
        SLICE_LIT("content-security-policy"),
        SLICE_LIT("early-data"),
        SLICE_LIT("expires"),
        SLICE_LIT("from"),
        SLICE_LIT("http2-settings"),
        SLICE_LIT("pragma"),
        SLICE_LIT("priority"),
        SLICE_LIT("refresh"),
        SLICE_LIT("set-cookie"),
        SLICE_LIT("set-cookie2"),
        SLICE_LIT("strict-transport-security"),
        SLICE_LIT("true-client-ip"),
        SLICE_LIT("warning"),
        SLICE_LIT("x-client-ip"),
        SLICE_LIT("x-http-method"),
        SLICE_LIT("x-http-method-override"),
        SLICE_LIT("x-method-override"),
        SLICE_LIT("x-real-ip"),
        SLICE_LIT("x-rewrite-url"),
    };
    if (field->id != HTTP_FIELD_OTHER)
        return field->id == HTTP_FIELD_ETAG;
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (begins_with(field->name, prefixes[i]))
            return false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_equal_nocase(field->name, names[i]))
            return false;
    return true;
}

bool trailers_are_wanted(const struct http_head *head)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_TE);
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        struct slice coding;
        while (http_list_next(&rest, &coding))
            if (slice_equal_nocase(coding, SLICE_LIT("trailers")))
                return true;
    }
    return false;
}
