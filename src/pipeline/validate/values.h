/* SPDX-License-Identifier: Apache-2.0 */
/* From the texts of a parameter to a value that a schema can be asked about. */
#ifndef WEIR_PIPELINE_VALIDATE_VALUES_H
#define WEIR_PIPELINE_VALIDATE_VALUES_H

#include "pipeline/request.h"
#include "pipeline/validate/style.h"

enum value_reading {
    VALUE_TYPED, /* a text that looks like a number is one, where the schema allows numbers */
    VALUE_PLAIN, /* a text is a string wherever the schema allows strings */
};

struct value {
    enum value_reading reading; /* in */
    bool keeps_numbers;         /* in */
    yyjson_val *root;
    size_t bytes;     /* of its text */
    bool has_other;   /* VALUE_PLAIN would give another value */
    const char *what; /* why there is none: a phrase about "the parameter" */
};

/* In the request's arena. ERR_SYNTAX with `what`; ERR_NOMEM. */
MUST_USE enum err value_make(const struct request *request, const struct contract_parameter *parameter,
                             const struct style_leaves *leaves, struct arena *arena, struct value *value);

#endif
