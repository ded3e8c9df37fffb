/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/cpu.h"

#include "lib/base/attr.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"scalar", "sse4.2", "avx2"};

static enum cpu_level detect(void)
{
    enum cpu_level level = CPU_SCALAR;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.2"))
        level = CPU_SSE42;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
        level = CPU_AVX2;
#endif
    const char *wanted = getenv("WEIR_CPU");
    for (size_t i = 0; wanted && i < ARRAY_LEN(names); i++)
        if (strcmp(wanted, names[i]) == 0 && (enum cpu_level)i < level)
            return (enum cpu_level)i;
    return level;
}

enum cpu_level cpu_level(void)
{
    static _Atomic int known = -1;
    int level = atomic_load_explicit(&known, memory_order_relaxed);
    if (UNLIKELY(level < 0)) {
        level = (int)detect();
        atomic_store_explicit(&known, level, memory_order_relaxed);
    }
    return (enum cpu_level)level;
}

const char *cpu_level_name(enum cpu_level level)
{
    return names[level];
}
