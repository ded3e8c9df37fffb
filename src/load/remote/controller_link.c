/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with one agent, from the controller's side: messages.def in order. */
#include "lib/base/base64.h"
#include "load/remote/controller_int.h"

#include <stdlib.h>

#define ANSWER_NS     (5 * NS_PER_S) /* to connect, to greet, to welcome */
#define AWAIT_NS      (3 * NS_PER_S) /* for agents that have only just been started */
#define SYNC_ROUNDS   12
#define OVERTIME_NS   (10 * NS_PER_S) /* behind the end and the time for what is outstanding */
#define OUTPUT_FACTOR 2               /* base64 and what JSON has around it */

static void on_line(struct lines *lines, struct slice line);
static void on_lost(struct lines *lines, enum err err);
static void on_connected(struct lines *lines);
static void take(struct agent_link *link, const struct load_message *message);

static const struct lines_events events = {.on_line = on_line, .on_lost = on_lost, .on_connected = on_connected};

static struct agent_link *of_lines(struct lines *lines)
{
    return CONTAINER_OF(lines, struct agent_link, lines);
}

/* The session's thread looks at it too. */
static void set_state(struct agent_link *link, enum link_state state)
{
    mutex_lock(&link->controller->mutex);
    link->state = state;
    mutex_unlock(&link->controller->mutex);
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static void connect_to(struct agent_link *link)
{
    enum err err = lines_connect(&link->lines, link->controller->loop, &link->address, &events);
    if (err != ERR_OK)
        agent_link_lose(link, err, "cannot be connected to: %s", err_text(err));
}

void agent_link_open(struct agent_link *link)
{
    uint64_t now_ns = clock_now_ns();
    link->lines.line_bytes_max = LOAD_REPORT_BYTES_MAX;
    link->lines.output_bytes_max = OUTPUT_FACTOR * LOAD_AGENT_BYTES_MAX;
    link->heard_ns = now_ns;
    link->await_until_ns = now_ns + AWAIT_NS;
    link->deadline_ns = now_ns + ANSWER_NS;
    enum err err = load_nonce_make(&link->nonce);
    if (err == ERR_OK)
        connect_to(link);
    else
        agent_link_lose(link, err, "cannot be connected to: %s", err_text(err));
}

static void on_connected(struct lines *lines)
{
    set_state(of_lines(lines), LINK_GREETED);
}

static void on_lost(struct lines *lines, enum err err)
{
    struct agent_link *link = of_lines(lines);
    if (link->state == LINK_CONNECTING && err == ERR_CLOSED && clock_now_ns() < link->await_until_ns)
        return; /* agent_link_look tries again */
    if (link->state == LINK_CONNECTING)
        agent_link_lose(link, err, err == ERR_CLOSED ? "nobody listens there" : "cannot be connected to: %s",
                        err_text(err));
    else
        agent_link_lose(link, err == ERR_EOF ? ERR_CLOSED : err, "the connection has ended (%s)",
                        err == ERR_EOF ? "it was closed" : err_text(err));
}

/* A lost agent's users and requests are there no more: gauges do not stay at what they were. */
static void clear_gauges(struct load_record *record)
{
    gauge_set(&record->users, 0);
    gauge_set(&record->links, 0);
    gauge_set(&record->in_flight, 0);
    gauge_set(&record->backlog, 0);
}

void agent_link_lose(struct agent_link *link, enum err err, const char *format, ...)
{
    va_list args;
    if (link->state == LINK_LOST || link->state == LINK_DONE)
        return;
    lines_close(&link->lines);
    mutex_lock(&link->controller->mutex);
    link->why = text_init(link->why_memory, sizeof link->why_memory);
    va_start(args, format);
    text_vprintf(&link->why, format, args);
    va_end(args);
    link->err = err;
    link->lost_ns = clock_now_ns();
    link->state = LINK_LOST;
    clear_gauges(link->record);
    mutex_unlock(&link->controller->mutex);
}

static void send_message(struct agent_link *link, const struct load_message *message)
{
    struct slice line;
    if (load_message_format(&link->controller->scratch, message, &line) == ERR_OK)
        lines_send(&link->lines, line);
    else
        agent_link_lose(link, ERR_NOMEM, "no memory for a message");
}

static void on_line(struct lines *lines, struct slice line)
{
    struct agent_link *link = of_lines(lines);
    struct load_message message;
    const char *why;
    link->heard_ns = clock_now_ns();
    enum err err = load_message_parse(&link->controller->scratch, line, LOAD_REPORT_BYTES_MAX, &message, &why);
    if (err == ERR_OK)
        take(link, &message);
    else
        agent_link_lose(link, ERR_SYNTAX, "it says what no agent of weir says: %s", why);
    arena_reset(&link->controller->scratch);
}

void agent_link_look(struct agent_link *link, uint64_t now_ns)
{
    static const char *const waits[] = {
        [LINK_CONNECTING] = "no connection",          [LINK_GREETED] = "no answer",
        [LINK_SYNCING] = "it does not tell the time", [LINK_PREPARING] = "it is not ready",
        [LINK_RUNNING] = "it does not end",
    };
    if (link->state == LINK_LOST || link->state == LINK_DONE)
        return;
    if (link->deadline_ns && now_ns > link->deadline_ns)
        agent_link_lose(link, ERR_TIMEOUT, "%s in time", waits[link->state]);
    else if (link->state == LINK_CONNECTING && !link->lines.is_open)
        connect_to(link);
    else if (link->state > LINK_PREPARING && now_ns > link->heard_ns && now_ns - link->heard_ns > LOAD_SILENCE_NS)
        agent_link_lose(link, ERR_TIMEOUT, "it is silent");
}

/* --- who it is ---------------------------------------------------------------------------------------------------- */

static void take_greeting(struct agent_link *link, const struct load_message *message)
{
    struct load_proof proof;
    struct slice token = link->controller->options.token;
    if (message->protocol != LOAD_PROTOCOL || !slice_is(message->version, WEIR_VERSION)) {
        agent_link_lose(
            link, ERR_MISMATCH, "it is weir " SLICE_FMT ", protocol %llu; this is weir " WEIR_VERSION ", protocol %d",
            SLICE_ARG(slice_first(message->version, 32)), (unsigned long long)message->protocol, LOAD_PROTOCOL);
        return;
    }
    if (message->needs_token && !token.len) {
        agent_link_lose(link, ERR_DENIED, "it wants a token: --token-file");
        return;
    }
    struct slice nonce = slice_of(link->nonce.chars, LOAD_PROOF_CHARS);
    if (message->nonce.len != LOAD_PROOF_CHARS ||
        load_proof_make(token, LOAD_SIDE_CONTROLLER, message->nonce, nonce, &proof) != ERR_OK) {
        agent_link_lose(link, ERR_SYNTAX, "its greeting is none");
        return;
    }
    (void)slice_put(link->agent_nonce.chars, message->nonce);
    struct load_message hello = {
        .kind = LOAD_MESSAGE_HELLO,
        .protocol = LOAD_PROTOCOL,
        .version = SLICE_LIT(WEIR_VERSION),
        .nonce = nonce,
        .proof = {proof.chars, LOAD_PROOF_CHARS},
    };
    send_message(link, &hello);
}

/* With a token, the plan goes to nobody who does not know it either. */
static void take_welcome(struct agent_link *link, const struct load_message *message)
{
    struct load_proof proof;
    struct slice token = link->controller->options.token;
    if (token.len && (load_proof_make(token, LOAD_SIDE_AGENT, slice_of(link->agent_nonce.chars, LOAD_PROOF_CHARS),
                                      slice_of(link->nonce.chars, LOAD_PROOF_CHARS), &proof) != ERR_OK ||
                      !load_proof_is(&proof, message->proof))) {
        agent_link_lose(link, ERR_DENIED, "it does not know the token, and is sent nothing");
        return;
    }
    set_state(link, LINK_SYNCING);
    link->asked = 1;
    agent_link_ask_clock(link);
}

static void take_refusal(struct agent_link *link, const struct load_message *message)
{
    enum err err = slice_is(message->code, "busy")      ? ERR_BUSY
                   : slice_is(message->code, "token")   ? ERR_DENIED
                   : slice_is(message->code, "version") ? ERR_MISMATCH
                                                        : ERR_INVALID;
    agent_link_lose(link, err, SLICE_FMT, SLICE_ARG(slice_first(message->text, CONTROLLER_WHY_BYTES)));
}

/* --- the test ----------------------------------------------------------------------------------------------------- */

void agent_link_ask_clock(struct agent_link *link)
{
    struct load_message question = {.kind = LOAD_MESSAGE_CLOCK, .sent_ns = clock_now_ns()};
    send_message(link, &question);
}

static bool send_file(struct agent_link *link, const struct load_input *file)
{
    struct arena *scratch = &link->controller->scratch;
    struct load_message message = {.kind = LOAD_MESSAGE_FILE, .path = file->path, .bytes = file->content.len};
    struct slice rest = file->content;
    send_message(link, &message);
    while (rest.len && link->lines.is_open) {
        struct slice piece = slice_first(rest, LOAD_CHUNK_BYTES);
        size_t chars = base64_encode_chars(piece.len);
        char *text = arena_alloc(scratch, chars);
        if (!text)
            return false;
        base64_encode(piece, text);
        message = (struct load_message){.kind = LOAD_MESSAGE_PIECE, .content = {text, chars}};
        send_message(link, &message);
        arena_reset(scratch);
        rest = slice_skip(rest, piece.len);
    }
    return link->lines.is_open;
}

static void send_words(struct agent_link *link)
{
    struct load_controller *controller = link->controller;
    const struct load_inputs *inputs = controller->options.inputs;
    const struct load_probe *probe = &controller->options.probe;
    struct load_message message = {.kind = LOAD_MESSAGE_PREPARE,
                                   .part = link->part,
                                   .parts = controller->link_count,
                                   .seed = controller->options.plan->seed,
                                   .probe_rate = probe->rate,
                                   .probe_ns = probe->duration_ns,
                                   .probe_warm_ns = probe->warm_ns,
                                   .probe_interval_ns = probe->interval_ns,
                                   .probe_drain_ns = probe->drain_ns};
    struct json_writer writer = json_writer_in_arena(&controller->scratch, 4096);
    struct slice line;
    load_message_begin(&writer, &message);
    json_write_key(&writer, SLICE_LIT("words"));
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < inputs->word_count; i++)
        json_write_string(&writer, inputs->words[i]);
    json_write_array_end(&writer);
    if (load_message_end(&writer, &line) == ERR_OK)
        lines_send(&link->lines, line);
    else
        agent_link_lose(link, ERR_NOMEM, "no memory for a message");
}

