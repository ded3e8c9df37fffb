/* SPDX-License-Identifier: Apache-2.0 */
/* ModelInferRequests against a model that exists only here. */
#include "pipeline/grpc/infer_int.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MEMORY_BYTES (1u << 16)

static const struct model_info model = {
    .input_count = 2,
    .inputs =
        {
            {.name = {"x", 1}, .type = TENSOR_F32, .rank = 2, .dims = {TENSOR_DIM_ANY, 2}},
            {.name = {"n", 1}, .type = TENSOR_I8, .rank = 1, .dims = {TENSOR_DIM_ANY}},
        },
    .output_count = 2,
    .outputs =
        {
            {.name = {"y", 1}, .type = TENSOR_F32, .rank = 1, .dims = {TENSOR_DIM_ANY}},
            {.name = {"z", 1}, .type = TENSOR_F32, .rank = 1, .dims = {TENSOR_DIM_ANY}},
        },
};

struct trial {
    char arena_memory[MEMORY_BYTES];
    char out_memory[MEMORY_BYTES];
    char fault_memory[400];
    struct arena arena;
    struct text fault;
    struct buffer out; /* the message */
    struct infer_message message;
};

static struct trial *begin(void)
{
    static struct trial trial;
    arena_init_fixed(&trial.arena, trial.arena_memory, sizeof trial.arena_memory);
    trial.fault = text_init(trial.fault_memory, sizeof trial.fault_memory);
    trial.out = buffer_in_memory(trial.out_memory, sizeof trial.out_memory);
    memset(&trial.message, 0, sizeof trial.message);
    trial.message.arena = &trial.arena;
    trial.message.fault = &trial.fault;
    return &trial;
}

static size_t begin_input(struct trial *trial, const char *name, const char *datatype, int64_t rows, int64_t columns)
{
    const int64_t dims[] = {rows, columns};
    size_t begin = protobuf_message_begin(&trial->out, 5);
    protobuf_write_text(&trial->out, 1, slice_of_text(name));
    protobuf_write_text(&trial->out, 2, slice_of_text(datatype));
    protobuf_write_i64_packed(&trial->out, 3, dims, columns ? 2 : 1);
    return begin;
}

static void add_input(struct trial *trial, const char *name, const char *datatype, int64_t rows, int64_t columns)
{
    protobuf_message_end(&trial->out, begin_input(trial, name, datatype, rows, columns));
}

/* The same with typed contents: `bytes` are packed in the field `number`. */
static void add_filled(struct trial *trial, const char *name, const char *datatype, int64_t rows, int64_t columns,
                       uint32_t number, struct slice bytes)
{
    size_t begin = begin_input(trial, name, datatype, rows, columns);
    size_t contents = protobuf_message_begin(&trial->out, 5);
    protobuf_write_bytes(&trial->out, number, bytes);
    protobuf_message_end(&trial->out, contents);
    protobuf_message_end(&trial->out, begin);
}

static enum err check(struct trial *trial)
{
    enum err err = infer_parse(&trial->message, slice_of(trial->out.ptr, trial->out.len));
    return err == ERR_OK ? infer_check(&trial->message, &model, 1000) : err;
}

static void assert_refused(struct trial *trial, const char *why)
{
    assert_int_equal(check(trial), ERR_INVALID);
    assert_string_equal(trial->fault_memory, why);
}

#define TWO_FLOATS SLICE_LIT("\0\0\x80\x3f\0\0\0\x40")

static void takes_raw_contents_in_the_order_of_the_inputs(void **state)
{
    (void)state;
    struct trial *trial = begin();
    float x[2];
    int8_t n[3];
    protobuf_write_text(&trial->out, 1, SLICE_LIT("m"));
    protobuf_write_text(&trial->out, 2, SLICE_LIT("7"));
    protobuf_write_text(&trial->out, 3, SLICE_LIT("an id"));
    add_input(trial, "n", "INT8", 3, 0);
    add_input(trial, "x", "FP32", 1, 2);
    protobuf_write_bytes(&trial->out, 7, SLICE_LIT("\x01\xff\x80"));
    protobuf_write_bytes(&trial->out, 7, TWO_FLOATS);
    assert_int_equal(check(trial), ERR_OK);
    assert_true(slice_is(trial->message.model_name, "m") && slice_is(trial->message.model_version, "7"));
    assert_true(slice_is(trial->message.inference.id, "an id"));
    assert_int_equal(infer_fill(&trial->message, &model, 0, x), ERR_OK);
    assert_int_equal(infer_fill(&trial->message, &model, 1, n), ERR_OK);
    assert_true(x[0] == 1.0f && x[1] == 2.0f);
    assert_true(n[0] == 1 && n[1] == -1 && n[2] == -128);
}

