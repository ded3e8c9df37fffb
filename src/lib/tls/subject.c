/* SPDX-License-Identifier: Apache-2.0 */
/* The door to openssl/x509v3.h: whom a certificate is for. */
#include "lib/tls/certificate_int.h"

#include "lib/base/text.h"
#include "lib/tls/failure_int.h"

#include <openssl/x509v3.h>
#include <stdlib.h>

#define PEER_NAMES_MAX  32
#define PEER_TEXT_BYTES 4096
#define SHA256_BYTES    32

/* A peer while its texts grow; what it points to lies in `memory` and moves at the end. */
struct draft {
    struct tls_peer peer;
    struct tls_name names[PEER_NAMES_MAX];
    struct text text;
    char memory[PEER_TEXT_BYTES];
};

static struct slice text_of(const ASN1_STRING *string)
{
    return slice_of(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
}

static GENERAL_NAMES *names_of(X509 *certificate)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    tls_failure_clear();
    return all;
}

enum err tls_subject_dns_names(struct x509_st *certificate, uint32_t owner, struct tls_names *names)
{
    GENERAL_NAMES *all = names_of(certificate);
    enum err err = ERR_OK;
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && err != ERR_NOMEM; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type == GEN_DNS)
            err = tls_names_add(names, text_of(name->d.dNSName), owner);
    }
    GENERAL_NAMES_free(all);
    tls_names_sort(names);
    return err == ERR_NOMEM ? err : ERR_OK;
}

enum err tls_subject_expect(struct X509_VERIFY_PARAM_st *rules, const char *host, bool *ret_is_literal)
{
    bool is_literal = X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1;
    bool is_set = is_literal;
    if (!is_literal) {
        X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_set = X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1;
    }
    tls_failure_clear();
    if (!is_set)
        return ERR_NOMEM;
    *ret_is_literal = is_literal;
    return ERR_OK;
}

/* Visible ASCII only: a name with a NUL or a line break in it is meant to deceive somebody. */
static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    return text.len > 0;
}

static struct slice keep(struct draft *draft, struct slice text)
{
    size_t begin = draft->text.len;
    text_add(&draft->text, text);
    return slice_of(draft->memory + begin, draft->text.len - begin);
}

static void add_name(struct draft *draft, const GENERAL_NAME *name)
{
    enum tls_name_kind kind = TLS_NAME_DNS;
    if (name->type == GEN_EMAIL)
        kind = TLS_NAME_EMAIL;
    else if (name->type == GEN_URI)
        kind = TLS_NAME_URI;
    else if (name->type != GEN_DNS)
        return;
    struct slice text = text_of(name->d.ia5);
    if (!is_plain(text))
        return;
    if (draft->peer.name_count == PEER_NAMES_MAX) {
        draft->text.is_cut = true;
        return;
    }
    draft->names[draft->peer.name_count++] = (struct tls_name){kind, keep(draft, text)};
}

static void add_names(struct draft *draft, X509 *certificate)
{
    GENERAL_NAMES *all = names_of(certificate);
    for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
        add_name(draft, sk_GENERAL_NAME_value(all, i));
    GENERAL_NAMES_free(all);
}

static enum err add_subject(struct draft *draft, X509 *certificate)
{
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    if (!bio)
        return ERR_NOMEM;
    int shown = X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, flags);
    long len = BIO_get_mem_data(bio, &text);
    if (shown >= 0 && len > 0)
        draft->peer.subject = keep(draft, slice_of(text, (size_t)len));
    BIO_free(bio);
    tls_failure_clear();
    return shown >= 0 ? ERR_OK : ERR_SYNTAX;
}

/* Two of them, and which one counts? None. */
static void add_common_name(struct draft *draft, X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    unsigned char *text = NULL;
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return;
    int len = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    struct slice name = slice_of(text, len > 0 ? (size_t)len : 0);
    if (len > 0 && slice_find(name, '\0') == name.len)
        draft->peer.common_name = keep(draft, name);
    OPENSSL_free(text);
    tls_failure_clear();
}

static enum err add_fingerprint(struct draft *draft, X509 *certificate)
{
    unsigned char digest[SHA256_BYTES];
    char hex[2 * SHA256_BYTES];
    if (X509_digest(certificate, EVP_sha256(), digest, NULL) != 1)
        return ERR_INTERNAL;
    text_format_hex(hex, slice_of(digest, sizeof digest));
    draft->peer.fingerprint = keep(draft, slice_of(hex, sizeof hex));
    return ERR_OK;
}

static struct slice moved(const struct draft *draft, struct slice text, const char *place)
{
    return text.ptr ? slice_of(place + (text.ptr - draft->memory), text.len) : text;
}

/* Peer, names and texts, one behind the other. */
static struct tls_peer *settle(const struct draft *draft)
{
    size_t names_bytes = draft->peer.name_count * sizeof(struct tls_name);
    struct tls_peer *peer = malloc(sizeof *peer + names_bytes + draft->text.len);
    if (!peer)
        return NULL;
    struct tls_name *names = (struct tls_name *)(peer + 1);
    char *texts = (char *)names + names_bytes;
    memcpy(texts, draft->memory, draft->text.len);
    for (uint32_t i = 0; i < draft->peer.name_count; i++)
        names[i] = (struct tls_name){draft->names[i].kind, moved(draft, draft->names[i].text, texts)};
    *peer = (struct tls_peer){
        .subject = moved(draft, draft->peer.subject, texts),
        .common_name = moved(draft, draft->peer.common_name, texts),
        .fingerprint = moved(draft, draft->peer.fingerprint, texts),
        .names = names,
        .name_count = draft->peer.name_count,
    };
    return peer;
}

enum err tls_peer_create(struct x509_st *certificate, struct tls_peer **ret_peer)
{
    struct draft draft;
    draft.peer = (struct tls_peer){0};
    draft.text = text_init(draft.memory, sizeof draft.memory);
    TRY(add_fingerprint(&draft, certificate));
    TRY(add_subject(&draft, certificate));
    add_common_name(&draft, certificate);
    add_names(&draft, certificate);
    if (draft.text.is_cut)
        return ERR_LIMIT;
    struct tls_peer *peer = settle(&draft);
    if (!peer)
        return ERR_NOMEM;
    *ret_peer = peer;
    return ERR_OK;
}
