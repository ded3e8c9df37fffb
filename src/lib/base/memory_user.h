/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks the system for memory, said at the doors where that is decided, for whoever counts (lib/sys/allocations.h):
 *
 *     AS_MEMORY_USER(http2); // until the end of the block
 *     return malloc(bytes);
 *
 * Of the calling thread; two stores. Where nobody asks the system nothing has to be said: a block out of a pool's cache costs
 * nothing here. */
#ifndef WEIR_LIB_BASE_MEMORY_USER_H
#define WEIR_LIB_BASE_MEMORY_USER_H

enum memory_user {
#define MEMORY_USER(name, help) MEMORY_USER_##name,
#include "lib/base/memory_user.def"
#undef MEMORY_USER
    MEMORY_USER_COUNT
};

extern _Thread_local enum memory_user memory_user_current;

/* The compiler knows malloc, and that it reads no variable of ours: without this a store in front of it would be dropped. */
#define MEMORY_USER_STORE() __asm__ volatile("" ::: "memory")

static inline enum memory_user memory_user_enter(enum memory_user user)
{
    enum memory_user before = memory_user_current;
    memory_user_current = user;
    MEMORY_USER_STORE();
    return before;
}

static inline void memory_user_leave(const enum memory_user *before)
{
    MEMORY_USER_STORE();
    memory_user_current = *before;
}

#define AS_MEMORY_USER(name)                                                                                           \
    enum memory_user memory_user_before_ __attribute__((cleanup(memory_user_leave))) =                                 \
        memory_user_enter(MEMORY_USER_##name)

/* "http2" */
const char *memory_user_name(enum memory_user user);

#endif
