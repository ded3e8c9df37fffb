/* SPDX-License-Identifier: Apache-2.0 */
/* From content to answer: conditions first (RFC 9110 section 13.2.2), then ranges (section 14), then the whole. */
#include "lib/http/conditional.h"
#include "lib/http/date.h"
#include "pipeline/files/files_int.h"

#define SEGMENTS_MAX (2 * HTTP_RANGES_MAX + 1)

static enum verdict add_fields(struct request *request, const struct content *content);
static enum verdict answer_ranges(struct request *request, const struct content *content, uint32_t field_count);
static enum verdict answer_whole(struct request *request, const struct content *content);
static enum verdict answer_part(struct request *request, const struct content *content, struct http_range part);
static enum verdict answer_parts(struct request *request, const struct content *content,
                                 const struct http_ranges *ranges);
static enum verdict refuse_range(struct request *request, const struct content *content);

/* A refusal is not the content: it has none of its fields, or a cache would keep it as long. */
static enum verdict refuse(struct request *request, uint32_t field_count, enum problem problem, const char *detail)
{
    request->response.field_count = field_count;
    return request_fail(request, problem, "%s", detail);
}

enum verdict content_answer(struct request *request, const struct content *content)
{
    uint32_t field_count = request->response.field_count;
    const struct http_validators validators = {
        .etag = content->etag, .modified_s = content->modified_s, .has_modified = content->has_modified};
    if (add_fields(request, content) == VERDICT_FAIL)
        return VERDICT_FAIL;
    switch (http_condition_check(&request->head, &validators)) {
    case HTTP_CONDITION_NOT_MODIFIED:
        response_set(request, 304, "", (struct slice){NULL, 0});
        return VERDICT_NEXT;
    case HTTP_CONDITION_FAILED:
        return refuse(request, field_count, PROBLEM_PRECONDITION_FAILED,
                      "The content is not the one that the request is for.");
    case HTTP_CONDITION_PROCEED:
        break;
    }
    counter_add(&request->worker->meter.files_sent, 1);
    /* Ranges are of GET alone (section 14.2). */
    if (request->head.method == HTTP_METHOD_GET && http_head_find(&request->head, HTTP_FIELD_RANGE) &&
        http_range_applies(&request->head, &validators))
        return answer_ranges(request, content, field_count);
    return answer_whole(request, content);
}

/* Those that a 304 has as well (section 15.4.5). Last-Modified must not be in the future (section 8.8.2.1). */
static enum verdict add_fields(struct request *request, const struct content *content)
{
    response_field_add(request, "ETag", content->etag);
    if (content->has_modified) {
        char *date = arena_alloc(&request->arena, HTTP_DATE_BYTES);
        if (!date)
            return request_fail_memory(request);
        http_date_format(date, content->modified_s);
        response_field_add(request, "Last-Modified", slice_of(date, HTTP_DATE_BYTES));
    }
    if (content->cache_control.len)
        response_field_add(request, "Cache-Control", content->cache_control);
    if (content->is_varying)
        response_field_add(request, "Vary", SLICE_LIT("Accept-Encoding"));
    return VERDICT_NEXT;
}

static void add_coding(struct request *request, const struct content *content)
{
    if (content->coding != CODING_IDENTITY)
        response_field_add(request, "Content-Encoding", slice_of_text(coding_name(content->coding)));
}

static struct segment part_of(const struct content *content, struct http_range part)
{
    uint64_t bytes = part.last - part.first + 1;
    if (content->fd < 0)
        return (struct segment){.text = slice_of(content->memory.ptr + part.first, bytes)};
    return (struct segment){.offset = part.first, .bytes = bytes};
}

static enum verdict answer_whole(struct request *request, const struct content *content)
{
    add_coding(request, content);
    response_field_add(request, "Accept-Ranges", SLICE_LIT("bytes"));
    response_set(request, 200, content->media_type, (struct slice){NULL, 0});
    if (content->bytes == 0)
        return VERDICT_NEXT;
    const struct segment whole = part_of(content, (struct http_range){0, content->bytes - 1});
    return segments_answer(request, content->fd, &whole, 1);
}

