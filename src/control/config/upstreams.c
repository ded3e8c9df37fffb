/* SPDX-License-Identifier: Apache-2.0 */
/* Upstreams: servers taken apart into hosts and ports. Names of hosts are resolved later, by the control plane: a
 * configuration can be checked where there is no DNS. */
#include "control/config/compile_int.h"

#include "control/config/option_tables.h"
#include "lib/http/http.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/tls/context.h"
#include "pipeline/config_make.h"

#define HTTP_PORT     80
#define HTTPS_PORT    443
#define PEM_BYTES_MAX (1U << 20)

static enum err add_upstream(struct compile *compile, struct slice key, const struct upstream_config *config,
                             struct report_place place, struct upstream **ret_upstream);
static bool read_server(struct slice text, struct upstream_server *server);
static enum err make_context(struct compile *compile, struct upstream *upstream, struct report_place place);

static uint32_t count_proxies(const struct yaml_node *routes)
{
    return routes && routes->kind == YAML_LIST ? routes->count : 0;
}

enum err compile_upstreams(struct compile *compile)
{
    struct config *config = compile->config;
    const struct option_list *written = &config->upstreams_written;
    const struct upstream_config *items = written->items;
    const struct yaml_node *node = yaml_find(compile->root, "upstreams");
    const struct yaml_node *item = node && node->count == written->count ? node->first : NULL;
    uint32_t count_max = written->count + count_proxies(yaml_find(compile->root, "routes"));
    config->upstreams = arena_alloc_array(&config->arena, count_max, sizeof(struct upstream *));
    if (!config->upstreams)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < written->count; i++, item = item ? item->next : NULL) {
        struct upstream *upstream;
        const struct yaml_node *name = yaml_find(item, "name");
        if (items[i].name.len == 0)
            continue; /* its absence is reported already */
        enum err err =
            add_upstream(compile, items[i].name, &items[i], name ? name->place : (struct report_place){0}, &upstream);
        if (err == ERR_EXISTS)
            report_error(compile->report, name ? name->place : (struct report_place){0},
                         "there is an upstream \"" SLICE_FMT "\" already", SLICE_ARG(items[i].name));
        else
            TRY(err);
    }
    return ERR_OK;
}

static enum err add_upstream(struct compile *compile, struct slice key, const struct upstream_config *config,
                             struct report_place place, struct upstream **ret_upstream)
{
    struct arena *arena = &compile->config->arena;
    struct upstream *upstream = arena_alloc_zero(arena, sizeof *upstream);
    const struct slice *servers = config->servers.items;
    if (!upstream)
        return ERR_NOMEM;
    upstream->servers = arena_alloc_array(arena, config->servers.count, sizeof *upstream->servers);
    if (!upstream->servers)
        return ERR_NOMEM;
    upstream->config = config;
    upstream->index = compile->config->upstream_count;
    for (uint32_t i = 0; i < config->servers.count; i++) {
        if (read_server(servers[i], &upstream->servers[upstream->server_count]))
            upstream->server_count++;
        else
            report_error(compile->report, place,
                         "upstream \"" SLICE_FMT "\": a server is written host:port, [ipv6]:port or unix:/path, found "
                         "\"" SLICE_FMT "\"",
                         SLICE_ARG(slice_first(key, REPORT_QUOTE_BYTES_MAX)),
                         SLICE_ARG(slice_first(servers[i], REPORT_QUOTE_BYTES_MAX)));
    }
    TRY(map_add(&compile->upstreams, key, upstream));
    if (config->is_tls)
        TRY(make_context(compile, upstream, place));
    compile->config->upstreams[compile->config->upstream_count++] = upstream;
    *ret_upstream = upstream;
    return ERR_OK;
}

static bool is_host(struct slice host)
{
    for (size_t i = 0; i < host.len; i++) {
        char c = ascii_lower(host.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return host.len > 0 && host.len <= RESOLVER_HOST_BYTES_MAX;
}

static bool read_server(struct slice text, struct upstream_server *server)
{
    uint64_t port;
    size_t colon = text.len;
    *server = (struct upstream_server){.authority = text};
    if (slice_starts(text, SLICE_LIT("unix:"))) {
        server->authority = SLICE_LIT("localhost");
        return address_parse(text, &server->address) == ERR_OK;
    }
    if (!http_is_authority(text))
        return false; /* it may have to stand in a Host field */
    if (address_parse(text, &server->address) == ERR_OK)
        return address_port(&server->address) != 0;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0 || text_parse_u64(slice_skip(text, colon), &port) != ERR_OK || port == 0 || port > 65535)
        return false;
    server->host = slice_first(text, colon - 1);
    server->port = (uint16_t)port;
    return is_host(server->host);
}

enum err upstream_find(struct compile *compile, struct slice name, struct report_place place,
                       const struct upstream **ret_upstream)
{
    const struct option_list *written = &compile->config->upstreams_written;
    const struct upstream_config *items = written->items;
    const char *nearest = NULL;
    *ret_upstream = map_find(&compile->upstreams, name);
    if (*ret_upstream)
        return ERR_OK;
    const char **names = arena_alloc_array(compile->fill.scratch, written->count, sizeof *names);
    if (!names)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < written->count; i++)
        names[i] = items[i].name.ptr ? items[i].name.ptr : "";
    nearest = text_nearest(name, names, written->count);
    const struct report_unknown unknown = {
        .kind = "upstream",
        .name = name,
        .nearest = nearest,
        .otherwise = "upstreams are declared in the list \"upstreams\"",
    };
    report_unknown(compile->report, place, &unknown);
    return ERR_OK;
}

