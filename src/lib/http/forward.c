/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/forward.h"

#define ALWAYS_DROPPED                                                                                                 \
    (FORWARD_BIT(HTTP_FIELD_CONNECTION) | FORWARD_BIT(HTTP_FIELD_KEEP_ALIVE) |                                         \
     FORWARD_BIT(HTTP_FIELD_PROXY_AUTHORIZATION) | FORWARD_BIT(HTTP_FIELD_PROXY_CONNECTION) |                          \
     FORWARD_BIT(HTTP_FIELD_TE) | FORWARD_BIT(HTTP_FIELD_TRANSFER_ENCODING) | FORWARD_BIT(HTTP_FIELD_UPGRADE))

void forward_filter_init(struct forward_filter *filter, const struct http_head *head, uint64_t also)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_CONNECTION);
    *filter = (struct forward_filter){.head = head, .dropped = ALWAYS_DROPPED | also};
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        struct slice option;
        while (http_list_next(&rest, &option)) {
            enum http_field field = http_is_token(option) ? http_field_parse(option) : HTTP_FIELD_OTHER;
            if (field != HTTP_FIELD_OTHER)
                filter->dropped |= FORWARD_BIT(field);
            else
                filter->has_named |= !slice_equal_nocase(option, SLICE_LIT("close"));
        }
    }
}

static bool is_named(const struct http_head *head, struct slice name)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_CONNECTION);
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        struct slice option;
        while (http_list_next(&rest, &option))
            if (slice_equal_nocase(option, name))
                return true;
    }
    return false;
}

static bool is_of_proxy(struct slice name)
{
    struct slice proxy = SLICE_LIT("proxy");
    if (name.len < proxy.len || !slice_equal_nocase(slice_first(name, proxy.len), proxy))
        return false;
    return name.len == proxy.len || name.ptr[proxy.len] == '-';
}

bool forward_is_other_dropped(const struct forward_filter *filter, struct slice name)
{
    return is_of_proxy(name) || (filter->has_named && is_named(filter->head, name));
}

static void add(struct http1_writer *writer, struct slice text)
{
    http1_write_prebuilt(writer, text);
}

/* All that was there with this id, each followed by ", ". */
static void write_before(struct http1_writer *writer, const struct forward_origin *origin, enum http_field field)
{
    const struct http_header *header = origin->before ? http_head_find(origin->before, field) : NULL;
    for (; header; header = http_head_find_next(origin->before, header)) {
        if (header->value.len == 0)
            continue;
        add(writer, header->value);
        add(writer, SLICE_LIT(", "));
    }
}

/* Keeps what a believed gateway said, or says it. */
static void write_kept(struct http1_writer *writer, const struct forward_origin *origin, enum http_field field,
                       struct slice line, struct slice value)
{
    struct slice kept = origin->before ? http_head_value(origin->before, field) : (struct slice){NULL, 0};
    if (kept.len == 0 && value.len == 0)
        return;
    add(writer, line);
    add(writer, kept.len ? kept : value);
    add(writer, SLICE_LIT("\r\n"));
}

void forward_write_x(struct http1_writer *writer, const struct forward_origin *origin)
{
    struct slice scheme = origin->is_secure ? SLICE_LIT("https") : SLICE_LIT("http");
    add(writer, SLICE_LIT("X-Forwarded-For: "));
    write_before(writer, origin, HTTP_FIELD_X_FORWARDED_FOR);
    add(writer, origin->client.len ? origin->client : SLICE_LIT("unknown"));
    add(writer, SLICE_LIT("\r\n"));
    write_kept(writer, origin, HTTP_FIELD_X_FORWARDED_PROTO, SLICE_LIT("X-Forwarded-Proto: "), scheme);
    write_kept(writer, origin, HTTP_FIELD_X_FORWARDED_HOST, SLICE_LIT("X-Forwarded-Host: "), origin->host);
}

/* RFC 7239 section 4: what has a colon is quoted, and an IPv6 address stands in brackets (section 6). */
void forward_write_forwarded(struct http1_writer *writer, const struct forward_origin *origin)
{
    bool is_ipv6 = slice_find(origin->client, ':') < origin->client.len;
    add(writer, SLICE_LIT("Forwarded: "));
    write_before(writer, origin, HTTP_FIELD_FORWARDED);
    add(writer, is_ipv6 ? SLICE_LIT("for=\"[") : SLICE_LIT("for="));
    add(writer, origin->client.len ? origin->client : SLICE_LIT("unknown"));
    add(writer, is_ipv6 ? SLICE_LIT("]\"") : SLICE_LIT(""));
    if (origin->host.len) {
        add(writer, SLICE_LIT(";host=\""));
        add(writer, origin->host);
        add(writer, SLICE_LIT("\""));
    }
    add(writer, origin->is_secure ? SLICE_LIT(";proto=https\r\n") : SLICE_LIT(";proto=http\r\n"));
}
