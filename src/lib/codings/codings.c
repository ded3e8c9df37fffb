/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/codings/codings_int.h"

static const char *const names[CODING_COUNT] = {
    [CODING_IDENTITY] = "identity", [CODING_GZIP] = "gzip", [CODING_DEFLATE] = "deflate",
    [CODING_BROTLI] = "br",         [CODING_ZSTD] = "zstd",
};

const char *coding_name(enum coding coding)
{
    return names[coding];
}

enum err coding_parse(struct slice text, enum coding *ret_coding)
{
    for (enum coding coding = CODING_IDENTITY; coding < CODING_COUNT; coding++)
        if (slice_equal_nocase(text, slice_of_text(names[coding]))) {
            *ret_coding = coding;
            return ERR_OK;
        }
    if (!slice_equal_nocase(text, SLICE_LIT("x-gzip")))
        return ERR_UNSUPPORTED;
    *ret_coding = CODING_GZIP;
    return ERR_OK;
}

void codings_init(struct codings *codings, const struct codings_config *config)
{
    *codings = (struct codings){.pool = config->pool, .idle_max = config->idle_max, .in_use_max = config->in_use_max};
}

void codings_trim(struct codings *codings)
{
    for (enum coding coding = CODING_IDENTITY; coding < CODING_COUNT; coding++) {
        while (codings->idle_encoders[coding]) {
            struct encoder *encoder = codings->idle_encoders[coding];
            codings->idle_encoders[coding] = encoder->next;
            encoder_destroy(encoder);
        }
        while (codings->idle_decoders[coding]) {
            struct decoder *decoder = codings->idle_decoders[coding];
            codings->idle_decoders[coding] = decoder->next;
            decoder_destroy(decoder);
        }
        codings->idle_encoder_count[coding] = 0;
        codings->idle_decoder_count[coding] = 0;
    }
}

void codings_deinit(struct codings *codings)
{
    ASSERT(codings->in_use == 0, "an encoder or decoder would outlive the pool its memory is from");
    codings_trim(codings);
}
