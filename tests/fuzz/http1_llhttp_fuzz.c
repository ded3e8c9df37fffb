/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The request parser beside llhttp, the parser of Node.js, in its strict mode: both read the same bytes as a connection
 * and must see the same requests: method, target, version, fields, framing, decoded body, whether the connection stays
 * and where the next request begins. Where they differ, the difference belongs to a row of http1_llhttp_classes.c, whose sentence of
 * an RFC decides it for us; anything else is a failure. Each row proves itself from the bytes, not from what either
 * parser says about them, so that a fault raised for no reason is not forgiven.
 *
 * llhttp is compiled from where Debian's node-llhttp puts its source. Without it the target is skipped. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef HAVE_LLHTTP

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)data;
    (void)size;
    puts("skipped: the source of llhttp (Debian: node-llhttp) was not found when this was built");
    exit(77);
}

#else

#include "fuzz/http1_llhttp.h"
#include "lib/http/chunked.h"

#include <llhttp.h>

/* Ours. */

static bool is_method_known(const char *name)
{
    for (int method = HTTP_DELETE; method <= HTTP_SOURCE; method++)
        if (strcmp(llhttp_method_name((llhttp_method_t)method), name) == 0)
            return true;
    return false;
}

static void read_body(struct slice rest, const struct http_head *head, struct reading *out)
{
    static char copy[INPUT_BYTES_MAX];
    if (!head->is_chunked) {
        out->body_len = MIN(rest.len, head->content_length);
        memcpy(out->body, rest.ptr, out->body_len);
        out->outcome = out->body_len == head->content_length ? COMPLETE : UNDECIDED;
        out->bytes = head->head_bytes + out->body_len;
        return;
    }
    struct chunked chunked;
    struct chunked_limits limits = {UINT64_MAX, UINT32_MAX, UINT32_MAX};
    struct chunked_result result;
    chunked_init(&chunked, &limits);
    memcpy(copy, rest.ptr, rest.len);
    if (chunked_decode(&chunked, copy, rest.len, &result) != ERR_OK) {
        out->outcome = REFUSED;
        out->fault = chunked.fault;
        return;
    }
    out->outcome = result.is_done ? COMPLETE : UNDECIDED;
    out->body_len = result.produced;
    memcpy(out->body, copy, result.produced);
    out->bytes = head->head_bytes + result.consumed;
}

static void read_as_weir(struct slice input, struct reading *out)
{
    static struct http_header headers[HEADERS_MAX];
    static const struct http1_limits limits = {
        .head_bytes_max = INPUT_BYTES_MAX * 2, .target_bytes_max = INPUT_BYTES_MAX, .header_count_max = HEADERS_MAX};
    struct http1_parser parser;
    struct http_head head;
    *out = (struct reading){0};
    http1_parser_init(&parser, &limits);
    head.headers = headers;
    enum err err = http1_request_parse(&parser, input, &head);
    out->fault = parser.fault;
    out->outcome = err == ERR_AGAIN ? UNDECIDED : REFUSED;
    if (err != ERR_OK)
        return;
    memcpy(out->method, head.method_text.ptr, head.method_text.len);
    memcpy(out->target, head.target.ptr, head.target.len);
    out->version_major = head.version_major;
    out->version_minor = head.version_minor;
    out->field_count = head.header_count;
    for (size_t i = 0; i < head.header_count; i++) {
        out->fields[i].name = headers[i].name;
        out->fields[i].value = headers[i].value;
    }
    out->is_method_known = is_method_known(out->method);
    out->is_chunked = head.is_chunked;
    out->has_content_length = head.has_content_length;
    out->content_length = head.content_length;
    out->is_keep_alive = head.is_keep_alive;
    read_body(slice_skip(input, head.head_bytes), &head, out);
}

/* llhttp's. */

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    char *target = ((struct reading *)parser->data)->target;
    memcpy(target + strlen(target), at, len);
    return 0;
}

static void append(struct reading *out, struct slice *to, const char *at, size_t len)
{
    if (!to->ptr)
        to->ptr = out->text + out->text_len;
    memcpy(out->text + out->text_len, at, len);
    out->text_len += len;
    to->len += len;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct reading *out = parser->data;
    if (!out->is_in_trailers)
        append(out, &out->fields[out->field_count].name, at, len);
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct reading *out = parser->data;
    if (!out->is_in_trailers)
        append(out, &out->fields[out->field_count].value, at, len);
    return 0;
}

