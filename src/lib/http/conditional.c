/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/conditional.h"

#include "lib/http/date.h"

#define WEAK SLICE_LIT("W/")

typedef bool (*etag_equal)(struct slice a, struct slice b);

static bool any_etag_matches(const struct http_head *head, enum http_field field, struct slice etag, etag_equal equal);
static bool date_of(const struct http_head *head, enum http_field field, int64_t *ret_seconds);

static bool is_present(const struct http_head *head, enum http_field field)
{
    return head->present >> field & 1;
}

enum http_condition http_condition_check(const struct http_head *head, const struct http_validators *validators)
{
    bool is_read = head->method == HTTP_METHOD_GET || head->method == HTTP_METHOD_HEAD;
    int64_t date;
    if (is_present(head, HTTP_FIELD_IF_MATCH)) {
        if (!any_etag_matches(head, HTTP_FIELD_IF_MATCH, validators->etag, http_etag_equal_strong))
            return HTTP_CONDITION_FAILED;
    } else if (validators->has_modified && date_of(head, HTTP_FIELD_IF_UNMODIFIED_SINCE, &date)) {
        if (validators->modified_s > date)
            return HTTP_CONDITION_FAILED;
    }
    if (is_present(head, HTTP_FIELD_IF_NONE_MATCH)) {
        if (any_etag_matches(head, HTTP_FIELD_IF_NONE_MATCH, validators->etag, http_etag_equal_weak))
            return is_read ? HTTP_CONDITION_NOT_MODIFIED : HTTP_CONDITION_FAILED;
    } else if (is_read && validators->has_modified && date_of(head, HTTP_FIELD_IF_MODIFIED_SINCE, &date)) {
        if (validators->modified_s <= date)
            return HTTP_CONDITION_NOT_MODIFIED;
    }
    return HTTP_CONDITION_PROCEED;
}

/* Dates must be equal, and a date is a strong validator only of what did not change twice in a second (section
 * 8.8.2.2), which we cannot know: but a client may use one only when it got no entity tag, and we always send one. A
 * date that comes all the same is compared exactly. */
bool http_range_applies(const struct http_head *head, const struct http_validators *validators)
{
    int64_t date;
    if (!is_present(head, HTTP_FIELD_IF_RANGE))
        return true;
    struct slice value = http_head_value(head, HTTP_FIELD_IF_RANGE);
    if (http_etag_is_valid(value))
        return http_etag_equal_strong(value, validators->etag);
    return validators->has_modified && date_of(head, HTTP_FIELD_IF_RANGE, &date) && date == validators->modified_s;
}

/* A date that cannot be read is as good as none (sections 13.1.3 and 13.1.4). */
static bool date_of(const struct http_head *head, enum http_field field, int64_t *ret_seconds)
{
    struct slice value = http_head_value(head, field);
    return value.ptr && http_date_parse(value, ret_seconds) == ERR_OK;
}

/* Cuts an entity tag from the front; empty when there is none. A backslash is a byte like any other in it. */
static struct slice cut_etag(struct slice *rest)
{
    size_t at = slice_starts(*rest, WEAK) ? WEAK.len : 0;
    size_t end;
    if (at >= rest->len || rest->ptr[at] != '"')
        return (struct slice){NULL, 0};
    for (end = at + 1; end < rest->len && rest->ptr[end] != '"'; end++)
        if ((unsigned char)rest->ptr[end] < 0x21 || rest->ptr[end] == 0x7f)
            return (struct slice){NULL, 0};
    if (end == rest->len)
        return (struct slice){NULL, 0};
    struct slice etag = slice_first(*rest, end + 1);
    *rest = slice_skip(*rest, end + 1);
    return etag;
}

bool http_etag_is_valid(struct slice etag)
{
    return cut_etag(&etag).len > 0 && etag.len == 0;
}

bool http_etag_equal_strong(struct slice a, struct slice b)
{
    return a.len > 0 && slice_equal(a, b) && !slice_starts(a, WEAK);
}

static struct slice opaque_of(struct slice etag)
{
    return slice_starts(etag, WEAK) ? slice_skip(etag, WEAK.len) : etag;
}

bool http_etag_equal_weak(struct slice a, struct slice b)
{
    return a.len > 0 && slice_equal(opaque_of(a), opaque_of(b));
}

/* One field's value: "*", or #entity-tag. After a malformed element nothing more is believed. */
static bool list_matches(struct slice list, struct slice etag, etag_equal equal)
{
    if (slice_is(slice_trim(list), "*"))
        return true;
    for (;;) {
        while (list.len > 0 && (list.ptr[0] == ' ' || list.ptr[0] == '\t' || list.ptr[0] == ','))
            list = slice_skip(list, 1);
        struct slice each = cut_etag(&list);
        list = slice_trim(list);
        if (each.len == 0 || (list.len > 0 && list.ptr[0] != ','))
            return false;
        if (equal(each, etag))
            return true;
    }
}

static bool any_etag_matches(const struct http_head *head, enum http_field field, struct slice etag, etag_equal equal)
{
    for (const struct http_header *header = http_head_find(head, field); header;
         header = http_head_find_next(head, header))
        if (list_matches(header->value, etag, equal))
            return true;
    return false;
}
