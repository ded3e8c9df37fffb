/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/range.h"

#include "lib/base/text.h"
#include "lib/http/http.h"
#include "lib/http/scan.h"

enum spec {
    SPEC_PART,
    SPEC_UNSATISFIABLE,
    SPEC_MALFORMED,
};

static enum spec parse_spec(struct slice text, uint64_t content_bytes, struct http_range *ret_part);
static void add(struct http_ranges *ranges, struct http_range part);

enum http_range_answer http_ranges_parse(struct slice field, uint64_t content_bytes, struct http_ranges *ret_ranges)
{
    struct http_ranges ranges = {.count = 0};
    struct slice rest = field;
    struct slice element;
    size_t count = 0;
    if (!slice_equal_nocase(slice_cut(&rest, '='), SLICE_LIT("bytes")) || !rest.ptr)
        return HTTP_RANGE_WHOLE;
    while (http_list_next(&rest, &element)) {
        struct http_range part;
        enum spec spec = ++count > HTTP_RANGES_MAX ? SPEC_MALFORMED : parse_spec(element, content_bytes, &part);
        if (spec == SPEC_MALFORMED)
            return HTTP_RANGE_WHOLE;
        if (spec == SPEC_PART)
            add(&ranges, part);
    }
    for (uint32_t i = 0; i < ranges.count; i++) {
        uint64_t bytes = ranges.parts[i].last - ranges.parts[i].first + 1;
        if (bytes > content_bytes - ranges.bytes)
            return HTTP_RANGE_WHOLE;
        ranges.bytes += bytes;
    }
    if (count == 0 || content_bytes == 0) /* no Content-Range can describe a part of nothing */
        return HTTP_RANGE_WHOLE;
    if (ranges.count == 0)
        return HTTP_RANGE_UNSATISFIABLE;
    *ret_ranges = ranges;
    return HTTP_RANGE_PARTS;
}

/* Digits, not none. A number beyond 64 bits is beyond any content as well. */
static bool parse_position(struct slice text, uint64_t *ret_position)
{
    enum err err = text_parse_u64(text, ret_position);
    if (err == ERR_LIMIT)
        *ret_position = UINT64_MAX;
    return err == ERR_OK || err == ERR_LIMIT;
}

/* Section 14.1.2: first-pos "-" [ last-pos ], or "-" suffix-length. */
static enum spec parse_spec(struct slice text, uint64_t content_bytes, struct http_range *ret_part)
{
    struct slice last_text = text;
    struct slice first_text = slice_cut(&last_text, '-');
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    if (!last_text.ptr)
        return SPEC_MALFORMED;
    if (first_text.len == 0) {
        uint64_t suffix;
        if (!parse_position(last_text, &suffix))
            return SPEC_MALFORMED;
        if (suffix == 0 || content_bytes == 0)
            return SPEC_UNSATISFIABLE;
        *ret_part = (struct http_range){content_bytes - MIN(suffix, content_bytes), content_bytes - 1};
        return SPEC_PART;
    }
    if (!parse_position(first_text, &first) || (last_text.len > 0 && !parse_position(last_text, &last)) || first > last)
        return SPEC_MALFORMED;
    if (first >= content_bytes)
        return SPEC_UNSATISFIABLE;
    *ret_part = (struct http_range){first, MIN(last, content_bytes - 1)};
    return SPEC_PART;
}

static void add(struct http_ranges *ranges, struct http_range part)
{
    struct http_range *before = ranges->count > 0 ? &ranges->parts[ranges->count - 1] : NULL;
    if (before && part.first >= before->first && part.first <= before->last + 1)
        before->last = MAX(before->last, part.last);
    else
        ranges->parts[ranges->count++] = part;
}

static size_t put(char *out, size_t at, struct slice text)
{
    memcpy(out + at, text.ptr, text.len);
    return at + text.len;
}

size_t http_content_range_format(char out[HTTP_CONTENT_RANGE_BYTES_MAX], struct http_range part, uint64_t content_bytes)
{
    size_t len = put(out, 0, SLICE_LIT("bytes "));
    len += text_format_u64(out + len, part.first);
    len = put(out, len, SLICE_LIT("-"));
    len += text_format_u64(out + len, part.last);
    len = put(out, len, SLICE_LIT("/"));
    return len + text_format_u64(out + len, content_bytes);
}

size_t http_content_range_format_none(char out[HTTP_CONTENT_RANGE_BYTES_MAX], uint64_t content_bytes)
{
    size_t len = put(out, 0, SLICE_LIT("bytes */"));
    return len + text_format_u64(out + len, content_bytes);
}
