/* SPDX-License-Identifier: Apache-2.0 */
/* Lets the allocation of a given number fail, and counts what has not been freed. To be included by the one source file of a
 * test. Sanitizers bring their own malloc; CAN_FAIL is then 0 and the test skips. */
#ifndef TESTS_UNIT_LIB_MALLOC_FAIL_H
#define TESTS_UNIT_LIB_MALLOC_FAIL_H

#include "lib/base/asan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(WEIR_ASAN) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define CAN_FAIL 0
static unsigned long fail_in;
static long kept;
#else
#define CAN_FAIL 1
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *memory);

static unsigned long fail_in; /* so many allocations from now; 0: none fails */
static long kept;             /* how many have not been freed */

static void *count(void *memory)
{
    kept += memory != NULL;
    return memory;
}

static bool fails(void)
{
    return fail_in > 0 && --fail_in == 0;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : count(__libc_malloc(bytes));
}

void *calloc(size_t number, size_t bytes)
{
    return fails() ? NULL : count(__libc_calloc(number, bytes));
}

void *realloc(void *old, size_t bytes)
{
    if (fails())
        return NULL;
    return old ? __libc_realloc(old, bytes) : count(__libc_realloc(old, bytes));
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return fails() ? NULL : count(__libc_memalign(align, bytes));
}

void free(void *memory)
{
    kept -= memory != NULL;
    __libc_free(memory);
}
#endif

#endif
