/* SPDX-License-Identifier: Apache-2.0 */
/* Every class of disagreement between weir and llhttp, each with the sentence of an RFC that decides it.
 *
 * A class proves itself by a witness: something in the bytes, found without either parser. A parser of ours that raised a
 * fault for no reason would find no witness, and the fuzz target would fail. At exit the classes are printed with how
 * often each was seen; HTTP1_LLHTTP_ALL=1 makes one that was never seen a failure, so that the table cannot rot. */
#include "fuzz/http1_llhttp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Witnesses: what the bytes say, found without either parser. */

static bool is_line_end(char byte)
{
    return byte == '\r' || byte == '\n';
}

/* Head and body of a message are told apart as by the most lenient reader: at the first empty line. */
static struct slice head_of(const struct dispute *dispute)
{
    struct slice input = dispute->input;
    size_t from = 0;
    while (from < input.len && is_line_end(input.ptr[from]))
        from++;
    for (size_t i = from; i + 1 < input.len; i++)
        if (input.ptr[i] == '\n' &&
            (input.ptr[i + 1] == '\n' || slice_starts(slice_skip(input, i + 1), SLICE_LIT("\r\n"))))
            return slice_of(input.ptr + from, i + 1 - from);
    return slice_skip(input, from);
}

static struct slice request_line_of(const struct dispute *dispute)
{
    struct slice head = head_of(dispute);
    struct slice line = slice_cut(&head, '\n');
    return line.len && line.ptr[line.len - 1] == '\r' ? slice_first(line, line.len - 1) : line;
}

static size_t count_text(struct slice in, const char *text)
{
    size_t count = 0;
    for (size_t i = 0; i < in.len; i++)
        count += slice_starts(slice_skip(in, i), slice_of_text(text));
    return count;
}

/* How many lines of the head have that name, and the value of the last one. */
static size_t count_field(const struct dispute *dispute, const char *name, struct slice *ret_value)
{
    size_t count = 0;
    struct slice rest = head_of(dispute);
    (void)slice_cut(&rest, '\n');
    while (rest.ptr) {
        struct slice value = slice_cut(&rest, '\n');
        struct slice found = slice_trim(slice_cut(&value, ':'));
        if (!value.ptr || !slice_equal_nocase(found, slice_of_text(name)))
            continue;
        count++;
        if (value.len && value.ptr[value.len - 1] == '\r')
            value.len--;
        *ret_value = value;
    }
    return count;
}

static bool has_field(const struct dispute *dispute, const char *name)
{
    struct slice value;
    return count_field(dispute, name, &value) > 0;
}

static bool has_bare_lf(const struct dispute *dispute)
{
    const struct slice *input = &dispute->input;
    for (size_t i = 0; i < input->len; i++)
        if (input->ptr[i] == '\n' && (i == 0 || input->ptr[i - 1] != '\r'))
            return true;
    return false;
}

static bool has_bare_cr(const struct dispute *dispute)
{
    const struct slice *input = &dispute->input;
    for (size_t i = 0; i + 1 < input->len; i++)
        if (input->ptr[i] == '\r' && input->ptr[i + 1] != '\n')
            return true;
    return false;
}

static bool has_blank_lines(const struct dispute *dispute)
{
    return slice_starts(dispute->input, SLICE_LIT("\r\n\r\n\r\n"));
}

static bool is_connect(const struct dispute *dispute)
{
    return slice_starts(request_line_of(dispute), SLICE_LIT("CONNECT "));
}

static struct slice target_of(const struct dispute *dispute)
{
    struct slice rest = request_line_of(dispute);
    (void)slice_cut(&rest, ' ');
    return slice_cut(&rest, ' ');
}

static bool has_no_path(const struct dispute *dispute)
{
    return !slice_starts(target_of(dispute), SLICE_LIT("/"));
}

static bool has_bad_target_char(const struct dispute *dispute)
{
    struct slice line = request_line_of(dispute);
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.ptr[i] < ' ' || (unsigned char)line.ptr[i] > '~' || strchr("\"#<>", line.ptr[i]))
            return true;
    return false;
}

static bool has_no_version(const struct dispute *dispute)
{
    return count_text(request_line_of(dispute), " HTTP/") == 0;
}

static bool has_other_version(const struct dispute *dispute)
{
    struct slice line = request_line_of(dispute);
    if (count_text(line, " ") != 2 || line.len < 9)
        return true;
    return !slice_starts(slice_skip(line, line.len - 9), SLICE_LIT(" HTTP/1.")) || line.ptr[line.len - 1] > '1';
}

static bool has_fold(const struct dispute *dispute)
{
    struct slice input = dispute->input;
    return count_text(input, "\n ") + count_text(input, "\n\t") > 0;
}

