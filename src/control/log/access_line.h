/* SPDX-License-Identifier: Apache-2.0 */
/* One access record as one line of JSON. Members without a value are left out; durations are milliseconds with three
 * decimals. Whatever bytes a client sent, the line is valid JSON in valid UTF-8. */
#ifndef WEIR_CONTROL_LOG_ACCESS_LINE_H
#define WEIR_CONTROL_LOG_ACCESS_LINE_H

#include "pipeline/access_record.h"

/* No line is longer: each byte of text grows to six ("\u001f") at most, names and numbers take the rest. */
#define ACCESS_LINE_BYTES_MAX (6 * ACCESS_TEXT_BYTES + 1024)

/* The time of the last line, since the next is mostly of the same second. Zeroed memory is a valid start. */
struct access_line_clock {
    uint64_t second;
    char text[25];
};

/* Writes the line with its newline; `out` has room for ACCESS_LINE_BYTES_MAX. Returns its length. */
size_t access_line_format(struct access_line_clock *clock, const struct access_record *record, char *out);

#endif
