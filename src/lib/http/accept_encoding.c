/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/accept_encoding.h"

#include "lib/http/media.h"

#define NOT_NAMED (-1)

/* codings [ weight ], where codings is a token or "*". */
static bool parse_element(struct slice element, struct slice *ret_coding, int *ret_quality)
{
    struct slice coding = slice_first(element, slice_find(element, ';'));
    struct slice rest = slice_skip(element, coding.len);
    struct media_parameter parameter;
    enum err err;
    int quality = 1000;
    coding = slice_trim(coding);
    while ((err = media_parameter_next(&rest, &parameter)) == ERR_OK)
        if (slice_equal_nocase(parameter.name, SLICE_LIT("q")))
            quality = parameter.is_quoted ? -1 : media_quality_parse(parameter.value);
    *ret_coding = coding;
    *ret_quality = quality;
    return err == ERR_EOF && quality >= 0 && http_is_token(coding);
}

/* "x-gzip" is to be taken for "gzip" (section 8.4.1.3). */
static bool is_named(struct slice element, const char *coding)
{
    if (slice_equal_nocase(element, SLICE_LIT("x-gzip")))
        element = SLICE_LIT("gzip");
    return slice_equal_nocase(element, slice_of_text(coding));
}

int http_accept_encoding_quality(const struct http_head *head, const char *coding)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_ACCEPT_ENCODING);
    bool is_identity = strcmp(coding, "identity") == 0;
    int named = NOT_NAMED;
    int any = NOT_NAMED;
    if (!header)
        return is_identity ? 1000 : 0;
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        struct slice element;
        while (http_list_next(&rest, &element)) {
            struct slice name;
            int quality;
            if (!parse_element(element, &name, &quality))
                continue;
            if (is_named(name, coding))
                named = MAX(named, quality);
            else if (slice_is(name, "*"))
                any = MAX(any, quality);
        }
    }
    if (named != NOT_NAMED)
        return named;
    if (is_identity)
        return any == 0 ? 0 : 1;
    return any != NOT_NAMED ? any : 0;
}

int http_accept_encoding_choose(const struct http_head *head, const char *const *offers, size_t count)
{
    int best = -1;
    int best_quality = 0;
    for (size_t i = 0; i < count; i++) {
        int quality = http_accept_encoding_quality(head, offers[i]);
        if (quality > best_quality) {
            best_quality = quality;
            best = (int)i;
        }
    }
    return best;
}
