/* SPDX-License-Identifier: Apache-2.0 */
/* Heads. The lines of registered status codes are made at compile time. */
#include "lib/http/http1.h"

#include "lib/base/text.h"
#include "lib/http/scan.h"

#define STATUS_LOWEST  100
#define STATUS_HIGHEST 999

static const struct slice status_lines[] = {
#define STATUS(code, text)                                                                                             \
    [(code) - STATUS_LOWEST] = {"HTTP/1.1 " #code " " text "\r\n", sizeof("HTTP/1.1 " #code " " text "\r\n") - 1},
#include "lib/http/statuses.def"
#undef STATUS
};

#define STATUS_LINE_BYTES_MAX 64
#define LENGTH_BYTES_MAX      40 /* "Content-Length: 18446744073709551615" CRLF */
#define STATUS(code, text)                                                                                             \
    _Static_assert(sizeof("HTTP/1.1 " #code " " text "\r\n") <= STATUS_LINE_BYTES_MAX, "a status line fits");
#include "lib/http/statuses.def"
#undef STATUS
_Static_assert(STATUS_LINE_BYTES_MAX + LENGTH_BYTES_MAX + sizeof "Content-Type: \r\n" +
                       sizeof "Connection: keep-alive\r\n" + sizeof "Transfer-Encoding: chunked\r\n\r\n" <=
                   HTTP1_HEAD_BYTES,
               "a head without its texts fits");

void http1_writer_init(struct http1_writer *writer, char *memory, size_t capacity)
{
    *writer = (struct http1_writer){.ptr = memory, .capacity = capacity};
}

/* Room for `len` bytes, or NULL and is_cut. Once something was left out, nothing more is written. */
static inline char *claim(struct http1_writer *writer, size_t len)
{
    if (UNLIKELY(writer->capacity - writer->len < len || writer->is_cut)) {
        writer->is_cut = true;
        return NULL;
    }
    char *room = writer->ptr + writer->len;
    writer->len += len;
    return room;
}

/* The space before the absent reason is required, RFC 9112 section 4. */
static char *put_unregistered(char *out, int status)
{
    char line[] = "HTTP/1.1 000 \r\n";
    line[9] = (char)('0' + status / 100);
    line[10] = (char)('0' + status / 10 % 10);
    line[11] = (char)('0' + status % 10);
    return slice_put(out, slice_of(line, sizeof line - 1));
}

char *http1_put_status(char *out, int status)
{
    ASSERT(status >= STATUS_LOWEST && status <= STATUS_HIGHEST, "a status code has three digits");
    size_t index = (size_t)(status - STATUS_LOWEST);
    bool is_registered = index < ARRAY_LEN(status_lines) && status_lines[index].ptr;
    return LIKELY(is_registered) ? slice_put(out, status_lines[index]) : put_unregistered(out, status);
}

void http1_write_prebuilt(struct http1_writer *writer, struct slice lines)
{
    char *room = claim(writer, lines.len);
    if (room)
        slice_put(room, lines);
}

void http1_write_status(struct http1_writer *writer, int status)
{
    char line[STATUS_LINE_BYTES_MAX];
    char *end = http1_put_status(line, status);
    http1_write_prebuilt(writer, slice_of(line, (size_t)(end - line)));
}

static inline bool is_all(scan_fn find, struct slice text)
{
    return text.len == 0 || find(text.ptr, text.ptr, text.ptr + text.len) == text.ptr + text.len;
}

void http1_write_request(struct http1_writer *writer, struct slice method, struct slice target)
{
    const struct scan *scan = scan_best;
    bool is_good = method.len > 0 && target.len > 0 && is_all(scan->tchar, method) && is_all(scan->target, target);
    if (UNLIKELY(!is_good)) {
        writer->is_refused = true;
        return;
    }
    struct slice version = SLICE_LIT(" HTTP/1.1\r\n");
    char *room = claim(writer, method.len + 1 + target.len + version.len);
    if (!room)
        return;
    room = slice_put(room, method);
    room = slice_put(room, SLICE_LIT(" "));
    room = slice_put(room, target);
    slice_put(room, version);
}

static inline void write_line(struct http1_writer *writer, struct slice name, struct slice value)
{
    char *room = claim(writer, name.len + 2 + value.len + 2);
    if (!room)
        return;
    room = slice_put(room, name);
    room = slice_put(room, SLICE_LIT(": "));
    room = slice_put(room, value);
    slice_put(room, SLICE_LIT("\r\n"));
}

void http1_write_field(struct http1_writer *writer, struct slice name, struct slice value)
{
    if (UNLIKELY(name.len == 0 || !is_all(scan_best->tchar, name)))
        writer->is_refused = true;
    else
        http1_write_named(writer, name, value);
}

void http1_write_named(struct http1_writer *writer, struct slice name, struct slice value)
{
    const char *end = value.ptr + value.len;
    if (UNLIKELY(value.len > 0 && scan_value(scan_best, value.ptr, value.ptr, end) != end))
        writer->is_refused = true;
    else
        write_line(writer, name, value);
}

void http1_write_parsed(struct http1_writer *writer, const struct http_header *header)
{
    write_line(writer, header->name, header->value);
}

static inline char *put_length(char *out, uint64_t length)
{
    out = slice_put(out, SLICE_LIT("Content-Length: "));
    out += text_format_u64(out, length);
    return slice_put(out, SLICE_LIT("\r\n"));
}

void http1_write_length(struct http1_writer *writer, uint64_t length)
{
    char line[LENGTH_BYTES_MAX];
    char *end = put_length(line, length);
    http1_write_prebuilt(writer, slice_of(line, (size_t)(end - line)));
}

void http1_write_end(struct http1_writer *writer)
{
    http1_write_prebuilt(writer, SLICE_LIT("\r\n"));
}

static inline char *put_field(char *out, struct slice name, struct slice value)
{
    char *place = slice_put(slice_put(out, name), SLICE_LIT(": "));
    if (UNLIKELY(!scan_put_value(place, value)))
        return out;
    return slice_put(place + value.len, SLICE_LIT("\r\n"));
}

char *http1_put_field(char *out, struct slice name, struct slice value)
{
    return put_field(out, name, value);
}

char *http1_put_content(char *out, struct slice type, uint64_t length)
{
    if (type.len)
        out = put_field(out, SLICE_LIT("Content-Type"), type);
    return length == HTTP1_NO_LENGTH ? out : put_length(out, length);
}
