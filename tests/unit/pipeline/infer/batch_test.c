/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/infer/infer_int.h"
#include "unit/pipeline/infer/heap.h"
#include "unit/pipeline/infer/models.h"

#include <pthread.h>
#include <stdlib.h>

static struct model *load_batched(struct load *load, const char *name)
{
    load_init(load, name);
    load->config.batch = (struct batch_config){.max = 16, .tolerance = 1e-4};
    if (load_run(load) != ERR_OK)
        fail_msg("%s: %s", name, load->fault_memory);
    return load->model;
}

/* --- What loading finds out --------------------------------------------------------------------------------------- */

static const struct batch_info *assert_batched(struct load *load, const char *name)
{
    const struct batch_info *info = model_batch_info(load_batched(load, name));
    if (info->why_single)
        fail_msg("%s: %s", name, info->why_single);
    assert_int_equal(info->rows_max, 16);
    assert_string_equal(load->notices_memory, "");
    return info;
}

static void proves_models_whose_rows_are_their_own(void **state)
{
    (void)state;
    static const char *const names[] = {"identity", "unnamed", "mlp", "two_inputs", "int64", "lookup", "pass_through"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct load load;
        const struct batch_info *info = assert_batched(&load, names[i]);
        static const uint32_t rows[] = {1, 2, 4, 8, 16};
        assert_int_equal(info->sample_count, ARRAY_LEN(rows));
        for (size_t s = 0; s < ARRAY_LEN(rows); s++) {
            assert_int_equal(info->samples[s].rows, rows[s]);
            assert_true(info->samples[s].ns > 0);
        }
        model_unref(load.model);
    }
}

static void tries_the_size_that_was_asked_for(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "mlp");
    load.config.batch = (struct batch_config){.max = 11, .tolerance = 1e-4};
    assert_int_equal(load_run(&load), ERR_OK);
    const struct batch_info *info = model_batch_info(load.model);
    assert_int_equal(info->rows_max, 11);
    assert_int_equal(info->samples[info->sample_count - 1].rows, 11);
    model_unref(load.model);
}

static void runs_singly_what_cannot_be_batched_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *why;
    } cases[] = {
        {"fixed_batch", "input `x` has a fixed first dimension of 2"},
        {"nonzero", "output `y` has a fixed first dimension of 1"},
        {"scalar", "input `x` is a scalar"},
        {"reshape", "output `y` has a fixed first dimension of 2"},
        {"row_mean", "row 1 of 2 comes out otherwise than alone (output `y`"},
        {"baked", "it does not run with 2 rows"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct load load;
        const struct batch_info *info = model_batch_info(load_batched(&load, cases[i].name));
        assert_int_equal(info->rows_max, 1);
        assert_says(info->why_single, cases[i].why);
        assert_says(load.notices_memory, "requests run singly: ");
        assert_says(load.notices_memory, cases[i].why);
        model_unref(load.model);
    }
}

static void a_tolerance_may_let_rows_differ(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "row_mean");
    load.config.batch = (struct batch_config){.max = 4, .tolerance = 10};
    assert_int_equal(load_run(&load), ERR_OK);
    assert_int_equal(model_batch_info(load.model)->rows_max, 4);
    model_unref(load.model);
}

static void is_not_batched_unless_asked_for(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "mlp");
    struct run *run = acquire(model, 0);
    give(run, 0, (int64_t[]){1, 8}, (float[8]){0});
    assert_int_equal(model_batch_info(model)->rows_max, 1);
    assert_non_null(model_batch_info(model)->why_single);
    assert_int_equal(run_rows(run), 0);
    run_release(run);
    model_unref(model);
}

static uint32_t count_instances(uint64_t instances, uint64_t threads, uint32_t profile, uint32_t executors)
{
    struct load load;
    load_init(&load, "mlp");
    load.config.instances = instances;
    load.config.threads = threads;
    load.config.profile = profile;
    load.executor_count = executors;
    assert_int_equal(load_run(&load), ERR_OK);
    uint32_t count = model_batch_info(load.model)->instances;
    model_unref(load.model);
    return count;
}

