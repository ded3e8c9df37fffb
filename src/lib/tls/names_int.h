/* SPDX-License-Identifier: Apache-2.0 */
/* Which certificate is for which host: names of certificates, exact and with a wildcard. */
#ifndef WEIR_LIB_TLS_NAMES_INT_H
#define WEIR_LIB_TLS_NAMES_INT_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#define TLS_HOST_BYTES_MAX 253 /* RFC 1035 section 2.3.4, without the last dot */
#define TLS_NOBODY         UINT32_MAX

struct tls_names_row {
    struct slice text; /* heap, lower case */
    uint32_t owner;
};

struct tls_names {
    struct tls_names_row *rows;
    uint32_t count;
    uint32_t capacity;
};

void tls_names_deinit(struct tls_names *names);
/* "a.example.com" or "*.example.com". ERR_INVALID for what no host can match: too long, or a wildcard elsewhere. */
MUST_USE enum err tls_names_add(struct tls_names *names, struct slice text, uint32_t owner);
/* After the last add, before the first find. */
void tls_names_sort(struct tls_names *names);
/* The owner of the exact name, else of the wildcard for its first label (RFC 6125 section 6.4.3), else TLS_NOBODY. Of
 * several the one with the lowest number. */
uint32_t tls_names_find(const struct tls_names *names, struct slice host);
/* Both sorted: the same names, whoever owns them. */
bool tls_names_equal(const struct tls_names *a, const struct tls_names *b);

#endif
