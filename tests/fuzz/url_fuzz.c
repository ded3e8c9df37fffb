/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/http
 *
 * A canonical path normalises to itself, holds no dot segment and nothing that a second decoding would change into a
 * separator or a control; parts of a target are parts of it; an escape decodes to what it stands for. */
#include "lib/http/media.h"
#include "lib/http/url.h"

#include <stdlib.h>

#define INPUT_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_canonical(struct slice path)
{
    require(path.len > 0 && path.ptr[0] == '/');
    for (size_t i = 0; i < path.len; i++)
        require(path.ptr[i] > ' ' && path.ptr[i] < 0x7f && path.ptr[i] != '\\' && path.ptr[i] != '?');
    struct slice rest = path;
    while (rest.ptr) {
        struct slice segment = slice_cut(&rest, '/');
        require(!slice_is(segment, ".") && !slice_is(segment, ".."));
    }
    char decoded[3 * INPUT_MAX];
    struct slice text;
    require(url_percent_decode(path, false, decoded, &text) == ERR_OK);
    size_t slashes = 0;
    for (size_t i = 0; i < path.len; i++)
        slashes += path.ptr[i] == '/';
    for (size_t i = 0; i < text.len; i++) {
        require((unsigned char)text.ptr[i] >= ' ' && text.ptr[i] != 0x7f && text.ptr[i] != '\\');
        slashes -= text.ptr[i] == '/';
    }
    require(slashes == 0);
}

static void check_path(struct slice path)
{
    char first[3 * INPUT_MAX];
    char second[3 * INPUT_MAX];
    struct slice canonical;
    struct slice again;
    if (url_path_normalize(path, first, sizeof first, &canonical) != ERR_OK)
        return;
    require_canonical(canonical);
    require(url_path_normalize(canonical, second, sizeof second, &again) == ERR_OK);
    require(slice_equal(canonical, again));
    char *exact = malloc(canonical.len);
    require(exact != NULL);
    require(url_path_normalize(canonical, exact, canonical.len, &again) == ERR_OK && slice_equal(canonical, again));
    require(url_path_normalize(canonical, exact, canonical.len - 1, &again) == ERR_LIMIT);
    free(exact);
}

static bool is_within(struct slice part, struct slice whole)
{
    return part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void check_target(struct slice text)
{
    struct url_target target;
    if (url_target_parse(text, &target) != ERR_OK)
        return;
    bool is_root = target.form == URL_ABSOLUTE && slice_is(target.path, "/");
    require(is_root || is_within(target.path, text));
    require(is_within(target.query, text) && is_within(target.authority, text));
    if (target.form == URL_ORIGIN || target.form == URL_ABSOLUTE) {
        require(target.path.ptr[0] == '/');
        check_path(target.path);
    }
    struct slice rest = target.query;
    struct slice name;
    struct slice value;
    size_t len = 0;
    while (url_query_next(&rest, &name, &value)) {
        require(is_within(name, target.query) && is_within(value, target.query));
        len += name.len + value.len;
    }
    require(len <= target.query.len);
}

static void check_media(struct slice text)
{
    static const char *const offers[] = {"text/plain", "application/json"};
    struct media_type type;
    if (media_type_parse(text, &type) == ERR_OK) {
        struct slice boundary = media_type_boundary(&type);
        char out[INPUT_MAX];
        require(is_within(boundary, text) && media_unquote(boundary, out) <= boundary.len);
    }
    int quality = media_accept_quality(text, SLICE_LIT("text"), SLICE_LIT("plain"));
    int choice = media_accept_choose(text, offers, ARRAY_LEN(offers));
    require(quality >= 0 && quality <= 1000);
    require(choice != 0 || quality > 0);
    require(choice != -1 || quality == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_MAX)
        return 0;
    struct slice text = slice_of(data, size);
    char out[INPUT_MAX];
    struct slice decoded;
    if (url_percent_decode(text, true, out, &decoded) == ERR_OK)
        require(decoded.len <= text.len);
    check_path(text);
    check_target(text);
    check_media(text);
    return 0;
}
