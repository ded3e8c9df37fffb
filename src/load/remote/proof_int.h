/* SPDX-License-Identifier: Apache-2.0 */
/* How each side shows the other that it knows the token, without saying it: HMAC-SHA-256 under the token of who it is and of both
 * sides' nonces. An agent's proof is no controller's, and yesterday's is none today. What follows on the connection is not
 * protected by it: that takes a network one trusts, or a tunnel. */
#ifndef WEIR_LOAD_REMOTE_PROOF_INT_H
#define WEIR_LOAD_REMOTE_PROOF_INT_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#define LOAD_PROOF_CHARS 64

struct load_proof {
    char chars[LOAD_PROOF_CHARS];
};

enum load_side { LOAD_SIDE_AGENT, LOAD_SIDE_CONTROLLER };

/* Of random bytes, as hexadecimal. ERR_IO. */
MUST_USE enum err load_nonce_make(struct load_proof *ret_nonce);
/* ERR_NOMEM. */
MUST_USE enum err load_proof_make(struct slice token, enum load_side side, struct slice agent_nonce,
                                  struct slice controller_nonce, struct load_proof *ret_proof);
/* In constant time. */
bool load_proof_is(const struct load_proof *proof, struct slice text);

#endif
