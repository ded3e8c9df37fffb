/* SPDX-License-Identifier: Apache-2.0 */
/* Who has the turn in a sequence, how many there are, and when one is gone. */
#include "pipeline/sequence/sequence_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define IDLE_NS 1000

static struct sequences *sequences;
static struct worker *const here = (struct worker *)0x1000; /* never looked into */
static struct worker *const there = (struct worker *)0x2000;
static struct sequence_ticket tickets[6];
static bool is_gone;
static struct entrance_counts counts;

static const struct model_info info = {
    .inputs = {{.name = {"x", 1}, .type = TENSOR_F32, .rank = 1, .dims = {-1}},
               {.name = {"s", 1}, .type = TENSOR_F32, .rank = 2, .dims = {-1, 4}},
               {.name = {"t", 1}, .type = TENSOR_BYTES, .rank = 1, .dims = {-1}}},
    .input_count = 3,
    .outputs = {{.name = {"y", 1}, .type = TENSOR_F32, .rank = 1, .dims = {-1}},
                {.name = {"n", 1}, .type = TENSOR_F32, .rank = 2, .dims = {-1, 4}},
                {.name = {"i", 1}, .type = TENSOR_I64, .rank = 2, .dims = {-1, 4}},
                {.name = {"u", 1}, .type = TENSOR_BYTES, .rank = 1, .dims = {-1}}},
    .output_count = 4,
};

static enum err make(const struct sequence_state_config *states, uint32_t count, struct text *fault)
{
    const struct model_config config = {
        .sequence = {.states = {.items = (void *)(uintptr_t)states, .count = count}, .idle_ns = IDLE_NS, .max = 2}};
    return sequences_create(&config, &info, fault, &sequences);
}

static int setup(void **state)
{
    (void)state;
    static const struct sequence_state_config link = {.input = {"s", 1}, .output = {"n", 1}};
    char memory[200];
    struct text fault = text_init(memory, sizeof memory);
    assert_int_equal(make(&link, 1, &fault), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(tickets); i++)
        tickets[i] = (struct sequence_ticket){
            .request = (struct request *)(uintptr_t)(i + 1), .worker = here, .sequences = sequences};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sequences_destroy(sequences);
    return 0;
}

static enum entrance enter_at(uint32_t i, const char *name, bool is_start, uint64_t now_ns)
{
    return sequence_enter(&tickets[i], slice_of_text(name), is_start, now_ns, &counts);
}

static enum entrance enter(uint32_t i, const char *name, bool is_start)
{
    return enter_at(i, name, is_start, 0);
}

static uintptr_t leave_at(uint32_t i, bool ends, uint64_t now_ns)
{
    uint32_t before = sequences_count(sequences);
    uintptr_t next = (uintptr_t)sequence_leave(&tickets[i], ends, now_ns);
    is_gone = sequences_count(sequences) < before;
    return next;
}

static uintptr_t leave(uint32_t i, bool ends)
{
    return leave_at(i, ends, 0);
}

static void begins_with_a_start_only(void **state)
{
    (void)state;
    assert_int_equal(enter(0, "a", false), ENTRANCE_UNKNOWN);
    assert_int_equal(enter(0, "a", true), ENTRANCE_OPEN);
    assert_int_equal(counts.begun, 1);
    assert_true(tickets[0].is_turn);
    leave(0, false);
    assert_false(is_gone);
    assert_int_equal(enter(1, "a", false), ENTRANCE_OPEN);
    assert_true(tickets[1].is_turn && tickets[1].slot == tickets[0].slot);
    assert_int_equal(counts.begun, 0);
    leave(1, true);
    assert_true(is_gone);
    assert_int_equal(enter(2, "a", false), ENTRANCE_UNKNOWN);
}

static void gives_the_turn_in_the_order_of_arrival(void **state)
{
    (void)state;
    enter(0, "a", true);
    enter(1, "a", false);
    enter(2, "a", false);
    enter(3, "a", false);
    assert_true(tickets[0].is_turn && !tickets[1].is_turn && !tickets[2].is_turn);
    assert_int_equal(leave(2, false), 0); /* it only waited */
    assert_false(tickets[1].is_turn);
    assert_int_equal(leave(0, false), 2); /* the request of ticket 1 */
    assert_true(tickets[1].is_turn && !tickets[3].is_turn);
    assert_int_equal(leave(1, false), 4);
    assert_true(tickets[3].is_turn);
}

static void tells_requests_of_other_workers_by_a_flag_alone(void **state)
{
    (void)state;
    tickets[1].worker = there;
    enter(0, "a", true);
    enter(1, "a", false);
    assert_int_equal(leave(0, false), 0);
    assert_true(tickets[1].is_turn);
}

static void ends_when_the_last_in_the_queue_has_left(void **state)
{
    (void)state;
    enter(0, "a", true);
    enter(1, "a", false);
    leave(0, true);
    assert_false(is_gone);
    assert_true(tickets[1].slot->has_ended);
    leave(1, false);
    assert_true(is_gone);
    assert_int_equal(sequences->count, 0);
}

static void bounds_how_many_there_are_and_drops_idle_ones(void **state)
{
    (void)state;
    enter_at(0, "a", true, 100);
    enter_at(1, "b", true, 100);
    leave_at(0, false, 200);
    leave_at(1, false, 300);
    assert_int_equal(enter_at(2, "c", true, 300), ENTRANCE_FULL);
    assert_int_equal(enter_at(2, "c", true, 200 + IDLE_NS), ENTRANCE_OPEN);
    assert_int_equal(counts.expired, 1);
    assert_int_equal(enter_at(3, "a", false, 200 + IDLE_NS), ENTRANCE_UNKNOWN);
    assert_int_equal(enter_at(3, "b", false, 200 + IDLE_NS), ENTRANCE_OPEN);
}

static void keeps_what_runs_however_long_that_takes(void **state)
{
    (void)state;
    enter_at(0, "a", true, 100);
    enter_at(1, "b", true, 100 + 5 * IDLE_NS);
    assert_int_equal(counts.expired, 0);
    assert_int_equal(sequences->count, 2);
}

static void says_what_of_the_configuration_does_not_fit(void **state)
{
    (void)state;
    static const uint64_t dims[] = {1, 5};
    static const struct {
        struct sequence_state_config link;
        const char *why;
    } bad[] = {
        {{.input = {"z", 1}, .output = {"n", 1}}, "the model has no such input"},
        {{.input = {"s", 1}, .output = {"z", 1}}, "the model has no such output"},
        {{.input = {"s", 1}, .output = {"i", 1}}, "input and output are of different types"},
        {{.input = {"t", 1}, .output = {"u", 1}}, "texts cannot be a state"},
        {{.input = {"s", 1}, .output = {"n", 1}, .dims = {(void *)(uintptr_t)dims, 2}}, "`dims` do not fit the input"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char memory[200] = "";
        struct text fault = text_init(memory, sizeof memory);
        struct sequences *kept = sequences;
        assert_int_equal(make(&bad[i].link, 1, &fault), ERR_INVALID);
        assert_non_null(strstr(memory, bad[i].why));
        sequences = kept;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(begins_with_a_start_only),
        TEST(gives_the_turn_in_the_order_of_arrival),
        TEST(tells_requests_of_other_workers_by_a_flag_alone),
        TEST(ends_when_the_last_in_the_queue_has_left),
        TEST(bounds_how_many_there_are_and_drops_idle_ones),
        TEST(keeps_what_runs_however_long_that_takes),
        TEST(says_what_of_the_configuration_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
