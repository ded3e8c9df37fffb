/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as reference pages of Markdown. */
#ifndef WEIR_LIB_OPTIONS_PAGE_H
#define WEIR_LIB_OPTIONS_PAGE_H

#include "lib/base/buffer.h"
#include "lib/options/option.h"

/* A table of Markdown, an option a row; the caller may add rows behind unless the table has a shorthand. */
void option_page_write_table(struct buffer *out, const struct option_table *table);

#endif