static void the_profile_says_how_many_batches_go_at_once(void **state)
{
    (void)state;
    assert_int_equal(count_instances(0, 0, MODEL_PROFILE_THROUGHPUT, 4), 4);
    assert_int_equal(count_instances(0, 2, MODEL_PROFILE_THROUGHPUT, 4), 2);
    assert_int_equal(count_instances(0, 8, MODEL_PROFILE_THROUGHPUT, 4), 1);
    assert_int_equal(count_instances(0, 0, MODEL_PROFILE_LATENCY, 4), 1);
    assert_int_equal(count_instances(3, 0, MODEL_PROFILE_LATENCY, 4), 3);
}

/* --- Batches -------------------------------------------------------------------------------------------------------- */

#define RUNS_MAX 16

struct party {
    struct run *runs[RUNS_MAX];
    _Atomic bool gone[RUNS_MAX];
    struct batch_member members[RUNS_MAX];
    struct batch_times times;
    uint32_t count;
};

static void party_execute(struct party *party, struct model *model, uint32_t instance)
{
    for (uint32_t i = 0; i < party->count; i++)
        party->members[i] =
            (struct batch_member){.run = party->runs[i], .is_gone = &party->gone[i], .err = ERR_INTERNAL};
    batch_execute(model, instance, party->members, party->count, &party->times);
}

static void party_release(struct party *party)
{
    for (uint32_t i = 0; i < party->count; i++)
        run_release(party->runs[i]);
}

static uint32_t rows_of(uint32_t run)
{
    return run % 3 == 0 ? 2 : 1;
}

/* Runs of [1 or 2, 4] floats, each with numbers of its own. */
static void party_init(struct party *party, struct model *model, uint32_t worker, uint32_t count, float seed)
{
    *party = (struct party){.count = count};
    for (uint32_t i = 0; i < count; i++) {
        float values[8];
        int64_t dims[] = {rows_of(i), 4};
        for (uint32_t v = 0; v < 8; v++)
            values[v] = seed + (float)(i * 8 + v);
        party->runs[i] = acquire(model, worker);
        give(party->runs[i], 0, dims, values);
    }
}

static uint32_t count_wrong(const struct party *party, float seed)
{
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < party->count; i++) {
        if (party->members[i].err != ERR_OK)
            continue;
        const struct tensor *output = run_output(party->runs[i], 0);
        wrong += output->rank != 2 || output->dims[0] != rows_of(i) || output->dims[1] != 4 ||
                 output->bytes != rows_of(i) * 16;
        for (uint32_t v = 0; v < rows_of(i) * 4; v++)
            wrong += ((const float *)output->data)[v] != seed + (float)(i * 8 + v);
    }
    return wrong;
}

static void assert_all_ok(const struct party *party)
{
    for (uint32_t i = 0; i < party->count; i++)
        assert_string_equal(err_name(party->members[i].err), "OK");
}

static void each_member_gets_its_own_rows(void **state)
{
    (void)state;
    static const char *const names[] = {"identity", "unnamed", "pass_through"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct load load;
        struct model *model = load_batched(&load, names[n]);
        for (uint32_t count = 1; count <= 8; count++) {
            struct party party;
            party_init(&party, model, 0, count, (float)count * 100);
            party_execute(&party, model, 0);
            assert_all_ok(&party);
            assert_int_equal(count_wrong(&party, (float)count * 100), 0);
            assert_true(party.times.run_ns > 0);
            assert_int_equal(party.times.gather_ns > 0, count > 1);
            party_release(&party);
        }
        model_unref(model);
    }
}

static void single_and_batched_uses_of_a_run_may_alternate(void **state)
{
    (void)state;
    static const char *const names[] = {"identity", "unnamed"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct load load;
        struct model *model = load_batched(&load, names[n]);
        for (uint32_t round = 0; round < 12; round++) {
            struct party party;
            party_init(&party, model, 0, round % 3 == 1 ? 1 : 4, (float)round);
            party_execute(&party, model, 0);
            assert_all_ok(&party);
            assert_int_equal(count_wrong(&party, (float)round), 0);
            party_release(&party);
        }
        model_unref(model);
    }
}

