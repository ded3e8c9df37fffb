/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/pipeline/infer/models.h"

static void assert_spec(const struct tensor_spec *spec, const char *name, enum tensor_type type, uint32_t rank)
{
    assert_true(slice_is(spec->name, name));
    assert_string_equal(tensor_type_name(spec->type), tensor_type_name(type));
    assert_int_equal(spec->rank, rank);
}

static void finds_names_types_dims_and_symbols(void **state)
{
    (void)state;
    struct load load;
    struct model *model = load_good(&load, "mlp");
    const struct model_info *info = model_info(model);
    assert_int_equal(info->input_count, 1);
    assert_int_equal(info->output_count, 1);
    assert_spec(&info->inputs[0], "x", TENSOR_F32, 2);
    assert_int_equal(info->inputs[0].dims[0], TENSOR_DIM_ANY);
    assert_true(slice_is(info->inputs[0].symbols[0], "batch"));
    assert_int_equal(info->inputs[0].dims[1], 8);
    assert_spec(&info->outputs[0], "y", TENSOR_F32, 2);
    assert_int_equal(info->outputs[0].dims[1], 3);
    assert_int_equal(model_input_index(model, SLICE_LIT("x")), 0);
    assert_int_equal(model_input_index(model, SLICE_LIT("y")), -1);
    assert_int_equal(model_output_index(model, SLICE_LIT("y")), 0);
    model_unref(model);
}

static void tells_what_the_file_says_of_itself(void **state)
{
    (void)state;
    struct load load;
    const struct model_info *info = model_info(load_good(&load, "mlp"));
    assert_true(slice_is(info->producer, "weir-tests"));
    assert_true(slice_is(info->graph, "mlp"));
    assert_int_equal(info->file_version, 3);
    assert_true(slice_is(info->platform, "onnxruntime_onnx"));
    assert_true(slice_is(info->provider, "cpu"));
    model_unref(load.model);
}

static void finds_integers_fixed_dims_and_scalars(void **state)
{
    (void)state;
    struct load load;
    assert_spec(&model_info(load_good(&load, "int64"))->inputs[0], "x", TENSOR_I64, 1);
    model_unref(load.model);
    const struct model_info *info = model_info(load_good(&load, "fixed_batch"));
    assert_int_equal(info->inputs[0].dims[0], 2);
    assert_int_equal(info->outputs[0].dims[0], 2);
    model_unref(load.model);
    assert_spec(&model_info(load_good(&load, "scalar"))->inputs[0], "x", TENSOR_F32, 0);
    model_unref(load.model);
}

static void is_warm_when_loaded(void **state)
{
    (void)state;
    struct load load;
    const struct model_info *info = model_info(load_good(&load, "mlp"));
    assert_true(info->load_ns > 0);
    assert_true(info->warm_run_ns > 0);
    assert_true(info->warm_up_ns >= info->warm_run_ns);
    model_unref(load.model);
}

static void says_that_a_file_is_missing(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "there_is_none");
    assert_says(load_bad(&load, ERR_NOT_FOUND), "no such file");
}

static void says_that_a_file_is_no_model(void **state)
{
    (void)state;
    static const char *const names[] = {"not_onnx", "truncated"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct load load;
        load_init(&load, names[i]);
        assert_says(load_bad(&load, ERR_SYNTAX), "not an ONNX model, or damaged");
    }
    struct load load;
    load_init(&load, "empty"); /* a valid protocol buffer of nothing: the runtime reads it and finds no graph */
    assert_int_not_equal(load_run(&load), ERR_OK);
    assert_says(load.fault_memory, load.path);
    load_init(&load, "mlp");
    load.config.path = SLICE_LIT(TESTS_DIR);
    assert_int_not_equal(load_run(&load), ERR_OK);
    assert_says(load.fault_memory, TESTS_DIR);
}

static void refuses_what_it_does_not_serve_and_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *why;
    } cases[] = {
        {"sequence", "output `y` is a sequence"},
        {"rank_9", "input `x` has 9 dimensions; weir serves up to 8"},
        {"inputs_17", "has 17 inputs; weir serves up to 16"},
        {"unknown_operator", "Frobnicate"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct load load;
        load_init(&load, cases[i].name);
        assert_says(load_bad(&load, ERR_INVALID), cases[i].why);
    }
}

static const char *first_word(const char *words)
{
    static char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(words, " "), words);
    return word;
}

static void falls_back_from_a_provider_that_is_absent_with_a_notice(void **state)
{
    (void)state;
    static const char *const names[] = {"tensorrt", "no_such_provider", "cuda", "xnnpack threads=2",
                                        "cuda device_id=1"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct load load;
        load_init(&load, "identity");
        struct slice providers[] = {slice_of_text(names[i]), SLICE_LIT("cpu")};
        load.config.providers = (struct option_list){providers, 2};
        assert_int_equal(load_run(&load), ERR_OK);
        assert_says(load.notices_memory, "model identity: provider ");
        assert_says(load.notices_memory, first_word(names[i]));
        assert_says(load.notices_memory, "taking cpu");
        assert_true(slice_is(model_info(load.model)->provider, "cpu"));
        model_unref(load.model);
    }
}

