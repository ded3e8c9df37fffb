/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/forwarded.h"

#include "lib/base/attr.h"

/* The walk from right to left. */
struct walk {
    const struct ip_set *trusted;
    struct ip client; /* as far as it is known */
    uint32_t hops;
};

/* The `for` of each element of one field line, from the left; of too many the last ones. A line is read from its left
 * because only so can quotes be told from what is quoted. */
struct nodes {
    struct slice items[FORWARDED_HOPS_MAX]; /* quotes included; empty: the element has no `for` */
    uint32_t count;
};

static bool walk_x_forwarded_for(struct walk *walk, struct slice line);
static bool walk_forwarded(struct walk *walk, struct slice line);
static bool take_pair(struct slice *rest, struct slice *node);
static bool step(struct walk *walk, struct slice node, bool is_forwarded);
static bool parse_node(struct slice node, bool is_forwarded, struct ip *ret_ip);

NOT_INLINE struct ip forwarded_client(const struct http_head *head, enum http_field field, const struct ip_set *trusted,
                                      struct ip peer)
{
    struct walk walk = {.trusted = trusted, .client = peer};
    if (!(head->present >> field & 1))
        return peer;
    for (uint16_t i = head->header_count; i > 0; i--) {
        const struct http_header *header = &head->headers[i - 1];
        if (header->id != field)
            continue;
        bool goes_on = field == HTTP_FIELD_FORWARDED ? walk_forwarded(&walk, header->value)
                                                     : walk_x_forwarded_for(&walk, header->value);
        if (!goes_on)
            break;
    }
    return walk.client;
}

static bool walk_x_forwarded_for(struct walk *walk, struct slice line)
{
    while (line.len) {
        size_t begin = line.len;
        while (begin > 0 && line.ptr[begin - 1] != ',')
            begin--;
        struct slice node = slice_trim(slice_skip(line, begin));
        if (node.len && !step(walk, node, false))
            return false;
        line.len = begin ? begin - 1 : 0;
    }
    return true;
}

/* False: nothing further left may be believed. */
static bool step(struct walk *walk, struct slice node, bool is_forwarded)
{
    struct ip ip;
    if (walk->hops++ == FORWARDED_HOPS_MAX || !parse_node(node, is_forwarded, &ip))
        return false;
    walk->client = ip;
    return ip_set_has(walk->trusted, &ip);
}

/* RFC 7239 section 6: node-port = port / obfport. */
static bool is_node_port(struct slice text)
{
    if (http_is_port(text))
        return true;
    if (text.len < 3 || text.ptr[0] != ':' || text.ptr[1] != '_')
        return false;
    for (size_t i = 2; i < text.len; i++) {
        char c = ascii_lower(text.ptr[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

/* X-Forwarded-For has no grammar: with ports and brackets or without are all seen. Forwarded has one: IPv6 in brackets,
 * and quotes around what is no token. */
static bool parse_node(struct slice node, bool is_forwarded, struct ip *ret_ip)
{
    if (is_forwarded && node.len >= 2 && node.ptr[0] == '"')
        node = slice_of(node.ptr + 1, node.len - 2);
    if (node.len == 0)
        return false;
    if (node.ptr[0] == '[') {
        size_t end = slice_find(node, ']');
        struct slice host = slice_of(node.ptr + 1, end - 1);
        return end < node.len && slice_find(host, ':') < host.len && is_node_port(slice_skip(node, end + 1)) &&
               ip_parse(host, ret_ip) == ERR_OK;
    }
    size_t colon = slice_find(node, ':');
    struct slice after = colon < node.len ? slice_skip(node, colon + 1) : (struct slice){NULL, 0};
    bool is_bare_v6 = slice_find(after, ':') < after.len;
    if (is_bare_v6)
        return !is_forwarded && ip_parse(node, ret_ip) == ERR_OK;
    return is_node_port(slice_skip(node, colon)) && ip_parse(slice_first(node, colon), ret_ip) == ERR_OK;
}

/* Forwarded. */

static void skip_spaces(struct slice *rest)
{
    while (rest->len && (rest->ptr[0] == ' ' || rest->ptr[0] == '\t'))
        *rest = slice_skip(*rest, 1);
}

/* One element: pairs up to a comma or the end. An empty one is fine (RFC 9110 section 5.6.1). */
static bool take_element(struct slice *rest, struct nodes *nodes)
{
    struct slice node = {NULL, 0};
    bool has_pair = false;
    for (;;) {
        skip_spaces(rest);
        if (rest->len && rest->ptr[0] != ';' && rest->ptr[0] != ',') {
            has_pair = true;
            if (!take_pair(rest, &node))
                return false;
            skip_spaces(rest);
        }
        if (rest->len == 0 || rest->ptr[0] == ',')
            break;
        if (rest->ptr[0] != ';')
            return false;
        *rest = slice_skip(*rest, 1);
    }
    if (has_pair)
        nodes->items[nodes->count++ % FORWARDED_HOPS_MAX] = node;
    return true;
}

/* A line that is wrong anywhere says nothing at all: who knows which of its quotes came from whom. */
static bool walk_forwarded(struct walk *walk, struct slice line)
{
    struct nodes nodes;
    nodes.count = 0;
    while (line.len) {
        if (!take_element(&line, &nodes))
            return false;
        if (line.len)
            line = slice_skip(line, 1);
    }
    uint32_t kept = MIN(nodes.count, FORWARDED_HOPS_MAX);
    for (uint32_t i = 0; i < kept; i++)
        if (!step(walk, nodes.items[(nodes.count - 1 - i) % FORWARDED_HOPS_MAX], true))
            return false;
    return true;
}

static bool take_quoted(struct slice *rest, struct slice *ret_value)
{
    for (size_t i = 1; i < rest->len; i++) {
        if (rest->ptr[i] == '\\') {
            i++;
        } else if (rest->ptr[i] == '"') {
            *ret_value = slice_first(*rest, i + 1);
            *rest = slice_skip(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static struct slice take_token(struct slice *rest)
{
    size_t len = 0;
    while (len < rest->len && http_is_token(slice_of(rest->ptr + len, 1)))
        len++;
    struct slice token = slice_first(*rest, len);
    *rest = slice_skip(*rest, len);
    return token;
}

/* RFC 7239 section 4: token "=" value, and "each parameter MUST NOT occur more than once per field-value". */
static bool take_pair(struct slice *rest, struct slice *node)
{
    struct slice value;
    struct slice name = take_token(rest);
    if (name.len == 0 || rest->len < 2 || rest->ptr[0] != '=')
        return false;
    *rest = slice_skip(*rest, 1);
    if (rest->ptr[0] == '"') {
        if (!take_quoted(rest, &value))
            return false;
    } else {
        value = take_token(rest);
        if (value.len == 0)
            return false;
    }
    if (!slice_equal_nocase(name, SLICE_LIT("for")))
        return true;
    if (node->ptr)
        return false;
    *node = value;
    return true;
}
