/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses take turns, those that fail are passed over, and kept connections stay with their address. */
#include "unit/lib/resolver/fake_dns.h"
#include "unit/lib/sys/net.h"

#include "lib/sys/clock.h"
#include "pipeline/proxy/proxy_int.h"

#include <stdlib.h>

#define WAIT_MS 5000

static struct worker worker;
static struct upstream_config upstream_config;
static struct upstream_server servers[3];
static struct upstream upstream;
static struct upstream *upstreams[1] = {&upstream};
static struct config config;
static struct proxy_pools *pools;

static void make_pool(uint32_t server_count)
{
    upstream = (struct upstream){.config = &upstream_config, .servers = servers, .server_count = server_count};
    config.upstreams = upstreams;
    config.upstream_count = 1;
    assert_int_equal(proxy_pools_create(&worker, &config, &pools), ERR_OK);
}

static struct upstream_server literal(const char *text)
{
    struct upstream_server server = {.authority = slice_of_text(text)};
    assert_int_equal(address_parse(server.authority, &server.address), ERR_OK);
    return server;
}

static int setup(void **state)
{
    (void)state;
    memset(&worker, 0, sizeof worker);
    pools = NULL;
    upstream_config = (struct upstream_config){
        .fail_time = NS_PER_S, .connect_time = NS_PER_S, .idle_time = NS_PER_S, .keepalive = 8, .tries = 3};
    proxy_worker_init(&worker);
    fake_dns_start();
    return loop_init(&worker.loop) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    proxy_pools_destroy(pools);
    loop_deinit(&worker.loop);
    proxy_worker_deinit(&worker);
    fake_dns_stop();
    return 0;
}

static uint16_t pick(void)
{
    struct proxy_target *target = pool_pick(&pools->pools[0]);
    return target ? address_port(&target->address) : 0;
}

static void addresses_take_turns(void **state)
{
    (void)state;
    servers[0] = literal("127.0.0.1:1");
    servers[1] = literal("[::1]:2");
    servers[2] = literal("127.0.0.1:3");
    make_pool(3);
    assert_int_equal(pool_size(&pools->pools[0]), 3);
    uint16_t first = pick();
    uint16_t second = pick();
    uint16_t third = pick();
    assert_int_equal(first + second + third, 6);
    assert_int_equal(pick(), first);
    assert_int_equal(pick(), second);
}

static void one_that_failed_is_passed_over_for_a_while(void **state)
{
    (void)state;
    servers[0] = literal("127.0.0.1:1");
    servers[1] = literal("127.0.0.1:2");
    make_pool(2);
    pool_note_failure(&pools->pools[0], &servers[0].address);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pick(), 2);
    worker.loop.now_ns += NS_PER_S;
    assert_int_equal(pick() + pick(), 3);
}

static void when_all_have_failed_they_are_tried_in_turn(void **state)
{
    (void)state;
    servers[0] = literal("127.0.0.1:1");
    servers[1] = literal("127.0.0.1:2");
    make_pool(2);
    pool_note_failure(&pools->pools[0], &servers[0].address);
    pool_note_failure(&pools->pools[0], &servers[1].address);
    assert_int_equal(pick() + pick(), 3);
}

static struct resolver_name *resolve(struct resolver **ret_resolver)
{
    const struct resolver_options options = {
        .servers = fake.servers, .ttl_min_ns = NS_PER_MS, .ttl_max_ns = 5 * NS_PER_MS};
    struct resolver_name *name;
    assert_int_equal(resolver_create(&options, ret_resolver), ERR_OK);
    assert_int_equal(resolver_add(*ret_resolver, SLICE_LIT("app.test"), &name), ERR_OK);
    assert_true(resolver_wait(*ret_resolver, WAIT_MS));
    return name;
}

static void each_address_of_a_name_counts(void **state)
{
    (void)state;
    struct resolver *resolver;
    atomic_store(&fake.count, 3);
    servers[0] = (struct upstream_server){.host = SLICE_LIT("app.test"), .port = 80, .name = resolve(&resolver)};
    servers[1] = literal("127.0.0.1:1");
    make_pool(2);
    assert_int_equal(pick() + pick() + pick() + pick(), 3 * 80 + 1);
    assert_int_equal(pool_size(&pools->pools[0]), 4);
    resolver_drop(servers[0].name);
    resolver_destroy(resolver);
}

static void a_name_without_addresses_has_none(void **state)
{
    (void)state;
    servers[0] = (struct upstream_server){.host = SLICE_LIT("app.test"), .port = 80};
    make_pool(1);
    assert_null(pool_pick(&pools->pools[0]));
    assert_int_equal(pool_size(&pools->pools[0]), 0);
}

/* A kept connection, as link.c leaves it: to whom it really leads does not matter here. */
static void keep_link(const struct address *address, const struct address *listening)
{
    struct proxy_pool *pool = &pools->pools[0];
    struct proxy_target there = {.address = *listening};
    struct request request = {.worker = &worker};
    struct exchange exchange = {.request = &request, .pool = pool};
    assert_int_equal(link_connect(&exchange, &there), ERR_OK);
    exchange.state = EXCHANGE_CONNECTING;
    struct upstream_link *link = exchange.link;
    list_remove(&exchange.link_node);
    link->stream.is_connecting = false;
    link->address = *address;
    list_add_first(&pool_find(pool, address)->idle, &link->node);
    pool->idle_count++;
    link->is_idle = true;
}

