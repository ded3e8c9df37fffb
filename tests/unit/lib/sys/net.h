/* SPDX-License-Identifier: Apache-2.0 */
/* Loopback connections for the tests of this folder. */
#ifndef TESTS_UNIT_LIB_SYS_NET_H
#define TESTS_UNIT_LIB_SYS_NET_H

#include "lib/sys/loop.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A listening socket on a free port of 127.0.0.1. */
static inline int net_listen(struct address *ret_address)
{
    struct address address;
    int fd = -1;
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.1:0"), &address), ERR_OK);
    assert_int_equal(socket_listen(&address, 4096, &fd), ERR_OK);
    assert_int_equal(socket_address(fd, ret_address), ERR_OK);
    return fd;
}

static inline int net_connect(const struct address *address)
{
    int fd = -1;
    assert_int_equal(socket_connect(address, 5000, &fd), ERR_OK);
    return fd;
}

/* Both ends of a TCP connection: ours and the other side's, both non-blocking. */
static inline void net_pair(int *ret_ours, int *ret_theirs)
{
    struct address address;
    int listening = net_listen(&address);
    *ret_theirs = net_connect(&address);
    *ret_ours = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(*ret_ours >= 0);
    close(listening);
}

/* Closes with RST instead of FIN. */
static inline void net_reset(int fd)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

static inline unsigned net_open_files(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

#endif
