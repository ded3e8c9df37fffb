/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/media_names.h"

#include "lib/base/attr.h"

static const struct {
    const char *ending;
    const char *type;
    bool is_compressible;
} rows[] = {
#define MEDIA(ending, type, is_compressible) {ending, type, is_compressible},
#include "lib/http/media_names.def"
#undef MEDIA
};

const char *media_type_of_path(struct slice path)
{
    size_t dot = path.len;
    while (dot > 0 && path.ptr[dot - 1] != '.' && path.ptr[dot - 1] != '/')
        dot--;
    if (dot < 2 || path.ptr[dot - 1] != '.' || path.ptr[dot - 2] == '/')
        return MEDIA_TYPE_UNKNOWN;
    struct slice ending = slice_skip(path, dot);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (slice_equal_nocase(ending, slice_of_text(rows[i].ending)))
            return rows[i].type;
    return MEDIA_TYPE_UNKNOWN;
}

static bool ends_nocase(struct slice text, struct slice ending)
{
    return text.len >= ending.len && slice_equal_nocase(slice_skip(text, text.len - ending.len), ending);
}

bool media_is_compressible(struct slice content_type)
{
    struct slice type = slice_trim(slice_first(content_type, slice_find(content_type, ';')));
    if (slice_equal_nocase(slice_first(type, 5), SLICE_LIT("text/")))
        return true;
    if (ends_nocase(type, SLICE_LIT("+json")) || ends_nocase(type, SLICE_LIT("+xml")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice row = slice_of_text(rows[i].type);
        if (rows[i].is_compressible && slice_equal_nocase(type, slice_first(row, slice_find(row, ';'))))
            return true;
    }
    return false;
}
