/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are part of the program. */
#include "pipeline/files/files_int.h"

const struct asset *asset_find(struct slice name)
{
    for (size_t i = 0; i < asset_count; i++)
        if (slice_is(name, assets[i].name))
            return &assets[i];
    return NULL;
}

static bool has_form(void *context, enum coding coding)
{
    const struct asset *asset = context;
    return asset->content[coding].ptr != NULL;
}

enum verdict asset_answer(struct request *request, const struct asset *asset)
{
    enum coding coding = coding_choose(request, has_form, (void *)(uintptr_t)asset);
    struct content content = {
        .fd = -1,
        .memory = asset->content[coding],
        .bytes = asset->content[coding].len,
        .media_type = asset->media_type,
        .coding = coding,
        .is_varying = asset->content[CODING_GZIP].ptr != NULL,
        .cache_control = SLICE_LIT("no-cache"), /* asks each time, and is mostly told 304 */
        .etag = arena_printf(&request->arena, "\"%s%s%s\"", asset->etag, coding == CODING_IDENTITY ? "" : "-",
                             coding == CODING_IDENTITY ? "" : coding_name(coding)),
    };
    if (!content.etag.ptr)
        return request_fail_memory(request);
    return content_answer(request, &content);
}
