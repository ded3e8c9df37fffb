/* SPDX-License-Identifier: Apache-2.0 */
/* Makes one call of a running server fail: preloaded into it, told what to do by a test through a mapped file.
 *
 * The file named by FAULT_FILE holds a struct control. While `armed` is the number of a call, `countdown` is lowered at
 * each such call, and the one that brings it to 0 fails with `number` as errno (an allocation: with NULL). `hits` counts
 * what failed; with LASTING in `armed` all calls behind it fail, too. `short_bytes` cuts every transfer to so many bytes, which a kernel may do at any time.
 *
 * Allocations of ONNX Runtime and of the C++ library under it are left alone: what they do about it is their affair.
 * `is_recording` writes down where each allocation comes from, so that a test can fail one of each place. */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);

enum call {
    CALL_NONE,
    CALL_ALLOCATION,
#define CALL(name, type, parameters, arguments) CALL_##name,
#include "calls.def"
#undef CALL
    CALL_open,
    CALL_epoll_ctl, /* adding only: the others cannot fail on a descriptor that is there */
    CALL_pthread_create,
};

#define SITES_MAX 131072
#define LASTING   0x80000000u

struct control {
    _Atomic uint32_t armed;
    _Atomic uint32_t number;
    _Atomic int64_t countdown;
    _Atomic uint64_t hits;
    _Atomic uint64_t short_bytes;
    _Atomic uint32_t is_recording;
    _Atomic uint32_t site_count;
    uint64_t sites[SITES_MAX];
};

static struct control spare;
static struct control *control = &spare;

/* Says in which libraries it happened, so that a test can tell a crash of ours from one of a library. */
static void on_crash(int number)
{
    void *frames[12];
    int count = backtrace(frames, 12);
    for (int i = 2; i < count; i++) { /* behind this function and the kernel's frame */
        struct dl_find_object found;
        if (_dl_find_object(frames[i], &found) != 0)
            continue;
        const char *name = found.dlfo_link_map->l_name;
        dprintf(STDERR_FILENO, "crashed in %s+%#zx\n", *name ? name : "weir",
                (size_t)frames[i] - (size_t)found.dlfo_link_map->l_addr);
    }
    signal(number, SIG_DFL);
    raise(number);
}

__attribute__((constructor)) static void open_file(void)
{
    void *frames[1];
    if (!getenv("ASAN_OPTIONS") || !*getenv("ASAN_OPTIONS")) {
        (void)backtrace(frames, 1); /* loads what it needs now: at a crash it may not */
        signal(SIGSEGV, on_crash);
        signal(SIGABRT, on_crash);
    }
    const char *path = getenv("FAULT_FILE");
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0 || ftruncate(fd, sizeof *control) != 0)
        return;
    void *memory = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        control = memory;
}

void fault_hit(void);
/* A place to break at. */
__attribute__((noinline)) void fault_hit(void)
{
    atomic_fetch_add(&control->hits, 1);
}

static bool is_hit(enum call call)
{
    uint32_t armed = atomic_load_explicit(&control->armed, memory_order_acquire);
    if ((armed & ~LASTING) != (uint32_t)call)
        return false;
    int64_t left = atomic_fetch_sub(&control->countdown, 1);
    if (left > 1 || (left < 1 && !(armed & LASTING)))
        return false;
    fault_hit();
    errno = (int)atomic_load(&control->number);
    return true;
}

#define CALL(name, type, parameters, arguments) static type next_##name parameters;
#include "calls.def"
#undef CALL

/* The C library's own, looked up once. */
#define NEXT(name)                                                                                                     \
    static _Atomic(void *) next;                                                                                       \
    void *found = atomic_load_explicit(&next, memory_order_relaxed);                                                   \
    if (!found)                                                                                                        \
    atomic_store_explicit(&next, found = dlsym(RTLD_NEXT, name), memory_order_relaxed)

#define CALL(name, type, parameters, arguments)                                                                        \
    static type next_##name parameters                                                                                 \
    {                                                                                                                  \
        NEXT(#name);                                                                                                   \
        return ((type(*) parameters)found)arguments;                                                                   \
    }
#include "calls.def"
#undef CALL

static size_t shorten(size_t len)
{
    size_t most = (size_t)atomic_load_explicit(&control->short_bytes, memory_order_relaxed);
    return most && most < len ? most : len;
}

/* A connection that is said to be gone is gone. */
static bool is_socket_hit(enum call call, int fd)
{
    if (!is_hit(call))
        return false;
    if (errno == EPIPE || errno == ECONNRESET) {
        int number = errno;
        (void)shutdown(fd, SHUT_RDWR);
        errno = number;
    }
    return true;
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
    return is_socket_hit(CALL_recv, fd) ? -1 : next_recv(fd, data, shorten(len), flags);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    return is_socket_hit(CALL_send, fd) ? -1 : next_send(fd, data, shorten(len), flags);
}

ssize_t sendfile(int out, int in, off_t *offset, size_t len)
{
    return is_socket_hit(CALL_sendfile, out) ? -1 : next_sendfile(out, in, offset, shorten(len));
}

ssize_t sendfile64(int out, int in, off_t *offset, size_t len)
{
    return sendfile(out, in, offset, len);
}

/* The first piece only, and that shortened. */
ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    if (is_hit(CALL_writev))
        return -1;
    if (count == 0 || shorten(SIZE_MAX) == SIZE_MAX)
        return next_writev(fd, pieces, count);
    struct iovec piece = {pieces[0].iov_base, shorten(pieces[0].iov_len)};
    return next_writev(fd, &piece, 1);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (is_socket_hit(CALL_sendmsg, fd))
        return -1;
    if (message->msg_iovlen == 0 || shorten(SIZE_MAX) == SIZE_MAX)
        return next_sendmsg(fd, message, flags);
    struct iovec piece = {message->msg_iov[0].iov_base, shorten(message->msg_iov[0].iov_len)};
    struct msghdr cut = *message;
    cut.msg_iov = &piece;
    cut.msg_iovlen = 1;
    return next_sendmsg(fd, &cut, flags);
}

