/* SPDX-License-Identifier: Apache-2.0 */
/* Load with one kind of request on keep-alive connections; every response is checked, the first wrong one voids the run.
 *
 *   load --port P --request FILE --body FILE [--pid SERVER]... [--connections 64] [--depth 1] [--idle 0]
 *        [--warm-ms 1000] [--run-ms 3000]     closed loop: each connection always has `depth` requests out
 *        | --rate R --warm-ms --run-ms        open loop: Poisson arrivals, latency from when a request was due
 *        | --requests N                       exactly N, and no warm-up
 *        | --hold 1                           only the idle connections, until standard input ends
 *        [--prefix 1]                         bodies need only begin with what is in FILE
 *
 * Prints one JSON object. CPU time of the servers is read here, at the same two moments as the count of responses.
 * In an open loop a request is late when the client itself is: that lag is printed beside the latency. */
#include "common.h"

#include <math.h>
#include <sched.h>

#define CONNECTIONS_MAX 1024
#define DEPTH_MAX       16
#define REQUEST_SIZE    (1 << 20)
#define EVENTS_MAX      256
#define IN_BYTES        (1 << 18)
#define SPIN_NS         80000 /* before a request is due */

struct connection {
    int fd;
    int waiting;     /* responses that are due */
    uint64_t due_ns; /* open loop: when the request should have gone out */
    size_t len;      /* of the part of a response in `in` */
    char *in;
};

/* How the responses look: all of one run have the same length, since only the values of Date and the request's id
 * change. Learned from the first one, and learned again should a response be of another shape. */
struct shape {
    size_t head_len;
    size_t body_len;
};

struct samples {
    uint32_t *ns;
    size_t count;
    size_t capacity;
};

static struct {
    int port;
    int epoll;
    int connection_count;
    int depth;
    char *request;
    size_t request_len;
    char body[TEXT_SIZE];
    size_t body_len;
    bool is_prefix; /* bodies begin with `body`, and go on as they like: their numbers may differ in the last digit */
    struct connection connections[CONNECTIONS_MAX];
    struct connection *idle[CONNECTIONS_MAX]; /* open loop: free ones */
    int idle_count;
    struct shape shape;
    uint64_t completed;
    uint64_t sent;
    uint64_t limit; /* requests in all; 0: no limit */
    bool is_open_loop;
    bool is_urgent; /* real-time: see rest */
    bool is_measuring;
    bool is_ending; /* no new requests */
    struct samples latency;
    struct samples lag;
} run;

