/* SPDX-License-Identifier: Apache-2.0 */
/* What a config.pbtxt means, and what is said about one that is wrong. */
#include "control/repository/model_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pool pool;
static struct arena arena;
static char said_memory[4096];
static struct text said;

static int set_up(void **state)
{
    (void)state;
    pool_init(&pool, 0, 1U << 24);
    arena_init(&arena, &pool, 4096, 1U << 23);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}

static void take_note(void *context, bool is_error, struct report_place place, const char *words)
{
    (void)context;
    text_printf(&said, "%u:%u: %s%s\n", place.line, place.column, is_error ? "" : "warning: ", words);
}

static enum err read_as(bool is_json, const char *text, struct model_settings *settings)
{
    const struct settings_source source = {.path = SLICE_LIT("m/config.pbtxt"),
                                           .text = slice_of_text(text),
                                           .is_json = is_json,
                                           .arena = &arena,
                                           .note = take_note};
    said = text_init(said_memory, sizeof said_memory);
    return model_settings_read(&source, settings);
}

static void assert_said(const char *text, const char *expected)
{
    struct model_settings settings;
    bool is_refused = strstr(expected, ": warning:") == NULL;
    assert_int_equal(read_as(false, text, &settings), is_refused ? ERR_INVALID : ERR_OK);
    assert_string_equal(said_memory, expected);
}

static const char full[] =
    "# as Triton's users write it\n"
    "name: \"mlp\"\n"
    "platform: 'onnxruntime_onnx' ;\n"
    "max_batch_size: 8\n"
    "input [ { name: \"x\" data_type: TYPE_FP32 dims: [ 784 ] } ]\n"
    "output < name: \"y\", data_type: TYPE_FP32, dims: -1, label_filename: \"labels\" \".txt\" >\n"
    "version_policy: { specific: { versions: [ 1, 3 ] } }\n"
    "dynamic_batching {\n"
    "  preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100\n"
    "  default_priority_level: 2\n"
    "  default_queue_policy { max_queue_size: 64 }\n"
    "}\n"
    "instance_group [ { count: 2 kind: KIND_CPU }, { kind: KIND_GPU } ]\n"
    "parameters { key: \"intra_op_thread_count\" value: { string_value: \"4\" } }\n"
    "optimization { graph { level: -1 } execution_accelerators { cpu_execution_accelerator: [ { name: \"openvino\" } ] "
    "} }\n"
    "model_warmup [ { batch_size: 2 inputs { key: \"x\" value { data_type: TYPE_FP32 dims: 784 zero_data: true } } } "
    "]\n"
    "response_cache { enable: true }\n";

static void check_full(const struct model_settings *settings)
{
    assert_string_equal(settings->name.ptr, "mlp");
    assert_int_equal(settings->batch_max, 8);
    assert_int_equal(settings->input_count, 1);
    assert_string_equal(settings->inputs[0].name.ptr, "x");
    assert_int_equal(settings->inputs[0].type, TENSOR_F32);
    assert_int_equal(settings->inputs[0].rank, 1);
    assert_int_equal(settings->inputs[0].dims[0], 784);
    assert_int_equal(settings->outputs[0].dims[0], TENSOR_DIM_ANY);
    assert_string_equal(settings->outputs[0].labels.ptr, "labels.txt");
    assert_int_equal(settings->policy, VERSIONS_SPECIFIC);
    assert_int_equal(settings->version_count, 2);
    assert_int_equal(settings->versions[1], 3);
    assert_true(settings->has_batching);
    assert_int_equal(settings->preferred_count, 2);
    assert_int_equal(settings->preferred[1], 8);
    assert_int_equal(settings->delay_us, 100);
    assert_int_equal(settings->priority_default, 2);
    assert_int_equal(settings->queue_max, 64);
    assert_int_equal(settings->instances, 3);
    assert_true(settings->wants_gpu);
    assert_int_equal(settings->threads, 4);
    assert_int_equal(settings->optimization, MODEL_OPTIMIZE_BASIC);
    assert_string_equal(settings->accelerators[0].ptr, "openvino");
    assert_int_equal(settings->warm_up_count, 1);
    assert_int_equal(settings->warm_up[0].rank, 2);
    assert_int_equal(settings->warm_up[0].dims[0], 2);
    assert_int_equal(settings->warm_up[0].dims[1], 784);
    assert_true(settings->has_cache);
}

static void reads_what_tritons_users_write(void **state)
{
    (void)state;
    struct model_settings settings;
    assert_int_equal(read_as(false, full, &settings), ERR_OK);
    assert_string_equal(said_memory, "");
    check_full(&settings);
}

