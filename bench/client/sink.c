/* SPDX-License-Identifier: Apache-2.0 */
/* Takes server-sent events on many connections at once; every event must be the one after the last.
 *
 *   sink --port P --request FILE [--pid SERVER]... [--streams 64] [--warm-ms 1000] [--run-ms 3000]
 *
 * Prints one JSON object: the events of the measured time and the servers' CPU time for each. */
#include "common.h"

#define STREAMS_MAX 1024
#define EVENTS_MAX  256

struct stream {
    int fd;
    bool is_begun; /* the head has come */
    bool is_chunked;
    size_t chunk_left; /* of the chunk at hand */
    unsigned next_event;
    size_t len; /* of bytes in `in` that are not read yet */
    size_t text_len;
    char in[16384];
    char text[16384]; /* without chunk framing; holds no whole event */
};

static struct stream *streams[STREAMS_MAX];
static uint64_t event_count;

/* False when the head is not whole. */
static bool read_head(struct stream *stream)
{
    char *end = memmem(stream->in, stream->len, "\r\n\r\n", 4);
    if (!end)
        return false;
    *end = 0;
    if (strncmp(stream->in, "HTTP/1.1 200", 12) != 0 || !strcasestr(stream->in, "text/event-stream"))
        FAIL("no stream of events: %s", stream->in);
    stream->is_begun = true;
    stream->is_chunked = strcasestr(stream->in, "\r\ntransfer-encoding: chunked") != NULL;
    size_t head_len = (size_t)(end - stream->in) + 4;
    stream->len -= head_len;
    memmove(stream->in, stream->in + head_len, stream->len);
    return true;
}

static void take_text(struct stream *stream, const char *bytes, size_t len)
{
    if (sizeof stream->text - stream->text_len < len)
        FAIL("an event is too long");
    memcpy(stream->text + stream->text_len, bytes, len);
    stream->text_len += len;
    char *at = stream->text;
    char *end;
    while ((end = memmem(at, stream->text_len - (size_t)(at - stream->text), "\n\n", 2)) != NULL) {
        if (memcmp(at, "data: {\"n\":", 11) != 0 || strtoul(at + 11, NULL, 10) != stream->next_event)
            FAIL("event %u is wrong: %.*s", stream->next_event, (int)(end - at), at);
        stream->next_event++;
        event_count++;
        at = end + 2;
    }
    stream->text_len -= (size_t)(at - stream->text);
    memmove(stream->text, at, stream->text_len);
}

/* Reads chunks as far as they have come; what is left is the beginning of a size line. */
static size_t take_chunks(struct stream *stream)
{
    size_t at = 0;
    for (;;) {
        if (stream->chunk_left > 2) {
            size_t text_len = stream->chunk_left - 2 < stream->len - at ? stream->chunk_left - 2 : stream->len - at;
            take_text(stream, stream->in + at, text_len);
            at += text_len;
            stream->chunk_left -= text_len;
        }
        while (stream->chunk_left > 0 && stream->chunk_left <= 2 && at < stream->len) {
            at++;
            stream->chunk_left--;
        }
        char *line_end = stream->chunk_left ? NULL : memmem(stream->in + at, stream->len - at, "\r\n", 2);
        if (!line_end)
            return at;
        size_t size = strtoul(stream->in + at, NULL, 16);
        if (size == 0)
            FAIL("a stream has ended");
        stream->chunk_left = size + 2;
        at = (size_t)(line_end - stream->in) + 2;
    }
}

static void on_readable(struct stream *stream)
{
    ssize_t count = recv(stream->fd, stream->in + stream->len, sizeof stream->in - stream->len, 0);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        FAIL("a stream was closed");
    stream->len += (size_t)count;
    if (!stream->is_begun && !read_head(stream))
        return;
    size_t taken = stream->len;
    if (stream->is_chunked)
        taken = take_chunks(stream);
    else
        take_text(stream, stream->in, stream->len);
    stream->len -= taken;
    memmove(stream->in, stream->in + taken, stream->len);
}

static void run_until(int epoll, uint64_t end_ns)
{
    while (now_ns() < end_ns) {
        struct epoll_event events[EVENTS_MAX];
        int count = epoll_wait(epoll, events, EVENTS_MAX, 10);
        for (int i = 0; i < count; i++)
            on_readable(events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    static char request[TEXT_SIZE];
    size_t request_len = read_file(option(argc, argv, "--request", NULL), request, sizeof request);
    uint64_t warm_ns = (uint64_t)number(argc, argv, "--warm-ms", "1000") * 1000000;
    uint64_t run_ns = (uint64_t)number(argc, argv, "--run-ms", "3000") * 1000000;
    long count = number(argc, argv, "--streams", "64");
    int port = (int)number(argc, argv, "--port", NULL);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct pids pids = {0};
    pids_read(&pids, argc, argv);
    if (count > STREAMS_MAX)
        FAIL("at most %d streams", STREAMS_MAX);
    for (long i = 0; i < count; i++) {
        streams[i] = calloc(1, sizeof **streams);
        streams[i]->fd = connect_to(port);
        watch(epoll, streams[i]->fd, streams[i]);
        send_all(streams[i]->fd, request, request_len);
    }
    run_until(epoll, now_ns() + warm_ns);
    for (long i = 0; i < count; i++)
        if (!streams[i]->next_event)
            FAIL("a stream has no event after the warm-up");
    uint64_t begin_ns = now_ns();
    uint64_t begin_events = event_count;
    uint64_t begin_cpu_ns = pids_cpu_ns(&pids);
    run_until(epoll, begin_ns + run_ns);
    uint64_t completed = event_count - begin_events;
    double seconds = (double)(now_ns() - begin_ns) / 1e9;
    if (!completed)
        FAIL("no event came");
    printf("{\"completed\": %llu, \"seconds\": %.4f, \"per_second\": %.1f, \"server_us\": %.4f}\n",
           (unsigned long long)completed, seconds, (double)completed / seconds,
           (double)(pids_cpu_ns(&pids) - begin_cpu_ns) / 1e3 / (double)completed);
    return 0;
}