/* What the scratch arena held, the message that has brought us here, is gone behind it. */
static void send_inputs(struct agent_link *link)
{
    const struct load_inputs *inputs = link->controller->options.inputs;
    arena_reset(&link->controller->scratch);
    for (uint32_t i = 0; i < inputs->file_count; i++)
        if (!send_file(link, &inputs->files[i])) {
            agent_link_lose(link, ERR_LIMIT, "the files of the plan are more than can be sent");
            return;
        }
    send_words(link);
    if (!link->lines.is_open)
        return; /* lost on the way, which is told as it was */
    set_state(link, LINK_PREPARING);
    link->deadline_ns = clock_now_ns() + link->controller->options.prepare_timeout_ns;
}

static void take_time(struct agent_link *link, const struct load_message *message)
{
    (void)load_clock_add(&link->clock, message->sent_ns, message->received_ns, message->answered_ns, link->heard_ns);
    if (link->state != LINK_SYNCING)
        return;
    if (link->asked < SYNC_ROUNDS) {
        link->asked++;
        agent_link_ask_clock(link);
    } else if (link->clock.count) {
        send_inputs(link);
    }
}

static void take_ready(struct agent_link *link, const struct load_message *message)
{
    if (link->state != LINK_PREPARING) {
        agent_link_lose(link, ERR_SYNTAX, "it is ready too early");
    } else if (message->digest != link->controller->digest) {
        agent_link_lose(link, ERR_MISMATCH, "it has made another plan of the same words and files");
    } else {
        set_state(link, LINK_READY);
        link->deadline_ns = 0;
    }
}

