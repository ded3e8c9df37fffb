/* SPDX-License-Identifier: Apache-2.0 */
/* The delimiter of parts is CR LF "--" boundary. CR occurs in it once, at its start: when a match breaks off, no shorter
 * match can be inside the bytes already matched, only at the byte that broke it. So a search is memchr for CR and a
 * comparison, and what must be remembered between two pieces is one number.
 *
 * The body starts as if CR LF had just been seen (RFC 2046 section 5.1.1: the first delimiter may lack it). */
#include "lib/http/multipart.h"

#include "lib/http/http.h"
#include "lib/http/media.h"
#include "lib/http/scan.h"
#include "lib/http/url.h"

enum state {
    STATE_PREAMBLE,
    STATE_BOUNDARY,       /* right after a delimiter */
    STATE_BOUNDARY_SPACE, /* white space after it */
    STATE_BOUNDARY_LF,
    STATE_BOUNDARY_DASH, /* one "-" after it */
    STATE_HEAD,
    STATE_DATA,
    STATE_PART_END, /* the delimiter was seen, PART_END is owed */
    STATE_EPILOGUE,
};

static enum err step(struct multipart *multipart, struct slice *input, struct multipart_event *event);
static enum err parse_part(struct multipart *multipart, struct multipart_part *part);

enum err multipart_init(struct multipart *multipart, const struct multipart_config *config)
{
    struct slice boundary = config->boundary;
    if (boundary.len < 1 || boundary.len > MULTIPART_BOUNDARY_BYTES_MAX || boundary.ptr[boundary.len - 1] == ' ')
        return ERR_SYNTAX;
    for (size_t i = 0; i < boundary.len; i++)
        if (!scan_is(boundary.ptr[i], SCAN_BCHAR))
            return ERR_SYNTAX;
    *multipart = (struct multipart){
        .head_memory = config->head_memory,
        .head_bytes_max = config->head_bytes_max,
        .part_count_max = config->part_count_max,
        .delimiter_bytes = (uint8_t)(boundary.len + 4),
        .matched = 2,
        .state = STATE_PREAMBLE,
        .delimiter = "\r\n--",
    };
    memcpy(multipart->delimiter + 4, boundary.ptr, boundary.len);
    return ERR_OK;
}

enum err multipart_next(struct multipart *multipart, struct slice *input, struct multipart_event *ret_event)
{
    struct multipart_event event = {0};
    enum err err = ERR_AGAIN;
    while (err == ERR_AGAIN && (input->len > 0 || multipart->state == STATE_PART_END))
        err = step(multipart, input, &event);
    if (err == ERR_AGAIN && multipart->state == STATE_EPILOGUE)
        return ERR_EOF;
    if (err == ERR_OK)
        *ret_event = event;
    return err;
}

/* How much of the delimiter stands at the front of text, from delimiter[matched] on: up to its end or that of text. */
static size_t match(const struct multipart *multipart, size_t matched, struct slice text)
{
    size_t len = 0;
    while (len < text.len && matched + len < multipart->delimiter_bytes &&
           text.ptr[len] == multipart->delimiter[matched + len])
        len++;
    return len;
}

/* Where the delimiter, or the beginning of it that ends the text, starts in text; text.len when nowhere. *ret_len is how
 * much of it is there. */
static size_t find_delimiter(const struct multipart *multipart, struct slice text, size_t *ret_len)
{
    size_t at = 0;
    for (;;) {
        at += slice_find(slice_skip(text, at), '\r');
        size_t len = match(multipart, 0, slice_skip(text, at));
        *ret_len = len;
        if (at == text.len || len == multipart->delimiter_bytes || at + len == text.len)
            return at;
        at += len;
    }
}

/* Takes bytes up to and including the delimiter, or to the end of the input. *ret_data is the next run of bytes that are
 * not of it, maybe empty. True when the delimiter is complete. */
static bool find_end(struct multipart *multipart, struct slice *input, struct slice *ret_data)
{
    size_t len = multipart->matched;
    *ret_data = (struct slice){NULL, 0};
    if (len == 0) {
        size_t at = find_delimiter(multipart, *input, &len);
        *ret_data = slice_first(*input, at);
        *input = slice_skip(*input, at + len);
    } else {
        size_t more = match(multipart, len, *input);
        *input = slice_skip(*input, more);
        len += more;
        if (len < multipart->delimiter_bytes && input->len > 0) {
            *ret_data = slice_of(multipart->delimiter, len);
            len = 0;
        }
    }
    bool is_whole = len == multipart->delimiter_bytes;
    multipart->matched = is_whole ? 0 : (uint8_t)len;
    return is_whole;
}

