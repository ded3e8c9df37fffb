/* SPDX-License-Identifier: Apache-2.0 */
/* The door to libcrypto: random bytes, SHA-256, HMAC-SHA-256, comparison in constant time. */
#ifndef WEIR_LIB_CRYPTO_CRYPTO_H
#define WEIR_LIB_CRYPTO_CRYPTO_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdint.h>

#define CRYPTO_SHA256_BYTES 32

/* Has libcrypto ask for memory as MEMORY_USER_tls (lib/base/memory_user.h). Before anything else of it is used. */
void crypto_name_memory(void);

/* From the system's generator, good for keys. ERR_IO when it has none to give: never go on without. Any thread. */
MUST_USE enum err crypto_random(void *out, size_t bytes);

/* What hashing needs, made once for each thread so that a hash takes no memory. */
struct crypto_hasher;

MUST_USE enum err crypto_hasher_create(struct crypto_hasher **ret_hasher);
/* NULL is accepted. */
void crypto_hasher_destroy(struct crypto_hasher *hasher);

/* SHA-256 of the parts one behind the other. */
MUST_USE enum err crypto_sha256(struct crypto_hasher *hasher, const struct slice *parts, size_t count,
                                uint8_t out[CRYPTO_SHA256_BYTES]);
/* HMAC-SHA-256 (RFC 2104) of the message under a key of any length. */
MUST_USE enum err crypto_hmac_sha256(struct crypto_hasher *hasher, struct slice key, struct slice message,
                                     uint8_t out[CRYPTO_SHA256_BYTES]);

/* Takes the same time wherever the first difference stands. */
bool crypto_equal(const void *a, const void *b, size_t bytes);
/* Zeroes a secret; not optimised away. */
void crypto_wipe(void *secret, size_t bytes);

#endif
