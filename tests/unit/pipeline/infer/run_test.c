/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/clock.h"
#include "pipeline/infer/infer_int.h"
#include "unit/pipeline/infer/heap.h"
#include "unit/pipeline/infer/models.h"

#include <pthread.h>
#include <stdlib.h>

/* --- Helpers ---------------------------------------------------------------------------------------------------- */

static const struct tensor *assert_dims(const struct run *run, uint32_t index, uint32_t rank, const int64_t *dims)
{
    const struct tensor *tensor = run_output(run, index);
    assert_int_equal(tensor->rank, rank);
    for (uint32_t i = 0; i < rank; i++)
        assert_int_equal(tensor->dims[i], dims[i]);
    assert_int_equal(tensor->bytes, (size_t)tensor_elements(dims, rank) * tensor_element_bytes(tensor->spec->type));
    return tensor;
}

/* One use of a model of [rows, 4] floats; the output must be the input times `factor`. */
static void use_rows(struct model *model, uint32_t worker, int64_t rows, float factor, float seed)
{
    float values[64];
    int64_t dims[] = {rows, 4};
    for (int64_t i = 0; i < rows * 4; i++)
        values[i] = seed + (float)i;
    struct run *run = acquire(model, worker);
    give(run, 0, dims, values);
    execute(run);
    const float *data = assert_dims(run, 0, 2, dims)->data;
    for (int64_t i = 0; i < rows * 4; i++)
        assert_true(data[i] == factor * values[i]);
    run_release(run);
}

static int64_t use_nonzero(struct model *model, const float *values, int64_t count)
{
    struct run *run = acquire(model, 0);
    give(run, 0, &count, values);
    execute(run);
    const struct tensor *output = run_output(run, 0);
    const int64_t *found = output->data;
    int64_t at = 0;
    assert_int_equal(output->rank, 2);
    assert_int_equal(output->dims[0], 1);
    for (int64_t i = 0; i < count; i++)
        if (values[i] != 0)
            assert_int_equal(found[at++], i);
    assert_int_equal(output->dims[1], at);
    run_release(run);
    return at;
}

/* --- Answers ---------------------------------------------------------------------------------------------------- */

static void answers_for_every_batch(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "identity");
    static const int64_t batches[] = {1, 16, 3, 3, 1, 0, 8};
    for (size_t i = 0; i < ARRAY_LEN(batches); i++)
        use_rows(model, i % 2, batches[i], 1, (float)i);
    model_unref(model);
}

static void computes_what_the_file_says(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "mlp");
    float x[16], expected[6];
    for (int i = 0; i < 16; i++)
        x[i] = (float)(i % 5) - 2;
    for (int row = 0; row < 2; row++) {
        static const float bias[] = {0.5F, -0.25F, 1.0F};
        float hidden[16];
        for (int j = 0; j < 16; j++) {
            hidden[j] = (float)(j * 3 % 17 - 8) / 16;
            for (int i = 0; i < 8; i++)
                hidden[j] += x[row * 8 + i] * (float)((i * 16 + j) * 5 % 17 - 8) / 16;
        }
        for (int k = 0; k < 3; k++) {
            expected[row * 3 + k] = bias[k];
            for (int j = 0; j < 16; j++)
                expected[row * 3 + k] += MAX(hidden[j], 0) * (float)((j * 3 + k) * 7 % 17 - 8) / 16;
        }
    }
    struct run *run = acquire(model, 0);
    give(run, 0, (int64_t[]){2, 8}, x);
    execute(run);
    const float *y = assert_dims(run, 0, 2, (int64_t[]){2, 3})->data;
    for (int i = 0; i < 6; i++)
        assert_true(y[i] == expected[i]);
    assert_true(run_duration_ns(run) > 0);
    run_release(run);
    model_unref(model);
}

