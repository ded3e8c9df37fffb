/* SPDX-License-Identifier: Apache-2.0 */
/* auth: who is asking, by API key or by the client's certificate.
 *
 * The key comes as "Authorization: Bearer <key>" (RFC 6750 section 2.1) or as "X-API-Key: <key>". Without one the store
 * is asked about an empty key, which costs it the same work as a wrong one: how long a refusal takes says nothing
 * about which keys exist. Two different keys in one request are refused, because it could be booked on either.
 *
 * A certificate counts when no key is sent: TLS has verified it against the listener's client_ca before the request came,
 * and what is decided here is whose it is. A key that is sent and wrong is refused, whatever certificate there is.
 *
 * It stands before everything that reads the body, and a route that is not declared public cannot do without it. */
#include "lib/sys/clock.h"
#include "lib/tls/session.h"
#include "pipeline/connection.h"
#include "pipeline/description.h"
#include "pipeline/keys.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#define CERTIFICATE_ID_CHARS 16 /* of the fingerprint, as the id of the key */

enum header_choice { HEADER_BOTH, HEADER_AUTHORIZATION, HEADER_X_API_KEY };

static const char *const header_choices[] = {
    [HEADER_BOTH] = "both",
    [HEADER_AUTHORIZATION] = "authorization",
    [HEADER_X_API_KEY] = "x_api_key",
    [HEADER_X_API_KEY + 1] = NULL,
};

/* Which name of a client's certificate counts. */
enum name_choice { NAME_NONE, NAME_COMMON, NAME_DNS, NAME_EMAIL, NAME_URI };

static const char *const name_choices[] = {
    [NAME_NONE] = "none", [NAME_COMMON] = "common_name", [NAME_DNS] = "dns", [NAME_EMAIL] = "email",
    [NAME_URI] = "uri",   [NAME_URI + 1] = NULL,
};

struct holder {
    struct slice name;
    struct slice tenant;
};

static const struct option holder_rows[] = {
    {.name = "name",
     .type = OPTION_TEXT,
     .offset = offsetof(struct holder, name),
     .min = 1,
     .max = 1024,
     .flags = OPTION_REQUIRED,
     .help = "The name in the certificate, letter by letter"},
    {.name = "tenant",
     .type = OPTION_TEXT,
     .offset = offsetof(struct holder, tenant),
     .min = 1,
     .max = KEY_TEXT_CHARS_MAX,
     .flags = OPTION_REQUIRED,
     .help = "The tenant it stands for"},
};

static const struct option_table holder_table = {
    .name = "certificates",
    .help = "A certificate's name and the tenant it stands for",
    .bytes = sizeof(struct holder),
    .rows = holder_rows,
    .count = ARRAY_LEN(holder_rows),
};

struct options {
    struct slice keys;
    uint32_t header;            /* enum header_choice */
    uint32_t certificate_name;  /* enum name_choice */
    struct option_list holders; /* of struct holder; none: the name is the tenant */
    struct option_list tenants; /* of struct slice; none: all */
    struct key_store *store;    /* of keys; NULL: no keys */
};

static const struct option rows[] = {
    {.name = "keys",
     .type = OPTION_PATH,
     .offset = offsetof(struct options, keys),
     .min = 1,
     .max = 4096,
     .help = "The file that `weir keys` writes; may be left out when certificate_name is set"},
    {.name = "header",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, header),
     .fallback = "both",
     .choices = header_choices,
     .help = "Where a key may come: authorization (Authorization: Bearer), x_api_key (X-API-Key), or both"},
    {.name = "certificate_name",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, certificate_name),
     .fallback = "none",
     .choices = name_choices,
     .help =
         "Lets in who shows a certificate that the listener's client_ca vouches for, and says which name of it counts"},
    {.name = "certificates",
     .type = OPTION_TABLES,
     .offset = offsetof(struct options, holders),
     .max = 4096,
     .table = &holder_table,
     .help = "Names that are let in, and their tenants; empty: every name, which is then the tenant"},
    {.name = "tenants",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct options, tenants),
     .max = 1024,
     .help = "Tenants that may use the route; empty: every tenant"},
};

