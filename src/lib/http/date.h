/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of HTTP (RFC 9110 section 5.6.7), without libc's locale or time zone. Any thread. */
#ifndef WEIR_LIB_HTTP_DATE_H
#define WEIR_LIB_HTTP_DATE_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdint.h>

#define HTTP_DATE_BYTES 29

/* IMF-fixdate, "Sun, 06 Nov 1994 08:49:37 GMT", no NUL. Years 1..9999; outside of them the nearest end is written. */
void http_date_format(char out[HTTP_DATE_BYTES], int64_t unix_seconds);
/* Any of the three forms; ERR_SYNTAX for anything else, for days that do not exist and for a wrong IMF day name. A
 * two-digit year (RFC 850) counts from 1970 to 2069: without a clock "more than 50 years in the future" has no meaning. */
MUST_USE enum err http_date_parse(struct slice text, int64_t *ret_unix_seconds);

#endif
