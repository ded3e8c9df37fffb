/* SPDX-License-Identifier: Apache-2.0 */
/* An agent: listens, lets one controller in that knows the token, and does what it says. All on one loop, but for the making
 * of plans and the opening of links, which block and have a thread.
 *
 * Whoever connects is greeted and has some seconds and a short line to show that it knows the token. A stranger can therefore hold
 * nothing but one of a few places, and the oldest stranger has to leave when another comes. */
#include "lib/sys/clock.h"
#include "load/remote/agent_int.h"

#include <stdio.h>
#include <stdlib.h>

#define PEERS_MAX     16
#define HELLO_NS      (5 * NS_PER_S)
#define LEAVE_NS      NS_PER_S /* to read why it is refused */
#define BACKLOG       64
#define TEXT_BYTES    512
#define SCRATCH_BYTES ((size_t)1 << 30)

enum peer_state {
    PEER_NONE,
    PEER_GREETED,
    PEER_ADMITTED, /* the controller */
    PEER_LEAVING,
};

struct peer {
    struct lines lines;
    struct load_agent *agent;
    enum peer_state state;
    uint64_t heard_ns;
    struct load_proof nonce;
    char name[ADDRESS_TEXT_MAX];
};

struct load_agent {
    struct load_agent_options options;
    struct listener listener;
    struct address address;
    struct timer tick;
    struct timer report;
    struct peer peers[PEERS_MAX];
    struct peer *controller; /* NULL: nobody is */
    struct agent_job job;
    struct pool pool;
    struct arena scratch; /* of a line */
};

static bool on_accepted(struct listener *listener, int fd, const struct address *address);
static void on_exhausted(struct listener *listener);
static void on_line(struct lines *lines, struct slice line);
static void on_lost(struct lines *lines, enum err err);
static void on_tick(struct timer *timer);
static void on_report(struct timer *timer);
static void take_hello(struct peer *peer, const struct load_message *message);
static enum err take_order(struct peer *peer, const struct load_message *message);

static const struct lines_events events = {.on_line = on_line, .on_lost = on_lost};

