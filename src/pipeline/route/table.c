/* SPDX-License-Identifier: Apache-2.0 */
/* Routes compiled to a trie of path segments, one trie for each host and one for any host.
 *
 * At a node a literal child is tried before the parameter, and the parameter before the rest, so the most specific
 * pattern wins whatever the order in the file. Looking up may have to come back and try the next kind, but never sees a
 * node twice, so the work is bounded by the size of the trie, which is the operator's. */
#include "lib/http/scan.h"
#include "lib/http/url.h"
#include "pipeline/route.h"

struct method_entry {
    const struct route *route;
    bool has_params;
    struct method_entry *next;
};

/* What stands at the end of a pattern. */
struct terminal {
    struct method_entry *methods;
    const struct method_entry *taking[HTTP_METHOD_COUNT]; /* the one of `methods` that a method leads to; OTHER: "*" */
    struct slice allow;
};

struct node {
    struct slice segment;  /* without escapes */
    struct node *children; /* literal ones */
    struct node *next;     /* sibling */
    struct node *param;    /* {name} */
    struct terminal *here;
    struct terminal *rest; /* {name...} */
};

struct host_entry {
    struct slice host; /* empty: any */
    struct node root;
    struct host_entry *next;
};

/* The two ends of a path: what it is hashed by, and all of it up to PATH_ENDS_BYTES. */
#define PATH_ENDS_BYTES 16
struct path_ends {
    uint64_t head;
    uint64_t tail;
};

/* A pattern without parameters, for any host: its own path. */
struct exact_entry {
    struct slice path;
    struct path_ends ends;
    const struct terminal *terminal; /* NULL: free */
};

struct route_table {
    struct host_entry *hosts;
    struct host_entry any;
    struct exact_entry *exact; /* by hash; a walk down the trie takes 90 instructions more */
    size_t exact_mask;
};

struct builder {
    struct arena *arena;
    struct text *fault;
    const struct route *route;
};

static enum err add_route(struct route_table *table, struct builder *builder);
static enum err add_method(struct terminal *terminal, struct builder *builder);
static enum err finish_terminals(struct route_table *table, struct arena *arena);
static enum err make_exact(struct route_table *table, struct arena *arena, struct route *const *routes, uint32_t count);
static struct terminal *find_terminal(const struct node *node, struct slice rest, bool has_escape);
NOT_INLINE static void read_params(const struct route *route, struct slice path, struct route_match *match);

enum err route_table_build(struct arena *arena, struct route *const *routes, uint32_t count, struct text *fault,
                           struct route_table **ret_table)
{
    struct route_table *table = arena_alloc_zero(arena, sizeof *table);
    if (!table)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        struct builder builder = {.arena = arena, .fault = fault, .route = routes[i]};
        TRY(add_route(table, &builder));
    }
    TRY(finish_terminals(table, arena));
    TRY(make_exact(table, arena, routes, count));
    *ret_table = table;
    return ERR_OK;
}

/* Building. */

enum segment_kind { SEGMENT_LITERAL, SEGMENT_PARAM, SEGMENT_REST, SEGMENT_BAD };

static bool is_name(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = ascii_lower(text.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
            return false;
    }
    return text.len > 0;
}

