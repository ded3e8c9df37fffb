/* SPDX-License-Identifier: Apache-2.0 */
/* The values of JSON Schema's keyword `format`, each by the letter of its RFC. No memory is taken (but for "regex"), no network
 * asked; any thread. */
#ifndef WEIR_LIB_FORMATS_FORMATS_H
#define WEIR_LIB_FORMATS_FORMATS_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

enum format {
#define FORMAT(name, text, since, check, help) FORMAT_##name,
#include "lib/formats/formats.def"
#undef FORMAT
    FORMAT_COUNT
};

/* The drafts in which a format may first have been used. */
enum format_since { FORMAT_SINCE_DRAFT_7, FORMAT_SINCE_2019_09, FORMAT_SINCE_OPENAPI };

/* ERR_NOT_FOUND for a name that is not known. */
MUST_USE enum err format_find(struct slice name, enum format *ret_format);
const char *format_name(enum format format);
enum format_since format_since(enum format format);
/* "a date and time such as 2026-01-31T12:00:00Z (RFC 3339)": what was expected, for messages. */
const char *format_help(enum format format);

/* Whether a text is of the format, in time linear in its length. Malformed UTF-8 is of none that wants characters beyond
 * ASCII. Those of OpenAPI for numbers (int32, int64, float, double) say yes: they are not about texts. */
bool format_matches(enum format format, struct slice text);

#endif
