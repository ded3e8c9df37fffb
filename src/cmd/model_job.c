/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/model_job.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_BYTES_MAX (1U << 20)

/* The name may hold anything but the last "=". */
bool model_job_shape(struct model_job *job, const char *word)
{
    const char *sizes = strrchr(word, '=');
    uint32_t index = job->config.warm_up.count;
    if (!sizes || sizes == word || index == ARRAY_LEN(job->shapes))
        return false;
    struct option_shape shape = {.name = slice_of(word, (size_t)(sizes - word))};
    struct slice rest = slice_of_text(sizes + 1);
    while (rest.ptr) {
        uint64_t size = 0;
        if (shape.rank == OPTION_SHAPE_RANK_MAX || text_parse_u64(slice_cut(&rest, ','), &size) != ERR_OK ||
            size > INT32_MAX)
            return false;
        shape.dims[shape.rank++] = size;
    }
    job->shapes[index] = shape;
    job->config.warm_up = (struct option_list){job->shapes, index + 1};
    return true;
}

void model_job_name(struct model_job *job, const char *path)
{
    const char *base = strrchr(path, '/');
    struct slice name = slice_of_text(base ? base + 1 : path);
    if (name.len > 5 && slice_equal_nocase(slice_skip(name, name.len - 5), SLICE_LIT(".onnx")))
        name.len -= 5;
    job->config.name = name;
    job->config.version = SLICE_LIT("1");
    job->config.path = slice_of_text(path);
    job->config.optimization = MODEL_OPTIMIZE_ALL;
    job->config.threads = 1;
    job->config.queue = 1;
}

enum err model_job_print_json(model_job_write write, const void *what)
{
    struct pool pool;
    struct arena arena;
    struct slice json;
    pool_init(&pool, 0, 2 * (size_t)OUTPUT_BYTES_MAX);
    arena_init(&arena, &pool, 4096, OUTPUT_BYTES_MAX);
    struct json_writer out = json_writer_in_arena(&arena, 4096);
    write(&out, what);
    enum err err = json_writer_finish(&out, &json);
    if (err == ERR_OK)
        printf(SLICE_FMT "\n", SLICE_ARG(json));
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}
