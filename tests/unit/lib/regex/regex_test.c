/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/regex/regex.h"

#include <stdio.h>
#include <time.h>

#include "lib/base/attr.h"
#include "lib/regex/regex_int.h"
#include "unit/lib/malloc_count.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define STEPS_MAX 100000

static struct regex_work *work;

static int make_work(void **state)
{
    (void)state;
    return regex_work_create(STEPS_MAX, &work) == ERR_OK ? 0 : -1;
}

static int drop_work(void **state)
{
    (void)state;
    regex_work_destroy(work);
    return 0;
}

static struct regex *compile_as(const char *pattern, enum regex_way way)
{
    struct regex *regex;
    struct regex_fault fault;
    enum err err = regex_compile_as(slice_of_text(pattern), way, &fault, &regex);
    if ((err == ERR_UNSUPPORTED || err == ERR_LIMIT) && way != REGEX_BEST)
        return NULL;
    if (err != ERR_OK)
        fail_msg("%s: %zu: %s", pattern, fault.byte, fault.what);
    return regex;
}

static struct regex *compile(const char *pattern)
{
    return compile_as(pattern, REGEX_BEST);
}

static enum regex_outcome match_as(const char *pattern, struct slice text, enum regex_way way)
{
    struct regex *regex = compile_as(pattern, way);
    if (!regex)
        return REGEX_LIMIT;
    enum regex_outcome outcome = regex_match(regex, text, work);
    regex_destroy(regex);
    return outcome;
}

/* Every way that does must say the same. */
static bool match_slice(const char *pattern, struct slice text)
{
    enum regex_outcome best = match_as(pattern, text, REGEX_BEST);
    enum regex_outcome machine = match_as(pattern, text, REGEX_MACHINE);
    enum regex_outcome pcre = match_as(pattern, text, REGEX_PCRE);
    if (best == REGEX_LIMIT || (pcre != REGEX_LIMIT && pcre != best) || (machine != REGEX_LIMIT && machine != best))
        fail_msg("%s on " SLICE_FMT ": %d, table %d, pcre %d", pattern, SLICE_ARG(text), best, machine, pcre);
    return best == REGEX_YES;
}

static void expect(const char *pattern, const char *text, bool is_match)
{
    if (match_slice(pattern, slice_of_text(text)) != is_match)
        fail_msg("%s on \"%s\"", pattern, text);
}

static void yes(const char *pattern, const char *text)
{
    expect(pattern, text, true);
}

static void no(const char *pattern, const char *text)
{
    expect(pattern, text, false);
}

static void searches_anywhere_and_anchors_hold(void **state)
{
    (void)state;
    yes("b", "abc");
    no("^b", "abc");
    yes("^ab", "abc");
    no("^ab$", "abc");
    yes("bc$", "abc");
    yes("^abc$", "abc");
    no("^abc$", "abc\n");
    no("^a$", "x\na\ny");
    yes("", "");
    yes("^$", "");
    no("^$", "a");
    yes("$^", "");
    no("a^", "a");
    no("$a", "a");
    yes("^a|b$", "ax");
    yes("^a|b$", "xb");
    no("^a|b$", "xax");
    yes("^a(?:$)+(?:(?!b))*(?:\\b)?", "a");
    yes("(^|,)a(,|$)", "b,a");
    no("(^|,)a(,|$)", "ba");
}

static void classes_are_those_of_ecmascript(void **state)
{
    (void)state;
    yes("^\\d$", "0");
    no("^\\d$", "\xdf\x80");
    yes("^\\D$", "\xdf\x80");
    yes("^\\w$", "_");
    no("^\\w$", "\xc3\xa9");
    yes("^\\W$", "\xc3\xa9");
    static const char *const spaces[] = {" ",  "\t",       "\v",           "\f",           "\n",
                                         "\r", "\xc2\xa0", "\xef\xbb\xbf", "\xe2\x80\xa9", "\xe2\x80\x83"};
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        yes("^\\s$", spaces[i]);
        no("^\\S$", spaces[i]);
        yes("^[\\s]$", spaces[i]);
        no("^[^\\s]$", spaces[i]);
    }
    no("^\\s$", "\x01");
    no("^\\s$", "\xe2\x80\x93");
    no("^\\s$", "\xe1\xa0\x8e"); /* U+180E is no space any more */
    no("^.$", "\n");
    no("^.$", "\r");
    no("^.$", "\xe2\x80\xa8");
    no("^.$", "\xe2\x80\xa9");
    yes("^.$", "\xe2\x80\xa7");
    yes("^.$", "\xf0\x9f\x90\xb2");
    yes("^[^]$", "\n");
    no("[]", "a");
    yes("[]*x", "x");
    yes("^[\\d\\-x]+$", "1-x");
    yes("^[^\\d\\s]$", "a");
    no("^[^\\d\\s]$", "1");
    yes("^[\\b]$", "\b");
    yes("^[a-c\\u00e0-\\u{ff}]+$", "b\xc3\xa9");
}

