/* SPDX-License-Identifier: Apache-2.0 */
#include "load/values.h"

#include <stdarg.h>
#include <stddef.h>

#include "lib/base/attr.h"
#include "lib/regex/regex.h"

#include <setjmp.h>

#include <cmocka.h>

static struct pool pool;
static struct arena arena;
static struct regex_work *work;

static int begin(void **state)
{
    (void)state;
    pool_init(&pool, 0, 64u << 20);
    arena_init(&arena, &pool, 65536, 32u << 20);
    return regex_work_create(LOAD_REGEX_STEPS_MAX, &work) == ERR_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    regex_work_destroy(work);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}

static struct slice fill(const struct load_piece *pieces, uint32_t count, struct load_values *values)
{
    struct slice text = {NULL, 0};
    struct buffer out = buffer_in_arena(&arena, 0);
    const struct load_template template = {.pieces = pieces, .count = count};
    assert_int_equal(load_fill(&template, values, &out), ERR_OK);
    assert_int_equal(buffer_finish(&out, &text), ERR_OK);
    return text;
}

static void pieces_stand_in_order(void **state)
{
    (void)state;
    struct slice variables[] = {SLICE_LIT("abc")};
    static const struct slice cells[] = {SLICE_LIT("ann"), SLICE_LIT("1"), SLICE_LIT("bob"), SLICE_LIT("2")};
    const struct load_data data = {.column_count = 2, .cells = cells, .row_count = 2};
    const struct load_plan plan = {.data = &data, .data_count = 1, .variable_count = 1};
    const uint32_t row = 1;
    uint64_t sequence = 3;
    struct load_values values = {.plan = &plan,
                                 .variables = variables,
                                 .rows = &row,
                                 .user = 7,
                                 .iteration = 12,
                                 .sequence = &sequence,
                                 .sequence_stride = 4};
    static const struct load_piece pieces[] = {
        {.kind = LOAD_PIECE_TEXT, .text = SLICE_LIT("/u/")},
        {.kind = LOAD_PIECE_COLUMN, .data = 0, .variable = 0},
        {.kind = LOAD_PIECE_TEXT, .text = SLICE_LIT("?t=")},
        {.kind = LOAD_PIECE_VARIABLE, .variable = 0},
        {.kind = LOAD_PIECE_SEQUENCE},
        {.kind = LOAD_PIECE_TEXT, .text = SLICE_LIT(",")},
        {.kind = LOAD_PIECE_SEQUENCE},
        {.kind = LOAD_PIECE_TEXT, .text = SLICE_LIT(" ")},
        {.kind = LOAD_PIECE_USER},
        {.kind = LOAD_PIECE_ITERATION},
    };
    assert_true(slice_is(fill(pieces, ARRAY_LEN(pieces), &values), "/u/bob?t=abc3,7 712"));
    assert_int_equal(sequence, 11);
}

static void what_is_filled_in_is_escaped_where_it_must_be(void **state)
{
    (void)state;
    struct slice variables[] = {SLICE_LIT("a\"b\\\n")};
    const struct load_plan plan = {.variable_count = 1};
    struct load_values values = {.plan = &plan, .variables = variables};
    static const struct load_piece escaped[] = {{.kind = LOAD_PIECE_VARIABLE, .escape = LOAD_ESCAPE_JSON}};
    static const struct load_piece path[] = {{.kind = LOAD_PIECE_VARIABLE, .escape = LOAD_ESCAPE_PATH}};
    static const struct load_piece plain[] = {{.kind = LOAD_PIECE_VARIABLE}};
    assert_true(slice_is(fill(escaped, 1, &values), "a\\\"b\\\\\\n"));
    assert_true(slice_is(fill(plain, 1, &values), "a\"b\\\n"));
    assert_true(slice_is(fill(path, 1, &values), "a%22b%5C%0A"));
    variables[0] = SLICE_LIT("/a b/?q=%20&\xc3\xa9");
    assert_true(slice_is(fill(path, 1, &values), "/a%20b/?q=%20&%C3%A9"));
}

