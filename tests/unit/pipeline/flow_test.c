/* SPDX-License-Identifier: Apache-2.0 */
/* How requests are carried from stage to stage while bytes come in pieces, clients leave and time runs out. */
#include "floor.h"

/* --- Random streams of requests --------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_below(uint64_t bound)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (random_state >> 33) % bound;
}

struct stream_text {
    char *ptr;
    size_t len;
    size_t capacity;
};

static void add(struct stream_text *out, const void *bytes, size_t len)
{
    if (out->len + len > out->capacity) {
        out->capacity = (out->len + len) * 2;
        out->ptr = realloc(out->ptr, out->capacity);
        assert_non_null(out->ptr);
    }
    memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
}

static void add_text(struct stream_text *out, const char *format, ...) PRINTF_LIKE(2, 3);
static void add_text(struct stream_text *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    add(out, line, (size_t)len);
}

/* Small, around the receive buffer's size, large. */
static size_t random_body_bytes(void)
{
    static const size_t bounds[] = {1, 30, 5000, 9000, 100000};
    return random_below(bounds[random_below(ARRAY_LEN(bounds))]);
}

static void add_chunks(struct stream_text *out, const char *body, size_t len)
{
    while (len > 0) {
        size_t piece = 1 + random_below(MIN(len, (size_t)3000));
        add_text(out, "%zx%s\r\n", piece, random_below(4) ? "" : ";name=\"value\"");
        add(out, body, piece);
        add_text(out, "\r\n");
        body += piece;
        len -= piece;
    }
    add_text(out, "0\r\n%s\r\n", random_below(4) ? "" : "Trailer: x\r\n");
}

/* One request to the stream, its answer's body to `expected`. */
static void add_request(struct stream_text *out, unsigned index, char expected[128])
{
    static const char *const routes[] = {"echo", "swallow", "hold", "slow"};
    const char *route = routes[random_below(ARRAY_LEN(routes))];
    size_t len = random_body_bytes();
    char *body = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        body[i] = (char)random_below(256);
    (void)snprintf(expected, 128, "/%s/%u %zu %016llx", route, index, len,
                   (unsigned long long)hash_of(slice_of(body, len)));
    add_text(out, "POST /%s/%u HTTP/1.1\r\nHost: test\r\n", route, index);
    for (uint64_t i = random_below(6); i > 0; i--)
        add_text(out, "X-Filler-%u: %0*u\r\n", (unsigned)i, (int)random_below(300) + 1, 7U);
    if (random_below(3) == 0) {
        add_text(out, "Transfer-Encoding: chunked\r\n\r\n");
        add_chunks(out, body, len);
    } else {
        add_text(out, "Content-Length: %zu\r\n\r\n", len);
        add(out, body, len);
    }
    free(body);
}

#define STREAM_REQUESTS 12

struct sender {
    struct thread thread;
    struct stream_text text;
    int fd;
    uint64_t seed;
};

/* In pieces of all sizes, some after a pause. A thread of its own, or both sides could wait for the other to read. */
static void send_pieces(void *argument)
{
    struct sender *sender = argument;
    uint64_t state = sender->seed;
    for (size_t at = 0; at < sender->text.len;) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        size_t piece = 1 + (state >> 40) % ((state >> 33) % 4 ? 20000 : 40);
        piece = MIN(piece, sender->text.len - at);
        client_send(sender->fd, sender->text.ptr + at, piece);
        at += piece;
        if ((state >> 36) % 4 == 0)
            clock_sleep_ns(200 * 1000);
    }
}

static void play_stream(uint64_t seed)
{
    char expected[STREAM_REQUESTS][128];
    struct sender sender = {.fd = client_open(), .seed = seed};
    random_state = seed;
    for (unsigned i = 0; i < STREAM_REQUESTS; i++)
        add_request(&sender.text, i, expected[i]);
    assert_int_equal(thread_start(&sender.thread, "sender", send_pieces, &sender), ERR_OK);
    for (unsigned i = 0; i < STREAM_REQUESTS; i++) {
        struct answer answer;
        if (!client_read(sender.fd, true, &answer) || answer.status != 200 || strcmp(answer.body, expected[i]) != 0)
            fail_msg("seed %llu, request %u: got %d \"%s\", expected \"%s\"", (unsigned long long)seed, i,
                     answer.status, answer.body, expected[i]);
    }
    thread_join(&sender.thread);
    close(sender.fd);
    free(sender.text.ptr);
}

