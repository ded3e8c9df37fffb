/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/date.h"

#include <stdio.h>
#include <time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#define YEAR_1_SECONDS (-INT64_C(62135596800))
#define YEAR_9999_END  INT64_C(253402300799)

static void formats_what_gmtime_says(void **state)
{
    (void)state;
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (int64_t t = YEAR_1_SECONDS; t <= YEAR_9999_END; t += 86400 * 17 + 3661) {
        char got[HTTP_DATE_BYTES + 1] = {0};
        char expected[64];
        struct tm tm;
        time_t seconds = (time_t)t;
        assert_non_null(gmtime_r(&seconds, &tm));
        snprintf(expected, sizeof expected, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        http_date_format(got, t);
        assert_string_equal(got, expected);
        int64_t back;
        assert_int_equal(http_date_parse(slice_of(got, HTTP_DATE_BYTES), &back), ERR_OK);
        assert_true(back == t);
    }
}

static void parses_the_three_forms_alike(void **state)
{
    (void)state;
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        int64_t seconds = 0;
        assert_int_equal(http_date_parse(slice_of_text(forms[i]), &seconds), ERR_OK);
        assert_true(seconds == 784111777);
    }
}

static void refuses_other_dates(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "784111777",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t seconds = 42;
        if (http_date_parse(slice_of_text(bad[i]), &seconds) != ERR_SYNTAX || seconds != 42)
            fail_msg("accepted %s", bad[i]);
    }
}

static void clamps_to_years_of_four_digits(void **state)
{
    (void)state;
    char got[HTTP_DATE_BYTES + 1] = {0};
    http_date_format(got, INT64_MAX);
    assert_string_equal(got, "Fri, 31 Dec 9999 23:59:59 GMT");
    http_date_format(got, INT64_MIN);
    assert_string_equal(got, "Mon, 01 Jan 0001 00:00:00 GMT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_what_gmtime_says),
        cmocka_unit_test(parses_the_three_forms_alike),
        cmocka_unit_test(refuses_other_dates),
        cmocka_unit_test(clamps_to_years_of_four_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
