/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/grpc
 *
 * Any bytes as each of the texts that gRPC has in its heads: a message comes out as printable ASCII from which it can be
 * read back, a timeout and a prefix come out the same when written again. */
#include "lib/grpc/grpc.h"

#include <stdlib.h>

#define INPUT_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static unsigned digit(char c)
{
    require((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
    return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

static void check_message(struct slice text)
{
    char memory[3 * INPUT_MAX];
    struct buffer out = buffer_in_memory(memory, sizeof memory);
    grpc_message_write(&out, text);
    struct slice written;
    require(buffer_finish(&out, &written) == ERR_OK);
    for (size_t i = 0; i < text.len; i++) {
        require(written.len > 0 && written.ptr[0] >= ' ' && written.ptr[0] <= '~');
        bool is_escaped = written.ptr[0] == '%';
        require(!is_escaped || written.len >= 3);
        char c = is_escaped ? (char)(digit(written.ptr[1]) << 4 | digit(written.ptr[2])) : written.ptr[0];
        require(c == text.ptr[i]);
        written = slice_skip(written, is_escaped ? 3 : 1);
    }
    require(written.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, MIN(size, (size_t)INPUT_MAX));
    struct grpc_prefix prefix;
    uint64_t ns;
    char written[GRPC_PREFIX_BYTES];
    check_message(text);
    if (grpc_timeout_parse(text, &ns) == ERR_OK)
        require(ns <= INT64_MAX && text.len >= 2);
    if (grpc_prefix_read(text, &prefix) == ERR_OK) {
        grpc_prefix_write(written, prefix);
        require(slice_equal(slice_of(written, sizeof written), slice_first(text, GRPC_PREFIX_BYTES)));
    }
    struct slice subtype = grpc_content_subtype(text);
    if (grpc_is_content_type(text) && subtype.len)
        require(subtype.ptr > text.ptr && subtype.ptr + subtype.len <= text.ptr + text.len);
    return 0;
}
