/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: pipeline
 *
 * A timeout that is taken is bounded, and longer with a digit more. */
#include "pipeline/schedule/timeout_int.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    uint64_t ns = 0;
    uint64_t longer_ns = 0;
    memcpy(text + 1, data, size);
    text[0] = '1';
    bool is_good = timeout_parse(slice_of(text + 1, size), &ns) == ERR_OK;
    if (is_good && ns > TIMEOUT_MAX_NS)
        abort();
    if (is_good && timeout_parse(slice_of(text, size + 1), &longer_ns) == ERR_OK && longer_ns < ns)
        abort();
    free(text);
    return 0;
}
