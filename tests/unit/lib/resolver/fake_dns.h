/* SPDX-License-Identifier: Apache-2.0 */
/* A small DNS server on 127.0.0.1, for tests of names. */
#ifndef TESTS_UNIT_LIB_RESOLVER_FAKE_DNS_H
#define TESTS_UNIT_LIB_RESOLVER_FAKE_DNS_H

#include "lib/base/slice.h"
#include "lib/sys/thread.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define RCODE_NXDOMAIN 3
#define RCODE_REFUSED  5
#define TYPE_A         1
#define TYPE_AAAA      28
#define HEADER_BYTES   12

/* Answers every question for A with `count` addresses from 192.0.2.`first` on, and one AAAA question the same way. */
struct fake_dns {
    int fd;
    struct thread thread;
    char servers[32];
    _Atomic unsigned first;
    _Atomic unsigned count;
    _Atomic unsigned count_v6;
    _Atomic uint32_t ttl_s;
    _Atomic int rcode;
    _Atomic bool is_mute;
    _Atomic bool is_stopping;
    _Atomic unsigned questions; /* for A */
};

static struct fake_dns fake;

static inline size_t fake_dns_put_record(uint8_t *out, unsigned type, uint32_t ttl_s, const void *data, size_t bytes)
{
    const uint8_t head[] = {0xc0, HEADER_BYTES,  0, (uint8_t)type, 0, 1, 0, 0, 0, (uint8_t)ttl_s, /* < 256 */
                            0,    (uint8_t)bytes};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, data, bytes);
    return sizeof head + bytes;
}

static inline size_t fake_dns_answer(uint8_t *message, size_t question_end, unsigned type)
{
    size_t len = question_end;
    unsigned count = atomic_load(type == TYPE_A ? &fake.count : &fake.count_v6);
    unsigned first = atomic_load(&fake.first);
    int rcode = atomic_load(&fake.rcode);
    if (rcode != 0 || (type != TYPE_A && type != TYPE_AAAA))
        count = 0;
    message[2] = 0x85;
    message[3] = (uint8_t)(0x80 | rcode);
    message[7] = (uint8_t)count;
    memset(message + 8, 0, 4);
    for (unsigned i = 0; i < count; i++) {
        uint8_t last = (uint8_t)(first + (count - 1 - i)); /* descending: not the order to expect */
        const uint8_t v4[4] = {192, 0, 2, last};
        const uint8_t v6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = last};
        len += type == TYPE_A ? fake_dns_put_record(message + len, type, atomic_load(&fake.ttl_s), v4, sizeof v4)
                              : fake_dns_put_record(message + len, type, atomic_load(&fake.ttl_s), v6, sizeof v6);
    }
    return len;
}

static inline void fake_dns_serve(void *argument)
{
    (void)argument;
    while (!atomic_load(&fake.is_stopping)) {
        uint8_t message[1500];
        struct sockaddr_in peer;
        socklen_t peer_len = sizeof peer;
        ssize_t len = recvfrom(fake.fd, message, 512, 0, (struct sockaddr *)&peer, &peer_len);
        if (len < HEADER_BYTES)
            continue;
        size_t at = HEADER_BYTES;
        while (message[at] != 0)
            at += message[at] + 1U;
        unsigned type = message[at + 2];
        if (type == TYPE_A)
            atomic_fetch_add(&fake.questions, 1);
        if (!atomic_load(&fake.is_mute))
            (void)sendto(fake.fd, message, fake_dns_answer(message, at + 5, type), 0, (struct sockaddr *)&peer,
                         peer_len);
    }
}

static inline void fake_dns_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    const struct timeval tick = {.tv_usec = 20000};
    fake = (struct fake_dns){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), .first = 1, .count = 1, .ttl_s = 60};
    assert_int_equal(bind(fake.fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fake.fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(setsockopt(fake.fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick), 0);
    (void)snprintf(fake.servers, sizeof fake.servers, "127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(thread_start(&fake.thread, "dns", fake_dns_serve, NULL), ERR_OK);
}

static inline void fake_dns_stop(void)
{
    atomic_store(&fake.is_stopping, true);
    thread_join(&fake.thread);
    close(fake.fd);
}

#endif
