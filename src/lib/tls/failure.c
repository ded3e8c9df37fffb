/* SPDX-License-Identifier: Apache-2.0 */
/* The door to openssl/err.h and to the numbers of the errors that we tell apart. */
#include "lib/tls/failure_int.h"

#include "lib/base/attr.h"

#include <openssl/err.h>
#include <openssl/pemerr.h>
#include <openssl/sslerr.h>

#define ALERT_REASONS 1000 /* reason numbers from here on are alerts that the other side sent (ssl.h) */

static const struct {
    int reason;
    enum err err;
} reasons[] = {
    {SSL_R_UNSUPPORTED_PROTOCOL, ERR_UNSUPPORTED},
    {SSL_R_UNKNOWN_PROTOCOL, ERR_UNSUPPORTED},
    {SSL_R_VERSION_TOO_LOW, ERR_UNSUPPORTED},
    {SSL_R_VERSION_TOO_HIGH, ERR_UNSUPPORTED},
    {SSL_R_WRONG_SSL_VERSION, ERR_UNSUPPORTED},
    {SSL_R_NO_SHARED_CIPHER, ERR_UNSUPPORTED},
    {SSL_R_NO_SUITABLE_KEY_SHARE, ERR_UNSUPPORTED},
    {SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, ERR_UNSUPPORTED},
    {SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, ERR_UNSUPPORTED},
    {SSL_R_NO_SHARED_GROUPS, ERR_UNSUPPORTED},
    {SSL_R_NO_APPLICATION_PROTOCOL, ERR_UNSUPPORTED},
    {SSL_R_CERTIFICATE_VERIFY_FAILED, ERR_DENIED},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, ERR_DENIED},
    {SSL_R_EXCESSIVE_MESSAGE_SIZE, ERR_LIMIT},
    {SSL_R_TOO_MANY_KEY_UPDATES, ERR_LIMIT},
    {SSL_R_TOO_MANY_WARN_ALERTS, ERR_LIMIT},
    {ERR_R_MALLOC_FAILURE, ERR_NOMEM},
    {ERR_R_INTERNAL_ERROR, ERR_INTERNAL},
};

static enum err err_of(unsigned long code)
{
    int reason = ERR_GET_REASON(code);
    if (code == 0 || ERR_SYSTEM_ERROR(code))
        return ERR_INTERNAL;
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && reason > ALERT_REASONS)
        return ERR_CLOSED;
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (reasons[i].reason == reason)
            return reasons[i].err;
    return ERR_SYNTAX;
}

struct tls_failure tls_failure_take(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return (struct tls_failure){err_of(code), reason ? reason : "unknown error"};
}

bool tls_failure_is_end_of_pem(void)
{
    unsigned long last = ERR_peek_last_error();
    return ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

void tls_failure_clear(void)
{
    if (ERR_peek_error() != 0) /* clearing goes over all places of the queue */
        ERR_clear_error();
}
