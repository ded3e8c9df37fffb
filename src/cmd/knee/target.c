/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/target.h"

#include "cmd/knee/client.h"
#include "lib/base/buffer.h"
#include "lib/json/json.h"
#include "lib/json/number.h"
#include "lib/sys/clock.h"

#include <stdlib.h>

#define FETCH_NS     (10 * NS_PER_S)
#define ELEMENTS_MAX (UINT64_C(1) << 24)
#define HEAD_BYTES   2048
#define DOCUMENT_MAX ((size_t)16 << 20)

/* One input as its metadata say, with its open sizes closed. */
struct input {
    struct slice name;
    struct slice datatype;
    uint64_t dims[KNEE_RANK_MAX];
    uint32_t rank;
    uint64_t elements;
};

/* What elements of a type are made of. */
static const struct {
    const char *name;
    size_t bytes;
    bool is_float;
} types[] = {
    {"FP32", 4, true},    {"FP64", 8, true},    {"FP16", 2, false},  {"BF16", 2, false},  {"INT8", 1, false},
    {"INT16", 2, false},  {"INT32", 4, false},  {"INT64", 8, false}, {"UINT8", 1, false}, {"UINT16", 2, false},
    {"UINT32", 4, false}, {"UINT64", 8, false}, {"BOOL", 1, false},
};

bool knee_shape_parse(const char *word, struct knee_shape *ret_shape)
{
    const char *sizes = strrchr(word, '=');
    if (!sizes || sizes == word)
        return false;
    *ret_shape = (struct knee_shape){.name = slice_of(word, (size_t)(sizes - word))};
    struct slice rest = slice_of_text(sizes + 1);
    while (rest.ptr) {
        if (ret_shape->rank == KNEE_RANK_MAX)
            return false;
        uint64_t *dim = &ret_shape->dims[ret_shape->rank++];
        if (text_parse_u64(slice_cut(&rest, ','), dim) != ERR_OK || *dim > INT32_MAX)
            return false;
    }
    return true;
}

/* --- asking ------------------------------------------------------------------------------------------------------ */

static void write_fields(const struct knee_target *target, struct http1_writer *writer)
{
    char bearer[512];
    struct text value = text_init(bearer, sizeof bearer);
    http1_write_named(writer, SLICE_LIT("Host"), slice_of_text(target->host));
    if (!target->token)
        return;
    text_printf(&value, "Bearer %s", target->token);
    http1_write_named(writer, SLICE_LIT("Authorization"), text_slice(&value));
}

/* The document at a path, in the target's arena. */
static enum err get(const struct knee_target *target, const char *path, yyjson_val **ret_root)
{
    char memory[HEAD_BYTES];
    struct http1_writer writer;
    struct json_document document;
    struct json_fault fault;
    const struct json_limits limits = {.bytes_max = DOCUMENT_MAX, .depth_max = 32};
    char *body;
    size_t bytes;
    int status;
    http1_writer_init(&writer, memory, sizeof memory);
    http1_write_request(&writer, SLICE_LIT("GET"), slice_of_text(path));
    write_fields(target, &writer);
    http1_write_end(&writer);
    if (writer.is_cut || writer.is_refused)
        return ERR_INVALID;
    TRY(knee_fetch(&target->address, slice_of(writer.ptr, writer.len), FETCH_NS, &status, &body, &bytes));
    enum err err = status == 200   ? json_parse(target->arena, slice_of(body, bytes), &limits, &document, &fault)
                   : status == 404 ? ERR_NOT_FOUND
                   : status == 401 || status == 403 ? ERR_DENIED
                                                    : ERR_INVALID;
    free(body);
    if (err == ERR_OK)
        *ret_root = document.root;
    return err;
}

static enum err get_of_model(const struct knee_target *target, const char *tail, yyjson_val **ret_root)
{
    char path[512];
    struct text text = text_init(path, sizeof path);
    text_printf(&text, "/v2/models/%s%s", target->model, tail);
    return text.is_cut ? ERR_LIMIT : get(target, path, ret_root);
}

static bool takes_binary(const struct knee_target *target)
{
    yyjson_val *root, *extension;
    if (target->is_json || get(target, "/v2", &root) != ERR_OK)
        return false;
    yyjson_arr_iter iter = yyjson_arr_iter_with(json_get(root, SLICE_LIT("extensions")));
    while ((extension = yyjson_arr_iter_next(&iter)))
        if (yyjson_equals_str(extension, "binary_tensor_data"))
            return true;
    return false;
}

/* --- inputs ------------------------------------------------------------------------------------------------------ */

static struct slice text_of(yyjson_val *value)
{
    return slice_of(yyjson_get_str(value), yyjson_get_len(value));
}

static int type_of(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_is(name, types[i].name))
            return (int)i;
    return -1;
}

