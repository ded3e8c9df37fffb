/* SPDX-License-Identifier: Apache-2.0 */
/* user_context: what follows from who is asking: the tenant, and the bucket of an A/B split.
 *
 * A subject (a tenant, a key, a user named by a header, or the single request) falls into a bucket by a hash of its
 * name and of nothing else: no table, no state, the same bucket after a restart and on every machine that has the same
 * buckets, weights and salt. The hash is SipHash-1-3 under a key made of the salt and of the constants below, which
 * must never change: changing them would move every subject. Two experiments need two salts, else they split the
 * same subjects the same way.
 *
 * The range of the hash is cut at the cumulated weights, so growing the last bucket at the cost of the one before it
 * moves only the subjects between the two cuts. A request without a subject goes to the first bucket, which is
 * therefore the place of what is safe. */
#include "lib/base/hash.h"
#include "pipeline/description.h"
#include "pipeline/keys.h"
#include "pipeline/request.h"
#include "pipeline/worker.h"

#define BUCKETS_MAX  16
#define NAME_CHARS   32 /* what the access log has room for */
#define WEIGHT_MAX   1000000
#define SALT_KEY_ONE ((struct hash_key){0x776569722d616231, 0x6275636b65747331}) /* "weir-ab1" "buckets1" */
#define SALT_KEY_TWO ((struct hash_key){0x776569722d616232, 0x6275636b65747332}) /* "weir-ab2" "buckets2" */

enum subject { SUBJECT_TENANT, SUBJECT_KEY, SUBJECT_REQUEST, SUBJECT_HEADER };

static const char *const subject_choices[] = {
    [SUBJECT_TENANT] = "tenant", [SUBJECT_KEY] = "key",       [SUBJECT_REQUEST] = "request",
    [SUBJECT_HEADER] = "header", [SUBJECT_HEADER + 1] = NULL,
};

struct options {
    struct option_list buckets; /* of struct slice */
    struct option_list weights; /* of uint64_t; none: all the same */
    uint32_t by;                /* enum subject */
    struct slice header;
    struct slice salt;
    bool is_visible;
    /* Made of the above. */
    struct hash_key key;
    uint64_t last[BUCKETS_MAX]; /* the largest hash of each bucket */
};

static const struct option rows[] = {
    {.name = "buckets",
     .type = OPTION_TEXTS,
     .offset = offsetof(struct options, buckets),
     .max = BUCKETS_MAX,
     .help = "Names of the buckets of an A/B split, such as [control, treatment]"},
    {.name = "weights",
     .type = OPTION_COUNTS,
     .offset = offsetof(struct options, weights),
     .max = BUCKETS_MAX,
     .help = "Shares of the buckets, in any unit, such as [90, 10]; empty: all the same"},
    {.name = "by",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct options, by),
     .fallback = "tenant",
     .choices = subject_choices,
     .help = "What stays together in a bucket: tenant, key, header (the same value), or request (nothing)"},
    {.name = "header",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, header),
     .fallback = "X-User-Id",
     .min = 1,
     .max = 128,
     .help = "The header field whose value is the subject with by: header"},
    {.name = "salt",
     .type = OPTION_TEXT,
     .offset = offsetof(struct options, salt),
     .max = 128,
     .help = "Another text splits the same subjects another way; give each experiment its own"},
    {.name = "response_headers",
     .type = OPTION_BOOL,
     .offset = offsetof(struct options, is_visible),
     .fallback = "false",
     .help = "Answers with X-Weir-Tenant and X-Weir-Bucket"},
};

static const struct option_table table = {
    .name = "user_context",
    .help = "Tenant and A/B bucket",
    .bytes = sizeof(struct options),
    .rows = rows,
    .count = ARRAY_LEN(rows),
};

static enum err prepare(struct middleware_setup *setup);
static enum err describe(const void *options, struct description *description);
static enum verdict on_request(struct request *request, const void *options, void *state);

const struct middleware middleware_user_context = {
    .name = "user_context",
    .help = "Puts the request into a bucket of an A/B split that stays the same for the same subject",
    .place = PLACE_CONTEXT,
    .duty = DUTY_OPTIONAL,
    .options = &table,
    .prepare = prepare,
    .describe = describe,
    .on_request = on_request,
};

static enum err check_names(const struct options *options, struct text *fault);
static enum err cut_range(struct options *options, struct text *fault);
static void choose_bucket(struct request *request, const struct options *options);
NOT_INLINE static void show(struct request *request);
static uint32_t bucket_of(const struct request *request, const struct options *options);
NOT_INLINE static uint32_t find_bucket(const struct request *request, const struct options *options,
                                       struct slice subject);
NOT_INLINE static struct slice subject_of(const struct request *request, const struct options *options);

static enum err prepare(struct middleware_setup *setup)
{
    struct options *options = setup->options;
    options->key = (struct hash_key){hash_bytes(SALT_KEY_ONE, options->salt), hash_bytes(SALT_KEY_TWO, options->salt)};
    TRY(check_names(options, setup->fault));
    return cut_range(options, setup->fault);
}

