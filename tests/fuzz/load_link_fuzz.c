/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: load
 *
 * A server of HTTP/1.1 that answers a link of the load generator with whatever it likes. The first byte says how the stream is cut and
 * which requests were HEAD, the rest is the stream. What comes of three pipelined requests must be the same however it is cut: each has one end,
 * and a head and body that can be read until then. */
#include "lib/sys/clock.h"
#include "load/wire.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define EXCHANGES 3
#define INPUT_MAX 8192
#define PIECES    64 /* behind so many, the rest comes at once */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct answer {
    struct load_exchange exchange;
    struct load_request request;
    struct http_head head;
    struct http_header headers[LOAD_HEADERS_MAX];
    enum load_failure failure;
    bool is_right;
    uint16_t status;
    uint64_t field_sum;
    size_t body_bytes;
    uint64_t body_sum;
};

struct outcome {
    struct answer answers[EXCHANGES];
    bool is_closed;
};

static struct loop loop;
static struct load_plan plan = {.is_kept_alive = true, .pipelining = EXCHANGES};
static struct load_target target = {.authority = {"a", 1}, .address_count = 1};
static struct load_wire *wire;
static struct load_link *link_;
static struct outcome *current;
static bool is_ready;
static int listening = -1;

static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint64_t sum_of(uint64_t sum, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        sum = sum * 31 + (unsigned char)bytes.ptr[i];
    return sum;
}

static struct answer *answer_of(struct load_exchange *exchange)
{
    return CONTAINER_OF(exchange, struct answer, exchange);
}

static void on_head(struct load_exchange *exchange)
{
    require(exchange->head->status >= 200);
}

static void on_data(struct load_exchange *exchange, struct slice data)
{
    struct answer *answer = answer_of(exchange);
    require(data.len > 0);
    answer->body_bytes += data.len;
    answer->body_sum = sum_of(answer->body_sum, data);
}

static void on_end(struct load_exchange *exchange)
{
    struct answer *answer = answer_of(exchange);
    require(!answer->is_right && answer->failure == LOAD_FAILURE_COUNT);
    require(exchange->body_bytes == answer->body_bytes);
    answer->is_right = true;
    answer->status = exchange->head->status;
    for (uint32_t i = 0; i < exchange->head->header_count; i++) {
        answer->field_sum = sum_of(answer->field_sum, exchange->head->headers[i].name);
        answer->field_sum = sum_of(answer->field_sum, exchange->head->headers[i].value);
    }
}

static void on_failed(struct load_exchange *exchange, enum load_failure failure)
{
    struct answer *answer = answer_of(exchange);
    require(!answer->is_right && answer->failure == LOAD_FAILURE_COUNT);
    answer->failure = failure;
}

static void on_ready(struct load_link *which)
{
    (void)which;
    is_ready = true;
}

static void on_closed(struct load_link *which, enum load_failure failure)
{
    (void)which;
    (void)failure;
    require(!current->is_closed);
    current->is_closed = true;
}

static const struct load_exchange_events exchange_events = {on_head, on_data, on_end, on_failed};
static const struct load_link_events link_events = {on_ready, on_ready, on_closed};

static void begin(void)
{
    require(address_parse(SLICE_LIT("127.0.0.1:0"), &target.addresses[0]) == ERR_OK);
    require(socket_listen(&target.addresses[0], 16, &listening) == ERR_OK);
    require(socket_address(listening, &target.addresses[0]) == ERR_OK);
    require(loop_init(&loop) == ERR_OK && load_wire_create(&plan, &loop, &wire) == ERR_OK);
    link_ = calloc(1, load_link_bytes());
    require(link_ != NULL);
}

static int connect_link(void)
{
    is_ready = false;
    require(load_link_open(link_, wire, &target, &target.addresses[0], NULL, &link_events, NULL) == ERR_OK);
    while (!is_ready && !current->is_closed)
        loop_turn(&loop, NS_PER_MS);
    int server = accept(listening, NULL, NULL);
    require(is_ready && server >= 0);
    return server;
}

static void ask(struct answer *answer, bool is_head)
{
    answer->failure = LOAD_FAILURE_COUNT;
    answer->head.headers = answer->headers;
    answer->request =
        (struct load_request){.method = is_head ? SLICE_LIT("HEAD") : SLICE_LIT("GET"), .path = SLICE_LIT("/")};
    answer->exchange =
        (struct load_exchange){.events = &exchange_events, .request = &answer->request, .head = &answer->head};
    load_link_send(link_, &answer->exchange);
}

static void feed(int server, struct slice stream, size_t step)
{
    for (size_t piece = 0; stream.len > 0 && !current->is_closed; piece++) {
        size_t len = piece < PIECES ? MIN(step, stream.len) : stream.len;
        ssize_t sent = send(server, stream.ptr, len, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        stream = slice_skip(stream, (size_t)sent);
        loop_turn(&loop, 0);
        load_wire_flush(wire);
    }
    (void)shutdown(server, SHUT_WR);
    for (int i = 0; i < 100 && !current->is_closed; i++) {
        load_wire_flush(wire);
        loop_turn(&loop, NS_PER_MS);
    }
}

static void run(struct slice stream, unsigned heads, size_t step, struct outcome *out)
{
    memset(out, 0, sizeof *out);
    current = out;
    int server = connect_link();
    for (unsigned i = 0; i < EXCHANGES; i++)
        ask(&out->answers[i], heads >> i & 1);
    load_wire_flush(wire);
    feed(server, stream, step);
    require(out->is_closed && !load_link_is_open(link_));
    for (unsigned i = 0; i < EXCHANGES; i++)
        require(out->answers[i].is_right != (out->answers[i].failure != LOAD_FAILURE_COUNT));
    close(server);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct outcome whole, cut;
    if (size < 1 || size > INPUT_MAX)
        return 0;
    if (!wire)
        begin();
    struct slice stream = slice_of(data + 1, size - 1);
    run(stream, data[0], SIZE_MAX, &whole);
    run(stream, data[0], (size_t)(data[0] >> EXCHANGES) + 1, &cut);
    for (unsigned i = 0; i < EXCHANGES; i++) {
        const struct answer *a = &whole.answers[i];
        const struct answer *b = &cut.answers[i];
        require(a->is_right == b->is_right && a->failure == b->failure);
        if (a->is_right)
            require(a->status == b->status && a->field_sum == b->field_sum && a->body_bytes == b->body_bytes &&
                    a->body_sum == b->body_sum);
    }
    return 0;
}