static void reads_the_same_from_json(void **state)
{
    static const char json[] =
        "{\"name\":\"mlp\",\"backend\":\"onnxruntime\",\"max_batch_size\":8,"
        "\"input\":[{\"name\":\"x\",\"data_type\":\"TYPE_FP32\",\"dims\":[\"784\"]}],"
        "\"output\":[{\"name\":\"y\",\"data_type\":\"TYPE_FP32\",\"dims\":[-1],\"label_filename\":\"labels.txt\"}],"
        "\"version_policy\":{\"specific\":{\"versions\":[1,\"3\"]}},"
        "\"dynamic_batching\":{\"preferred_batch_size\":[4,8],\"max_queue_delay_microseconds\":\"100\","
        "\"default_priority_level\":2,\"default_queue_policy\":{\"max_queue_size\":64}},"
        "\"instance_group\":[{\"count\":2,\"kind\":\"KIND_CPU\"},{\"kind\":\"KIND_GPU\"}],"
        "\"parameters\":{\"intra_op_thread_count\":{\"string_value\":\"4\"}},\"ensemble_scheduling\":null,"
        "\"optimization\":{\"graph\":{\"level\":-1},\"execution_accelerators\":{\"cpu_execution_accelerator\":"
        "[{\"name\":\"openvino\"}]}},\"model_warmup\":[{\"batch_size\":2,\"inputs\":{\"x\":{\"data_type\":"
        "\"TYPE_FP32\",\"dims\":[784],\"zero_data\":true}}}],\"response_cache\":{\"enable\":true}}";
    (void)state;
    struct model_settings settings;
    assert_int_equal(read_as(true, json, &settings), ERR_OK);
    assert_string_equal(said_memory, "");
    check_full(&settings);
    assert_int_equal(read_as(true, "[]", &settings), ERR_INVALID);
    assert_string_equal(said_memory, "1:1: a configuration is an object\n");
    assert_int_equal(read_as(true, "{\"input\": [[1]]}", &settings), ERR_INVALID);
    assert_string_equal(said_memory, "0:0: \"input\" is a list of values, not of an array\n");
    assert_int_equal(read_as(true, "{\"max_batch_size\": 1.5}", &settings), ERR_INVALID);
    assert_string_equal(said_memory, "0:0: \"max_batch_size\" takes a whole number from 0 to 2147483647, found 1.5\n");
}

static void says_where_the_text_is_broken(void **state)
{
    (void)state;
    assert_said("name \"x\"", "1:6: expected \":\" and a value, or a message in \"{\" and \"}\", found \"\"\"\n");
    assert_said("name: \"x\n\"", "1:9: expected the quote that ends the text, found the byte 0x0a\n");
    assert_said("input {\n  dims: [1, 2\n}", "3:1: expected \",\" or \"]\", found \"}\"\n");
    assert_said("input {", "1:8: expected \"}\", found the end of the file\n");
    assert_said("name: \"\\u0041\"", "1:9: expected an escape such as \\n, \\\" or \\x41 (\\u is not taken: write the "
                                     "letter itself), found \"u\"\n");
    assert_said("[a.b]: 1", "1:1: expected the name of a field (extensions are not taken), found \"[\"\n");
    assert_said("\x01", "1:1: expected the name of a field, found the byte 0x01\n");
    assert_said("a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{",
                "1:67: expected less depth: messages are nested too deeply here, found \"a\"\n");
}

static void says_what_is_unknown_refused_or_without_effect(void **state)
{
    (void)state;
    assert_said("inputs { }", "1:1: ModelConfig has no field \"inputs\"; did you mean \"input\"?\n");
    assert_said("input { name: \"x\" dim: 1 }", "1:19: input has no field \"dim\"; did you mean \"dims\"?\n");
    assert_said("backend: \"tensorrt\"", "1:10: weir runs models of ONNX (platform \"onnxruntime_onnx\", backend "
                                         "\"onnxruntime\"), not of \"tensorrt\"\n");
    assert_said("input { name: \"x\" reshape { shape: [] } }",
                "1:19: reshape: a request has the shape of the model; reshape the tensor in the model itself\n");
    assert_said("max_batch_size: -1\nname: x",
                "1:17: \"max_batch_size\" takes a whole number from 0 to 2147483647, found -1\n"
                "2:7: \"name\" takes a text in quotes, found x\n");
    assert_said("model_transaction_policy { decoupled: true }", "1:39: \"decoupled\" cannot be true here\n");
    assert_said("output { name: \"y\" label_filename: \"../../secret\" }",
                "1:36: \"label_filename\" takes the name of a file in the folder of the model, found the text "
                "\"../../secret\"\n");
    assert_said("default_model_filename: \"../x\"", "1:25: \"default_model_filename\" takes the name of a file in the "
                                                    "folder of a version, found the text \"../x\"\n");
    assert_said("input { data_type: FP32 name: \"x\" }",
                "1:20: \"data_type\" takes a type such as TYPE_FP32, TYPE_INT64 "
                "or TYPE_STRING, found FP32\n");
    assert_said("metric_tags { key: \"a\" value: \"b\" }",
                "1:1: warning: metric_tags has no effect: metrics name the model and its version\n");
    assert_said("input { }", "1:7: input lacks a name\n");
    assert_said("input: 1", "1:8: \"input\" is a message, in \"{\" and \"}\"\n1:8: input lacks a name\n");
}

