/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/grpc/grpc.h"

#define CONTENT_TYPE       "application/grpc"
#define TIMEOUT_DIGITS_MAX 8
#define ESCAPE_BYTES       3

struct slice grpc_status_text(enum grpc_status status)
{
    static const char digits[] = "0001020304050607080910111213141516";
    size_t len = status < 10 ? 1 : 2;
    return slice_of(digits + 2 * (size_t)status + (2 - len), len);
}

enum err grpc_prefix_read(struct slice bytes, struct grpc_prefix *ret_prefix)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    if (bytes.len < GRPC_PREFIX_BYTES)
        return ERR_TRUNCATED;
    if (at[0] > 1)
        return ERR_SYNTAX;
    *ret_prefix = (struct grpc_prefix){
        .is_compressed = at[0],
        .message_bytes = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | (uint32_t)at[4],
    };
    return ERR_OK;
}

void grpc_prefix_write(char out[GRPC_PREFIX_BYTES], struct grpc_prefix prefix)
{
    out[0] = prefix.is_compressed;
    for (int i = 1; i < GRPC_PREFIX_BYTES; i++)
        out[i] = (char)(prefix.message_bytes >> (8 * (GRPC_PREFIX_BYTES - 1 - i)));
}

bool grpc_is_content_type(struct slice content_type)
{
    size_t len = sizeof CONTENT_TYPE - 1;
    if (content_type.len < len || !slice_equal_nocase(slice_first(content_type, len), SLICE_LIT(CONTENT_TYPE)))
        return false;
    char next = content_type.len > len ? content_type.ptr[len] : ';';
    return next == '+' || next == ';' || next == ' ' || next == '\t';
}

struct slice grpc_content_subtype(struct slice content_type)
{
    size_t len = sizeof CONTENT_TYPE - 1;
    struct slice rest = slice_first(content_type, slice_find(content_type, ';'));
    if (rest.len <= len || rest.ptr[len] != '+')
        return (struct slice){NULL, 0};
    return slice_trim(slice_skip(rest, len + 1));
}

static uint64_t ns_of_unit(char unit)
{
    switch (unit) {
    case 'H':
        return 3600U * UINT64_C(1000000000);
    case 'M':
        return 60U * UINT64_C(1000000000);
    case 'S':
        return UINT64_C(1000000000);
    case 'm':
        return 1000000;
    case 'u':
        return 1000;
    case 'n':
        return 1;
    default:
        return 0;
    }
}

enum err grpc_timeout_parse(struct slice text, uint64_t *ret_ns)
{
    uint64_t count = 0;
    if (text.len < 2 || text.len > TIMEOUT_DIGITS_MAX + 1)
        return ERR_SYNTAX;
    for (size_t i = 0; i < text.len - 1; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return ERR_SYNTAX;
        count = count * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    uint64_t unit_ns = ns_of_unit(text.ptr[text.len - 1]);
    if (!unit_ns)
        return ERR_SYNTAX;
    *ret_ns = count > INT64_MAX / unit_ns ? INT64_MAX : count * unit_ns;
    return ERR_OK;
}

void grpc_message_write(struct buffer *out, struct slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    char *place = buffer_reserve(out, text.len * ESCAPE_BYTES);
    if (!place)
        return;
    char *begin = place;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= ' ' && c <= '~' && c != '%') {
            *place++ = (char)c;
            continue;
        }
        *place++ = '%';
        *place++ = hex[c >> 4];
        *place++ = hex[c & 15];
    }
    out->len += (size_t)(place - begin);
}