static void takes_two_inputs_and_gives_two_outputs(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "two_inputs");
    struct run *run = acquire(model, 1);
    give(run, 1, (int64_t[]){1, 2}, (float[]){10, 20});
    give(run, 0, (int64_t[]){1, 2}, (float[]){2, 3});
    execute(run);
    const float *sum = assert_dims(run, 0, 2, (int64_t[]){1, 2})->data;
    const float *product = assert_dims(run, 1, 2, (int64_t[]){1, 2})->data;
    assert_true(sum[0] == 12 && sum[1] == 23);
    assert_true(product[0] == 20 && product[1] == 60);
    run_release(run);
    model_unref(model);
}

static void serves_integers_and_scalars(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "int64");
    struct run *run = acquire(model, 0);
    give(run, 0, (int64_t[]){2}, (int64_t[]){1LL << 40, -7});
    execute(run);
    const int64_t *doubled = assert_dims(run, 0, 1, (int64_t[]){2})->data;
    assert_true(doubled[0] == 1LL << 41 && doubled[1] == -14);
    run_release(run);
    model_unref(model);

    model = load_good(&load, "scalar");
    for (int i = 0; i < 3; i++) {
        run = acquire(model, 0);
        give(run, 0, NULL, &(float){2.5F});
        execute(run);
        assert_true(*(const float *)assert_dims(run, 0, 0, NULL)->data == -2.5F);
        run_release(run);
    }
    model_unref(model);
}

static void serves_an_output_that_is_an_input(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "pass_through");
    for (int i = 0; i < 3; i++)
        use_rows(model, 0, 2, 1, (float)i);
    model_unref(model);
}

/* --- Shapes that cannot be told ----------------------------------------------------------------------------------- */

static void learns_a_shape_that_the_model_does_not_name(void **state)
{
    (void)state;
    static const char *const names[] = {"unnamed", "wrong_shape"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct load load;
        struct model *model = load_good(&load, names[n]);
        for (int i = 0; i < 8; i++)
            use_rows(model, i / 4, 1 + i % 4, n ? -1 : 1, (float)i);
        assert_int_equal(model->not_rememberable, 0);
        assert_int_equal(model->not_derivable, n == 1);
        assert_int_equal(model->shapes.count, 4);
        model_unref(model);
    }
}

static void serves_an_output_without_a_declared_shape(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "no_shape");
    for (int i = 0; i < 4; i++)
        use_rows(model, 0, 1 + i % 2, -1, (float)i);
    model_unref(model);
}

static void notices_that_a_shape_depends_on_values(void **state)
{
    (void)state;
    static const char *const names[] = {"nonzero", "nonzero_lying"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct load load;
        struct model *model = load_good(&load, names[n]);
        assert_int_equal(use_nonzero(model, (float[]){1, 0, 1, 1}, 4), 3);
        assert_int_equal(use_nonzero(model, (float[]){0, 0, 0, 1}, 4), 1);
        assert_int_equal(use_nonzero(model, (float[]){1, 1, 1, 1}, 4), 4);
        assert_int_equal(use_nonzero(model, (float[]){0, 0, 0, 0}, 4), 0);
        assert_int_equal(use_nonzero(model, (float[]){1}, 1), 1);
        assert_int_equal(model->not_rememberable, 1);
        model_unref(model);
    }
}

static void output_memory_stays_when_shapes_repeat(void **state)
{
    (void)state;
    static const char *const names[] = {"identity", "unnamed"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct load load;
        struct model *model = load_good(&load, names[n]);
        const void *before = NULL;
        for (int i = 0; i < 4; i++) {
            struct run *run = acquire(model, 0);
            give(run, 0, (int64_t[]){2, 4}, (float[8]){0});
            execute(run);
            const void *data = run_output(run, 0)->data;
            assert_int_equal((uintptr_t)data % TENSOR_ALIGN, 0);
            if (i > 1)
                assert_ptr_equal(data, before);
            before = data;
            run_release(run);
        }
        model_unref(model);
    }
}

/* --- Refusals ----------------------------------------------------------------------------------------------------- */

