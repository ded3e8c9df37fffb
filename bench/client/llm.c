/* SPDX-License-Identifier: Apache-2.0 */
/* A language model that is none: streams tokens at known moments, in the forms of OpenAI and Anthropic. What a load generator
 * measures of it can be held against what it was told to do, and a plan can be tried without a model.
 *
 *   llm [--port 0] [--first-us 50000] [--interval-us 10000] [--tokens 20] [--stay]
 *
 * Prints its port, serves until its standard input ends, or with --stay until it is killed. The n-th token leaves
 * first-us + n * interval-us behind the request, by the clock and not behind the one before: one chunk, one write.
 *
 *   POST /v1/chat/completions, /v1/completions   `max_tokens` or `max_completion_tokens` and `include_usage` are read
 *   POST /v1/messages                            Anthropic's events
 *   POST /cut, /error, /plain                    ends without its end; with an error; is no stream at all
 *
 * In HTTP/1.0, as nginx asks unless it is told otherwise, the body has no chunks and ends with the connection.
 */
#include "common.h"

#include <sys/prctl.h>

#define CONNECTIONS_MAX 20000
#define EVENTS_MAX      256
#define IN_BYTES        65536

enum dialect { OPENAI, ANTHROPIC, CUT, BROKEN };

struct connection {
    struct connection *next_dropped;
    int fd;      /* -1: dropped */
    int heap_at; /* -1: nothing is due */
    uint64_t due_ns;
    uint64_t begin_ns;
    enum dialect dialect;
    bool wants_usage;
    bool is_chunked;
    long tokens, sent;
    size_t len;
    char in[IN_BYTES];
};

static struct {
    int epoll;
    uint64_t first_ns, interval_ns;
    long tokens;
    struct connection *heap[CONNECTIONS_MAX];
    int heap_count;
    struct connection *dropped;
} llm;

/* --- what is due ------------------------------------------------------------------------------------------------- */

static void place(int at, struct connection *connection)
{
    llm.heap[at] = connection;
    connection->heap_at = at;
}

