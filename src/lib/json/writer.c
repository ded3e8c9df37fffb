/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/writer.h"

#include "lib/base/utf8.h"
#include "lib/json/number.h"
#include "lib/json/row.h"

#include <math.h>

static void open_level(struct json_writer *writer, bool is_object);
static void close_level(struct json_writer *writer, bool is_object);
static void add_quoted(struct json_writer *writer, struct slice text);
static size_t measure_plain(struct slice text);
static void add_special(struct buffer *buffer, struct slice *text);

struct json_writer json_writer_in_arena(struct arena *arena, size_t first_bytes)
{
    return (struct json_writer){.buffer = buffer_in_arena(arena, first_bytes)};
}

struct json_writer json_writer_in_memory(char *memory, size_t capacity)
{
    return (struct json_writer){.buffer = buffer_in_memory(memory, capacity)};
}

enum err json_writer_finish(const struct json_writer *writer, struct slice *ret_text)
{
    if (writer->is_too_deep)
        return ERR_LIMIT;
    ASSERT(writer->depth == 0 && writer->needs_comma, "exactly one value was written, and every begin has its end");
    return buffer_finish(&writer->buffer, ret_text);
}

static inline bool is_in_object(const struct json_writer *writer)
{
    uint32_t level = writer->depth - 1;
    return writer->depth > 0 && (writer->is_object[level / 64] >> level % 64 & 1);
}

/* What goes before every value: nothing behind a key, a comma behind another value. */
static inline void begin_value(struct json_writer *writer)
{
    ASSERT(writer->has_key == is_in_object(writer), "in an object a value follows its key");
    if (writer->needs_comma) {
        ASSERT(writer->depth > 0, "a text is one value");
        buffer_add_byte(&writer->buffer, ',');
    }
    writer->needs_comma = true;
    writer->has_key = false;
}

void json_write_object_begin(struct json_writer *writer)
{
    open_level(writer, true);
}

void json_write_object_end(struct json_writer *writer)
{
    close_level(writer, true);
}

void json_write_array_begin(struct json_writer *writer)
{
    open_level(writer, false);
}

void json_write_array_end(struct json_writer *writer)
{
    close_level(writer, false);
}

/* Levels beyond the last are counted and not written, so that their ends still find their begins. */
static void open_level(struct json_writer *writer, bool is_object)
{
    if (writer->depth >= JSON_WRITER_DEPTH_MAX || writer->is_too_deep) {
        writer->is_too_deep = true;
        return;
    }
    begin_value(writer);
    buffer_add_byte(&writer->buffer, is_object ? '{' : '[');
    uint64_t bit = UINT64_C(1) << writer->depth % 64;
    uint64_t *word = &writer->is_object[writer->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    writer->depth++;
    writer->needs_comma = false;
}

static void close_level(struct json_writer *writer, bool is_object)
{
    if (writer->is_too_deep)
        return;
    ASSERT(writer->depth > 0 && is_in_object(writer) == is_object && !writer->has_key, "an end matches its begin");
    buffer_add_byte(&writer->buffer, is_object ? '}' : ']');
    writer->depth--;
    writer->needs_comma = true;
}

void json_write_key(struct json_writer *writer, struct slice key)
{
    if (writer->is_too_deep)
        return;
    ASSERT(is_in_object(writer) && !writer->has_key, "a key stands in an object, and each has a value");
    if (writer->needs_comma)
        buffer_add_byte(&writer->buffer, ',');
    add_quoted(writer, key);
    buffer_add_byte(&writer->buffer, ':');
    writer->needs_comma = false;
    writer->has_key = true;
}

void json_write_string(struct json_writer *writer, struct slice text)
{
    if (writer->is_too_deep)
        return;
    begin_value(writer);
    add_quoted(writer, text);
}

void json_write_raw(struct json_writer *writer, struct slice json)
{
    if (writer->is_too_deep)
        return;
    begin_value(writer);
    buffer_add(&writer->buffer, json);
}

void json_write_u64(struct json_writer *writer, uint64_t value)
{
    char digits[20];
    json_write_raw(writer, slice_of(digits, text_format_u64(digits, value)));
}

void json_write_i64(struct json_writer *writer, int64_t value)
{
    char digits[21] = "-";
    bool is_negative = value < 0;
    uint64_t magnitude = is_negative ? 0 - (uint64_t)value : (uint64_t)value;
    size_t len = text_format_u64(digits + is_negative, magnitude);
    json_write_raw(writer, slice_of(digits, len + is_negative));
}

void json_write_bool(struct json_writer *writer, bool value)
{
    json_write_raw(writer, value ? SLICE_LIT("true") : SLICE_LIT("false"));
}

void json_write_null(struct json_writer *writer)
{
    json_write_raw(writer, SLICE_LIT("null"));
}

static inline size_t format_f32(char out[NUMBER_BYTES_MAX], float value)
{
    if (LIKELY(isfinite(value)))
        return number_format_f32(out, value);
    memcpy(out, "null", 4);
    return 4;
}

void json_write_f32(struct json_writer *writer, float value)
{
    char digits[NUMBER_BYTES_MAX];
    json_write_raw(writer, slice_of(digits, format_f32(digits, value)));
}

void json_write_f64(struct json_writer *writer, double value)
{
    char digits[NUMBER_BYTES_MAX];
    if (isfinite(value))
        json_write_raw(writer, slice_of(digits, number_format_f64(digits, value)));
    else
        json_write_null(writer);
}

/* Straight into the buffer where there is room to scribble, else by way of the stack. */
void json_write_f32_array(struct json_writer *writer, const float *values, size_t count)
{
    enum { PIECE = 64 };
    struct buffer *buffer = &writer->buffer;
    json_write_array_begin(writer);
    if (writer->is_too_deep)
        return;
    for (size_t i = 0; i < count; i += PIECE) {
        char memory[JSON_ROW_PRINT_BYTES(PIECE)];
        bool has_room = buffer->ptr && buffer->capacity - buffer->len >= sizeof memory;
        char *place = has_room ? buffer->ptr + buffer->len : memory;
        size_t len = json_row_print_f32(place, values + i, MIN(count - i, (size_t)PIECE));
        len -= count - i <= PIECE; /* no comma behind the last */
        if (has_room)
            buffer->len += len;
        else
            buffer_add(buffer, slice_of(memory, len));
    }
    json_write_array_end(writer);
}

static void write_scalar(struct json_writer *writer, yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_BOOL:
        json_write_bool(writer, unsafe_yyjson_get_bool(value));
        break;
    case YYJSON_TYPE_STR:
        json_write_string(writer, json_text(value));
        break;
    case YYJSON_TYPE_NUM:
        if (unsafe_yyjson_is_uint(value))
            json_write_u64(writer, unsafe_yyjson_get_uint(value));
        else if (unsafe_yyjson_is_sint(value))
            json_write_i64(writer, unsafe_yyjson_get_sint(value));
        else
            json_write_f64(writer, unsafe_yyjson_get_real(value));
        break;
    case YYJSON_TYPE_RAW:
        json_write_raw(writer, json_raw(value));
        break;
    default:
        json_write_null(writer);
    }
}