static void random_numbers_keep_to_their_bounds_and_reach_both(void **state)
{
    (void)state;
    struct load_random random = {.state = 1};
    struct load_values values = {.random = &random};
    static const struct load_piece pieces[] = {{.kind = LOAD_PIECE_RANDOM, .low = -2, .high = 2}};
    unsigned seen = 0;
    for (int i = 0; i < 200; i++) {
        struct slice text = fill(pieces, 1, &values);
        int value = text.ptr[0] == '-' ? -(text.ptr[1] - '0') : text.ptr[0] - '0';
        assert_in_range(value + 2, 0, 4);
        seen |= 1u << (value + 2);
    }
    assert_int_equal(seen, 0x1f);
}

static void uuids_are_of_version_4(void **state)
{
    (void)state;
    struct load_random random = {.state = 1};
    struct load_values values = {.random = &random};
    static const struct load_piece pieces[] = {{.kind = LOAD_PIECE_UUID}};
    struct slice one = fill(pieces, 1, &values);
    struct slice two = fill(pieces, 1, &values);
    assert_int_equal(one.len, 36);
    assert_true(one.ptr[8] == '-' && one.ptr[13] == '-' && one.ptr[18] == '-' && one.ptr[23] == '-');
    assert_int_equal(one.ptr[14], '4');
    assert_non_null(memchr("89ab", one.ptr[19], 4));
    assert_false(slice_equal(one, two));
}

static struct http_header headers[] = {
    {SLICE_LIT("Set-Cookie"), SLICE_LIT("sid=xyz; Path=/"), HTTP_FIELD_OTHER},
    {SLICE_LIT("Content-Type"), SLICE_LIT("application/json"), HTTP_FIELD_OTHER},
};
static const struct http_head head = {.status = 201, .headers = headers, .header_count = ARRAY_LEN(headers)};

static bool holds(struct load_check check, const char *body)
{
    struct regex_fault fault;
    const struct load_step step = {.checks = &check, .check_count = 1};
    const struct load_values values = {.regex_work = work};
    struct load_response response = {.head = &head, .body = slice_of_text(body), .latency_ns = 5000};
    if (check.test == LOAD_MATCHES)
        assert_int_equal(regex_compile(check.text, &fault, &check.regex), ERR_OK);
    int first = load_check_all(&step, &response, &values, &arena);
    regex_destroy(check.regex);
    return first < 0;
}

