/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes are those of the encoding guide's examples where it has one. */
#include "lib/protobuf/protobuf.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static enum err next_of(const char *bytes, size_t len, struct protobuf_field *ret_field)
{
    struct slice rest = slice_of(bytes, len);
    return protobuf_next(&rest, ret_field);
}
#define NEXT(literal, ret_field) next_of(literal, sizeof(literal) - 1, ret_field)

static void reads_each_wire_type(void **state)
{
    (void)state;
    struct protobuf_field field;
    struct slice rest = SLICE_LIT("\x08\x96\x01"
                                  "\x12\x07testing"
                                  "\x1d\0\0\x80\x3f"
                                  "\x21\x01\0\0\0\0\0\0\x80");
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_int_equal(field.number, 1);
    assert_int_equal(field.wire, PROTOBUF_VARINT);
    assert_int_equal(field.value, 150);
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_int_equal(field.number, 2);
    assert_true(slice_is(field.bytes, "testing"));
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_int_equal(field.wire, PROTOBUF_FIXED32);
    assert_int_equal(field.value, 0x3f800000);
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_int_equal(field.wire, PROTOBUF_FIXED64);
    assert_true(field.value == 0x8000000000000001U);
    assert_int_equal(protobuf_next(&rest, &field), ERR_EOF);
}

static void takes_varints_of_up_to_64_bits(void **state)
{
    (void)state;
    uint64_t value;
    struct slice most = SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    struct slice padded = SLICE_LIT("\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00");
    struct slice beyond = SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
    struct slice endless = SLICE_LIT("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01");
    struct slice cut = SLICE_LIT("\x80\x80");
    assert_int_equal(protobuf_varint(&most, &value), ERR_OK);
    assert_true(value == UINT64_MAX && most.len == 0);
    assert_int_equal(protobuf_varint(&padded, &value), ERR_OK);
    assert_true(value == 1 && padded.len == 0);
    assert_int_equal(protobuf_varint(&beyond, &value), ERR_SYNTAX);
    assert_int_equal(protobuf_varint(&endless, &value), ERR_SYNTAX);
    assert_int_equal(protobuf_varint(&cut, &value), ERR_TRUNCATED);
}

static void refuses_what_is_no_field(void **state)
{
    (void)state;
    struct protobuf_field field;
    assert_int_equal(NEXT("\x00\x01", &field), ERR_SYNTAX);                 /* number 0 */
    assert_int_equal(NEXT("\x80\x80\x80\x80\x10\x01", &field), ERR_SYNTAX); /* number 2^29 */
    assert_int_equal(NEXT("\x0e\x01", &field), ERR_SYNTAX);                 /* wire type 6 */
    assert_int_equal(NEXT("\x0c", &field), ERR_SYNTAX);                     /* the end of no group */
    assert_int_equal(NEXT("\x0a\x05nine", &field), ERR_TRUNCATED);          /* length */
    assert_int_equal(NEXT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &field), ERR_TRUNCATED);
    assert_int_equal(NEXT("\x09\x01\x02\x03", &field), ERR_TRUNCATED);
    assert_int_equal(NEXT("\x08", &field), ERR_TRUNCATED);
}

static void skips_groups_in_groups(void **state)
{
    (void)state;
    struct protobuf_field field;
    assert_int_equal(NEXT("\x0b\x13\x08\x01\x14\x0c\x18\x07", &field), ERR_OK);
    assert_int_equal(field.number, 3);
    assert_int_equal(field.value, 7);
    assert_int_equal(NEXT("\x0b\x0c", &field), ERR_EOF);
    assert_int_equal(NEXT("\x0b\x13\x0c\x14", &field), ERR_SYNTAX); /* crossed */
    assert_int_equal(NEXT("\x0b\x08\x01", &field), ERR_TRUNCATED);  /* not ended */
    char deep[PROTOBUF_GROUPS_MAX + 1];
    memset(deep, 0x0b, sizeof deep);
    assert_int_equal(next_of(deep, sizeof deep, &field), ERR_LIMIT);
}

static void demands_utf8_of_strings_and_not_of_bytes(void **state)
{
    (void)state;
    struct protobuf_field field;
    struct slice text;
    assert_int_equal(NEXT("\x0a\x02\xc3\xa9", &field), ERR_OK);
    assert_true(protobuf_string(&field, &text));
    assert_int_equal(NEXT("\x0a\x02\xc0\x80", &field), ERR_OK);
    assert_false(protobuf_string(&field, &text));
    assert_true(protobuf_bytes(&field, &text));
    assert_int_equal(NEXT("\x08\x02", &field), ERR_OK);
    assert_false(protobuf_string(&field, &text));
    assert_false(protobuf_bytes(&field, &text));
}

static void writes_a_text_that_was_cut_as_utf8(void **state)
{
    (void)state;
    char memory[32];
    struct buffer out = buffer_in_memory(memory, sizeof memory);
    struct slice written;
    protobuf_write_text(&out, 1, slice_of("a\xc3\xa9\xc3", 4));
    assert_int_equal(buffer_finish(&out, &written), ERR_OK);
    struct protobuf_field field;
    struct slice text;
    assert_int_equal(protobuf_next(&written, &field), ERR_OK);
    assert_true(protobuf_string(&field, &text));
    assert_true(slice_equal(text, SLICE_LIT("a\xc3\xa9\xef\xbf\xbd")));
    assert_int_equal(written.len, 0);
}

