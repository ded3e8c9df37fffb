/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between the stream, which moves ciphertext, and the protocol, which knows of plaintext only.
 *
 * What comes is decrypted into one place of the wire's, what goes is encrypted into another, and both are empty again when
 * the loop goes on; only ciphertext that the kernel does not take is kept with the link. What a server gives to resume with
 * is kept by target when a link closes. A ticket is used again where the server has given no other, as in TLS 1.2. */
#include "load/wire/link_int.h"

#include "lib/base/text.h"
#include "lib/sys/clock.h"
#include "lib/tls/session.h"

#include <stdlib.h>

#define PLAIN_BYTES  ((size_t)64 << 10)
#define SEALED_BYTES ((size_t)128 << 10)
#define TICKETS_MAX  256 /* of a target */
#define LAST_BYTES   128 /* of close_notify as a record */

struct tls_target {
    struct tls_context *context; /* NULL: not TLS */
    struct tls_ticket *tickets[TICKETS_MAX];
    uint32_t ticket_count;
};

struct wire_tls {
    char plain[PLAIN_BYTES];
    char sealed[SEALED_BYTES];
    struct tls_target targets[LOAD_TARGETS_MAX];
};

/* --- contexts ---------------------------------------------------------------------------------------------------- */

static void report(void *owner, const struct tls_note *note)
{
    static const char *const subjects[] = {
        [TLS_SUBJECT_CONTEXT] = "TLS",
        [TLS_SUBJECT_CERTIFICATE] = "the client's certificate",
        [TLS_SUBJECT_KEY] = "the client's key",
        [TLS_SUBJECT_CA] = "the certificates to trust",
    };
    struct text *why = owner;
    if (why && note->is_error && why->len == 0)
        text_printf(why, "%s: %s", subjects[note->subject], note->text);
}

static enum err make_context(const struct load_target *target, struct text *why, struct tls_context **ret_context)
{
    const struct tls_pem_pair pair = {.certificate = target->certificate, .key = target->key};
    const struct tls_client_options options = {
        .ca = target->ca,
        .pair = target->certificate.len ? &pair : NULL,
        .version_min = TLS_VERSION_1_2,
        .offers_h2 = target->protocol != LOAD_HTTP1,
        .is_unverified = target->is_unverified,
        .now_s = (int64_t)(clock_wall_ns() / NS_PER_S),
    };
    const struct tls_reporter reporter = {.report = report, .owner = why};
    return tls_context_create_client(&options, &reporter, ret_context);
}

enum err load_target_check_tls(const struct load_target *target, struct text *why)
{
    struct tls_context *context;
    if (!target->is_tls)
        return ERR_OK;
    TRY(make_context(target, why, &context));
    tls_context_unref(context);
    return ERR_OK;
}

enum err wire_tls_create(const struct load_plan *plan, struct wire_tls **ret_tls)
{
    enum err err = ERR_OK;
    bool is_any = false;
    for (uint32_t i = 0; i < plan->target_count; i++)
        is_any = is_any || plan->targets[i].is_tls;
    *ret_tls = NULL;
    if (!is_any)
        return ERR_OK;
    struct wire_tls *tls = calloc(1, sizeof *tls);
    if (!tls)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < plan->target_count && err == ERR_OK; i++)
        if (plan->targets[i].is_tls)
            err = make_context(&plan->targets[i], NULL, &tls->targets[i].context);
    if (err == ERR_OK)
        *ret_tls = tls;
    else
        wire_tls_destroy(tls);
    return err;
}

void wire_tls_destroy(struct wire_tls *tls)
{
    if (!tls)
        return;
    for (uint32_t i = 0; i < LOAD_TARGETS_MAX; i++) {
        struct tls_target *target = &tls->targets[i];
        while (target->ticket_count)
            tls_ticket_destroy(target->tickets[--target->ticket_count]);
        tls_context_unref(target->context);
    }
    free(tls);
}

static struct tls_target *target_of(const struct load_link *link)
{
    return &link->wire->tls->targets[link->target - link->wire->plan->targets];
}

/* --- output ------------------------------------------------------------------------------------------------------ */