PRINTF_LIKE(2, 3) static void say(const struct load_agent *agent, const char *format, ...)
{
    char memory[TEXT_BYTES];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    if (agent->options.log)
        agent->options.log(agent->options.owner, memory);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static bool is_loopback(const struct address *address)
{
    struct ip ip = address_ip(address);
    static const uint8_t one[16] = {[15] = 1};
    if (address_is_local(address))
        return true;
    return ip.family == IP_V4 ? ip.bytes[0] == 127 : ip.family == IP_V6 && memcmp(ip.bytes, one, sizeof one) == 0;
}

static enum err listen_at(struct load_agent *agent)
{
    int fd;
    const struct address *address = &agent->options.address;
    if (!agent->options.token.len && !is_loopback(address))
        return ERR_DENIED;
    if (address_is_local(address))
        return ERR_UNSUPPORTED;
    if (address_port(address)) /* SO_REUSEPORT would let two agents share one */
        TRY(socket_probe_free(address));
    TRY(socket_listen(address, BACKLOG, &fd));
    enum err err = socket_address(fd, &agent->address);
    if (err != ERR_OK) {
        socket_close(fd);
        return err;
    }
    agent->listener = (struct listener){.on_accepted = on_accepted, .on_exhausted = on_exhausted};
    return listener_start(&agent->listener, agent->options.loop, fd);
}

enum err load_agent_create(const struct load_agent_options *options, struct load_agent **ret_agent)
{
    struct load_agent *agent = calloc(1, sizeof *agent);
    if (!agent)
        return ERR_NOMEM;
    agent->options = *options;
    enum err err = listen_at(agent);
    if (err != ERR_OK) {
        free(agent);
        return err;
    }
    timer_init(&agent->tick, on_tick);
    timer_init(&agent->report, on_report);
    pool_init(&agent->pool, (size_t)16 << 20, SCRATCH_BYTES);
    arena_init(&agent->scratch, &agent->pool, 65536, SCRATCH_BYTES);
    agent_job_init(&agent->job, &agent->options);
    for (size_t i = 0; i < PEERS_MAX; i++)
        agent->peers[i].agent = agent;
    *ret_agent = agent;
    return ERR_OK;
}

struct address load_agent_address(const struct load_agent *agent)
{
    return agent->address;
}

bool load_agent_is_idle(const struct load_agent *agent)
{
    return agent->job.state == JOB_NONE;
}

void load_agent_destroy(struct load_agent *agent)
{
    if (!agent)
        return;
    listener_stop(&agent->listener);
    agent_job_end(&agent->job);
    for (size_t i = 0; i < PEERS_MAX; i++)
        lines_deinit(&agent->peers[i].lines);
    timer_cancel(&agent->tick);
    timer_cancel(&agent->report);
    arena_reset(&agent->scratch);
    pool_deinit(&agent->pool);
    free(agent);
}

/* --- who is connected --------------------------------------------------------------------------------------------- */

static void send_message(struct peer *peer, const struct load_message *message)
{
    struct slice line;
    if (load_message_format(&peer->agent->scratch, message, &line) == ERR_OK)
        lines_send(&peer->lines, line);
}

/* A place for another: a free one, or that of the stranger who is there longest. NULL: all are taken by better ones. */
static struct peer *find_place(struct load_agent *agent)
{
    struct peer *oldest = NULL;
    for (size_t i = 0; i < PEERS_MAX; i++) {
        struct peer *peer = &agent->peers[i];
        if (peer->state == PEER_NONE)
            return peer;
        if (peer->state != PEER_ADMITTED && (!oldest || peer->heard_ns < oldest->heard_ns))
            oldest = peer;
    }
    if (oldest) {
        lines_close(&oldest->lines);
        oldest->state = PEER_NONE;
    }
    return oldest;
}

static void greet(struct peer *peer)
{
    struct load_message greeting = {
        .kind = LOAD_MESSAGE_GREETING,
        .protocol = LOAD_PROTOCOL,
        .version = SLICE_LIT(WEIR_VERSION),
        .nonce = {peer->nonce.chars, LOAD_PROOF_CHARS},
        .needs_token = peer->agent->options.token.len > 0,
    };
    peer->state = PEER_GREETED;
    send_message(peer, &greeting);
}

static void start_ticking(struct load_agent *agent)
{
    if (!agent->tick.deadline_ns)
        timer_set(&agent->options.loop->timers, &agent->tick, clock_now_ns() + LOAD_AGENT_TICK_NS);
}

static bool on_accepted(struct listener *listener, int fd, const struct address *address)
{
    struct load_agent *agent = CONTAINER_OF(listener, struct load_agent, listener);
    struct peer *peer = find_place(agent);
    if (!peer || load_nonce_make(&peer->nonce) != ERR_OK) {
        socket_close(fd);
        return true;
    }
    peer->lines.line_bytes_max = LOAD_HELLO_BYTES_MAX;
    peer->lines.output_bytes_max = LOAD_REPORT_BYTES_MAX;
    peer->heard_ns = clock_now_ns();
    address_format(address, peer->name);
    if (lines_open(&peer->lines, agent->options.loop, fd, &events) != ERR_OK)
        return true;
    greet(peer);
    arena_reset(&agent->scratch);
    start_ticking(agent);
    return true;
}

static void on_exhausted(struct listener *listener)
{
    say(CONTAINER_OF(listener, struct load_agent, listener), "no descriptors are left for another controller");
}

/* Nobody waits for its results: what it has running ends now, and not when it would be over. */
static void lose_controller(struct load_agent *agent, const char *why)
{
    if (agent->job.state != JOB_NONE)
        say(agent, "controller %s is gone (%s)%s", agent->controller ? agent->controller->name : "?", why,
            agent->job.state == JOB_RUNNING ? ": its test ends here" : "");
    agent->controller = NULL;
    timer_cancel(&agent->report);
    if (agent_job_may_end(&agent->job))
        agent_job_end(&agent->job);
}

static void on_lost(struct lines *lines, enum err err)
{
    struct peer *peer = CONTAINER_OF(lines, struct peer, lines);
    peer->state = PEER_NONE;
    if (peer == peer->agent->controller)
        lose_controller(peer->agent, err == ERR_EOF ? "it has closed" : err_text(err));
}

PRINTF_LIKE(3, 4) static void refuse(struct peer *peer, const char *code, const char *format, ...)
{
    char memory[TEXT_BYTES + LOAD_WHY_BYTES];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    say(peer->agent, "refused %s: %s", peer->name, memory);
    struct load_message refusal = {
        .kind = LOAD_MESSAGE_REFUSED, .code = slice_of_text(code), .text = text_slice(&text)};
    send_message(peer, &refusal);
    if (peer->lines.is_open)
        peer->state = PEER_LEAVING;
    peer->heard_ns = clock_now_ns();
    if (peer == peer->agent->controller)
        lose_controller(peer->agent, "refused");
}

/* A test that runs ends with its figures; one that has not begun, with a refusal. */
void load_agent_stop(struct load_agent *agent)
{
    agent_job_stop(&agent->job, "it was told to end");
    if (agent->controller && agent->job.state != JOB_RUNNING)
        refuse(agent->controller, "ended", "it was told to end");
    arena_reset(&agent->scratch);
}

static const char *word_for(enum err err)
{
    return err == ERR_LIMIT ? "more than this agent takes" : err == ERR_NOMEM ? "no memory for it" : "out of place";
}

static void on_line(struct lines *lines, struct slice line)
{
    struct peer *peer = CONTAINER_OF(lines, struct peer, lines);
    struct load_agent *agent = peer->agent;
    struct load_message message;
    const char *why;
    if (peer->state == PEER_LEAVING)
        return;
    peer->heard_ns = clock_now_ns();
    enum err err = load_message_parse(&agent->scratch, line, lines->line_bytes_max, &message, &why);
    if (err != ERR_OK) {
        refuse(peer, "syntax", "a line that is no message: %s", why);
    } else if (peer->state == PEER_GREETED) {
        take_hello(peer, &message);
    } else {
        err = take_order(peer, &message);
        if (err != ERR_OK)
            refuse(peer, "syntax", "%s: %s", load_message_name(message.kind), word_for(err));
    }
    arena_reset(&agent->scratch);
}

/* --- who may give orders ------------------------------------------------------------------------------------------ */

static bool knows_token(struct peer *peer, const struct load_message *message)
{
    struct load_proof proof;
    struct slice token = peer->agent->options.token;
    if (!token.len)
        return true;
    return load_proof_make(token, LOAD_SIDE_CONTROLLER, slice_of(peer->nonce.chars, LOAD_PROOF_CHARS), message->nonce,
                           &proof) == ERR_OK &&
           load_proof_is(&proof, message->proof);
}

static void admit(struct peer *peer, const struct load_message *message)
{
    struct load_proof proof;
    struct load_agent *agent = peer->agent;
    if (load_proof_make(agent->options.token, LOAD_SIDE_AGENT, slice_of(peer->nonce.chars, LOAD_PROOF_CHARS),
                        message->nonce, &proof) != ERR_OK) {
        refuse(peer, "syntax", "a nonce that is too long");
        return;
    }
    peer->state = PEER_ADMITTED;
    peer->lines.line_bytes_max = LOAD_ORDER_BYTES_MAX;
    agent->controller = peer;
    struct load_message welcome = {.kind = LOAD_MESSAGE_WELCOME, .proof = {proof.chars, LOAD_PROOF_CHARS}};
    send_message(peer, &welcome);
}

static void take_hello(struct peer *peer, const struct load_message *message)
{
    struct load_agent *agent = peer->agent;
    if (message->kind != LOAD_MESSAGE_HELLO)
        refuse(peer, "syntax", "%s before hello", load_message_name(message->kind));
    else if (!knows_token(peer, message))
        refuse(peer, "token", "it does not know the token of this agent");
    else if (message->protocol != LOAD_PROTOCOL || !slice_is(message->version, WEIR_VERSION))
        refuse(peer, "version",
               "this agent is weir " WEIR_VERSION ", protocol %d; the controller is weir " SLICE_FMT ", protocol %llu",
               LOAD_PROTOCOL, SLICE_ARG(slice_first(message->version, 32)), (unsigned long long)message->protocol);
    else if (agent->controller || agent->job.state != JOB_NONE)
        refuse(peer, "busy", "this agent is busy with the test of %s",
               agent->controller ? agent->controller->name : "a controller that is gone");
    else
        admit(peer, message);
}

/* --- orders ------------------------------------------------------------------------------------------------------- */

static void answer_clock(struct peer *peer, const struct load_message *message)
{
    struct load_message time = {.kind = LOAD_MESSAGE_TIME, .sent_ns = message->sent_ns, .received_ns = peer->heard_ns};
    time.answered_ns = clock_now_ns();
    send_message(peer, &time);
}

static enum err begin(struct peer *peer, const struct load_message *message)
{
    struct load_agent *agent = peer->agent;
    enum err err = agent_job_begin(&agent->job, message->at_ns);
    if (err == ERR_TIMEOUT) {
        refuse(peer, "late", "the beginning was %.1f ms ago when the order for it came",
               (double)(clock_now_ns() - message->at_ns) / 1e6);
        return ERR_OK;
    }
    if (err != ERR_OK)
        return err;
    say(agent, "begins part %u of %u for %s", agent->job.part + 1, agent->job.parts, peer->name);
    timer_set(&agent->options.loop->timers, &agent->report, agent->job.report_ns);
    return ERR_OK;
}

static enum err take_order(struct peer *peer, const struct load_message *message)
{
    struct load_agent *agent = peer->agent;
    switch (message->kind) {
    case LOAD_MESSAGE_CLOCK:
        answer_clock(peer, message);
        return ERR_OK;
    case LOAD_MESSAGE_FILE:
        return agent_job_take_file(&agent->job, message);
    case LOAD_MESSAGE_PIECE:
        return agent_job_take_piece(&agent->job, message, &agent->scratch);
    case LOAD_MESSAGE_PREPARE:
        return agent_job_prepare(&agent->job, message);
    case LOAD_MESSAGE_BEGIN:
        return begin(peer, message);
    case LOAD_MESSAGE_STOP:
        agent_job_stop(&agent->job, NULL);
        return ERR_OK;
    default:
        return ERR_SYNTAX;
    }
}

/* --- what time brings --------------------------------------------------------------------------------------------- */

static void report(struct load_agent *agent, enum load_message_kind kind)
{
    struct slice line;
    if (!agent->controller || agent_job_report(&agent->job, kind, &agent->scratch, &line) != ERR_OK)
        return;
    lines_send(&agent->controller->lines, line);
    arena_reset(&agent->scratch);
}

static void on_report(struct timer *timer)
{
    struct load_agent *agent = CONTAINER_OF(timer, struct load_agent, report);
    struct agent_job *job = &agent->job;
    if (job->state != JOB_RUNNING)
        return;
    report(agent, LOAD_MESSAGE_RECORD);
    if (job->state != JOB_RUNNING)
        return; /* the controller turned out to be gone, and the plan with it */
    uint64_t now_ns = clock_now_ns();
    do
        job->report_ns += job->plan->interval_ns;
    while (job->report_ns <= now_ns);
    timer_set(&agent->options.loop->timers, &agent->report, job->report_ns);
}

static void tell_prepared(struct load_agent *agent)
{
    struct agent_job *job = &agent->job;
    if (!agent->controller) {
        agent_job_end(job);
    } else if (job->err != ERR_OK) {
        refuse(agent->controller, "plan", "it cannot do this test: %s",
               job->why.len ? job->why.ptr : err_text(job->err));
    } else {
        struct load_message ready = {.kind = LOAD_MESSAGE_READY, .digest = load_plan_digest(job->plan)};
        send_message(agent->controller, &ready);
    }
    arena_reset(&agent->scratch);
}

static void look_at_job(struct load_agent *agent, uint64_t now_ns)
{
    struct agent_job *job = &agent->job;
    if (agent_job_look(job))
        tell_prepared(agent);
    if (job->state != JOB_RUNNING || !agent_job_is_over(job, now_ns))
        return;
    timer_cancel(&agent->report);
    report(agent, LOAD_MESSAGE_DONE);
    say(agent, "has done its part");
    agent_job_end(job);
}

static void look_at_peer(struct peer *peer, uint64_t now_ns)
{
    uint64_t silence_ns = now_ns - MIN(now_ns, peer->heard_ns);
    if (peer->state == PEER_ADMITTED && silence_ns > LOAD_SILENCE_NS) {
        lines_close(&peer->lines);
        peer->state = PEER_NONE;
        lose_controller(peer->agent, "it is silent");
    } else if ((peer->state == PEER_GREETED && silence_ns > HELLO_NS) ||
               (peer->state == PEER_LEAVING && silence_ns > LEAVE_NS)) {
        lines_close(&peer->lines);
        peer->state = PEER_NONE;
    }
}

static void on_tick(struct timer *timer)
{
    struct load_agent *agent = CONTAINER_OF(timer, struct load_agent, tick);
    uint64_t now_ns = clock_now_ns();
    bool is_anybody_there = false;
    look_at_job(agent, now_ns);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        look_at_peer(&agent->peers[i], now_ns);
        is_anybody_there |= agent->peers[i].state != PEER_NONE;
    }
    if (is_anybody_there || agent->job.state != JOB_NONE)
        start_ticking(agent);
}