static enum segment_kind kind_of(struct slice segment, struct slice *ret_name)
{
    if (slice_find(segment, '{') == segment.len && slice_find(segment, '}') == segment.len)
        return SEGMENT_LITERAL;
    if (segment.len < 3 || segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
        return SEGMENT_BAD;
    struct slice name = slice_of(segment.ptr + 1, segment.len - 2);
    bool is_rest = name.len > 3 && memcmp(name.ptr + name.len - 3, "...", 3) == 0;
    if (is_rest)
        name.len -= 3;
    *ret_name = name;
    if (!is_name(name))
        return SEGMENT_BAD;
    return is_rest ? SEGMENT_REST : SEGMENT_PARAM;
}

static struct node *root_of(struct route_table *table, struct builder *builder)
{
    struct slice host = builder->route->host;
    if (host.len == 0)
        return &table->any.root;
    for (struct host_entry *entry = table->hosts; entry; entry = entry->next)
        if (slice_equal(entry->host, host))
            return &entry->root;
    struct host_entry *entry = arena_alloc_zero(builder->arena, sizeof *entry);
    if (!entry)
        return NULL;
    entry->host = host;
    entry->next = table->hosts;
    table->hosts = entry;
    return &entry->root;
}

static enum err bad_pattern(struct builder *builder, const char *why)
{
    text_printf(builder->fault, "the path \"" SLICE_FMT "\" %s", SLICE_ARG(builder->route->pattern), why);
    return ERR_SYNTAX;
}

/* A literal segment as the bytes that it stands for. */
static enum err decode_literal(struct slice segment, struct builder *builder, struct slice *ret_plain)
{
    char *memory = arena_alloc(builder->arena, segment.len + 1);
    struct slice plain;
    if (!memory)
        return ERR_NOMEM;
    if (url_percent_decode(segment, false, memory, &plain) != ERR_OK)
        return bad_pattern(builder, "has a malformed escape");
    if (slice_find(plain, '/') < plain.len || slice_is(plain, ".") || slice_is(plain, ".."))
        return bad_pattern(builder,
                           "has an escaped slash or a dot segment, which no request has when routes are looked at");
    *ret_plain = plain;
    return ERR_OK;
}

static struct node *child_of(struct node *node, struct slice segment, struct builder *builder)
{
    for (struct node *child = node->children; child; child = child->next)
        if (slice_equal(child->segment, segment))
            return child;
    struct node *child = arena_alloc_zero(builder->arena, sizeof *child);
    if (!child)
        return NULL;
    child->segment = segment;
    child->next = node->children;
    node->children = child;
    return child;
}

static enum err ensure_terminal(struct terminal **terminal, struct builder *builder)
{
    if (!*terminal)
        *terminal = arena_alloc_zero(builder->arena, sizeof **terminal);
    return *terminal ? add_method(*terminal, builder) : ERR_NOMEM;
}

static enum err add_route(struct route_table *table, struct builder *builder)
{
    struct slice rest = builder->route->pattern;
    if (rest.len == 0 || rest.ptr[0] != '/')
        return bad_pattern(builder, "must begin with \"/\"");
    rest = slice_skip(rest, 1);
    struct node *node = root_of(table, builder);
    uint32_t segments = 0;
    uint32_t params = 0;
    while (node && rest.ptr) {
        struct slice name;
        struct slice segment = slice_cut(&rest, '/');
        enum segment_kind kind = kind_of(segment, &name);
        params += kind != SEGMENT_LITERAL;
        if (++segments > ROUTE_SEGMENTS_MAX || params > ROUTE_PARAMS_MAX)
            return bad_pattern(builder, "has too many segments or parameters");
        if (kind == SEGMENT_BAD)
            return bad_pattern(builder, "has a malformed parameter: write {name}, or {name...} as the last segment");
        if (kind == SEGMENT_REST && rest.ptr)
            return bad_pattern(builder, "has segments behind {name...}, which takes all that is left");
        if (kind == SEGMENT_REST)
            return ensure_terminal(&node->rest, builder);
        if (kind == SEGMENT_LITERAL)
            TRY(decode_literal(segment, builder, &segment));
        if (kind == SEGMENT_PARAM && !node->param)
            node->param = arena_alloc_zero(builder->arena, sizeof *node->param);
        node = kind == SEGMENT_PARAM ? node->param : child_of(node, segment, builder);
    }
    return node ? ensure_terminal(&node->here, builder) : ERR_NOMEM;
}

static enum err add_method(struct terminal *terminal, struct builder *builder)
{
    struct method_entry **end = &terminal->methods;
    for (; *end; end = &(*end)->next) {
        const struct route *other = (*end)->route;
        if (!slice_equal(other->method, builder->route->method))
            continue;
        text_printf(builder->fault, "\"" SLICE_FMT "\" and \"" SLICE_FMT "\" match the same requests",
                    SLICE_ARG(other->name), SLICE_ARG(builder->route->name));
        return ERR_EXISTS;
    }
    *end = arena_alloc_zero(builder->arena, sizeof **end);
    if (!*end)
        return ERR_NOMEM;
    (*end)->route = builder->route;
    (*end)->has_params = slice_find(builder->route->pattern, '{') < builder->route->pattern.len;
    return ERR_OK;
}

static enum err make_allow(struct terminal *terminal, struct arena *arena)
{
    char memory[256];
    struct text text = text_init(memory, sizeof memory);
    bool has_get = false;
    bool has_head = false;
    for (struct method_entry *entry = terminal->methods; entry; entry = entry->next) {
        text_printf(&text, "%s" SLICE_FMT, text.len ? ", " : "", SLICE_ARG(entry->route->method));
        has_get |= slice_is(entry->route->method, "GET");
        has_head |= slice_is(entry->route->method, "HEAD");
    }
    text_printf(&text, "%s", has_get && !has_head ? ", HEAD" : "");
    terminal->allow = arena_copy(arena, text_slice(&text));
    return terminal->allow.ptr ? ERR_OK : ERR_NOMEM;
}

NOT_INLINE static const struct method_entry *entry_of(const struct terminal *terminal, struct slice method)
{
    for (const struct method_entry *entry = terminal->methods; entry; entry = entry->next)
        if (slice_equal(entry->route->method, method))
            return entry;
    return NULL;
}

/* Of a GET route HEAD is taken too, unless it has one of its own. */
static void sort_methods(struct terminal *terminal)
{
    const struct method_entry *any = entry_of(terminal, SLICE_LIT("*"));
    const struct method_entry **taking = terminal->taking;
    for (enum http_method method = 0; method < HTTP_METHOD_OTHER; method++)
        taking[method] = entry_of(terminal, slice_of_text(http_method_name(method)));
    if (!taking[HTTP_METHOD_HEAD])
        taking[HTTP_METHOD_HEAD] = taking[HTTP_METHOD_GET];
    for (enum http_method method = 0; method < HTTP_METHOD_COUNT; method++)
        if (!taking[method])
            taking[method] = any;
}

static enum err finish_terminal(struct terminal *terminal, struct arena *arena)
{
    if (!terminal)
        return ERR_OK;
    sort_methods(terminal);
    return make_allow(terminal, arena);
}

/* Depth is bounded by ROUTE_SEGMENTS_MAX. */
static enum err finish_below(struct node *node, struct arena *arena)
{
    TRY(finish_terminal(node->here, arena));
    TRY(finish_terminal(node->rest, arena));
    if (node->param)
        TRY(finish_below(node->param, arena));
    for (struct node *child = node->children; child; child = child->next)
        TRY(finish_below(child, arena));
    return ERR_OK;
}

static enum err finish_terminals(struct route_table *table, struct arena *arena)
{
    for (struct host_entry *entry = table->hosts; entry; entry = entry->next)
        TRY(finish_below(&entry->root, arena));
    return finish_below(&table->any.root, arena);
}

/* Two paths of one length up to PATH_ENDS_BYTES with the same ends are the same: the first byte is always a slash. */
static inline struct path_ends ends_of(struct slice path)
{
    struct path_ends ends = {0};
    if (path.len >= 8) {
        memcpy(&ends.head, path.ptr, 8);
        memcpy(&ends.tail, path.ptr + path.len - 8, 8);
    } else if (path.len >= 4) {
        memcpy(&ends.head, path.ptr, 4);
        memcpy(&ends.tail, path.ptr + path.len - 4, 4);
    } else if (path.len >= 2) {
        memcpy(&ends.head, path.ptr + path.len - 2, 2);
    }
    return ends;
}

/* The rows are the operator's, so nobody else can make them collide. */
static inline size_t hash_path(struct path_ends ends, size_t len)
{
    return (size_t)((ends.head ^ (ends.tail * 3 + len)) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static inline bool is_at(const struct exact_entry *entry, struct slice path, struct path_ends ends)
{
    if (entry->path.len != path.len || entry->ends.head != ends.head || entry->ends.tail != ends.tail)
        return false;
    return path.len <= PATH_ENDS_BYTES || memcmp(entry->path.ptr, path.ptr, path.len) == 0;
}

static inline struct exact_entry *exact_place(const struct route_table *table, struct slice path)
{
    struct path_ends ends = ends_of(path);
    size_t i = hash_path(ends, path.len) & table->exact_mask;
    while (table->exact[i].terminal && !is_at(&table->exact[i], path, ends))
        i = (i + 1) & table->exact_mask;
    return &table->exact[i];
}

/* Patterns with an escape stay with the trie, and so do paths with one, which equal no other pattern. */
static bool is_exact(const struct route *route)
{
    struct slice pattern = route->pattern;
    return route->host.len == 0 && slice_find(pattern, '{') == pattern.len && slice_find(pattern, '%') == pattern.len;
}

static enum err make_exact(struct route_table *table, struct arena *arena, struct route *const *routes, uint32_t count)
{
    size_t capacity = 4;
    while (capacity < 2 * (size_t)count)
        capacity *= 2;
    table->exact = arena_alloc_array(arena, capacity, sizeof *table->exact);
    if (!table->exact)
        return ERR_NOMEM;
    table->exact_mask = capacity - 1;
    for (uint32_t i = 0; i < count; i++) {
        struct slice path = routes[i]->pattern;
        if (is_exact(routes[i]))
            *exact_place(table, path) =
                (struct exact_entry){path, ends_of(path), find_terminal(&table->any.root, slice_skip(path, 1), false)};
    }
    return ERR_OK;
}

/* Finding. */

static inline const struct method_entry *entry_for(const struct terminal *terminal, const struct http_head *head)
{
    const struct method_entry *own = head->method == HTTP_METHOD_OTHER ? entry_of(terminal, head->method_text) : NULL;
    return own ? own : terminal->taking[head->method];
}

static inline void choose(const struct terminal *terminal, const struct http_head *head, struct slice path,
                          struct route_match *match)
{
    if (!terminal)
        return;
    const struct method_entry *entry = entry_for(terminal, head);
    if (!entry) {
        if (match->allow.len == 0)
            match->allow = terminal->allow;
        return;
    }
    match->route = entry->route;
    if (entry->has_params)
        read_params(entry->route, path, match);
}

NOT_INLINE static const struct terminal *find_in(const struct node *root, struct slice path)
{
    return find_terminal(root, slice_skip(path, 1), slice_find(path, '%') < path.len);
}

/* Without the port, and without the dot of the DNS's root, which is the same name. */
static struct slice name_of_host(struct slice host)
{
    size_t end = host.len;
    while (end > 0 && host.ptr[end - 1] >= '0' && host.ptr[end - 1] <= '9')
        end--;
    if (end > 0 && host.ptr[end - 1] == ':')
        host = slice_first(host, end - 1);
    if (host.len && host.ptr[host.len - 1] == '.')
        host.len--;
    return host;
}

NOT_INLINE static void find_by_host(const struct route_table *table, const struct http_head *head, struct slice path,
                                    struct route_match *match)
{
    struct slice name = name_of_host(head->host);
    for (const struct host_entry *entry = table->hosts; entry && !match->route; entry = entry->next)
        if (slice_equal_nocase(entry->host, name))
            choose(find_in(&entry->root, path), head, path, match);
}

void route_table_find(const struct route_table *table, const struct http_head *head, struct slice path,
                      struct route_match *ret_match)
{
    ret_match->route = NULL;
    ret_match->param_count = 0;
    ret_match->allow = (struct slice){NULL, 0};
    if (path.len == 0 || path.ptr[0] != '/')
        return;
    if (table->hosts) {
        find_by_host(table, head, path, ret_match);
        if (ret_match->route)
            return;
    }
    const struct terminal *exact = exact_place(table, path)->terminal;
    choose(exact ? exact : find_in(&table->any.root, path), head, path, ret_match);
}

/* Whether a segment of a canonical path, escapes and all, stands for these bytes. In a canonical path "%3A" and ":" are two
 * things, as RFC 3986 section 2.2 wants it; for finding a route they are one, because whoever reads the path behind us may
 * take them for one. */
static bool stands_for(struct slice segment, struct slice plain)
{
    size_t at = 0;
    for (size_t i = 0; i < plain.len; i++, at++) {
        if (at == segment.len)
            return false;
        int byte = (unsigned char)segment.ptr[at];
        if (byte == '%') {
            byte = scan_hex_digit(segment.ptr[at + 1]) << 4 | scan_hex_digit(segment.ptr[at + 2]);
            at += 2;
        }
        if (byte != (unsigned char)plain.ptr[i])
            return false;
    }
    return at == segment.len;
}

/* `rest` is what follows the slash behind `node`; its ptr is NULL at the end of the path. has_escape: of the whole path. */
static struct terminal *find_terminal(const struct node *node, struct slice rest, bool has_escape)
{
    if (!rest.ptr)
        return node->here;
    struct slice behind = rest;
    struct slice segment = slice_cut(&behind, '/');
    for (const struct node *child = node->children; child; child = child->next) {
        bool is_it = has_escape ? stands_for(segment, child->segment) : slice_equal(child->segment, segment);
        struct terminal *found = is_it ? find_terminal(child, behind, has_escape) : NULL;
        if (found)
            return found;
    }
    struct terminal *found = node->param && segment.len ? find_terminal(node->param, behind, has_escape) : NULL;
    return found ? found : node->rest;
}

static void read_params(const struct route *route, struct slice path, struct route_match *match)
{
    struct slice pattern = slice_skip(route->pattern, 1);
    struct slice rest = slice_skip(path, 1);
    while (pattern.ptr && rest.ptr) {
        struct slice name;
        struct slice tail = rest;
        struct slice value = slice_cut(&rest, '/');
        enum segment_kind kind = kind_of(slice_cut(&pattern, '/'), &name);
        if (kind == SEGMENT_LITERAL)
            continue;
        if (kind == SEGMENT_REST)
            value = tail;
        match->params[match->param_count++] = (struct route_param){.name = name, .value = value};
    }
}

struct slice route_param(const struct route_match *match, const char *name)
{
    for (uint32_t i = 0; i < match->param_count; i++)
        if (slice_is(match->params[i].name, name))
            return match->params[i].value;
    return (struct slice){NULL, 0};
}
