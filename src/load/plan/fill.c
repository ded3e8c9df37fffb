/* SPDX-License-Identifier: Apache-2.0 */
/* Templates filled in. */
#include "lib/json/writer.h"
#include "lib/sys/clock.h"
#include "load/values.h"

#define UUID_CHARACTERS 36

static void add_value(struct buffer *out, const struct load_piece *piece, struct slice value);
static void add_to_path(struct buffer *out, struct slice value);
static void add_number(struct buffer *out, uint64_t number);
static void add_random(struct buffer *out, const struct load_piece *piece, struct load_random *random);
static void add_uuid(struct buffer *out, struct load_random *random);

static void add_piece(struct buffer *out, const struct load_piece *piece, struct load_values *values)
{
    const struct load_data *data;
    switch (piece->kind) {
    case LOAD_PIECE_TEXT:
        buffer_add(out, piece->text);
        break;
    case LOAD_PIECE_VARIABLE:
        add_value(out, piece, values->variables[piece->variable]);
        break;
    case LOAD_PIECE_COLUMN:
        data = &values->plan->data[piece->data];
        add_value(out, piece, data->cells[(size_t)values->rows[piece->data] * data->column_count + piece->variable]);
        break;
    case LOAD_PIECE_UUID:
        add_uuid(out, values->random);
        break;
    case LOAD_PIECE_RANDOM:
        add_random(out, piece, values->random);
        break;
    case LOAD_PIECE_SEQUENCE:
        add_number(out, *values->sequence);
        *values->sequence += values->sequence_stride;
        break;
    case LOAD_PIECE_USER:
        add_number(out, values->user);
        break;
    case LOAD_PIECE_ITERATION:
        add_number(out, values->iteration);
        break;
    case LOAD_PIECE_NOW_MS:
        add_number(out, clock_wall_ns() / NS_PER_MS);
        break;
    }
}

enum err load_fill(const struct load_template *template, struct load_values *values, struct buffer *out)
{
    for (uint32_t i = 0; i < template->count; i++)
        add_piece(out, &template->pieces[i], values);
    return out->err;
}

static void add_value(struct buffer *out, const struct load_piece *piece, struct slice value)
{
    if (piece->escape == LOAD_ESCAPE_JSON)
        json_add_escaped(out, value);
    else if (piece->escape == LOAD_ESCAPE_PATH)
        add_to_path(out, value);
    else
        buffer_add(out, value);
}

/* "%" stays: a value may be encoded already. */
static bool stands_in_path(unsigned char c)
{
    return c > ' ' && c < 0x7f && !memchr("\"#<>\\^`{|}", c, 10);
}

static void add_to_path(struct buffer *out, struct slice value)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (stands_in_path(c)) {
            buffer_add_byte(out, (char)c);
            continue;
        }
        const char escape[] = {'%', digits[c >> 4], digits[c & 15]};
        buffer_add(out, slice_of(escape, sizeof escape));
    }
}

static void add_number(struct buffer *out, uint64_t number)
{
    char *place = buffer_reserve(out, 20);
    if (place)
        out->len += text_format_u64(place, number);
}

/* A draw modulo the span favours some numbers by less than span / 2^64, which no test can tell. */
static void add_random(struct buffer *out, const struct load_piece *piece, struct load_random *random)
{
    uint64_t span = (uint64_t)piece->high - (uint64_t)piece->low + 1;
    uint64_t drawn = load_draw(random);
    int64_t number = (int64_t)((uint64_t)piece->low + (span ? drawn % span : drawn));
    if (number < 0)
        buffer_add_byte(out, '-');
    add_number(out, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

/* Version 4 of RFC 9562, from the thread's own draws: unique within a test and no secret. */
static void add_uuid(struct buffer *out, struct load_random *random)
{
    uint8_t bytes[16];
    char digits[32];
    char *place = buffer_reserve(out, UUID_CHARACTERS);
    if (!place)
        return;
    for (size_t i = 0; i < sizeof bytes; i += 8) {
        uint64_t drawn = load_draw(random);
        memcpy(bytes + i, &drawn, 8);
    }
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    text_format_hex(digits, slice_of(bytes, sizeof bytes));
    for (size_t i = 0; i < sizeof digits; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *place++ = '-';
        *place++ = digits[i];
    }
    out->len += UUID_CHARACTERS;
}
