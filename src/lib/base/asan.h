/* SPDX-License-Identifier: Apache-2.0 */
/* Poisoning for our own allocators: a read of recycled memory is reported like a read of freed memory. */
#ifndef WEIR_LIB_BASE_ASAN_H
#define WEIR_LIB_BASE_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define WEIR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_ASAN 1
#endif
#endif

#ifdef WEIR_ASAN
#include <sanitizer/asan_interface.h>
#define MEMORY_POISON(ptr, bytes)   ASAN_POISON_MEMORY_REGION(ptr, bytes)
#define MEMORY_UNPOISON(ptr, bytes) ASAN_UNPOISON_MEMORY_REGION(ptr, bytes)
#else
#define MEMORY_POISON(ptr, bytes)   ((void)(ptr), (void)(bytes))
#define MEMORY_UNPOISON(ptr, bytes) ((void)(ptr), (void)(bytes))
#endif

#endif
