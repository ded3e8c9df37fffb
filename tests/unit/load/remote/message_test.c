/* SPDX-License-Identifier: Apache-2.0 */
#include "load/remote/message_int.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "unit/support/arena.h"

static int begin(void **state)
{
    (void)state;
    return make_arena_of((size_t)64 << 20);
}

static enum err parse(const char *text, struct load_message *message)
{
    const char *why;
    return load_message_parse(&arena, slice_of_text(text), LOAD_ORDER_BYTES_MAX, message, &why);
}

static struct load_message there_and_back(const struct load_message *message)
{
    struct load_message back = {0};
    struct slice line;
    const char *why;
    assert_int_equal(load_message_format(&arena, message, &line), ERR_OK);
    assert_int_equal(line.ptr[line.len - 1], '\n');
    assert_int_equal(slice_find(line, '\n'), line.len - 1);
    line.len--;
    assert_int_equal(load_message_parse(&arena, line, LOAD_ORDER_BYTES_MAX, &back, &why), ERR_OK);
    assert_int_equal(back.kind, message->kind);
    return back;
}

static void what_is_said_is_heard(void **state)
{
    (void)state;
    struct load_message hello = {.kind = LOAD_MESSAGE_HELLO,
                                 .protocol = 7,
                                 .version = SLICE_LIT("1.2.3"),
                                 .nonce = SLICE_LIT("n"),
                                 .proof = SLICE_LIT("\"p\n\"")};
    struct load_message back = there_and_back(&hello);
    assert_int_equal(back.protocol, 7);
    assert_true(slice_is(back.version, "1.2.3"));
    assert_true(slice_is(back.proof, "\"p\n\""));
    struct load_message time = {.kind = LOAD_MESSAGE_TIME, .sent_ns = 1, .received_ns = UINT64_MAX, .answered_ns = 3};
    back = there_and_back(&time);
    assert_true(back.received_ns == UINT64_MAX);
    struct load_message greeting = {.kind = LOAD_MESSAGE_GREETING, .needs_token = true};
    assert_true(there_and_back(&greeting).needs_token);
    struct load_message stop = {.kind = LOAD_MESSAGE_STOP};
    (void)there_and_back(&stop);
}

static void words_of_the_other_side_do_not_control_a_terminal(void **state)
{
    (void)state;
    struct load_message message = {0};
    assert_int_equal(
        parse("{\"type\":\"refused\",\"code\":\"busy\",\"text\":\"\\u001b[2J Gr\u00fc\u00dfe\\u009b\"}", &message),
        ERR_OK);
    assert_true(slice_is(message.code, "busy"));
    assert_true(slice_is(message.text, "?[2J Gr\u00fc\u00dfe??"));
}

static void values_stay_in_the_document(void **state)
{
    (void)state;
    struct load_message message;
    assert_int_equal(
        parse("{\"type\":\"prepare\",\"part\":1,\"parts\":2,\"seed\":3,\"words\":[\"-c\",\"64\"],\"probe_rate\":0.5,"
              "\"probe_ns\":1,\"probe_warm_ns\":2,\"probe_interval_ns\":3,\"probe_drain_ns\":4}",
              &message),
        ERR_OK);
    assert_int_equal(yyjson_arr_size(message.words), 2);
    assert_int_equal(parse("{\"type\":\"record\",\"record\":{}}", &message), ERR_OK);
    assert_non_null(message.record);
}

static void rejects_what_is_no_message(void **state)
{
    (void)state;
    struct load_message message;
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"type\":1}",
        "{\"type\":\"hullo\"}",
        "{\"type\":\"stop\"",
        "stop",
        "{\"type\":\"stop\",\"type\":\"stop\"}",
        "{\"type\":\"begin\"}",
        "{\"type\":\"begin\",\"at_ns\":-1}",
        "{\"type\":\"begin\",\"at_ns\":1.5}",
        "{\"type\":\"begin\",\"at_ns\":\"1\"}",
        "{\"type\":\"begin\",\"at_ns\":1e400}",
        "{\"type\":\"record\",\"record\":[]}",
        "{\"type\":\"piece\",\"content\":null}",
        "{\"type\":\"stop\"}{}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(parse(texts[i], &message), ERR_SYNTAX);
}

static void members_that_are_not_known_are_passed_over(void **state)
{
    (void)state;
    struct load_message message;
    assert_int_equal(parse("{\"type\":\"stop\",\"gently\":true}", &message), ERR_OK);
}

static void there_is_an_end_to_length_and_depth(void **state)
{
    (void)state;
    struct load_message message;
    const char *why;
    assert_int_equal(load_message_parse(&arena, SLICE_LIT("{\"type\":\"stop\"}"), 5, &message, &why), ERR_LIMIT);
    assert_int_equal(parse("{\"type\":\"stop\",\"x\":[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]}", &message), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_said_is_heard, begin, drop_arena),
        cmocka_unit_test_setup_teardown(words_of_the_other_side_do_not_control_a_terminal, begin, drop_arena),
        cmocka_unit_test_setup_teardown(values_stay_in_the_document, begin, drop_arena),
        cmocka_unit_test_setup_teardown(rejects_what_is_no_message, begin, drop_arena),
        cmocka_unit_test_setup_teardown(members_that_are_not_known_are_passed_over, begin, drop_arena),
        cmocka_unit_test_setup_teardown(there_is_an_end_to_length_and_depth, begin, drop_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
