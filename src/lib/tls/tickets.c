/* SPDX-License-Identifier: Apache-2.0 */
/* The door to openssl/evp.h and the names of its parameters.
 *
 * A ratchet (each key made from the one before it, which is then forgotten) would keep old tickets secret from whoever
 * takes the process's memory later. It was left out: it needs state that all workers see change, and the memory that
 * holds the secret holds the certificate's key too. Under TLS 1.3 a resumed session makes a fresh key exchange anyway. */
#include "lib/tls/tickets_int.h"

#include "lib/base/attr.h"
#include "lib/base/err.h"
#include "lib/crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

#define KEY_BYTES 32

struct ticket_keys {
    uint8_t name[TLS_TICKET_NAME_BYTES];
    uint8_t cipher[KEY_BYTES];
    uint8_t mac[KEY_BYTES];
};

/* HMAC-SHA-256(secret, label || epoch), cut to what is wanted. */
static enum err derive(const struct tls_tickets *tickets, char label, uint64_t epoch, uint8_t *out, size_t bytes)
{
    uint8_t message[] = "weir ticket ?........";
    uint8_t digest[KEY_BYTES];
    size_t digest_bytes = 0;
    message[12] = (uint8_t)label;
    for (size_t i = 0; i < 8; i++)
        message[13 + i] = (uint8_t)(epoch >> (56 - 8 * i));
    if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, tickets->secret, sizeof tickets->secret, message,
                   sizeof message - 1, digest, sizeof digest, &digest_bytes))
        return ERR_INTERNAL;
    ASSERT(digest_bytes == sizeof digest && bytes <= sizeof digest, "SHA-256 gives 32 bytes");
    memcpy(out, digest, bytes);
    crypto_wipe(digest, sizeof digest);
    return ERR_OK;
}

static enum err derive_secrets(const struct tls_tickets *tickets, uint64_t epoch, struct ticket_keys *keys)
{
    TRY(derive(tickets, 'c', epoch, keys->cipher, sizeof keys->cipher));
    return derive(tickets, 'm', epoch, keys->mac, sizeof keys->mac);
}

/* The epoch whose name the ticket bears: the current one or the one before. */
static enum err find_epoch(const struct tls_tickets *tickets, uint64_t now, const unsigned char *name,
                           uint64_t *ret_epoch)
{
    uint8_t candidate[TLS_TICKET_NAME_BYTES];
    for (uint64_t back = 0; back < 2 && back <= now; back++) {
        TRY(derive(tickets, 'n', now - back, candidate, sizeof candidate));
        if (memcmp(candidate, name, sizeof candidate) == 0) {
            *ret_epoch = now - back;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

static enum err begin(const struct ticket_keys *keys, const struct tls_ticket_seal *seal)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)keys->mac, sizeof keys->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bool is_ready =
        EVP_CipherInit_ex(seal->cipher, EVP_aes_256_cbc(), NULL, keys->cipher, seal->iv, seal->is_sealing) == 1 &&
        EVP_MAC_CTX_set_params(seal->mac, params) == 1;
    return is_ready ? ERR_OK : ERR_INTERNAL;
}

int tls_ticket_seal(const struct tls_tickets *tickets, uint64_t now_s, const struct tls_ticket_seal *seal)
{
    struct ticket_keys keys;
    uint64_t now = now_s / tickets->rotation_s;
    uint64_t epoch = now;
    enum err err = seal->is_sealing ? derive(tickets, 'n', epoch, seal->name, TLS_TICKET_NAME_BYTES)
                                    : find_epoch(tickets, now, seal->name, &epoch);
    if (err == ERR_NOT_FOUND)
        return 0;
    if (err == ERR_OK && seal->is_sealing)
        err = crypto_random(seal->iv, TLS_TICKET_IV_BYTES);
    if (err == ERR_OK)
        err = derive_secrets(tickets, epoch, &keys);
    if (err == ERR_OK)
        err = begin(&keys, seal);
    crypto_wipe(&keys, sizeof keys);
    if (err != ERR_OK)
        return -1;
    return epoch == now ? 1 : 2;
}
