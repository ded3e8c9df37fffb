/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * The fields that ask for a part, a coding or a condition. The first byte chooses the field, the next eight the size of
 * the content, the rest is the field's value, in an allocation of exactly its size. */
#include "lib/http/accept_encoding.h"
#include "lib/http/conditional.h"
#include "lib/http/range.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_ranges(struct slice value, uint64_t content_bytes)
{
    struct http_ranges ranges;
    char out[HTTP_CONTENT_RANGE_BYTES_MAX];
    if (http_ranges_parse(value, content_bytes, &ranges) != HTTP_RANGE_PARTS)
        return;
    uint64_t bytes = 0;
    require(ranges.count >= 1 && ranges.count <= HTTP_RANGES_MAX);
    for (uint32_t i = 0; i < ranges.count; i++) {
        require(ranges.parts[i].first <= ranges.parts[i].last && ranges.parts[i].last < content_bytes);
        require(http_content_range_format(out, ranges.parts[i], content_bytes) <= sizeof out);
        bytes += ranges.parts[i].last - ranges.parts[i].first + 1;
    }
    require(bytes == ranges.bytes && bytes <= content_bytes);
}

static void check_field(enum http_field field, struct slice value)
{
    struct http_header header = {.name = slice_of_text(http_field_name(field)), .value = value, .id = field};
    struct http_head head = {.headers = &header, .header_count = 1, .present = UINT64_C(1) << field};
    struct http_validators validators = {.etag = SLICE_LIT("\"a\""), .modified_s = 784111777, .has_modified = true};
    enum http_condition condition = http_condition_check(&head, &validators);
    bool is_plain = slice_is(value, "\"a\"");
    if (field == HTTP_FIELD_IF_NONE_MATCH && is_plain)
        require(condition == HTTP_CONDITION_NOT_MODIFIED);
    if (field == HTTP_FIELD_IF_MATCH)
        require(condition == HTTP_CONDITION_PROCEED || !is_plain);
    (void)http_range_applies(&head, &validators);
    static const char *const offers[] = {"gzip", "identity"};
    int choice = http_accept_encoding_choose(&head, offers, ARRAY_LEN(offers));
    require(choice >= -1 && choice <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum http_field fields[] = {HTTP_FIELD_RANGE,
                                             HTTP_FIELD_IF_MATCH,
                                             HTTP_FIELD_IF_NONE_MATCH,
                                             HTTP_FIELD_IF_MODIFIED_SINCE,
                                             HTTP_FIELD_IF_UNMODIFIED_SINCE,
                                             HTTP_FIELD_IF_RANGE,
                                             HTTP_FIELD_ACCEPT_ENCODING};
    uint64_t content_bytes;
    if (size < 9 || size > 4096)
        return 0;
    memcpy(&content_bytes, data + 1, 8);
    char *copy = malloc(size - 9 ? size - 9 : 1);
    require(copy != NULL);
    memcpy(copy, data + 9, size - 9);
    struct slice value = slice_of(copy, size - 9);
    enum http_field field = fields[data[0] % ARRAY_LEN(fields)];
    if (field == HTTP_FIELD_RANGE)
        check_ranges(value, content_bytes);
    else
        check_field(field, value);
    free(copy);
    return 0;
}