static enum err check_names(const struct options *options, struct text *fault)
{
    const struct slice *names = options->buckets.items;
    for (uint32_t i = 0; i < options->buckets.count; i++) {
        if (names[i].len > NAME_CHARS || !http_is_token(names[i])) {
            text_printf(fault, "bucket \"" SLICE_FMT "\" must be 1 to %d letters, digits or hyphens",
                        SLICE_ARG(names[i]), NAME_CHARS);
            return ERR_INVALID;
        }
        for (uint32_t k = 0; k < i; k++)
            if (slice_equal(names[k], names[i])) {
                text_printf(fault, "bucket \"" SLICE_FMT "\" is named twice", SLICE_ARG(names[i]));
                return ERR_INVALID;
            }
    }
    if (options->by == SUBJECT_HEADER && !http_is_token(options->header)) {
        text_printf(fault, "header \"" SLICE_FMT "\" is no name of a header field", SLICE_ARG(options->header));
        return ERR_INVALID;
    }
    return ERR_OK;
}

/* In whole numbers, so that every machine cuts at the same place. */
static enum err cut_range(struct options *options, struct text *fault)
{
    uint32_t count = options->buckets.count;
    const uint64_t *weights = options->weights.items;
    if (options->weights.count && options->weights.count != count) {
        text_printf(fault, "weights has %u numbers for %u buckets", options->weights.count, count);
        return ERR_INVALID;
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t weight = options->weights.count ? weights[i] : 1;
        if (weight > WEIGHT_MAX) {
            text_printf(fault, "a weight is at most %d", WEIGHT_MAX);
            return ERR_INVALID;
        }
        total += weight;
        options->last[i] = total; /* for now the sum so far */
    }
    if (count && !total) {
        text_printf(fault, "weights are all 0: no bucket would be taken");
        return ERR_INVALID;
    }
    for (uint32_t i = 0; i < count; i++) {
        unsigned __int128 end = ((unsigned __int128)options->last[i] << 64) / total;
        options->last[i] = end ? (uint64_t)(end - 1) : 0;
    }
    return ERR_OK;
}

static enum err describe(const void *options_, struct description *description)
{
    const struct options *options = options_;
    if (!options->is_visible)
        return ERR_OK;
    description_add_header(description, "X-Weir-Tenant", "Whom the credentials belong to.");
    if (options->buckets.count)
        description_add_header(description, "X-Weir-Bucket", "The bucket of the A/B split that the request is in.");
    return ERR_OK;
}

static enum verdict on_request(struct request *request, const void *options_, void *state)
{
    (void)state;
    const struct options *options = options_;
    if (options->buckets.count)
        choose_bucket(request, options);
    if (options->is_visible)
        show(request);
    return VERDICT_NEXT;
}

static void choose_bucket(struct request *request, const struct options *options)
{
    const struct slice *names = options->buckets.items;
    uint32_t index = bucket_of(request, options);
    request->identity.bucket_index = index;
    request->identity.bucket = names[index];
}

/* What a key is in never changes as long as it is remembered: its bucket is remembered with it, which spares the hash.
 * The memo is looked at with care, since the key may have made room for another one. */
static uint32_t bucket_of(const struct request *request, const struct options *options)
{
    bool is_of_key = options->by == SUBJECT_TENANT || options->by == SUBJECT_KEY;
    struct key_memo *memo = is_of_key ? request->identity.memo : NULL;
    if (!memo)
        return find_bucket(request, options, subject_of(request, options));
    struct slice subject = options->by == SUBJECT_TENANT ? request->identity.tenant : request->identity.key_id;
    if (UNLIKELY(memo->asker != options || memo->text != subject.ptr))
        *memo = (struct key_memo){options, subject.ptr, find_bucket(request, options, subject)};
    return (uint32_t)memo->number;
}

/* By the hash of the subject. Without one it is the first bucket, or any for a single request. */
static uint32_t find_bucket(const struct request *request, const struct options *options, struct slice subject)
{
    uint32_t index = 0;
    uint64_t hash = 0;
    if (subject.len)
        hash = hash_bytes(options->key, subject);
    else if (options->by == SUBJECT_REQUEST)
        hash = worker_random(request->worker);
    while (index + 1 < options->buckets.count && hash > options->last[index])
        index++;
    return index;
}

static struct slice subject_of(const struct request *request, const struct options *options)
{
    const struct http_header *header;
    switch ((enum subject)options->by) {
    case SUBJECT_TENANT:
        return request->identity.tenant;
    case SUBJECT_KEY:
        return request->identity.key_id;
    case SUBJECT_REQUEST:
        return request->id;
    case SUBJECT_HEADER:
        header = http_head_find_name(&request->head, options->header);
        return header ? header->value : (struct slice){NULL, 0};
    }
    return (struct slice){NULL, 0};
}

static void show(struct request *request)
{
    if (request->identity.tenant.len)
        response_field_add(request, "X-Weir-Tenant", request->identity.tenant);
    if (request->identity.bucket.len)
        response_field_add(request, "X-Weir-Bucket", request->identity.bucket);
}
