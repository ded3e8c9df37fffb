/* SPDX-License-Identifier: Apache-2.0 */
/* The resolver against a small DNS server of our own. */
#include "unit/lib/resolver/fake_dns.h"

#include "lib/resolver/resolver.h"
#include "lib/sys/clock.h"

#define WAIT_MS 5000

static int setup(void **state)
{
    (void)state;
    fake_dns_start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_dns_stop();
    return 0;
}

static struct resolver *create(struct resolver_options options)
{
    struct resolver *resolver;
    options.servers = fake.servers;
    options.timeout_ms = options.timeout_ms ? options.timeout_ms : 100;
    options.tries = 1;
    assert_int_equal(resolver_create(&options, &resolver), ERR_OK);
    return resolver;
}

static struct resolver_name *add(struct resolver *resolver, const char *host)
{
    struct resolver_name *name;
    assert_int_equal(resolver_add(resolver, slice_of_text(host), &name), ERR_OK);
    assert_true(resolver_wait(resolver, WAIT_MS));
    return name;
}

static void end(struct resolver *resolver, struct resolver_name *name)
{
    resolver_drop(name);
    resolver_destroy(resolver);
}

static void await_questions(unsigned count)
{
    uint64_t end_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (atomic_load(&fake.questions) < count) {
        assert_true(clock_now_ns() < end_ns);
        clock_sleep_ns(NS_PER_MS);
    }
}

static bool await_change(const struct resolver_name *name, uint64_t *version, struct resolver_addresses *addresses)
{
    uint64_t end_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (!resolver_read(name, version, addresses)) {
        if (clock_now_ns() >= end_ns)
            return false;
        clock_sleep_ns(NS_PER_MS);
    }
    return true;
}

static void expect_address(const struct address *address, const char *expected)
{
    char text[IP_TEXT_MAX];
    struct ip ip = address_ip(address);
    (void)ip_format(&ip, text);
    assert_string_equal(text, expected);
    assert_int_equal(address_port(address), 0);
}

static void finds_all_addresses_in_ascending_order(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    uint64_t version = 0;
    atomic_store(&fake.count, 3);
    atomic_store(&fake.count_v6, 2);
    struct resolver *resolver = create((struct resolver_options){0});
    struct resolver_name *name = add(resolver, "Host_1.example.test");
    assert_true(resolver_read(name, &version, &addresses));
    assert_int_equal(addresses.count, 5);
    expect_address(&addresses.list[0], "192.0.2.1");
    expect_address(&addresses.list[2], "192.0.2.3");
    expect_address(&addresses.list[4], "2001:db8::2");
    assert_false(resolver_read(name, &version, &addresses)); /* nothing new */
    end(resolver, name);
}

static void keeps_no_more_addresses_than_it_has_room_for(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    uint64_t version = 0;
    atomic_store(&fake.count, 20);
    struct resolver *resolver = create((struct resolver_options){0});
    struct resolver_name *name = add(resolver, "many.test");
    assert_true(resolver_read(name, &version, &addresses));
    assert_int_equal(addresses.count, RESOLVER_ADDRESSES_MAX);
    end(resolver, name);
}

static void asks_again_when_the_time_to_live_runs_out_and_not_before(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    uint64_t version = 0;
    atomic_store(&fake.ttl_s, 1);
    struct resolver *resolver = create((struct resolver_options){.ttl_min_ns = 10 * NS_PER_MS});
    struct resolver_name *name = add(resolver, "short.test");
    uint64_t begin_ns = clock_now_ns();
    assert_true(resolver_read(name, &version, &addresses));
    atomic_store(&fake.first, 7);
    assert_true(await_change(name, &version, &addresses));
    assert_in_range(clock_now_ns() - begin_ns, 900 * NS_PER_MS, 4 * NS_PER_S);
    expect_address(&addresses.list[0], "192.0.2.7");
    end(resolver, name);
}

static void bounds_the_time_to_live_on_both_sides(void **state)
{
    (void)state;
    struct resolver *resolver =
        create((struct resolver_options){.ttl_max_ns = 20 * NS_PER_MS, .ttl_min_ns = NS_PER_MS});
    struct resolver_name *name = add(resolver, "long.test");
    await_questions(3); /* although each answer is good for a minute */
    end(resolver, name);

    atomic_store(&fake.ttl_s, 0);
    atomic_store(&fake.questions, 0);
    resolver = create((struct resolver_options){.ttl_min_ns = 3600 * NS_PER_S});
    name = add(resolver, "never.test");
    clock_sleep_ns(100 * NS_PER_MS);
    assert_int_equal(atomic_load(&fake.questions), 1);
    end(resolver, name);
}

static void an_answer_that_says_nothing_new_changes_nothing(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    uint64_t version = 0;
    struct resolver *resolver = create((struct resolver_options){.ttl_max_ns = 10 * NS_PER_MS, .ttl_min_ns = 1});
    struct resolver_name *name = add(resolver, "same.test");
    assert_true(resolver_read(name, &version, &addresses));
    await_questions(4);
    assert_false(resolver_read(name, &version, &addresses));
    end(resolver, name);
}

struct changes {
    _Atomic unsigned failed;
    _Atomic unsigned found;
};

static void count_change(void *owner, struct slice host, const char *why)
{
    struct changes *changes = owner;
    assert_true(slice_is(host, "flaky.test"));
    atomic_fetch_add(why ? &changes->failed : &changes->found, 1);
}