static void reads_states_of_sequences(void **state)
{
    (void)state;
    struct model_settings settings;
    assert_int_equal(
        read_as(false,
                "sequence_batching { max_sequence_idle_microseconds: 5000000 state [ { input_name: \"h\" "
                "output_name: \"hn\" data_type: TYPE_FP32 dims: [2, -1] initial_state { data_type: TYPE_FP32 "
                "dims: [2, 1] zero_data: true name: \"zeros\" } } ] }",
                &settings),
        ERR_OK);
    assert_int_equal(settings.idle_us, 5000000);
    assert_int_equal(settings.state_count, 1);
    assert_string_equal(settings.states[0].input.ptr, "h");
    assert_string_equal(settings.states[0].output.ptr, "hn");
    assert_int_equal(settings.states[0].dims[1], TENSOR_DIM_ANY);
    assert_int_equal(settings.states[0].first_rank, 2);
    assert_int_equal(settings.states[0].first_dims[1], 1);
    assert_said("sequence_batching { control_input { name: \"START\" } }",
                "1:21: control_input: a model is not told where a sequence begins and ends; weir feeds it the state\n");
    assert_said("sequence_batching { state { input_name: \"h\" } }",
                "1:27: state takes an input_name and an output_name\n");
    assert_said(
        "sequence_batching { state { input_name: \"h\" output_name: \"hn\" initial_state { data_file: \"h\" } } }",
        "1:79: data_file: a sequence begins with zeros\n");
    assert_said("sequence_batching { direct { } }",
                "1:21: warning: direct has no effect: requests of different sequences share batches as others do\n"
                "1:1: warning: sequence_batching has no effect without \"state\": there is nothing to keep between "
                "requests\n");
    assert_said("dynamic_batching { priority_levels: 9 }",
                "1:37: warning: there are 8 priorities; what is above counts as the last\n");
    assert_int_equal(read_as(false, "dynamic_batching { priority_levels: 3 default_priority_level: 2 }", &settings),
                     ERR_OK);
    assert_string_equal(said_memory, "");
}

static const struct model_info info = {
    .inputs = {{.name = SLICE_LIT("x"), .type = TENSOR_F32, .rank = 2, .dims = {-1, 784}}},
    .outputs = {{.name = SLICE_LIT("y"), .type = TENSOR_I64, .rank = 1, .dims = {-1}}},
    .input_count = 1,
    .output_count = 1,
};

static void assert_fit(const char *text, const char *expected)
{
    char memory[512];
    struct text fault = text_init(memory, sizeof memory);
    struct model_settings settings;
    assert_int_equal(read_as(false, text, &settings), ERR_OK);
    assert_int_equal(model_settings_fit(&settings, &info, SLICE_LIT("m/config.pbtxt"), &fault), expected[0] == '\0');
    assert_string_equal(memory, expected);
}

static void says_what_the_model_has_instead(void **state)
{
    (void)state;
    assert_fit("", "");
    assert_fit("input { name: \"x\" data_type: TYPE_FP32 dims: [-1, 784] } output { name: \"y\" dims: 4 }", "");
    assert_fit("max_batch_size: 4 input { name: \"x\" dims: 784 }", "");
    assert_fit("input { name: \"X\" }", "m/config.pbtxt:1:7: the model has no input \"X\"; the first one is \"x\"");
    assert_fit("output { name: \"y\" data_type: TYPE_FP32 }",
               "m/config.pbtxt:1:8: output \"y\" is declared as FP32, and the model has INT64");
    assert_fit("max_batch_size: 4\ninput { name: \"x\" dims: [1, 784] }",
               "m/config.pbtxt:2:7: input \"x\" is declared with the shape [-1, 1, 784], the batch dimension in front "
               "because max_batch_size is not 0, and the model has [-1, 784]");
}

static void chooses_versions_by_their_policy(void **state)
{
    static const struct {
        const char *text;
        uint64_t latest_count;
        uint32_t count;
        uint64_t first;
    } cases[] = {
        {"", 1, 1, 9},
        {"", 0, 3, 9},
        {"version_policy { all {} }", 1, 3, 9},
        {"version_policy { latest { num_versions: 2 } }", 1, 2, 9},
        {"version_policy { latest {} }", 0, 1, 9},
        {"version_policy { specific { versions: [1, 7, 2] } }", 1, 2, 2},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t versions[] = {9, 2, 1};
        struct model_settings settings;
        assert_int_equal(read_as(false, cases[i].text, &settings), ERR_OK);
        assert_int_equal(model_settings_choose(&settings, cases[i].latest_count, versions, 3), cases[i].count);
        assert_int_equal(versions[0], cases[i].first);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_what_tritons_users_write),   TEST(reads_the_same_from_json),
        TEST(says_where_the_text_is_broken),    TEST(says_what_is_unknown_refused_or_without_effect),
        TEST(reads_states_of_sequences),        TEST(says_what_the_model_has_instead),
        TEST(chooses_versions_by_their_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
