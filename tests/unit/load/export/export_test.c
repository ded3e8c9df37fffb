/* SPDX-License-Identifier: Apache-2.0 */
/* The session's thread hands over figures while others are told of them: run under ThreadSanitizer, this is where a race
 * would be. */
#include "load/export.h"

#include "unit/lib/sys/net.h"
#include "unit/load/export/fake.h"

#include "lib/sys/thread.h"

#include <fcntl.h>

#define INTERVALS 300

static struct address address;
static _Atomic bool is_over;
static unsigned scrapes;

static int start(struct load_export_options options, struct load_export **ret_export, struct text *fault)
{
    options.plan = &fake_plan;
    options.version = SLICE_LIT("0.1.0");
    return (int)load_export_start(&options, fault, ret_export);
}

static void scrape(void *argument)
{
    static char received[65536];
    (void)argument;
    int fd = net_connect(&address);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    while (!atomic_load(&is_over)) {
        const char *request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
        /* The whole of it: one that is cut short would be found by the next. */
        size_t count = 0;
        while (!memmem(received, count, "weir_load_agents_lost 0\n", 24)) {
            ssize_t more = recv(fd, received + count, sizeof received - count, 0);
            assert_true(more > 0);
            count += (size_t)more;
        }
        scrapes++;
    }
    close(fd);
}

static void figures_change_while_they_are_scraped(void **state)
{
    (void)state;
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    struct load_export *export = NULL;
    struct thread thread;
    assert_int_equal(start((struct load_export_options){.listen = SLICE_LIT("127.0.0.1:0")}, &export, &fault), ERR_OK);
    load_export_address(export, &address);
    assert_int_equal(thread_start(&thread, "scraper", scrape, NULL), ERR_OK);
    struct load_observer observer = load_export_observer(export);
    for (int i = 0; i < INTERVALS; i++) {
        hdr_record(&fake_results.totals->series[0].latency, NS_PER_MS);
        observer.on_interval(observer.owner, &fake_results);
        clock_sleep_ns(NS_PER_MS);
    }
    atomic_store(&is_over, true);
    thread_join(&thread);
    load_export_stop(export, &fake_results);
    assert_true(scrapes > 1);
}

/* Nobody listens there: each interval fails, the end too, and all of it is told once. */
static void warn(void *owner, const char *text)
{
    assert_non_null(strstr(text, "http://127.0.0.1:9 does not take the figures"));
    ++*(unsigned *)owner;
}

static void a_receiver_that_is_not_there_is_told_of_once(void **state)
{
    (void)state;
    char memory[256];
    struct text fault = text_init(memory, sizeof memory);
    struct load_export *export = NULL;
    unsigned warnings = 0;
    struct load_export_options options = {
        .gateway = SLICE_LIT("http://127.0.0.1:9"), .on_warning = warn, .owner = &warnings};
    assert_int_equal(start(options, &export, &fault), ERR_OK);
    struct load_observer observer = load_export_observer(export);
    for (int i = 0; i < 20; i++) {
        observer.on_interval(observer.owner, &fake_results);
        clock_sleep_ns(NS_PER_MS);
    }
    load_export_stop(export, &fake_results);
    assert_int_equal(warnings, 1);
}

static void says_what_is_wrong_with_its_options(void **state)
{
    (void)state;
    static const struct load_export_pair bad[] = {{SLICE_LIT("step"), SLICE_LIT("x")},
                                                  {SLICE_LIT("a-b"), SLICE_LIT("x")}};
    const struct {
        struct load_export_options options;
        const char *words;
    } cases[] = {
        {{.listen = SLICE_LIT("nowhere")}, "nowhere is no address such as 127.0.0.1:9095"},
        {{.gateway = SLICE_LIT("ftp://a")}, "ftp://a is no URL such as"},
        {{.receiver = SLICE_LIT("http://127.0.0.1:99999/")}, "http://127.0.0.1:99999/ is no URL such as"},
        {{.labels = bad, .label_count = 1}, "the label \"step\" cannot be had"},
        {{.labels = bad + 1, .label_count = 1}, "the label \"a-b\" cannot be had"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char memory[256];
        struct text fault = text_init(memory, sizeof memory);
        struct load_export *export = NULL;
        assert_int_not_equal(start(cases[i].options, &export, &fault), ERR_OK);
        assert_null(export);
        if (!strstr(memory, cases[i].words))
            fail_msg("case %zu: %s", i, memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(figures_change_while_they_are_scraped, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(a_receiver_that_is_not_there_is_told_of_once, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(says_what_is_wrong_with_its_options, fake_make, fake_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