static void failures_keep_the_last_good_answer_and_are_told_once(void **state)
{
    (void)state;
    static const int rcodes[] = {RCODE_NXDOMAIN, RCODE_REFUSED};
    struct changes changes = {0};
    struct resolver_addresses addresses;
    uint64_t version = 0;
    struct resolver *resolver = create((struct resolver_options){.ttl_max_ns = 5 * NS_PER_MS,
                                                                 .ttl_min_ns = 1,
                                                                 .retry_ns = 5 * NS_PER_MS,
                                                                 .timeout_ms = 20,
                                                                 .on_change = count_change,
                                                                 .owner = &changes});
    struct resolver_name *name = add(resolver, "flaky.test");
    assert_true(resolver_read(name, &version, &addresses));
    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&fake.rcode, i < 2 ? rcodes[i] : 0);
        atomic_store(&fake.is_mute, i == 2);
        await_questions(atomic_load(&fake.questions) + 3);
        assert_false(resolver_read(name, &version, &addresses));
    }
    assert_int_equal(atomic_load(&changes.failed), 1);
    atomic_store(&fake.is_mute, false);
    atomic_store(&fake.first, 9);
    assert_true(await_change(name, &version, &addresses));
    expect_address(&addresses.list[0], "192.0.2.9");
    await_questions(atomic_load(&fake.questions) + 1);
    assert_int_equal(atomic_load(&changes.found), 1);
    end(resolver, name);
}

static void a_name_that_was_never_found_has_no_addresses(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    uint64_t version = 0;
    atomic_store(&fake.rcode, RCODE_NXDOMAIN);
    struct resolver *resolver = create((struct resolver_options){.retry_ns = 5 * NS_PER_MS});
    struct resolver_name *name = add(resolver, "late.test");
    assert_false(resolver_read(name, &version, &addresses));
    atomic_store(&fake.rcode, 0);
    assert_true(await_change(name, &version, &addresses));
    end(resolver, name);
}

static void reads_the_hosts_file(void **state)
{
    (void)state;
    struct resolver_addresses addresses;
    uint64_t version = 0;
    struct resolver *resolver = create((struct resolver_options){0});
    struct resolver_name *name = add(resolver, "localhost");
    assert_true(resolver_read(name, &version, &addresses));
    expect_address(&addresses.list[0], "127.0.0.1");
    assert_int_equal(atomic_load(&fake.questions), 0);
    end(resolver, name);
}

static void a_name_may_be_dropped_while_it_is_asked_for(void **state)
{
    (void)state;
    struct resolver_name *names[20];
    char host[32];
    atomic_store(&fake.is_mute, true);
    struct resolver *resolver = create((struct resolver_options){.timeout_ms = 50});
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(host, sizeof host, "mute%u.test", i);
        assert_int_equal(resolver_add(resolver, slice_of_text(host), &names[i]), ERR_OK);
    }
    await_questions(1);
    assert_false(resolver_wait(resolver, 1));
    for (unsigned i = 0; i < 10; i++)
        resolver_drop(names[i]);
    assert_true(resolver_wait(resolver, WAIT_MS));
    for (unsigned i = 10; i < 20; i++)
        resolver_drop(names[i]);
    resolver_destroy(resolver);
}

static void refuses_what_is_no_host(void **state)
{
    (void)state;
    char longest[RESOLVER_HOST_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    struct resolver *resolver = create((struct resolver_options){0});
    struct resolver_name *name;
    static const char *const hosts[] = {"", "a b", "a:80", "[::1]", "a/b", "\xc3\xa9.test"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        assert_int_equal(resolver_add(resolver, slice_of_text(hosts[i]), &name), ERR_INVALID);
    assert_int_equal(resolver_add(resolver, slice_of("a\0b", 3), &name), ERR_INVALID);
    assert_int_equal(resolver_add(resolver, slice_of(longest, RESOLVER_HOST_BYTES_MAX + 1), &name), ERR_INVALID);
    resolver_destroy(resolver);
    struct resolver_options options = {.servers = "nonsense"};
    assert_int_equal(resolver_create(&options, &resolver), ERR_INVALID);
}

/* Readers on other threads see whole lists only: all addresses of one answer. */
static void read_until_stopped(void *argument)
{
    const struct resolver_name *name = argument;
    struct resolver_addresses addresses = {0};
    uint64_t version = 0;
    while (!atomic_load(&fake.is_stopping)) {
        if (!resolver_read(name, &version, &addresses))
            continue;
        uint32_t first = ntohl(addresses.list[0].v4.sin_addr.s_addr);
        for (uint32_t i = 0; i < addresses.count; i++)
            assert_int_equal(ntohl(addresses.list[i].v4.sin_addr.s_addr), first + i);
    }
}

static void readers_see_whole_lists(void **state)
{
    (void)state;
    struct thread readers[2];
    atomic_store(&fake.count, 8);
    struct resolver *resolver = create((struct resolver_options){.ttl_max_ns = NS_PER_MS, .ttl_min_ns = 1});
    struct resolver_name *name = add(resolver, "busy.test");
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        assert_int_equal(thread_start(&readers[i], "reader", read_until_stopped, name), ERR_OK);
    for (unsigned i = 0; i < 50; i++) {
        atomic_store(&fake.first, i * 4);
        clock_sleep_ns(4 * NS_PER_MS);
    }
    atomic_store(&fake.is_stopping, true);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        thread_join(&readers[i]);
    end(resolver, name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_all_addresses_in_ascending_order, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_no_more_addresses_than_it_has_room_for, setup, teardown),
        cmocka_unit_test_setup_teardown(asks_again_when_the_time_to_live_runs_out_and_not_before, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_the_time_to_live_on_both_sides, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_says_nothing_new_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_keep_the_last_good_answer_and_are_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_was_never_found_has_no_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_the_hosts_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_may_be_dropped_while_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_host, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_see_whole_lists, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
