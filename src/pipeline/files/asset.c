/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are part of the program. */
#include "pipeline/files/files_int.h"

/* Of the page /docs and its parts: nothing from another host, no script or style that is not a file of its own. Pictures
 * of the viewer's style stand in it as data: URLs. */
#define DOCS_POLICY                                                                                                    \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "              \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

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
    if (slice_starts(slice_of_text(asset->name), SLICE_LIT("docs/")))
        response_field_add(request, "Content-Security-Policy", SLICE_LIT(DOCS_POLICY));
    return content_answer(request, &content);
}
