/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SALT   "000102030405060708090a0b0c0d0e0f"
#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define KEY    "weir_aaaaaaaa_" SECRET
/* SHA-256 of the sixteen bytes of SALT and the characters of SECRET, by coreutils' sha256sum. */
#define HASH "7e1c6158663861767a85469482f580b29ebc3a08c4e87a4081668056af5b7a18"
#define LINE "aaaaaaaa acme laptop " SALT " " HASH " 2026-01-01T00:00:00Z - -\n"

struct fixture {
    struct pool pool;
    struct arena arena;
    struct key_verifier verifier;
    struct text fault;
    char fault_memory[512];
    struct key_store *store;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    pool_init(&fixture->pool, 0, 64 << 20);
    arena_init(&fixture->arena, &fixture->pool, 4096, 32 << 20);
    fixture->fault = text_init(fixture->fault_memory, sizeof fixture->fault_memory);
    assert_int_equal(key_verifier_init(&fixture->verifier), ERR_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    key_verifier_deinit(&fixture->verifier);
    arena_reset(&fixture->arena);
    pool_deinit(&fixture->pool);
    free(fixture);
    return 0;
}

static void load(struct fixture *fixture, const char *text)
{
    assert_int_equal(
        key_store_parse(slice_of_text(text), SLICE_LIT("keys.conf"), &fixture->arena, &fixture->fault, &fixture->store),
        ERR_OK);
}

static enum err verify(struct fixture *fixture, const char *key, int64_t now_s)
{
    struct key_slot *slot;
    return key_store_verify(fixture->store, &fixture->verifier, slice_of_text(key), now_s, &slot);
}

static void assert_refused(struct fixture *fixture, const char *text, enum err expected, const char *fault)
{
    fixture->fault = text_init(fixture->fault_memory, sizeof fixture->fault_memory);
    assert_int_equal(
        key_store_parse(slice_of_text(text), SLICE_LIT("keys.conf"), &fixture->arena, &fixture->fault, &fixture->store),
        expected);
    assert_string_equal(fixture->fault_memory, fault);
}

static void knows_whose_a_key_is(void **state)
{
    struct fixture *fixture = *state;
    struct key_slot *slot;
    load(fixture, "# comment\n\n" LINE);
    assert_int_equal(key_store_verify(fixture->store, &fixture->verifier, SLICE_LIT(KEY), 0, &slot), ERR_OK);
    assert_true(slice_is(slot->record->identity.id, "aaaaaaaa"));
    assert_true(slice_is(slot->record->identity.tenant, "acme"));
    assert_true(slice_is(slot->record->identity.name, "laptop"));
}

static void refuses_every_key_that_differs_in_one_character(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, LINE);
    for (size_t i = 0; i < sizeof KEY - 1; i++) {
        char key[] = KEY;
        key[i] = (char)(key[i] == 'b' ? 'c' : 'b');
        assert_int_equal(verify(fixture, key, 0), ERR_DENIED);
    }
}

static void refuses_malformed_keys(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {"",
                                      "weir_",
                                      "weir_aaaaaaaa",
                                      "weir_aaaaaaaa_",
                                      "weir__" SECRET,
                                      KEY "A",
                                      "weir_aaaaaaaa_" SECRET SECRET,
                                      "WEIR_aaaaaaaa_" SECRET,
                                      "weir_AAAAAAAA_" SECRET,
                                      "weir_bbbbbbbb_" SECRET,
                                      " " KEY,
                                      "aaaaaaaa_" SECRET};
    load(fixture, LINE);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(verify(fixture, bad[i], 0), ERR_DENIED);
    struct key_slot *slot;
    assert_int_equal(key_store_verify(fixture->store, &fixture->verifier, slice_of(NULL, 0), 0, &slot), ERR_DENIED);
}

static void refuses_all_with_an_empty_file(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "# nobody\n");
    assert_int_equal(fixture->store->count, 0);
    assert_int_equal(verify(fixture, KEY, 0), ERR_DENIED);
}

/* What an unknown id is compared with must not be a key that somebody could have. */
static void lets_nobody_in_by_the_stand_in_record(void **state)
{
    struct fixture *fixture = *state;
    char zeros[KEY_CHARS_MAX] = "weir_cccccccc_";
    struct key_slot *slot;
    load(fixture, LINE);
    assert_int_equal(
        key_store_verify(fixture->store, &fixture->verifier, slice_of(zeros, 14 + KEY_SECRET_CHARS), -1, &slot),
        ERR_DENIED);
}

static void ends_a_key_at_its_expiry_and_its_revocation(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, "aaaaaaaa acme - " SALT " " HASH " 1970-01-01T00:00:00Z 1970-01-01T00:01:40Z -\n");
    assert_int_equal(verify(fixture, KEY, 99), ERR_OK);
    assert_int_equal(verify(fixture, KEY, 100), ERR_DENIED);
    load(fixture, "aaaaaaaa acme - " SALT " " HASH " 1970-01-01T00:00:00Z - 1970-01-01T00:00:50Z\n");
    assert_int_equal(verify(fixture, KEY, 49), ERR_OK);
    assert_int_equal(verify(fixture, KEY, 50), ERR_DENIED);
}