static void every_input_and_output_is_gathered_and_scattered(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "two_inputs");
    struct party party = {.count = 3};
    for (uint32_t i = 0; i < 3; i++) {
        float left[] = {(float)i, 2}, right[] = {3, (float)i + 4};
        party.runs[i] = acquire(model, 0);
        give(party.runs[i], 0, (int64_t[]){1, 2}, left);
        give(party.runs[i], 1, (int64_t[]){1, 2}, right);
    }
    party_execute(&party, model, 0);
    assert_all_ok(&party);
    for (uint32_t i = 0; i < 3; i++) {
        const float *sum = run_output(party.runs[i], 0)->data, *product = run_output(party.runs[i], 1)->data;
        assert_true(sum[0] == (float)i + 3 && sum[1] == (float)i + 6);
        assert_true(product[0] == (float)i * 3 && product[1] == ((float)i + 4) * 2);
    }
    party_release(&party);
    model_unref(model);
}

static void texts_are_gathered_and_scattered(void **state)
{
    (void)state;
    static const struct slice table[] = {
        {NULL, 0}, {"one", 3}, {"a text of more than fifteen bytes", 33}, {"Z\xc3\xbcrich", 7}};
    struct load load;
    struct model *model = load_batched(&load, "string");
    struct party party = {.count = 4};
    for (uint32_t i = 0; i < 4; i++) {
        party.runs[i] = acquire(model, 0);
        give(party.runs[i], 0, (int64_t[]){i ? 1 : 2}, (struct slice[]){table[i], table[3 - i]});
    }
    party_execute(&party, model, 0);
    assert_all_ok(&party);
    for (uint32_t i = 0; i < 4; i++) {
        const struct tensor *output = run_output(party.runs[i], 0);
        assert_int_equal(output->dims[0], i ? 1 : 2);
        assert_true(slice_equal(((const struct slice *)output->data)[0], table[i]));
    }
    assert_true(slice_equal(((const struct slice *)run_output(party.runs[0], 0)->data)[1], table[3]));
    party_release(&party);
    model_unref(model);

    model = load_batched(&load, "labels");
    party = (struct party){.count = 3};
    for (uint32_t i = 0; i < 3; i++) {
        party.runs[i] = acquire(model, 0);
        give(party.runs[i], 0, (int64_t[]){1, 2}, (int64_t[]){i, i + 1});
    }
    party_execute(&party, model, 0);
    assert_all_ok(&party);
    for (uint32_t i = 0; i < 3; i++) {
        const struct slice *output = run_output(party.runs[i], 0)->data;
        assert_true(slice_equal(output[0], table[i]) && slice_equal(output[1], table[i + 1]));
    }
    party_release(&party);
    model_unref(model);
}

static void members_that_are_gone_are_left_out(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "identity");
    for (uint32_t bits = 0; bits < 16; bits++) {
        struct party party;
        party_init(&party, model, 0, 4, 7);
        for (uint32_t i = 0; i < 4; i++)
            party.gone[i] = bits >> i & 1;
        party_execute(&party, model, 0);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(party.members[i].err, bits >> i & 1 ? ERR_CANCELLED : ERR_OK);
        assert_int_equal(count_wrong(&party, 7), 0);
        party_release(&party);
    }
    model_unref(model);
}

static void one_bad_input_does_not_fail_its_neighbours(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "lookup");
    static const int64_t indices[] = {3, 0, 99, 1};
    struct party party = {.count = 4};
    for (uint32_t i = 0; i < 4; i++) {
        party.runs[i] = acquire(model, 0);
        give(party.runs[i], 0, (int64_t[]){1}, &indices[i]);
    }
    party_execute(&party, model, 0);
    for (uint32_t i = 0; i < 4; i++) {
        if (indices[i] > 3) {
            assert_int_not_equal(party.members[i].err, ERR_OK);
            assert_true(run_fault(party.runs[i]).len > 0);
            continue;
        }
        const struct tensor *output = run_output(party.runs[i], 0);
        assert_string_equal(err_name(party.members[i].err), "OK");
        assert_int_equal(output->dims[0], 1);
        assert_true(((const float *)output->data)[1] == (float)((indices[i] * 2 + 1) * 5 % 17 - 8) / 16);
    }
    party_release(&party);
    model_unref(model);
}