static enum err refuse(const struct knee_target *target, struct slice input, const char *why)
{
    text_printf(target->fault, "the input \"" SLICE_FMT "\" %s", SLICE_ARG(input), why);
    return ERR_UNSUPPORTED;
}

static const struct knee_shape *shape_of(const struct knee_target *target, struct slice name)
{
    for (uint32_t i = 0; i < target->shape_count; i++)
        if (slice_equal(target->shapes[i].name, name))
            return &target->shapes[i];
    return NULL;
}

static enum err read_input(const struct knee_target *target, yyjson_val *value, struct input *input)
{
    yyjson_val *dim;
    *input = (struct input){.name = text_of(json_get(value, SLICE_LIT("name"))),
                            .datatype = text_of(json_get(value, SLICE_LIT("datatype"))),
                            .elements = 1};
    const struct knee_shape *shape = shape_of(target, input->name);
    yyjson_val *dims = json_get(value, SLICE_LIT("shape"));
    if (type_of(input->datatype) < 0)
        return refuse(target, input->name, "is of a type that no request can be made up for");
    if (yyjson_arr_size(dims) > KNEE_RANK_MAX)
        return refuse(target, input->name, "has too many dimensions");
    if (shape && shape->rank != yyjson_arr_size(dims))
        return refuse(target, input->name, "has another number of dimensions than --shape says");
    yyjson_arr_iter iter = yyjson_arr_iter_with(dims);
    while ((dim = yyjson_arr_iter_next(&iter))) {
        int64_t size = yyjson_get_sint(dim);
        uint64_t asked = shape ? shape->dims[input->rank] : 1;
        if (yyjson_is_uint(dim))
            size = (int64_t)yyjson_get_uint(dim);
        input->dims[input->rank] = size >= 0 ? (uint64_t)size : asked;
        input->elements *= input->dims[input->rank++];
        if (input->elements > ELEMENTS_MAX)
            return refuse(target, input->name, "has too many elements");
    }
    return ERR_OK;
}

/* Numbers that repeat from run to run, of three decimals, between -1 and 1. */
static double value_at(uint64_t i)
{
    return (double)((i * 2654435761u >> 8) % 2000) / 1000 - 1;
}

static void add_binary(struct buffer *out, const struct input *input)
{
    int type = type_of(input->datatype);
    for (uint64_t i = 0; i < input->elements; i++) {
        double f64 = value_at(i);
        float f32 = (float)f64;
        uint64_t whole = types[type].bytes < 2 ? i & 1 : 0;
        if (types[type].is_float)
            buffer_add(out, types[type].bytes == 4 ? slice_of(&f32, sizeof f32) : slice_of(&f64, sizeof f64));
        else
            buffer_add(out, slice_of(&whole, types[type].bytes));
    }
}

static void add_values(struct buffer *out, const struct input *input)
{
    int type = type_of(input->datatype);
    bool is_bool = slice_is(input->datatype, "BOOL");
    for (uint64_t i = 0; i < input->elements; i++) {
        if (i)
            buffer_add_byte(out, ',');
        if (types[type].is_float)
            buffer_printf(out, "%.3f", value_at(i));
        else
            buffer_add(out, is_bool ? SLICE_LIT("true") : SLICE_LIT("0"));
    }
}

static void add_head(struct buffer *out, const struct input *input)
{
    buffer_printf(out, "{\"name\":\"" SLICE_FMT "\",\"datatype\":\"" SLICE_FMT "\",\"shape\":[", SLICE_ARG(input->name),
                  SLICE_ARG(input->datatype));
    for (uint32_t d = 0; d < input->rank; d++)
        buffer_printf(out, "%s%llu", d ? "," : "", (unsigned long long)input->dims[d]);
    buffer_add(out, SLICE_LIT("],"));
}

static void add_document(struct buffer *out, const struct input *inputs, uint32_t count, bool is_binary)
{
    buffer_add(out, SLICE_LIT("{\"inputs\":["));
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buffer_add_byte(out, ',');
        add_head(out, &inputs[i]);
        if (is_binary) {
            size_t bytes = types[type_of(inputs[i].datatype)].bytes * (size_t)inputs[i].elements;
            buffer_printf(out, "\"parameters\":{\"binary_data_size\":%zu}}", bytes);
            continue;
        }
        buffer_add(out, SLICE_LIT("\"data\":["));
        add_values(out, &inputs[i]);
        buffer_add(out, SLICE_LIT("]}"));
    }
    buffer_add(out, is_binary ? SLICE_LIT("],\"parameters\":{\"binary_data_output\":true}}") : SLICE_LIT("]}"));
}

