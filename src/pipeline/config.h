/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration as the data plane sees it: an immutable snapshot with a reference count.
 *
 * control/config makes it from YAML by the rows of options.def. A reload makes another and swaps it; requests in flight
 * finish on the one they began with. */
#ifndef WEIR_PIPELINE_CONFIG_H
#define WEIR_PIPELINE_CONFIG_H

#include "lib/base/arena.h"
#include "lib/options/option.h"
#include "lib/sys/clock.h"
#include "lib/sys/socket.h"
#include "pipeline/model.h"
#include "pipeline/upstream.h"

#include <stdatomic.h>

struct contract_document;
struct route;
struct route_table;
struct pipeline;
struct tls_context;

struct limits_config {
#define LIMIT(name, type, fallback, min, max, help) uint64_t name;
#include "pipeline/limits.def"
#undef LIMIT
};

/* Whether a client that took so many bytes of a response, in a span in which there was always something to take, is as
 * fast as write_rate asks; nothing at all never is. */
static inline bool limits_keeps_write_rate(const struct limits_config *limits, uint64_t bytes, uint64_t span_ns)
{
    return bytes > 0 && bytes >= limits->write_rate * (span_ns / NS_PER_MS) / 1000;
}

enum proxy_protocol_mode { PROXY_PROTOCOL_OFF, PROXY_PROTOCOL_V2 };
enum listen_protocol { LISTEN_HTTP1, LISTEN_H2 };
enum forwarded_choice { FORWARDED_X_FORWARDED_FOR, FORWARDED_FORWARDED };

struct certificate_config {
    struct slice certificate; /* paths of PEM files */
    struct slice key;
};

/* HTTPS on an entry of `listen:`; plain HTTP without certificates. */
struct tls_config {
    struct option_list certificates; /* of struct certificate_config */
    uint32_t version_min;            /* enum tls_version */
    uint32_t client_certificate;     /* enum tls_client_certificate */
    struct slice client_ca;          /* path; empty: none */
    uint64_t ticket_time;            /* ns; 0: no tickets */
};

/* One entry of `listen:`. What a reload may change in it holds for connections that open afterwards. */
struct listen_config {
    struct slice address; /* "host:port", "[ipv6]:port", "unix:/path" */
    struct slice mode;    /* of a unix socket's file: octal digits */
    uint64_t backlog;
    uint32_t protocols;                     /* a bit for each of enum listen_protocol */
    uint32_t proxy_protocol;                /* enum proxy_protocol_mode */
    struct option_list proxy_protocol_from; /* of struct slice */
    struct tls_config tls;

    struct address bound_to; /* `address`, parsed */
    unsigned mode_bits;
    struct ip_set proxy_senders;     /* `proxy_protocol_from`, parsed */
    struct tls_context *tls_context; /* of `tls`; NULL: plain. Goes with the configuration */
};

static inline bool listen_speaks(const struct listen_config *config, enum listen_protocol protocol)
{
    return config->protocols & 1u << protocol;
}

struct shutdown_config {
    uint64_t delay_ns;   /* keep accepting, with readyz at 503, so that balancers notice */
    uint64_t timeout_ns; /* then wait this long for running requests */
};

/* `shared_memory:` */
struct shared_memory_config {
    bool is_allowed;
    struct slice prefix; /* of the objects' names, without a slash */
    uint64_t regions;
    uint64_t region_bytes;
};

/* `trace:` */
struct trace_config {
    struct slice file; /* empty: nothing is traced */
    uint64_t bytes;
};

/* `diagnostics:` */
struct diagnostics_config {
    bool is_pooling;
};

/* `stalls:` */
struct stalls_config {
    uint64_t threshold_ns; /* 0: nobody looks */
};

/* What `schemas:` says of every contract, and `contract:` of one route's. */
struct contract_config {
    uint32_t mode;               /* enum contract_mode */
    uint32_t response_mode;      /* enum contract_mode */
    uint32_t allow_empty_string; /* enum schema_choice */
    bool coerces_types;
    bool removes_additional;
    bool applies_defaults;
    bool refuses_unknown_query;
    uint64_t errors_max;
};

struct schemas_config {
    struct slice folder; /* absolute; empty: none */
    struct slice
        folder_shown;        /* as it stands in front of files in messages and in contracts, without a "/" behind it */
    struct slice folder_uri; /* with a "/" behind it */
    bool asserts_formats;
    bool is_watched;
    struct contract_config contract;
};

/* `openapi:` */
struct openapi_config {
    struct slice title;
    struct slice version;
    struct slice summary;
    struct slice description;
    struct slice contact;
    struct slice license;
    struct option_list servers; /* of struct slice */
};

/* `to: {files: …}` */
struct files_config {
    struct slice root;
    struct slice index;
    struct slice cache_control;
    bool is_precompressed;
};

/* One entry of `routes:` as written; the compiled form is struct route. */
struct target_config {
    struct slice model;
    struct slice pipeline;
    struct slice endpoint;
    struct slice upstream;
    struct slice proxy;
    struct files_config files;
    struct slice asset;
};

struct route_config {
    struct slice match; /* "POST /v1/x/{name}" */
    struct slice host;  /* empty: any */
    bool is_public;
    bool is_debug;         /* allows the header X-Weir-Skip to turn skippable middlewares off */
    uint64_t body_bytes;   /* 0: limits.body_bytes */
    uint64_t request_time; /* ns; 0: limits.request_time */
    uint64_t deadline;     /* ns from the first byte of the head; 0: none */
    struct slice schema;   /* absolute path of a file, with a fragment or without; empty: by convention */
    bool is_body_required; /* where `schema` or a convention binds one */
    struct contract_config contract;
    struct slice operation_id;
    struct slice summary;
    struct slice description;
    struct option_list tags; /* of struct slice */
    struct target_config to;
};