static void a_model_that_gives_other_rows_than_it_took_is_run_singly(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "baked");
    model->batch_info.rows_max = 16; /* as if it had been believed */
    struct party party;
    party_init(&party, model, 0, 2, 1);
    give(party.runs[0], 0, (int64_t[]){1, 4}, (float[]){1, 2, 3, 4});
    party_execute(&party, model, 0);
    assert_all_ok(&party);
    assert_true(((const float *)run_output(party.runs[0], 0)->data)[3] == 4);
    assert_true(((const float *)run_output(party.runs[1], 0)->data)[0] == 9);
    party_release(&party);
    model_unref(model);
}

static void a_termination_that_came_too_late_spoils_nothing(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "mlp");
    for (uint32_t i = 0; i < 2; i++) {
        struct run *run = acquire(model, 0);
        _Atomic bool is_gone = false;
        struct batch_member member = {.run = run, .is_gone = &is_gone};
        struct batch_times times;
        give(run, 0, (int64_t[]){1, 8}, (float[8]){0});
        batch_terminate(model, 0);
        batch_execute(model, 0, &member, 1, &times);
        assert_string_equal(err_name(member.err), "OK");
        run_release(run);
    }
    model_unref(model);
}

/* --- Which go together ------------------------------------------------------------------------------------------------ */

static void runs_of_other_shapes_do_not_fit(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "masked");
    struct run *runs[4];
    static const int64_t dims[][2] = {{1, 3}, {2, 3}, {1, 4}, {17, 3}};
    static const float zeros[64];
    for (size_t i = 0; i < 4; i++) {
        runs[i] = acquire(model, 0);
        give(runs[i], 0, dims[i], zeros);
        give(runs[i], 1, dims[i], zeros);
    }
    assert_int_equal(run_rows(runs[0]), 1);
    assert_int_equal(run_rows(runs[1]), 2);
    assert_int_equal(run_rows(runs[3]), 0); /* more than a batch has */
    assert_int_equal(run_batch_key(runs[0]), run_batch_key(runs[1]));
    assert_true(run_fits_batch(runs[0], runs[1]));
    assert_false(run_fits_batch(runs[0], runs[2]));
    give(runs[0], 1, (int64_t[]){2, 3}, zeros); /* inputs that disagree */
    assert_int_equal(run_rows(runs[0]), 0);
    for (size_t i = 0; i < 4; i++)
        run_release(runs[i]);
    model_unref(model);
}

/* --- Padding ---------------------------------------------------------------------------------------------------------- */

static uint64_t buckets[] = {4, 8};
static struct pad_config pad = {.dim = 1, .sizes = {buckets, 2}, .input = {"x", 1}, .mask = {"mask", 4}, .value = 1000};

static struct model *load_padded(struct load *load)
{
    load_init(load, "masked");
    load->config.batch = (struct batch_config){.max = 16};
    load->config.pad = (struct option_list){&pad, 1};
    if (load_run(load) != ERR_OK)
        fail_msg("%s", load->fault_memory);
    assert_string_equal(load->notices_memory, "");
    return load->model;
}

/* Row r has the numbers length, length + 1, …, and 10 r more. */
static struct run *acquire_length(struct model *model, int64_t rows, int64_t length)
{
    float values[64];
    struct run *run = acquire(model, 0);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < length; i++)
            values[r * length + i] = (float)(length + i + 10 * r);
    give(run, 0, (int64_t[]){rows, length}, values);
    return run;
}

static void assert_length(const struct run *run, int64_t rows, int64_t length)
{
    const struct tensor *total = run_output(run, 0), *twice = run_output(run, 1);
    assert_int_equal(total->dims[0], rows);
    assert_int_equal(twice->dims[0], rows);
    assert_int_equal(twice->dims[1], length);
    assert_int_equal(twice->bytes, (size_t)(rows * length) * 4);
    for (int64_t r = 0; r < rows; r++) {
        float sum = 0;
        for (int64_t i = 0; i < length; i++) {
            float value = (float)(length + i + 10 * r);
            sum += value;
            assert_true(((const float *)twice->data)[r * length + i] == 2 * value);
        }
        assert_true(((const float *)total->data)[r] == sum);
    }
}

