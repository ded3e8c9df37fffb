/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a config.pbtxt, or, behind a first byte of '{', the JSON of a request to load. What is read fits into what it is
 * read into, and each place that is noted is in the text.
 * fuzz-library: control/repository */
#include "control/repository/model_settings.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_note(void *context, bool is_error, struct report_place place, const char *words)
{
    const struct slice *text = context;
    uint32_t lines = 1;
    (void)is_error;
    for (size_t i = 0; i < text->len; i++)
        lines += text->ptr[i] == '\n';
    REQUIRE(place.line <= lines && place.column <= text->len + 1 && words[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool pool;
    struct arena arena;
    struct model_settings settings;
    struct slice text = slice_of(data, size);
    uint64_t versions[] = {3, 2, 1};
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 4096, SIZE_MAX);
    const struct settings_source source = {.path = SLICE_LIT("config.pbtxt"),
                                           .text = text,
                                           .is_json = slice_starts(text, SLICE_LIT("{")),
                                           .arena = &arena,
                                           .note = check_note,
                                           .context = &text};
    if (model_settings_read(&source, &settings) == ERR_OK) {
        REQUIRE(settings.input_count <= MODEL_TENSORS_MAX && settings.output_count <= MODEL_TENSORS_MAX);
        REQUIRE(model_settings_choose(&settings, 1, versions, 3) <= 3);
        for (uint32_t i = 0; i < settings.warm_up_count; i++)
            REQUIRE(settings.warm_up[i].rank <= OPTION_SHAPE_RANK_MAX);
    }
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
