/* SPDX-License-Identifier: Apache-2.0 */
/* The few compiler words the tree uses, and the assertion that stays on in release. */
#ifndef WEIR_LIB_BASE_ATTR_H
#define WEIR_LIB_BASE_ATTR_H

#include <stddef.h>

#define MUST_USE                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a)             __attribute__((format(printf, f, a)))
#define NORETURN                      __attribute__((noreturn))
#define ALWAYS_INLINE                 static inline __attribute__((always_inline))
#define UNUSED                        __attribute__((unused))
#define NOT_INLINE                    __attribute__((noinline)) /* else its caller saves registers for it each time */
#define CALLS_INLINE                  __attribute__((flatten))  /* what it calls is part of it, but for NOT_INLINE */
#define RARELY_CALLED                 __attribute__((cold, noinline))
#define CACHE_ALIGNED                 __attribute__((aligned(64)))
#define LIKELY(x)                     __builtin_expect(!!(x), 1)
#define UNLIKELY(x)                   __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a)                  (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                     ((a) < (b) ? (a) : (b))
#define MAX(a, b)                     ((a) > (b) ? (a) : (b))
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p) - offsetof(type, member)))

/* The one macro of the tree that hides a return: passes any error on to the caller. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        enum err try_err_ = (expression);                                                                              \
        if (UNLIKELY(try_err_ != ERR_OK))                                                                              \
            return try_err_;                                                                                           \
    } while (0)

/* Prints the condition and what it means, then aborts. For broken invariants of our own, never for hostile input. */
NORETURN void assert_failed(const char *file, int line, const char *condition, const char *meaning);
#define ASSERT(condition, meaning)                                                                                     \
    (LIKELY(condition) ? (void)0 : assert_failed(__FILE__, __LINE__, #condition, meaning))

#endif
