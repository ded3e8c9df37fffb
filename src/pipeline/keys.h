/* SPDX-License-Identifier: Apache-2.0 */
/* API keys: who may ask, as salted hashes.
 *
 * A key is "weir_<id>_<secret>": the id (8 to 16 of a-z0-9) finds the record, the secret is 32 random bytes in
 * base64url (43 characters). The file holds SHA-256(salt || secret text): 256 random bits cannot be searched through, so a slow
 * hash would only slow the server down.
 *
 * The file has one key a line, eight fields with spaces between, "-" for an absent one, "#" begins a comment line:
 *
 *     id tenant name salt hash created expires revoked
 *
 * salt and hash are hex, the times RFC 3339 in UTC ("2026-01-31T12:00:00Z"). */
#ifndef WEIR_PIPELINE_KEYS_H
#define WEIR_PIPELINE_KEYS_H

#include "lib/base/arena.h"
#include "lib/base/hash.h"
#include "lib/base/text.h"
#include "lib/crypto/crypto.h"

#define KEY_PREFIX         "weir_"
#define KEY_ID_CHARS_MIN   8
#define KEY_ID_CHARS_MAX   16
#define KEY_SECRET_BYTES   32
#define KEY_SECRET_CHARS   43
#define KEY_CHARS_MIN      (sizeof(KEY_PREFIX) - 1 + KEY_ID_CHARS_MIN + 1 + KEY_SECRET_CHARS)
#define KEY_CHARS_MAX      (sizeof(KEY_PREFIX) - 1 + KEY_ID_CHARS_MAX + 1 + KEY_SECRET_CHARS)
#define KEY_SALT_BYTES     16
#define KEY_TEXT_CHARS_MAX 64 /* tenant and name */
#define KEY_FILE_BYTES_MAX (16u << 20)
#define KEY_TIME_CHARS     20

struct key_identity {
    struct slice id;
    struct slice name; /* may be empty */
    struct slice tenant;
};

struct key_record {
    struct key_identity identity;
    uint8_t salt[KEY_SALT_BYTES];
    uint8_t hash[CRYPTO_SHA256_BYTES];
    int64_t created_s; /* unix time */
    int64_t expires_s; /* INT64_MAX: never */
    int64_t revoked_s; /* INT64_MAX: not revoked */
    uint32_t line;     /* of the file, 1-based */
};

/* Immutable; any thread. Lives as long as its arena. */
struct key_store {
    struct key_record *records; /* sorted by id */
    uint32_t count;
    uint64_t serial; /* another one for each store of the process */
};

/* A place beside a key for one number that a middleware works out from the key's identity each time. It is the asker's
 * (its options) and of one text of that identity, both told apart by their place. */
struct key_memo {
    const void *asker; /* NULL: nothing yet */
    const char *text;
    uint64_t number;
};

/* A key that was verified. */
struct key_slot {
    uint64_t serial; /* of the store; 0: free */
    const struct key_record *record;
    struct hash_nh_tag tag;
    size_t len;
    struct key_memo
        memo; /* emptied with each key that comes to this place, so what it names is of a living configuration */
};

#define KEY_SLOTS 1024 /* a power of two; a key that shares its slot with another takes turns with it */

/* What one worker needs to verify keys, and what it remembers of those it has verified, so that a key that comes again
 * costs a universal hash of its text instead of a search and SHA-256 (4,900 of a request's 10,500 instructions before).
 *
 * A slot holds the record, and the length and a tag of the key as it was presented, under a hash whose own key is random,
 * known to this worker only and never seen outside: another text has the same tag with probability 2^-128 (hash.h). Only
 * success is remembered; whether a key has expired or was revoked is asked of the record each time; and a store of another
 * serial is not believed, so that a reload forgets everything. */
struct key_verifier {
    struct crypto_hasher *hasher;
    struct hash_nh_key key;
    struct key_slot slots[KEY_SLOTS];
};

/* ERR_NOMEM, or ERR_IO: no randomness. Zeroed memory may be deinited too. */
MUST_USE enum err key_verifier_init(struct key_verifier *verifier);
void key_verifier_deinit(struct key_verifier *verifier);

/* On failure `fault` says where and what: ERR_IO or ERR_NOT_FOUND for the file, ERR_SYNTAX for a line, ERR_EXISTS for
 * an id that stands twice, ERR_LIMIT, ERR_NOMEM. `path` needs a NUL behind its end. */
MUST_USE enum err key_store_load(struct slice path, struct arena *arena, struct text *fault,
                                 struct key_store **ret_store);
/* The same from memory; `path` is for messages only. */
MUST_USE enum err key_store_parse(struct slice text, struct slice path, struct arena *arena, struct text *fault,
                                  struct key_store **ret_store);

/* Who presented this key. ERR_DENIED when nobody: the same work is done whether it is malformed, its id unknown or its
 * secret wrong, so that time tells nothing. Allocates nothing. The slot's record lives as long as the store; the slot is
 * another key's one day, which whoever comes back to its memo has to expect. */
MUST_USE enum err key_store_verify(const struct key_store *store, struct key_verifier *verifier, struct slice presented,
                                   int64_t now_s, struct key_slot **ret_slot);

/* NULL when absent. */
const struct key_record *key_store_find(const struct key_store *store, struct slice id);

/* What may stand as a tenant or name: 1..KEY_TEXT_CHARS_MAX of A-Z a-z 0-9 _ . @ + - and not "-" alone. */
bool key_text_is_valid(struct slice text);
/* "2026-01-31T12:00:00Z", no NUL. Years 1970..9999. */
void key_time_format(char out[KEY_TIME_CHARS], int64_t unix_s);
MUST_USE enum err key_time_parse(struct slice text, int64_t *ret_unix_s);
/* SHA-256(salt || secret text). */
MUST_USE enum err key_hash(struct crypto_hasher *hasher, const uint8_t salt[KEY_SALT_BYTES], struct slice secret,
                           uint8_t out[CRYPTO_SHA256_BYTES]);

#endif
