/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in, and where. Whether an address is free is found out when it is bound, and not before. */
#include "control/config/compile_int.h"

#include "lib/sys/file.h"

#define MODE_MAX 0777

/* One entry, and where it stands. */
struct entry {
    struct listen_config *config;
    const struct yaml_node *node; /* NULL: not written */
};

static enum err check_entry(struct compile *compile, uint32_t index, const struct yaml_node *node);
static bool parse_address(struct compile *compile, const struct entry *entry);
static void check_folder(struct compile *compile, const struct entry *entry);
static void parse_mode(struct compile *compile, const struct entry *entry);
static enum err check_proxy_protocol(struct compile *compile, const struct entry *entry);

enum err compile_listen(struct compile *compile)
{
    const struct option_list *listen = &compile->config->listen;
    const struct yaml_node *node = yaml_find(compile->root, "listen");
    const struct yaml_node *item = node && node->count == listen->count ? node->first : NULL;
    for (uint32_t i = 0; i < listen->count; i++, item = item ? item->next : NULL)
        TRY(check_entry(compile, i, item));
    return ERR_OK;
}

static const struct yaml_node *find(const struct entry *entry, const char *name)
{
    return entry->node && entry->node->kind == YAML_MAP ? yaml_find(entry->node, name) : NULL;
}

static struct report_place address_place(const struct entry *entry)
{
    const struct yaml_node *address = find(entry, "address");
    return compile_place_of(address ? address : entry->node);
}

static enum err check_entry(struct compile *compile, uint32_t index, const struct yaml_node *node)
{
    struct listen_config *all = compile->config->listen.items;
    const struct entry entry = {.config = &all[index], .node = node};
    const struct address *address = &entry.config->bound_to;
    if (entry.config->address.len == 0 || !parse_address(compile, &entry))
        return ERR_OK;
    bool is_free_port = !address_is_local(address) && address_port(address) == 0;
    for (uint32_t i = 0; i < index && !is_free_port; i++)
        if (address_equal(address, &all[i].bound_to))
            report_error(compile->report, address_place(&entry), "address \"" SLICE_FMT "\" is given twice",
                         SLICE_ARG(entry.config->address));
    if (address_is_local(address))
        check_folder(compile, &entry);
    parse_mode(compile, &entry);
    TRY(check_proxy_protocol(compile, &entry));
    return compile_tls(compile, &all[index], find(&entry, "tls"));
}

static bool parse_address(struct compile *compile, const struct entry *entry)
{
    struct slice text = entry->config->address;
    enum err err = address_parse(text, &entry->config->bound_to);
    if (err == ERR_LIMIT)
        report_error(compile->report, address_place(entry),
                     "the path of a unix socket has at most %zu bytes, as the system wants it; found %zu",
                     SOCKET_PATH_BYTES, text.len - (sizeof "unix:" - 1));
    else if (err != ERR_OK)
        report_error(compile->report, address_place(entry),
                     "\"listen\" takes addresses such as 127.0.0.1:8080, [::1]:8080, :8080 or "
                     "unix:/run/weir.sock, found \"" SLICE_FMT "\"",
                     SLICE_ARG(slice_first(text, REPORT_QUOTE_BYTES_MAX)));
    return err == ERR_OK;
}

static void check_folder(struct compile *compile, const struct entry *entry)
{
    char folder[SOCKET_PATH_BYTES + 1];
    struct file_status status;
    const char *path = entry->config->bound_to.local.sun_path;
    size_t len = (size_t)(strrchr(path, '/') - path);
    struct text text = text_init(folder, sizeof folder);
    text_add(&text, len ? slice_of(path, len) : SLICE_LIT("/"));
    if (file_status(folder, &status) == ERR_OK && status.is_folder)
        return;
    report_error(compile->report, address_place(entry), "there is no folder %s for the unix socket", folder);
}

static void parse_mode(struct compile *compile, const struct entry *entry)
{
    const struct yaml_node *node = find(entry, "mode");
    struct slice mode = entry->config->mode;
    unsigned bits = 0;
    if (node && !address_is_local(&entry->config->bound_to)) {
        report_error(compile->report, node->place, "\"mode\" is for unix sockets");
        return;
    }
    for (size_t i = 0; i < mode.len; i++) {
        if (mode.ptr[i] < '0' || mode.ptr[i] > '7') {
            bits = MODE_MAX + 1;
            break;
        }
        bits = bits * 8 + (unsigned)(mode.ptr[i] - '0');
    }
    if (bits > MODE_MAX)
        report_error(compile->report, compile_place_of(node),
                     "\"mode\" takes permission bits in octal, such as 0660, found \"" SLICE_FMT "\"", SLICE_ARG(mode));
    entry->config->mode_bits = bits & MODE_MAX;
}

/* Texts into a set. `local` is the word for clients without an address, NULL when it is not taken. */
static enum err parse_set(struct compile *compile, const struct option_list *texts, const struct yaml_node *node,
                          const char *local, struct ip_set *ret_set)
{
    const struct slice *text = texts->items;
    struct ip_range *ranges = arena_alloc_array(&compile->config->arena, texts->count, sizeof *ranges);
    const struct yaml_node *item = node && node->count == texts->count ? node->first : NULL;
    uint32_t count = 0;
    if (!ranges)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < texts->count; i++, item = item ? item->next : NULL) {
        enum err err = ip_range_parse(text[i], &ranges[count]);
        if (local && slice_is(text[i], local)) {
            ranges[count] = (struct ip_range){0};
            err = ERR_OK;
        }
        if (err == ERR_OK)
            count++;
        else
            report_error(compile->report, compile_place_of(item),
                         err == ERR_INVALID ? "\"" SLICE_FMT "\" has bits behind the length of its prefix"
                                            : "\"" SLICE_FMT "\" is no address or network such as 10.0.0.0/8",
                         SLICE_ARG(slice_first(text[i], REPORT_QUOTE_BYTES_MAX)));
    }
    *ret_set = ip_set_of(ranges, count);
    return ERR_OK;
}

enum err compile_trusted(struct compile *compile)
{
    struct config *config = compile->config;
    const struct yaml_node *field = yaml_find(compile->root, "forwarded_field");
    if (field && !config->trusted_proxies.count)
        report_warning(compile->report, field->place, "\"forwarded_field\" does nothing without trusted_proxies");
    return parse_set(compile, &config->trusted_proxies, yaml_find(compile->root, "trusted_proxies"), "unix",
                     &config->trusted);
}

static enum err check_proxy_protocol(struct compile *compile, const struct entry *entry)
{
    struct listen_config *config = entry->config;
    const struct yaml_node *from = find(entry, "proxy_protocol_from");
    bool is_on = config->proxy_protocol != PROXY_PROTOCOL_OFF;
    bool is_local = address_is_local(&config->bound_to);
    bool is_idle = !is_on && !find(entry, "proxy_protocol");
    if (from && (is_idle || is_local))
        report_error(compile->report, from->key_place,
                     is_on ? "\"proxy_protocol_from\" is not for unix sockets: their mode says who may connect"
                           : "\"proxy_protocol_from\" does nothing without proxy_protocol: v2");
    else if (is_on && !is_local && !from)
        report_error(compile->report, compile_place_of(find(entry, "proxy_protocol")),
                     "\"proxy_protocol\" needs \"proxy_protocol_from\": who may say who the client is");
    return parse_set(compile, &config->proxy_protocol_from, from, NULL, &config->proxy_senders);
}
