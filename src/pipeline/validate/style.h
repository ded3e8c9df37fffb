/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters as OpenAPI writes them (3.1, section 4.8.12.2 "Style Values"; RFC 6570 for those of paths), taken apart into
 * texts. Knows texts only: what they are read as is the affair of parameter.c.
 *
 * Delimiters are looked for before escapes are decoded, so that an escaped one belongs to the text. */
#ifndef WEIR_PIPELINE_VALIDATE_STYLE_H
#define WEIR_PIPELINE_VALIDATE_STYLE_H

#include "lib/base/arena.h"
#include "lib/base/err.h"
#include "pipeline/contract.h"

/* A text, decoded, and the name it has in an object. */
struct style_leaf {
    struct slice name;
    struct slice text;
};

struct style_leaves {
    struct arena *arena; /* in */
    struct style_leaf *items;
    uint32_t count;
    uint32_t capacity;
    bool is_given;    /* it was there, if only as an empty text */
    const char *what; /* why it was refused: a phrase about "the parameter" */
};

/* How escapes are decoded. */
enum style_escapes {
    STYLE_ESCAPES_NONE,    /* header fields: as they stand */
    STYLE_ESCAPES_PERCENT, /* paths and cookies */
    STYLE_ESCAPES_FORM,    /* queries: "+" is a space, too, as HTML forms and nearly all servers have it */
};

/* A text that holds one leaf as it is: {NULL, 0} where its escapes are malformed or it is no UTF-8 (ERR_SYNTAX), ERR_NOMEM. */
MUST_USE enum err style_decode(struct arena *arena, struct slice text, enum style_escapes escapes,
                               struct slice *ret_text);

/* Each adds to the leaves. ERR_SYNTAX with `what`; ERR_NOMEM. */
/* A segment of the path: simple, label or matrix. */
MUST_USE enum err style_read_path(const struct contract_parameter *parameter, struct slice segment,
                                  struct style_leaves *leaves);
/* All of a query: form, spaceDelimited, pipeDelimited or deepObject. An exploded object takes each name that is none of the
 * `others`, which are all parameters of the contract. */
MUST_USE enum err style_read_query(const struct contract_parameter *parameter, const struct contract *others,
                                   struct slice query, struct style_leaves *leaves);
/* One value of a header field or cookie of the name, in the order in which they stand. */
MUST_USE enum err style_read_header(const struct contract_parameter *parameter, struct slice value,
                                    struct style_leaves *leaves);
MUST_USE enum err style_read_cookie(const struct contract_parameter *parameter, struct slice value,
                                    struct style_leaves *leaves);

/* Whether a name in the query, decoded, is one that the contract knows. */
bool style_knows_query(const struct contract *contract, struct slice name);

#endif
