/* SPDX-License-Identifier: Apache-2.0 */
/* Where connections come in: each worker gets a descriptor for every entry of `listen:`. */
#include "control/server/server_int.h"

#include "control/server/say.h"

#include <stdlib.h>

static enum err listen_one(struct server *server, uint32_t index);
static enum err listen_tcp(struct server *server, const struct listen_config *config, struct address *bound, int *fds);
static enum err listen_local(struct server *server, uint32_t index, int *fds);
static enum err say_listen_error(const struct listen_config *config, enum err err);

static const struct listen_config *config_of(const struct server *server, uint32_t index)
{
    return (const struct listen_config *)server->config->listen.items + index;
}

enum err server_listen(struct server *server)
{
    for (uint32_t i = 0; i < server->config->listen.count; i++)
        TRY(listen_one(server, i));
    return ERR_OK;
}

static enum err give(struct server *server, uint32_t index, int *fds)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        if (err == ERR_OK)
            err = worker_listen(server->workers[i], fds[i], index);
        if (err != ERR_OK)
            socket_close(fds[i]);
    }
    return err;
}

static void say_listening(struct server *server, const struct listen_config *config, const struct address *bound)
{
    char shown[ADDRESS_TEXT_MAX];
    const char *scheme = config->tls_context ? "https://" : "http://";
    address_format(bound, shown);
    say("listening on %s%s with %u workers", address_is_local(bound) ? "" : scheme, shown, server->worker_count);
    if (!server->address[0])
        memcpy(server->address, shown, sizeof server->address);
}

static enum err listen_one(struct server *server, uint32_t index)
{
    const struct listen_config *config = config_of(server, index);
    struct address bound = config->bound_to;
    int *fds = malloc(server->worker_count * sizeof *fds);
    if (!fds)
        return say_listen_error(config, ERR_NOMEM);
    for (uint32_t i = 0; i < server->worker_count; i++)
        fds[i] = -1;
    enum err err =
        address_is_local(&bound) ? listen_local(server, index, fds) : listen_tcp(server, config, &bound, fds);
    if (err == ERR_OK) {
        err = give(server, index, fds);
    } else {
        for (uint32_t i = 0; i < server->worker_count; i++)
            socket_close(fds[i]);
    }
    free(fds);
    if (err != ERR_OK)
        return say_listen_error(config, err);
    say_listening(server, config, &bound);
    return ERR_OK;
}

/* One socket for each worker on the same address: the kernel spreads connections over them. */
static enum err listen_tcp(struct server *server, const struct listen_config *config, struct address *bound, int *fds)
{
    if (address_port(bound))
        TRY(socket_probe_free(bound));
    for (uint32_t i = 0; i < server->worker_count; i++) {
        TRY(socket_listen(bound, (int)config->backlog, &fds[i]));
        if (i == 0)
            TRY(socket_address(fds[0], bound)); /* port 0 has become a real one */
    }
    return ERR_OK;
}

/* One socket for all. Each worker is woken by each connection and the quickest takes it, which costs a little for each
 * connection and spreads those that last. */
static enum err listen_local(struct server *server, uint32_t index, int *fds)
{
    const struct listen_config *config = config_of(server, index);
    TRY(socket_listen_local(&config->bound_to, config->mode_bits, (int)config->backlog, &fds[0],
                            &server->socket_files[index]));
    for (uint32_t i = 1; i < server->worker_count; i++)
        TRY(socket_share(fds[0], &fds[i]));
    return ERR_OK;
}

/* Before the workers close theirs: a path that is there and refuses would make clients give up instead of waiting. */
void server_unlink_sockets(struct server *server)
{
    for (uint32_t i = 0; i < server->config->listen.count; i++) {
        if (server->socket_files[i].inode)
            socket_unlink(&config_of(server, i)->bound_to, &server->socket_files[i]);
        server->socket_files[i].inode = 0;
    }
}

static enum err say_listen_error(const struct listen_config *config, enum err err)
{
    const char *why = err_text(err);
    bool is_local = address_is_local(&config->bound_to);
    if (err == ERR_EXISTS)
        why = "the address is in use; stop the other server or change `listen`";
    else if (err == ERR_DENIED && is_local)
        why = "not permitted; this user may not write to the folder";
    else if (err == ERR_DENIED)
        why = "not permitted; ports below 1024 need the capability CAP_NET_BIND_SERVICE";
    else if (err == ERR_INVALID)
        why = "the address is not one of this machine";
    else if (err == ERR_MISMATCH)
        why = "there is a file of this name that is no socket";
    else if (err == ERR_NOT_FOUND)
        why = "there is no such folder";
    say_error("cannot listen on " SLICE_FMT ": %s", SLICE_ARG(config->address), why);
    return err;
}
