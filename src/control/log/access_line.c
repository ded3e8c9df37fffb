/* SPDX-License-Identifier: Apache-2.0 */
#include "control/log/access_line.h"

#include "lib/json/writer.h"
#include "lib/sys/clock.h"
#include "pipeline/connection.h"

#define MILLISECONDS_AT 20 /* 2026-11-23T14:34:00.123Z */

static const struct slice names[] = {
#define ACCESS_TEXT(name, longest) {#name, sizeof(#name) - 1},
    ACCESS_TEXTS(ACCESS_TEXT)
#undef ACCESS_TEXT
};

/* What happened first, then who asked and with what. */
static const enum access_text texts_before[] = {ACCESS_TEXT_method, ACCESS_TEXT_path, ACCESS_TEXT_route};
static const enum access_text texts_behind[] = {
    ACCESS_TEXT_request_id, ACCESS_TEXT_tenant,   ACCESS_TEXT_key_id,   ACCESS_TEXT_bucket,
    ACCESS_TEXT_model,      ACCESS_TEXT_upstream, ACCESS_TEXT_contract,
};
static const enum access_text texts_last[] = {ACCESS_TEXT_user_agent};
_Static_assert(ARRAY_LEN(texts_before) + ARRAY_LEN(texts_behind) + ARRAY_LEN(texts_last) == ACCESS_TEXT_COUNT,
               "every text has its place");

static const struct slice protocols[] = {
    [ACCESS_HTTP10] = SLICE_LIT("HTTP/1.0"),
    [ACCESS_HTTP11] = SLICE_LIT("HTTP/1.1"),
    [ACCESS_HTTP2] = SLICE_LIT("HTTP/2"),
};
static const struct slice tls_versions[] = {
    [CONNECTION_TLS_1_2] = SLICE_LIT("TLSv1.2"),
    [CONNECTION_TLS_1_3] = SLICE_LIT("TLSv1.3"),
};

static struct slice format_time(struct access_line_clock *clock, uint64_t wall_ns);
static void find_texts(const struct access_record *record, struct slice texts[ACCESS_TEXT_COUNT]);
static void write_texts(struct json_writer *writer, const struct slice *texts, const enum access_text *which,
                        size_t count);
static void write_peer(struct json_writer *writer, const struct ip *peer);
static void write_word(struct json_writer *writer, struct slice name, struct slice word);
static void write_ms(struct json_writer *writer, struct slice name, uint64_t ns);
static void write_ms_if_any(struct json_writer *writer, struct slice name, uint64_t ns);
static void write_count(struct json_writer *writer, struct slice name, uint64_t count);

size_t access_line_format(struct access_line_clock *clock, const struct access_record *record, char *out)
{
    struct slice texts[ACCESS_TEXT_COUNT];
    struct json_writer writer = json_writer_in_memory(out, ACCESS_LINE_BYTES_MAX - 1);
    find_texts(record, texts);
    json_write_object_begin(&writer);
    json_write_key(&writer, SLICE_LIT("time"));
    json_write_string(&writer, format_time(clock, record->wall_ns));
    write_texts(&writer, texts, texts_before, ARRAY_LEN(texts_before));
    write_count(&writer, SLICE_LIT("status"), record->status);
    write_ms(&writer, SLICE_LIT("duration_ms"), record->duration_ns);
    write_ms_if_any(&writer, SLICE_LIT("receive_ms"), record->receive_ns);
    write_ms_if_any(&writer, SLICE_LIT("decode_ms"), record->decode_ns);
    write_ms_if_any(&writer, SLICE_LIT("queue_ms"), record->queue_ns);
    write_ms_if_any(&writer, SLICE_LIT("run_ms"), record->run_ns);
    write_ms_if_any(&writer, SLICE_LIT("upstream_ms"), record->upstream_ns);
    write_count(&writer, SLICE_LIT("received_bytes"), record->received_bytes);
    write_count(&writer, SLICE_LIT("sent_bytes"), record->sent_bytes);
    write_texts(&writer, texts, texts_behind, ARRAY_LEN(texts_behind));
    if (record->problem)
        write_word(&writer, SLICE_LIT("problem"), slice_of_text(problem_row(record->problem)->slug));
    write_peer(&writer, &record->peer);
    write_word(&writer, SLICE_LIT("protocol"), protocols[record->protocol]);
    write_word(&writer, SLICE_LIT("tls"), tls_versions[record->tls]);
    write_texts(&writer, texts, texts_last, ARRAY_LEN(texts_last));
    json_write_object_end(&writer);
    struct slice line;
    enum err err = json_writer_finish(&writer, &line);
    ASSERT(err == ERR_OK, "ACCESS_LINE_BYTES_MAX holds every line");
    out[line.len] = '\n';
    return line.len + 1;
}

static struct slice format_time(struct access_line_clock *clock, uint64_t wall_ns)
{
    uint64_t second = wall_ns / NS_PER_S;
    if (second != clock->second || !clock->text[0])
        clock_format_rfc3339(clock->text, wall_ns);
    clock->second = second;
    unsigned ms = (unsigned)(wall_ns / NS_PER_MS % 1000);
    clock->text[MILLISECONDS_AT] = (char)('0' + ms / 100);
    clock->text[MILLISECONDS_AT + 1] = (char)('0' + ms / 10 % 10);
    clock->text[MILLISECONDS_AT + 2] = (char)('0' + ms % 10);
    return slice_of_text(clock->text);
}

static void find_texts(const struct access_record *record, struct slice texts[ACCESS_TEXT_COUNT])
{
    size_t at = 0;
    for (size_t i = 0; i < ACCESS_TEXT_COUNT; i++) {
        texts[i] = slice_of(record->text + at, record->lengths[i]);
        at += record->lengths[i];
    }
    ASSERT(at <= ACCESS_TEXT_BYTES, "the texts of a record stand within it");
    if (record->method != HTTP_METHOD_OTHER)
        texts[ACCESS_TEXT_method] = slice_of_text(http_method_name(record->method));
}

static void write_texts(struct json_writer *writer, const struct slice *texts, const enum access_text *which,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        write_word(writer, names[which[i]], texts[which[i]]);
}

/* Unless it is empty. */
static void write_word(struct json_writer *writer, struct slice name, struct slice word)
{
    if (!word.len)
        return;
    json_write_key(writer, name);
    json_write_string(writer, word);
}

static void write_peer(struct json_writer *writer, const struct ip *peer)
{
    char text[IP_TEXT_MAX];
    json_write_key(writer, SLICE_LIT("peer"));
    json_write_string(writer, peer->family == IP_NONE ? SLICE_LIT("unix") : slice_of(text, ip_format(peer, text)));
}

static void write_ms(struct json_writer *writer, struct slice name, uint64_t ns)
{
    uint64_t whole_us = ns / 1000;
    json_write_key(writer, name);
    json_write_f64(writer, (double)whole_us / 1000.0);
}

static void write_ms_if_any(struct json_writer *writer, struct slice name, uint64_t ns)
{
    if (ns)
        write_ms(writer, name, ns);
}

static void write_count(struct json_writer *writer, struct slice name, uint64_t count)
{
    json_write_key(writer, name);
    json_write_u64(writer, count);
}