static void nul_is_a_character_as_any_other(void **state)
{
    (void)state;
    assert_true(match_slice("^[\\u0000a]b", SLICE_LIT("\0b")));
    assert_true(match_slice("^[\\u0000a]b", SLICE_LIT("ab")));
    assert_true(match_slice("^x[\\u0000y]$", SLICE_LIT("x\0")));
    assert_true(match_slice("^\\u0000b", SLICE_LIT("\0b")));
    assert_false(match_slice("^\\u0000b", SLICE_LIT("ab")));
}

static void escapes_are_those_of_ecmascript(void **state)
{
    (void)state;
    yes("^\\t\\n\\r\\f\\v$", "\t\n\r\f\v");
    no("^\\t$", "\\t");
    yes("^\\cC\\cc$", "\x03\x03");
    yes("^\\x41\\u0042\\u{43}\\u{0000044}$", "ABCD");
    yes("^\\ud83d\\udc32*$", "\xf0\x9f\x90\xb2\xf0\x9f\x90\xb2");
    yes("^\xf0\x9f\x90\xb2*$", "");
    no("^\xf0\x9f\x90\xb2*$", "\xf0\x9f\x90\x89");
    no("\\ud83d", "\xf0\x9f\x90\xb2");
    yes("^[^\\ud800]$", "a");
    yes("^\\/\\.\\*\\\\$", "/.*\\");
    assert_true(match_slice("^\\0$", slice_of("\0", 1)));
    assert_true(match_slice("^a.b$", slice_of("a\0b", 3)));
    assert_true(match_slice("b", slice_of("a\0b", 3)));
}

static void properties_have_the_names_of_ecmascript(void **state)
{
    (void)state;
    yes("\\p{Letter}cole", "l'\xc3\xa9"
                           "cole");
    no("\\p{Letter}COLE", "cole");
    yes("^\\p{digit}+$", "4\xe0\xa7\xa8");
    yes("^\\p{Script=Greek}$", "\xce\xb1");
    yes("^\\p{sc=Grek}\\p{scx=Greek}$", "\xce\xb1\xce\xb2");
    no("^\\p{Script=Greek}$", "a");
    yes("^\\P{Lu}$", "a");
    yes("^[\\p{L}\\d]+$", "\xc3\xa9"
                          "1");
    yes("^[^\\p{L}\\d]+$", "-");
    no("^[^\\p{L}\\d]+$", "\xc3\xa9");
    yes("^\\p{General_Category=Uppercase_Letter}\\p{gc=Ll}$", "Aa");
    yes("^\\p{ASCII}\\P{ASCII}\\p{Any}\\p{Assigned}$", "a\xc3\xa9\n!");
    yes("^\\p{White_Space}\\p{Alphabetic}\\p{Emoji_Presentation}$", " a\xf0\x9f\x90\xb2");
}

static void repetitions_choices_and_references(void **state)
{
    (void)state;
    yes("^a{2,3}$", "aaa");
    no("^a{2,3}$", "aaaa");
    no("^a{2,3}$", "a");
    yes("^a{0}$", "");
    yes("^(a|bc|)+$", "abcbc");
    yes("^(?:ab*?){2,}$", "abbbab");
    yes("^(a)(?<n>b)\\2\\k<n>\\1$", "abbba");
    no("^(a)(b)\\2$", "aba");
    yes("^\\k<n>(?<n>a)$", "a"); /* not set yet: the empty text */
    yes("^(?:(a)|b)\\1$", "b");
    yes("^(?=.*\\d)(?!.*x).{3}$", "a1b");
    no("^(?=.*\\d)(?!.*x).{3}$", "a1x");
    yes("(?<=\\$)\\d+(?!\\d)", "a$12");
    no("(?<!\\$)\\b\\d+", "a$12");
    yes("^.{1,100000}$", "abc");
    no("^.{1,100000}$", "");
    yes("^\\d{3}-\\d{2}$", "123-45");
    no("^\\d{3}-\\d{2}$", "123-4");
    yes("^[a-z0-9-._~]+$", "a-b.c~9");
    yes("^(\\([0-9]{3}\\))?[0-9]{3}-[0-9]{4}$", "(888)555-1212");
}