static bool has_empty_name(const struct dispute *dispute)
{
    return count_text(dispute->input, "\n:") > 0;
}

static bool has_single_field_twice(const struct dispute *dispute)
{
    static const char *const names[] = {"authorization",
                                        "content-range",
                                        "content-type",
                                        "if-modified-since",
                                        "if-range",
                                        "if-unmodified-since",
                                        "inference-header-content-length",
                                        "last-event-id",
                                        "origin",
                                        "proxy-authorization",
                                        "range",
                                        "referer",
                                        "x-api-key"};
    struct slice value;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (count_field(dispute, names[i], &value) > 1)
            return true;
    return false;
}

static bool has_no_host(const struct dispute *dispute)
{
    return !has_field(dispute, "host");
}

static bool has_two_hosts(const struct dispute *dispute)
{
    struct slice value;
    return count_field(dispute, "host", &value) > 1;
}

/* Anything but letters, digits, "-" and "." with a port of at most four digits: those must never be refused. */
static bool has_odd_host(const struct dispute *dispute)
{
    struct slice host = {NULL, 0};
    size_t count = count_field(dispute, "host", &host);
    host = slice_trim(host);
    size_t i = 0;
    while (i < host.len && (host.ptr[i] == '-' || host.ptr[i] == '.' || (host.ptr[i] >= '0' && host.ptr[i] <= '9') ||
                            (ascii_lower(host.ptr[i]) >= 'a' && ascii_lower(host.ptr[i]) <= 'z')))
        i++;
    bool is_plain = i > 0 && (i == host.len || (host.ptr[i] == ':' && host.len - i <= 5));
    for (size_t k = i + 1; k < host.len; k++)
        is_plain &= host.ptr[k] >= '0' && host.ptr[k] <= '9';
    return count == 1 && !is_plain;
}

static bool has_other_coding(const struct dispute *dispute)
{
    struct slice value = {NULL, 0};
    size_t count = count_field(dispute, "transfer-encoding", &value);
    return count > 1 || (count == 1 && !slice_equal_nocase(slice_trim(value), SLICE_LIT("chunked")));
}

static bool has_length_and_coding(const struct dispute *dispute)
{
    return has_field(dispute, "transfer-encoding") && has_field(dispute, "content-length");
}

static bool has_coding_in_http10(const struct dispute *dispute)
{
    struct slice line = request_line_of(dispute);
    return has_field(dispute, "transfer-encoding") && line.len && line.ptr[line.len - 1] == '0';
}

static bool has_other_expectation(const struct dispute *dispute)
{
    struct slice value = {NULL, 0};
    size_t count = count_field(dispute, "expect", &value);
    return count > 1 || (count == 1 && !slice_equal_nocase(slice_trim(value), SLICE_LIT("100-continue")));
}

static bool has_17_hex_digits(const struct dispute *dispute)
{
    size_t run = 0;
    for (size_t i = 0; i < dispute->input.len && run < 17; i++)
        run = strchr("0123456789abcdefABCDEF", dispute->input.ptr[i]) && dispute->input.ptr[i] ? run + 1 : 0;
    return run == 17;
}

static bool has_extension(const struct dispute *dispute)
{
    struct slice body = slice_skip(dispute->input, head_of(dispute).len);
    return has_field(dispute, "transfer-encoding") && slice_find(body, ';') < body.len;
}

static bool has_folded_trailer(const struct dispute *dispute)
{
    return has_field(dispute, "transfer-encoding") && has_fold(dispute);
}

static bool has_method_of_its_own(const struct dispute *dispute)
{
    return !dispute->weir->is_method_known;
}

static bool is_http12_or_later(const struct dispute *dispute)
{
    struct slice line = request_line_of(dispute);
    return line.len && line.ptr[line.len - 1] >= '2' && line.ptr[line.len - 1] <= '9';
}

static bool has_framing_in_trailers(const struct dispute *dispute)
{
    struct slice rest = slice_skip(dispute->input, head_of(dispute).len);
    while (dispute->weir->is_chunked && rest.ptr) {
        struct slice line = slice_cut(&rest, '\n');
        struct slice name = slice_cut(&line, ':');
        if (slice_equal_nocase(name, SLICE_LIT("content-length")) ||
            slice_equal_nocase(name, SLICE_LIT("transfer-encoding")))
            return true;
    }
    return false;
}

static bool has_tab_behind_length(const struct dispute *dispute)
{
    struct slice value = {NULL, 0};
    (void)count_field(dispute, "content-length", &value);
    return value.len && slice_find(slice_skip(value, 1), '\t') < value.len - 1;
}