static void refuses_dims_that_do_not_fit(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "identity");
    struct run *run = acquire(model, 0);
    void *data = NULL;
    assert_int_equal(run_input(run, 0, (int64_t[]){1, 5}, BYTES_MAX, &data), ERR_MISMATCH);
    assert_int_equal(run_input(run, 0, (int64_t[]){-1, 4}, BYTES_MAX, &data), ERR_MISMATCH);
    assert_int_equal(run_input(run, 0, (int64_t[]){INT64_MAX, 4}, BYTES_MAX, &data), ERR_LIMIT);
    assert_int_equal(run_input(run, 0, (int64_t[]){1LL << 60, 4}, UINT64_MAX, &data), ERR_LIMIT);
    assert_int_equal(run_input(run, 0, (int64_t[]){5, 4}, 79, &data), ERR_LIMIT);
    assert_null(data);
    assert_int_equal(run_input(run, 0, (int64_t[]){5, 4}, 80, &data), ERR_OK);
    assert_int_equal(run_input(run, 0, (int64_t[]){5, 4}, 79, &data), ERR_LIMIT);
    run_release(run);
    model_unref(model);
}

static void refuses_to_run_without_all_inputs(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "two_inputs");
    for (int i = 0; i < 2; i++) {
        struct run *run = acquire(model, 0);
        give(run, 0, (int64_t[]){1, 2}, (float[]){1, 2});
        assert_int_equal(run_execute(run), ERR_MISMATCH);
        assert_true(run_fault(run).len > 0);
        give(run, 1, (int64_t[]){1, 2}, (float[]){1, 2}); /* the next use must not find this one given */
        execute(run);
        run_release(run);
    }
    model_unref(model);
}

static void reports_a_failing_run_and_serves_the_next(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "reshape");
    assert_int_equal(load_run(&load), ERR_OK);
    for (int64_t count = 1; count <= 7; count++) {
        struct run *run = acquire(load.model, 0);
        give(run, 0, &count, (float[7]){1, 2, 3, 4, 5, 6, 7});
        if (count == 6) {
            execute(run);
            assert_true(((const float *)run_output(run, 0)->data)[5] == 6);
        } else {
            assert_int_not_equal(run_execute(run), ERR_OK);
            assert_true(run_fault(run).len > 0);
        }
        run_release(run);
    }
    assert_int_equal(load.model->not_derivable, 0);
    model_unref(load.model);
}

static void inputs_of_different_batches_are_the_models_to_refuse(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "two_inputs");
    struct run *run = acquire(model, 0);
    give(run, 0, (int64_t[]){2, 2}, (float[]){1, 2, 3, 4});
    give(run, 1, (int64_t[]){3, 2}, (float[]){1, 2, 3, 4, 5, 6});
    assert_int_not_equal(run_execute(run), ERR_OK);
    run_release(run);
    model_unref(model);
}

static void is_busy_at_the_limit_of_its_worker_only(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "identity");
    struct run *runs[8], *more = NULL;
    for (int i = 0; i < 8; i++)
        runs[i] = acquire(model, 0);
    assert_int_equal(run_acquire(model, 0, &more), ERR_BUSY);
    run_release(acquire(model, 1));
    run_release(runs[7]);
    runs[7] = acquire(model, 0);
    assert_int_equal(run_acquire(model, 0, &more), ERR_BUSY);
    for (int i = 0; i < 8; i++)
        run_release(runs[i]);
    run_release(NULL);
    model_unref(model);
}

static void a_run_that_is_out_keeps_the_model(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "identity");
    struct run *run = acquire(model, 0);
    model_unref(model);
    give(run, 0, (int64_t[]){1, 4}, (float[]){1, 2, 3, 4});
    execute(run);
    assert_true(((const float *)run_output(run, 0)->data)[3] == 4);
    run_release(run);
}

static void a_terminated_run_is_cancelled_until_it_is_released(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "identity");
    struct run *run = acquire(model, 0);
    give(run, 0, (int64_t[]){1, 4}, (float[]){1, 2, 3, 4});
    run_terminate(run);
    assert_int_equal(run_execute(run), ERR_CANCELLED);
    assert_int_equal(run_execute(run), ERR_CANCELLED);
    run_release(run);
    use_rows(model, 0, 1, 1, 5);
    model_unref(model);
}

