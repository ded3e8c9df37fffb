/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several coded forms a client gets (RFC 9110 section 12.5.3). */
#include "lib/http/accept_encoding.h"
#include "pipeline/files/files_int.h"

/* In our own order of preference. */
static const enum coding offers[] = {CODING_BROTLI, CODING_ZSTD, CODING_GZIP};

enum coding coding_choose(const struct request *request, bool (*has)(void *context, enum coding coding), void *context)
{
    int qualities[ARRAY_LEN(offers)];
    int identity = http_accept_encoding_quality(&request->head, "identity");
    for (size_t i = 0; i < ARRAY_LEN(offers); i++)
        qualities[i] = http_accept_encoding_quality(&request->head, coding_name(offers[i]));
    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i < ARRAY_LEN(offers); i++)
            if (qualities[i] > qualities[best])
                best = i;
        if (qualities[best] == 0 || qualities[best] < identity)
            return CODING_IDENTITY;
        if (has(context, offers[best]))
            return offers[best];
        qualities[best] = 0;
    }
}
