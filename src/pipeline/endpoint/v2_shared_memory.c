/* SPDX-License-Identifier: Apache-2.0 */
/* The system shared memory extension of the Open Inference Protocol v2: clients on the same machine register objects of shared
 * memory and tell by name where tensors are. The one for memory of GPUs is answered for clients that ask before they start: there
 * is none registered, and none can be. */
#include "lib/base/utf8.h"
#include "lib/http/url.h"
#include "lib/json/writer.h"
#include "pipeline/body_json.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/shared_regions.h"

#define STATUS_BYTES 512
#define FAULT_BYTES  300

static enum verdict answer_nothing(struct request *request)
{
    response_set(request, 200, "application/json", SLICE_LIT("{}"));
    return VERDICT_NEXT;
}

static void write_region(struct json_writer *writer, const struct shared_region_view *view)
{
    json_write_object_begin(writer);
    json_write_member_string(writer, "name", view->name);
    json_write_member_string(writer, "key", view->key);
    json_write_member_u64(writer, "offset", view->offset);
    json_write_member_u64(writer, "byte_size", view->bytes);
    json_write_object_end(writer);
}

/* Clients write the name into the path as any text, with escapes, and elsewhere as it is. {NULL, 0}: the path has none. */
static struct slice region_of(struct request *request)
{
    struct slice name = route_param(&request->match, "region");
    char *memory = name.len ? arena_alloc(&request->arena, name.len) : NULL;
    struct slice plain;
    bool is_text = memory && url_percent_decode(name, false, memory, &plain) == ERR_OK && utf8_is_valid(plain);
    return is_text ? plain : name;
}

static enum verdict refuse_region(struct request *request, struct slice name)
{
    return request_fail(request, PROBLEM_REGION_NOT_FOUND,
                        "No region \"" SLICE_FMT "\" of shared memory is registered.",
                        SLICE_ARG(slice_first(name, 100)));
}

enum verdict endpoint_v2_shared_status(struct request *request)
{
    struct shared_regions *regions = request->worker->ports->shared_regions;
    struct slice name = region_of(request);
    struct json_writer writer = json_writer_in_arena(&request->arena, STATUS_BYTES);
    struct shared_region_view view;
    bool is_found = false;
    json_write_array_begin(&writer);
    for (uint32_t i = 0; regions && shared_regions_next(regions, &i, &request->arena, &view);)
        if (!name.ptr || slice_equal(view.name, name)) {
            write_region(&writer, &view);
            is_found = true;
        }
    json_write_array_end(&writer);
    if (name.ptr && !is_found)
        return refuse_region(request, name);
    return endpoint_answer(request, 200, &writer);
}

/* A member that is a whole number; 0 where it may be missing and is. */
static bool read_number(yyjson_val *root, struct slice name, bool is_required, uint64_t *ret_number)
{
    yyjson_val *value = json_get(root, name);
    *ret_number = yyjson_get_uint(value);
    return yyjson_is_uint(value) || (!value && !is_required);
}

static enum verdict read_view(struct request *request, struct shared_region_view *ret_view)
{
    yyjson_val *root = NULL;
    enum verdict verdict = body_json(request, &root);
    if (verdict != VERDICT_NEXT)
        return verdict;
    struct shared_region_view view = {.name = region_of(request), .key = json_text(json_get(root, SLICE_LIT("key")))};
    if (!view.key.ptr)
        return request_fail(request, PROBLEM_BAD_REQUEST, "/key: Expected the name of a shared memory object, got %s.",
                            json_kind(json_get(root, SLICE_LIT("key"))));
    if (!read_number(root, SLICE_LIT("offset"), false, &view.offset))
        return request_fail(request, PROBLEM_BAD_REQUEST, "/offset: Expected a whole number from 0.");
    if (!read_number(root, SLICE_LIT("byte_size"), true, &view.bytes))
        return request_fail(request, PROBLEM_BAD_REQUEST, "/byte_size: Expected a whole number from 0.");
    *ret_view = view;
    return VERDICT_NEXT;
}

enum verdict endpoint_v2_shared_register(struct request *request)
{
    struct shared_regions *regions = request->worker->ports->shared_regions;
    struct shared_region_view view;
    char why[FAULT_BYTES];
    struct text fault = text_init(why, sizeof why);
    if (!regions || !request->config->shared_memory.is_allowed)
        return request_fail(request, PROBLEM_NOT_ENABLED,
                            "Shared memory is not turned on (shared_memory in the server's configuration).");
    if (read_view(request, &view) == VERDICT_FAIL)
        return VERDICT_FAIL;
    enum err err = shared_regions_register(regions, &request->config->shared_memory, &view, &fault);
    if (err == ERR_OK)
        return answer_nothing(request);
    return request_fail(request, shared_regions_problem(err), "%s", why);
}

/* What is not there need not be forgotten: clients begin with this, to be sure. */
enum verdict endpoint_v2_shared_unregister(struct request *request)
{
    struct shared_regions *regions = request->worker->ports->shared_regions;
    if (regions)
        shared_regions_unregister(regions, region_of(request));
    return answer_nothing(request);
}

enum verdict endpoint_v2_cuda_status(struct request *request)
{
    struct slice name = region_of(request);
    if (name.ptr)
        return refuse_region(request, name);
    response_set(request, 200, "application/json", SLICE_LIT("[]"));
    return VERDICT_NEXT;
}

enum verdict endpoint_v2_cuda_register(struct request *request)
{
    return request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                        "Tensors in memory of a GPU are not taken; send them in binary, or by system shared memory.");
}

enum verdict endpoint_v2_cuda_unregister(struct request *request)
{
    return answer_nothing(request);
}
