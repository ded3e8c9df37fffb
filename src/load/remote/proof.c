/* SPDX-License-Identifier: Apache-2.0 */
#include "load/remote/proof_int.h"

#include "lib/base/attr.h"
#include "lib/base/text.h"
#include "lib/crypto/crypto.h"

#define MESSAGE_BYTES_MAX 256

enum err load_nonce_make(struct load_proof *ret_nonce)
{
    uint8_t bytes[LOAD_PROOF_CHARS / 2];
    TRY(crypto_random(bytes, sizeof bytes));
    text_format_hex(ret_nonce->chars, slice_of(bytes, sizeof bytes));
    return ERR_OK;
}

enum err load_proof_make(struct slice token, enum load_side side, struct slice agent_nonce,
                         struct slice controller_nonce, struct load_proof *ret_proof)
{
    char memory[MESSAGE_BYTES_MAX];
    uint8_t hash[CRYPTO_SHA256_BYTES];
    struct crypto_hasher *hasher;
    if (agent_nonce.len > LOAD_PROOF_CHARS || controller_nonce.len > LOAD_PROOF_CHARS)
        return ERR_SYNTAX;
    struct text message = text_init(memory, sizeof memory);
    text_printf(&message, "weir load %s\n", side == LOAD_SIDE_AGENT ? "agent" : "controller");
    text_add(&message, agent_nonce);
    text_add(&message, SLICE_LIT("\n"));
    text_add(&message, controller_nonce);
    TRY(crypto_hasher_create(&hasher));
    enum err err = crypto_hmac_sha256(hasher, token, text_slice(&message), hash);
    crypto_hasher_destroy(hasher);
    if (err == ERR_OK)
        text_format_hex(ret_proof->chars, slice_of(hash, sizeof hash));
    return err;
}

bool load_proof_is(const struct load_proof *proof, struct slice text)
{
    return text.len == LOAD_PROOF_CHARS && crypto_equal(proof->chars, text.ptr, LOAD_PROOF_CHARS);
}
