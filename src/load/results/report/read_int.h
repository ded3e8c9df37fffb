/* SPDX-License-Identifier: Apache-2.0 */
/* A file of results, read as far as comparing wants it. */
#ifndef WEIR_LOAD_RESULTS_REPORT_READ_INT_H
#define WEIR_LOAD_RESULTS_REPORT_READ_INT_H

#include "lib/json/json.h"
#include "lib/meter/hdr.h"

/* How many of a bucket's values an interval has. */
struct report_bucket {
    uint32_t index;
    uint64_t count;
};

/* Consecutive intervals as one. */
struct report_block {
    double span_s;
    double answered, failed, tokens;
    struct report_bucket *buckets;
    uint32_t bucket_count;
};

/* Longer runs have longer blocks: what is near in time is alike, and a block keeps it together. */
#define REPORT_BLOCKS_MAX 50

struct report_results {
    struct report_block blocks[REPORT_BLOCKS_MAX];
    uint32_t block_count;
    bool has_tokens;
};

/* The document of a text that is one of results of version 1; its root. ERR_SYNTAX, ERR_NOMEM. */
MUST_USE enum err report_parse(struct slice text, struct arena *arena, yyjson_val **ret_root);
MUST_USE enum err report_read(yyjson_val *root, struct arena *arena, struct report_results *ret_results);

#endif
