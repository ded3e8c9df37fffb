/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/image
 *
 * Input: three bytes of options, then a file. Decodes within small limits and normalises what comes out. */
#include "lib/image/normalize.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct normalize_spec spec_of(const uint8_t *choice)
{
    struct normalize_spec spec = normalize_spec_default(1u + choice[1] % 32, 1u + choice[1] / 8);
    spec.channels = choice[2] & 1 ? 1 : 3;
    spec.layout = choice[2] & 2 ? NORMALIZE_NHWC : NORMALIZE_NCHW;
    spec.order = choice[2] & 4 ? NORMALIZE_BGR : NORMALIZE_RGB;
    spec.type = choice[2] & 8 ? NORMALIZE_U8 : NORMALIZE_F32;
    spec.fit = (enum resize_fit)(choice[2] >> 4 & 3);
    return spec;
}

static void normalize(const struct image *image, const uint8_t *choice, struct arena *arena)
{
    struct normalize_spec spec = spec_of(choice);
    void *tensor = malloc(normalize_tensor_bytes(&spec)); /* exact, so that a write past its end is seen */
    if (image_normalize(image, &spec, arena, tensor) != ERR_OK)
        abort();
    free(tensor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct image_options options = image_options_default();
    options.limits.pixels_max = 1u << 18;
    options.limits.scans_max = 20;
    options.limits.decoder_bytes_max = 8u << 20;
    options.allow_scaled_decode = data[0] & 1;
    options.has_background = data[0] & 2;
    options.min_width = options.min_height = data[0] >> 2;

    struct pool pool;
    struct arena arena;
    pool_init(&pool, 0, (size_t)64 << 20);
    arena_init(&arena, &pool, 4096, (size_t)32 << 20);
    struct image image;
    struct image_fault fault = {NULL, ""};
    enum err err = image_decode(slice_of(data + 3, size - 3), &options, &arena, &image, &fault);
    if (err == ERR_OK)
        normalize(&image, data, &arena);
    else if (!fault.what || !fault.text[0])
        abort();
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