/* TLS. */

struct context_job {
    struct compile *compile;
    const struct upstream_config *config;
    struct report_place place;
};

static void on_note(void *owner, const struct tls_note *note)
{
    const struct context_job *job = owner;
    const char *kind = note->subject == TLS_SUBJECT_CA ? "\"tls_ca\" " : "";
    if (note->is_error)
        report_error(job->compile->report, job->place, "upstream \"" SLICE_FMT "\": %s%s",
                     SLICE_ARG(slice_first(job->config->name, REPORT_QUOTE_BYTES_MAX)), kind, note->text);
    else
        report_warning(job->compile->report, job->place, "upstream \"" SLICE_FMT "\": %s%s",
                       SLICE_ARG(slice_first(job->config->name, REPORT_QUOTE_BYTES_MAX)), kind, note->text);
}

static void release_context(void *context)
{
    tls_context_unref(context);
}

static enum err make_context(struct compile *compile, struct upstream *upstream, struct report_place place)
{
    const struct upstream_config *config = upstream->config;
    struct context_job job = {.compile = compile, .config = config, .place = place};
    struct file_content ca = {0};
    struct tls_context *context = NULL;
    enum err err = config->tls_ca.len ? file_read(config->tls_ca.ptr, PEM_BYTES_MAX, &ca) : ERR_OK;
    if (err != ERR_OK && err != ERR_NOMEM) {
        report_error(compile->report, place, "upstream \"" SLICE_FMT "\": \"" SLICE_FMT "\" cannot be read: %s",
                     SLICE_ARG(slice_first(config->name, REPORT_QUOTE_BYTES_MAX)), SLICE_ARG(config->tls_ca),
                     err_text(err));
        return ERR_OK;
    }
    const struct tls_client_options options = {
        .ca = slice_of(ca.data, ca.bytes),
        .version_min = TLS_VERSION_1_2,
        .offers_h2 = config->protocol != UPSTREAM_PROTOCOL_HTTP1,
        .is_unverified = !config->is_verified,
        .now_s = (int64_t)(clock_wall_ns() / NS_PER_S),
    };
    if (err == ERR_OK)
        err = tls_context_create_client(&options, &(struct tls_reporter){on_note, &job}, &context);
    file_content_deinit(&ca);
    if (err != ERR_OK)
        return err == ERR_NOMEM ? err : ERR_OK; /* what is wrong was reported */
    upstream->tls = context;
    err = config_on_release(compile->config, release_context, context);
    if (err != ERR_OK)
        tls_context_unref(context);
    return err;
}

/* "http[s]://host[:port][/]" → "host:port". ERR_SYNTAX. */
static enum err read_url(struct arena *arena, struct slice url, struct slice *ret_authority, bool *ret_is_tls)
{
    struct slice http = SLICE_LIT("http://");
    struct slice https = SLICE_LIT("https://");
    *ret_is_tls = slice_starts(url, https);
    if (!*ret_is_tls && !slice_starts(url, http))
        return ERR_SYNTAX;
    struct slice rest = slice_skip(url, *ret_is_tls ? https.len : http.len);
    struct slice authority = slice_cut(&rest, '/');
    size_t last = authority.len;
    while (last > 0 && authority.ptr[last - 1] >= '0' && authority.ptr[last - 1] <= '9')
        last--;
    if (rest.len > 0 || authority.len == 0)
        return ERR_SYNTAX;
    bool has_port = last > 0 && last < authority.len && authority.ptr[last - 1] == ':';
    int port = *ret_is_tls ? HTTPS_PORT : HTTP_PORT;
    struct slice text =
        has_port ? arena_copy(arena, authority) : arena_printf(arena, SLICE_FMT ":%d", SLICE_ARG(authority), port);
    if (!text.ptr)
        return ERR_NOMEM;
    *ret_authority = text;
    return ERR_OK;
}

enum err upstream_of_url(struct compile *compile, struct slice url, struct report_place place,
                         const struct upstream **ret_upstream)
{
    struct arena *arena = &compile->config->arena;
    struct upstream *upstream = map_find(&compile->upstreams, url);
    struct upstream_server server;
    struct slice authority;
    bool is_tls;
    *ret_upstream = upstream;
    if (upstream)
        return ERR_OK;
    enum err err = read_url(arena, url, &authority, &is_tls);
    if (err == ERR_NOMEM)
        return err;
    if (err != ERR_OK || !read_server(authority, &server)) {
        report_error(
            compile->report, place,
            "\"proxy\" takes a URL such as http://127.0.0.1:9000 or https://example.com, without a path, found "
            "\"" SLICE_FMT "\"",
            SLICE_ARG(slice_first(url, REPORT_QUOTE_BYTES_MAX)));
        return ERR_OK;
    }
    struct upstream_config *config = arena_alloc_zero(arena, sizeof *config);
    struct slice *servers = arena_alloc(arena, sizeof *servers);
    if (!config || !servers)
        return ERR_NOMEM;
    TRY(fill_table(&compile->fill, &(struct fill_job){.table = &option_table_upstream}, config));
    *servers = authority;
    config->name = url;
    config->is_tls = is_tls;
    config->servers = (struct option_list){.items = servers, .count = 1};
    TRY(add_upstream(compile, url, config, place, &upstream));
    *ret_upstream = upstream;
    return ERR_OK;
}