/* An eventfd cannot fail but be interrupted; its transfers are known by their length. */
static bool is_file_hit(enum call call, size_t len)
{
    return (len != sizeof(uint64_t) || atomic_load(&control->number) == EINTR) && is_hit(call);
}

ssize_t read(int fd, void *data, size_t len)
{
    return is_file_hit(CALL_read, len) ? -1 : next_read(fd, data, len);
}

ssize_t write(int fd, const void *data, size_t len)
{
    return is_file_hit(CALL_write, len) ? -1 : next_write(fd, data, len);
}

#define CALL(name, type, parameters, arguments)
#define PLAIN(name, type, parameters, arguments)                                                                       \
    type name parameters                                                                                               \
    {                                                                                                                  \
        return is_hit(CALL_##name) ? -1 : next_##name arguments;                                                       \
    }
#include "calls.def"
#undef CALL

ssize_t pread64(int fd, void *data, size_t len, off_t offset)
{
    return pread(fd, data, len, offset);
}

int epoll_ctl(int fd, int operation, int other, struct epoll_event *event)
{
    NEXT("epoll_ctl");
    if (operation == EPOLL_CTL_ADD && is_hit(CALL_epoll_ctl))
        return -1;
    return ((int (*)(int, int, int, struct epoll_event *))found)(fd, operation, other, event);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    NEXT("pthread_create");
    if (is_hit(CALL_pthread_create))
        return errno;
    return ((int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))found)(thread, attributes, run,
                                                                                            argument);
}

static int open_at(int folder, const char *path, int flags, va_list args)
{
    NEXT("openat");
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    if (is_hit(CALL_open))
        return -1;
    return ((int (*)(int, const char *, int, ...))found)(folder, path, flags, mode);
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        int fd = open_at(AT_FDCWD, path, flags, args);                                                                 \
        va_end(args);                                                                                                  \
        return fd;                                                                                                     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int folder, const char *path, int flags, ...)                                                             \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        int fd = open_at(folder, path, flags, args);                                                                   \
        va_end(args);                                                                                                  \
        return fd;                                                                                                     \
    }
OPENAT(openat)
OPENAT(openat64)

/* openat2 has no function in the C library; the loop receives and sends past those that it has. */
static bool is_number_hit(long number, int fd)
{
    switch (number) {
    case SYS_openat2:
        return is_hit(CALL_open);
    case SYS_recvfrom:
        return is_socket_hit(CALL_recv, fd);
    case SYS_sendto:
        return is_socket_hit(CALL_send, fd);
    default:
        return false;
    }
}

long syscall(long number, ...)
{
    NEXT("syscall");
    va_list args;
    long values[6];
    va_start(args, number);
    for (int i = 0; i < 6; i++)
        values[i] = va_arg(args, long);
    va_end(args);
    if (is_number_hit(number, (int)values[0]))
        return -1;
    if (number == SYS_recvfrom || number == SYS_sendto)
        values[2] = (long)shorten((size_t)values[2]);
    return ((long (*)(long, ...))found)(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}

/* Allocations. AddressSanitizer has its own: beside it only calls fail. */
#ifndef FAULT_CALLS_ONLY

static __thread bool is_inside __attribute__((tls_model("initial-exec")));

/* False for what is left alone. A place is an offset in a library, the same in every run. */
static bool find_place(void *caller, uint64_t *ret_place)
{
    struct dl_find_object found; /* dladdr would look for a symbol as well, which takes ONNX Runtime's start a minute */
    if (_dl_find_object(caller, &found) != 0)
        return false;
    const char *name = strrchr(found.dlfo_link_map->l_name, '/');
    name = name ? name + 1 : found.dlfo_link_map->l_name;
    if (strstr(name, "onnxruntime") || strstr(name, "stdc++") || strstr(name, "ld-linux"))
        return false;
    uint64_t place = (uint64_t)((char *)caller - (char *)found.dlfo_link_map->l_addr);
    for (; *name; name++)
        place = place * 31 + (unsigned char)*name;
    *ret_place = place;
    return true;
}

static bool is_allocation_hit(void *caller)
{
    bool is_recording = atomic_load_explicit(&control->is_recording, memory_order_relaxed);
    bool is_armed = atomic_load_explicit(&control->armed, memory_order_relaxed) == CALL_ALLOCATION;
    if ((!is_recording && !is_armed) || is_inside)
        return false;
    uint64_t place;
    is_inside = true;
    bool is_ours = find_place(caller, &place);
    is_inside = false;
    if (is_ours && is_recording) {
        uint32_t index = atomic_fetch_add(&control->site_count, 1);
        if (index < SITES_MAX)
            control->sites[index] = place;
    }
    return is_ours && is_hit(CALL_ALLOCATION);
}

void *malloc(size_t bytes)
{
    return is_allocation_hit(__builtin_return_address(0)) ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    return is_allocation_hit(__builtin_return_address(0)) ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    return is_allocation_hit(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return is_allocation_hit(__builtin_return_address(0)) ? NULL : __libc_memalign(align, bytes);
}

int posix_memalign(void **memory, size_t align, size_t bytes)
{
    if (is_allocation_hit(__builtin_return_address(0)))
        return ENOMEM;
    *memory = __libc_memalign(align, bytes);
    return *memory ? 0 : ENOMEM;
}

#endif