static void most_patterns_do_without_pcre2(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *way;
    } rows[] = {
        {"", "literal"},
        {"abc", "literal"},
        {"^x-", "literal"},
        {"^(abc)$", "literal"},
        {"\\.json$", "literal"},
        {"^[a-z0-9-._~]+$", "run"},
        {"^[a-f0-9]{64}$", "run"},
        {"^.*$", "run"},
        {"^.{1,100000}$", "run"},
        {"^\\d{3}-\\d{2}$", "table"},
        {"^(a|b|something)$", "table"},
        {"^#/components/[a-zA-Z0-9._-]+$", "table"},
        {"(a+)+$", "table"},
        {"[a-z]+@[a-z]+\\.[a-z]{2,4}", "table"},
        {"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", "table"},
        {"^\\p{L}+$", "pcre"},
        {"\\bword\\b", "pcre"},
        {"^(?!x-)", "pcre"},
        {"(.)\\1", "pcre"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct regex *regex = compile(rows[i].pattern);
        if (strcmp(regex_way_name(regex), rows[i].way) != 0)
            fail_msg("%s: %s", rows[i].pattern, regex_way_name(regex));
        regex_destroy(regex);
    }
}

static void refuses_what_is_not_ecmascript(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "(",           ")",
        "a**",         "*",
        "+a",          "a{2,1}",
        "[b-a]",       "[",
        "a)",          "(?",
        "(?a)",        "(?i)a",
        "(?i:a)",      "(?>a)",
        "a++",         "a*+",
        "(?#c)",       "(*ACCEPT)",
        "(?R)",        "(?1)",
        "(?P<a>b)",    "(?|a)",
        "\\a",         "\\Z",
        "\\A",         "\\z",
        "\\Q",         "\\e",
        "\\G",         "\\1",
        "(a)\\2",      "\\k<a>",
        "\\k",         "\\c",
        "\\c1",        "\\x4",
        "\\u004",      "\\u{110000}",
        "\\u{}",       "\\u{1",
        "\\p",         "\\pL",
        "\\p{}",       "\\p{l}",
        "\\p{Foo}",    "\\p{Greek}",
        "\\p{sc=Foo}", "\\p{Script=greek}",
        "\\p{L=L}",    "(?<a>b)(?<a>c)",
        "(?<1>a)",     "(?<>a)",
        "(?<a",        "^*",
        "$+",          "(?=a)*",
        "\\",          "[\\",
        "\\00",        "\\07",
        "[\\1]",       "\\b+",
        "[\\B]",       "[a",
        "a|*",         "(?<!a){2}",
        "{2}",         "\\i",
        "\\_a\\h",     "\\p{^L}",
        "[\\p{l}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct regex *regex = NULL;
        struct regex_fault fault;
        if (regex_compile(slice_of_text(bad[i]), &fault, &regex) != ERR_SYNTAX)
            fail_msg("accepted: %s", bad[i]);
        assert_true(fault.what[0] && fault.byte <= strlen(bad[i]));
        assert_false(regex_is_valid(slice_of_text(bad[i])));
    }
    assert_false(regex_is_valid(SLICE_LIT("\xff")));
    assert_false(regex_is_valid(SLICE_LIT("\xed\xa0\x80")));
    assert_false(regex_is_valid(SLICE_LIT("a\xc3")));
}