/* The kernel takes what it takes; what it does not has to leave the wire's place. */
static enum err send_now(struct load_link *link, struct slice sealed)
{
    struct link_bytes *out = &link->tls.out;
    size_t sent;
    enum err err = stream_send(&link->stream, sealed, &sent);
    if (err != ERR_AGAIN)
        return err;
    struct slice *unsent = &link->stream.unsent;
    if (unsent->ptr >= link->wire->tls->sealed && unsent->ptr < link->wire->tls->sealed + SEALED_BYTES) {
        TRY(link_bytes_reserve(link->wire, out, unsent->len));
        memcpy(out->ptr, unsent->ptr, unsent->len);
        unsent->ptr = out->ptr;
    }
    return ERR_AGAIN;
}

static enum err send_sealed(struct load_link *link, struct slice sealed)
{
    struct link_bytes *later = &link->tls.later;
    if (LIKELY(!link->stream.unsent.len))
        return send_now(link, sealed);
    TRY(link_bytes_reserve(link->wire, later, sealed.len));
    memcpy(later->ptr + later->len, sealed.ptr, sealed.len);
    later->len += sealed.len;
    return ERR_AGAIN;
}

/* Encrypts and sends until the kernel takes no more. */
static enum err push(struct load_link *link)
{
    struct link_tls *tls = &link->tls;
    while (tls->rest.len && !link->stream.unsent.len) {
        struct tls_io io = {.out = link->wire->tls->sealed, .out_capacity = SEALED_BYTES};
        size_t taken = 0;
        enum err err = tls_session_write(tls->session, &io, tls->rest, &taken);
        if ((err != ERR_OK && err != ERR_AGAIN) || io.out_bytes == 0)
            return err == ERR_OK || err == ERR_AGAIN ? ERR_INTERNAL : err;
        tls->rest = slice_skip(tls->rest, taken);
        err = send_now(link, slice_of(io.out, io.out_bytes));
        if (err != ERR_OK && err != ERR_AGAIN)
            return err;
    }
    return link->stream.unsent.len ? ERR_AGAIN : ERR_OK;
}

static enum err write_plain(struct load_link *link, struct slice bytes)
{
    link->tls.rest = bytes;
    return push(link);
}

static void written(struct load_link *link)
{
    struct link_tls *tls = &link->tls;
    enum err err = ERR_OK;
    link_bytes_release(link->wire, &tls->out);
    if (tls->later.len) {
        tls->out = tls->later;
        tls->later = (struct link_bytes){0};
        err = send_now(link, slice_of(tls->out.ptr, tls->out.len));
    }
    if (err == ERR_OK)
        err = push(link);
    if (err != ERR_OK && err != ERR_AGAIN) {
        link_lose(link, LOAD_FAILURE_CLOSED, LOAD_FAILURE_CLOSED);
        return;
    }
    if (err == ERR_AGAIN || !link->is_writing)
        return;
    link->is_writing = false;
    link->protocol->written(link);
}

/* --- input ------------------------------------------------------------------------------------------------------- */

static void fail(struct load_link *link, enum load_failure failure)
{
    stream_reset(&link->stream);
    link_lose(link, failure, failure);
}

/* A server that does not close its side of TLS may have been cut off, which matters where the length is not known. */
static void end_of_input(struct load_link *link, enum err err)
{
    bool is_cut = err == ERR_TRUNCATED && link->exchange_count > 0;
    if (!link->protocol)
        fail(link, LOAD_FAILURE_TLS);
    else if (is_cut)
        fail(link, LOAD_FAILURE_CLOSED);
    else
        link->protocol->receive_end(link);
}

static void refuse(struct load_link *link)
{
    bool is_handshake = !tls_session_is_ready(link->tls.session);
    link->wire->reason = tls_session_reason(link->tls.session);
    fail(link, is_handshake ? LOAD_FAILURE_TLS : LOAD_FAILURE_PROTOCOL);
}

static void settle(struct load_link *link)
{
    bool is_http2 = tls_session_alpn(link->tls.session) == TLS_ALPN_H2;
    if (link->target->protocol == LOAD_HTTP2 && !is_http2) {
        link->wire->reason = "the server does not offer HTTP/2";
        fail(link, LOAD_FAILURE_PROTOCOL);
        return;
    }
    link_be_ready(link, is_http2 ? &link_http2 : &link_http1);
}

