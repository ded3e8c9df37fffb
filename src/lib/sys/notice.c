/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/notice.h"

#include "lib/sys/sequence.h"

void notice_set(struct notice *notice, struct slice text)
{
    uint64_t words[NOTICE_WORDS] = {0};
    memcpy(words, text.len ? text.ptr : "", MIN(text.len, (size_t)NOTICE_BYTES));
    sequence_write(&notice->version, notice->words, words, NOTICE_WORDS);
}

bool notice_read(const struct notice *notice, struct text *out)
{
    uint64_t words[NOTICE_WORDS];
    sequence_read(&notice->version, notice->words, words, NOTICE_WORDS);
    const char *text = (const char *)words;
    text_add(out, slice_of_text(text));
    return text[0] != '\0';
}