/* One byte of what follows the delimiter on its line. */
static enum err take_boundary_byte(struct multipart *multipart, char byte)
{
    bool is_space = byte == ' ' || byte == '\t';
    if (multipart->state == STATE_BOUNDARY_LF) {
        if (byte != '\n')
            return ERR_SYNTAX;
        if (multipart->part_count == multipart->part_count_max)
            return ERR_LIMIT;
        multipart->part_count++;
        multipart->head_bytes = 0;
        multipart->state = STATE_HEAD;
    } else if (byte == '\r' && multipart->state != STATE_BOUNDARY_DASH) {
        multipart->state = STATE_BOUNDARY_LF;
    } else if (is_space && multipart->state != STATE_BOUNDARY_DASH) {
        multipart->state = STATE_BOUNDARY_SPACE;
    } else if (byte == '-' && multipart->state == STATE_BOUNDARY) {
        multipart->state = STATE_BOUNDARY_DASH;
    } else if (byte == '-' && multipart->state == STATE_BOUNDARY_DASH) {
        multipart->state = STATE_EPILOGUE;
    } else {
        return ERR_SYNTAX;
    }
    return ERR_OK;
}

static enum err read_boundary(struct multipart *multipart, struct slice *input, struct multipart_event *event)
{
    TRY(take_boundary_byte(multipart, input->ptr[0]));
    *input = slice_skip(*input, 1);
    event->kind = MULTIPART_END;
    return multipart->state == STATE_EPILOGUE ? ERR_OK : ERR_AGAIN;
}

/* Collects lines up to the empty one. */
static enum err read_head(struct multipart *multipart, struct slice *input, struct multipart_event *event)
{
    size_t line_feed = slice_find(*input, '\n');
    size_t len = MIN(line_feed + 1, input->len);
    if (len > multipart->head_bytes_max - multipart->head_bytes)
        return ERR_LIMIT;
    memcpy(multipart->head_memory + multipart->head_bytes, input->ptr, len);
    multipart->head_bytes += (uint32_t)len;
    *input = slice_skip(*input, len);
    struct slice head = slice_of(multipart->head_memory, multipart->head_bytes);
    if (head.ptr[head.len - 1] != '\n')
        return ERR_AGAIN;
    if (head.len < 2 || head.ptr[head.len - 2] != '\r')
        return ERR_SYNTAX;
    bool is_end = head.len == 2 || (head.len >= 4 && memcmp(head.ptr + head.len - 4, "\r\n", 2) == 0);
    if (!is_end)
        return ERR_AGAIN;
    event->kind = MULTIPART_PART_BEGIN;
    multipart->state = STATE_DATA;
    return parse_part(multipart, &event->part);
}

static enum err read_data(struct multipart *multipart, struct slice *input, struct multipart_event *event)
{
    event->kind = MULTIPART_PART_DATA;
    if (find_end(multipart, input, &event->data))
        multipart->state = STATE_PART_END;
    return event->data.len > 0 ? ERR_OK : ERR_AGAIN;
}

static enum err step(struct multipart *multipart, struct slice *input, struct multipart_event *event)
{
    struct slice ignored;
    switch (multipart->state) {
    case STATE_PREAMBLE:
        if (find_end(multipart, input, &ignored))
            multipart->state = STATE_BOUNDARY;
        return ERR_AGAIN;
    case STATE_HEAD:
        return read_head(multipart, input, event);
    case STATE_DATA:
        return read_data(multipart, input, event);
    case STATE_PART_END:
        event->kind = MULTIPART_PART_END;
        multipart->state = STATE_BOUNDARY;
        return ERR_OK;
    case STATE_EPILOGUE:
        *input = slice_skip(*input, input->len);
        return ERR_AGAIN;
    default:
        return read_boundary(multipart, input, event);
    }
}

/* A slice of head_memory as memory that may be written: values are unescaped in place, which never makes them longer. */
static char *writable(struct multipart *multipart, struct slice text)
{
    return multipart->head_memory + (text.ptr - multipart->head_memory);
}

