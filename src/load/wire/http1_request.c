/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as bytes of HTTP/1.1. */
#include "load/wire/link_int.h"

#define LINES_BYTES 128 /* what is fixed: version, names, Connection, a length */

size_t load_request_http1_bytes_max(const struct load_request *request, const struct load_target *target)
{
    size_t bytes = LINES_BYTES + request->method.len + request->path.len + target->authority.len + request->body.len;
    for (uint32_t i = 0; i < request->field_count; i++)
        bytes += http1_field_bytes(request->fields[i].name, request->fields[i].value);
    return bytes;
}

static bool has_host(const struct load_request *request)
{
    for (uint32_t i = 0; i < request->field_count; i++)
        if (slice_equal_nocase(request->fields[i].name, SLICE_LIT("host")))
            return true;
    return false;
}

enum err load_request_put_http1(const struct load_request *request, const struct load_target *target,
                                bool is_kept_alive, char *place, size_t capacity, size_t *ret_bytes)
{
    struct http1_writer writer;
    http1_writer_init(&writer, place, capacity);
    http1_write_request(&writer, request->method, request->path);
    if (!has_host(request))
        http1_write_named(&writer, SLICE_LIT("Host"), target->authority);
    for (uint32_t i = 0; i < request->field_count; i++)
        http1_write_field(&writer, request->fields[i].name, request->fields[i].value);
    if (request->body.len || http_method_wants_body(http_method_parse(request->method)))
        http1_write_length(&writer, request->body.len);
    if (!is_kept_alive)
        http1_write_named(&writer, SLICE_LIT("Connection"), SLICE_LIT("close"));
    http1_write_end(&writer);
    if (writer.is_refused)
        return ERR_SYNTAX;
    if (writer.is_cut || capacity - writer.len < request->body.len)
        return ERR_LIMIT;
    if (request->body.len)
        memcpy(place + writer.len, request->body.ptr, request->body.len);
    *ret_bytes = writer.len + request->body.len;
    return ERR_OK;
}

enum err load_request_write_http1(const struct load_request *request, const struct load_target *target,
                                  bool is_kept_alive, struct arena *arena, struct slice *ret_bytes)
{
    size_t capacity = load_request_http1_bytes_max(request, target);
    size_t bytes;
    char *place = arena_alloc(arena, capacity);
    if (!place)
        return ERR_NOMEM;
    TRY(load_request_put_http1(request, target, is_kept_alive, place, capacity, &bytes));
    *ret_bytes = slice_of(place, bytes);
    return ERR_OK;
}
