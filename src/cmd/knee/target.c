/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/target.h"

#include "lib/base/buffer.h"
#include "lib/json/json.h"
#include "lib/json/number.h"
#include "lib/sys/clock.h"
#include "load/fetch.h"

#include <stdlib.h>

#define FETCH_NS     (10 * NS_PER_S)
#define ELEMENTS_MAX (UINT64_C(1) << 24)
#define BODY_MAX     ((size_t)256 << 20)
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

static enum err add_field(const struct knee_target *target, struct load_request *request, struct slice name,
                          struct slice value)
{
    if (!request->fields)
        request->fields = arena_alloc_array(target->arena, KNEE_FIELDS_MAX, sizeof request->fields[0]);
    if (!request->fields || !value.ptr)
        return ERR_NOMEM;
    ASSERT(request->field_count < KNEE_FIELDS_MAX, "a request of ours has few fields");
    ((struct http2_field *)(uintptr_t)request->fields)[request->field_count++] = (struct http2_field){name, value};
    return ERR_OK;
}

static enum err begin_request(const struct knee_target *target, const char *method, const char *path,
                              struct load_request *ret_request)
{
    *ret_request =
        (struct load_request){.method = slice_of_text(method), .path = arena_copy(target->arena, slice_of_text(path))};
    if (!ret_request->path.ptr)
        return ERR_NOMEM;
    if (!target->token)
        return ERR_OK;
    return add_field(target, ret_request, SLICE_LIT("Authorization"),
                     arena_printf(target->arena, "Bearer %s", target->token));
}

static enum err err_of(enum load_failure failure)
{
    switch (failure) {
    case LOAD_FAILURE_NONE:
        return ERR_OK;
    case LOAD_FAILURE_TIMEOUT:
        return ERR_TIMEOUT;
    case LOAD_FAILURE_PROTOCOL:
        return ERR_SYNTAX;
    case LOAD_FAILURE_TOO_LARGE:
        return ERR_LIMIT;
    case LOAD_FAILURE_LOCAL:
        return ERR_NOMEM;
    default:
        return ERR_CLOSED;
    }
}

/* The answer stands in the target's arena. */
static enum err ask(const struct knee_target *target, const struct load_request *request, int *ret_status,
                    struct slice *ret_body)
{
    const struct load_target to = {
        .authority = slice_of_text(target->host), .addresses[0] = target->address, .address_count = 1};
    const struct load_plan plan = {.targets = &to, .target_count = 1};
    struct load_fetch fetch = {
        .request = request, .target = &to, .timeout_ns = FETCH_NS, .arena = target->arena, .body_bytes_max = BODY_MAX};
    struct loop loop;
    struct load_wire *wire;
    TRY(loop_init(&loop));
    enum err err = load_wire_create(&plan, &loop, &wire);
    if (err == ERR_OK) {
        err = err_of(load_fetch(&fetch, wire));
        load_wire_destroy(wire);
    }
    loop_deinit(&loop);
    *ret_status = fetch.head.status;
    *ret_body = fetch.body;
    return err;
}

/* The document at a path, in the target's arena. */
static enum err get(const struct knee_target *target, const char *path, yyjson_val **ret_root)
{
    struct load_request request;
    struct json_document document;
    struct json_fault fault;
    const struct json_limits limits = {.bytes_max = DOCUMENT_MAX, .depth_max = 32};
    struct slice body;
    int status;
    TRY(begin_request(target, "GET", path, &request));
    TRY(ask(target, &request, &status, &body));
    if (status != 200)
        return status == 404 ? ERR_NOT_FOUND : status == 401 || status == 403 ? ERR_DENIED : ERR_INVALID;
    TRY(json_parse(target->arena, body, &limits, &document, &fault));
    *ret_root = document.root;
    return ERR_OK;
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

static enum err make_request(const struct knee_target *target, const struct input *inputs, uint32_t count,
                             struct load_request *ret_request)
{
    char path[512];
    struct text text = text_init(path, sizeof path);
    bool is_binary = takes_binary(target);
    struct buffer body = buffer_in_arena(target->arena, 0);
    add_document(&body, inputs, count, is_binary);
    size_t document_bytes = body.len;
    for (uint32_t i = 0; is_binary && i < count; i++)
        add_binary(&body, &inputs[i]);
    text_printf(&text, "/v2/models/%s/infer", target->model);
    if (text.is_cut)
        return ERR_LIMIT;
    TRY(begin_request(target, "POST", path, ret_request));
    TRY(add_field(target, ret_request, SLICE_LIT("Content-Type"),
                  is_binary ? SLICE_LIT("application/octet-stream") : SLICE_LIT("application/json")));
    if (is_binary)
        TRY(add_field(target, ret_request, SLICE_LIT("Inference-Header-Content-Length"),
                      arena_printf(target->arena, "%zu", document_bytes)));
    return buffer_finish(&body, &ret_request->body);
}

/* One that is answered with something else than 200 would be no measurement. */
static enum err try_request(const struct knee_target *target, const struct load_request *request)
{
    struct slice body;
    int status;
    enum err err = ask(target, request, &status, &body);
    if (err != ERR_OK) {
        text_printf(target->fault, "the server did not answer a first request: %s", err_text(err));
        return err;
    }
    if (status == 200)
        return ERR_OK;
    text_printf(target->fault, "the server answered a first request with %d: " SLICE_FMT, status,
                SLICE_ARG(slice_first(body, 300)));
    return ERR_INVALID;
}

enum err knee_target_request(const struct knee_target *target, struct load_request *ret_request)
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
    return try_request(target, ret_request);
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
