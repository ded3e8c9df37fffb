/* SPDX-License-Identifier: Apache-2.0 */
#include "load/remote/proof_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct slice text_of(const struct load_proof *proof)
{
    return slice_of(proof->chars, LOAD_PROOF_CHARS);
}

static struct load_proof prove(const char *token, enum load_side side, const char *agent, const char *controller)
{
    struct load_proof proof;
    assert_int_equal(
        load_proof_make(slice_of_text(token), side, slice_of_text(agent), slice_of_text(controller), &proof), ERR_OK);
    return proof;
}

static void each_part_of_it_counts(void **state)
{
    (void)state;
    struct load_proof right = prove("token", LOAD_SIDE_AGENT, "aa", "cc");
    const struct load_proof wrong[] = {
        prove("other", LOAD_SIDE_AGENT, "aa", "cc"),      prove("", LOAD_SIDE_AGENT, "aa", "cc"),
        prove("token", LOAD_SIDE_CONTROLLER, "aa", "cc"), prove("token", LOAD_SIDE_AGENT, "ab", "cc"),
        prove("token", LOAD_SIDE_AGENT, "aa", "cd"),      prove("token", LOAD_SIDE_AGENT, "a", "acc"),
    };
    struct load_proof again = prove("token", LOAD_SIDE_AGENT, "aa", "cc");
    assert_true(load_proof_is(&right, text_of(&again)));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(load_proof_is(&right, text_of(&wrong[i])));
}

static void a_part_of_a_proof_is_none(void **state)
{
    (void)state;
    struct load_proof right = prove("token", LOAD_SIDE_AGENT, "aa", "cc");
    assert_false(load_proof_is(&right, (struct slice){right.chars, LOAD_PROOF_CHARS - 1}));
    assert_false(load_proof_is(&right, (struct slice){NULL, 0}));
}

static void nonces_are_bounded_and_differ(void **state)
{
    (void)state;
    char memory[65] = {0};
    struct load_proof proof;
    struct load_proof one;
    struct load_proof other;
    assert_int_equal(
        load_proof_make(SLICE_LIT("t"), LOAD_SIDE_AGENT, slice_of(memory, sizeof memory), SLICE_LIT("c"), &proof),
        ERR_SYNTAX);
    assert_int_equal(load_nonce_make(&one), ERR_OK);
    assert_int_equal(load_nonce_make(&other), ERR_OK);
    assert_false(load_proof_is(&one, text_of(&other)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_of_it_counts),
        cmocka_unit_test(a_part_of_a_proof_is_none),
        cmocka_unit_test(nonces_are_bounded_and_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
