/* SPDX-License-Identifier: Apache-2.0 */
/* auth: who is asking, by API key.
 *
 * The key comes as "Authorization: Bearer <key>" (RFC 6750 section 2.1) or as "X-API-Key: <key>". Without one the store
 * is asked about an empty key, which costs it the same work as a wrong one: how long a refusal takes says nothing
 * about which keys exist. Two different keys in one request are refused, because it could be booked on either.
 *
 * It stands before everything that reads the body, and a route that is not declared public cannot do without it. */
#include "lib/sys/clock.h"
#include "pipeline/keys.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

enum header_choice { HEADER_BOTH, HEADER_AUTHORIZATION, HEADER_X_API_KEY };

static const char *const header_choices[] = {
    [HEADER_BOTH] = "both",
    [HEADER_AUTHORIZATION] = "authorization",
    [HEADER_X_API_KEY] = "x_api_key",
    [HEADER_X_API_KEY + 1] = NULL,
};

struct options {
    struct slice keys;
    uint32_t header;            /* enum header_choice */
    struct option_list tenants; /* of struct slice; none: all */
    struct key_store *store;    /* of keys */
};

static const struct option rows[] = {
    {.name = "keys",
     .type = OPTION_PATH,
     .offset = offsetof(struct options, keys),
     .min = 1,
     .max = 4096,
     .flags = OPTION_REQUIRED,
     .help = "The file that `weir keys` writes"},
    {.name = "header",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, header),
     .fallback = "both",
     .choices = header_choices,
     .help = "Where a key may come: authorization (Authorization: Bearer), x_api_key (X-API-Key), or both"},
    {.name = "tenants",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct options, tenants),
     .max = 1024,
     .help = "Tenants that may use the route; empty: every tenant with a key"},
};

static const struct option_table table = {
    .name = "auth",
    .help = "Who may ask",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err prepare(struct middleware_setup *setup);
static enum verdict on_request(struct request *request, const void *options, void *state);

const struct middleware middleware_auth = {
    .name = "auth",
    .help = "Lets in who has a valid API key",
    .place = PLACE_AUTHENTICATE,
    .duty = DUTY_MANDATORY,
    .options = &table,
    .prepare = prepare,
    .on_request = on_request,
};

/* What a request says about its key. */
struct presented {
    struct slice key; /* empty: none */
    bool is_ambiguous;
};

static struct presented find_key(const struct request *request, uint32_t header);
static struct slice bearer_of(struct slice credentials);
static enum verdict refuse(struct request *request, const struct options *options, struct presented presented);
static bool is_listed(const struct option_list *tenants, struct slice tenant);

static enum err prepare(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    return key_store_load(options->keys, setup->arena, setup->fault, &options->store);
}

static enum verdict on_request(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    struct presented presented = find_key(request, options->header);
    struct key_identity identity;
    struct worker *worker = request->worker;
    int64_t now_s = (int64_t)(worker_wall_ns(worker, worker->loop.now_ns) / NS_PER_S);
    enum err err = key_store_verify(options->store, &worker->key_verifier, presented.key, now_s, &identity);
    if (err != ERR_OK)
        return refuse(request, options, presented);
    request->identity.tenant = identity.tenant;
    request->identity.key_id = identity.id;
    request->identity.key_name = identity.name;
    if (!is_listed(&options->tenants, identity.tenant))
        return request_fail(request, PROBLEM_FORBIDDEN, "The tenant \"" SLICE_FMT "\" may not use this route.",
                            SLICE_ARG(identity.tenant));
    return VERDICT_NEXT;
}

static struct presented find_key(const struct request *request, uint32_t header)
{
    struct slice none = {NULL, 0};
    struct slice bearer =
        header == HEADER_X_API_KEY ? none : bearer_of(request_header(request, HTTP_FIELD_AUTHORIZATION));
    struct slice plain = header == HEADER_AUTHORIZATION ? none : request_header(request, HTTP_FIELD_X_API_KEY);
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
