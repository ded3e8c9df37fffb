/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what this thread asks of the heap. In one file of a program only. */
#ifndef WEIR_TESTS_UNIT_PIPELINE_INFER_HEAP_H
#define WEIR_TESTS_UNIT_PIPELINE_INFER_HEAP_H

#include "lib/base/asan.h"
#include "lib/base/attr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(WEIR_ASAN) || defined(__SANITIZE_THREAD__)
#define CAN_COUNT 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAN_COUNT 0
#endif
#endif
#ifndef CAN_COUNT
#define CAN_COUNT 1
#endif

/* What this thread asks of the heap while is_counting. The sanitizers bring a heap of their own. The nth time that memory is asked
 * for as weir asks for it, and the runtime does not, there is none when heap_fails_at is n. */
static _Thread_local bool is_counting;
UNUSED static _Thread_local uint64_t heap_fails_at;
static _Thread_local uint64_t heap_calls;

#if CAN_COUNT
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);
void __libc_free(void *memory);

void *malloc(size_t bytes)
{
    heap_calls += is_counting;
    return __libc_malloc(bytes);
}

static bool heap_fails(void)
{
    return heap_fails_at && --heap_fails_at == 0;
}

void *calloc(size_t count, size_t bytes)
{
    heap_calls += is_counting;
    if (heap_fails())
        return NULL;
    return __libc_calloc(count, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    heap_calls += is_counting;
    if (heap_fails())
        return NULL;
    return __libc_memalign(align, bytes);
}

void free(void *memory)
{
    heap_calls += is_counting;
    __libc_free(memory);
}
#endif

#endif
