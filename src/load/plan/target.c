/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/target.h"

#include "lib/http/url.h"
#include "lib/resolver/resolver.h"

#define RESOLVE_MS 10000

static enum err split_authority(struct slice authority, struct load_target *target, struct text *fault);
static enum err ask(const struct load_target *target, struct resolver *resolver, struct resolver_addresses *found);

enum err load_target_parse(struct slice url, struct arena *arena, struct text *fault, struct load_target *ret_target,
                           struct slice *ret_rest)
{
    struct load_target target = {.url = arena_copy(arena, url)};
    struct url_target parts;
    bool has_scheme = false;
    for (size_t i = 0; i + 2 < url.len && !has_scheme; i++)
        has_scheme = memcmp(url.ptr + i, "://", 3) == 0;
    struct slice whole = arena_printf(arena, "%s" SLICE_FMT, has_scheme ? "" : "http://", SLICE_ARG(url));
    if (!target.url.ptr || !whole.ptr)
        return ERR_NOMEM;
    if (url_target_parse(whole, &parts) != ERR_OK || parts.form != URL_ABSOLUTE) {
        text_printf(fault, "is no URL such as http://127.0.0.1:8080/v1/items");
        return ERR_SYNTAX;
    }
    target.is_tls = parts.scheme.len == 5;
    target.authority = parts.authority;
    TRY(split_authority(parts.authority, &target, fault));
    /* "/" alone is what an empty path is sent as. */
    const char *after = parts.authority.ptr + parts.authority.len;
    *ret_rest = slice_of(after, (size_t)(whole.ptr + whole.len - after));
    *ret_target = target;
    return ERR_OK;
}

static enum err split_authority(struct slice authority, struct load_target *target, struct text *fault)
{
    uint64_t port = target->is_tls ? 443 : 80;
    size_t end = authority.len && authority.ptr[0] == '[' ? slice_find(authority, ']') + 1 : slice_find(authority, ':');
    target->host =
        authority.len && authority.ptr[0] == '[' ? slice_of(authority.ptr + 1, end - 2) : slice_first(authority, end);
    struct slice digits = slice_skip(authority, end + 1 < authority.len ? end + 1 : authority.len);
    if (digits.len && (text_parse_u64(digits, &port) != ERR_OK || port == 0 || port > 65535)) {
        text_printf(fault, "names port " SLICE_FMT ", which is none", SLICE_ARG(digits));
        return ERR_SYNTAX;
    }
    target->port = (uint16_t)port;
    return ERR_OK;
}

enum err load_target_resolve(struct load_target *target, struct text *fault)
{
    char memory[RESOLVER_HOST_BYTES_MAX + 16];
    struct text numeric = text_init(memory, sizeof memory);
    struct resolver *resolver;
    struct resolver_addresses found = {0};
    bool is_v6 = slice_find(target->host, ':') < target->host.len;
    text_printf(&numeric, "%s" SLICE_FMT "%s:%u", is_v6 ? "[" : "", SLICE_ARG(target->host), is_v6 ? "]" : "",
                target->port);
    target->address_count = 0;
    if (address_parse(text_slice(&numeric), &target->addresses[0]) == ERR_OK) {
        target->address_count = 1;
        return ERR_OK;
    }
    enum err err = resolver_create(&(struct resolver_options){0}, &resolver);
    if (err == ERR_OK) {
        err = ask(target, resolver, &found);
        resolver_destroy(resolver);
    }
    if (err != ERR_OK) {
        text_printf(fault, "the host \"" SLICE_FMT "\" was not found", SLICE_ARG(target->host));
        return ERR_NOT_FOUND;
    }
    for (uint32_t i = 0; i < found.count && i < ARRAY_LEN(target->addresses); i++) {
        target->addresses[i] = found.list[i];
        address_set_port(&target->addresses[i], target->port);
        target->address_count++;
    }
    return ERR_OK;
}

static enum err ask(const struct load_target *target, struct resolver *resolver, struct resolver_addresses *found)
{
    struct resolver_name *name;
    uint64_t version = 0;
    TRY(resolver_add(resolver, target->host, &name));
    bool is_asked = resolver_wait(resolver, RESOLVE_MS) && resolver_read(name, &version, found);
    resolver_drop(name);
    return is_asked && found->count ? ERR_OK : ERR_NOT_FOUND;
}
