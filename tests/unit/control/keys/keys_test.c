/* SPDX-License-Identifier: Apache-2.0 */
#include "control/keys/keys.h"

#include "lib/sys/file.h"
#include "lib/sys/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW 1767225600 /* 2026-01-01T00:00:00Z */

struct fixture {
    char folder[64];
    char path[128];
    char fault_memory[512];
    struct text fault;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/weir_keys_XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/keys.conf", fixture->folder);
    fixture->fault = text_init(fixture->fault_memory, sizeof fixture->fault_memory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char lock[160];
    (void)snprintf(lock, sizeof lock, "%s.lock", fixture->path);
    unlink(fixture->path);
    unlink(lock);
    assert_int_equal(rmdir(fixture->folder), 0); /* no temporary file may be left */
    free(fixture);
    return 0;
}

static enum err add(struct fixture *fixture, const char *tenant, char *key_out)
{
    struct keys_add_options options = {.path = fixture->path,
                                       .tenant = slice_of_text(tenant),
                                       .now_s = NOW,
                                       .expires_s = INT64_MAX,
                                       .fault = &fixture->fault};
    return keys_add(&options, key_out);
}

static struct slice id_of(const char *key)
{
    struct slice rest = slice_skip(slice_of_text(key), sizeof(KEY_PREFIX) - 1);
    return slice_cut(&rest, '_');
}

static enum err verify(struct fixture *fixture, const char *key, int64_t now_s)
{
    struct pool pool;
    struct arena arena;
    struct key_verifier verifier;
    struct key_store *store;
    struct key_slot *slot;
    pool_init(&pool, 0, 64 << 20);
    arena_init(&arena, &pool, 4096, 32 << 20);
    assert_int_equal(key_verifier_init(&verifier), ERR_OK);
    assert_int_equal(key_store_load(slice_of_text(fixture->path), &arena, &fixture->fault, &store), ERR_OK);
    enum err err = key_store_verify(store, &verifier, slice_of_text(key), now_s, &slot);
    key_verifier_deinit(&verifier);
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}

static void write_file(struct fixture *fixture, const char *text)
{
    assert_int_equal(file_write_atomic(fixture->path, 0640, slice_of_text(text)), ERR_OK);
}

static void assert_file(struct fixture *fixture, const char *expected)
{
    struct file_content content;
    assert_int_equal(file_read(fixture->path, KEY_FILE_BYTES_MAX, &content), ERR_OK);
    assert_string_equal(content.data, expected);
    file_content_deinit(&content);
}

static void makes_a_file_for_its_owner_only(void **state)
{
    struct fixture *fixture = *state;
    struct file_status status;
    char key[KEY_CHARS_MAX + 1];
    assert_int_equal(add(fixture, "acme", key), ERR_OK);
    assert_int_equal(file_status(fixture->path, &status), ERR_OK);
    assert_int_equal(status.mode, 0600);
}

static void makes_keys_that_let_in(void **state)
{
    struct fixture *fixture = *state;
    char first[KEY_CHARS_MAX + 1];
    char second[KEY_CHARS_MAX + 1];
    assert_int_equal(add(fixture, "acme", first), ERR_OK);
    assert_int_equal(add(fixture, "other", second), ERR_OK);
    assert_int_equal(strlen(first), 5 + 10 + 1 + 43);
    assert_string_not_equal(first, second);
    assert_int_equal(verify(fixture, first, NOW), ERR_OK);
    assert_int_equal(verify(fixture, second, NOW), ERR_OK);
}

static void never_writes_the_secret(void **state)
{
    struct fixture *fixture = *state;
    struct file_content content;
    char key[KEY_CHARS_MAX + 1];
    assert_int_equal(add(fixture, "acme", key), ERR_OK);
    assert_int_equal(file_read(fixture->path, KEY_FILE_BYTES_MAX, &content), ERR_OK);
    assert_null(strstr(content.data, key + strlen(key) - KEY_SECRET_CHARS));
    file_content_deinit(&content);
}

static void revokes_one_key_and_leaves_the_rest_of_the_file_alone(void **state)
{
    struct fixture *fixture = *state;
    static const char salt_hash[] = "000102030405060708090a0b0c0d0e0f "
                                    "000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f";
    char before[1024];
    char after[1024];
    static const char shape[] = "# hers\naaaaaaaa a - %s 2026-01-01T00:00:00Z - -\n\n"
                                "  bbbbbbbb b  n %s - - %s\n# the end";
    (void)snprintf(before, sizeof before, shape, salt_hash, salt_hash, "-");
    (void)snprintf(after, sizeof after,
                   "# hers\naaaaaaaa a - %s 2026-01-01T00:00:00Z - -\n\nbbbbbbbb b  n %s - - 2026-01-01T00:00:00Z\n"
                   "# the end",
                   salt_hash, salt_hash);
    write_file(fixture, before);
    assert_int_equal(keys_revoke(fixture->path, SLICE_LIT("bbbbbbbb"), NOW, &fixture->fault), ERR_OK);
    assert_file(fixture, after);
    struct file_status status;
    assert_int_equal(file_status(fixture->path, &status), ERR_OK);
    assert_int_equal(status.mode, 0640);
}

static void ends_a_key_with_its_revocation(void **state)
{
    struct fixture *fixture = *state;
    char key[KEY_CHARS_MAX + 1];
    assert_int_equal(add(fixture, "acme", key), ERR_OK);
    assert_int_equal(keys_revoke(fixture->path, id_of(key), NOW + 10, &fixture->fault), ERR_OK);
    assert_int_equal(verify(fixture, key, NOW + 9), ERR_OK);
    assert_int_equal(verify(fixture, key, NOW + 10), ERR_DENIED);
    assert_int_equal(keys_revoke(fixture->path, id_of(key), NOW + 20, &fixture->fault), ERR_EXISTS);
    assert_non_null(strstr(fixture->fault_memory, "was revoked before"));
}

static void refuses_to_revoke_what_is_not_there(void **state)
{
    struct fixture *fixture = *state;
    char key[KEY_CHARS_MAX + 1];
    assert_int_equal(add(fixture, "acme", key), ERR_OK);
    assert_int_equal(keys_revoke(fixture->path, SLICE_LIT("zzzzzzzz"), NOW, &fixture->fault), ERR_NOT_FOUND);
    assert_non_null(strstr(fixture->fault_memory, "has no key with the id \"zzzzzzzz\""));
}

static void leaves_a_file_alone_that_it_cannot_read(void **state)
{
    struct fixture *fixture = *state;
    char key[KEY_CHARS_MAX + 1] = "";
    write_file(fixture, "broken\n");
    assert_int_equal(add(fixture, "acme", key), ERR_SYNTAX);
    assert_string_equal(key, "");
    assert_non_null(strstr(fixture->fault_memory, "keys.conf:1: a key has 8 fields"));
    assert_file(fixture, "broken\n");
}

static void mends_a_missing_newline_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    char key[KEY_CHARS_MAX + 1];
    write_file(fixture, "# no newline");
    assert_int_equal(add(fixture, "acme", key), ERR_OK);
    assert_int_equal(verify(fixture, key, NOW), ERR_OK);
}

