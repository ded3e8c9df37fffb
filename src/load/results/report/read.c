/* SPDX-License-Identifier: Apache-2.0 */
#include "load/results/report/read_int.h"

#include <math.h>
#include <stdlib.h>

#define DEPTH_MAX 32

enum err report_parse(struct slice text, struct arena *arena, yyjson_val **ret_root)
{
    static const char *const objects[] = {"summary", "totals", "plan", "machine"};
    static const char *const arrays[] = {"intervals", "stages", "remarks", "thresholds", "parts"};
    struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = DEPTH_MAX};
    struct json_document document;
    struct json_fault fault;
    enum err err = json_parse(arena, text, &limits, &document, &fault);
    if (err != ERR_OK)
        return err == ERR_NOMEM ? ERR_NOMEM : ERR_SYNTAX;
    yyjson_val *version = json_get(document.root, SLICE_LIT("weir_load"));
    if (!yyjson_is_uint(version) || yyjson_get_uint(version) != 1)
        return ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(objects); i++)
        if (!yyjson_is_obj(json_get(document.root, slice_of_text(objects[i]))))
            return ERR_SYNTAX;
    for (size_t i = 0; i < ARRAY_LEN(arrays); i++)
        if (!yyjson_is_arr(json_get(document.root, slice_of_text(arrays[i]))))
            return ERR_SYNTAX;
    *ret_root = document.root;
    return ERR_OK;
}

static double number(yyjson_val *object, const char *key)
{
    return yyjson_get_num(json_get(object, slice_of_text(key)));
}

static enum err keep_buckets(const struct hdr *hdr, struct arena *arena, struct report_block *block)
{
    uint32_t first = hdr_index(hdr_min_ns(hdr));
    uint32_t end = hdr_count(hdr) ? hdr_index(hdr_max_ns(hdr)) + 1 : first;
    uint32_t used = 0;
    for (uint32_t i = first; i < end; i++)
        used += hdr_place_read(&hdr->buckets[i]) > 0;
    block->buckets = arena_alloc_array(arena, MAX(used, 1), sizeof block->buckets[0]);
    if (!block->buckets)
        return ERR_NOMEM;
    for (uint32_t i = first; i < end; i++)
        if (hdr_place_read(&hdr->buckets[i]))
            block->buckets[block->bucket_count++] = (struct report_bucket){i, hdr_place_read(&hdr->buckets[i])};
    return ERR_OK;
}

/* What comes behind the time that rates are of counts, and takes none: as in the summary. */
static enum err add_interval(yyjson_val *interval, double rated_ns, struct report_block *block, struct hdr *latency)
{
    double begin_ns = number(interval, "begin_ns");
    double end_ns = number(interval, "end_ns");
    if (!(end_ns >= begin_ns))
        return ERR_SYNTAX;
    block->span_s += fmax(fmin(end_ns, rated_ns) - begin_ns, 0) / 1e9;
    block->answered += number(interval, "answered");
    block->failed += number(interval, "failed");
    block->tokens += number(interval, "tokens");
    enum err err = hdr_decode_add(json_text(json_get(interval, SLICE_LIT("latency"))), latency);
    return err == ERR_OK || err == ERR_NOMEM ? err : ERR_SYNTAX;
}

/* Files of before have no rated_ns. */
static double rated_of(yyjson_val *root)
{
    double rated_ns = number(root, "rated_ns");
    double span_ns = number(root, "span_ns");
    return rated_ns > 0 ? rated_ns : span_ns > 0 ? span_ns : INFINITY;
}

static enum err read_blocks(yyjson_val *root, struct arena *arena, struct hdr *latency, struct report_results *results)
{
    yyjson_val *intervals = json_get(root, SLICE_LIT("intervals"));
    double rated_ns = rated_of(root);
    size_t count = yyjson_arr_size(intervals);
    results->block_count = (uint32_t)MIN(count, REPORT_BLOCKS_MAX);
    yyjson_arr_iter iter = yyjson_arr_iter_with(intervals);
    size_t read = 0;
    for (uint32_t i = 0; i < results->block_count; i++) {
        struct report_block *block = &results->blocks[i];
        hdr_reset(latency);
        for (size_t end = count * (i + 1) / results->block_count; read < end; read++)
            TRY(add_interval(yyjson_arr_iter_next(&iter), rated_ns, block, latency));
        TRY(keep_buckets(latency, arena, block));
        results->has_tokens = results->has_tokens || block->tokens > 0;
    }
    return ERR_OK;
}

enum err report_read(yyjson_val *root, struct arena *arena, struct report_results *ret_results)
{
    struct hdr *latency = calloc(1, sizeof *latency);
    if (!latency)
        return ERR_NOMEM;
    *ret_results = (struct report_results){0};
    enum err err = read_blocks(root, arena, latency, ret_results);
    free(latency);
    return err;
}
