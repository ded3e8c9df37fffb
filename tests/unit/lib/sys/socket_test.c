/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/sys/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>

struct address_row {
    const char *text;
    const char *formatted; /* NULL: ERR_SYNTAX */
};

static const struct address_row addresses[] = {
    {"127.0.0.1:8080", "127.0.0.1:8080"},
    {"0.0.0.0:0", "0.0.0.0:0"},
    {"255.255.255.255:65535", "255.255.255.255:65535"},
    {"localhost:80", "127.0.0.1:80"},
    {":8080", "0.0.0.0:8080"},
    {"[::1]:8080", "[::1]:8080"},
    {"[::]:1", "[::]:1"},
    {"[2001:DB8:0:0:0:0:0:1]:443", "[2001:db8::1]:443"},
    {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1"},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
    {"", NULL},
    {":", NULL},
    {"8080", NULL},
    {"127.0.0.1", NULL},
    {"127.0.0.1:", NULL},
    {"127.0.0.1:65536", NULL},
    {"127.0.0.1:99999999999999999999999", NULL},
    {"127.0.0.1:-1", NULL},
    {"127.0.0.1:+80", NULL},
    {"127.0.0.1: 80", NULL},
    {"127.0.0.1:80 ", NULL},
    {" 127.0.0.1:80", NULL},
    {"127.0.0.1:http", NULL},
    {"127.0.0.256:80", NULL},
    {"127.0.1:80", NULL},
    {"127.1:80", NULL},
    {"0x7f.0.0.1:80", NULL},
    {"1234567890.1234567890.1234567890:80", NULL},
    {"example.com:80", NULL},
    {"Localhost:80", NULL},
    {"*:80", NULL},
    {"::1:80", NULL},
    {"[::1]", NULL},
    {"[::1]80", NULL},
    {"[::1:80", NULL},
    {"::1]:80", NULL},
    {"[]:80", NULL},
    {"[:80", NULL},
    {"[127.0.0.1]:80", NULL},
    {"[::1%lo]:80", NULL},
    {"[::g]:80", NULL},
    {"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1", NULL},
};

static void parses_numeric_addresses_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        const struct address_row *row = &addresses[i];
        struct address address;
        enum err err = address_parse(slice_of_text(row->text), &address);
        if ((err == ERR_OK) != (row->formatted != NULL))
            fail_msg("\"%s\" gives %s", row->text, err_name(err));
        if (!row->formatted) {
            assert_int_equal(err, ERR_SYNTAX);
            continue;
        }
        char text[ADDRESS_TEXT_MAX];
        address_format(&address, text);
        assert_string_equal(text, row->formatted);
    }
}

static void refuses_a_nul_inside_an_address(void **state)
{
    (void)state;
    struct address address;
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.1\0.example:80"), &address), ERR_SYNTAX);
    assert_int_equal(address_parse(SLICE_LIT("[::1\0]:80"), &address), ERR_SYNTAX);
    assert_int_equal(address_parse(SLICE_LIT("\0:80"), &address), ERR_SYNTAX);
}

static void host_and_port_are_told_apart(void **state)
{
    (void)state;
    struct address address;
    char host[ADDRESS_TEXT_MAX];
    assert_int_equal(address_parse(SLICE_LIT("[::1]:8080"), &address), ERR_OK);
    address_format_host(&address, host);
    assert_string_equal(host, "::1");
    assert_int_equal(address_port(&address), 8080);
    address_set_port(&address, 9);
    assert_int_equal(address_port(&address), 9);
    address_format_host(&(struct address){0}, host);
    assert_string_equal(host, "unknown");
}

static bool has_option(int fd, int level, int option)
{
    int value = 0;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value != 0;
}

