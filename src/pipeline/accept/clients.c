/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections of a worker one client has: by its address, and of IPv6 by the /64, which is the least that one
 * customer gets. Proxies that are trusted, and whoever is at a unix socket, speak for many and are not counted.
 *
 * Over the limit a connection is closed at once, without a word: TLS or not, nothing has been read, and a client that
 * opens a thousand connections will hardly read a thousand answers. */
#include "pipeline/accept/accept.h"

#define V6_CLIENT_BITS 64

static uint64_t key_of(const struct worker *worker, const struct ip *ip)
{
    struct ip client = ip->family == IP_V6 ? ip_prefix(ip, V6_CLIENT_BITS) : *ip;
    return hash_bytes(worker->clients_key, slice_of(&client, sizeof client));
}

bool client_admit(struct worker *worker, const struct ip *ip, bool *ret_is_counted)
{
    uint64_t connections_max = worker->limits.client_connections;
    *ret_is_counted = false;
    if (!connections_max || ip->family == IP_NONE || ip_set_has(&worker->generation->config->trusted, ip))
        return true;
    uint64_t key = key_of(worker, ip);
    if (tally_add(&worker->clients, key) > connections_max) {
        tally_remove(&worker->clients, key);
        counter_add(&worker->meter.client_limit_refused, 1);
        return false;
    }
    *ret_is_counted = true;
    return true;
}

void client_leave(struct worker *worker, const struct ip *ip)
{
    tally_remove(&worker->clients, key_of(worker, ip));
}
