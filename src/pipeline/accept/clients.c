/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections one client has: by its address, and of IPv6 by the /64, which is the least that one
 * customer gets. Proxies that are trusted, and whoever is at a unix socket, speak for many and are not counted.
 *
 * Over the limit a connection is closed at once, without a word: TLS or not, nothing has been read, and a client that
 * opens a thousand connections will hardly read a thousand answers. Without memory to count it, it is let in. */
#include "pipeline/accept/accept.h"

#define V6_CLIENT_BITS 64

static struct ip client_of(const struct ip *ip)
{
    return ip->family == IP_V6 ? ip_prefix(ip, V6_CLIENT_BITS) : *ip;
}

bool client_admit(struct worker *worker, const struct ip *ip, bool *ret_is_counted)
{
    uint64_t connections_max = worker->limits.client_connections;
    *ret_is_counted = false;
    if (!connections_max || ip->family == IP_NONE || ip_set_has(&worker->generation->config->trusted, ip))
        return true;
    struct ip client = client_of(ip);
    enum err err = places_client_enter(worker->places, slice_of(&client, sizeof client), connections_max);
    *ret_is_counted = err == ERR_OK;
    if (err == ERR_LIMIT)
        counter_add(&worker->meter.client_limit_refused, 1);
    return err != ERR_LIMIT;
}

void client_leave(struct worker *worker, const struct ip *ip)
{
    struct ip client = client_of(ip);
    places_client_leave(worker->places, slice_of(&client, sizeof client));
}