/* An entry of `repository:` */
enum repository_control { REPOSITORY_NONE, REPOSITORY_POLL, REPOSITORY_EXPLICIT };
struct repository_config {
    struct slice folder;     /* absolute */
    uint32_t control;        /* enum repository_control */
    uint64_t interval;       /* ns */
    struct option_list load; /* of struct slice */
    uint64_t latest;         /* versions; 0: all */
    uint64_t record;         /* as in model_config, and the next */
    double difference_max;
};

/* A model of a repository that is not as somebody wanted it. */
struct repository_fault {
    struct slice name;
    struct slice repository; /* the folder */
    struct slice reason;
    bool is_served; /* models of this name that were loaded before are, and stay */
};

/* A model of the configuration and what became of it. Shared by the snapshots that name the same file and options. */
enum model_state {
    MODEL_LOADING,
    MODEL_READY,
    MODEL_FAILED,
    MODEL_ABSENT, /* a route leads to it, and no repository has it at the moment */
};
struct model_entry {
    const struct model_config *config;
    _Atomic(struct model *) model; /* set once, before state becomes READY */
    _Atomic int state;             /* enum model_state */
    struct model_meter *meters;    /* one for each worker */
    uint32_t meter_count;
    void *owner; /* the control plane's */
};

/* received-protocol of Via (RFC 9110 section 7.6.3). */
enum via_protocol { VIA_HTTP10, VIA_HTTP11, VIA_HTTP2, VIA_PROTOCOLS };

struct config {
    struct pool pool; /* of the arena; used by the loading thread only */
    struct arena arena;
    _Atomic uint32_t refs;
    struct slice path; /* of the YAML file */
    struct slice text; /* that it was made from */

    struct option_list listen;          /* of struct listen_config */
    struct option_list trusted_proxies; /* of struct slice */
    uint32_t forwarded_choice;          /* enum forwarded_choice: the field they tell the client's address in */
    struct ip_set trusted;              /* `trusted_proxies`, parsed */
    uint64_t workers;                   /* 0: one for each core */
    uint64_t executors;                 /* 0: one for each core */
    struct option_list worker_cpus;     /* of uint64_t; none: the system's choice */
    struct option_list executor_cpus;
    struct slice onnxruntime; /* path of the library; empty: search */
    uint64_t inline_pixels;   /* larger images are decoded by an executor */
    struct limits_config limits;
    struct shutdown_config shutdown;
    struct shared_memory_config shared_memory;
    struct trace_config trace;
    struct stalls_config stalls;
    struct diagnostics_config diagnostics;
    bool allows_log_settings;
    bool server_header;                   /* names weir in responses */
    struct slice via;                     /* as written; made use of as via_name */
    struct slice welcome;                 /* printed once ready */
    struct option_list models;            /* of struct model_config, in model_config_order */
    struct option_list repositories;      /* of struct repository_config */
    struct option_list upstreams_written; /* of struct upstream_config */
    struct schemas_config schemas;
    struct openapi_config openapi;

    struct slice via_name;                 /* in Via; empty: none */
    struct slice via_lines[VIA_PROTOCOLS]; /* "Via: 1.1 name" CRLF, by the protocol a message was received in */
    struct model_entry **model_entries;    /* parallel to models; filled by the control plane */
    struct model_entry **model_failures;   /* those of models_wanted that an older one is served in place of */
    uint32_t model_failure_count;
    struct option_list models_wanted; /* what `models` was before the control plane knew what can be loaded */
    struct option_list model_faults;  /* of struct repository_fault: of repositories, as they were read */
    bool has_growing_models;          /* a repository has files that were not taken yet because they change */
    struct upstream **upstreams;      /* those of `upstreams:`, then those that routes make by `proxy:` */
    uint32_t upstream_count;
    struct pipeline **pipelines; /* of `pipelines:` */
    uint32_t pipeline_count;
    struct route **routes;
    uint32_t route_count;
    struct contract_document *documents; /* of all contracts, by URI: what control/openapi makes components of */
    uint32_t document_count;
    struct slice documents_base; /* URI of the folder of schemas, with its "/"; empty: there is none */
    struct route *unmatched; /* stands in where no route matches: the observing part of the file's chain, no target */
    struct route_table *table;
};

struct config *config_ref(struct config *config);
/* The last one runs the middlewares' unload and frees all. NULL is accepted. Any thread. */
void config_unref(struct config *config);
/* The versions of a model, the highest first; none: there is no such model. Entries may be NULL before they are attached. */
struct model_range {
    struct model_entry *const *entries;
    uint32_t count;
};
struct model_range config_model_versions(const struct config *config, struct slice name);
/* The highest version that is READY, else the highest. NULL: there is no such model. */
struct model_entry *config_model(const struct config *config, struct slice name);
/* Whether models are loaded and unloaded on request. */
bool config_is_explicit(const struct config *config);
/* Numbers by value, above all that is no number. As memcmp. */
int model_version_order(struct slice a, struct slice b);
/* The order of config->models, for qsort: by name, higher versions first. */
int model_config_order(const void *a, const void *b);

#endif
