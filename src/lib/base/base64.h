/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 of RFC 4648, strictly: no white space, no character outside the alphabet (section 3.3), the unused bits of the
 * last character are zero (section 3.5). Padding is either complete or absent altogether: clients of JSON APIs send
 * both. Every accepted text therefore has one decoding, and every decoding two texts. Vectorised by cpu_level(). */
#ifndef WEIR_LIB_BASE_BASE64_H
#define WEIR_LIB_BASE_BASE64_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* What base64_decode may write for a text of `len` characters. At most 3 bytes more than it does write. */
static inline size_t base64_decode_bytes_max(size_t len)
{
    return len / 4 * 3 + 3;
}

/* Characters of the encoding of `bytes` bytes, padded. */
static inline size_t base64_encode_chars(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

/* The alphabet with '+' and '/'. `out` holds base64_decode_bytes_max(text.len) and may be text.ptr itself.
 * ERR_SYNTAX: *ret_fault_at is the position of the first character that cannot stand where it stands (text.len when the
 * text ends too early), *ret_bytes is left alone and `out` is undefined. */
MUST_USE enum err base64_decode(struct slice text, void *out, size_t *ret_bytes, size_t *ret_fault_at);
/* The alphabet with '-' and '_' of section 5. */
MUST_USE enum err base64_decode_url(struct slice text, void *out, size_t *ret_bytes, size_t *ret_fault_at);

/* Writes base64_encode_chars(bytes.len) characters, padded, without NUL. `out` must not overlap. */
void base64_encode(struct slice bytes, char *out);

/* Cuts "data:image/png;base64,iVBOR…" (RFC 2397) into its media type, parameters included but not ";base64", and what
 * follows the comma. ERR_NOT_FOUND: no "data:" in front, the text is something else. ERR_SYNTAX: no comma within the
 * first 256 characters. ERR_UNSUPPORTED: a data URL, but not of base64. */
MUST_USE enum err data_url_split(struct slice text, struct slice *ret_media_type, struct slice *ret_base64);

#endif