static enum err assemble(const struct knee_target *target, struct slice document, struct slice tail, bool is_binary,
                         struct slice *ret_request)
{
    char memory[HEAD_BYTES], path[512], digits[20];
    struct text text = text_init(path, sizeof path);
    struct http1_writer writer;
    text_printf(&text, "/v2/models/%s/infer", target->model);
    http1_writer_init(&writer, memory, sizeof memory);
    http1_write_request(&writer, SLICE_LIT("POST"), text_slice(&text));
    write_fields(target, &writer);
    http1_write_named(&writer, SLICE_LIT("Content-Type"),
                      is_binary ? SLICE_LIT("application/octet-stream") : SLICE_LIT("application/json"));
    if (is_binary)
        http1_write_named(&writer, SLICE_LIT("Inference-Header-Content-Length"),
                          slice_of(digits, text_format_u64(digits, document.len)));
    http1_write_length(&writer, document.len + tail.len);
    http1_write_end(&writer);
    if (writer.is_cut || writer.is_refused)
        return ERR_INVALID;
    struct buffer out = buffer_in_arena(target->arena, writer.len + document.len + tail.len);
    buffer_add(&out, slice_of(writer.ptr, writer.len));
    buffer_add(&out, document);
    buffer_add(&out, tail);
    return buffer_finish(&out, ret_request);
}

static enum err make_request(const struct knee_target *target, const struct input *inputs, uint32_t count,
                             struct slice *ret_request)
{
    bool is_binary = takes_binary(target);
    struct buffer document = buffer_in_arena(target->arena, 0), tail = buffer_in_arena(target->arena, 0);
    struct slice text = {NULL, 0}, bytes = {NULL, 0};
    add_document(&document, inputs, count, is_binary);
    for (uint32_t i = 0; is_binary && i < count; i++)
        add_binary(&tail, &inputs[i]);
    TRY(buffer_finish(&document, &text));
    TRY(buffer_finish(&tail, &bytes));
    return assemble(target, text, bytes, is_binary, ret_request);
}

/* One that is answered with something else than 200 would be no measurement. */
static enum err try_request(const struct knee_target *target, struct slice request)
{
    char *body;
    size_t bytes;
    int status;
    enum err err = knee_fetch(&target->address, request, FETCH_NS, &status, &body, &bytes);
    if (err != ERR_OK) {
        text_printf(target->fault, "the server did not answer a first request: %s", err_text(err));
        return err;
    }
    if (status != 200)
        text_printf(target->fault, "the server answered a first request with %d: %.300s", status, body);
    free(body);
    return status == 200 ? ERR_OK : ERR_INVALID;
}

enum err knee_target_request(const struct knee_target *target, struct slice *ret_request)
{
    yyjson_val *root, *value;
    struct input inputs[KNEE_SHAPES_MAX];
    uint32_t count = 0;
    enum err err = get_of_model(target, "", &root);
    if (err != ERR_OK) {
        text_printf(target->fault, "no metadata of the model \"%s\": %s", target->model, err_text(err));
        return err;
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(json_get(root, SLICE_LIT("inputs")));
    while ((value = yyjson_arr_iter_next(&iter))) {
        if (count == KNEE_SHAPES_MAX)
            return refuse(target, text_of(json_get(value, SLICE_LIT("name"))), "is one too many");
        TRY(read_input(target, value, &inputs[count++]));
    }
    TRY(make_request(target, inputs, count, ret_request));
    return try_request(target, *ret_request);
}

/* --- what the server has counted --------------------------------------------------------------------------------- */

static double member(yyjson_val *object, const char *name)
{
    yyjson_val *value = json_get(object, slice_of_text(name));
    return yyjson_is_num(value) ? yyjson_get_num(value) : 0;
}

/* {"count": …, "ns": …} */
static double sum_ns(yyjson_val *entry, const char *name)
{
    return member(json_get(entry, slice_of_text(name)), "ns");
}

enum err knee_target_sizes(const struct knee_target *target, struct knee_size sizes[KNEE_SIZES_MAX],
                           uint32_t *ret_count)
{
    yyjson_val *root, *entry;
    uint32_t count = 0;
    TRY(get_of_model(target, "/stats", &root));
    yyjson_val *batches =
        json_get(yyjson_arr_get(json_get(root, SLICE_LIT("model_stats")), 0), SLICE_LIT("batch_stats"));
    if (!yyjson_is_arr(batches))
        return ERR_UNSUPPORTED;
    yyjson_arr_iter iter = yyjson_arr_iter_with(batches);
    while ((entry = yyjson_arr_iter_next(&iter)) && count < KNEE_SIZES_MAX) {
        double runs = member(json_get(entry, SLICE_LIT("compute_infer")), "count");
        double ns = sum_ns(entry, "compute_input") + sum_ns(entry, "compute_infer") + sum_ns(entry, "compute_output");
        if (runs > 0)
            sizes[count++] = (struct knee_size){.rows = member(entry, "batch_size"), .ns = ns / runs, .weight = runs};
    }
    *ret_count = count;
    return ERR_OK;
}
