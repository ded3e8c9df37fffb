/* SPDX-License-Identifier: Apache-2.0 */
/* What receivers get: the path of a group, and messages of remote write taken apart again. */
#include "load/export/push_int.h"

#include "lib/protobuf/protobuf.h"
#include "unit/load/export/fake.h"

static struct slice path_of(struct load_export_options options)
{
    struct slice path;
    assert_int_equal(export_gateway_path(&options, &arena, &path), ERR_OK);
    return arena_copy(&arena, path);
}

static void names_the_group_in_the_path(void **state)
{
    (void)state;
    const struct load_export_pair labels[] = {{SLICE_LIT("host"), SLICE_LIT("a-1.example")},
                                              {SLICE_LIT("path"), SLICE_LIT("/var/tmp")},
                                              {SLICE_LIT("none"), {NULL, 0}}};
    assert_string_equal(path_of((struct load_export_options){0}).ptr, "/metrics/job/weir_load");
    assert_string_equal(
        path_of((struct load_export_options){.job = SLICE_LIT("nightly"), .labels = labels, .label_count = 3}).ptr,
        "/metrics/job/nightly/host/a-1.example/path@base64/L3Zhci90bXA=/none@base64/=");
    assert_string_equal(path_of((struct load_export_options){.job = SLICE_LIT("..")}).ptr, "/metrics/job@base64/Li4=");
    assert_string_equal(path_of((struct load_export_options){.job = SLICE_LIT("a b\xff\xfe")}).ptr,
                        "/metrics/job@base64/YSBi__4=");
}

/* Only literals, as we write them, but in every form the format has for their length. */
static struct slice unpack(struct slice packed)
{
    uint64_t bytes;
    assert_int_equal(protobuf_varint(&packed, &bytes), ERR_OK);
    struct buffer out = buffer_in_arena(&arena, bytes + 1);
    while (packed.len) {
        unsigned tag = (unsigned char)packed.ptr[0];
        assert_int_equal(tag & 3, 0);
        size_t len = tag >> 2;
        size_t more = len >= 60 ? len - 59 : 0;
        packed = slice_skip(packed, 1);
        if (more) {
            len = 0;
            for (size_t i = 0; i < more; i++)
                len |= (size_t)(unsigned char)packed.ptr[i] << 8 * i;
        }
        packed = slice_skip(packed, more);
        buffer_add(&out, slice_first(packed, len + 1));
        packed = slice_skip(packed, len + 1);
    }
    struct slice whole;
    assert_int_equal(buffer_finish(&out, &whole), ERR_OK);
    assert_int_equal(whole.len, bytes);
    return whole;
}

struct sample {
    struct slice labels; /* "a=1,b=2," */
    double value;
    int64_t timestamp;
};

static struct sample read_series(struct slice series)
{
    struct sample sample = {0};
    struct buffer labels = buffer_in_arena(&arena, 256);
    struct slice last = {NULL, 0};
    struct protobuf_field field;
    while (protobuf_next(&series, &field) == ERR_OK) {
        struct slice rest = field.bytes;
        struct protobuf_field part;
        while (field.number == 1 && protobuf_next(&rest, &part) == ERR_OK) {
            if (part.number == 1) {
                /* In order, and none twice. */
                assert_true(!last.ptr || memcmp(last.ptr, part.bytes.ptr, MIN(last.len, part.bytes.len)) < 0 ||
                            last.len < part.bytes.len);
                last = part.bytes;
            }
            buffer_add(&labels, part.bytes);
            buffer_add_byte(&labels, part.number == 1 ? '=' : ',');
        }
        while (field.number == 2 && protobuf_next(&rest, &part) == ERR_OK) {
            if (part.number == 1)
                assert_true(protobuf_f64(&part, &sample.value));
            else
                assert_true(protobuf_i64(&part, &sample.timestamp));
        }
    }
    assert_int_equal(buffer_finish(&labels, &sample.labels), ERR_OK);
    return sample;
}

static void expect(struct slice message, const char *labels, double value)
{
    struct protobuf_field field;
    while (protobuf_next(&message, &field) == ERR_OK) {
        struct sample sample = read_series(field.bytes);
        assert_int_equal(field.number, 1);
        assert_int_equal(sample.timestamp, 1700000000123);
        if (!slice_is(sample.labels, labels))
            continue;
        assert_float_equal(sample.value, value, 1e-9);
        return;
    }
    fail_msg("no series %s", labels);
}

static void writes_series_with_labels_in_order(void **state)
{
    (void)state;
    const struct load_export_pair labels[] = {{SLICE_LIT("zone"), SLICE_LIT("b")},
                                              {SLICE_LIT("instance"), SLICE_LIT("me")}};
    struct load_export_options options = {.job = SLICE_LIT("nightly"), .labels = labels, .label_count = 2};
    struct slice body;
    assert_int_equal(export_remote_write(&options, fake_figures, 1700000000123, &arena, &body), ERR_OK);
    struct slice message = unpack(body);
    expect(message, "__name__=weir_load_users,instance=me,job=nightly,zone=b,", 8);
    expect(message,
           "__name__=weir_load_requests_total,instance=me,job=nightly,outcome=ok,scenario=visit,step=log in,zone=b,",
           100);
    expect(
        message,
        "__name__=weir_load_latency_seconds_bucket,instance=me,job=nightly,le=0.02,scenario=visit,step=log in,zone=b,",
        20);
    expect(
        message,
        "__name__=weir_load_latency_seconds_bucket,instance=me,job=nightly,le=+Inf,scenario=visit,step=log in,zone=b,",
        100);
    expect(message, "__name__=weir_load_latency_seconds_sum,instance=me,job=nightly,scenario=visit,step=log in,zone=b,",
           5.05);
    expect(message, "__name__=weir_load_test_info,instance=me,job=nightly,test=fake,version=0.1.0,zone=b,", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_the_group_in_the_path, fake_make, fake_drop),
        cmocka_unit_test_setup_teardown(writes_series_with_labels_in_order, fake_make, fake_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