static void compiles_what_schemas_have_and_flag_u_refuses(void **state)
{
    (void)state;
    static const char *const lenient[][2] = {
        {"^\\-\\_\\@$", "-_@"}, {"^[\\w-.]+$", "a-."}, {"^[\\w-a]$", "-"},  {"^[+-\\d]+$", "-1"}, {"^a}]$", "a}]"},
        {"^{a}$", "{a}"},       {"^{,2}$", "{,2}"},    {"^[\\@\\_]$", "@"}, {"^a{$", "a{"},       {"^[a-\\w]$", "-"},
    };
    for (size_t i = 0; i < ARRAY_LEN(lenient); i++) {
        yes(lenient[i][0], lenient[i][1]);
        assert_false(regex_is_valid(slice_of_text(lenient[i][0])));
    }
    assert_true(regex_is_valid(SLICE_LIT("^[\\-a]\\/(?<year>\\d{4})\\k<year>\\p{Script=Greek}$")));
    assert_true(regex_is_valid(SLICE_LIT("(?<=a+)b"))); /* though it does not compile */
}

static void says_what_it_cannot_do(void **state)
{
    (void)state;
    struct regex *regex;
    struct regex_fault fault;
    static char large[(64 << 10) + 2];
    memset(large, 'a', sizeof large - 1);
    assert_int_equal(regex_compile(SLICE_LIT("(?<=a+)b"), &fault, &regex), ERR_UNSUPPORTED);
    assert_true(fault.what[0]);
    assert_int_equal(regex_compile(SLICE_LIT("^(?:\\ba){1,100000}$"), &fault, &regex), ERR_LIMIT);
    assert_true(fault.what[0]);
    assert_int_equal(regex_compile(slice_of_text(large), &fault, &regex), ERR_LIMIT);
    memset(large, '(', 300);
    assert_int_equal(regex_compile(slice_of(large, 300), &fault, &regex), ERR_LIMIT);
    assert_int_equal(
        regex_compile(SLICE_LIT("(((((((((a{99}){99}){99}){99}){99}){99}){99}){99}){99})"), &fault, &regex), ERR_LIMIT);
    assert_int_equal(regex_compile(SLICE_LIT("(((((((((){99}){99}){99}){99}){99}){99}){99}){99}){99}"), &fault, &regex),
                     ERR_LIMIT);
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void catastrophic_patterns_end_at_the_limit(void **state)
{
    (void)state;
    static char text[5001];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 2] = '!';
    static const char *const patterns[] = {"(a+)+$", "^(a+)+\\1$", "^(?=(a+)+$)", "(a|a)*\\b$", "(x+x+)+y|(a*)*\\b$"};
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct regex *regex = compile(patterns[i]);
        double from = now_s();
        enum regex_outcome outcome = regex_match(regex, slice_of_text(text), work);
        double took = now_s() - from;
        if (outcome != (strcmp(regex_way_name(regex), "pcre") == 0 ? REGEX_LIMIT : REGEX_NO) || took > 0.2)
            fail_msg("%s: %d, took %.3f s", patterns[i], outcome, took);
        regex_destroy(regex);
    }
}

static void what_all_matches_take_together_is_bounded(void **state)
{
    (void)state;
    struct regex *regex = compile_as("^(a+)+\\1$", REGEX_PCRE);
    uint32_t count = 0;
    assert_int_equal(regex_match(regex, SLICE_LIT("aaaaaaaaa!"), work), REGEX_NO);
    regex_work_allow(work, 100000);
    while (count < 10000 && regex_match(regex, SLICE_LIT("aaaaaaaaa!"), work) == REGEX_NO)
        count++;
    assert_in_range(count, 2, 1000);
    assert_int_equal(regex_match(regex, SLICE_LIT("aa"), work), REGEX_YES); /* the first steps are free */
    regex_work_allow(work, UINT64_MAX);
    assert_int_equal(regex_match(regex, SLICE_LIT("aaaaaaaaa!"), work), REGEX_NO);
    regex_destroy(regex);
}

/* Each step goes over the text, or a search begins anew at each place: neither is counted by PCRE2. */
static void searches_end_at_the_limit(void **state)
{
    (void)state;
    static char text[100000];
    static const char *const patterns[] = {"\\p{L}+\\p{Nd}",        "\\p{L}+!",         "a+\\b[!?]",
                                           "(?<!b)a*[!?]",          "(?=a*)\\p{Nd}",    "^(?:(?=a*)a)*!$",
                                           "^a*(?=\\p{L}*)\\p{Nd}", "(?=.*!).*\\p{Nd}", "\\b\\w+\\p{Nd}",
                                           "(a{1,200})*\\p{Nd}"};
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 2, " !", 2);
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct regex *regex = compile(patterns[i]);
        for (size_t len = 500; len <= sizeof text; len += len / 2) {
            double from = now_s();
            (void)regex_match(regex, slice_of(text + sizeof text - len, len), work);
            double took = now_s() - from;
            if (took > 0.5)
                fail_msg("%s took %.3f s for %zu bytes", patterns[i], took, len);
        }
        regex_destroy(regex);
    }
}

