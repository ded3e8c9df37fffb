/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/socket.h"

#include "lib/base/text.h"
#include "lib/sys/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct slice unix_prefix = {"unix:", 5};

static enum err split(struct slice text, struct slice *ret_host, uint64_t *ret_port)
{
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return ERR_SYNTAX;
    struct slice host = slice_first(text, colon - 1);
    TRY(text_parse_u64(slice_skip(text, colon), ret_port));
    if (*ret_port > 65535)
        return ERR_SYNTAX;
    *ret_host = host;
    return ERR_OK;
}

static enum err parse_v6(struct slice host, struct address *address)
{
    char text[INET6_ADDRSTRLEN];
    if (host.len < 2 || host.ptr[host.len - 1] != ']' || host.len - 2 >= sizeof text)
        return ERR_SYNTAX;
    memcpy(text, host.ptr + 1, host.len - 2);
    text[host.len - 2] = '\0';
    address->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    address->len = sizeof address->v6;
    return inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1 ? ERR_OK : ERR_SYNTAX;
}

static enum err parse_v4(struct slice host, struct address *address)
{
    char text[INET_ADDRSTRLEN];
    address->v4 = (struct sockaddr_in){.sin_family = AF_INET};
    address->len = sizeof address->v4;
    if (host.len == 0)
        return ERR_OK; /* INADDR_ANY is zero */
    if (slice_is(host, "localhost"))
        host = SLICE_LIT("127.0.0.1");
    if (host.len >= sizeof text)
        return ERR_SYNTAX;
    memcpy(text, host.ptr, host.len);
    text[host.len] = '\0';
    return inet_pton(AF_INET, text, &address->v4.sin_addr) == 1 ? ERR_OK : ERR_SYNTAX;
}

static enum err parse_local(struct slice path, struct address *address)
{
    if (path.len < 2 || path.ptr[0] != '/' || path.ptr[path.len - 1] == '/')
        return ERR_SYNTAX;
    if (path.len > SOCKET_PATH_BYTES)
        return ERR_LIMIT;
    address->local = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->local.sun_path, path.ptr, path.len);
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return ERR_OK;
}

enum err address_parse(struct slice text, struct address *ret_address)
{
    struct slice host;
    uint64_t port;
    struct address address = {0};
    if (slice_find(text, '\0') < text.len)
        return ERR_SYNTAX; /* inet_pton would stop there */
    if (slice_starts(text, unix_prefix)) {
        TRY(parse_local(slice_skip(text, unix_prefix.len), &address));
        *ret_address = address;
        return ERR_OK;
    }
    TRY(split(text, &host, &port) == ERR_OK ? ERR_OK : ERR_SYNTAX);
    TRY(host.len && host.ptr[0] == '[' ? parse_v6(host, &address) : parse_v4(host, &address));
    address_set_port(&address, (uint16_t)port);
    *ret_address = address;
    return ERR_OK;
}

struct ip address_ip(const struct address *address)
{
    if (address->any.sa_family == AF_INET6)
        return ip_of_bytes(&address->v6.sin6_addr, IP_V6);
    if (address->any.sa_family == AF_INET)
        return ip_of_bytes(&address->v4.sin_addr, IP_V4);
    return (struct ip){0};
}

bool address_is_local(const struct address *address)
{
    return address->any.sa_family == AF_UNIX;
}

void address_format(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    char host[INET6_ADDRSTRLEN] = "unknown";
    if (address_is_local(address)) {
        (void)snprintf(out, ADDRESS_TEXT_MAX, "unix:%.*s", (int)SOCKET_PATH_BYTES, address->local.sun_path);
        return;
    }
    bool is_v6 = address->any.sa_family == AF_INET6;
    (void)inet_ntop(address->any.sa_family, is_v6 ? (const void *)&address->v6.sin6_addr : &address->v4.sin_addr, host,
                    sizeof host);
    (void)snprintf(out, ADDRESS_TEXT_MAX, is_v6 ? "[%s]:%u" : "%s:%u", host, address_port(address));
}

bool address_equal(const struct address *a, const struct address *b)
{
    if (a->any.sa_family != b->any.sa_family || address_port(a) != address_port(b))
        return false;
    if (address_is_local(a))
        return strcmp(a->local.sun_path, b->local.sun_path) == 0;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

uint16_t address_port(const struct address *address)
{
    if (address_is_local(address))
        return 0;
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void address_set_port(struct address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET6)
        address->v6.sin6_port = htons(port);
    else
        address->v4.sin_port = htons(port);
}

static enum err of_errno(int number)
{
    switch (number) {
    case EADDRINUSE:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return ERR_INVALID;
    case EMFILE:
    case ENFILE:
        return ERR_BUSY;
    case ECONNREFUSED:
    case ENOENT: /* of a Unix socket */
        return ERR_CLOSED;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    default:
        return ERR_IO;
    }
}

static int make(const struct address *address)
{
    return socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static enum err bind_and_listen(int fd, const struct address *address, int backlog)
{
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return of_errno(errno);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &address->any, address->len) != 0 || listen(fd, backlog) != 0)
        return of_errno(errno);
    return ERR_OK;
}

enum err socket_listen(const struct address *address, int backlog, int *ret_fd)
{
    int fd = make(address);
    if (fd < 0)
        return of_errno(errno);
    enum err err = bind_and_listen(fd, address, backlog);
    if (err == ERR_OK)
        *ret_fd = fd;
    else
        close(fd);
    return err;
}