/* --- Texts ------------------------------------------------------------------------------------------------------- */

static const struct slice words[] = {{"a\0b", 3}, {NULL, 0}, {"a text of more than fifteen bytes", 33}, {"\xff", 1}};

static void texts_come_back_as_they_went_in(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "string");
    for (int64_t count = 4; count >= 0; count--) {
        struct run *run = acquire(model, 0);
        give(run, 0, &count, words);
        execute(run);
        const struct slice *output = assert_dims(run, 0, 1, &count)->data;
        for (int64_t i = 0; i < count; i++)
            assert_true(slice_equal(output[i], words[i]));
        run_release(run);
    }
    model_unref(model);
}

/* --- Memory of others --------------------------------------------------------------------------------------------- */

static void input_in_memory_of_others_is_read_there(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "identity");
    static float values[8192 + 2];
    for (int64_t rows = 2048; rows >= 512; rows /= 2)
        for (size_t offset = 0; offset < 8; offset += 2) {
            struct run *run = acquire(model, 0);
            int64_t dims[] = {rows, 4};
            char *data = (char *)values + offset;
            for (int64_t i = 0; i < rows * 4; i++)
                memcpy(data + i * 4, &(float){(float)(i + rows)}, 4);
            assert_int_equal(run_wrap_input(run, 0, dims, BYTES_MAX, data), ERR_OK);
            bool is_wrapped = run->frame.in.tensors[0].data == data;
            assert_int_equal(is_wrapped, offset % 4 == 0);
            execute(run);
            assert_memory_equal(assert_dims(run, 0, 2, dims)->data, data, (size_t)rows * 16);
            run_release(run);
            use_rows(model, 0, 3, 1, (float)offset); /* the next user of this run has nothing of it */
        }
    struct run *run = acquire(model, 0);
    assert_int_equal(run_wrap_input(run, 0, (int64_t[]){2, 5}, BYTES_MAX, values), ERR_MISMATCH);
    assert_int_equal(run_wrap_input(run, 0, (int64_t[]){2, 4}, 31, values), ERR_LIMIT);
    assert_int_equal(run_execute(run), ERR_MISMATCH);
    assert_int_equal(run_wrap_input(run, 0, (int64_t[]){1024, 4}, BYTES_MAX, values), ERR_OK);
    give(run, 0, (int64_t[]){1024, 4}, values);
    assert_true(run->frame.in.tensors[0].data != values);
    run_release(run);
    model_unref(model);
}

/* --- Limits of memory --------------------------------------------------------------------------------------------- */

static void memory_of_a_model_has_a_limit(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    load.config.memory = 100000;
    assert_int_equal(load_run(&load), ERR_OK);
    struct model *model = load.model;
    struct run *first = acquire(model, 0), *second = acquire(model, 0);
    void *data = NULL;
    assert_int_equal(run_input(first, 0, (int64_t[]){3000, 4}, BYTES_MAX, &data), ERR_OK);
    memset(data, 0, 48000);
    assert_int_equal(run_input(second, 0, (int64_t[]){4000, 4}, BYTES_MAX, &data), ERR_NOMEM);
    execute(first); /* its output has room */
    assert_int_equal(run_input(second, 0, (int64_t[]){1000, 4}, BYTES_MAX, &data), ERR_NOMEM);
    assert_true(model_memory_bytes(model) <= 100000);
    run_release(first); /* what an idle run keeps makes room for one that is used */
    assert_int_equal(run_input(second, 0, (int64_t[]){3000, 4}, BYTES_MAX, &data), ERR_OK);
    memset(data, 0, 48000);
    execute(second);
    run_release(second);
    use_rows(model, 0, 3, 1, 5);
    model_unref(model);
}

static void an_output_without_room_fails_its_run_only(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    load.config.memory = 60000;
    assert_int_equal(load_run(&load), ERR_OK);
    struct run *run = acquire(load.model, 0);
    void *data = NULL;
    assert_int_equal(run_input(run, 0, (int64_t[]){3000, 4}, BYTES_MAX, &data), ERR_OK);
    assert_int_equal(run_execute(run), ERR_NOMEM);
    run_release(run);
    use_rows(load.model, 0, 3, 1, 5);
    model_unref(load.model);
}