static enum verdict answer_ranges(struct request *request, const struct content *content, uint32_t field_count)
{
    struct http_ranges ranges;
    switch (http_ranges_parse(request_header(request, HTTP_FIELD_RANGE), content->bytes, &ranges)) {
    case HTTP_RANGE_PARTS:
        add_coding(request, content);
        return ranges.count == 1 ? answer_part(request, content, ranges.parts[0])
                                 : answer_parts(request, content, &ranges);
    case HTTP_RANGE_UNSATISFIABLE:
        request->response.field_count = field_count;
        return refuse_range(request, content);
    case HTTP_RANGE_WHOLE:
        break;
    }
    return answer_whole(request, content);
}

static enum verdict answer_part(struct request *request, const struct content *content, struct http_range part)
{
    char *range = arena_alloc(&request->arena, HTTP_CONTENT_RANGE_BYTES_MAX);
    if (!range)
        return request_fail_memory(request);
    response_field_add(request, "Content-Range",
                       slice_of(range, http_content_range_format(range, part, content->bytes)));
    response_set(request, 206, content->media_type, (struct slice){NULL, 0});
    const struct segment segment = part_of(content, part);
    return segments_answer(request, content->fd, &segment, 1);
}

static enum verdict refuse_range(struct request *request, const struct content *content)
{
    char *range = arena_alloc(&request->arena, HTTP_CONTENT_RANGE_BYTES_MAX);
    if (!range)
        return request_fail_memory(request);
    response_field_add(request, "Content-Range",
                       slice_of(range, http_content_range_format_none(range, content->bytes)));
    return request_fail(request, PROBLEM_RANGE_NOT_SATISFIABLE, "The content has %llu bytes.",
                        (unsigned long long)content->bytes);
}

/* Section 14.6: multipart/byteranges. The boundary is 128 random bits: it does not stand in the content. */
static struct slice make_boundary(struct request *request)
{
    return arena_printf(&request->arena, "%016llx%016llx", (unsigned long long)worker_random(request->worker),
                        (unsigned long long)worker_random(request->worker));
}

static struct slice make_part_head(struct request *request, const struct content *content, struct slice boundary,
                                   struct http_range part)
{
    char range[HTTP_CONTENT_RANGE_BYTES_MAX];
    size_t len = http_content_range_format(range, part, content->bytes);
    return arena_printf(&request->arena, "\r\n--" SLICE_FMT "\r\nContent-Type: %s\r\nContent-Range: %.*s\r\n\r\n",
                        SLICE_ARG(boundary), content->media_type, (int)len, range);
}

static enum verdict answer_parts(struct request *request, const struct content *content,
                                 const struct http_ranges *ranges)
{
    struct segment segments[SEGMENTS_MAX];
    uint32_t count = 0;
    struct slice boundary = make_boundary(request);
    struct slice type = arena_printf(&request->arena, "multipart/byteranges; boundary=" SLICE_FMT, SLICE_ARG(boundary));
    struct slice end = arena_printf(&request->arena, "\r\n--" SLICE_FMT "--\r\n", SLICE_ARG(boundary));
    if (!boundary.ptr || !type.ptr || !end.ptr)
        return request_fail_memory(request);
    for (uint32_t i = 0; i < ranges->count; i++) {
        struct slice head = make_part_head(request, content, boundary, ranges->parts[i]);
        if (!head.ptr)
            return request_fail_memory(request);
        segments[count++] = (struct segment){.text = head};
        segments[count++] = part_of(content, ranges->parts[i]);
    }
    segments[count++] = (struct segment){.text = end};
    response_set(request, 206, type.ptr, (struct slice){NULL, 0});
    return segments_answer(request, content->fd, segments, count);
}
