/* SPDX-License-Identifier: Apache-2.0 */
/* What OpenSSL's queue of errors says, as one error and its words. */
#ifndef WEIR_LIB_TLS_FAILURE_INT_H
#define WEIR_LIB_TLS_FAILURE_INT_H

#include "lib/base/err.h"

#include <stdbool.h>

struct tls_failure {
    enum err err;
    const char *reason; /* static */
};

/* Takes the first error out and empties the queue. Never ERR_OK. */
struct tls_failure tls_failure_take(void);
/* The last error says no more than that a PEM text holds nothing more. */
bool tls_failure_is_end_of_pem(void);
/* What went wrong before does not count. */
void tls_failure_clear(void);

#endif
