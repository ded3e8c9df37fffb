/* SPDX-License-Identifier: Apache-2.0 */
/* CSV by RFC 4180: records of fields with commas between, fields in double quotes when they hold commas, quotes or line ends. Lines
 * may end with LF alone. */
#ifndef WEIR_LOAD_PLAN_CSV_H
#define WEIR_LOAD_PLAN_CSV_H

#include "lib/base/arena.h"
#include "lib/base/err.h"

struct csv {
    struct slice rest;
    uint32_t line;  /* from 1; where the next field begins */
    bool is_within; /* a record: another field is to follow */
};

struct csv csv_of(struct slice text);
/* The next field, in the arena if it has to be copied; *ret_is_last: the record ends behind it. ERR_EOF: there are no more records. ERR_SYNTAX: a
 * quote without its end or in the middle of a field; `line` says where. ERR_NOMEM. */
MUST_USE enum err csv_next(struct csv *csv, struct arena *arena, struct slice *ret_field, bool *ret_is_last);

#endif