static void refuses_tenants_that_would_break_the_line(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[] = {"", "-", "a b", "a\nb", "a:b", "\xc3\xa9"};
    char key[KEY_CHARS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(add(fixture, bad[i], key), ERR_INVALID);
    struct file_status status;
    assert_int_equal(file_status(fixture->path, &status), ERR_NOT_FOUND);
}

static void *add_many(void *context)
{
    struct fixture *fixture = context;
    char memory[512];
    struct text fault = text_init(memory, sizeof memory);
    for (int i = 0; i < 8; i++) {
        char key[KEY_CHARS_MAX + 1];
        struct keys_add_options options = {
            .path = fixture->path, .tenant = SLICE_LIT("t"), .now_s = NOW, .expires_s = INT64_MAX, .fault = &fault};
        if (keys_add(&options, key) != ERR_OK)
            return fixture;
    }
    return NULL;
}

static void loses_no_key_when_several_add_at_once(void **state)
{
    struct fixture *fixture = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, fixture), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *failed = fixture;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    struct pool pool;
    struct arena arena;
    struct key_store *store;
    pool_init(&pool, 0, 64 << 20);
    arena_init(&arena, &pool, 4096, 32 << 20);
    assert_int_equal(key_store_load(slice_of_text(fixture->path), &arena, &fixture->fault, &store), ERR_OK);
    assert_int_equal(store->count, 32);
    arena_reset(&arena);
    pool_deinit(&pool);
}

static void reads_expiries(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t expires_s;
    } rows[] = {{"90d", NOW + 90 * 86400},
                {"12h", NOW + 43200},
                {"30m", NOW + 1800},
                {"2026-01-31", 1769817600},
                {"2026-01-31T12:00:00Z", 1769860800}};
    static const char *const bad[] = {
        "", "d", "90", "0d", "-1d", "1y", "1.5h", "2026-02-30", "2026-1-31", "99999999999999999999d", "999999999d"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t expires_s = 0;
        assert_int_equal(keys_expiry_parse(slice_of_text(rows[i].text), NOW, &expires_s), ERR_OK);
        assert_int_equal(expires_s, rows[i].expires_s);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t expires_s = 7;
        assert_int_not_equal(keys_expiry_parse(slice_of_text(bad[i]), NOW, &expires_s), ERR_OK);
        assert_int_equal(expires_s, 7);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(makes_a_file_for_its_owner_only),
        TEST(makes_keys_that_let_in),
        TEST(never_writes_the_secret),
        TEST(revokes_one_key_and_leaves_the_rest_of_the_file_alone),
        TEST(ends_a_key_with_its_revocation),
        TEST(refuses_to_revoke_what_is_not_there),
        TEST(leaves_a_file_alone_that_it_cannot_read),
        TEST(mends_a_missing_newline_at_the_end),
        TEST(refuses_tenants_that_would_break_the_line),
        TEST(loses_no_key_when_several_add_at_once),
        cmocka_unit_test(reads_expiries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