static void long_texts_are_searched_while_that_is_linear(void **state)
{
    (void)state;
    static char text[1000001];
    memset(text, 'a', sizeof text - 1);
    memcpy(text + sizeof text - 5, " foo", 4);
    yes("\\bfoo\\b", text);
    yes("^(?!x)a+ \\p{L}oo$", text);
    yes("(?<=a )foo$", text);
    no("\\bbar\\b", text);
}

static void matching_never_mallocs(void **state)
{
    (void)state;
    static const char *const patterns[] = {"^[a-z]+$",  "^a.*b|c$",  "^x",
                                           "(a+)+\\1$", "\\bfoo\\b", "(?:(?:\\b|a)+b?)+c\\1()"};
    static char text[100001];
    memset(text, 'a', sizeof text - 1);
    if (!MALLOC_COUNT_WORKS)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct regex *regex = compile(patterns[i]);
        unsigned long before = malloc_count;
        (void)regex_match(regex, SLICE_LIT("aaaab foo c"), work);
        (void)regex_match(regex, slice_of_text(text), work);
        (void)regex_match(regex, (struct slice){NULL, 0}, work);
        assert_int_equal(malloc_count, before);
        regex_destroy(regex);
    }
}

static void captures_what_the_first_group_has_matched(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        const char *part; /* NULL: none */
    } rows[] = {
        {"sid=([^;]+)", "a=1; sid=xyz; path=/", "xyz"},
        {"^(\\d+)-(\\d+)$", "12-34", "12"},
        {"a(b)?", "xac", NULL},
        {"(x*)", "yyy", ""},
        {"\"id\":\\s*(\\d+)", "{\"id\": 42}", "42"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct regex *regex;
        struct regex_fault fault;
        struct slice part;
        assert_int_equal(regex_compile_capturing(slice_of_text(rows[i].pattern), &fault, &regex), ERR_OK);
        assert_int_equal(regex_capture(regex, slice_of_text(rows[i].text), work, &part), REGEX_YES);
        assert_true(rows[i].part ? part.ptr && slice_is(part, rows[i].part) : !part.ptr);
        assert_int_equal(regex_capture(regex, SLICE_LIT("\n"), work, &part), i == 3 ? REGEX_YES : REGEX_NO);
        regex_destroy(regex);
    }
}

static void what_captures_nothing_is_refused(void **state)
{
    (void)state;
    struct regex *regex;
    struct regex_fault fault;
    assert_int_equal(regex_compile_capturing(SLICE_LIT("a(?:b)"), &fault, &regex), ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_anywhere_and_anchors_hold),
        cmocka_unit_test(classes_are_those_of_ecmascript),
        cmocka_unit_test(nul_is_a_character_as_any_other),
        cmocka_unit_test(escapes_are_those_of_ecmascript),
        cmocka_unit_test(properties_have_the_names_of_ecmascript),
        cmocka_unit_test(repetitions_choices_and_references),
        cmocka_unit_test(most_patterns_do_without_pcre2),
        cmocka_unit_test(refuses_what_is_not_ecmascript),
        cmocka_unit_test(compiles_what_schemas_have_and_flag_u_refuses),
        cmocka_unit_test(says_what_it_cannot_do),
        cmocka_unit_test(catastrophic_patterns_end_at_the_limit),
        cmocka_unit_test(what_all_matches_take_together_is_bounded),
        cmocka_unit_test(searches_end_at_the_limit),
        cmocka_unit_test(long_texts_are_searched_while_that_is_linear),
        cmocka_unit_test(matching_never_mallocs),
        cmocka_unit_test(captures_what_the_first_group_has_matched),
        cmocka_unit_test(what_captures_nothing_is_refused),
    };
    return cmocka_run_group_tests(tests, make_work, drop_work);
}
