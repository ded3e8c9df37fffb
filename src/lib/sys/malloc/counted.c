/* SPDX-License-Identifier: Apache-2.0 */
/* malloc and its relatives, counted and handed on (lib/sys/allocations.h). Linked into the executable alone, where these names come
 * before the C library's for all libraries of the process (glibc manual, "Replacing malloc").
 *
 * They hand on to whatever comes next, not to the C library outright: a preloaded allocator, or a test's that fails, is still in
 * between. The first call looks for it, before there is a second thread. What looking itself may ask for comes from the C library.
 * All end in a jump, so that whoever looks at the return address (tests/fault) sees who asked, and not this file. */
#include "lib/base/attr.h"
#include "lib/sys/allocations.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void *__libc_valloc(size_t bytes);
extern void *__libc_pvalloc(size_t bytes);
extern void __libc_free(void *memory);

static int align_by_posix(void **ret_memory, size_t align, size_t bytes)
{
    void *memory = __libc_memalign(align, bytes);
    if (!memory)
        return ENOMEM;
    *ret_memory = memory;
    return 0;
}

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
    void (*free)(void *);
    bool is_found;
} next = {__libc_malloc,  __libc_calloc, __libc_realloc, __libc_memalign, __libc_memalign,
          align_by_posix, __libc_valloc, __libc_pvalloc, __libc_free,     false};

#define FIND(name)                                                                                                     \
    do {                                                                                                               \
        void *found = dlsym(RTLD_NEXT, #name);                                                                         \
        if (found)                                                                                                     \
            next.name = (__typeof__(next.name))found;                                                                  \
    } while (0)

static NOT_INLINE void find(void)
{
    next.is_found = true;
    allocations_begin();
    FIND(malloc);
    FIND(calloc);
    FIND(realloc);
    FIND(memalign);
    FIND(aligned_alloc);
    FIND(posix_memalign);
    FIND(valloc);
    FIND(pvalloc);
    FIND(free);
}

static inline void ready(void)
{
    if (UNLIKELY(!next.is_found))
        find();
}

static inline void count(size_t bytes)
{
    ready();
    allocations_add(bytes);
}

void *malloc(size_t bytes);
void *malloc(size_t bytes)
{
    count(bytes);
    return next.malloc(bytes);
}

void *calloc(size_t number, size_t bytes);
void *calloc(size_t number, size_t bytes)
{
    count(number * bytes); /* what overflows is given no memory */
    return next.calloc(number, bytes);
}

void *realloc(void *memory, size_t bytes);
void *realloc(void *memory, size_t bytes)
{
    count(bytes);
    return next.realloc(memory, bytes);
}

void *memalign(size_t align, size_t bytes);
void *memalign(size_t align, size_t bytes)
{
    count(bytes);
    return next.memalign(align, bytes);
}

void *aligned_alloc(size_t align, size_t bytes);
void *aligned_alloc(size_t align, size_t bytes)
{
    count(bytes);
    return next.aligned_alloc(align, bytes);
}

int posix_memalign(void **ret_memory, size_t align, size_t bytes);
int posix_memalign(void **ret_memory, size_t align, size_t bytes)
{
    count(bytes);
    return next.posix_memalign(ret_memory, align, bytes);
}

void *valloc(size_t bytes);
void *valloc(size_t bytes)
{
    count(bytes);
    return next.valloc(bytes);
}

void *pvalloc(size_t bytes);
void *pvalloc(size_t bytes)
{
    count(bytes);
    return next.pvalloc(bytes);
}

void free(void *memory);
void free(void *memory)
{
    ready();
    if (memory)
        allocations_add_free();
    next.free(memory);
}