static void answers_every_request_of_a_stream_however_it_is_split(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    floor_start(&limits);
    for (uint64_t seed = 1; seed <= 60; seed++)
        play_stream(seed);
    floor_stop();
}

/* --- Clients that leave ----------------------------------------------------------------------------------------- */

/* Half of them with a reset, at any moment from the first byte to the answer. */
static void leave_sometime(uint64_t seed)
{
    struct stream_text text = {0};
    char expected[128];
    int fd = client_open();
    random_state = seed;
    add_request(&text, 0, expected);
    add_request(&text, 1, expected);
    size_t len = random_below(3) ? text.len : 1 + random_below(text.len);
    client_send(fd, text.ptr, MIN(len, (size_t)60000));
    clock_sleep_ns(random_below(4) * NS_PER_MS);
    if (random_below(2)) {
        struct linger at_once = {.l_onoff = 1};
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    }
    close(fd);
    free(text.ptr);
}

static void gives_everything_back_when_clients_leave_at_any_moment(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    floor_start(&limits);
    atomic_store(&floor_.hold_ns, 2 * NS_PER_MS);
    for (uint64_t seed = 1; seed <= 200; seed++)
        leave_sometime(seed);
    play_stream(77); /* and goes on serving */
    floor_stop();
}

static void waits_at_its_stop_for_requests_that_the_crew_holds(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    floor_start(&limits);
    atomic_store(&floor_.hold_ns, 100 * NS_PER_MS);
    int fds[8];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client_open();
        client_say(fds[i],
                   i % 2 ? "GET /hold/1 HTTP/1.1\r\nHost: a\r\n\r\n" : "GET /slow/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    clock_sleep_ns(20 * NS_PER_MS);
    floor_stop();
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
}

/* --- Time that runs out ----------------------------------------------------------------------------------------- */

static void answers_503_for_a_request_that_the_crew_holds_too_long_and_goes_on(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    struct answer answer;
    limits.request_time = 30 * NS_PER_MS;
    floor_start(&limits);
    atomic_store(&floor_.hold_ns, 150 * NS_PER_MS);
    int fd = client_open();
    client_say(fd, "POST /slow/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                   "POST /echo/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_true(client_read(fd, true, &answer));
    assert_int_equal(answer.status, 503);
    assert_false(answer.is_closing);
    assert_true(client_read(fd, true, &answer));
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "/echo/2 0 "));
    close(fd);
    floor_stop();
}

/* Until the frame that ends a stream. */
static bool read_http2_answer(int fd)
{
    unsigned char head[9];
    char payload[16384];
    while (recv(fd, head, sizeof head, MSG_WAITALL) == sizeof head) {
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        if (len > sizeof payload || (len && recv(fd, payload, len, MSG_WAITALL) != (ssize_t)len))
            return false;
        if (head[3] <= 1 && head[4] & 1)
            return true;
    }
    return false;
}