static void stops_at_a_provider_that_is_absent_when_told_to(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    struct slice providers[] = {SLICE_LIT("no_such_provider"), SLICE_LIT("cpu")};
    load.config.providers = (struct option_list){providers, 2};
    load.config.provider_missing = MODEL_PROVIDER_STOP;
    assert_says(load_bad(&load, ERR_INVALID), "provider no_such_provider cannot be used");
}

static void says_that_an_option_of_a_provider_is_none(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "identity");
    struct slice providers[] = {SLICE_LIT("cuda device_id")};
    load.config.providers = (struct option_list){providers, 1};
    load.config.provider_missing = MODEL_PROVIDER_STOP;
    assert_says(load_bad(&load, ERR_INVALID), "\"device_id\" is no option of a provider: key=value is");
}

static void blames_a_bad_file_and_not_the_provider(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "not_onnx");
    struct slice providers[] = {SLICE_LIT("cpu")};
    load.config.providers = (struct option_list){providers, 1};
    load.config.provider_missing = MODEL_PROVIDER_STOP;
    assert_says(load_bad(&load, ERR_SYNTAX), "not an ONNX model");
    assert_string_equal(load.notices_memory, "");
}

static void warms_at_the_sizes_given(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "reshape"); /* runs on 6 elements only */
    load.shape = (struct option_shape){.name = SLICE_LIT("x"), .rank = 1, .dims = {6}};
    load.config.warm_up = (struct option_list){&load.shape, 1};
    assert_int_equal(load_run(&load), ERR_OK);
    assert_true(model_info(load.model)->warm_run_ns > 0);
    model_unref(load.model);
}

static void refuses_sizes_on_which_the_model_fails(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "reshape");
    load.shape = (struct option_shape){.name = SLICE_LIT("x"), .rank = 1, .dims = {5}};
    load.config.warm_up = (struct option_list){&load.shape, 1};
    assert_says(load_bad(&load, ERR_INVALID), "does not run on the sizes of warm_up");
}

static void refuses_a_model_whose_memory_has_no_room_for_a_run(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "mlp");
    load.config.memory = 64;
    assert_says(load_bad(&load, ERR_INVALID), "`memory` (64 bytes) has no room for a single run");
}

static void serves_a_model_that_fails_on_ones_with_a_notice(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "reshape");
    assert_int_equal(load_run(&load), ERR_OK);
    assert_says(load.notices_memory, "set warm_up");
    assert_int_equal(model_info(load.model)->warm_run_ns, 0);
    model_unref(load.model);
}

static void refuses_warm_up_sizes_that_do_not_fit(void **state)
{
    (void)state;
    struct load load;
    load_init(&load, "mlp");
    load.shape = (struct option_shape){.name = SLICE_LIT("x"), .rank = 2, .dims = {1, 9}};
    load.config.warm_up = (struct option_list){&load.shape, 1};
    assert_says(load_bad(&load, ERR_INVALID), "input `x` do not fit the model");

    load_init(&load, "mlp");
    load.shape = (struct option_shape){.name = SLICE_LIT("x"), .rank = 1, .dims = {1}};
    load.config.warm_up = (struct option_list){&load.shape, 1};
    assert_says(load_bad(&load, ERR_INVALID), "input `x` do not fit the model");

    load_init(&load, "two_inputs");
    load.shape = (struct option_shape){.name = SLICE_LIT("rihgt"), .rank = 2, .dims = {1, 2}};
    load.config.warm_up = (struct option_list){&load.shape, 1};
    assert_says(load_bad(&load, ERR_INVALID), "did you mean `right`?");
}

static void tells_the_version_of_the_runtime(void **state)
{
    (void)state;
    char memory[512];
    struct text fault = text_init(memory, sizeof(memory));
    struct slice version = runtime_version((struct slice){NULL, 0}, &fault);
    assert_true(slice_starts(version, SLICE_LIT("1.")));
    char names_memory[512];
    struct text names = text_init(names_memory, sizeof(names_memory));
    runtime_providers(&names);
    assert_says(names_memory, "CPUExecutionProvider");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_names_types_dims_and_symbols),
        cmocka_unit_test(tells_what_the_file_says_of_itself),
        cmocka_unit_test(finds_integers_fixed_dims_and_scalars),
        cmocka_unit_test(is_warm_when_loaded),
        cmocka_unit_test(says_that_a_file_is_missing),
        cmocka_unit_test(says_that_a_file_is_no_model),
        cmocka_unit_test(refuses_what_it_does_not_serve_and_says_why),
        cmocka_unit_test(falls_back_from_a_provider_that_is_absent_with_a_notice),
        cmocka_unit_test(stops_at_a_provider_that_is_absent_when_told_to),
        cmocka_unit_test(says_that_an_option_of_a_provider_is_none),
        cmocka_unit_test(blames_a_bad_file_and_not_the_provider),
        cmocka_unit_test(warms_at_the_sizes_given),
        cmocka_unit_test(refuses_sizes_on_which_the_model_fails),
        cmocka_unit_test(serves_a_model_that_fails_on_ones_with_a_notice),
        cmocka_unit_test(refuses_warm_up_sizes_that_do_not_fit),
        cmocka_unit_test(refuses_a_model_whose_memory_has_no_room_for_a_run),
        cmocka_unit_test(tells_the_version_of_the_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
