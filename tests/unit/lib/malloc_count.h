/* SPDX-License-Identifier: Apache-2.0 */
/* Counts calls of malloc, calloc and realloc in the whole process, shared libraries included. To be included by the one
 * source file of a test. Sanitizers bring their own malloc; MALLOC_COUNT_WORKS is then 0 and the test skips. */
#ifndef TESTS_UNIT_LIB_MALLOC_COUNT_H
#define TESTS_UNIT_LIB_MALLOC_COUNT_H

#include "lib/base/asan.h"

#include <stddef.h>
#include <stdlib.h>

static volatile unsigned long malloc_count;

#if defined(WEIR_ASAN) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define MALLOC_COUNT_WORKS 0
#else
#define MALLOC_COUNT_WORKS 1

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

void *malloc(size_t bytes)
{
    malloc_count++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    malloc_count++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
    malloc_count++;
    return __libc_realloc(old, bytes);
}
#endif

#endif