void agent_link_begin(struct agent_link *link)
{
    struct load_controller *controller = link->controller;
    const struct load_plan *plan = controller->options.plan;
    uint64_t duration_ns = load_plan_duration_ns(plan);
    if (link->state != LINK_READY)
        return;
    link->at_begin = load_clock_estimate(&link->clock, clock_now_ns());
    struct load_message message = {.kind = LOAD_MESSAGE_BEGIN,
                                   .at_ns = controller->begin_ns + (uint64_t)link->at_begin.offset_ns};
    set_state(link, LINK_RUNNING);
    if (duration_ns != UINT64_MAX)
        link->deadline_ns = controller->begin_ns + plan->warm_ns + duration_ns + plan->drain_ns + OVERTIME_NS;
    send_message(link, &message);
}

void agent_link_stop(struct agent_link *link)
{
    struct load_message message = {.kind = LOAD_MESSAGE_STOP};
    if (link->state != LINK_RUNNING)
        return;
    link->deadline_ns = clock_now_ns() + link->controller->options.plan->drain_ns + OVERTIME_NS;
    send_message(link, &message);
}

/* Cumulative, so it takes the last one's place. */
static bool take_record(struct agent_link *link, const struct load_message *message)
{
    load_record_reset(link->spare);
    enum err err = link->state == LINK_RUNNING
                       ? load_record_read_add(message->record, link->controller->options.plan, link->spare)
                       : ERR_SYNTAX;
    if (err != ERR_OK) {
        agent_link_lose(link, err, "its report is none");
        return false;
    }
    mutex_lock(&link->controller->mutex);
    struct load_record *record = link->record;
    link->record = link->spare;
    link->spare = record;
    mutex_unlock(&link->controller->mutex);
    return true;
}

