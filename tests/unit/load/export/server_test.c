/* SPDX-License-Identifier: Apache-2.0 */
#include "load/export/server_int.h"

#include "lib/sys/clock.h"
#include "unit/lib/sys/net.h"

#include <stdio.h>
#include <string.h>

#define LONG_BYTES (8u << 20) /* more than the kernel takes at once */

static struct loop loop;
static struct export_server *server;
static struct address address;
static size_t text_bytes;
static char received[LONG_BYTES + 4096];

static enum err write_text(void *owner, enum exposition_format format, struct arena *arena, struct slice *ret_text)
{
    (void)owner;
    char *text = arena_alloc(arena, text_bytes);
    if (!text)
        return ERR_NOMEM;
    memset(text, format == EXPOSITION_OPENMETRICS ? 'o' : 'p', text_bytes);
    *ret_text = slice_of(text, text_bytes);
    return ERR_OK;
}

static int setup(void **state)
{
    (void)state;
    text_bytes = 5;
    assert_int_equal(loop_init(&loop), ERR_OK);
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.1:0"), &address), ERR_OK);
    assert_int_equal(export_server_create(&loop, &address, write_text, NULL, &server), ERR_OK);
    export_server_address(server, &address);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    export_server_destroy(server);
    loop_deinit(&loop);
    return 0;
}

/* Until the server has closed, or `bytes` have come. */
static size_t receive(int fd, size_t bytes)
{
    size_t count = 0;
    uint64_t end_ns = clock_now_ns() + 10 * NS_PER_S;
    while (count < bytes && clock_now_ns() < end_ns) {
        loop_turn(&loop, NS_PER_MS);
        ssize_t more = recv(fd, received + count, sizeof received - 1 - count, MSG_DONTWAIT);
        if (more == 0)
            break;
        count += more > 0 ? (size_t)more : 0;
    }
    received[count] = 0;
    return count;
}

static void say(int fd, const char *request)
{
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
}

static void ask(const char *request, const char *begin)
{
    int fd = net_connect(&address);
    say(fd, request);
    receive(fd, SIZE_MAX);
    if (strncmp(received, begin, strlen(begin)) != 0)
        fail_msg("%s is answered with\n%s", request, received);
    close(fd);
}

#define LAST "Host: a\r\nConnection: close\r\n\r\n"

static void answers_in_the_format_that_is_asked_for(void **state)
{
    (void)state;
    ask("GET /metrics HTTP/1.1\r\n" LAST, "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4");
    assert_non_null(strstr(received, "\r\n\r\nppppp"));
    ask("GET /metrics?x=1 HTTP/1.1\r\nAccept: application/openmetrics-text; version=1.0.0\r\n" LAST,
        "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text");
    assert_non_null(strstr(received, "\r\n\r\nooooo"));
    ask("HEAD /metrics HTTP/1.1\r\n" LAST, "HTTP/1.1 200 OK\r\n");
    assert_non_null(strstr(received, "Content-Length: 5\r\n"));
    assert_string_equal(received + strlen(received) - 4, "\r\n\r\n");
}

static void refuses_what_is_not_here(void **state)
{
    (void)state;
    ask("GET / HTTP/1.1\r\n" LAST, "HTTP/1.1 404 ");
    ask("DELETE /metrics HTTP/1.1\r\n" LAST, "HTTP/1.1 405 ");
    assert_non_null(strstr(received, "\r\nAllow: GET, HEAD\r\n"));
    ask("GET /metrics HTTP/1.1\r\nAccept: text/html\r\n" LAST, "HTTP/1.1 406 ");
    ask("nonsense\r\n\r\n", "HTTP/1.1 400 ");
    ask("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ");
}

static void refuses_a_head_that_is_too_long(void **state)
{
    (void)state;
    static char request[20000];
    int count = snprintf(request, sizeof request, "GET /metrics HTTP/1.1\r\nHost: a\r\nX: ");
    memset(request + count, 'x', 9000);
    int fd = net_connect(&address);
    say(fd, request);
    receive(fd, 20);
    assert_non_null(strstr(received, "HTTP/1.1 431"));
    close(fd);
}

static void keeps_a_connection_for_the_next_scrape(void **state)
{
    (void)state;
    int fd = net_connect(&address);
    for (int i = 0; i < 3; i++) {
        say(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        receive(fd, 80);
        assert_non_null(strstr(received, "ppppp"));
    }
    say(fd, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\n" LAST);
    receive(fd, SIZE_MAX);
    assert_non_null(strstr(strstr(received, "ppppp") + 5, "ppppp"));
    close(fd);
}

static void sends_what_the_kernel_does_not_take_at_once(void **state)
{
    (void)state;
    text_bytes = LONG_BYTES;
    int fd = net_connect(&address);
    say(fd, "GET /metrics HTTP/1.1\r\n" LAST);
    for (int i = 0; i < 20; i++)
        loop_turn(&loop, NS_PER_MS);
    assert_true(receive(fd, SIZE_MAX) > LONG_BYTES);
    close(fd);
}

static void lets_more_clients_wait_than_it_serves(void **state)
{
    (void)state;
    int clients[40];
    for (int i = 0; i < 40; i++)
        clients[i] = net_connect(&address);
    for (int i = 0; i < 40; i++) {
        say(clients[i], "GET /metrics HTTP/1.1\r\n" LAST);
        receive(clients[i], SIZE_MAX);
        assert_non_null(strstr(received, "ppppp"));
        close(clients[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_in_the_format_that_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_not_here, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_head_that_is_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_a_connection_for_the_next_scrape, setup, teardown),
        cmocka_unit_test_setup_teardown(sends_what_the_kernel_does_not_take_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(lets_more_clients_wait_than_it_serves, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
