/* SPDX-License-Identifier: Apache-2.0 */
/* Counts allocations of a running server by kind of thread: preloaded into it, read by a test from a mapped file.
 *
 * A thread's kind is the beginning of its name: worker, executor or anything else. The file named by MALLOC_COUNT_FILE
 * holds three 64-bit counters in that order. What is counted is every malloc, calloc, realloc, aligned_alloc and
 * posix_memalign that reaches the C library, by whatever library. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);

enum kind { KIND_WORKER, KIND_EXECUTOR, KIND_OTHER, KIND_COUNT, KIND_UNKNOWN = KIND_COUNT };

static _Atomic uint64_t spare[KIND_COUNT];
static _Atomic(uint64_t) *counters = spare;
static __thread enum kind kind_of_thread __attribute__((tls_model("initial-exec"))) = KIND_UNKNOWN;

__attribute__((constructor)) static void open_file(void)
{
    const char *path = getenv("MALLOC_COUNT_FILE");
    int fd = path ? open(path, O_RDWR | O_CREAT, 0600) : -1;
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        return;
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (memory != MAP_FAILED)
        counters = memory;
}

/* A thread is named just after it starts, so the answer is kept only once the name is a known one. */
static enum kind look(void)
{
    char name[17] = {0};
    prctl(PR_GET_NAME, name);
    if (strncmp(name, "worker", 6) == 0)
        return kind_of_thread = KIND_WORKER;
    if (strncmp(name, "executor", 8) == 0)
        return kind_of_thread = KIND_EXECUTOR;
    return KIND_OTHER;
}

static void count(void)
{
    enum kind kind = kind_of_thread == KIND_UNKNOWN ? look() : kind_of_thread;
    atomic_fetch_add_explicit(&counters[kind], 1, memory_order_relaxed);
}

void *malloc(size_t bytes)
{
    count();
    return __libc_malloc(bytes);
}

void *calloc(size_t n, size_t bytes)
{
    count();
    return __libc_calloc(n, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    count();
    return __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    count();
    return __libc_memalign(align, bytes);
}

int posix_memalign(void **memory, size_t align, size_t bytes)
{
    count();
    *memory = __libc_memalign(align, bytes);
    return *memory ? 0 : ENOMEM;
}