static void lengths_of_one_bucket_share_a_batch(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_padded(&load);
    static const int64_t lengths[] = {5, 8, 6, 7, 5};
    struct party party = {.count = 5};
    for (uint32_t i = 0; i < 5; i++)
        party.runs[i] = acquire_length(model, rows_of(i), lengths[i]);
    for (uint32_t i = 1; i < 5; i++) {
        assert_int_equal(run_batch_key(party.runs[0]), run_batch_key(party.runs[i]));
        assert_true(run_fits_batch(party.runs[0], party.runs[i]));
    }
    party_execute(&party, model, 0);
    assert_all_ok(&party);
    for (uint32_t i = 0; i < 5; i++)
        assert_length(party.runs[i], rows_of(i), lengths[i]);
    party_release(&party);
    model_unref(model);
}

static void a_single_run_is_padded_like_a_batch(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_padded(&load);
    static const int64_t lengths[] = {3, 4, 8, 9, 1, 12};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct party party = {.count = 1};
        party.runs[0] = acquire_length(model, 2, lengths[i]);
        party_execute(&party, model, 0);
        assert_all_ok(&party);
        assert_length(party.runs[0], 2, lengths[i]);
        assert_int_equal(party.times.gather_ns > 0, lengths[i] < 8 && lengths[i] != 4); /* others are run in place */
        party_release(&party);
    }
    model_unref(model);
}

static void longer_than_the_last_bucket_is_another_batch(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_padded(&load);
    struct run *longer = acquire_length(model, 1, 9), *longest = acquire_length(model, 1, 10),
               *fits = acquire_length(model, 1, 8);
    assert_false(run_fits_batch(longer, longest));
    assert_false(run_fits_batch(longer, fits));
    run_release(longer);
    run_release(longest);
    run_release(fits);
    model_unref(model);
}

static void a_mask_that_is_given_is_kept_and_padded(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_padded(&load);
    assert_int_equal(model_info(model)->written_inputs, 2);
    struct party party = {.count = 2};
    for (uint32_t i = 0; i < 2; i++)
        party.runs[i] = acquire_length(model, 1, 5);
    give(party.runs[0], 1, (int64_t[]){1, 5}, (float[]){1, 0, 0, 0, 1});
    party_execute(&party, model, 0);
    assert_all_ok(&party);
    assert_true(((const float *)run_output(party.runs[0], 0)->data)[0] == 5 + 9);
    assert_length(party.runs[1], 1, 5);
    party_release(&party);
    model_unref(model);
}

static void says_what_is_wrong_with_a_rule_for_padding(void **state)
{
    (void)state;
    static uint64_t falling[] = {8, 4};
    static const struct {
        struct pad_config pad;
        const char *why;
    } cases[] = {
        {{.input = {"y", 1}, .dim = 1, .sizes = {buckets, 2}}, "the model has no input `y`"},
        {{.input = {"x", 1}, .dim = 2, .sizes = {buckets, 2}}, "dimension 2 is none that the model leaves open"},
        {{.input = {"x", 1}, .dim = 1, .sizes = {falling, 2}}, "buckets must ascend, and 4 follows 8"},
        {{.input = {"x", 1}, .dim = 1, .sizes = {buckets, 2}, .mask = {"x", 1}}, "the mask `x` must be another input"},
        {{.input = {"x", 1}, .dim = 1, .sizes = {buckets, 2}, .mask = {"maks", 4}}, "did you mean `mask`?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct load load;
        struct pad_config rule = cases[i].pad;
        load_init(&load, "masked");
        load.config.pad = (struct option_list){&rule, 1};
        assert_says(load_bad(&load, ERR_INVALID), cases[i].why);
    }
}

/* --- Cost ------------------------------------------------------------------------------------------------------------- */

static void a_warm_batch_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    if (!CAN_COUNT) {
        print_message("skipped: the sanitizer has a heap of its own\n");
        skip();
    }
    struct load load;
    struct model *model = load_batched(&load, "identity");
    uint64_t calls[4], alone;
    for (uint32_t round = 0; round < ARRAY_LEN(calls); round++) {
        struct party party;
        party_init(&party, model, 0, 8, 1);
        heap_calls = 0;
        is_counting = true;
        party_execute(&party, model, 0);
        is_counting = false;
        calls[round] = heap_calls;
        party_release(&party);
    }
    struct party party;
    party_init(&party, model, 0, 1, 1);
    party_execute(&party, model, 0);
    heap_calls = 0;
    is_counting = true;
    party_execute(&party, model, 0);
    is_counting = false;
    alone = heap_calls; /* all of them the runtime's */
    party_release(&party);
    assert_true(calls[0] > calls[1]); /* proves that the count counts */
    assert_int_equal(calls[2], alone);
    assert_int_equal(calls[3], alone);
    model_unref(model);
}