static void takes_repeated_numbers_packed_and_single(void **state)
{
    (void)state;
    struct protobuf_field field;
    struct protobuf_elements elements;
    assert_int_equal(NEXT("\x32\x06\x03\x8e\x02\x9e\xa7\x05", &field), ERR_OK);
    assert_int_equal(protobuf_repeated(&field, PROTOBUF_ELEMENT_VARINT, &elements), ERR_OK);
    assert_int_equal(elements.count, 3);
    assert_int_equal(protobuf_repeated(&field, PROTOBUF_ELEMENT_4, &elements), ERR_SYNTAX);
    assert_int_equal(NEXT("\x30\x8e\x02", &field), ERR_OK);
    assert_int_equal(protobuf_repeated(&field, PROTOBUF_ELEMENT_VARINT, &elements), ERR_OK);
    assert_true(elements.count == 1 && elements.value == 270 && elements.bytes.len == 0);
    assert_int_equal(protobuf_repeated(&field, PROTOBUF_ELEMENT_4, &elements), ERR_SYNTAX);
    assert_int_equal(NEXT("\x35\0\0\x80\x3f", &field), ERR_OK);
    assert_int_equal(protobuf_repeated(&field, PROTOBUF_ELEMENT_4, &elements), ERR_OK);
    assert_true(elements.count == 1 && slice_equal(elements.bytes, SLICE_LIT("\0\0\x80\x3f")));
    assert_int_equal(protobuf_repeated(&field, PROTOBUF_ELEMENT_8, &elements), ERR_SYNTAX);
}

static void makes_room_for_lengths_of_long_messages(void **state)
{
    (void)state;
    for (size_t len = 0; len < 40000; len = len < 300 ? len + 1 : len * 3) {
        char memory[90000];
        static char long_text[90000];
        struct buffer out = buffer_in_memory(memory, sizeof memory);
        size_t outer = protobuf_message_begin(&out, 1);
        size_t inner = protobuf_message_begin(&out, 2);
        protobuf_write_bytes(&out, 3, slice_of(long_text, len));
        protobuf_message_end(&out, inner);
        protobuf_write_u64(&out, 4, len);
        protobuf_message_end(&out, outer);
        protobuf_write_u64(&out, 5, 5);
        struct slice rest;
        struct protobuf_field field;
        assert_int_equal(buffer_finish(&out, &rest), ERR_OK);
        assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
        struct slice message = field.bytes;
        assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
        assert_int_equal(field.value, 5);
        assert_int_equal(protobuf_next(&rest, &field), ERR_EOF);
        assert_int_equal(protobuf_next(&message, &field), ERR_OK);
        struct slice within = field.bytes;
        assert_int_equal(protobuf_next(&message, &field), ERR_OK);
        assert_true(field.number == 4 && field.value == len);
        assert_int_equal(protobuf_next(&within, &field), ERR_OK);
        assert_true(field.number == 3 && field.bytes.len == len && within.len == 0);
    }
}

static void writes_nothing_beyond_the_memory_it_has(void **state)
{
    (void)state;
    for (size_t room = 0; room < 24; room++) {
        char memory[24];
        memset(memory, 0x55, sizeof memory);
        struct buffer out = buffer_in_memory(memory, room);
        size_t message = protobuf_message_begin(&out, 1);
        protobuf_write_text(&out, 2, SLICE_LIT("a text of 18 bytes"));
        protobuf_message_end(&out, message);
        struct slice written;
        assert_int_equal(buffer_finish(&out, &written), room < 22 ? ERR_LIMIT : ERR_OK);
        for (size_t i = room; i < sizeof memory; i++)
            assert_int_equal(memory[i], 0x55);
    }
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    char memory[256];
    struct buffer out = buffer_in_memory(memory, sizeof memory);
    const int64_t shape[] = {-1, 3, 48, 192};
    struct protobuf_field field;
    struct protobuf_elements elements;
    int64_t whole;
    double real;
    bool is_set;
    protobuf_write_i64(&out, 1, INT64_MIN);
    protobuf_write_f64(&out, 2, -0.5);
    protobuf_write_f32(&out, 3, 1.0f);
    protobuf_write_i64_packed(&out, PROTOBUF_NUMBER_MAX, shape, ARRAY_LEN(shape));
    protobuf_write_i64_packed(&out, 9, shape, 0);
    protobuf_write_text(&out, 9, SLICE_LIT(""));
    protobuf_write_u64(&out, 4, 2);
    struct slice rest = slice_of(out.ptr, out.len);
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_true(protobuf_i64(&field, &whole) && whole == INT64_MIN);
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_true(protobuf_f64(&field, &real) && real == -0.5);
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_int_equal(field.value, 0x3f800000);
    assert_false(protobuf_f64(&field, &real));
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_int_equal(field.number, PROTOBUF_NUMBER_MAX);
    assert_int_equal(protobuf_repeated(&field, PROTOBUF_ELEMENT_VARINT, &elements), ERR_OK);
    assert_int_equal(elements.count, 4);
    uint64_t dim;
    assert_int_equal(protobuf_varint(&elements.bytes, &dim), ERR_OK);
    assert_true((int64_t)dim == -1);
    assert_int_equal(protobuf_next(&rest, &field), ERR_OK);
    assert_true(protobuf_bool(&field, &is_set) && is_set);
    assert_int_equal(protobuf_next(&rest, &field), ERR_EOF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_wire_type),
        cmocka_unit_test(takes_varints_of_up_to_64_bits),
        cmocka_unit_test(refuses_what_is_no_field),
        cmocka_unit_test(skips_groups_in_groups),
        cmocka_unit_test(demands_utf8_of_strings_and_not_of_bytes),
        cmocka_unit_test(writes_a_text_that_was_cut_as_utf8),
        cmocka_unit_test(takes_repeated_numbers_packed_and_single),
        cmocka_unit_test(makes_room_for_lengths_of_long_messages),
        cmocka_unit_test(writes_nothing_beyond_the_memory_it_has),
        cmocka_unit_test(reads_back_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