/* Everything that can be done with what is here. */
static void take(struct load_link *link, struct slice input, bool is_eof)
{
    struct wire_tls *shared = link->wire->tls;
    uint32_t epoch = link->epoch;
    struct tls_io io = {.in = input, .is_eof = is_eof, .out = shared->sealed, .out_capacity = SEALED_BYTES};
    for (;;) {
        size_t bytes = 0;
        io.out_bytes = 0;
        enum err err = tls_session_read(link->tls.session, &io, shared->plain, PLAIN_BYTES, &bytes);
        enum err sent = io.out_bytes ? send_sealed(link, slice_of(io.out, io.out_bytes)) : ERR_OK;
        if (sent != ERR_OK && sent != ERR_AGAIN && (err == ERR_OK || err == ERR_AGAIN))
            err = ERR_TRUNCATED;
        if (!link->protocol && tls_session_is_ready(link->tls.session))
            settle(link);
        if (link->epoch != epoch || (err == ERR_AGAIN && !tls_session_wants_room(link->tls.session)))
            return;
        if (err == ERR_OK)
            link->protocol->receive(link, shared->plain, bytes);
        else if (err == ERR_EOF || err == ERR_TRUNCATED)
            end_of_input(link, err);
        else if (err != ERR_AGAIN)
            refuse(link);
        if (link->epoch != epoch || (err != ERR_OK && err != ERR_AGAIN))
            return;
    }
}

static void receive(struct load_link *link, char *bytes, size_t len)
{
    take(link, slice_of(bytes, len), false);
}

static void receive_end(struct load_link *link)
{
    take(link, slice_of("", 0), true);
}

/* --- begin and end ----------------------------------------------------------------------------------------------- */

static enum err begin(struct load_link *link)
{
    struct tls_target *target = target_of(link);
    struct tls_ticket *ticket = target->ticket_count ? target->tickets[--target->ticket_count] : NULL;
    const struct tls_session_options options = {
        .now_s = clock_wall_ns() / NS_PER_S, .host = link->target->host, .ticket = ticket};
    link->tls = (struct link_tls){.ticket = ticket};
    enum err err = tls_session_create(target->context, &options, &link->tls.session);
    if (err == ERR_OK)
        take(link, slice_of("", 0), false);
    return err;
}

static void keep_ticket(struct load_link *link)
{
    struct tls_target *target = target_of(link);
    struct link_tls *tls = &link->tls;
    struct tls_ticket *ticket = tls_session_take_ticket(tls->session);
    if (!ticket && tls_session_is_resumed(tls->session)) {
        ticket = tls->ticket;
        tls->ticket = NULL;
    }
    if (ticket && !link->target->is_not_resumed && target->ticket_count < TICKETS_MAX)
        target->tickets[target->ticket_count++] = ticket;
    else
        tls_ticket_destroy(ticket);
}

/* close_notify, if the kernel takes it now: nobody waits for that. */
static void say_last(struct load_link *link)
{
    char memory[LAST_BYTES];
    struct tls_io io = {.out = memory, .out_capacity = sizeof memory};
    size_t sent;
    if (!link->stream.unsent.len && tls_session_close(link->tls.session, &io) == ERR_OK && io.out_bytes > 0)
        (void)!stream_send(&link->stream, slice_of(memory, io.out_bytes), &sent);
}

static void end(struct load_link *link)
{
    struct link_tls *tls = &link->tls;
    if (tls->session && tls_session_is_ready(tls->session)) {
        keep_ticket(link);
        say_last(link);
    }
    link->stream.unsent = (struct slice){NULL, 0};
    link_bytes_release(link->wire, &tls->out);
    link_bytes_release(link->wire, &tls->later);
    tls_session_destroy(tls->session);
    tls_ticket_destroy(tls->ticket);
    *tls = (struct link_tls){0};
}

bool load_link_is_resumed(const struct load_link *link)
{
    return link->transport && link->tls.session && tls_session_is_resumed(link->tls.session);
}

const struct link_transport link_tls = {
    .begin = begin,
    .receive = receive,
    .receive_end = receive_end,
    .write = write_plain,
    .written = written,
    .end = end,
};
