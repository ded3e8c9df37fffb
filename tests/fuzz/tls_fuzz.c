/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/tls
 *
 * A server hears bytes that nobody's client would send: made up from the first one on, or a real client's with some
 * changed, dropped or said twice, before and after the handshake. Whatever comes, input is taken or there is a reason,
 * room is kept to, and a failure stays. */
#include "lib/tls/session.h"

#include "../unit/lib/tls/certificates.h"

#include <time.h>

#define WIRE  65536
#define TURNS 64
#define NOW_S 1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the fuzzer decides, byte by byte; 0 when it has said all. */
struct choices {
    const uint8_t *data;
    size_t size;
};

static struct tls_context *server_context;
static struct tls_context *client_context;

static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint8_t choose(struct choices *choices)
{
    if (choices->size == 0)
        return 0;
    choices->size--;
    return *choices->data++;
}

static void make_contexts(void)
{
    static const struct tls_tickets tickets = {.secret = "fuzz", .rotation_s = 3600};
    struct issued pair = issue(&(struct issue_options){.common_name = "fuzz", .names = "DNS:fuzz.example"});
    struct issued other = issue(&(struct issue_options){.names = "DNS:*.fuzz.example", .issuer = &pair});
    const struct tls_pem_pair pairs[] = {pair.pem, other.pem};
    const struct tls_server_options server = {.pairs = pairs,
                                              .pair_count = ARRAY_LEN(pairs),
                                              .client_certificate = TLS_CLIENT_CERTIFICATE_OPTIONAL,
                                              .client_ca = pair.pem.certificate,
                                              .tickets = &tickets,
                                              .offers_h2 = true,
                                              .now_s = (int64_t)time(NULL)};
    const struct tls_client_options client = {
        .ca = pair.pem.certificate, .pair = &pair.pem, .offers_h2 = true, .is_unverified = true};
    require(tls_context_create_server(&server, NULL, &server_context) == ERR_OK);
    require(tls_context_create_client(&client, NULL, &client_context) == ERR_OK);
    issued_deinit(&pair);
    issued_deinit(&other);
}

/* False when the session has ended. */
static bool hear(struct tls_session *session, struct slice bytes, size_t piece, char *out, size_t *out_bytes)
{
    char place[256];
    while (true) {
        struct slice in = slice_first(bytes, piece);
        struct tls_io io = {.in = in, .out = out + *out_bytes, .out_capacity = WIRE - *out_bytes};
        size_t got = 0;
        enum err err = tls_session_read(session, &io, place, sizeof place, &got);
        require(io.in.len <= in.len && io.out_bytes <= io.out_capacity && got <= sizeof place);
        *out_bytes += io.out_bytes;
        bytes = slice_skip(bytes, in.len - io.in.len);
        if (err != ERR_OK && err != ERR_AGAIN) {
            require(err == ERR_EOF || err == tls_session_read(session, &io, place, sizeof place, &got));
            return false;
        }
        require(err == ERR_OK ? got > 0 : io.in.len == 0 || tls_session_wants_room(session));
        if (err == ERR_AGAIN && (bytes.len == 0 || tls_session_wants_room(session)))
            return true;
    }
}

/* Changes a flight as the fuzzer says. */
static size_t spoil(struct choices *choices, char *flight, size_t bytes)
{
    uint8_t edits = choose(choices) % 4;
    for (uint8_t i = 0; i < edits && bytes > 0; i++) {
        size_t at = (size_t)(choose(choices) << 8 | choose(choices)) % bytes;
        uint8_t how = choose(choices);
        if (how == 255)
            bytes = at;
        else
            flight[at] ^= (char)how;
    }
    return bytes;
}

/* A real client, spoilt on its way. */
static void hear_client(struct choices *choices, struct tls_session *session, char *out)
{
    static char flight[WIRE];
    struct tls_session *client = NULL;
    const struct tls_session_options options = {.now_s = NOW_S, .host = SLICE_LIT("a.fuzz.example")};
    size_t piece = 1 + choose(choices) * 8U;
    size_t to_client = 0;
    require(tls_session_create(client_context, &options, &client) == ERR_OK);
    for (int turn = 0; turn < TURNS; turn++) {
        size_t bytes = 0;
        if (!hear(client, slice_of(out, to_client), SIZE_MAX, flight, &bytes))
            break;
        if (bytes == 0 && tls_session_is_ready(client)) {
            struct tls_io io = {.out = flight, .out_capacity = WIRE};
            size_t taken = 0;
            uint8_t len = choose(choices);
            char text[256] = "GET / HTTP/1.1";
            if (len == 0 || tls_session_write(client, &io, slice_of(text, len), &taken) != ERR_OK)
                break;
            bytes = io.out_bytes;
        }
        bytes = spoil(choices, flight, bytes);
        to_client = 0;
        if (!hear(session, slice_of(flight, bytes), piece, out, &to_client) || (bytes == 0 && to_client == 0))
            break;
    }
    tls_session_destroy(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char out[WIRE];
    struct choices choices = {data, size};
    struct tls_session *session = NULL;
    size_t out_bytes = 0;
    if (!server_context)
        make_contexts();
    require(tls_session_create(server_context, &(struct tls_session_options){.now_s = NOW_S}, &session) == ERR_OK);
    uint8_t mode = choose(&choices);
    if (mode & 1)
        hear_client(&choices, session, out);
    size_t piece = mode & 2 ? 1 : SIZE_MAX;
    hear(session, slice_of(choices.data, choices.size), piece, out, &out_bytes);
    tls_session_destroy(session);
    return 0;
}