static const struct option_table table = {
    .name = "auth",
    .help = "Who may ask",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err prepare(struct middleware_setup *setup);
static enum err describe(const void *options, struct description *description);
static enum verdict on_request(struct request *request, const void *options, void *state);

const struct middleware middleware_auth = {
    .name = "auth",
    .help = "Lets in who has a valid API key, or a certificate",
    .place = PLACE_AUTHENTICATE,
    .duty = DUTY_MANDATORY,
    .options = &table,
    .prepare = prepare,
    .describe = describe,
    .on_request = on_request,
};

/* What a request says about its key. */
struct presented {
    struct slice key; /* empty: none */
    bool is_ambiguous;
};

static struct presented find_key(const struct request *request, uint32_t header);
static enum verdict admit(struct request *request, const struct options *options, struct slice tenant);
RARELY_CALLED static enum verdict refuse_tenant(struct request *request);
NOT_INLINE static enum verdict admit_holder(struct request *request, const struct options *options,
                                            const struct tls_peer *peer);
RARELY_CALLED static enum verdict refuse_without_certificate(struct request *request);
NOT_INLINE static struct slice bearer_of(struct slice credentials);
RARELY_CALLED static enum verdict refuse(struct request *request, const struct options *options,
                                         struct presented presented);
static bool is_listed(const struct option_list *tenants, struct slice tenant);

static enum err prepare(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    const struct holder *holders = options->holders.items;
    const char *fault = NULL;
    if (options->keys.len == 0 && options->certificate_name == NAME_NONE)
        fault = "auth lacks \"keys\", the file that `weir keys` writes, or \"certificate_name\"";
    else if (options->certificate_name == NAME_NONE && options->holders.count > 0)
        fault = "\"certificates\" in auth needs \"certificate_name\": which name of them?";
    else if (options->certificate_name == NAME_URI && options->holders.count == 0)
        fault = "a URI cannot be a tenant: \"certificates\" in auth says which tenant it stands for";
    for (uint32_t i = 0; !fault && i < options->holders.count; i++)
        if (!key_text_is_valid(holders[i].tenant))
            fault = "a tenant in \"certificates\" has 1 to 64 of A-Z a-z 0-9 _ . @ + -";
    if (fault) {
        text_add(setup->fault, slice_of_text(fault));
        return ERR_INVALID;
    }
    if (options->keys.len == 0)
        return ERR_OK;
    return key_store_load(options->keys, setup->arena, setup->fault, &options->store);
}

static enum err describe(const void *options_, struct description *description)
{
    const struct options *options = options_;
    description->arises |= AT_AUTH;
    if (options->store && options->header != HEADER_X_API_KEY)
        description->credentials |= CREDENTIAL_BEARER;
    if (options->store && options->header != HEADER_AUTHORIZATION)
        description->credentials |= CREDENTIAL_API_KEY;
    if (options->certificate_name != NAME_NONE)
        description->credentials |= CREDENTIAL_CERTIFICATE;
    return ERR_OK;
}

static enum verdict on_request(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    struct presented presented = find_key(request, options->header);
    bool has_key = presented.key.len > 0 || presented.is_ambiguous;
    const struct tls_peer *peer = has_key || options->certificate_name == NAME_NONE || !request->connection
                                      ? NULL
                                      : connection_tls_peer(request->connection);
    if (peer)
        return admit_holder(request, options, peer);
    if (!options->store)
        return refuse_without_certificate(request);
    struct key_slot *slot;
    struct worker *worker = request->worker;
    int64_t now_s = (int64_t)worker_wall_s(worker);
    enum err err = key_store_verify(options->store, &worker->key_verifier, presented.key, now_s, &slot);
    if (err != ERR_OK)
        return refuse(request, options, presented);
    const struct key_identity *identity = &slot->record->identity;
    request->identity.key_id = identity->id;
    request->identity.key_name = identity->name;
    request->identity.memo = &slot->memo;
    return admit(request, options, identity->tenant);
}

static enum verdict admit(struct request *request, const struct options *options, struct slice tenant)
{
    request->identity.tenant = tenant;
    if (!is_listed(&options->tenants, tenant))
        return refuse_tenant(request);
    return VERDICT_NEXT;
}

static enum verdict refuse_tenant(struct request *request)
{
    return request_fail(request, PROBLEM_FORBIDDEN, "The tenant \"" SLICE_FMT "\" may not use this route.",
                        SLICE_ARG(request->identity.tenant));
}

/* Certificates. */

static struct slice tenant_of_name(const struct options *options, struct slice name)
{
    const struct holder *holders = options->holders.items;
    for (uint32_t i = 0; i < options->holders.count; i++)
        if (slice_equal(holders[i].name, name))
            return holders[i].tenant;
    bool is_tenant = options->holders.count == 0 && key_text_is_valid(name);
    return is_tenant ? name : (struct slice){NULL, 0};
}

/* Without a list a certificate with two names of the kind has no tenant: which would it be? */
static struct slice tenant_of(const struct options *options, const struct tls_peer *peer)
{
    static const enum tls_name_kind kinds[] = {
        [NAME_DNS] = TLS_NAME_DNS, [NAME_EMAIL] = TLS_NAME_EMAIL, [NAME_URI] = TLS_NAME_URI};
    struct slice found = {NULL, 0};
    if (options->certificate_name == NAME_COMMON)
        return tenant_of_name(options, peer->common_name);
    for (uint32_t i = 0; i < peer->name_count; i++) {
        if (peer->names[i].kind != kinds[options->certificate_name])
            continue;
        struct slice tenant = tenant_of_name(options, peer->names[i].text);
        if (tenant.len && found.len && !slice_equal(tenant, found))
            return (struct slice){NULL, 0};
        if (tenant.len)
            found = tenant;
    }
    return found;
}

/* The peer goes with the connection; what the log says of the request may come after that. */
static enum verdict admit_holder(struct request *request, const struct options *options, const struct tls_peer *peer)
{
    struct slice tenant = tenant_of(options, peer);
    if (!tenant.len) {
        counter_add(&request->worker->meter.auth_failed, 1);
        return request_fail(request, PROBLEM_FORBIDDEN, "The client certificate's name stands for no tenant.");
    }
    struct slice kept = arena_copy(&request->arena, tenant);
    struct slice id = arena_copy(&request->arena, slice_first(peer->fingerprint, CERTIFICATE_ID_CHARS));
    if (!kept.ptr || !id.ptr)
        return request_fail_memory(request);
    request->identity.key_id = id;
    return admit(request, options, kept);
}

static enum verdict refuse_without_certificate(struct request *request)
{
    counter_add(&request->worker->meter.auth_failed, 1);
    return request_fail(request, PROBLEM_FORBIDDEN, "A client certificate is needed.");
}

/* Keys. */

static struct presented find_key(const struct request *request, uint32_t header)
{
    struct slice bearer = {NULL, 0};
    struct slice plain = {NULL, 0};
    if (header != HEADER_X_API_KEY && http_head_find(&request->head, HTTP_FIELD_AUTHORIZATION))
        bearer = bearer_of(request_header(request, HTTP_FIELD_AUTHORIZATION));
    if (header != HEADER_AUTHORIZATION)
        plain = request_header(request, HTTP_FIELD_X_API_KEY);
    if (bearer.len && plain.len && !slice_equal(bearer, plain))
        return (struct presented){.is_ambiguous = true};
    return (struct presented){.key = bearer.len ? bearer : plain};
}

/* The token behind "Bearer", whose letters may have any case (RFC 9110 section 11.1); empty for other schemes. */
static struct slice bearer_of(struct slice credentials)
{
    struct slice rest = credentials;
    struct slice scheme = slice_cut(&rest, ' ');
    return slice_equal_nocase(scheme, SLICE_LIT("Bearer")) ? slice_trim(rest) : (struct slice){NULL, 0};
}

static enum verdict refuse(struct request *request, const struct options *options, struct presented presented)
{
    static const char *const ways[] = {
        [HEADER_BOTH] = "Authorization: Bearer <key> or X-API-Key: <key>",
        [HEADER_AUTHORIZATION] = "Authorization: Bearer <key>",
        [HEADER_X_API_KEY] = "X-API-Key: <key>",
    };
    counter_add(&request->worker->meter.auth_failed, 1);
    response_field_add(request, "WWW-Authenticate", SLICE_LIT("Bearer realm=\"weir\""));
    if (presented.is_ambiguous)
        return request_fail(request, PROBLEM_UNAUTHORIZED,
                            "Authorization and X-API-Key hold different keys: send one of them.");
    if (!presented.key.len)
        return request_fail(request, PROBLEM_UNAUTHORIZED, "No API key was sent: send %s.", ways[options->header]);
    return request_fail(request, PROBLEM_UNAUTHORIZED, "The API key is unknown, expired or revoked.");
}

static bool is_listed(const struct option_list *tenants, struct slice tenant)
{
    const struct slice *names = tenants->items;
    for (uint32_t i = 0; i < tenants->count; i++)
        if (slice_equal(names[i], tenant))
            return true;
    return tenants->count == 0;
}
