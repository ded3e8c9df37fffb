/* SPDX-License-Identifier: Apache-2.0 */
/* Host names to addresses, kept fresh by a thread of its own, so that nobody else ever waits for DNS.
 *
 * The names to be looked up are known from the configuration. Each is resolved when it is added and again whenever the
 * time to live of its answer runs out. What was found is published as a small list that any thread reads without a lock
 * and without waiting; when a look-up fails, the last good list stays. */
#ifndef WEIR_LIB_RESOLVER_RESOLVER_H
#define WEIR_LIB_RESOLVER_RESOLVER_H

#include "lib/base/err.h"
#include "lib/base/slice.h"
#include "lib/sys/socket.h"

#define RESOLVER_ADDRESSES_MAX  16  /* of one name; what DNS says beyond is left out */
#define RESOLVER_HOST_BYTES_MAX 253 /* RFC 1035 section 2.3.4, as text */

struct resolver;
struct resolver_name;

/* Zeroes take the defaults. */
struct resolver_options {
    const char *servers; /* "127.0.0.1:5300,[::1]:53"; NULL: those of /etc/resolv.conf. Borrowed for the call */
    uint64_t ttl_min_ns; /* bounds of the time to live: 1 s */
    uint64_t ttl_max_ns; /* 1 h */
    uint64_t retry_ns;   /* after a failure, 5 s */
    uint32_t timeout_ms; /* of one question, 2 s */
    uint32_t tries;      /* 3 */
    /* Told on the resolver's thread when a name fails, and when it is found again (why is NULL). May be NULL. */
    void (*on_change)(void *owner, struct slice host, const char *why);
    void *owner;
};

struct resolver_addresses {
    uint32_t count;
    struct address list[RESOLVER_ADDRESSES_MAX]; /* with port 0, ascending */
};

/* Starts the thread. ERR_INVALID for servers that make no sense, ERR_NOMEM, ERR_IO. */
MUST_USE enum err resolver_create(const struct resolver_options *options, struct resolver **ret_resolver);
/* Every name must have been dropped. NULL is accepted. */
void resolver_destroy(struct resolver *resolver);

/* Any thread that may allocate. The host is copied. ERR_INVALID for what cannot be a host name, ERR_NOMEM. */
MUST_USE enum err resolver_add(struct resolver *resolver, struct slice host, struct resolver_name **ret_name);
/* Gives the name back; nobody reads it any more. Any thread, no lock. NULL is accepted. */
void resolver_drop(struct resolver_name *name);
/* Waits until every name has been found or has failed once, at most timeout_ms: true. Never on a worker. */
bool resolver_wait(const struct resolver *resolver, uint32_t timeout_ms);

/* Copies the addresses if they are others than those of *version, which starts as 0; true: they were. While they are
 * being written the answer is false, and what the caller has stays good. Any thread; no lock, no wait. */
bool resolver_read(const struct resolver_name *name, uint64_t *version, struct resolver_addresses *ret_addresses);

#endif
