/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and addresses. All sockets made here are non-blocking and close-on-exec. */
#ifndef WEIR_LIB_SYS_SOCKET_H
#define WEIR_LIB_SYS_SOCKET_H

#include "lib/base/err.h"
#include "lib/base/ip.h"
#include "lib/base/slice.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    };
    socklen_t len;
};

#define ADDRESS_TEXT_MAX  128
#define SOCKET_PATH_BYTES (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1) /* the longest path of a unix socket */

/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (the loopback of IPv4), ":8080" (every address of IPv4; "[::]:8080"
 * is every one of IPv6 and of nothing else) or "unix:/run/weir.sock". Numeric only: never asks DNS. ERR_SYNTAX;
 * ERR_LIMIT for a path of more than SOCKET_PATH_BYTES. */
MUST_USE enum err address_parse(struct slice text, struct address *ret_address);
/* Writes address and port with a NUL; of a unix socket "unix:" and the path. */
void address_format(const struct address *address, char out[ADDRESS_TEXT_MAX]);
/* Without the port. IP_NONE for unix sockets. */
struct ip address_ip(const struct address *address);
bool address_is_local(const struct address *address); /* a unix socket */
/* Host and port, or the path, are the same. */
bool address_equal(const struct address *a, const struct address *b);
uint16_t address_port(const struct address *address); /* 0 of a unix socket */
void address_set_port(struct address *address, uint16_t port);

/* With SO_REUSEPORT, so that every worker has a queue of its own (of `backlog` connections), and TCP_NODELAY, which accepted sockets inherit.
 * ERR_EXISTS when the address is in use, ERR_DENIED for a privileged port, ERR_INVALID for an address that is not of
 * this machine, ERR_IO otherwise. */
MUST_USE enum err socket_listen(const struct address *address, int backlog, int *ret_fd);
/* Which file a unix socket is: another server may have put its own in the same place. */
struct socket_file {
    uint64_t device;
    uint64_t inode;
};

/* At a path, with these permission bits from the first moment on. A socket file that is there is replaced when nobody
 * listens on it. Its queue is one for all: workers share it by socket_share, since SO_REUSEPORT does not spread unix
 * sockets. ERR_EXISTS when somebody listens, ERR_MISMATCH when there is a file that is no socket, ERR_NOT_FOUND without
 * the folder, ERR_DENIED, ERR_IO. */
MUST_USE enum err socket_listen_local(const struct address *address, unsigned mode, int backlog, int *ret_fd,
                                      struct socket_file *ret_file);
/* Removes the file, if it is still the one that socket_listen_local has made. */
void socket_unlink(const struct address *address, const struct socket_file *file);
/* Another descriptor of the same socket. ERR_BUSY. */
MUST_USE enum err socket_share(int fd, int *ret_fd);
/* The address a socket is bound to: the way to learn the port chosen for port 0. */
MUST_USE enum err socket_address(int fd, struct address *ret_address);
/* Waits for the connection, at most timeout_ms; for tests and tools. ERR_CLOSED when nobody listens, ERR_TIMEOUT. */
MUST_USE enum err socket_connect(const struct address *address, int timeout_ms, int *ret_fd);
/* Begins to connect and does not wait: the socket is writable when it is connected or has failed, and socket_failure
 * tells which. With TCP_NODELAY. From `source`, whose port is 0 as a rule; NULL: the system chooses. Errors as socket_connect,
 * as far as they are known at once; ERR_BUSY also: no port left from there to this address. */
MUST_USE enum err socket_connect_start(const struct address *address, const struct address *source, int *ret_fd);
/* What went wrong with a connection since it was last asked: ERR_CLOSED when nobody listened, ERR_TIMEOUT, ERR_IO; ERR_OK
 * for nothing. */
MUST_USE enum err socket_failure(int fd);
void socket_close(int fd);
/* How long ago bytes were last received by the system, to some milliseconds; 0 where it does not tell. Only of TCP. */
uint64_t socket_received_ago_ns(int fd);
/* Sends FIN; what the other side still sends can be read. */
void socket_shutdown_write(int fd);
/* ERR_OK when nobody listens on the address, ERR_EXISTS when somebody does (this process too, with SO_REUSEPORT or
 * not), the other errors as socket_listen. */
MUST_USE enum err socket_probe_free(const struct address *address);

#endif
