/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_REGEX_REGEX_INT_H
#define WEIR_LIB_REGEX_REGEX_INT_H

#include "lib/regex/regex.h"

/* What a pattern is matched with; for tests, which compare the ways. */
enum regex_way { REGEX_BEST, REGEX_MACHINE, REGEX_PCRE, REGEX_CAPTURING };

/* As regex_compile, with the best way or only with that one: ERR_UNSUPPORTED where it does not do. */
MUST_USE enum err regex_compile_as(struct slice pattern, enum regex_way way, struct regex_fault *ret_fault,
                                   struct regex **ret_regex);
/* "literal", "run", "table" or "pcre". */
const char *regex_way_name(const struct regex *regex);

#endif