/* --- Without memory --------------------------------------------------------------------------------------------------- */

static void a_batch_without_room_in_the_models_memory_is_run_singly(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    load.config.batch = (struct batch_config){.max = 16};
    assert_int_equal(load_run(&load), ERR_OK);
    struct party party;
    party_init(&party, load.model, 0, 8, 3);
    party_execute(&party, load.model, 0); /* outputs have their memory now */
    load.model->budget.bytes_max = model_memory_bytes(load.model);
    party_execute(&party, load.model, 1); /* that instance has none */
    assert_all_ok(&party);
    assert_int_equal(party.times.gather_ns, 0);
    assert_int_equal(count_wrong(&party, 3), 0);
    party_release(&party);
    model_unref(load.model);
}

static void what_is_too_much_together_is_run_singly(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "identity");
    struct party party;
    party_init(&party, model, 0, 8, 3);
    model->gather_bytes_max = 12 * 16 - 1; /* there are 11 rows of 16 bytes */
    party_execute(&party, model, 0);
    assert_true(party.times.gather_ns > 0);
    model->gather_bytes_max = 11 * 16 - 1;
    party_execute(&party, model, 0);
    assert_int_equal(party.times.gather_ns, 0);
    assert_all_ok(&party);
    assert_int_equal(count_wrong(&party, 3), 0);
    party_release(&party);
    model_unref(model);
}

static void memory_that_was_let_go_is_laid_anew(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_batched(&load, "masked"); /* rows of any length */
    static const int64_t lengths[] = {1100000, 3, 1100000};
    for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
        struct party party = {.count = 8};
        for (uint32_t i = 0; i < party.count; i++) {
            party.runs[i] = acquire(model, 0);
            for (uint32_t input = 0; input < 2; input++) {
                void *data = NULL;
                assert_int_equal(run_input(party.runs[i], input, (int64_t[]){2, lengths[l]}, UINT64_MAX, &data),
                                 ERR_OK);
                for (int64_t v = 0; v < 2 * lengths[l]; v++)
                    ((float *)data)[v] = input ? (float)(v == (int64_t)i % 3) : (float)i;
            }
        }
        party_execute(&party, model, 0);
        assert_all_ok(&party);
        assert_true(party.times.gather_ns > 0);
        for (uint32_t i = 0; i < party.count; i++)
            assert_true(((const float *)run_output(party.runs[i], 0)->data)[0] == (float)i);
        party_release(&party);
    }
    model_unref(model);
}

/* Each time another allocation of ours fails, until none does. */
static void members_of_a_batch_without_memory_are_right_or_say_so(void **state)
{
    (void)state;
    if (!CAN_COUNT) {
        print_message("skipped: the sanitizer has a heap of its own\n");
        skip();
    }
    uint32_t failed = 0;
    for (uint64_t n = 1; n < 200; n++) {
        struct load load;
        struct model *model = load_batched(&load, "identity");
        struct party party;
        party_init(&party, model, 0, 7, 5); /* of 10 rows: no size that was tried */
        heap_fails_at = n;
        party_execute(&party, model, 0);
        bool is_over = heap_fails_at > 0;
        heap_fails_at = 0;
        for (uint32_t i = 0; i < party.count; i++) {
            assert_true(party.members[i].err == ERR_OK || party.members[i].err == ERR_NOMEM);
            failed += party.members[i].err != ERR_OK;
        }
        assert_int_equal(count_wrong(&party, 5), 0);
        party_execute(&party, model, 0);
        assert_all_ok(&party);
        assert_int_equal(count_wrong(&party, 5), 0);
        party_release(&party);
        model_unref(model);
        if (is_over)
            break;
        assert_true(n < 199);
    }
    assert_true(failed > 0);
}

