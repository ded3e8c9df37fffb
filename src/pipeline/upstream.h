/* SPDX-License-Identifier: Apache-2.0 */
/* Servers behind weir, as a configuration names them. Immutable: what a worker knows about them besides (connections,
 * which one answered last) is its own, in proxy/. */
#ifndef WEIR_PIPELINE_UPSTREAM_H
#define WEIR_PIPELINE_UPSTREAM_H

#include "lib/options/option.h"
#include "lib/resolver/resolver.h"

struct tls_context;

enum upstream_host {
    UPSTREAM_HOST_CLIENT, /* what the client asked for */
    UPSTREAM_HOST_SERVER, /* what `servers` says */
};

enum upstream_protocol_choice {
    UPSTREAM_PROTOCOL_AUTO, /* over TLS what the server picks, else HTTP/1.1 */
    UPSTREAM_PROTOCOL_HTTP1,
    UPSTREAM_PROTOCOL_HTTP2, /* without TLS by prior knowledge */
};

enum upstream_forwarded {
    UPSTREAM_FORWARDED_X,       /* X-Forwarded-For, -Proto, -Host */
    UPSTREAM_FORWARDED_RFC7239, /* Forwarded */
    UPSTREAM_FORWARDED_BOTH,
    UPSTREAM_FORWARDED_OFF,
};

/* One entry of `upstreams:` as written. */
struct upstream_config {
    struct slice name;
    struct option_list servers; /* of struct slice, "host:port" */
    uint64_t connect_time;      /* this and the other times in ns */
    uint64_t response_time;
    uint64_t silence_time;
    uint64_t idle_time;
    uint64_t fail_time;
    uint64_t keepalive;
    uint64_t in_flight;
    uint64_t tries;
    uint64_t streams;
    uint32_t protocol; /* enum upstream_protocol_choice */
    bool is_tls;
    bool is_verified;      /* certificates are */
    struct slice tls_ca;   /* path of a PEM file; empty: whom the system trusts */
    struct slice tls_name; /* that certificates must be for; empty: the host of each server */
    uint32_t host;         /* enum upstream_host */
    uint32_t forwarded;    /* enum upstream_forwarded */
};

struct upstream_server {
    struct slice authority; /* "host:port", as written */
    struct slice host;      /* to be resolved; empty when `address` is good */
    uint16_t port;
    struct address address;
    struct resolver_name *name; /* of `host`; NULL: nobody resolves it. Given by the control plane, dropped with the
                                   configuration */
};

struct upstream {
    const struct upstream_config *config;
    struct upstream_server *servers;
    uint32_t server_count;
    struct tls_context *tls; /* NULL: plain. Goes with the configuration */
    uint32_t index;          /* in config.upstreams */
};

#endif