static void a_large_input_is_not_kept(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "nonzero");
    for (int64_t count = 5 << 20; count > 1 << 20; count /= 2) {
        struct run *run = acquire(model, 0);
        void *data = NULL;
        assert_int_equal(run_input(run, 0, &count, UINT64_MAX, &data), ERR_OK);
        memset(data, 0, (size_t)count * 4);
        execute(run);
        assert_int_equal(run_output(run, 0)->dims[1], 0);
        run_release(run);
        assert_true(model_memory_bytes(model) <= 16U << 20);
    }
    model_unref(model);
}

static void idle_runs_give_their_memory_back(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "identity");
    use_rows(model, 0, 16, 1, 5);
    model_tidy(model, 0);
    assert_true(model_memory_bytes(model) > 0); /* it was used since the last look */
    model_tidy(model, 0);
    assert_int_equal(model_memory_bytes(model), 0);
    use_rows(model, 0, 16, 1, 6);
    assert_true(model_memory_bytes(model) > 0);
    model_unref(model);
}

static void the_runtime_shrinks_once_when_idle(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "mlp");
    static const uint64_t s = 1000000000;
    assert_false(model_shrink_when_idle(model, 100 * s));
    assert_false(model_shrink_when_idle(model, 120 * s));
    assert_true(model_shrink_when_idle(model, 130 * s));
    assert_false(model_shrink_when_idle(model, 200 * s));
    run_release(acquire(model, 1));
    assert_false(model_shrink_when_idle(model, 201 * s));
    assert_true(model_shrink_when_idle(model, 231 * s));
    model_unref(model);
}

/* --- Cost ----------------------------------------------------------------------------------------------------------- */

static void a_warm_run_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    if (!CAN_COUNT) {
        print_message("skipped: the sanitizer has a heap of its own\n");
        skip();
    }
    struct load load;
    struct model *model = load_good(&load, "unnamed");
    static const int64_t dims[][2] = {{3, 4}, {3, 4}, {3, 4}, {3, 4}};
    for (size_t i = 0; i < ARRAY_LEN(dims); i++) {
        void *data = NULL;
        struct run *run = NULL;
        heap_calls = 0;
        is_counting = true;
        enum err acquired = run_acquire(model, 0, &run);
        enum err given = run_input(run, 0, dims[i], BYTES_MAX, &data);
        is_counting = false;
        assert_int_equal(acquired, ERR_OK);
        assert_int_equal(given, ERR_OK);
        memset(data, 0, 48);
        execute(run);
        is_counting = true;
        (void)run_output(run, 0);
        run_release(run);
        is_counting = false;
        if (i == 0)
            assert_true(heap_calls > 0); /* proves that the count counts: these dims are new to the pool */
        if (i > 1)
            assert_int_equal(heap_calls, 0);
    }
    model_unref(model);
}

/* --- Threads ------------------------------------------------------------------------------------------------------- */

struct client {
    struct model *model;
    uint32_t worker;
    uint32_t wrong;
};

/* As a worker and its executor, one after the other; several runs are out at a time, with changing batches. */
static void *work(void *argument)
{
    struct client *client = argument;
    for (uint32_t i = 0; i < 250; i++) {
        struct run *runs[4];
        float *inputs[4];
        for (uint32_t r = 0; r < 4; r++) {
            int64_t dims[] = {1 + (i + r) % 5, 4};
            void *data = NULL;
            if (run_acquire(client->model, client->worker, &runs[r]) != ERR_OK ||
                run_input(runs[r], 0, dims, BYTES_MAX, &data) != ERR_OK)
                abort();
            inputs[r] = data;
            for (int64_t v = 0; v < dims[0] * 4; v++)
                inputs[r][v] = (float)(client->worker * 100000 + i * 100 + r * 20 + v);
        }
        for (uint32_t r = 0; r < 4; r++) {
            enum err err = run_execute(runs[r]);
            const struct tensor *output = run_output(runs[r], 0);
            size_t bytes = (size_t)(1 + (i + r) % 5) * 16;
            client->wrong += err != ERR_OK || output->bytes != bytes || memcmp(output->data, inputs[r], bytes) != 0;
        }
        for (uint32_t r = 0; r < 4; r++)
            run_release(runs[r]);
    }
    return NULL;
}