static enum err unquote(struct multipart *multipart, const struct media_parameter *parameter, struct slice *ret_value)
{
    if (ret_value->ptr)
        return ERR_SYNTAX; /* given twice */
    *ret_value = parameter->value;
    if (parameter->is_quoted)
        ret_value->len = media_unquote(parameter->value, writable(multipart, parameter->value));
    return ERR_OK;
}

/* RFC 8187: charset "'" [ language ] "'" value. RFC 7578 section 4.2 forbids it here, python-requests sends it for names
 * beyond ASCII. Another charset than UTF-8 leaves the name empty. */
static enum err decode_extended(struct multipart *multipart, struct slice text, struct slice *ret_value)
{
    struct slice rest = text;
    struct slice charset = slice_cut(&rest, '\'');
    (void)slice_cut(&rest, '\'');
    if (!rest.ptr)
        return ERR_SYNTAX;
    if (!slice_equal_nocase(charset, SLICE_LIT("utf-8"))) {
        *ret_value = slice_first(rest, 0);
        return ERR_OK;
    }
    TRY(url_percent_decode(rest, false, writable(multipart, rest), ret_value));
    for (size_t i = 0; i < ret_value->len; i++)
        if (!scan_is(ret_value->ptr[i], SCAN_VALUE))
            return ERR_SYNTAX;
    return ERR_OK;
}

/* form-data; name="field"; filename="file.png" */
static enum err parse_disposition(struct multipart *multipart, struct slice value, struct multipart_part *part)
{
    struct slice extended = {NULL, 0};
    size_t len = MIN(slice_find(value, ';'), value.len);
    if (part->name.ptr || !slice_equal_nocase(slice_trim(slice_first(value, len)), SLICE_LIT("form-data")))
        return ERR_SYNTAX;
    struct slice rest = slice_skip(value, len);
    struct media_parameter parameter;
    enum err err;
    while ((err = media_parameter_next(&rest, &parameter)) == ERR_OK) {
        if (slice_equal_nocase(parameter.name, SLICE_LIT("name")))
            TRY(unquote(multipart, &parameter, &part->name));
        else if (slice_equal_nocase(parameter.name, SLICE_LIT("filename")))
            TRY(unquote(multipart, &parameter, &part->filename));
        else if (slice_equal_nocase(parameter.name, SLICE_LIT("filename*")))
            TRY(unquote(multipart, &parameter, &extended));
    }
    if (err != ERR_EOF || !part->name.ptr)
        return ERR_SYNTAX;
    part->has_filename = part->filename.ptr || extended.ptr;
    if (!part->filename.ptr && extended.ptr)
        return decode_extended(multipart, extended, &part->filename);
    return ERR_OK;
}

/* RFC 7578 section 4.7 retires Content-Transfer-Encoding; what would change the data is refused. */
static enum err check_encoding(struct slice value)
{
    bool is_identity = slice_equal_nocase(value, SLICE_LIT("binary")) || slice_equal_nocase(value, SLICE_LIT("8bit")) ||
                       slice_equal_nocase(value, SLICE_LIT("7bit"));
    return is_identity ? ERR_OK : ERR_UNSUPPORTED;
}

static enum err parse_line(struct multipart *multipart, struct slice line, struct multipart_part *part)
{
    struct slice value = line;
    struct slice name = slice_cut(&value, ':');
    if (!value.ptr || !http_is_token(name))
        return ERR_SYNTAX;
    for (size_t i = 0; i < value.len; i++)
        if (!scan_is(value.ptr[i], SCAN_VALUE))
            return ERR_SYNTAX;
    value = slice_trim(value);
    if (slice_equal_nocase(name, SLICE_LIT("content-disposition")))
        return parse_disposition(multipart, value, part);
    if (slice_equal_nocase(name, SLICE_LIT("content-transfer-encoding")))
        return check_encoding(value);
    if (!slice_equal_nocase(name, SLICE_LIT("content-type")))
        return ERR_OK;
    if (part->content_type.ptr)
        return ERR_SYNTAX;
    part->content_type = value;
    return ERR_OK;
}

static enum err parse_part(struct multipart *multipart, struct multipart_part *part)
{
    struct slice rest = slice_of(multipart->head_memory, multipart->head_bytes - 2);
    while (rest.len > 0) {
        size_t len = slice_find(rest, '\n') + 1;
        TRY(parse_line(multipart, slice_first(rest, len - 2), part));
        rest = slice_skip(rest, len);
    }
    return part->name.ptr ? ERR_OK : ERR_SYNTAX;
}
