/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of infer/ share: a loaded model of tests/data/models, and cmocka. */
#ifndef WEIR_TESTS_UNIT_PIPELINE_INFER_MODELS_H
#define WEIR_TESTS_UNIT_PIPELINE_INFER_MODELS_H

#include "pipeline/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct load {
    struct model_config config;
    struct option_shape shape; /* for warm_up */
    struct slice provider;
    struct slice library;
    uint32_t worker_count;
    uint32_t executor_count;
    char path[1024];
    char fault_memory[2048];
    char notices_memory[2048];
    struct text fault;
    struct text notices;
    struct model *model;
};

UNUSED static void load_init(struct load *load, const char *name)
{
    *load = (struct load){.worker_count = 2};
    snprintf(load->path, sizeof(load->path), TESTS_DIR "/data/models/%s.onnx", name);
    load->config.name = slice_of_text(name);
    load->config.version = SLICE_LIT("1");
    load->config.path = slice_of_text(load->path);
    load->config.optimization = MODEL_OPTIMIZE_ALL;
    load->config.threads = 1;
    load->config.queue = 8;
    load->fault = text_init(load->fault_memory, sizeof(load->fault_memory));
    load->notices = text_init(load->notices_memory, sizeof(load->notices_memory));
}

UNUSED static enum err load_run(struct load *load)
{
    return model_load(&(struct model_load_options){.config = &load->config,
                                                   .library = load->library,
                                                   .worker_count = load->worker_count,
                                                   .executor_count = load->executor_count,
                                                   .fault = &load->fault,
                                                   .notices = &load->notices},
                      &load->model);
}

UNUSED static struct model *load_good(struct load *load, const char *name)
{
    load_init(load, name);
    enum err err = load_run(load);
    if (err != ERR_OK)
        fail_msg("%s: %s: %s", name, err_name(err), load->fault_memory);
    assert_string_equal(load->notices_memory, "");
    return load->model;
}

/* The fault of a load that must fail with `err`; it must name the file. */
UNUSED static const char *load_bad(struct load *load, enum err err)
{
    assert_string_equal(err_name(load_run(load)), err_name(err));
    assert_non_null(strstr(load->fault_memory, load->path));
    return load->fault_memory;
}

#define BYTES_MAX (1U << 20)

UNUSED static struct run *acquire(struct model *model, uint32_t worker)
{
    struct run *run = NULL;
    assert_int_equal(run_acquire(model, worker, &run), ERR_OK);
    return run;
}

UNUSED static void give(struct run *run, uint32_t index, const int64_t *dims, const void *data)
{
    void *memory = NULL;
    const struct tensor_spec *spec = &model_info(run_model(run))->inputs[index];
    assert_int_equal(run_input(run, index, dims, BYTES_MAX, &memory), ERR_OK);
    assert_int_equal((uintptr_t)memory % TENSOR_ALIGN, 0);
    memcpy(memory, data, (size_t)tensor_elements(dims, spec->rank) * tensor_element_bytes(spec->type));
}

UNUSED static void execute(struct run *run)
{
    enum err err = run_execute(run);
    if (err != ERR_OK)
        fail_msg("%s: " SLICE_FMT, err_name(err), SLICE_ARG(run_fault(run)));
}

#define assert_says(text, part)                                                                                        \
    do {                                                                                                               \
        if (!strstr(text, part))                                                                                       \
            fail_msg("\"%s\" does not say \"%s\"", text, part);                                                        \
    } while (0)

#endif
