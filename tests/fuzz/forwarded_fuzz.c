/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * Whatever a client writes, once a trusted proxy has added its own element the answer is the address in that element,
 * or, when the client has broken the line, the proxy's own: never an address of the client's choice. */
#include "lib/http/forwarded.h"

#include <stdlib.h>

#define INPUT_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct ip ip_of(const char *text)
{
    struct ip ip;
    require(ip_parse(slice_of_text(text), &ip) == ERR_OK);
    return ip;
}

static struct ip client_of(enum http_field field, struct slice first, struct slice second)
{
    struct ip_range range;
    require(ip_range_parse(SLICE_LIT("10.0.0.0/8"), &range) == ERR_OK);
    struct ip_set trusted = ip_set_of(&range, 1);
    struct http_header headers[] = {{.value = first, .id = field}, {.value = second, .id = field}};
    struct http_head head = {.headers = headers, .header_count = second.ptr ? 2 : 1, .present = 1ULL << field};
    return forwarded_client(&head, field, &trusted, ip_of("10.0.0.1"));
}

static void check(enum http_field field, struct slice text, const char *added)
{
    char line[INPUT_MAX + 64];
    struct ip honest = ip_of("192.0.2.1");
    struct ip peer = ip_of("10.0.0.1");
    struct slice element = slice_of_text(added);
    memcpy(line, text.ptr, text.len);
    memcpy(line + text.len, ", ", 2);
    memcpy(line + text.len + 2, element.ptr, element.len);
    struct ip found = client_of(field, slice_of(line, text.len + 2 + element.len), (struct slice){NULL, 0});
    bool may_break = field == HTTP_FIELD_FORWARDED;
    require(ip_equal(&found, &honest) || (may_break && ip_equal(&found, &peer)));
    found = client_of(field, text, element);
    require(ip_equal(&found, &honest));
    (void)client_of(field, text, (struct slice){NULL, 0});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_MAX)
        return 0;
    struct slice text = slice_of(data, size);
    check(HTTP_FIELD_X_FORWARDED_FOR, text, "192.0.2.1");
    check(HTTP_FIELD_FORWARDED, text, "for=192.0.2.1");
    check(HTTP_FIELD_FORWARDED, text, "for=\"192.0.2.1:80\";proto=https");
    return 0;
}