static void two_workers_use_one_model_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"identity", "unnamed"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct load load;
        struct model *model = load_good(&load, names[n]);
        struct client clients[2] = {{.model = model, .worker = 0}, {.model = model, .worker = 1}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, work, &clients[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(clients[0].wrong + clients[1].wrong, 0);
        model_unref(model);
    }
}

/* --- The demo model -------------------------------------------------------------------------------------------------- */

static void runs_the_real_model_where_it_was_fetched(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    snprintf(load.path, sizeof(load.path), MODELS_DIR "/text-orientation.onnx");
    load.config.path = slice_of_text(load.path);
    FILE *file = fopen(load.path, "rb");
    if (!file) {
        print_message("skipped: %s is not there\n", load.path);
        skip();
    }
    fclose(file);
    load.shape = (struct option_shape){.name = SLICE_LIT("x"), .rank = 4, .dims = {1, 3, 48, 192}};
    load.config.warm_up = (struct option_list){&load.shape, 1};
    if (load_run(&load) != ERR_OK)
        fail_msg("%s", load.fault_memory);
    for (int64_t batch = 1; batch <= 3; batch++) {
        struct run *run = acquire(load.model, 0);
        void *data = NULL;
        assert_int_equal(run_input(run, 0, (int64_t[]){batch, 3, 48, 192}, BYTES_MAX, &data), ERR_OK);
        memset(data, 0, (size_t)batch * 3 * 48 * 192 * 4);
        execute(run);
        const float *p = assert_dims(run, 0, 2, (int64_t[]){batch, 2})->data;
        for (int64_t i = 0; i < batch; i++) {
            float sum = p[i * 2] + p[i * 2 + 1];
            assert_true(sum > 0.9999F && sum < 1.0001F);
        }
        run_release(run);
    }
    model_unref(load.model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_for_every_batch),
        cmocka_unit_test(computes_what_the_file_says),
        cmocka_unit_test(takes_two_inputs_and_gives_two_outputs),
        cmocka_unit_test(serves_integers_and_scalars),
        cmocka_unit_test(serves_an_output_that_is_an_input),
        cmocka_unit_test(learns_a_shape_that_the_model_does_not_name),
        cmocka_unit_test(serves_an_output_without_a_declared_shape),
        cmocka_unit_test(notices_that_a_shape_depends_on_values),
        cmocka_unit_test(output_memory_stays_when_shapes_repeat),
        cmocka_unit_test(refuses_dims_that_do_not_fit),
        cmocka_unit_test(refuses_to_run_without_all_inputs),
        cmocka_unit_test(reports_a_failing_run_and_serves_the_next),
        cmocka_unit_test(inputs_of_different_batches_are_the_models_to_refuse),
        cmocka_unit_test(is_busy_at_the_limit_of_its_worker_only),
        cmocka_unit_test(a_run_that_is_out_keeps_the_model),
        cmocka_unit_test(a_terminated_run_is_cancelled_until_it_is_released),
        cmocka_unit_test(texts_come_back_as_they_went_in),
        cmocka_unit_test(input_in_memory_of_others_is_read_there),
        cmocka_unit_test(memory_of_a_model_has_a_limit),
        cmocka_unit_test(an_output_without_room_fails_its_run_only),
        cmocka_unit_test(a_large_input_is_not_kept),
        cmocka_unit_test(idle_runs_give_their_memory_back),
        cmocka_unit_test(the_runtime_shrinks_once_when_idle),
        cmocka_unit_test(a_warm_run_takes_nothing_from_the_heap),
        cmocka_unit_test(two_workers_use_one_model_at_once),
        cmocka_unit_test(runs_the_real_model_where_it_was_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
