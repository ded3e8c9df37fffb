/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by OpenSSL's low-level functions, which it marks deprecated since 3.0: its EVP interface takes memory each
 * time a digest starts (counted with 3.0: one malloc a hash, also when a context is used again or copied), and an API key
 * is hashed for every request. They use the same assembly. The state is kept behind an opaque type, so that going over
 * to EVP one day is a change to this file alone. */
#define OPENSSL_API_COMPAT 0x10100000L /* says that we know they are deprecated */

#include "lib/crypto/crypto.h"

#include "lib/base/memory_user.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define SHA256_BLOCK_BYTES 64

struct crypto_hasher {
    SHA256_CTX sha256;
};

static void *named_malloc(size_t bytes, const char *file, int line)
{
    AS_MEMORY_USER(tls);
    (void)file, (void)line;
    return malloc(bytes);
}

static void *named_realloc(void *memory, size_t bytes, const char *file, int line)
{
    AS_MEMORY_USER(tls);
    (void)file, (void)line;
    return realloc(memory, bytes);
}

static void named_free(void *memory, const char *file, int line)
{
    AS_MEMORY_USER(tls);
    (void)file, (void)line;
    free(memory);
}

void crypto_name_memory(void)
{
    (void)CRYPTO_set_mem_functions(named_malloc, named_realloc, named_free);
}

enum err crypto_random(void *out, size_t bytes)
{
    if (bytes > INT32_MAX)
        return ERR_LIMIT;
    return RAND_bytes(out, (int)bytes) == 1 ? ERR_OK : ERR_IO;
}

enum err crypto_hasher_create(struct crypto_hasher **ret_hasher)
{
    struct crypto_hasher *hasher = calloc(1, sizeof *hasher);
    if (!hasher)
        return ERR_NOMEM;
    *ret_hasher = hasher;
    return ERR_OK;
}

void crypto_hasher_destroy(struct crypto_hasher *hasher)
{
    if (!hasher)
        return;
    crypto_wipe(hasher, sizeof *hasher);
    free(hasher);
}

enum err crypto_sha256(struct crypto_hasher *hasher, const struct slice *parts, size_t count,
                       uint8_t out[CRYPTO_SHA256_BYTES])
{
    uint8_t digest[CRYPTO_SHA256_BYTES];
    int ok = SHA256_Init(&hasher->sha256);
    for (size_t i = 0; i < count && ok == 1; i++)
        if (parts[i].len > 0)
            ok = SHA256_Update(&hasher->sha256, parts[i].ptr, parts[i].len);
    if (ok != 1 || SHA256_Final(digest, &hasher->sha256) != 1)
        return ERR_INTERNAL;
    memcpy(out, digest, sizeof digest);
    return ERR_OK;
}

/* Ours from two hashes instead of EVP_MAC, which takes memory as well. */
enum err crypto_hmac_sha256(struct crypto_hasher *hasher, struct slice key, struct slice message,
                            uint8_t out[CRYPTO_SHA256_BYTES])
{
    uint8_t short_key[SHA256_BLOCK_BYTES] = {0};
    uint8_t inner[SHA256_BLOCK_BYTES];
    uint8_t outer[SHA256_BLOCK_BYTES];
    uint8_t digest[CRYPTO_SHA256_BYTES];
    enum err err = ERR_OK;
    if (key.len > sizeof short_key)
        err = crypto_sha256(hasher, &key, 1, short_key);
    else if (key.len > 0)
        memcpy(short_key, key.ptr, key.len);
    for (size_t i = 0; i < sizeof short_key; i++) {
        inner[i] = short_key[i] ^ 0x36;
        outer[i] = short_key[i] ^ 0x5c;
    }
    if (err == ERR_OK)
        err = crypto_sha256(hasher, (struct slice[]){slice_of(inner, sizeof inner), message}, 2, digest);
    if (err == ERR_OK)
        err = crypto_sha256(hasher, (struct slice[]){slice_of(outer, sizeof outer), slice_of(digest, sizeof digest)}, 2,
                            out);
    crypto_wipe(short_key, sizeof short_key);
    crypto_wipe(inner, sizeof inner);
    crypto_wipe(outer, sizeof outer);
    return err;
}

bool crypto_equal(const void *a, const void *b, size_t bytes)
{
    return CRYPTO_memcmp(a, b, bytes) == 0;
}

void crypto_wipe(void *secret, size_t bytes)
{
    OPENSSL_cleanse(secret, bytes);
}