static void loading_without_memory_fails_or_leaves_a_model_that_works(void **state)
{
    (void)state;
    if (!CAN_COUNT) {
        print_message("skipped: the sanitizer has a heap of its own\n");
        skip();
    }
    uint32_t failed = 0;
    for (uint64_t n = 1; n < 1000; n++) {
        struct load load;
        load_init(&load, "identity");
        load.config.batch = (struct batch_config){.max = 4};
        heap_fails_at = n;
        enum err err = load_run(&load);
        bool is_over = heap_fails_at > 0;
        heap_fails_at = 0;
        failed += err != ERR_OK;
        if (err == ERR_OK) {
            struct party party;
            party_init(&party, load.model, 0, model_batch_info(load.model)->rows_max > 1 ? 2 : 1, 5);
            party_execute(&party, load.model, 0);
            assert_all_ok(&party);
            assert_int_equal(count_wrong(&party, 5), 0);
            party_release(&party);
            model_unref(load.model);
        }
        if (is_over)
            break;
    }
    assert_true(failed > 0);
}

/* --- Threads ---------------------------------------------------------------------------------------------------------- */

struct client {
    struct model *model;
    uint32_t instance;
    uint32_t wrong;
};

static void *work(void *argument)
{
    struct client *client = argument;
    for (uint32_t i = 0; i < 200; i++) {
        struct party party;
        float seed = (float)(client->instance * 100000 + i * 100);
        party_init(&party, client->model, client->instance, 1 + i % 8, seed);
        party_execute(&party, client->model, client->instance);
        for (uint32_t m = 0; m < party.count; m++)
            client->wrong += party.members[m].err != ERR_OK;
        client->wrong += count_wrong(&party, seed);
        party_release(&party);
    }
    return NULL;
}

static void two_instances_of_a_model_run_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"identity", "unnamed"};
    for (size_t n = 0; n < ARRAY_LEN(names); n++) {
        struct load load;
        load_init(&load, names[n]);
        load.config.batch = (struct batch_config){.max = 16};
        load.executor_count = 2;
        assert_int_equal(load_run(&load), ERR_OK);
        struct client clients[2] = {{.model = load.model, .instance = 0}, {.model = load.model, .instance = 1}};
        pthread_t threads[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, work, &clients[i]), 0);
        for (int i = 0; i < 100; i++)
            batch_terminate(load.model, (uint32_t)i % 2);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(clients[0].wrong + clients[1].wrong, 0);
        model_unref(load.model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proves_models_whose_rows_are_their_own),
        cmocka_unit_test(tries_the_size_that_was_asked_for),
        cmocka_unit_test(runs_singly_what_cannot_be_batched_and_says_why),
        cmocka_unit_test(a_tolerance_may_let_rows_differ),
        cmocka_unit_test(is_not_batched_unless_asked_for),
        cmocka_unit_test(the_profile_says_how_many_batches_go_at_once),
        cmocka_unit_test(each_member_gets_its_own_rows),
        cmocka_unit_test(single_and_batched_uses_of_a_run_may_alternate),
        cmocka_unit_test(every_input_and_output_is_gathered_and_scattered),
        cmocka_unit_test(texts_are_gathered_and_scattered),
        cmocka_unit_test(members_that_are_gone_are_left_out),
        cmocka_unit_test(one_bad_input_does_not_fail_its_neighbours),
        cmocka_unit_test(a_model_that_gives_other_rows_than_it_took_is_run_singly),
        cmocka_unit_test(a_termination_that_came_too_late_spoils_nothing),
        cmocka_unit_test(runs_of_other_shapes_do_not_fit),
        cmocka_unit_test(lengths_of_one_bucket_share_a_batch),
        cmocka_unit_test(a_single_run_is_padded_like_a_batch),
        cmocka_unit_test(longer_than_the_last_bucket_is_another_batch),
        cmocka_unit_test(a_mask_that_is_given_is_kept_and_padded),
        cmocka_unit_test(says_what_is_wrong_with_a_rule_for_padding),
        cmocka_unit_test(a_warm_batch_takes_nothing_from_the_heap),
        cmocka_unit_test(a_batch_without_room_in_the_models_memory_is_run_singly),
        cmocka_unit_test(what_is_too_much_together_is_run_singly),
        cmocka_unit_test(memory_that_was_let_go_is_laid_anew),
        cmocka_unit_test(members_of_a_batch_without_memory_are_right_or_say_so),
        cmocka_unit_test(loading_without_memory_fails_or_leaves_a_model_that_works),
        cmocka_unit_test(two_instances_of_a_model_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
