/* SPDX-License-Identifier: Apache-2.0 */
/* Each input goes in with its type, shape and length in front, so that no two requests are one row of bytes. The tenant
 * goes in, too: a hit says that somebody has asked this before, which is for nobody else to know. */
#include "lib/crypto/crypto.h"
#include "pipeline/cache/cache_int.h"
#include "pipeline/tensor_wire.h"

#define PARTS_MAX (3 + 2 * MODEL_TENSORS_MAX)

struct input_head {
    uint64_t index;
    uint64_t type;
    uint64_t rank;
    int64_t dims[TENSOR_RANK_MAX];
    uint64_t bytes;
};

/* The elements as one piece: texts are brought together first. */
static bool bytes_of(struct request *request, const struct tensor *tensor, struct slice *ret_bytes)
{
    if (tensor->spec->type != TENSOR_BYTES) {
        *ret_bytes = slice_of(tensor->data, tensor->bytes);
        return true;
    }
    uint64_t bytes = tensor_wire_bytes(tensor);
    char *wire = arena_alloc(&request->arena, bytes);
    if (!wire)
        return false;
    (void)tensor_wire_write(wire, tensor);
    *ret_bytes = slice_of(wire, bytes);
    return true;
}

enum err cache_key_make(struct request *request, const uint8_t secret[CACHE_KEY_BYTES], struct cache_key *ret_key)
{
    struct slice parts[PARTS_MAX];
    struct input_head heads[MODEL_TENSORS_MAX];
    uint32_t inputs = model_info(run_model(request->run))->input_count;
    uint64_t tenant_bytes = request->identity.tenant.len;
    size_t count = 0;
    parts[count++] = slice_of(secret, CACHE_KEY_BYTES);
    parts[count++] = slice_of(&tenant_bytes, sizeof tenant_bytes);
    parts[count++] = request->identity.tenant;
    for (uint32_t i = 0; i < inputs; i++) {
        const struct tensor *tensor = run_given_input(request->run, i);
        struct slice bytes;
        if (!bytes_of(request, tensor, &bytes))
            return ERR_NOMEM;
        heads[i] =
            (struct input_head){.index = i, .type = tensor->spec->type, .rank = tensor->rank, .bytes = bytes.len};
        memcpy(heads[i].dims, tensor->dims, tensor->rank * sizeof *tensor->dims);
        parts[count++] = slice_of(&heads[i], sizeof heads[i]);
        parts[count++] = bytes;
    }
    _Static_assert(CACHE_KEY_BYTES == CRYPTO_SHA256_BYTES, "a key is a whole hash");
    return crypto_sha256(request->worker->key_verifier.hasher, parts, count, ret_key->bytes);
}