/* The memory compares the prefix, the length and a tag of the rest. */
static void refuses_what_only_resembles_a_key_it_remembers(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, LINE);
    assert_int_equal(verify(fixture, KEY, 0), ERR_OK);
    refuses_every_key_that_differs_in_one_character(state);
    assert_int_equal(verify(fixture, KEY, 0), ERR_OK);
    assert_int_equal(verify(fixture, KEY "A", 0), ERR_DENIED);
    assert_int_equal(verify(fixture,
                            "weir_a"
                            "aaaaaaaa_" SECRET,
                            0),
                     ERR_DENIED);
    assert_int_equal(verify(fixture, KEY, 0), ERR_OK);
}

static void forgets_the_memo_with_the_key(void **state)
{
    struct fixture *fixture = *state;
    struct key_slot *slot;
    load(fixture, LINE);
    assert_int_equal(key_store_verify(fixture->store, &fixture->verifier, SLICE_LIT(KEY), 0, &slot), ERR_OK);
    assert_null(slot->memo.asker);
    slot->memo = (struct key_memo){.asker = fixture, .text = KEY, .number = 7};
    assert_int_equal(key_store_verify(fixture->store, &fixture->verifier, SLICE_LIT(KEY), 0, &slot), ERR_OK);
    assert_ptr_equal(slot->memo.asker, fixture);
    load(fixture, LINE);
    assert_int_equal(key_store_verify(fixture->store, &fixture->verifier, SLICE_LIT(KEY), 0, &slot), ERR_OK);
    assert_null(slot->memo.asker);
}

static void refuses_a_wrong_secret_of_a_key_it_remembers(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, LINE);
    assert_int_equal(verify(fixture, KEY, 0), ERR_OK);
    assert_int_equal(verify(fixture, "weir_aaaaaaaa_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", 0), ERR_DENIED);
    assert_int_equal(verify(fixture, KEY, 0), ERR_OK);
}

/* The records change under the store here, as they do when another store is loaded to the same place. */
static void believes_what_it_remembers_of_this_store_only(void **state)
{
    struct fixture *fixture = *state;
    load(fixture, LINE);
    uint64_t serial = fixture->store->serial;
    assert_int_equal(verify(fixture, KEY, 0), ERR_OK);
    fixture->store->records[0].hash[0] ^= 1;
    assert_int_equal(verify(fixture, KEY, 0), ERR_OK);
    fixture->store->serial++;
    assert_int_equal(verify(fixture, KEY, 0), ERR_DENIED);
    load(fixture, LINE);
    assert_true(fixture->store->serial != serial);
}

static void finds_each_of_many(void **state)
{
    struct fixture *fixture = *state;
    static char text[400 * 200];
    struct text out = text_init(text, sizeof text);
    for (int i = 0; i < 400; i++)
        text_printf(&out, "k%07d t%d - " SALT " " HASH " 2026-01-01T00:00:00Z - -\n", i * 7 % 400, i * 7 % 400);
    load(fixture, text);
    for (int i = 0; i < 400; i++) {
        char key[KEY_CHARS_MAX + 1];
        char tenant[16];
        struct key_slot *slot;
        (void)snprintf(key, sizeof key, "weir_k%07d_" SECRET, i);
        (void)snprintf(tenant, sizeof tenant, "t%d", i);
        assert_int_equal(key_store_verify(fixture->store, &fixture->verifier, slice_of_text(key), 0, &slot), ERR_OK);
        assert_true(slice_is(slot->record->identity.tenant, tenant));
    }
}

