/* SPDX-License-Identifier: Apache-2.0 */
/* options.def unfolded into tables. */
#include "control/config/option_tables.h"

#include "lib/schema/schema.h"
#include "lib/tls/context.h"
#include "pipeline/config.h"
#include "pipeline/contract.h"
#include "pipeline/graph.h"

static const char *const profile_choices[] = {
    [MODEL_PROFILE_THROUGHPUT] = "throughput",
    [MODEL_PROFILE_LATENCY] = "latency",
    NULL,
};
static const char *const batch_policy_choices[] = {
    [BATCH_ADAPTIVE] = "adaptive",
    [BATCH_FIXED] = "fixed",
    NULL,
};
static const char *const optimization_choices[] = {
    [MODEL_OPTIMIZE_NONE] = "none", [MODEL_OPTIMIZE_BASIC] = "basic", [MODEL_OPTIMIZE_EXTENDED] = "extended",
    [MODEL_OPTIMIZE_ALL] = "all",   [MODEL_OPTIMIZE_ALL + 1] = NULL,
};
static const char *const provider_missing_choices[] = {
    [MODEL_PROVIDER_FALL_BACK] = "fall_back",
    [MODEL_PROVIDER_STOP] = "stop",
    [MODEL_PROVIDER_STOP + 1] = NULL,
};
static const char *const proxy_protocol_choices[] = {
    [PROXY_PROTOCOL_OFF] = "off",
    [PROXY_PROTOCOL_V2] = "v2",
    [PROXY_PROTOCOL_V2 + 1] = NULL,
};
static const char *const protocol_choices[] = {
    [LISTEN_HTTP1] = "http/1.1",
    [LISTEN_H2] = "h2",
    [LISTEN_H2 + 1] = NULL,
};
static const char *const forwarded_choices[] = {
    [FORWARDED_X_FORWARDED_FOR] = "x_forwarded_for",
    [FORWARDED_FORWARDED] = "forwarded",
    [FORWARDED_FORWARDED + 1] = NULL,
};

static const char *const tls_version_choices[] = {
    [TLS_VERSION_1_2] = "1.2",
    [TLS_VERSION_1_3] = "1.3",
    [TLS_VERSION_1_3 + 1] = NULL,
};
static const char *const client_certificate_choices[] = {
    [TLS_CLIENT_CERTIFICATE_NONE] = "none",
    [TLS_CLIENT_CERTIFICATE_OPTIONAL] = "optional",
    [TLS_CLIENT_CERTIFICATE_REQUIRED] = "required",
    [TLS_CLIENT_CERTIFICATE_REQUIRED + 1] = NULL,
};
static const char *const upstream_host_choices[] = {
    [UPSTREAM_HOST_CLIENT] = "client",
    [UPSTREAM_HOST_SERVER] = "server",
    [UPSTREAM_HOST_SERVER + 1] = NULL,
};
static const char *const upstream_protocol_choices[] = {
    [UPSTREAM_PROTOCOL_AUTO] = "auto",
    [UPSTREAM_PROTOCOL_HTTP1] = "http1",
    [UPSTREAM_PROTOCOL_HTTP2] = "http2",
    [UPSTREAM_PROTOCOL_HTTP2 + 1] = NULL,
};
static const char *const upstream_forwarded_choices[] = {
    [UPSTREAM_FORWARDED_X] = "x",     [UPSTREAM_FORWARDED_RFC7239] = "rfc7239", [UPSTREAM_FORWARDED_BOTH] = "both",
    [UPSTREAM_FORWARDED_OFF] = "off", [UPSTREAM_FORWARDED_OFF + 1] = NULL,
};

static const char *const repository_control_choices[] = {
    [REPOSITORY_NONE] = "none",
    [REPOSITORY_POLL] = "poll",
    [REPOSITORY_EXPLICIT] = "explicit",
    [REPOSITORY_EXPLICIT + 1] = NULL,
};
static const char *const contract_mode_choices[] = {
    [CONTRACT_ENFORCE] = "enforce",
    [CONTRACT_REPORT] = "report",
    [CONTRACT_OFF] = "off",
    [CONTRACT_OFF + 1] = NULL,
};
static const char *const schema_choice_choices[] = {
    [SCHEMA_UNSET] = "unset",
    [SCHEMA_YES] = "true",
    [SCHEMA_NO] = "false",
    [SCHEMA_NO + 1] = NULL,
};

#define OPTIONS_DEF "pipeline/options.def"
#include "lib/options/unfold.def"
