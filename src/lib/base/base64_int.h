/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that compare the levels. */
#ifndef WEIR_LIB_BASE_BASE64_INT_H
#define WEIR_LIB_BASE_BASE64_INT_H

#include "lib/base/base64.h"
#include "lib/base/cpu.h"

enum base64_alphabet { BASE64_STANDARD, BASE64_URL };

/* base64_decode and base64_decode_url at a level that the processor has. */
MUST_USE enum err base64_decode_at(enum cpu_level level, enum base64_alphabet alphabet, struct slice text, void *out,
                                   size_t *ret_bytes, size_t *ret_fault_at);

#endif
