/* SPDX-License-Identifier: Apache-2.0 */
/* Which SIMD instructions may be used. Asked at run time, so that one binary serves every x86-64, and lowered by the
 * environment variable WEIR_CPU (scalar, sse4.2 or avx2) for measuring under tools that lack an instruction. */
#ifndef WEIR_LIB_BASE_CPU_H
#define WEIR_LIB_BASE_CPU_H

enum cpu_level {
    CPU_SCALAR, /* what every x86-64 has: SSE2 */
    CPU_SSE42,
    CPU_AVX2, /* with FMA and BMI2 */
};

/* The same answer for the life of the process. Any thread. */
enum cpu_level cpu_level(void);
const char *cpu_level_name(enum cpu_level level);

#endif
