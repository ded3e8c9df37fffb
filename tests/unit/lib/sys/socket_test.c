/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/lib/sys/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>

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
    {"unix:/run/weir.sock", "unix:/run/weir.sock"},
    {"unix:/a", "unix:/a"},
    {"unix:", NULL},
    {"unix:/", NULL},
    {"unix:/a/", NULL},
    {"unix:a", NULL},
    {"unix:@a", NULL},
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
    assert_int_equal(address_parse(SLICE_LIT("[::1]:8080"), &address), ERR_OK);
    struct ip ip = address_ip(&address);
    assert_int_equal(ip.family, IP_V6);
    assert_int_equal(ip.bytes[15], 1);
    assert_int_equal(address_port(&address), 8080);
    address_set_port(&address, 9);
    assert_int_equal(address_port(&address), 9);
    ip = address_ip(&(struct address){0});
    assert_int_equal(ip.family, IP_NONE);
    assert_int_equal(address_parse(SLICE_LIT("127.0.0.9:80"), &address), ERR_OK);
    ip = address_ip(&address);
    assert_int_equal(ip.family, IP_V4);
    assert_int_equal(ip.bytes[3], 9);
    assert_int_equal(address_parse(SLICE_LIT("unix:/a"), &address), ERR_OK);
    ip = address_ip(&address);
    assert_int_equal(ip.family, IP_NONE);
    assert_int_equal(address_port(&address), 0);
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

/* Unix sockets. */

static struct address local_of(const char *name)
{
    char text[ADDRESS_TEXT_MAX];
    struct address address;
    (void)snprintf(text, sizeof text, "unix:/tmp/weir-test-%d-%s", (int)getpid(), name);
    assert_int_equal(address_parse(slice_of_text(text), &address), ERR_OK);
    return address;
}

static unsigned mode_of(const struct address *address)
{
    struct stat status;
    assert_int_equal(lstat(address->local.sun_path, &status), 0);
    return status.st_mode & 0777;
}

static void listens_at_a_path_with_the_mode_whatever_the_umask(void **state)
{
    struct address address = local_of("mode");
    struct socket_file file;
    int fd;
    int client;
    (void)state;
    mode_t before = umask(0777);
    assert_int_equal(socket_listen_local(&address, 0640, 16, &fd, &file), ERR_OK);
    umask(before);
    assert_int_equal(mode_of(&address), 0640);
    assert_int_equal(socket_connect(&address, 1000, &client), ERR_OK);
    close(client);
    int second;
    assert_int_equal(socket_share(fd, &second), ERR_OK);
    assert_true(fcntl(second, F_GETFD) & FD_CLOEXEC);
    close(second);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    socket_unlink(&address, &file);
    assert_int_not_equal(access(address.local.sun_path, F_OK), 0);
    close(fd);
}

static void replaces_a_socket_that_nobody_listens_on_and_no_other_file(void **state)
{
    struct address address = local_of("stale");
    struct socket_file first;
    struct socket_file second;
    int fd;
    (void)state;
    assert_int_equal(socket_listen_local(&address, 0600, 16, &fd, &first), ERR_OK);
    int other = -1;
    assert_int_equal(socket_listen_local(&address, 0600, 16, &other, &second), ERR_EXISTS);
    close(fd); /* as after a crash: the file stays */
    assert_int_equal(socket_listen_local(&address, 0600, 16, &fd, &second), ERR_OK);
    socket_unlink(&address, &(struct socket_file){.device = second.device, .inode = second.inode + 1});
    assert_int_equal(mode_of(&address), 0600);
    socket_unlink(&address, &second);
    close(fd);
    int plain = open(address.local.sun_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(socket_listen_local(&address, 0600, 16, &fd, &first), ERR_MISMATCH);
    close(plain);
    assert_int_equal(unlink(address.local.sun_path), 0);
}

/* A full queue answers EAGAIN, which is no sign of death. */
static void a_busy_socket_is_not_stale(void **state)
{
    struct address address = local_of("busy");
    struct socket_file file;
    int clients[8];
    int fd;
    int other;
    (void)state;
    assert_int_equal(socket_listen_local(&address, 0600, 1, &fd, &file), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        if (socket_connect(&address, 0, &clients[i]) != ERR_OK)
            clients[i] = -1;
    assert_int_equal(socket_listen_local(&address, 0600, 1, &other, &file), ERR_EXISTS);
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        socket_close(clients[i]);
    socket_unlink(&address, &file);
    close(fd);
}

static void says_what_is_wrong_with_a_path(void **state)
{
    struct address address;
    struct socket_file file;
    int fd;
    (void)state;
    assert_int_equal(address_parse(SLICE_LIT("unix:/nonexistent/a"), &address), ERR_OK);
    assert_int_equal(socket_listen_local(&address, 0600, 1, &fd, &file), ERR_NOT_FOUND);
    assert_int_equal(address_parse(SLICE_LIT("unix:/dev/null/a"), &address), ERR_OK);
    assert_int_equal(socket_listen_local(&address, 0600, 1, &fd, &file), ERR_NOT_FOUND);
    char text[256];
    memset(text, 'a', sizeof text);
    memcpy(text, "unix:/", 6);
    assert_int_equal(address_parse(slice_of(text, 5 + SOCKET_PATH_BYTES), &address), ERR_OK);
    assert_int_equal(address_parse(slice_of(text, 6 + SOCKET_PATH_BYTES), &address), ERR_LIMIT);
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
        cmocka_unit_test(listens_at_a_path_with_the_mode_whatever_the_umask),
        cmocka_unit_test(replaces_a_socket_that_nobody_listens_on_and_no_other_file),
        cmocka_unit_test(a_busy_socket_is_not_stale),
        cmocka_unit_test(says_what_is_wrong_with_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
