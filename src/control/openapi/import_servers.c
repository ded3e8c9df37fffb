/* SPDX-License-Identifier: Apache-2.0 */
/* `servers` as upstreams. A route leads to one upstream: of several servers the first counts. */
#include "control/openapi/import_int.h"
#include "lib/formats/formats.h"

#define GUESS "127.0.0.1:8000"

/* What a server's URL says. */
struct server_url {
    bool is_tls;
    struct slice authority; /* empty: relative */
    struct slice base;      /* without a "/" at its end */
};

/* "{name}" is what `variables` has as its default. */
static struct slice substitute(struct import *in, yyjson_val *server)
{
    struct slice rest = json_text(json_get(server, SLICE_LIT("url")));
    yyjson_val *variables = json_get(server, SLICE_LIT("variables"));
    struct buffer out = buffer_in_arena(in->arena, rest.len + 64);
    struct slice url = {NULL, 0};
    while (rest.len) {
        size_t open = slice_find(rest, '{');
        buffer_add(&out, slice_first(rest, open));
        rest = slice_skip(rest, open);
        size_t close = slice_find(rest, '}');
        if (close == rest.len) {
            buffer_add(&out, rest);
            break;
        }
        struct slice name = slice_of(rest.ptr + 1, close - 1);
        buffer_add(&out, json_text(json_get(json_get(variables, name), SLICE_LIT("default"))));
        rest = slice_skip(rest, close + 1);
    }
    if (buffer_finish(&out, &url) != ERR_OK)
        in->err = ERR_NOMEM;
    return url;
}

static bool is_port(struct slice text)
{
    uint64_t port;
    return text_parse_u64(text, &port) == ERR_OK && port > 0 && port <= 65535;
}

static bool is_authority(struct slice text)
{
    struct slice host = text;
    struct slice port = {NULL, 0};
    if (text.len && text.ptr[0] == '[') {
        size_t end = slice_find(text, ']');
        if (end == text.len)
            return false;
        host = slice_of(text.ptr + 1, end - 1);
        port = slice_skip(text, end + 1);
        if (port.len && port.ptr[0] != ':')
            return false;
        port = port.len ? slice_skip(port, 1) : (struct slice){NULL, 0};
        return format_matches(FORMAT_IPV6, host) && (!port.ptr || is_port(port));
    }
    host = slice_cut(&text, ':');
    port = text;
    return (format_matches(FORMAT_HOSTNAME, host) || format_matches(FORMAT_IPV4, host)) && (!port.ptr || is_port(port));
}

static bool parse(struct slice url, struct server_url *out)
{
    *out = (struct server_url){0};
    out->is_tls = slice_starts(url, SLICE_LIT("https://"));
    if (out->is_tls || slice_starts(url, SLICE_LIT("http://"))) {
        url = slice_skip(url, out->is_tls ? 8 : 7);
        out->authority = slice_first(url, slice_find(url, '/'));
        url = slice_skip(url, out->authority.len);
        if (!is_authority(out->authority))
            return false;
    }
    out->base = slice_first(url, MIN(slice_find(url, '?'), slice_find(url, '#')));
    while (out->base.len && out->base.ptr[out->base.len - 1] == '/')
        out->base.len--;
    return out->base.len == 0 || out->base.ptr[0] == '/';
}

bool import_upstream_is_valid(struct slice url)
{
    struct server_url parsed;
    return parse(url, &parsed) && parsed.authority.len && !parsed.base.len;
}

static bool has_port(struct slice authority)
{
    size_t from = authority.ptr[0] == '[' ? slice_find(authority, ']') : 0;
    return slice_find(slice_skip(authority, from), ':') < authority.len - from;
}

/* "api.example.com:8443" → "api-example-com-8443" */
static struct slice name_of(struct import *in, struct slice authority)
{
    struct slice name = import_copy(in, slice_first(authority, 100));
    for (size_t i = 0; i < name.len; i++) {
        char *c = (char *)name.ptr + i;
        *c = (ascii_lower(*c) >= 'a' && ascii_lower(*c) <= 'z') || (*c >= '0' && *c <= '9') ? ascii_lower(*c) : '-';
    }
    return name;
}

static const struct import_upstream *add(struct import *in, const struct server_url *url, struct slice shown)
{
    bool is_guess = url->authority.len == 0;
    struct slice authority = is_guess ? SLICE_LIT(GUESS) : url->authority;
    const char *port = has_port(authority) ? "" : url->is_tls ? ":443" : ":80";
    struct slice server = import_keep(in, arena_printf(in->arena, SLICE_FMT "%s", SLICE_ARG(authority), port));
    struct import_upstream **end = &in->upstreams;
    bool is_taken = false;
    struct slice name = is_guess ? SLICE_LIT("api") : name_of(in, authority);
    for (; *end; end = &(*end)->next) {
        if (slice_equal((*end)->server, server) && (*end)->is_tls == url->is_tls)
            return *end;
        is_taken |= slice_equal((*end)->name, name);
    }
    if (is_taken)
        name =
            import_keep(in, arena_printf(in->arena, SLICE_FMT "-%s", SLICE_ARG(name), url->is_tls ? "tls" : "plain"));
    struct import_upstream *upstream = arena_alloc_zero(in->arena, sizeof *upstream);
    if (!upstream) {
        in->err = ERR_NOMEM;
        return NULL;
    }
    *upstream = (struct import_upstream){
        .name = name, .server = server, .shown = shown, .is_tls = url->is_tls, .is_guess = is_guess};
    *end = upstream;
    return upstream;
}

/* The nearest list of servers, and goes to its first one. */
static yyjson_val *first_server(struct import *in, yyjson_val *item, yyjson_val *operation, struct slice item_at,
                                struct slice operation_at)
{
    yyjson_val *const owners[] = {operation, item, in->root};
    const struct slice places[] = {operation_at, item_at, SLICE_LIT("")};
    for (size_t i = 0; i < ARRAY_LEN(owners); i++) {
        yyjson_val *servers = json_get(owners[i], SLICE_LIT("servers"));
        if (!servers || yyjson_arr_size(servers) == 0)
            continue;
        import_leave(in, 0);
        text_add(&in->pointer, places[i]);
        import_enter(in, SLICE_LIT("servers"));
        import_enter_index(in, 0);
        return yyjson_arr_get_first(servers);
    }
    return NULL;
}

const struct import_upstream *import_server(struct import *in, yyjson_val *item, yyjson_val *operation,
                                            struct slice *ret_base)
{
    struct server_url url = {0};
    struct server_url given;
    struct slice operation_at = import_copy(in, text_slice(&in->pointer));
    const char *slash = memrchr(operation_at.ptr, '/', operation_at.len);
    struct slice item_at = slice_first(operation_at, slash ? (size_t)(slash - operation_at.ptr) : 0);
    yyjson_val *server = first_server(in, item, operation, item_at, operation_at);
    struct slice shown = server ? substitute(in, server) : SLICE_LIT("");
    if (!parse(shown, &url)) {
        import_error(in, "url",
                     "a server is http://host:port/path, https://host:port/path or /path; found \"" SLICE_FMT "\"",
                     SLICE_ARG(slice_first(shown, IMPORT_QUOTE_BYTES)));
        url = (struct server_url){0};
    }
    import_jump(in, operation_at);
    *ret_base = url.base;
    if (in->settings->upstream.len && parse(in->settings->upstream, &given)) {
        url.is_tls = given.is_tls;
        url.authority = given.authority;
        shown = in->settings->upstream;
    }
    return add(in, &url, shown);
}
