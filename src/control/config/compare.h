/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two configurations say the same, row by row. */
#ifndef WEIR_CONTROL_CONFIG_COMPARE_H
#define WEIR_CONTROL_CONFIG_COMPARE_H

#include "lib/options/option.h"

/* Of two structs of the table: whether the rows that have all of `flags` are equal. In tables within, too, only rows
 * with these flags count, and lists of tables are compared in order. 0: every row. */
bool option_table_equal(const struct option_table *table, const void *a, const void *b, unsigned flags);
/* Of one row, whatever its flags; in tables within, as above. `a` and `b` are the structs that the row is of. */
bool option_equal(const struct option *row, const void *a, const void *b, unsigned flags);

#endif