static int on_header_value_complete(llhttp_t *parser)
{
    struct reading *out = parser->data;
    if (!out->is_in_trailers)
        out->field_count++;
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct reading *out = parser->data;
    const char *method = llhttp_method_name((llhttp_method_t)parser->method);
    memcpy(out->method, method, strlen(method));
    out->version_major = parser->http_major;
    out->version_minor = parser->http_minor;
    out->is_chunked = (parser->flags & F_CHUNKED) != 0;
    out->has_content_length = (parser->flags & F_CONTENT_LENGTH) != 0;
    out->content_length = parser->content_length;
    out->is_keep_alive = llhttp_should_keep_alive(parser) != 0;
    out->is_upgrade = parser->upgrade != 0;
    out->is_in_trailers = true;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct reading *out = parser->data;
    memcpy(out->body + out->body_len, at, len);
    out->body_len += len;
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    ((struct reading *)parser->data)->outcome = COMPLETE;
    return HPE_PAUSED;
}

static void read_as_llhttp(struct slice input, struct reading *out)
{
    llhttp_settings_t settings;
    llhttp_t parser;
    *out = (struct reading){0};
    llhttp_settings_init(&settings);
    settings.on_url = on_url;
    settings.on_header_field = on_header_field;
    settings.on_header_value = on_header_value;
    settings.on_header_value_complete = on_header_value_complete;
    settings.on_headers_complete = on_headers_complete;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = out;
    out->error = llhttp_execute(&parser, input.ptr, input.len);
    if (out->outcome == COMPLETE)
        out->bytes = (size_t)(llhttp_get_error_pos(&parser) - input.ptr);
    else if (out->error != HPE_OK)
        out->outcome = REFUSED;
}

static void fail(const struct dispute *dispute, const char *what)
{
    fprintf(stderr, "they disagree about %s: weir %d (fault %d), llhttp %d (error %s)\n%.*s\n", what,
            dispute->weir->outcome, dispute->weir->fault, dispute->llhttp->outcome,
            llhttp_errno_name((llhttp_errno_t)dispute->llhttp->error), (int)dispute->input.len, dispute->input.ptr);
    abort();
}

/* What differs between two complete readings beyond the classes, or NULL. */
static const char *difference(const struct dispute *dispute)
{
    const struct reading *a = dispute->weir;
    const struct reading *b = dispute->llhttp;
    if (strcmp(a->method, b->method) != 0)
        return "the method";
    if (strcmp(a->target, b->target) != 0)
        return "the target";
    if (a->version_major != b->version_major || a->version_minor != b->version_minor)
        return "the version";
    if (a->field_count != b->field_count)
        return "the number of fields";
    for (size_t i = 0; i < a->field_count; i++) {
        struct slice theirs = b->fields[i].value;
        if (!slice_equal(a->fields[i].name, b->fields[i].name))
            return "a name";
        bool has_space = theirs.len != slice_trim(theirs).len;
        if (!slice_equal(a->fields[i].value, slice_trim(theirs)) ||
            (has_space && !llhttp_class_forgives(dispute, VALUE)))
            return "a value";
    }
    if (a->is_chunked != b->is_chunked || a->has_content_length != b->has_content_length)
        return "the framing";
    if (!a->is_chunked && a->content_length != b->content_length)
        return "the length";
    if (a->body_len != b->body_len || memcmp(a->body, b->body, a->body_len) != 0)
        return "the body";
    if (a->is_keep_alive != b->is_keep_alive && !llhttp_class_forgives(dispute, STAYS))
        return "whether the connection stays";
    return a->bytes == b->bytes ? NULL : "where the next request begins";
}

/* True when both saw the same request and the next can be looked at. While one of them waits for more, a refusal of the
 * other is early and no disagreement. */
static bool compare(struct slice input, size_t *ret_bytes)
{
    static struct reading weir;
    static struct reading llhttp;
    struct dispute dispute = {input, &weir, &llhttp};
    read_as_weir(input, &weir);
    read_as_llhttp(input, &llhttp);
    if (llhttp.outcome == COMPLETE && weir.outcome != COMPLETE) {
        if (!llhttp_class_forgives(&dispute, ONLY_LLHTTP))
            fail(&dispute, "what only llhttp takes for a request");
        return false;
    }
    if (weir.outcome == COMPLETE && llhttp.outcome != COMPLETE) {
        if (!llhttp_class_forgives(&dispute, ONLY_WEIR))
            fail(&dispute, "what only weir takes for a request");
        return false;
    }
    if (weir.outcome != COMPLETE)
        return false;
    const char *what = difference(&dispute);
    if (what)
        fail(&dispute, what);
    *ret_bytes = weir.bytes;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_BYTES_MAX)
        return 0;
    struct slice rest = slice_of((const char *)data, size);
    size_t bytes = 0;
    for (unsigned i = 0; i < REQUESTS_MAX && rest.len > 0 && compare(rest, &bytes); i++)
        rest = slice_skip(rest, bytes);
    return 0;
}

#endif
