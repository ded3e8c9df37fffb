/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/shared_input.h"

#include "pipeline/outputs.h"
#include "pipeline/shared_regions.h"
#include "pipeline/tensor_wire.h"

enum err shared_input_check(const struct shared_range *range, const struct tensor_spec *spec, const int64_t *dims,
                            struct text *fault)
{
    uint64_t wanted = tensor_wire_bytes_of(spec->type, dims, spec->rank);
    bool is_bytes = spec->type == TENSOR_BYTES;
    if (is_bytes ? range->bytes >= wanted : range->bytes == wanted)
        return ERR_OK;
    text_printf(fault, "Expected %s%llu bytes, as the shape says; got %llu.", is_bytes ? "at least " : "",
                (unsigned long long)wanted, (unsigned long long)range->bytes);
    return ERR_INVALID;
}

/* Elements of BYTES are slices of a copy in the arena. */
static enum err take(const struct tensor_spec *spec, const int64_t *dims, struct slice wire, void *data,
                     struct text *fault)
{
    enum err err = spec->type == TENSOR_BYTES ? tensor_wire_read(spec, dims, wire, data, fault)
                                              : tensor_wire_check(spec->type, wire, fault);
    if (err == ERR_OK)
        return ERR_OK;
    text_add(fault, SLICE_LIT("."));
    return ERR_INVALID;
}

enum err shared_input_read(struct request *request, const struct shared_range *range, const struct tensor_spec *spec,
                           const int64_t *dims, void *data, struct text *fault)
{
    struct shared_region *region;
    if (shared_region_acquire(outputs_regions(request), range, &region, fault) != ERR_OK)
        return ERR_INVALID;
    void *place = spec->type == TENSOR_BYTES ? arena_alloc(&request->arena, range->bytes) : data;
    enum err err = place ? shared_region_read(region, range, place) : ERR_NOMEM;
    shared_region_release(region);
    if (err == ERR_NOMEM)
        return ERR_NOMEM;
    if (err == ERR_OK)
        return take(spec, dims, slice_of(place, range->bytes), data, fault);
    text_printf(fault, "The object behind the region has become shorter than it was.");
    return ERR_INVALID;
}
