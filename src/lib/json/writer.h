/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, written forward without a tree: objects, arrays, keys and values in the order of the calls, commas put in.
 *
 *     struct json_writer w = json_writer_in_arena(arena, 256);
 *     json_write_object_begin(&w);
 *     json_write_key(&w, SLICE_LIT("result"));
 *     json_write_string(&w, label);
 *     json_write_object_end(&w);
 *     TRY(json_writer_finish(&w, &body));
 *
 * What comes out is always valid JSON in valid UTF-8, whatever bytes a string held. Running out of memory or nesting too
 * deep sets a flag that json_writer_finish reports. A call in the wrong place (a value in an object without its key, an
 * end without its begin) is a mistake of the program and asserted. Never mallocs. */
#ifndef WEIR_LIB_JSON_WRITER_H
#define WEIR_LIB_JSON_WRITER_H

#include "lib/base/buffer.h"
#include "lib/json/json.h"

#define JSON_WRITER_DEPTH_MAX JSON_DEPTH_MAX

struct json_writer {
    struct buffer buffer;
    uint32_t depth;
    bool needs_comma;
    bool has_key; /* a key was written, its value comes next */
    bool is_too_deep;
    uint64_t is_object[JSON_WRITER_DEPTH_MAX / 64]; /* one bit for each open level */
};

/* Grows in the arena; first_bytes 0 takes a default. */
struct json_writer json_writer_in_arena(struct arena *arena, size_t first_bytes);
/* Writes into memory of the caller and fails with ERR_LIMIT where it ends. */
struct json_writer json_writer_in_memory(char *memory, size_t capacity);
/* What was written: exactly one value. ERR_NOMEM or ERR_LIMIT (memory, or deeper than JSON_WRITER_DEPTH_MAX). Every
 * begin must have had its end. The text has no NUL behind it. */
MUST_USE enum err json_writer_finish(const struct json_writer *writer, struct slice *ret_text);

void json_write_object_begin(struct json_writer *writer);
void json_write_object_end(struct json_writer *writer);
void json_write_array_begin(struct json_writer *writer);
void json_write_array_end(struct json_writer *writer);
/* Inside an object, before each value. Keys are not checked for being unique. */
void json_write_key(struct json_writer *writer, struct slice key);

/* Escapes as RFC 8259 section 7 demands and no more. Each maximal malformed part of UTF-8 becomes one U+FFFD. */
void json_write_string(struct json_writer *writer, struct slice text);
void json_write_u64(struct json_writer *writer, uint64_t value);
void json_write_i64(struct json_writer *writer, int64_t value);
/* Shortest text that reads back equal (lib/json/number.h). NaN and the infinities are written as null. */
void json_write_f32(struct json_writer *writer, float value);
void json_write_f64(struct json_writer *writer, double value);
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);
/* One value that is JSON already; copied unseen. */
void json_write_raw(struct json_writer *writer, struct slice json);
/* A whole array at once: what a tensor is written with. */
void json_write_f32_array(struct json_writer *writer, const float *values, size_t count);
/* A value of a parsed document with all below it. */
void json_write_value(struct json_writer *writer, yyjson_val *value);

/* What stands between the quotes of a string: for texts that are put together of pieces. */
void json_add_escaped(struct buffer *buffer, struct slice text);

/* A member of an object: key and value. */
static inline void json_write_member_string(struct json_writer *writer, const char *key, struct slice text)
{
    json_write_key(writer, slice_of_text(key));
    json_write_string(writer, text);
}

static inline void json_write_member_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_u64(writer, value);
}

static inline void json_write_member_i64(struct json_writer *writer, const char *key, int64_t value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_i64(writer, value);
}

static inline void json_write_member_f64(struct json_writer *writer, const char *key, double value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_f64(writer, value);
}

static inline void json_write_member_bool(struct json_writer *writer, const char *key, bool value)
{
    json_write_key(writer, slice_of_text(key));
    json_write_bool(writer, value);
}

#endif
