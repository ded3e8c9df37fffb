/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/base
 *
 * The input as text: every level says the same, and what is accepted encodes to the text it came from. The input as
 * bytes: they survive encoding and decoding. */
#include "lib/base/base64.h"
#include "lib/base/base64_int.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct result {
    enum err err;
    size_t bytes;
    size_t fault_at;
    uint8_t *out;
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct result decode(enum cpu_level level, enum base64_alphabet alphabet, struct slice text)
{
    struct result result = {.out = malloc(base64_decode_bytes_max(text.len))};
    result.err = base64_decode_at(level, alphabet, text, result.out, &result.bytes, &result.fault_at);
    return result;
}

static void compare_levels(enum base64_alphabet alphabet, struct slice text, const struct result *scalar)
{
    for (int level = CPU_SSE42; level <= (int)cpu_level(); level++) {
        struct result vector = decode((enum cpu_level)level, alphabet, text);
        require(vector.err == scalar->err && vector.bytes == scalar->bytes && vector.fault_at == scalar->fault_at);
        if (vector.err == ERR_OK)
            require(memcmp(vector.out, scalar->out, scalar->bytes) == 0);
        free(vector.out);
    }
}

static void compare_text(struct slice text, const struct result *result)
{
    struct slice bytes = slice_of(result->out, result->bytes);
    char *again = malloc(base64_encode_chars(bytes.len) + 1);
    base64_encode(bytes, again);
    size_t padded = base64_encode_chars(bytes.len);
    require(text.len <= padded && padded - text.len <= 2 && memcmp(again, text.ptr, text.len) == 0);
    for (size_t i = text.len; i < padded; i++)
        require(again[i] == '=');
    free(again);
}

static void survive(struct slice bytes)
{
    size_t chars = base64_encode_chars(bytes.len);
    char *text = malloc(chars + 1);
    base64_encode(bytes, text);
    struct result result = decode(cpu_level(), BASE64_STANDARD, slice_of(text, chars));
    require(result.err == ERR_OK && slice_equal(slice_of(result.out, result.bytes), bytes));
    free(result.out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_of(data, size);
    for (int alphabet = BASE64_STANDARD; alphabet <= BASE64_URL; alphabet++) {
        struct result scalar = decode(CPU_SCALAR, (enum base64_alphabet)alphabet, text);
        require(scalar.err == ERR_OK || scalar.fault_at <= size);
        compare_levels((enum base64_alphabet)alphabet, text, &scalar);
        if (scalar.err == ERR_OK && alphabet == BASE64_STANDARD && size > 0)
            compare_text(text, &scalar);
        free(scalar.out);
    }
    survive(text);
    struct slice media, base64;
    if (data_url_split(text, &media, &base64) == ERR_OK)
        require(base64.ptr + base64.len == text.ptr + text.len && media.len < text.len);
    return 0;
}