static void takes_typed_contents_packed_and_one_by_one(void **state)
{
    (void)state;
    struct trial *trial = begin();
    float x[2];
    int8_t n[2];
    add_filled(trial, "x", "FP32", 1, 2, 6, TWO_FLOATS);
    size_t begin = begin_input(trial, "n", "INT8", 2, 0);
    size_t contents = protobuf_message_begin(&trial->out, 5);
    protobuf_write_i64(&trial->out, 2, -1);           /* ten bytes */
    protobuf_write_u64(&trial->out, 2, (uint32_t)-2); /* five */
    protobuf_message_end(&trial->out, contents);
    protobuf_message_end(&trial->out, begin);
    assert_int_equal(check(trial), ERR_OK);
    assert_int_equal(infer_fill(&trial->message, &model, 0, x), ERR_OK);
    assert_int_equal(infer_fill(&trial->message, &model, 1, n), ERR_OK);
    assert_true(x[0] == 1.0f && x[1] == 2.0f && n[0] == -1 && n[1] == -2);
}

static void refuses_numbers_beyond_their_type(void **state)
{
    (void)state;
    struct trial *trial = begin();
    int8_t n[1];
    add_filled(trial, "x", "FP32", 1, 2, 6, TWO_FLOATS);
    add_filled(trial, "n", "INT8", 1, 0, 2, SLICE_LIT("\x80\x01"));
    assert_int_equal(check(trial), ERR_OK);
    assert_int_equal(infer_fill(&trial->message, &model, 1, n), ERR_INVALID);
    assert_string_equal(trial->fault_memory, "The input \"n\" is INT8, and 128 is none.");
}

static void refuses_contents_in_the_field_of_another_type(void **state)
{
    (void)state;
    struct trial *trial = begin();
    add_filled(trial, "x", "FP32", 1, 2, 7, SLICE_LIT("\0\0\0\0\0\0\0\0"));
    assert_refused(trial, "The input \"x\" is FP32, which stands in fp32_contents, not in fp64_contents.");
}

static void refuses_contents_beside_raw_contents(void **state)
{
    (void)state;
    struct trial *trial = begin();
    add_filled(trial, "x", "FP32", 1, 2, 6, TWO_FLOATS);
    add_input(trial, "n", "INT8", 1, 0);
    protobuf_write_bytes(&trial->out, 7, SLICE_LIT("\1"));
    assert_refused(trial, "The input \"x\" has contents beside raw_input_contents; one of the two is taken.");
}

static void refuses_raw_contents_of_another_number(void **state)
{
    (void)state;
    struct trial *trial = begin();
    add_input(trial, "x", "FP32", 1, 2);
    add_input(trial, "n", "INT8", 1, 0);
    protobuf_write_bytes(&trial->out, 7, TWO_FLOATS);
    assert_refused(trial, "Expected 2 raw_input_contents, one for each input; got 1.");
}

static void says_what_does_not_fit_the_model(void **state)
{
    (void)state;
    struct trial *trial = begin();
    add_filled(trial, "w", "FP32", 1, 2, 6, TWO_FLOATS);
    assert_refused(trial, "The model has no input \"w\", only \"x\", \"n\".");
    trial = begin();
    add_filled(trial, "x", "FP64", 1, 2, 6, TWO_FLOATS);
    assert_refused(trial, "The input \"x\" is FP32, not \"FP64\".");
    trial = begin();
    add_filled(trial, "x", "FP32", 1, 3, 6, TWO_FLOATS);
    assert_refused(trial, "The shape [1, 3] does not fit: the input \"x\" is [-1, 2], where -1 is any size.");
    trial = begin();
    add_filled(trial, "x", "FP32", -1, 2, 6, TWO_FLOATS);
    assert_int_equal(check(trial), ERR_INVALID);
    trial = begin();
    add_filled(trial, "x", "FP32", 1000, 2, 6, TWO_FLOATS);
    assert_refused(trial, "The shape [1000, 2] takes more memory than a request may have: the input \"x\" is [-1, 2], "
                          "where -1 is any size.");
    trial = begin();
    add_filled(trial, "x", "FP32", 2, 2, 6, TWO_FLOATS);
    assert_refused(trial, "The input \"x\" has 2 elements; expected 4, as its shape says.");
    trial = begin();
    add_filled(trial, "x", "FP32", 1, 2, 6, TWO_FLOATS);
    assert_refused(trial, "The input \"n\" is missing: INT8 [-1], where -1 is any size.");
    trial = begin();
    add_filled(trial, "x", "FP32", 1, 2, 6, TWO_FLOATS);
    add_filled(trial, "x", "FP32", 1, 2, 6, TWO_FLOATS);
    assert_refused(trial, "The input \"x\" is given twice.");
}