/* It was answered when its time was over; that the crew has it for longer is nothing to its connection. */
static void an_answer_over_http2_does_not_wait_for_the_crew(void **state)
{
    (void)state;
    static const char request[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                  "\0\0\0\4\0\0\0\0\0"
                                  "\0\0\x0e\1\5\0\0\0\1\x82\x86\4\7/slow/1\1\1a";
    struct limits_config limits = floor_limits();
    limits.request_time = 30 * NS_PER_MS;
    floor_start(&limits);
    atomic_store(&floor_.hold_ns, 300 * NS_PER_MS);
    int fd = client_open();
    client_send(fd, request, sizeof request - 1);
    assert_true(read_http2_answer(fd));
    close(fd);
    clock_sleep_ns(100 * NS_PER_MS);
    assert_int_equal(counter_read(&floor_.worker->meter.requests_cancelled), 0);
    floor_stop();
}

static void gives_each_pipelined_request_a_time_of_its_own(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    limits.request_time = 400 * NS_PER_MS;
    floor_start(&limits);
    atomic_store(&floor_.hold_ns, 150 * NS_PER_MS);
    int fd = client_open();
    for (int i = 0; i < 6; i++)
        client_say(fd, "GET /slow/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 6; i++) {
        struct answer answer;
        assert_true(client_read(fd, true, &answer));
        assert_int_equal(answer.status, 200);
    }
    close(fd);
    floor_stop();
}

static void times_each_head_from_its_own_first_byte(void **state)
{
    (void)state;
    static const char request[] = "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n";
    struct limits_config limits = floor_limits();
    limits.header_time = 150 * NS_PER_MS;
    floor_start(&limits);
    int fd = client_open();
    client_send(fd, request, 10);
    /* Always the rest of one and the beginning of the next. */
    for (int i = 0; i < 10; i++) {
        struct answer answer;
        char piece[sizeof request];
        (void)snprintf(piece, sizeof piece, "%s%.10s", request + 10, request);
        clock_sleep_ns(40 * NS_PER_MS);
        client_say(fd, piece);
        assert_true(client_read(fd, true, &answer));
        assert_int_equal(answer.status, 200);
    }
    struct answer late;
    assert_true(client_read(fd, true, &late));
    assert_int_equal(late.status, 408);
    assert_true(late.is_closing);
    close(fd);
    floor_stop();
}

static void serves_a_slow_reader_for_as_long_as_it_reads(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    limits.write_time = 200 * NS_PER_MS;
    floor_start(&limits);
    floor_.report_bytes = 8 << 20;
    /* Inherited by what is accepted. With the usual one progress shows only every megabyte. */
    int small = 32768;
    int listening = floor_.worker->listeners[0].listener.watch.fd;
    assert_int_equal(setsockopt(listening, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
    int fd = client_open();
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
    client_say(fd, "GET /report HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    size_t total = 0;
    char *piece = malloc(8192);
    uint64_t begin_ns = clock_now_ns();
    for (ssize_t count; (count = recv(fd, piece, 8192, 0)) > 0; total += (size_t)count)
        if (clock_now_ns() - begin_ns < 3 * limits.write_time)
            clock_sleep_ns(2 * NS_PER_MS);
    free(piece);
    assert_true(total > 8 << 20);
    close(fd);
    floor_stop();
}

static void closes_on_a_reader_that_has_stopped(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    limits.write_time = 50 * NS_PER_MS;
    floor_start(&limits);
    floor_.report_bytes = 16 << 20;
    int fd = client_open();
    client_say(fd, "GET /report HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 500 && counter_read(&floor_.worker->meter.connections_timed_out) == 0; i++)
        clock_sleep_ns(10 * NS_PER_MS);
    assert_int_equal(counter_read(&floor_.worker->meter.connections_timed_out), 1);
    close(fd);
    floor_stop();
}

/* --- What a reload may change under an open connection ---------------------------------------------------------- */

static void keeps_the_limits_of_a_head_while_a_connection_is_open(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    struct answer answer;
    char request[4096] = "GET /echo/1 HTTP/1.1\r\nHost: a\r\n";
    floor_start(&limits);
    int fd = client_open();
    client_say(fd, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_read(fd, true, &answer));
    limits.header_count = 8;
    limits.head_bytes = 1024;
    struct config *smaller = floor_config(&limits);
    floor_order(WORKER_RELOAD, smaller);
    config_unref(smaller);
    for (int i = 0; i < 60; i++)
        (void)snprintf(request + strlen(request), sizeof request - strlen(request), "X-Filler-%d: 0123456789%s", i,
                       i == 59 ? "\r\n\r\n" : "\r\n");
    /* The second finds the receive buffer of the first. */
    for (int i = 0; i < 2; i++)
        client_say(fd, request);
    for (int i = 0; i < 2; i++) {
        assert_true(client_read(fd, true, &answer));
        assert_int_equal(answer.status, 200);
    }
    int newer = client_open();
    client_say(newer, request);
    assert_true(client_read(newer, true, &answer));
    assert_int_equal(answer.status, 431);
    close(newer);
    close(fd);
    floor_stop();
}

/* --- Memory that runs out --------------------------------------------------------------------------------------- */

static void says_503_when_there_is_no_memory_to_receive_into(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    struct answer answer;
    limits.worker_memory = 4096;
    floor_start(&limits);
    int fd = client_open();
    client_say(fd, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_read(fd, true, &answer));
    assert_int_equal(answer.status, 503);
    assert_true(answer.is_closing);
    assert_int_equal(recv(fd, answer.body, 1, 0), 0);
    assert_int_equal(counter_read(&floor_.worker->meter.connections_refused), 1);
    close(fd);
    floor_stop();
}

static void says_503_when_there_is_no_memory_for_a_request(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    struct answer answer;
    limits.worker_memory = 16384; /* the receive buffer, no arena */
    limits.header_count = 200;    /* more than the request's own memory holds */
    floor_start(&limits);
    int fd = client_open();
    client_say(fd, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\nGET /echo/2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_read(fd, true, &answer));
    assert_int_equal(answer.status, 503);
    assert_true(answer.is_closing);
    assert_int_equal(recv(fd, answer.body, 1, 0), 0);
    close(fd);
    floor_stop();
}

/* --- Draining --------------------------------------------------------------------------------------------------- */

static void answers_a_request_that_was_on_its_way_when_draining_began(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    struct answer answer;
    floor_start(&limits);
    int fresh = client_open();
    int used = client_open();
    int idle = client_open();
    client_say(used, "GET /echo/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_read(used, true, &answer));
    assert_false(answer.is_closing);
    floor_order(WORKER_DRAIN, NULL);
    client_say(fresh, "GET /echo/2 HTTP/1.1\r\nHost: a\r\n\r\n");
    client_say(used, "GET /echo/3 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_read(fresh, true, &answer));
    assert_int_equal(answer.status, 200);
    assert_true(answer.is_closing);
    assert_true(client_read(used, true, &answer));
    assert_int_equal(answer.status, 200);
    assert_int_equal(recv(idle, answer.body, 1, 0), 0);
    close(fresh);
    close(used);
    for (int i = 0; i < 500 && !atomic_load(&floor_.worker->is_drained); i++)
        clock_sleep_ns(10 * NS_PER_MS);
    assert_true(atomic_load(&floor_.worker->is_drained));
    close(idle);
    floor_stop();
}

static void finishes_what_the_crew_holds_before_it_is_drained(void **state)
{
    (void)state;
    struct limits_config limits = floor_limits();
    struct answer answer;
    floor_start(&limits);
    atomic_store(&floor_.hold_ns, 100 * NS_PER_MS);
    int fd = client_open();
    client_say(fd, "GET /slow/1 HTTP/1.1\r\nHost: a\r\n\r\n");
    clock_sleep_ns(20 * NS_PER_MS);
    floor_order(WORKER_DRAIN, NULL);
    assert_false(atomic_load(&floor_.worker->is_drained));
    assert_true(client_read(fd, true, &answer));
    assert_int_equal(answer.status, 200);
    assert_true(answer.is_closing);
    close(fd);
    floor_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_every_request_of_a_stream_however_it_is_split),
        cmocka_unit_test(gives_everything_back_when_clients_leave_at_any_moment),
        cmocka_unit_test(waits_at_its_stop_for_requests_that_the_crew_holds),
        cmocka_unit_test(answers_503_for_a_request_that_the_crew_holds_too_long_and_goes_on),
        cmocka_unit_test(an_answer_over_http2_does_not_wait_for_the_crew),
        cmocka_unit_test(gives_each_pipelined_request_a_time_of_its_own),
        cmocka_unit_test(times_each_head_from_its_own_first_byte),
        cmocka_unit_test(serves_a_slow_reader_for_as_long_as_it_reads),
        cmocka_unit_test(closes_on_a_reader_that_has_stopped),
        cmocka_unit_test(keeps_the_limits_of_a_head_while_a_connection_is_open),
        cmocka_unit_test(says_503_when_there_is_no_memory_to_receive_into),
        cmocka_unit_test(says_503_when_there_is_no_memory_for_a_request),
        cmocka_unit_test(answers_a_request_that_was_on_its_way_when_draining_began),
        cmocka_unit_test(finishes_what_the_crew_holds_before_it_is_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