static bool has_kept(const struct address *address)
{
    struct proxy_target *target = pool_find(&pools->pools[0], address);
    return target && !list_is_empty(&target->idle);
}

static void kept_connections_stay_with_their_address_or_go(void **state)
{
    (void)state;
    struct resolver *resolver;
    struct address listening;
    struct address gone;
    struct address stays;
    int fd = net_listen(&listening);
    atomic_store(&fake.count, 2);
    servers[0] = (struct upstream_server){.host = SLICE_LIT("app.test"), .port = 80, .name = resolve(&resolver)};
    make_pool(1);
    assert_non_null(pool_pick(&pools->pools[0]));
    assert_int_equal(address_parse(SLICE_LIT("192.0.2.1:80"), &gone), ERR_OK);
    assert_int_equal(address_parse(SLICE_LIT("192.0.2.2:80"), &stays), ERR_OK);
    keep_link(&gone, &listening);
    keep_link(&stays, &listening);
    atomic_store(&fake.first, 2); /* 192.0.2.2 and .3 */
    uint64_t end_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (pool_find(&pools->pools[0], &gone) && clock_now_ns() < end_ns) {
        clock_sleep_ns(NS_PER_MS);
        assert_non_null(pool_pick(&pools->pools[0]));
    }
    assert_null(pool_find(&pools->pools[0], &gone));
    assert_true(has_kept(&stays));
    assert_int_equal(pools->pools[0].idle_count, 1);
    assert_int_equal(worker.upstream_links.count, 1);
    resolver_drop(servers[0].name);
    resolver_destroy(resolver);
    close(fd);
}

/* Of HTTP/2, while it is being connected. */
static void connect_shared(struct exchange *exchange, const struct address *address, const struct address *listening)
{
    struct proxy_pool *pool = &pools->pools[0];
    struct proxy_target there = {.address = *listening};
    list_init(&there.shared);
    upstream_config.protocol = UPSTREAM_PROTOCOL_HTTP2;
    upstream_config.streams = 3;
    exchange->pool = pool;
    exchange->state = EXCHANGE_CONNECTING;
    assert_int_equal(link_connect(exchange, &there), ERR_OK);
    exchange->link->address = *address;
    list_remove(&exchange->link->node);
    list_add_last(&pool_find(pool, address)->shared, &exchange->link->node);
}

static void as_many_wait_for_a_connection_as_it_may_carry(void **state)
{
    (void)state;
    struct exchange exchanges[4] = {{0}};
    struct address listening;
    int fd = net_listen(&listening);
    servers[0] = literal("192.0.2.1:80");
    make_pool(1);
    struct proxy_target *target = pool_pick(&pools->pools[0]);
    connect_shared(&exchanges[0], &target->address, &listening);
    struct upstream_link *link = exchanges[0].link;
    for (unsigned i = 1; i < 3; i++) {
        exchanges[i] = (struct exchange){.pool = &pools->pools[0], .state = EXCHANGE_CONNECTING};
        assert_ptr_equal(link_find(&exchanges[i], target), link);
        link_enter(link, &exchanges[i]);
    }
    exchanges[3] = (struct exchange){.pool = &pools->pools[0]};
    assert_null(link_find(&exchanges[3], target));
    link_leave(&exchanges[1], false);
    assert_ptr_equal(link_find(&exchanges[3], target), link);
    target->streams_max = 2; /* the server has said so */
    assert_null(link_find(&exchanges[3], target));
    link_leave(&exchanges[0], false);
    assert_int_equal(worker.upstream_links.count, 1);
    link_leave(&exchanges[2], false);
    assert_int_equal(worker.upstream_links.count, 0);
    assert_true(list_is_empty(&target->shared));
    close(fd);
}

static void a_shared_connection_whose_address_goes_ends_with_what_it_carries(void **state)
{
    (void)state;
    struct exchange exchange = {0};
    struct resolver *resolver;
    struct address listening;
    struct address gone;
    int fd = net_listen(&listening);
    atomic_store(&fake.count, 1);
    servers[0] = (struct upstream_server){.host = SLICE_LIT("app.test"), .port = 80, .name = resolve(&resolver)};
    make_pool(1);
    assert_non_null(pool_pick(&pools->pools[0]));
    assert_int_equal(address_parse(SLICE_LIT("192.0.2.1:80"), &gone), ERR_OK);
    connect_shared(&exchange, &gone, &listening);
    atomic_store(&fake.first, 2);
    uint64_t end_ns = clock_now_ns() + WAIT_MS * NS_PER_MS;
    while (pool_find(&pools->pools[0], &gone) && clock_now_ns() < end_ns) {
        clock_sleep_ns(NS_PER_MS);
        assert_non_null(pool_pick(&pools->pools[0]));
    }
    assert_null(pool_find(&pools->pools[0], &gone));
    assert_non_null(exchange.link);
    assert_false(list_is_linked(&exchange.link->node));
    link_leave(&exchange, false);
    assert_int_equal(worker.upstream_links.count, 0);
    resolver_drop(servers[0].name);
    resolver_destroy(resolver);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses_take_turns, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_failed_is_passed_over_for_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(when_all_have_failed_they_are_tried_in_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(each_address_of_a_name_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_without_addresses_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_connections_stay_with_their_address_or_go, setup, teardown),
        cmocka_unit_test_setup_teardown(as_many_wait_for_a_connection_as_it_may_carry, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shared_connection_whose_address_goes_ends_with_what_it_carries, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
