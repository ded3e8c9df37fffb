/* SPDX-License-Identifier: Apache-2.0 */
/* The members of records as rows: for record.c and record_json.c. */
#ifndef WEIR_LOAD_RECORD_INT_H
#define WEIR_LOAD_RECORD_INT_H

#include "load/record.h"

/* Where a member stands, and what it is called in JSON. */
struct load_member {
    const char *name;
    size_t offset;
};

/* Members of one kind in one struct. */
struct load_members {
    const struct load_member *rows;
    size_t count;
};

extern const struct load_members load_series_counters;
extern const struct load_members load_series_hdrs;
extern const struct load_members load_stream_counters;
extern const struct load_members load_stream_hdrs;
extern const struct load_members load_record_counters;
extern const struct load_members load_record_hdrs;
extern const struct load_members load_record_gauges;

static inline void *load_member_at(void *base, size_t offset)
{
    return (char *)base + offset;
}

static inline const void *load_member_of(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

#endif