static void sift(int at)
{
    struct connection *moved = llm.heap[at];
    while (at > 0 && llm.heap[(at - 1) / 2]->due_ns > moved->due_ns) {
        place(at, llm.heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        int child = 2 * at + 1;
        if (child + 1 < llm.heap_count && llm.heap[child + 1]->due_ns < llm.heap[child]->due_ns)
            child++;
        if (child >= llm.heap_count || llm.heap[child]->due_ns >= moved->due_ns)
            break;
        place(at, llm.heap[child]);
        at = child;
    }
    place(at, moved);
}

static void be_due(struct connection *connection, uint64_t due_ns)
{
    connection->due_ns = due_ns;
    if (connection->heap_at < 0) {
        if (llm.heap_count == CONNECTIONS_MAX)
            FAIL("too many streams");
        place(llm.heap_count, connection);
        llm.heap_count++;
    }
    sift(connection->heap_at);
}

static void be_done(struct connection *connection)
{
    int at = connection->heap_at;
    if (at < 0)
        return;
    connection->heap_at = -1;
    llm.heap_count--;
    if (at == llm.heap_count)
        return;
    place(at, llm.heap[llm.heap_count]);
    sift(at);
}

/* --- connections ------------------------------------------------------------------------------------------------- */

static void drop(struct connection *connection)
{
    if (connection->fd < 0)
        return;
    be_done(connection);
    close(connection->fd);
    connection->fd = -1;
    connection->next_dropped = llm.dropped; /* epoll may have it in this turn's list: freed behind it */
    llm.dropped = connection;
}

static void free_dropped(void)
{
    for (struct connection *next; llm.dropped; llm.dropped = next) {
        next = llm.dropped->next_dropped;
        free(llm.dropped);
    }
}

static void put(struct connection *connection, const char *bytes, size_t len)
{
    if (connection->fd < 0 || send(connection->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len)
        return;
    if (errno == EAGAIN)
        fprintf(stderr, "llm: a client does not read\n");
    drop(connection);
}

struct out {
    char bytes[4096];
    size_t len;
    bool is_chunked;
};

static void add_chunk(struct out *out, const char *text)
{
    char *end = out->bytes + out->len;
    size_t room = sizeof out->bytes - out->len;
    int len =
        out->is_chunked ? snprintf(end, room, "%zx\r\n%s\r\n", strlen(text), text) : snprintf(end, room, "%s", text);
    out->len += (size_t)len;
}

#define OPENAI_CHUNK                                                                                                   \
    "data: {\"id\":\"chatcmpl-0\",\"object\":\"chat.completion.chunk\",\"model\":\"fake\",\"choices\":[{\"index\":0,"

static void add_begin(struct out *out, const struct connection *connection)
{
    out->len =
        (size_t)snprintf(out->bytes, sizeof out->bytes,
                         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n%s\r\n",
                         out->is_chunked ? "Transfer-Encoding: chunked\r\n" : "Connection: close\r\n");
    if (connection->dialect == ANTHROPIC)
        add_chunk(out,
                  "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7,"
                  "\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\","
                  "\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
    else
        add_chunk(out,
                  OPENAI_CHUNK "\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n");
}

static void add_token(struct out *out, const struct connection *connection)
{
    char text[512];
    if (connection->dialect == ANTHROPIC)
        snprintf(text, sizeof text,
                 "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                 "\"text_delta\",\"text\":\" t%ld\"}}\n\n",
                 connection->sent);
    else
        snprintf(text, sizeof text, OPENAI_CHUNK "\"delta\":{\"content\":\" t%ld\"},\"finish_reason\":null}]}\n\n",
                 connection->sent);
    add_chunk(out, text);
}

static void add_end(struct out *out, const struct connection *connection)
{
    char text[512];
    if (connection->dialect == OPENAI) {
        add_chunk(out, OPENAI_CHUNK "\"delta\":{},\"finish_reason\":\"length\"}]}\n\n");
        snprintf(
            text, sizeof text,
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":%ld,\"total_tokens\":%ld}}\n\n",
            connection->tokens, connection->tokens + 7);
        if (connection->wants_usage)
            add_chunk(out, text);
        add_chunk(out, "data: [DONE]\n\n");
    } else if (connection->dialect == ANTHROPIC) {
        snprintf(
            text, sizeof text,
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\n"
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{\"output_tokens\":"
            "%ld}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            connection->tokens);
        add_chunk(out, text);
    } else if (connection->dialect == BROKEN) {
        add_chunk(out, "data: {\"error\":{\"message\":\"the model has gone\",\"code\":500}}\n\n");
    }
    if (out->is_chunked)
        out->len += (size_t)snprintf(out->bytes + out->len, sizeof out->bytes - out->len, "0\r\n\r\n");
}

static void send_token(struct connection *connection)
{
    struct out out = {.is_chunked = connection->is_chunked};
    bool is_last = connection->sent + 1 == connection->tokens;
    add_token(&out, connection);
    connection->sent++;
    if (is_last)
        add_end(&out, connection);
    if (is_last)
        be_done(connection);
    else
        be_due(connection, connection->begin_ns + llm.first_ns + (uint64_t)connection->sent * llm.interval_ns);
    put(connection, out.bytes, out.len);
    if (is_last && !connection->is_chunked)
        drop(connection);
}

/* --- requests ---------------------------------------------------------------------------------------------------- */

static long read_number(const char *body, const char *name, long fallback)
{
    const char *at = strstr(body, name);
    at = at ? strchr(at, ':') : NULL;
    return at ? strtol(at + 1, NULL, 10) : fallback;
}

static void answer(struct connection *connection, const char *path, const char *body)
{
    static const char plain[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    struct out out = {.is_chunked = connection->is_chunked};
    long tokens = read_number(body, "\"max_completion_tokens\"", read_number(body, "\"max_tokens\"", llm.tokens));
    if (strncmp(path, "/plain", 6) == 0) {
        put(connection, plain, sizeof plain - 1);
        return;
    }
    connection->dialect = strncmp(path, "/v1/messages", 12) == 0 ? ANTHROPIC
                          : strncmp(path, "/cut", 4) == 0        ? CUT
                          : strncmp(path, "/error", 6) == 0      ? BROKEN
                                                                 : OPENAI;
    connection->wants_usage = strstr(body, "\"include_usage\"") != NULL;
    connection->tokens = tokens > 0 ? tokens : 1;
    connection->sent = 0;
    connection->begin_ns = now_ns();
    add_begin(&out, connection);
    be_due(connection, connection->begin_ns + llm.first_ns);
    put(connection, out.bytes, out.len);
}

/* True when a whole request was taken. Clients wait for the end of an answer before the next. */
static bool take_request(struct connection *connection)
{
    char *in = connection->in;
    in[connection->len] = '\0';
    char *head_end = strstr(in, "\r\n\r\n");
    if (!head_end)
        return false;
    char *length = strcasestr(in, "\r\ncontent-length:");
    size_t body_len = length && length < head_end ? strtoul(length + 17, NULL, 10) : 0;
    size_t len = (size_t)(head_end - in) + 4 + body_len;
    if (len > connection->len)
        return false;
    char *path = strchr(in, ' ');
    char kept = in[len];
    in[len] = '\0';
    connection->is_chunked = strstr(in, " HTTP/1.1\r\n") != NULL;
    if (path && connection->heap_at < 0)
        answer(connection, path + 1, head_end + 4);
    in[len] = kept;
    memmove(in, in + len, connection->len - len);
    connection->len -= len;
    return true;
}

static void on_readable(struct connection *connection)
{
    if (connection->fd < 0)
        return;
    ssize_t count = recv(connection->fd, connection->in + connection->len, IN_BYTES - 1 - connection->len, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0) {
        drop(connection);
        return;
    }
    connection->len += (size_t)count;
    while (connection->fd >= 0 && take_request(connection))
        continue;
}

static void on_connection(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        FAIL("out of memory");
    connection->fd = fd;
    connection->heap_at = -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    watch(llm.epoll, fd, connection);
}

static int wait_for_events(struct epoll_event *events)
{
    struct timespec wait = {0};
    if (!llm.heap_count)
        return epoll_wait(llm.epoll, events, EVENTS_MAX, -1);
    uint64_t now = now_ns();
    uint64_t due_ns = llm.heap[0]->due_ns;
    if (due_ns > now)
        wait = (struct timespec){.tv_sec = (time_t)((due_ns - now) / NS_PER_S),
                                 .tv_nsec = (long)((due_ns - now) % NS_PER_S)};
    return epoll_pwait2(llm.epoll, events, EVENTS_MAX, &wait, NULL);
}

static bool flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    int port = (int)number(argc, argv, "--port", "0");
    int listener = listen_at(&port);
    llm.first_ns = (uint64_t)number(argc, argv, "--first-us", "50000") * 1000;
    llm.interval_ns = (uint64_t)number(argc, argv, "--interval-us", "10000") * 1000;
    llm.tokens = number(argc, argv, "--tokens", "20");
    llm.epoll = epoll_create1(EPOLL_CLOEXEC);
    allow_many_files();
    prctl(PR_SET_TIMERSLACK, 1UL); /* else the kernel wakes us up to 50 us late */
    watch(llm.epoll, listener, &listener);
    if (!flag(argc, argv, "--stay"))
        watch(llm.epoll, STDIN_FILENO, NULL);
    printf("%d\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int count = wait_for_events(events);
        for (int i = 0; i < count; i++) {
            void *owner = events[i].data.ptr;
            if (!owner)
                return 0;
            if (owner == &listener)
                on_connection(listener);
            else
                on_readable(owner);
        }
        for (uint64_t now = now_ns(); llm.heap_count && llm.heap[0]->due_ns <= now;)
            send_token(llm.heap[0]);
        free_dropped();
    }
}
