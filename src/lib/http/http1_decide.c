/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a head say together: which host, how long the body, whether the connection stays. Every function
 * here turns down what another reader could decide otherwise. */
#include "lib/http/http1_int.h"

#include "lib/http/url.h"

static enum http1_fault decide_target(struct http_head *head);
static enum http1_fault decide_host(struct http_head *head, const char *last_block);
static enum http1_fault decide_rest(struct http_head *head);
static enum http1_fault decide_framing(struct http_head *head);
static void decide_keep_alive(struct http_head *head);

#define BIT(field) (UINT64_C(1) << HTTP_FIELD_##field)

/* Most requests have no field that decides anything but Host: one look at the bits passes over the others. */
enum http1_fault http1_decide(struct http_head *head, const char *last_block)
{
    const uint64_t others = BIT(TRANSFER_ENCODING) | BIT(CONTENT_LENGTH) | BIT(EXPECT) | BIT(CONNECTION);
    enum http1_fault fault = LIKELY(head->is_target_plain) ? HTTP1_FAULT_NONE : decide_target(head);
    head->is_keep_alive = head->version_minor > 0;
    if (LIKELY(fault == HTTP1_FAULT_NONE))
        fault = decide_host(head, last_block);
    if (LIKELY(fault == HTTP1_FAULT_NONE) && head->present & others)
        fault = decide_rest(head);
    return fault;
}

/* The four forms of RFC 9112 section 3.2. Host must be there and valid even where an absolute target overrides it. */
static enum http1_fault decide_target(struct http_head *head)
{
    struct slice target = head->target;
    if (slice_starts(target, SLICE_LIT("/")))
        return HTTP1_FAULT_NONE;
    if (slice_is(target, "*"))
        return head->method == HTTP_METHOD_OPTIONS ? HTTP1_FAULT_NONE : HTTP1_FAULT_TARGET_INVALID;
    struct url_target url;
    if (url_target_parse(target, &url) != ERR_OK || url.form != URL_ABSOLUTE)
        return HTTP1_FAULT_TARGET_INVALID;
    head->host = url.authority;
    return HTTP1_FAULT_NONE;
}

/* An empty Host would make an http URL without a host, which RFC 9110 section 4.2.1 has us reject. */
static enum http1_fault decide_host(struct http_head *head, const char *last_block)
{
    const struct http_header *host = http_head_find(head, HTTP_FIELD_HOST);
    if (!host)
        return head->version_minor == 0 ? HTTP1_FAULT_NONE : HTTP1_FAULT_HOST_MISSING;
    /* The line end stops the search, so that it may look at whole blocks of what follows. */
    const char *stop = scan_inside(scan_outside_plain_host, host->value.ptr, last_block);
    size_t name_len = (size_t)(stop - host->value.ptr);
    bool is_plain = name_len > 0 && http_is_port(slice_skip(host->value, name_len));
    if (!is_plain && !http_is_authority(host->value))
        return HTTP1_FAULT_HOST_INVALID;
    if (!head->host.ptr)
        head->host = host->value;
    return HTTP1_FAULT_NONE;
}

static enum http1_fault decide_rest(struct http_head *head)
{
    enum http1_fault fault = decide_framing(head);
    if (fault == HTTP1_FAULT_NONE)
        fault = http_head_read_expectation(head);
    decide_keep_alive(head);
    return fault;
}

/* Adds one Transfer-Encoding line to what is known. Empty elements and parameters are refused: the list must leave no
 * doubt, and no client sends them. */
static enum http1_fault add_codings(struct slice list, bool *is_chunked, bool *has_unknown)
{
    do {
        struct slice coding = slice_trim(slice_cut(&list, ','));
        if (!http_is_token(coding))
            return HTTP1_FAULT_CODING_INVALID;
        bool is_it = SCAN_IS_WORD(coding, "chunked");
        if (*is_chunked)
            return is_it ? HTTP1_FAULT_CODING_CHUNKED_TWICE : HTTP1_FAULT_CODING_AFTER_CHUNKED;
        *is_chunked |= is_it;
        *has_unknown |= !is_it;
    } while (list.ptr);
    return HTTP1_FAULT_NONE;
}

static enum http1_fault decide_chunked(struct http_head *head, const struct http_header *header)
{
    bool has_unknown = false;
    if (head->version_minor == 0)
        return HTTP1_FAULT_CODING_IN_HTTP10;
    if (http_head_find(head, HTTP_FIELD_CONTENT_LENGTH))
        return HTTP1_FAULT_LENGTH_WITH_CODING;
    for (; header; header = http_head_find_next(head, header)) {
        enum http1_fault fault = add_codings(header->value, &head->is_chunked, &has_unknown);
        if (fault != HTTP1_FAULT_NONE)
            return fault;
    }
    head->has_body = true;
    return has_unknown ? HTTP1_FAULT_CODING_UNKNOWN : HTTP1_FAULT_NONE;
}

/* RFC 9112 section 6.3. */
static enum http1_fault decide_framing(struct http_head *head)
{
    const struct http_header *coding = http_head_find(head, HTTP_FIELD_TRANSFER_ENCODING);
    return coding ? decide_chunked(head, coding) : http_head_read_length(head);
}

/* Of the statuses that never have a body 304 and 200 to HEAD may say how long it would have been; a 1xx or 204 must not
 * (RFC 9110 section 8.6), and if it says so all the same, whoever believes it waits for what never comes, or takes the
 * next response for it. A zero does no harm and is common. */
static enum http1_fault decide_bodyless(struct http_head *head)
{
    bool is_forbidden = head->status < 200 || head->status == 204;
    if (is_forbidden && head->has_body)
        return HTTP1_FAULT_BODY_FORBIDDEN;
    head->has_body = false;
    return HTTP1_FAULT_NONE;
}

enum http1_fault http1_decide_response(struct http_head *head, enum http_method method)
{
    enum http1_fault fault = decide_framing(head);
    decide_keep_alive(head);
    if (fault != HTTP1_FAULT_NONE)
        return fault;
    if (!http_status_may_have_body(head->status) || method == HTTP_METHOD_HEAD)
        return decide_bodyless(head);
    head->is_until_close = !head->is_chunked && !head->has_content_length;
    head->has_body |= head->is_until_close;
    head->is_keep_alive &= !head->is_until_close;
    return HTTP1_FAULT_NONE;
}

/* RFC 9112 section 9.3: close wins over keep-alive. */
static void decide_keep_alive(struct http_head *head)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_CONNECTION);
    bool wants_close = false;
    bool wants_keep_alive = head->version_minor > 0;
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        if (LIKELY(SCAN_IS_WORD(rest, "keep-alive"))) {
            wants_keep_alive = true;
            continue;
        }
        while (rest.ptr) {
            struct slice option = slice_trim(slice_cut(&rest, ','));
            wants_close |= SCAN_IS_WORD(option, "close");
            wants_keep_alive |= SCAN_IS_WORD(option, "keep-alive");
        }
    }
    head->is_keep_alive = wants_keep_alive && !wants_close;
}