static void refuses_lines_that_are_not_a_key(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *line;
        const char *fault;
    } rows[] = {
        {"a b c", "a key has 8 fields with spaces between: id tenant name salt hash created expires revoked"},
        {"AAAAAAAA acme - " SALT " " HASH " - - -", "id \"AAAAAAAA\" is not 8 to 16 of a-z and 0-9"},
        {"aaaaaaa acme - " SALT " " HASH " - - -", "id \"aaaaaaa\" is not 8 to 16 of a-z and 0-9"},
        {"aaaaaaaa - - " SALT " " HASH " - - -", "tenant \"-\" is not 1 to 64 of A-Z a-z 0-9 _ . @ + -"},
        {"aaaaaaaa a:b - " SALT " " HASH " - - -", "tenant \"a:b\" is not 1 to 64 of A-Z a-z 0-9 _ . @ + -"},
        {"aaaaaaaa acme a/b " SALT " " HASH " - - -", "name \"a/b\" is not 1 to 64 of A-Z a-z 0-9 _ . @ + -, or -"},
        {"aaaaaaaa acme - 00 " HASH " - - -", "salt \"00\" is not 16 bytes in hex"},
        {"aaaaaaaa acme - " SALT " zz - - -", "hash \"zz\" is not 32 bytes in hex"},
        {"aaaaaaaa acme - " SALT " " HASH " today - -",
         "created \"today\" is not a time such as 2026-01-31T12:00:00Z, or -"},
        {"aaaaaaaa acme - " SALT " " HASH " - 2026-02-30T00:00:00Z -",
         "expires \"2026-02-30T00:00:00Z\" is not a time such as 2026-01-31T12:00:00Z, or -"},
        {"aaaaaaaa acme - " SALT " " HASH " - - 1", "revoked \"1\" is not a time such as 2026-01-31T12:00:00Z, or -"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[512];
        char fault[512];
        (void)snprintf(text, sizeof text, "# first\n%s\n", rows[i].line);
        (void)snprintf(fault, sizeof fault, "keys.conf:2: %s", rows[i].fault);
        assert_refused(fixture, text, ERR_SYNTAX, fault);
    }
}

static void refuses_an_id_that_stands_twice(void **state)
{
    struct fixture *fixture = *state;
    assert_refused(fixture, LINE "# x\n" LINE, ERR_EXISTS, "keys.conf:3: id \"aaaaaaaa\" stands in line 1 already");
}

static void says_what_is_wrong_with_the_file(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(key_store_load(SLICE_LIT("/nonexistent/k"), &fixture->arena, &fixture->fault, &fixture->store),
                     ERR_NOT_FOUND);
    assert_string_equal(fixture->fault_memory, "keys file /nonexistent/k does not exist; make it with: weir keys add "
                                               "--file /nonexistent/k");
    fixture->fault = text_init(fixture->fault_memory, sizeof fixture->fault_memory);
    assert_int_equal(key_store_load(SLICE_LIT("/dev/null"), &fixture->arena, &fixture->fault, &fixture->store),
                     ERR_INVALID);
    assert_string_equal(fixture->fault_memory, "keys file /dev/null is not a regular file");
}

static void survives_every_truncation(void **state)
{
    struct fixture *fixture = *state;
    for (size_t len = 0; len < sizeof LINE; len++) {
        char *exact = malloc(len ? len : 1);
        assert_non_null(exact);
        memcpy(exact, LINE, len);
        enum err err =
            key_store_parse(slice_of(exact, len), SLICE_LIT("k"), &fixture->arena, &fixture->fault, &fixture->store);
        assert_true(err == ERR_OK || err == ERR_SYNTAX);
        free(exact);
    }
}

static void writes_and_reads_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t unix_s;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},          {"1972-02-29T23:59:59Z", 68255999},
        {"2000-02-29T00:00:00Z", 951782400},  {"2026-11-23T15:18:39Z", 1795447119},
        {"2100-03-01T00:00:00Z", 4107542400}, {"9999-12-31T23:59:59Z", 253402300799},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[KEY_TIME_CHARS + 1] = {0};
        int64_t unix_s = -1;
        key_time_format(text, rows[i].unix_s);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(key_time_parse(slice_of_text(rows[i].text), &unix_s), ERR_OK);
        assert_int_equal(unix_s, rows[i].unix_s);
    }
}

static void refuses_times_that_do_not_exist(void **state)
{
    (void)state;
    static const char *const bad[] = {"2025-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z",
                                      "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
                                      "1969-12-31T23:59:59Z", "2026-01-01t00:00:00Z", "2026-01-01 00:00:00Z",
                                      "2026-01-01T00:00:00",  "2026-01-01T00:00:00+", "+026-01-01T00:00:00Z"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t unix_s = 7;
        assert_int_equal(key_time_parse(slice_of_text(bad[i]), &unix_s), ERR_SYNTAX);
        assert_int_equal(unix_s, 7);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(knows_whose_a_key_is),
        TEST(refuses_every_key_that_differs_in_one_character),
        TEST(refuses_malformed_keys),
        TEST(refuses_all_with_an_empty_file),
        TEST(lets_nobody_in_by_the_stand_in_record),
        TEST(ends_a_key_at_its_expiry_and_its_revocation),
        TEST(refuses_a_wrong_secret_of_a_key_it_remembers),
        TEST(refuses_what_only_resembles_a_key_it_remembers),
        TEST(forgets_the_memo_with_the_key),
        TEST(believes_what_it_remembers_of_this_store_only),
        TEST(finds_each_of_many),
        TEST(refuses_lines_that_are_not_a_key),
        TEST(refuses_an_id_that_stands_twice),
        TEST(says_what_is_wrong_with_the_file),
        TEST(survives_every_truncation),
        cmocka_unit_test(writes_and_reads_times),
        cmocka_unit_test(refuses_times_that_do_not_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