static void checks_hold_or_do_not(void **state)
{
    (void)state;
    static const struct load_statuses good[] = {{200, 200}, {201, 204}}, bad[] = {{200, 200}, {300, 599}};
    const char *const body = "{\"result\":\"180\",\"n\":3,\"list\":[true,null],\"empty\":\"\"}";
    const struct {
        struct load_check check;
        bool holds;
    } rows[] = {
        {{.where = LOAD_OF_STATUS, .statuses = good, .status_count = 2}, true},
        {{.where = LOAD_OF_STATUS, .statuses = bad, .status_count = 2}, false},
        {{.where = LOAD_OF_HEADER, .key = SLICE_LIT("content-type"), .test = LOAD_CONTAINS, .text = SLICE_LIT("json")},
         true},
        {{.where = LOAD_OF_HEADER, .key = SLICE_LIT("etag"), .test = LOAD_EXISTS}, false},
        {{.where = LOAD_OF_HEADER, .key = SLICE_LIT("etag"), .test = LOAD_ABSENT}, true},
        {{.where = LOAD_OF_JSON, .key = SLICE_LIT("/result"), .test = LOAD_EQUALS, .text = SLICE_LIT("180")}, true},
        {{.where = LOAD_OF_JSON, .key = SLICE_LIT("/n"), .test = LOAD_AT_LEAST, .number = 3, .is_number = true}, true},
        {{.where = LOAD_OF_JSON, .key = SLICE_LIT("/n"), .test = LOAD_MORE, .number = 3, .is_number = true}, false},
        {{.where = LOAD_OF_JSON, .key = SLICE_LIT("/list/0"), .test = LOAD_EQUALS, .text = SLICE_LIT("true")}, true},
        {{.where = LOAD_OF_JSON, .key = SLICE_LIT("/list/1"), .test = LOAD_EQUALS, .text = SLICE_LIT("null")}, true},
        {{.where = LOAD_OF_JSON, .key = SLICE_LIT("/empty"), .test = LOAD_EXISTS}, true},
        {{.where = LOAD_OF_JSON, .key = SLICE_LIT("/none"), .test = LOAD_NOT_EQUALS, .text = SLICE_LIT("x")}, false},
        {{.where = LOAD_OF_BODY, .test = LOAD_CONTAINS, .text = SLICE_LIT("\"n\":3")}, true},
        {{.where = LOAD_OF_BODY, .test = LOAD_MATCHES, .text = SLICE_LIT("result\":\"\\d+\"")}, true},
        {{.where = LOAD_OF_TIME, .test = LOAD_LESS, .number = 5000}, false},
        {{.where = LOAD_OF_TIME, .test = LOAD_AT_MOST, .number = 5000}, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (holds(rows[i].check, body) != rows[i].holds)
            fail_msg("row %zu", i);
    assert_false(holds(rows[5].check, "no json"));
    assert_false(
        holds((struct load_check){.where = LOAD_OF_BODY, .test = LOAD_MATCHES, .text = SLICE_LIT(".")}, "\xff"));
}

static void values_are_taken_out(void **state)
{
    (void)state;
    struct regex *regex;
    struct regex_fault fault;
    assert_int_equal(regex_compile_capturing(SLICE_LIT("sid=([^;]+)"), &fault, &regex), ERR_OK);
    const struct load_extract extracts[] = {
        {.variable = 0, .where = LOAD_OF_HEADER, .key = SLICE_LIT("set-cookie"), .regex = regex},
        {.variable = 1, .where = LOAD_OF_JSON, .key = SLICE_LIT("/a/1")},
        {.variable = 2, .where = LOAD_OF_JSON, .key = SLICE_LIT("/none"), .is_optional = true},
        {.variable = 3, .where = LOAD_OF_BODY},
        {.variable = 4, .where = LOAD_OF_JSON, .key = SLICE_LIT("/none")},
    };
    struct slice variables[5] = {{NULL, 0}, {NULL, 0}, SLICE_LIT("before"), {NULL, 0}, {NULL, 0}};
    struct load_values values = {.variables = variables, .regex_work = work};
    struct load_response response = {.head = &head, .body = SLICE_LIT("{\"a\":[1,{\"b\":2}]}")};
    struct load_step step = {.extracts = extracts, .extract_count = 4};
    assert_true(load_step_reads_body(&step));
    assert_int_equal(load_extract_all(&step, &response, &values, &arena), ERR_OK);
    assert_true(slice_is(variables[0], "xyz"));
    assert_true(slice_is(variables[1], "{\"b\":2}"));
    assert_true(slice_is(variables[2], "before"));
    assert_true(slice_is(variables[3], "{\"a\":[1,{\"b\":2}]}"));
    step.extract_count = 5;
    assert_int_equal(load_extract_all(&step, &response, &values, &arena), ERR_NOT_FOUND);
    step = (struct load_step){.extracts = extracts, .extract_count = 1};
    assert_false(load_step_reads_body(&step));
    regex_destroy(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_stand_in_order),
        cmocka_unit_test(what_is_filled_in_is_escaped_where_it_must_be),
        cmocka_unit_test(random_numbers_keep_to_their_bounds_and_reach_both),
        cmocka_unit_test(uuids_are_of_version_4),
        cmocka_unit_test(checks_hold_or_do_not),
        cmocka_unit_test(values_are_taken_out),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
