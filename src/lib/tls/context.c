/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: certificates, sorted by the names they are for. */
#include "lib/base/attr.h"
#include "lib/crypto/crypto.h"
#include "lib/tls/ssl_int.h"

#include <stdlib.h>

/* The pairs of a server while they are put into slots. */
struct shelf {
    struct tls_certificate *certificates;
    uint32_t *slots; /* of each */
};

static enum err make_context(uint32_t slots_max, struct tls_context **ret_context)
{
    struct tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return ERR_NOMEM;
    context->refs = 1;
    context->slots = calloc(slots_max, sizeof(struct ssl_ctx_st *));
    if (!context->slots || tls_ssl_prepare(context) != ERR_OK) {
        tls_context_unref(context);
        return ERR_NOMEM;
    }
    *ret_context = context;
    return ERR_OK;
}

/* The slot of an earlier pair with the same names that can take this key beside its own, or a new one. */
static uint32_t choose_slot(const struct tls_context *context, const struct shelf *shelf, uint32_t index)
{
    const struct tls_certificate *mine = &shelf->certificates[index];
    uint32_t chosen = context->slot_count;
    for (uint32_t i = 0; i < index && mine->names.count > 0; i++) {
        const struct tls_certificate *other = &shelf->certificates[i];
        if (!tls_names_equal(&other->names, &mine->names))
            continue;
        if (other->key_kind == mine->key_kind)
            return context->slot_count;
        chosen = shelf->slots[i];
    }
    return chosen;
}

static enum err add_names(struct tls_context *context, const struct tls_names *names, uint32_t slot)
{
    for (uint32_t i = 0; i < names->count; i++)
        TRY(tls_names_add(&context->names, names->rows[i].text, slot));
    return ERR_OK;
}

static enum err put(struct tls_context *context, const struct tls_server_options *options,
                    const struct tls_trust *trust, const struct tls_reporter *reporter, struct shelf *shelf,
                    uint32_t index)
{
    const struct tls_certificate *certificate = &shelf->certificates[index];
    uint32_t slot = choose_slot(context, shelf, index);
    shelf->slots[index] = slot;
    if (slot == context->slot_count)
        TRY(tls_ssl_add_server_slot(context, options, trust, reporter));
    TRY(tls_ssl_use_certificate(context->slots[slot], certificate, index, reporter));
    return add_names(context, &certificate->names, slot);
}

/* Goes on behind the first mistake, so that all are told at once. */
static enum err put_all(struct tls_context *context, const struct tls_server_options *options,
                        const struct tls_trust *trust, const struct tls_reporter *reporter)
{
    uint32_t count = options->pair_count;
    struct shelf shelf = {calloc(count, sizeof *shelf.certificates), calloc(count, sizeof *shelf.slots)};
    enum err first = shelf.certificates && shelf.slots ? ERR_OK : ERR_NOMEM;
    for (uint32_t i = 0; i < count && first != ERR_NOMEM; i++) {
        enum err err = tls_certificate_load(&options->pairs[i], i, options->now_s, reporter, &shelf.certificates[i]);
        if (err == ERR_OK && first == ERR_OK)
            err = put(context, options, trust, reporter, &shelf, i);
        first = first == ERR_OK || err == ERR_NOMEM ? err : first;
    }
    for (uint32_t i = 0; shelf.certificates && i < count; i++)
        tls_certificate_deinit(&shelf.certificates[i]);
    free(shelf.certificates);
    free(shelf.slots);
    tls_names_sort(&context->names);
    return first;
}

static enum err load_trust(const struct tls_server_options *options, const struct tls_reporter *reporter,
                           struct tls_trust *trust)
{
    TRY(tls_ssl_name_trust(options, trust));
    if (options->client_certificate == TLS_CLIENT_CERTIFICATE_NONE)
        return ERR_OK;
    return tls_ca_load(options->client_ca, options->now_s, reporter, &trust->store, &trust->names);
}

enum err tls_context_create_server(const struct tls_server_options *options, const struct tls_reporter *reporter,
                                   struct tls_context **ret_context)
{
    ASSERT(options->pair_count > 0, "a server has a certificate");
    struct tls_trust trust = {0};
    struct tls_context *context = NULL;
    TRY(make_context(options->pair_count, &context));
    context->is_server = true;
    context->offers_h2 = options->offers_h2;
    context->is_h2_only = options->is_h2_only;
    context->key_records = options->key_records ? options->key_records : TLS_KEY_RECORDS;
    if (options->tickets)
        context->tickets = *options->tickets;
    enum err trusted = load_trust(options, reporter, &trust);
    enum err err = put_all(context, options, &trust, reporter);
    tls_ca_free(trust.store, trust.names);
    err = trusted == ERR_OK ? err : trusted;
    if (err == ERR_OK)
        *ret_context = context;
    else
        tls_context_unref(context);
    return err;
}

static enum err use_own_pair(struct tls_context *context, const struct tls_client_options *options,
                             const struct tls_reporter *reporter)
{
    struct tls_certificate certificate;
    TRY(tls_certificate_load(options->pair, 0, options->now_s, reporter, &certificate));
    enum err err = tls_ssl_use_certificate(context->slots[0], &certificate, 0, reporter);
    tls_certificate_deinit(&certificate);
    return err;
}

enum err tls_context_create_client(const struct tls_client_options *options, const struct tls_reporter *reporter,
                                   struct tls_context **ret_context)
{
    struct tls_trust trust = {0};
    struct tls_context *context = NULL;
    TRY(make_context(1, &context));
    context->offers_h2 = options->offers_h2;
    context->key_records = TLS_KEY_RECORDS;
    context->is_unverified = options->is_unverified;
    enum err err = ERR_OK;
    if (options->ca.len > 0)
        err = tls_ca_load(options->ca, options->now_s, reporter, &trust.store, &trust.names);
    if (err == ERR_OK)
        err = tls_ssl_add_client_slot(context, options, &trust, reporter);
    if (err == ERR_OK && options->pair)
        err = use_own_pair(context, options, reporter);
    tls_ca_free(trust.store, trust.names);
    if (err == ERR_OK)
        *ret_context = context;
    else
        tls_context_unref(context);
    return err;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (!context || atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) > 1)
        return;
    tls_ssl_free_context(context);
    free(context->slots);
    tls_names_deinit(&context->names);
    crypto_wipe(&context->tickets, sizeof context->tickets);
    free(context);
}
