/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/tensor_wire.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers go over the wire as they are in memory");

static size_t count_of(const struct tensor *tensor)
{
    return tensor->bytes / sizeof(struct slice);
}

uint64_t tensor_wire_bytes(const struct tensor *tensor)
{
    if (tensor->spec->type != TENSOR_BYTES)
        return tensor->bytes;
    const struct slice *elements = tensor->data;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count_of(tensor); i++)
        bytes += TENSOR_WIRE_LENGTH_BYTES + elements[i].len;
    return bytes;
}

char *tensor_wire_write(char *out, const struct tensor *tensor)
{
    if (tensor->spec->type != TENSOR_BYTES) {
        if (tensor->bytes)
            memcpy(out, tensor->data, tensor->bytes);
        return out + tensor->bytes;
    }
    const struct slice *elements = tensor->data;
    for (size_t i = 0; i < count_of(tensor); i++) {
        uint32_t length = (uint32_t)elements[i].len;
        memcpy(out, &length, sizeof length);
        out = slice_put(out + sizeof length, elements[i]);
    }
    return out;
}

enum err tensor_wire_split(struct slice wire, struct slice *elements, size_t count, struct text *fault)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t length;
        if (wire.len < sizeof length) {
            text_printf(fault, "Element %zu of %zu lacks its length: %zu bytes are left", i, count, wire.len);
            return ERR_MISMATCH;
        }
        memcpy(&length, wire.ptr, sizeof length);
        wire = slice_skip(wire, sizeof length);
        if (wire.len < length) {
            text_printf(fault, "Element %zu of %zu has %u bytes by its length; %zu are left", i, count, length,
                        wire.len);
            return ERR_MISMATCH;
        }
        elements[i] = slice_first(wire, length);
        wire = slice_skip(wire, length);
    }
    if (wire.len) {
        text_printf(fault, "%zu bytes are left behind the %zu elements of the shape", wire.len, count);
        return ERR_MISMATCH;
    }
    return ERR_OK;
}

uint64_t tensor_wire_bytes_of(enum tensor_type type, const int64_t *dims, uint32_t rank)
{
    uint64_t element_bytes = type == TENSOR_BYTES ? TENSOR_WIRE_LENGTH_BYTES : tensor_type_bytes(type);
    return (uint64_t)tensor_elements(dims, rank) * element_bytes;
}

enum err tensor_wire_check(enum tensor_type type, struct slice wire, struct text *fault)
{
    for (size_t i = 0; type == TENSOR_BOOL && i < wire.len; i++)
        if ((unsigned char)wire.ptr[i] > 1) {
            text_printf(fault, "Element %zu is %u; a BOOL is 0 or 1", i, (unsigned char)wire.ptr[i]);
            return ERR_MISMATCH;
        }
    return ERR_OK;
}

enum err tensor_wire_read(const struct tensor_spec *spec, const int64_t *dims, struct slice wire, void *data,
                          struct text *fault)
{
    uint64_t bytes = tensor_wire_bytes_of(spec->type, dims, spec->rank);
    if (spec->type == TENSOR_BYTES)
        return tensor_wire_split(wire, data, (size_t)tensor_elements(dims, spec->rank), fault);
    if (wire.len != bytes) {
        text_printf(fault, "Expected %llu bytes, as the shape says; got %zu", (unsigned long long)bytes, wire.len);
        return ERR_MISMATCH;
    }
    TRY(tensor_wire_check(spec->type, wire, fault));
    if (wire.len)
        memcpy(data, wire.ptr, wire.len);
    return ERR_OK;
}