static void samples_add(struct samples *samples, uint64_t ns)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? samples->capacity * 2 : 1 << 20;
        samples->ns = realloc(samples->ns, samples->capacity * sizeof *samples->ns);
        if (!samples->ns)
            FAIL("out of memory");
    }
    samples->ns[samples->count++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile_us(const struct samples *samples, double share)
{
    if (!samples->count)
        return 0;
    size_t index = (size_t)((double)(samples->count - 1) * share);
    return samples->ns[index] / 1e3;
}

/* Responses. */

/* The bytes of the response at the front, 0 when it is not complete. Anything but 2xx with the right body ends the run. */
static size_t learn(const char *in, size_t len)
{
    const char *end = memmem(in, len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head_len = (size_t)(end - in) + 4;
    char head[4096];
    if (head_len >= sizeof head || len < 13 || memcmp(in, "HTTP/1.1 2", 10) != 0)
        FAIL("a response is no 2xx: %.*s", (int)(len < 300 ? len : 300), in);
    memcpy(head, in, head_len);
    head[head_len] = 0;
    char *field = strcasestr(head, "\r\ncontent-length:");
    size_t body_len = field ? (size_t)atol(field + 17) : SIZE_MAX;
    if (run.is_prefix ? body_len < run.body_len || body_len > IN_BYTES : body_len != run.body_len)
        FAIL("a body of another length was expected: %s", head);
    if (len < head_len + body_len)
        return 0;
    if (memcmp(in + head_len, run.body, run.body_len) != 0)
        FAIL("a body is wrong: %.*s", (int)body_len, in + head_len);
    run.shape = (struct shape){head_len, body_len};
    return head_len + body_len;
}

static size_t take_response(const char *in, size_t len)
{
    const struct shape *shape = &run.shape;
    size_t whole = shape->head_len + shape->body_len;
    bool is_usual = !run.is_prefix && shape->head_len && len >= whole && memcmp(in, "HTTP/1.1 2", 10) == 0 &&
                    memcmp(in + shape->head_len - 4, "\r\n\r\n", 4) == 0 &&
                    memcmp(in + shape->head_len, run.body, shape->body_len) == 0;
    return is_usual ? whole : learn(in, len);
}

static void on_response(struct connection *connection)
{
    run.completed++;
    connection->waiting--;
    if (!run.is_open_loop || connection->waiting)
        return;
    if (run.is_measuring)
        samples_add(&run.latency, now_ns() - connection->due_ns);
    run.idle[run.idle_count++] = connection;
}

static void send_requests(struct connection *connection, int count)
{
    if (run.limit && run.limit - run.sent < (uint64_t)count)
        count = (int)(run.limit - run.sent);
    if (count == 0 || run.is_ending)
        return;
    connection->waiting += count;
    run.sent += (uint64_t)count;
    send_all(connection->fd, run.request, run.request_len * (size_t)count);
}

/* The next batch goes out when the one before is answered whole. */
static void on_readable(struct connection *connection)
{
    ssize_t count = recv(connection->fd, connection->in + connection->len, IN_BYTES - connection->len, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        FAIL("a connection was closed: %s", count < 0 ? strerror(errno) : "end");
    size_t len = connection->len + (size_t)count;
    size_t at = 0;
    size_t taken;
    while (connection->waiting && (taken = take_response(connection->in + at, len - at)) > 0) {
        at += taken;
        on_response(connection);
    }
    if (!connection->waiting && at != len)
        FAIL("a response that nobody asked for");
    memmove(connection->in, connection->in + at, len - at);
    connection->len = len - at;
    if (!run.is_open_loop && !connection->waiting)
        send_requests(connection, run.depth);
}

static void turn(int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(run.epoll, events, EVENTS_MAX, timeout_ms);
    if (count < 0 && errno != EINTR)
        FAIL("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++)
        on_readable(events[i].data.ptr);
}

/* Connections. */

static void open_connections(void)
{
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < run.connection_count; i++) {
        struct connection *connection = &run.connections[i];
        *connection = (struct connection){.fd = connect_to(run.port), .in = malloc(IN_BYTES)};
        watch(run.epoll, connection->fd, connection);
        run.idle[run.idle_count++] = connection;
    }
}

/* Each has had one request answered, so that whatever a request leaves behind is there. */
static void open_idle(long count)
{
    static char in[IN_BYTES];
    for (long i = 0; i < count; i++) {
        int fd = connect_to(run.port);
        fcntl(fd, F_SETFL, 0);
        send_all(fd, run.request, run.request_len);
        size_t len = 0;
        do {
            ssize_t got = recv(fd, in + len, sizeof in - len, 0);
            if (got <= 0)
                FAIL("an idle connection was closed");
            len += (size_t)got;
        } while (take_response(in, len) == 0);
    }
}

/* For whoever weighs the server meanwhile. */
static int hold(void)
{
    char byte;
    printf("holding\n");
    fflush(stdout);
    return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1;
}

/* Kinds of load. */

struct window {
    uint64_t ns;
    uint64_t completed;
    uint64_t server_cpu_ns;
    uint64_t client_cpu_ns;
};

static struct window look(const struct pids *pids)
{
    return (struct window){now_ns(), run.completed, pids_cpu_ns(pids), clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

static void closed_until(uint64_t end_ns)
{
    while (now_ns() < end_ns)
        turn(10);
}

static double exponential(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return -log(((double)(*state >> 11) + 0.5) * 0x1p-53);
}

/* A client that goes before everyone on its core has to leave them something, or the kernel takes it away from it at some
 * other moment (sched(7), "Limiting the CPU usage of real-time"). */
static void rest(double due_ns)
{
    double ns = due_ns - (double)now_ns() - SPIN_NS;
    if (run.is_urgent && run.idle_count == run.connection_count && ns > 0)
        nanosleep(&(struct timespec){.tv_nsec = (long)(ns < NS_PER_S / 2 ? ns : NS_PER_S / 2)}, NULL);
}

/* Does not sleep while anything is due or under way: a client that has to wake up first would measure that. A request that
 * finds no free connection is sent when one is free, and its time runs from when it was due. */
static void open_until(uint64_t end_ns, double rate, uint64_t *state, double *due_ns)
{
    for (;;) {
        uint64_t now = now_ns();
        if (now >= end_ns)
            return;
        while (*due_ns <= (double)now && run.idle_count) {
            struct connection *connection = run.idle[--run.idle_count];
            connection->due_ns = (uint64_t)*due_ns;
            if (run.is_measuring)
                samples_add(&run.lag, now_ns() - connection->due_ns);
            send_requests(connection, 1);
            *due_ns += exponential(state) * 1e9 / rate;
        }
        turn(0);
        rest(*due_ns < (double)end_ns ? *due_ns : (double)end_ns);
    }
}

static void finish(uint64_t seconds)
{
    uint64_t end_ns = now_ns() + seconds * NS_PER_S;
    while (run.completed < run.sent && now_ns() < end_ns)
        turn(10);
    if (run.completed < run.sent)
        FAIL("%llu requests were not answered", (unsigned long long)(run.sent - run.completed));
}

static void print_latency(const char *name, struct samples *samples)
{
    qsort(samples->ns, samples->count, sizeof *samples->ns, compare);
    printf(", \"%s_us\": {\"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}", name,
           percentile_us(samples, 0.5), percentile_us(samples, 0.99), percentile_us(samples, 0.999),
           percentile_us(samples, 1));
}

static void print(struct window begin, struct window end)
{
    uint64_t completed = end.completed - begin.completed;
    double seconds = (double)(end.ns - begin.ns) / 1e9;
    if (!completed)
        FAIL("nothing was answered");
    printf("{\"completed\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, \"server_us\": %.4f, \"client_us\": %.4f",
           (unsigned long long)completed, seconds, (double)completed / seconds,
           (double)(end.server_cpu_ns - begin.server_cpu_ns) / 1e3 / (double)completed,
           (double)(end.client_cpu_ns - begin.client_cpu_ns) / 1e3 / (double)completed);
    if (run.is_open_loop) {
        print_latency("latency", &run.latency);
        print_latency("lag", &run.lag);
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    struct pids pids = {0};
    double rate = (double)number(argc, argv, "--rate", "0");
    uint64_t warm_ns = (uint64_t)number(argc, argv, "--warm-ms", "1000") * 1000000;
    uint64_t run_ns = (uint64_t)number(argc, argv, "--run-ms", "3000") * 1000000;
    run.port = (int)number(argc, argv, "--port", NULL);
    run.depth = (int)number(argc, argv, "--depth", "1");
    run.connection_count = (int)number(argc, argv, "--connections", "64");
    run.limit = (uint64_t)number(argc, argv, "--requests", "0");
    run.is_open_loop = rate > 0;
    run.is_urgent = sched_getscheduler(0) == SCHED_FIFO;
    run.is_prefix = number(argc, argv, "--prefix", "0") != 0;
    run.request = malloc((size_t)REQUEST_SIZE * DEPTH_MAX);
    if (!run.request)
        FAIL("out of memory");
    run.request_len = read_file(option(argc, argv, "--request", NULL), run.request, REQUEST_SIZE);
    run.body_len = read_file(option(argc, argv, "--body", NULL), run.body, sizeof run.body);
    if (run.depth > DEPTH_MAX || run.connection_count > CONNECTIONS_MAX)
        FAIL("at most %d deep and %d connections", DEPTH_MAX, CONNECTIONS_MAX);
    for (int i = 1; i < run.depth; i++)
        memcpy(run.request + run.request_len * (size_t)i, run.request, run.request_len);
    pids_read(&pids, argc, argv);
    allow_many_files();
    open_idle(number(argc, argv, "--idle", "0"));
    if (number(argc, argv, "--hold", "0"))
        return hold();
    open_connections();

    uint64_t state = 0x9e3779b97f4a7c15;
    double due_ns = (double)now_ns();
    struct window begin = look(&pids);
    if (run.is_open_loop) {
        open_until(now_ns() + warm_ns, rate, &state, &due_ns);
        begin = look(&pids);
        run.is_measuring = true;
        open_until(begin.ns + run_ns, rate, &state, &due_ns);
    } else {
        for (int i = 0; i < run.connection_count; i++)
            send_requests(&run.connections[i], run.depth);
        if (run.limit) {
            finish(100); /* valgrind is slow */
        } else {
            closed_until(now_ns() + warm_ns);
            begin = look(&pids);
            closed_until(begin.ns + run_ns);
        }
    }
    struct window end = look(&pids);
    run.is_ending = true;
    finish(5);
    print(begin, end);
    return 0;
}
