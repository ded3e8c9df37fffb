/* SPDX-License-Identifier: Apache-2.0 */
/* Media types and their negotiation (RFC 9110 sections 8.3 and 12.5.1). */
#ifndef WEIR_LIB_HTTP_MEDIA_H
#define WEIR_LIB_HTTP_MEDIA_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdbool.h>

struct media_type {
    struct slice type;       /* "multipart", as sent */
    struct slice subtype;    /* "form-data" */
    struct slice parameters; /* from the first ";" on; checked: media_parameter_next reads it without errors */
};

/* ERR_SYNTAX for anything that is not type/subtype with well-formed parameters, and for a repeated parameter. */
MUST_USE enum err media_type_parse(struct slice text, struct media_type *ret_type);
/* `name` is "application/json", in any case of letters. */
bool media_type_is(const struct media_type *type, const char *name);

/* One parameter: `; name=token` or `; name="quoted"`. The value is without its quotes but with its backslashes;
 * is_quoted says whether media_unquote has anything to do. */
struct media_parameter {
    struct slice name;
    struct slice value;
    bool is_quoted;
};

/* Visits the parameters. ERR_EOF at the end, ERR_SYNTAX where they are malformed. */
MUST_USE enum err media_parameter_next(struct slice *rest, struct media_parameter *ret_parameter);
/* Copies a quoted value without its backslashes; out holds value.len bytes. Returns the length. */
size_t media_unquote(struct slice value, char *out);

/* The parameter's value (quoted ones with their backslashes), or {NULL, 0}. */
struct slice media_type_parameter(const struct media_type *type, const char *name);
static inline struct slice media_type_charset(const struct media_type *type)
{
    return media_type_parameter(type, "charset");
}
static inline struct slice media_type_boundary(const struct media_type *type)
{
    return media_type_parameter(type, "boundary");
}

/* A weight of RFC 9110 section 12.4.2 in thousandths, 0 to 1000; -1 for anything else. */
int media_quality_parse(struct slice text);

/* How much the client wants type/subtype, 0 (not at all) to 1000, by the most specific range that matches. Parameters
 * of a range other than q do not take part: who asks for application/json;charset=utf-8 is content with
 * application/json. Malformed elements are passed over. An empty Accept: 1000. */
int media_accept_quality(struct slice accept, struct slice type, struct slice subtype);
/* The index of the offer ("text/plain; version=0.0.4") wanted most, the first of equals; -1: none is acceptable. */
int media_accept_choose(struct slice accept, const char *const *offers, size_t count);

#endif