struct level {
    yyjson_val *end;
    bool is_object;
    bool is_key_next;
};

/* Values of a document stand in the order of its text, so writing it is one walk and a stack of ends. */
void json_write_value(struct json_writer *writer, yyjson_val *value)
{
    struct level levels[JSON_DEPTH_MAX];
    uint32_t depth = 0;
    yyjson_val *end = unsafe_yyjson_get_next(value);
    while (value != end) {
        struct level *level = depth > 0 ? &levels[depth - 1] : NULL;
        if (level && level->is_object && level->is_key_next)
            json_write_key(writer, json_text(value++));
        if (level)
            level->is_key_next = true;
        if (yyjson_is_ctn(value) && depth < JSON_DEPTH_MAX) {
            open_level(writer, yyjson_is_obj(value));
            levels[depth++] = (struct level){unsafe_yyjson_get_next(value), yyjson_is_obj(value), true};
        } else {
            write_scalar(writer, value);
        }
        value++;
        while (depth > 0 && value == levels[depth - 1].end)
            close_level(writer, levels[--depth].is_object);
    }
}

static void add_quoted(struct json_writer *writer, struct slice text)
{
    buffer_add_byte(&writer->buffer, '"');
    json_add_escaped(&writer->buffer, text);
    buffer_add_byte(&writer->buffer, '"');
}

void json_add_escaped(struct buffer *buffer, struct slice text)
{
    while (text.len > 0) {
        size_t plain = measure_plain(text);
        buffer_add(buffer, slice_first(text, plain));
        text = slice_skip(text, plain);
        if (text.len > 0)
            add_special(buffer, &text);
    }
}

/* Marks the bytes of a word that are below 0x20, above 0x7f, '"' or '\'. Only the lowest mark can be trusted, and
 * whether there is one: borrows go upward. */
static inline uint64_t mark_special(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t quotes = word ^ ones * '"';
    uint64_t backslashes = word ^ ones * '\\';
    return ((word - ones * 0x20) | (quotes - ones) | (backslashes - ones) | word) & ones * 0x80;
}

/* How many bytes at the front may be copied as they are. */
static size_t measure_plain(struct slice text)
{
    size_t i = 0;
    for (uint64_t word; i + 8 <= text.len; i += 8) {
        memcpy(&word, text.ptr + i, 8);
        uint64_t marks = mark_special(word);
        if (marks)
            return i + (size_t)__builtin_ctzll(marks) / 8;
    }
    for (; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c > 0x7f || c == '"' || c == '\\')
            return i;
    }
    return i;
}

/* Writes the first character, which cannot be copied unseen, and takes it off the text. */
static void add_special(struct buffer *buffer, struct slice *text)
{
    static const char digits[] = "0123456789abcdef";
    static const char shorts[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    unsigned char c = (unsigned char)text->ptr[0];
    int len = 1;
    if (c > 0x7f) {
        len = utf8_measure(*text);
        buffer_add(buffer, len > 0 ? slice_first(*text, (size_t)len) : SLICE_LIT("\xef\xbf\xbd"));
        len = len > 0 ? len : -len;
    } else if (c >= 0x20 || shorts[c]) {
        buffer_add(buffer, slice_of((char[]){'\\', c >= 0x20 ? (char)c : shorts[c]}, 2));
    } else {
        buffer_add(buffer, slice_of((char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6));
    }
    *text = slice_skip(*text, (size_t)len);
}