static void add_parameter(struct trial *trial, uint32_t map, const char *name, uint32_t kind, uint64_t number,
                          const char *text)
{
    size_t entry = protobuf_message_begin(&trial->out, map);
    protobuf_write_text(&trial->out, 1, slice_of_text(name));
    size_t value = protobuf_message_begin(&trial->out, 2);
    if (text)
        protobuf_write_bytes(&trial->out, kind, slice_of_text(text));
    else
        protobuf_write_u64(&trial->out, kind, number);
    protobuf_message_end(&trial->out, value);
    protobuf_message_end(&trial->out, entry);
}

static void takes_parameters_of_the_request_and_of_outputs(void **state)
{
    (void)state;
    struct trial *trial = begin();
    const struct inference *inference = &trial->message.inference;
    add_parameter(trial, 4, "timeout", 2, 1500, NULL);
    add_parameter(trial, 4, "priority", 5, 2, NULL);
    add_parameter(trial, 4, "sequence_id", 3, 0, "talk");
    add_parameter(trial, 4, "sequence_start", 1, 1, NULL);
    add_parameter(trial, 4, "somebody_elses", 3, 0, "passed over");
    add_filled(trial, "x", "FP32", 1, 2, 6, TWO_FLOATS);
    add_filled(trial, "n", "INT8", 1, 0, 2, SLICE_LIT("\1"));
    size_t output = protobuf_message_begin(&trial->out, 6);
    protobuf_write_text(&trial->out, 1, SLICE_LIT("z"));
    add_parameter(trial, 2, "classification", 2, 3, NULL);
    protobuf_message_end(&trial->out, output);
    assert_int_equal(check(trial), ERR_OK);
    assert_true(inference->timeout_ns == 1500000 && inference->priority == 2 && inference->is_sequence_start);
    assert_true(slice_is(inference->sequence, "talk"));
    assert_int_equal(inference->output_count, 1);
    assert_true(trial->message.wishes[0].index == 1 && trial->message.wishes[0].classes == 3);
}

static void refuses_parameters_of_another_kind(void **state)
{
    (void)state;
    struct trial *trial = begin();
    add_parameter(trial, 4, "timeout", 2, (uint64_t)-1, NULL);
    assert_int_equal(infer_parse(&trial->message, slice_of(trial->out.ptr, trial->out.len)), ERR_INVALID);
    assert_non_null(strstr(trial->fault_memory, "The parameter \"timeout\" does not do: "));
}

static void refuses_more_tensors_than_any_model_has(void **state)
{
    (void)state;
    struct trial *trial = begin();
    for (int i = 0; i <= MODEL_TENSORS_MAX; i++)
        add_input(trial, "x", "FP32", 1, 2);
    assert_refused(trial, "There are more than 16 inputs, which no model here has.");
}

static void refuses_what_is_no_message(void **state)
{
    (void)state;
    struct trial *trial = begin();
    protobuf_write_bytes(&trial->out, 1, SLICE_LIT("\xff"));
    assert_int_equal(check(trial), ERR_SYNTAX);
    trial = begin();
    protobuf_write_u64(&trial->out, 5, 1);
    assert_int_equal(check(trial), ERR_SYNTAX);
    trial = begin();
    add_filled(trial, "x", "FP32", 1, 2, 6, SLICE_LIT("123"));
    assert_int_equal(check(trial), ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_raw_contents_in_the_order_of_the_inputs),
        cmocka_unit_test(takes_typed_contents_packed_and_one_by_one),
        cmocka_unit_test(refuses_numbers_beyond_their_type),
        cmocka_unit_test(refuses_contents_in_the_field_of_another_type),
        cmocka_unit_test(refuses_contents_beside_raw_contents),
        cmocka_unit_test(refuses_raw_contents_of_another_number),
        cmocka_unit_test(says_what_does_not_fit_the_model),
        cmocka_unit_test(takes_parameters_of_the_request_and_of_outputs),
        cmocka_unit_test(refuses_parameters_of_another_kind),
        cmocka_unit_test(refuses_more_tensors_than_any_model_has),
        cmocka_unit_test(refuses_what_is_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
