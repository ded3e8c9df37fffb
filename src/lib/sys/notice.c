/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/notice.h"

void notice_set(struct notice *notice, struct slice text)
{
    uint64_t words[NOTICE_WORDS] = {0};
    memcpy(words, text.len ? text.ptr : "", MIN(text.len, (size_t)NOTICE_BYTES));
    uint32_t version = atomic_load_explicit(&notice->version, memory_order_relaxed);
    atomic_store_explicit(&notice->version, version + 1, memory_order_relaxed);
    /* A reader that sees one of the new words sees the odd version too. */
    for (size_t i = 0; i < NOTICE_WORDS; i++)
        atomic_store_explicit(&notice->words[i], words[i], memory_order_release);
    atomic_store_explicit(&notice->version, version + 2, memory_order_release);
}

bool notice_read(const struct notice *notice, struct text *out)
{
    uint64_t words[NOTICE_WORDS];
    uint32_t before;
    uint32_t after;
    do {
        before = atomic_load_explicit(&notice->version, memory_order_acquire);
        for (size_t i = 0; i < NOTICE_WORDS; i++)
            words[i] = atomic_load_explicit(&notice->words[i], memory_order_acquire);
        after = atomic_load_explicit(&notice->version, memory_order_relaxed);
    } while (before != after || before % 2);
    const char *text = (const char *)words;
    text_add(out, slice_of_text(text));
    return text[0] != '\0';
}