/* RFC 9112 section 9.3, once more and as plainly as it goes: what both parsers ought to say. */
static bool stays_by_rule(const struct dispute *dispute)
{
    bool wants_close = false;
    bool wants_keep_alive = dispute->weir->version_minor > 0;
    for (size_t i = 0; i < dispute->weir->field_count; i++) {
        struct slice rest = dispute->weir->fields[i].value;
        if (!slice_equal_nocase(dispute->weir->fields[i].name, SLICE_LIT("connection")))
            continue;
        while (rest.ptr) {
            struct slice option = slice_trim(slice_cut(&rest, ','));
            wants_close |= slice_equal_nocase(option, SLICE_LIT("close"));
            wants_keep_alive |= slice_equal_nocase(option, SLICE_LIT("keep-alive"));
        }
    }
    return wants_keep_alive && !wants_close;
}

static bool is_right(const struct dispute *dispute)
{
    return dispute->weir->is_keep_alive == stays_by_rule(dispute);
}

static bool has_proxy_connection(const struct dispute *dispute)
{
    return is_right(dispute) && has_field(dispute, "proxy-connection");
}

static bool is_http10(const struct dispute *dispute)
{
    return is_right(dispute) && dispute->weir->version_minor == 0;
}

static const struct {
    enum dispute_kind kind;
    enum http1_fault fault; /* ours, for ONLY_LLHTTP */
    bool (*witness)(const struct dispute *dispute);
    const char *why;
} classes[] = {
    {ONLY_LLHTTP, HTTP1_FAULT_BARE_LF, has_bare_lf,
     "a bare LF ends a line. RFC 9112 section 2.2: a recipient MAY recognize a single LF as a line terminator"},
    {ONLY_LLHTTP, HTTP1_FAULT_BARE_CR, has_bare_cr,
     "a bare CR. RFC 9112 section 2.2: a recipient of such a bare CR MUST consider that element to be invalid or "
     "replace each bare CR with SP"},
    {ONLY_LLHTTP, HTTP1_FAULT_TOO_MANY_BLANK_LINES, has_blank_lines,
     "three empty lines before a request. RFC 9112 section 2.2: a server SHOULD ignore at least one"},
    {ONLY_LLHTTP, HTTP1_FAULT_METHOD_CONNECT, is_connect,
     "CONNECT. RFC 9110 section 9.3.6: an origin server MAY accept a CONNECT request, but most do not"},
    {ONLY_LLHTTP, HTTP1_FAULT_TARGET_INVALID, has_no_path,
     "a target that is none of the four forms. RFC 9112 section 3.2: recipients of an invalid request-line SHOULD "
     "respond with 400"},
    {ONLY_LLHTTP, HTTP1_FAULT_TARGET_CHAR, has_bad_target_char,
     "a character that no target may hold. RFC 9112 section 3.2: an invalid request-line SHOULD be answered with 400"},
    {ONLY_LLHTTP, HTTP1_FAULT_VERSION_MISSING, has_no_version,
     "HTTP/0.9. RFC 9112 section 3: request-line = method SP request-target SP HTTP-version"},
    {ONLY_LLHTTP, HTTP1_FAULT_VERSION_INVALID, has_other_version,
     "HTTP/0.9, RTSP, ICE, or white space around the version. RFC 9112 section 2.3: HTTP-version = HTTP-name \"/\" "
     "DIGIT \".\" DIGIT"},
    {ONLY_LLHTTP, HTTP1_FAULT_VERSION_UNSUPPORTED, has_other_version,
     "HTTP/2.0 in the form of HTTP/1. RFC 9110 section 15.6.6: 505 for a major version that the server refuses"},
    {ONLY_LLHTTP, HTTP1_FAULT_OBS_FOLD, has_fold,
     "a folded field. RFC 9112 section 5.2: a server MUST either reject the message by sending a 400 or replace each "
     "obs-fold with SP"},
    {ONLY_LLHTTP, HTTP1_FAULT_NAME_INVALID, has_empty_name,
     "an empty name. RFC 9110 section 5.1: field-name = token, and a token has at least one character"},
    {ONLY_LLHTTP, HTTP1_FAULT_FIELD_REPEATED, has_single_field_twice,
     "a field twice that is no list. RFC 9110 section 5.3: a sender MUST NOT generate multiple field lines with the "
     "same name"},
    {ONLY_LLHTTP, HTTP1_FAULT_HOST_MISSING, has_no_host,
     "no Host. RFC 9112 section 3.2: a server MUST respond with 400 to any HTTP/1.1 request that lacks a Host field"},
    {ONLY_LLHTTP, HTTP1_FAULT_HOST_REPEATED, has_two_hosts,
     "two Hosts. RFC 9112 section 3.2: a server MUST respond with 400 to a request with more than one Host field line"},
    {ONLY_LLHTTP, HTTP1_FAULT_HOST_INVALID, has_odd_host,
     "an invalid Host. RFC 9112 section 3.2: a server MUST respond with 400 to a Host field with an invalid value"},
    {ONLY_LLHTTP, HTTP1_FAULT_CODING_INVALID, has_other_coding,
     "an empty Transfer-Encoding or an empty element. RFC 9110 section 5.6.1 has a sender never make one"},
    {ONLY_LLHTTP, HTTP1_FAULT_LENGTH_WITH_CODING, has_length_and_coding,
     "a length beside an empty Transfer-Encoding. RFC 9112 section 6.1: a server MAY reject a request that contains "
     "both"},
    {ONLY_LLHTTP, HTTP1_FAULT_CODING_UNKNOWN, has_other_coding,
     "another coding before chunked. RFC 9112 section 6.1: a transfer coding it does not understand SHOULD be "
     "answered with 501"},
    {ONLY_LLHTTP, HTTP1_FAULT_CODING_IN_HTTP10, has_coding_in_http10,
     "Transfer-Encoding in HTTP/1.0. RFC 9112 section 6.1: MUST treat the message as if the framing is faulty"},
    {ONLY_LLHTTP, HTTP1_FAULT_EXPECTATION_UNKNOWN, has_other_expectation,
     "another expectation. RFC 9110 section 10.1.1: MAY respond with 417"},
    {ONLY_LLHTTP, HTTP1_FAULT_CHUNK_SIZE, has_17_hex_digits,
     "a chunk size of more than 16 digits. RFC 9112 section 7.1: a recipient MUST anticipate potentially large "
     "hexadecimal numerals"},
    {ONLY_LLHTTP, HTTP1_FAULT_CHUNK_EXTENSION, has_extension,
     "an extension that is not of the grammar. RFC 9112 section 7.1.1: chunk-ext = *( BWS \";\" BWS chunk-ext-name "
     "[ BWS \"=\" BWS chunk-ext-val ] )"},
    {ONLY_LLHTTP, HTTP1_FAULT_TRAILER_INVALID, has_folded_trailer,
     "a folded trailer. RFC 9112 section 5.2, as for any field"},
    {ONLY_LLHTTP, HTTP1_FAULT_TRAILER_INVALID, has_empty_name,
     "a trailer without a name. RFC 9110 section 5.1, as for any field"},
    {ONLY_WEIR, 0, has_method_of_its_own,
     "a method that llhttp does not know. RFC 9110 section 9.1: the method token is case-sensitive and extensible"},
    {ONLY_WEIR, 0, is_http12_or_later,
     "HTTP/1.2 to 1.9. RFC 9110 section 2.5: process it as the highest minor version of that major one it conforms to"},
    {ONLY_WEIR, 0, has_framing_in_trailers,
     "Content-Length or Transfer-Encoding in trailers. RFC 9110 section 6.5.1: MUST NOT be used for framing; ignored"},
    {ONLY_WEIR, 0, has_extension,
     "white space around an extension's parts, several, escaped quotes. RFC 9112 section 7.1.1 has them in its "
     "grammar"},
    {ONLY_WEIR, 0, has_tab_behind_length,
     "a tab behind a length. RFC 9110 section 5.5: a field value does not include trailing white space"},
    {STAYS, 0, has_proxy_connection,
     "llhttp reads Proxy-Connection as Connection. RFC 9112 section 9.3 knows only Connection"},
    {STAYS, 0, is_http10,
     "close and keep-alive in HTTP/1.0. RFC 9112 section 9.3: if the close option is present, it will not persist"},
    {STAYS, 0, is_right,
     "tabs and empty elements in Connection. RFC 9110 section 5.6.1: OWS around elements, and empty ones are ignored"},
    {VALUE, 0, NULL, "white space behind a value. RFC 9110 section 5.5: it is no part of the value"},
};

#define CLASS_COUNT (sizeof classes / sizeof classes[0])
static unsigned long seen[CLASS_COUNT];

__attribute__((destructor)) static void report(void)
{
    bool is_demanded = getenv("HTTP1_LLHTTP_ALL") != NULL;
    size_t missing = 0;
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        missing += seen[i] == 0;
        printf("%8lu %s\n", seen[i], classes[i].why);
    }
    fflush(stdout);
    if (is_demanded && missing > 0)
        _exit(1);
}

bool llhttp_class_forgives(const struct dispute *dispute, enum dispute_kind kind)
{
    for (size_t i = 0; i < CLASS_COUNT; i++) {
        bool is_it = classes[i].kind == kind && classes[i].fault == dispute->weir->fault &&
                     (!classes[i].witness || classes[i].witness(dispute));
        seen[i] += is_it;
        if (is_it)
            return true;
    }
    return false;
}
