/* SPDX-License-Identifier: Apache-2.0 */
/* A short text that one thread writes now and then, and that any thread reads without waiting for it (sequence.h). */
#ifndef WEIR_LIB_SYS_NOTICE_H
#define WEIR_LIB_SYS_NOTICE_H

#include "lib/base/text.h"

#include <stdatomic.h>

#define NOTICE_WORDS 64
#define NOTICE_BYTES (8 * NOTICE_WORDS - 1)

struct notice {
    _Atomic uint32_t version; /* odd while it is written */
    _Atomic uint64_t words[NOTICE_WORDS];
};

/* What is over NOTICE_BYTES is cut; an empty text says that there is none. One thread. A zeroed notice is empty. */
void notice_set(struct notice *notice, struct slice text);
/* False when there is none. */
bool notice_read(const struct notice *notice, struct text *out);

#endif
