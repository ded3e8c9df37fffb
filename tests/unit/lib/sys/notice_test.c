/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/notice.h"

#include "lib/sys/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct notice notice;
static _Atomic bool is_over;

static bool read_into(char out[NOTICE_BYTES + 1])
{
    struct text text = text_init(out, NOTICE_BYTES + 1);
    return notice_read(&notice, &text);
}

static void says_what_was_set_last(void **state)
{
    char text[NOTICE_BYTES + 1];
    (void)state;
    assert_false(read_into(text));
    assert_string_equal(text, "");
    notice_set(&notice, SLICE_LIT("schemas are stale"));
    assert_true(read_into(text));
    assert_string_equal(text, "schemas are stale");
    notice_set(&notice, (struct slice){NULL, 0});
    assert_false(read_into(text));
}

static void cuts_what_is_too_long(void **state)
{
    char text[NOTICE_BYTES + 1];
    char all[NOTICE_BYTES + 100];
    (void)state;
    memset(all, 'x', sizeof all);
    notice_set(&notice, slice_of(all, sizeof all));
    assert_true(read_into(text));
    assert_int_equal(strlen(text), NOTICE_BYTES);
}

static void write_on(void *argument)
{
    char all[NOTICE_BYTES];
    (void)argument;
    for (unsigned i = 0; !atomic_load(&is_over); i++) {
        memset(all, 'a' + (int)(i % 26), sizeof all);
        notice_set(&notice, slice_of(all, sizeof all));
    }
}

static void a_reader_never_sees_half_of_each(void **state)
{
    struct thread writer;
    (void)state;
    assert_int_equal(thread_start(&writer, "writer", write_on, NULL), ERR_OK);
    for (int i = 0; i < 20000; i++) {
        char text[NOTICE_BYTES + 1];
        (void)read_into(text);
        for (size_t k = 1; text[0] && k < NOTICE_BYTES; k++)
            assert_int_equal(text[k], text[0]);
    }
    atomic_store(&is_over, true);
    thread_join(&writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_set_last),
        cmocka_unit_test(cuts_what_is_too_long),
        cmocka_unit_test(a_reader_never_sees_half_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
