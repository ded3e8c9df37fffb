/* SPDX-License-Identifier: Apache-2.0 */
/* The system shared memory extension. That for memory of GPUs is answered for clients that ask before they start: nothing is
 * registered there, and nothing can be. */
#include "pipeline/grpc/calls_int.h"
#include "pipeline/shared_regions.h"

#define FAULT_BYTES 300

/* Fields of grpc_service.proto; the entries of the map are regions under their names. */
enum { REGION_NAME = 1, REGION_KEY, REGION_OFFSET, REGION_BYTES };
enum { STATUS_REGIONS = 1, ENTRY_KEY = 1, ENTRY_VALUE };

static enum verdict refuse_region(struct request *request, struct slice name)
{
    return request_fail(request, PROBLEM_REGION_NOT_FOUND,
                        "No region \"" SLICE_FMT "\" of shared memory is registered.",
                        SLICE_ARG(slice_first(name, 100)));
}

static enum verdict read_region(struct request *request, struct slice message, const char *message_name,
                                struct shared_region_view *ret_view)
{
    struct shared_region_view view = {.name = {"", 0}, .key = {"", 0}};
    struct protobuf_field field;
    enum err err;
    while ((err = protobuf_next(&message, &field)) == ERR_OK) {
        bool is_right = true;
        if (field.number == REGION_NAME)
            is_right = protobuf_string(&field, &view.name);
        else if (field.number == REGION_KEY)
            is_right = protobuf_string(&field, &view.key);
        else if (field.number == REGION_OFFSET)
            is_right = protobuf_u64(&field, &view.offset);
        else if (field.number == REGION_BYTES)
            is_right = protobuf_u64(&field, &view.bytes);
        if (!is_right)
            return grpc_refuse_message(request, message_name);
    }
    if (err != ERR_EOF)
        return grpc_refuse_message(request, message_name);
    *ret_view = view;
    return VERDICT_NEXT;
}

static void write_region(struct buffer *out, const struct shared_region_view *view)
{
    size_t entry = protobuf_message_begin(out, STATUS_REGIONS);
    protobuf_write_text(out, ENTRY_KEY, view->name);
    size_t region = protobuf_message_begin(out, ENTRY_VALUE);
    protobuf_write_text(out, REGION_NAME, view->name);
    protobuf_write_text(out, REGION_KEY, view->key);
    if (view->offset)
        protobuf_write_u64(out, REGION_OFFSET, view->offset);
    protobuf_write_u64(out, REGION_BYTES, view->bytes);
    protobuf_message_end(out, region);
    protobuf_message_end(out, entry);
}

enum verdict call_shared_status(struct request *request, struct slice message, struct buffer *out)
{
    struct shared_regions *regions = request->worker->ports->shared_regions;
    struct shared_region_view asked;
    struct shared_region_view view;
    bool is_found = false;
    if (read_region(request, message, "SystemSharedMemoryStatusRequest", &asked) == VERDICT_FAIL)
        return VERDICT_FAIL;
    for (uint32_t i = 0; regions && shared_regions_next(regions, &i, &request->arena, &view);)
        if (!asked.name.len || slice_equal(view.name, asked.name)) {
            write_region(out, &view);
            is_found = true;
        }
    return asked.name.len && !is_found ? refuse_region(request, asked.name) : VERDICT_NEXT;
}

enum verdict call_shared_register(struct request *request, struct slice message, struct buffer *out)
{
    (void)out;
    struct shared_regions *regions = request->worker->ports->shared_regions;
    struct shared_region_view view;
    char why[FAULT_BYTES];
    struct text fault = text_init(why, sizeof why);
    if (!regions || !request->config->shared_memory.is_allowed)
        return request_fail(request, PROBLEM_NOT_ENABLED,
                            "Shared memory is not turned on (shared_memory in the server's configuration).");
    if (read_region(request, message, "SystemSharedMemoryRegisterRequest", &view) == VERDICT_FAIL)
        return VERDICT_FAIL;
    enum err err = shared_regions_register(regions, &request->config->shared_memory, &view, &fault);
    return err == ERR_OK ? VERDICT_NEXT : request_fail(request, shared_regions_problem(err), "%s", why);
}

/* What is not there need not be forgotten: clients begin with this, to be sure. */
enum verdict call_shared_unregister(struct request *request, struct slice message, struct buffer *out)
{
    (void)out;
    struct shared_regions *regions = request->worker->ports->shared_regions;
    struct shared_region_view view;
    if (read_region(request, message, "SystemSharedMemoryUnregisterRequest", &view) == VERDICT_FAIL)
        return VERDICT_FAIL;
    if (regions)
        shared_regions_unregister(regions, view.name);
    return VERDICT_NEXT;
}

enum verdict call_cuda_status(struct request *request, struct slice message, struct buffer *out)
{
    (void)out;
    struct model_key key;
    if (call_read_model(request, message, "CudaSharedMemoryStatusRequest", &key) == VERDICT_FAIL)
        return VERDICT_FAIL;
    return key.name.len ? refuse_region(request, key.name) : VERDICT_NEXT;
}

enum verdict call_cuda_register(struct request *request, struct slice message, struct buffer *out)
{
    (void)message;
    (void)out;
    return request_fail(request, PROBLEM_NOT_IMPLEMENTED,
                        "Tensors in memory of a GPU are not taken; send them raw, or by system shared memory.");
}

enum verdict call_cuda_unregister(struct request *request, struct slice message, struct buffer *out)
{
    (void)request;
    (void)message;
    (void)out;
    return VERDICT_NEXT;
}
