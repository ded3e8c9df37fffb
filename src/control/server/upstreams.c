/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/upstreams.h"

#include "control/server/say.h"
#include "pipeline/config_make.h"

#define FIRST_ANSWER_MS 3000

static enum err attach_server(struct resolver **resolver, struct config *config, struct upstream_server *server);

enum err upstreams_attach(struct resolver **resolver, struct config *config)
{
    bool has_names = false;
    for (uint32_t i = 0; i < config->upstream_count; i++) {
        struct upstream *upstream = config->upstreams[i];
        for (uint32_t k = 0; k < upstream->server_count; k++) {
            TRY(attach_server(resolver, config, &upstream->servers[k]));
            has_names |= upstream->servers[k].name != NULL;
        }
    }
    if (has_names)
        (void)resolver_wait(*resolver, FIRST_ANSWER_MS);
    return ERR_OK;
}

static void drop(void *name)
{
    resolver_drop(name);
}

/* On the resolver's thread. */
static void on_change(void *owner, struct slice host, const char *why)
{
    (void)owner;
    if (why)
        say_error("cannot resolve " SLICE_FMT ": %s", SLICE_ARG(host), why);
    else
        say("resolved " SLICE_FMT " again", SLICE_ARG(host));
}

static enum err attach_server(struct resolver **resolver, struct config *config, struct upstream_server *server)
{
    const struct resolver_options options = {.on_change = on_change};
    if (server->host.len == 0)
        return ERR_OK;
    if (!*resolver)
        TRY(resolver_create(&options, resolver));
    TRY(resolver_add(*resolver, server->host, &server->name));
    enum err err = config_on_release(config, drop, server->name);
    if (err != ERR_OK)
        resolver_drop(server->name);
    return err;
}
