/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/formats
 *
 * The first byte chooses a format, the rest is the text; and whatever it is, what the formats have to do with each other
 * holds: addresses are what the system's inet_pton reads, a date-time is a date and a time, a URI is a reference and an
 * IRI and a template, an address of mail keeps its host. */
#include "lib/base/base64.h"
#include "lib/formats/formats.h"

#include <arpa/inet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool implies(bool a, bool b)
{
    return !a || b;
}

static bool is(enum format format, struct slice text)
{
    return format_matches(format, text);
}

static bool system_reads(int family, struct slice text)
{
    char copy[64];
    uint8_t bytes[16];
    if (text.len >= sizeof copy || slice_find(text, '\0') < text.len)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return inet_pton(family, copy, bytes) == 1;
}

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

static void check_addresses(struct slice text)
{
    require(is(FORMAT_IPV4, text) == system_reads(AF_INET, text));
    require(is(FORMAT_IPV6, text) == system_reads(AF_INET6, text));
    require(implies(is(FORMAT_IPV4, text), !is(FORMAT_IPV6, text) && !is(FORMAT_HOSTNAME, text)));
}

static void check_times(struct slice text)
{
    bool is_two = text.len > 10 && (text.ptr[10] == 'T' || text.ptr[10] == 't') &&
                  is(FORMAT_DATE, slice_first(text, 10)) && is(FORMAT_TIME, slice_skip(text, 11));
    require(is(FORMAT_DATE_TIME, text) == is_two);
    require(!is(FORMAT_DATE, text) || !is(FORMAT_TIME, text));
}

static void check_identifiers(struct slice text)
{
    bool is_uri = is(FORMAT_URI, text);
    bool is_iri = is(FORMAT_IRI, text);
    bool is_uri_reference = is(FORMAT_URI_REFERENCE, text);
    bool is_iri_reference = is(FORMAT_IRI_REFERENCE, text);
    require(implies(is_uri, is_uri_reference && is_iri));
    require(implies(is_uri_reference || is_iri, is_iri_reference));
    require(implies(is_iri_reference && is_ascii(text), is_uri_reference));
    require(implies(is_iri_reference, is(FORMAT_URI_TEMPLATE, text)));
    require(implies(is_uri_reference, is_ascii(text)));
}

static void check_hosts(struct slice text)
{
    bool is_hostname = is(FORMAT_HOSTNAME, text);
    bool is_idn_hostname = is(FORMAT_IDN_HOSTNAME, text);
    require(implies(is_hostname, text.len > 0 && text.len <= 253 && is_ascii(text)));
    require(implies(is_idn_hostname && is_ascii(text), is_hostname));
    require(implies(is(FORMAT_EMAIL, text), is_ascii(text) && is(FORMAT_IDN_EMAIL, text)));
    if (text.len > 250)
        return;
    char mail[256] = "a@";
    memcpy(mail + 2, text.ptr ? text.ptr : "", text.len);
    require(implies(is_hostname, is(FORMAT_EMAIL, slice_of(mail, text.len + 2))));
    memcpy(mail, "x:/", 3);
    memcpy(mail + 3, text.ptr ? text.ptr : "", text.len);
    require(implies(is_hostname, is(FORMAT_URI, slice_of(mail, text.len + 3))));
}

static void check_pointers(struct slice text)
{
    if (text.len == 0 || text.len > 250)
        return;
    char relative[256] = "10";
    memcpy(relative + 2, text.ptr, text.len);
    require(implies(is(FORMAT_JSON_POINTER, text), is(FORMAT_RELATIVE_JSON_POINTER, slice_of(relative, text.len + 2))));
    require(!is(FORMAT_JSON_POINTER, text) || !is(FORMAT_RELATIVE_JSON_POINTER, text));
}

static void check_base64(struct slice text)
{
    char *out = malloc(base64_decode_bytes_max(text.len));
    size_t bytes;
    size_t fault_at;
    bool is_whole = text.len % 4 == 0;
    require(is(FORMAT_BYTE, text) == (is_whole && base64_decode(text, out, &bytes, &fault_at) == ERR_OK));
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice text = slice_of(data + 1, size - 1);
    (void)is((enum format)(data[0] % FORMAT_COUNT), text);
    check_addresses(text);
    check_times(text);
    check_identifiers(text);
    check_hosts(text);
    check_pointers(text);
    check_base64(text);
    return 0;
}
