/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * A header is taken or refused the same way however it is cut, never reaches behind its own length, and does not depend
 * on what follows it. */
#include "lib/http/proxy_protocol.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* In memory of its own, so that a read behind the end is seen. */
static enum err parse(const uint8_t *data, size_t size, struct proxy_protocol *header, size_t *bytes)
{
    char *copy = malloc(size ? size : 1);
    require(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    enum err err = proxy_protocol_parse(slice_of(copy, size), header, bytes);
    free(copy);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_protocol whole = {0};
    struct proxy_protocol part = {0};
    size_t bytes = 0;
    size_t part_bytes = 0;
    enum err err = parse(data, size, &whole, &bytes);
    size_t cut = 0;
    enum err first = ERR_AGAIN;
    for (; cut < size && first == ERR_AGAIN; cut++)
        first = parse(data, cut, &part, &part_bytes);
    if (first == ERR_AGAIN)
        first = parse(data, cut, &part, &part_bytes);
    require(first == err);
    if (err != ERR_OK)
        return 0;
    require(bytes >= 16 && bytes <= size && bytes <= PROXY_PROTOCOL_BYTES_MAX && bytes == part_bytes);
    require(whole.is_local == part.is_local && ip_equal(&whole.source, &part.source));
    require(!whole.is_local || whole.source.family == IP_NONE);
    return 0;
}
