/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/memory_user.h"

_Thread_local enum memory_user memory_user_current;

const char *memory_user_name(enum memory_user user)
{
    static const char *const names[MEMORY_USER_COUNT] = {
#define MEMORY_USER(name, help) #name,
#include "lib/base/memory_user.def"
#undef MEMORY_USER
    };
    return names[user];
}
