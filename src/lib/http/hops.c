/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/hops.h"

/* Cuts an element off at the next comma that is not in a comment. A comment may have comments in it, and a backslash takes
 * the meaning of the next character (RFC 9110 section 5.6.5); one that does not end goes to the end of the field. */
static struct slice cut_element(struct slice *rest)
{
    size_t depth = 0;
    size_t at = 0;
    for (; at < rest->len && (depth > 0 || rest->ptr[at] != ','); at++) {
        char byte = rest->ptr[at];
        if (byte == '(')
            depth++;
        else if (byte == ')' && depth > 0)
            depth--;
        else if (byte == '\\' && depth > 0 && at + 1 < rest->len)
            at++;
    }
    struct slice element = slice_first(*rest, at);
    *rest = slice_skip(*rest, MIN(at + 1, rest->len));
    return slice_trim(element);
}

static size_t word_len(struct slice text)
{
    size_t len = 0;
    while (len < text.len && text.ptr[len] != ' ' && text.ptr[len] != '\t' && text.ptr[len] != '(')
        len++;
    return len;
}

/* received-protocol RWS received-by [ RWS comment ] */
static struct slice received_by(struct slice element)
{
    struct slice rest = slice_trim(slice_skip(element, word_len(element)));
    return slice_first(rest, word_len(rest));
}

bool hops_have_been(const struct http_head *head, struct slice name)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_VIA);
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        while (rest.len > 0)
            if (slice_equal_nocase(received_by(cut_element(&rest)), name))
                return true;
    }
    return false;
}

enum err hops_left(const struct http_head *head, uint32_t *ret_count)
{
    bool is_bounded = head->method == HTTP_METHOD_OPTIONS || head->method == HTTP_METHOD_TRACE;
    const struct http_header *header = is_bounded ? http_head_find(head, HTTP_FIELD_MAX_FORWARDS) : NULL;
    uint64_t count = 0;
    if (!header)
        return ERR_NOT_FOUND;
    if (header->value.len == 0)
        return ERR_SYNTAX;
    for (size_t i = 0; i < header->value.len; i++) {
        char byte = header->value.ptr[i];
        if (byte < '0' || byte > '9')
            return ERR_SYNTAX;
        count = MIN(count * 10 + (uint64_t)(byte - '0'), (uint64_t)UINT32_MAX);
    }
    *ret_count = (uint32_t)count;
    return ERR_OK;
}