static void check_listens_and_connects(const char *text)
{
    struct address wanted;
    struct address bound;
    int listening;
    assert_int_equal(address_parse(slice_of_text(text), &wanted), ERR_OK);
    assert_int_equal(socket_listen(&wanted, 4096, &listening), ERR_OK);
    assert_int_equal(socket_address(listening, &bound), ERR_OK);
    assert_true(address_port(&bound) != 0);
    int theirs = net_connect(&bound);
    int ours = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    assert_true(ours >= 0);
    assert_true(has_option(ours, IPPROTO_TCP, TCP_NODELAY));
    assert_true(has_option(listening, SOL_SOCKET, SO_REUSEPORT));
    assert_true(fcntl(listening, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listening, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(theirs, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(theirs, F_GETFD) & FD_CLOEXEC);
    close(ours);
    close(theirs);
    close(listening);
}

static void listens_on_a_free_port_of_ipv4(void **state)
{
    (void)state;
    check_listens_and_connects("127.0.0.1:0");
}

static void listens_on_a_free_port_of_ipv6(void **state)
{
    (void)state;
    struct address loopback;
    assert_int_equal(address_parse(SLICE_LIT("[::1]:0"), &loopback), ERR_OK);
    if (socket_probe_free(&loopback) == ERR_INVALID) {
        print_message("no IPv6 on this machine\n");
        skip();
    }
    check_listens_and_connects("[::1]:0");
}

static void every_worker_may_listen_on_the_same_address(void **state)
{
    (void)state;
    struct address bound;
    int second;
    int first = net_listen(&bound);
    assert_int_equal(socket_listen(&bound, 4096, &second), ERR_OK);
    close(first);
    close(second);
}

static void the_probe_sees_a_listener_that_shares_its_port(void **state)
{
    (void)state;
    struct address bound;
    int listening = net_listen(&bound);
    assert_int_equal(socket_probe_free(&bound), ERR_EXISTS);
    int theirs = net_connect(&bound);
    int ours = accept(listening, NULL, NULL);
    close(listening);
    close(ours); /* leaves TIME_WAIT behind, which is no reason to refuse a restart */
    close(theirs);
    assert_int_equal(socket_probe_free(&bound), ERR_OK);
    assert_int_equal(socket_probe_free(&bound), ERR_OK);
}

static void listening_says_why_not(void **state)
{
    (void)state;
    struct address bound;
    struct address foreign;
    int fd = -7;
    int exclusive = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.1:0"), &bound), ERR_OK);
    assert_int_equal(bind(exclusive, &bound.any, bound.len), 0);
    assert_int_equal(listen(exclusive, 1), 0);
    assert_int_equal(socket_address(exclusive, &bound), ERR_OK);
    unsigned open_before = net_open_files();
    assert_int_equal(socket_listen(&bound, 4096, &fd), ERR_EXISTS);
    assert_int_equal(address_parse(SLICE_LIT("192.0.2.1:0"), &foreign), ERR_OK);
    assert_int_equal(socket_listen(&foreign, 4096, &fd), ERR_INVALID);
    assert_int_equal(fd, -7);
    assert_int_equal(net_open_files(), open_before);
    close(exclusive);
}

static void connecting_to_nobody_is_refused(void **state)
{
    (void)state;
    struct address bound;
    int fd = net_listen(&bound);
    close(fd);
    unsigned open_before = net_open_files();
    assert_int_equal(socket_connect(&bound, 1000, &fd), ERR_CLOSED);
    assert_int_equal(net_open_files(), open_before);
}

static void shutdown_ends_one_direction_only(void **state)
{
    (void)state;
    int ours;
    int theirs;
    char byte;
    net_pair(&ours, &theirs);
    socket_shutdown_write(ours);
    assert_int_equal(send(theirs, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(ours, &byte, 1, 0), 1);
    assert_int_equal(recv(theirs, &byte, 1, 0), 0);
    socket_close(ours);
    socket_close(theirs);
    socket_close(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_numeric_addresses_and_nothing_else),
        cmocka_unit_test(refuses_a_nul_inside_an_address),
        cmocka_unit_test(host_and_port_are_told_apart),
        cmocka_unit_test(listens_on_a_free_port_of_ipv4),
        cmocka_unit_test(listens_on_a_free_port_of_ipv6),
        cmocka_unit_test(every_worker_may_listen_on_the_same_address),
        cmocka_unit_test(the_probe_sees_a_listener_that_shares_its_port),
        cmocka_unit_test(listening_says_why_not),
        cmocka_unit_test(connecting_to_nobody_is_refused),
        cmocka_unit_test(shutdown_ends_one_direction_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