static enum err of_path_errno(int number)
{
    return number == ENOENT || number == ENOTDIR ? ERR_NOT_FOUND : of_errno(number);
}

/* Only a socket that nobody listens on is debris. Two servers that start at one moment may both find it so: the second
 * then takes the first one's place, as it would a moment later. */
static enum err remove_stale(const struct address *address)
{
    struct stat status;
    int fd = -1;
    if (lstat(address->local.sun_path, &status) != 0)
        return errno == ENOENT ? ERR_OK : of_path_errno(errno);
    if (!S_ISSOCK(status.st_mode))
        return ERR_MISMATCH;
    enum err err = socket_connect(address, 0, &fd);
    socket_close(fd);
    if (err == ERR_CLOSED)
        return unlink(address->local.sun_path) == 0 || errno == ENOENT ? ERR_OK : of_errno(errno);
    return err == ERR_DENIED ? ERR_DENIED : ERR_EXISTS;
}

/* bind makes the file with the bits of the descriptor that the umask leaves (unix(7) says nothing of it; Linux does so),
 * so that it is at no moment open to more than `mode` says. */
static enum err bind_local(int fd, const struct address *address, unsigned mode, int backlog,
                           struct socket_file *ret_file)
{
    struct stat status;
    const char *path = address->local.sun_path;
    if (fchmod(fd, mode) != 0 || bind(fd, &address->any, address->len) != 0)
        return of_path_errno(errno);
    if (chmod(path, mode) == 0 && lstat(path, &status) == 0 && listen(fd, backlog) == 0) {
        *ret_file = (struct socket_file){.device = status.st_dev, .inode = status.st_ino};
        return ERR_OK;
    }
    enum err err = of_errno(errno);
    (void)unlink(path);
    return err;
}

enum err socket_listen_local(const struct address *address, unsigned mode, int backlog, int *ret_fd,
                             struct socket_file *ret_file)
{
    TRY(remove_stale(address));
    int fd = make(address);
    if (fd < 0)
        return of_errno(errno);
    enum err err = bind_local(fd, address, mode, backlog, ret_file);
    if (err == ERR_OK)
        *ret_fd = fd;
    else
        close(fd);
    return err;
}

void socket_unlink(const struct address *address, const struct socket_file *file)
{
    struct stat status;
    if (lstat(address->local.sun_path, &status) == 0 && status.st_dev == file->device && status.st_ino == file->inode)
        (void)unlink(address->local.sun_path);
}

enum err socket_share(int fd, int *ret_fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        return ERR_BUSY;
    *ret_fd = copy;
    return ERR_OK;
}

enum err socket_address(int fd, struct address *ret_address)
{
    struct address address = {.len = sizeof address.local};
    if (getsockname(fd, &address.any, &address.len) != 0)
        return of_errno(errno);
    *ret_address = address;
    return ERR_OK;
}

enum err socket_failure(int fd)
{
    int failure = 0;
    socklen_t len = sizeof failure;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0)
        return ERR_IO;
    return failure ? of_errno(failure) : ERR_OK;
}

/* EAGAIN is a Unix socket's word for a queue that is full: nothing will tell when it is not. EADDRNOTAVAIL says that all
 * local ports are in use. */
static enum err connect_from(int fd, const struct address *address, const struct address *source)
{
    int on = 1;
    if (address->any.sa_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (source) {
        /* The port is chosen by connect, which knows the other end: one port can serve many of them (ip(7)). */
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, &source->any, source->len) != 0)
            return of_errno(errno);
    }
    if (connect(fd, &address->any, address->len) == 0 || errno == EINPROGRESS)
        return ERR_OK;
    return errno == EAGAIN || errno == EADDRNOTAVAIL ? ERR_BUSY : of_errno(errno);
}

enum err socket_connect_start(const struct address *address, const struct address *source, int *ret_fd)
{
    int fd = make(address);
    if (fd < 0)
        return of_errno(errno);
    enum err err = connect_from(fd, address, source);
    if (err == ERR_OK)
        *ret_fd = fd;
    else
        close(fd);
    return err;
}

static enum err await_connected(int fd, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int ready;
    do
        ready = poll(&wait, 1, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return ERR_TIMEOUT;
    return ready < 0 ? ERR_IO : socket_failure(fd);
}

enum err socket_connect(const struct address *address, int timeout_ms, int *ret_fd)
{
    int fd;
    TRY(socket_connect_start(address, NULL, &fd));
    enum err err = await_connected(fd, timeout_ms);
    if (err == ERR_OK)
        *ret_fd = fd;
    else
        close(fd);
    return err;
}

uint64_t socket_received_ago_ns(int fd)
{
    struct tcp_info info = {0};
    socklen_t bytes = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0)
        return 0;
    return info.tcpi_last_data_recv * NS_PER_MS;
}

void socket_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

void socket_shutdown_write(int fd)
{
    (void)shutdown(fd, SHUT_WR);
}

/* SO_REUSEPORT would let two servers of one user share a port without a word: bind once without it. */
enum err socket_probe_free(const struct address *address)
{
    int fd = make(address);
    if (fd < 0)
        return of_errno(errno);
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    enum err err = bind(fd, &address->any, address->len) == 0 && listen(fd, 1) == 0 ? ERR_OK : of_errno(errno);
    close(fd);
    return err;
}
