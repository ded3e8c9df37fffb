/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * Via and Max-Forwards. Whatever stands in Via, once a gateway has added itself behind it in a field of its own it is
 * found; and what has no number in it is no number. The value is in an allocation of exactly its size. */
#include "lib/http/hops.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_via(struct slice value)
{
    struct http_header headers[] = {{.value = value, .id = HTTP_FIELD_VIA},
                                    {.value = SLICE_LIT("1.1 me"), .id = HTTP_FIELD_VIA}};
    struct http_head head = {.headers = headers, .header_count = 1, .present = UINT64_C(1) << HTTP_FIELD_VIA};
    bool is_named = hops_have_been(&head, SLICE_LIT("me"));
    require(!is_named || value.len >= sizeof "x me" - 1);
    head.header_count = 2;
    head.repeated = head.present;
    require(hops_have_been(&head, SLICE_LIT("me")));
}

static void check_count(struct slice value)
{
    struct http_header header = {.value = value, .id = HTTP_FIELD_MAX_FORWARDS};
    struct http_head head = {.method = HTTP_METHOD_OPTIONS,
                             .headers = &header,
                             .header_count = 1,
                             .present = UINT64_C(1) << HTTP_FIELD_MAX_FORWARDS};
    uint32_t count;
    enum err err = hops_left(&head, &count);
    bool is_number = value.len > 0;
    for (size_t i = 0; i < value.len; i++)
        is_number &= value.ptr[i] >= '0' && value.ptr[i] <= '9';
    require(err == (is_number ? ERR_OK : ERR_SYNTAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 4096)
        return 0;
    char *copy = malloc(size ? size : 1);
    require(copy != NULL);
    if (size)
        memcpy(copy, data, size);
    check_via(slice_of(copy, size));
    check_count(slice_of(copy, size));
    free(copy);
    return 0;
}