static void take_done(struct agent_link *link, const struct load_message *message)
{
    if (!take_record(link, message))
        return;
    if (message->text.len) {
        agent_link_lose(link, ERR_CANCELLED, SLICE_FMT, SLICE_ARG(slice_first(message->text, CONTROLLER_WHY_BYTES)));
        return;
    }
    set_state(link, LINK_DONE);
    lines_close(&link->lines);
}

static void take(struct agent_link *link, const struct load_message *message)
{
    bool is_known = link->state > LINK_GREETED;
    if (message->kind == LOAD_MESSAGE_REFUSED)
        take_refusal(link, message);
    else if (message->kind == LOAD_MESSAGE_GREETING && !is_known)
        take_greeting(link, message);
    else if (message->kind == LOAD_MESSAGE_WELCOME && !is_known)
        take_welcome(link, message);
    else if (message->kind == LOAD_MESSAGE_TIME && is_known)
        take_time(link, message);
    else if (message->kind == LOAD_MESSAGE_READY)
        take_ready(link, message);
    else if (message->kind == LOAD_MESSAGE_RECORD)
        (void)take_record(link, message);
    else if (message->kind == LOAD_MESSAGE_DONE)
        take_done(link, message);
    else
        agent_link_lose(link, ERR_SYNTAX, "%s, which is out of place", load_message_name(message->kind));
}
