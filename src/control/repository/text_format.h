/* SPDX-License-Identifier: Apache-2.0 */
/* Protocol buffers' text format (protobuf.dev/reference/protobuf/textformat-spec), as far as it can be read without knowing
 * the message: names, values and where they stood. What a name means is for whoever asked (model_settings.h). Extensions and
 * expanded Any, which are written in brackets in place of a name, are refused. */
#ifndef WEIR_CONTROL_REPOSITORY_TEXT_FORMAT_H
#define WEIR_CONTROL_REPOSITORY_TEXT_FORMAT_H

#include "lib/base/arena.h"
#include "lib/base/text.h"
#include "lib/yaml/report.h"

#define TEXT_FORMAT_BYTES_MAX 1048576
#define TEXT_FORMAT_DEPTH_MAX 32

enum field_kind {
    FIELD_MESSAGE,
    FIELD_TEXT, /* quoted; escapes are resolved, NUL-terminated behind its end */
    FIELD_WORD, /* a number, a name of an enum, true or false: as written */
};

/* One value; a list is several fields of the same name. */
struct field {
    struct slice name;
    enum field_kind kind;
    struct slice text;
    struct report_place place; /* of the value */
    struct report_place name_place;
    const struct field *first; /* of a message */
    const struct field *next;
};

struct field_fault {
    struct report_place place;
    struct text *words; /* the caller's */
};

/* The fields of a whole text, in the arena, as a message. ERR_SYNTAX with a fault; ERR_LIMIT: longer than
 * TEXT_FORMAT_BYTES_MAX; ERR_NOMEM. */
MUST_USE enum err text_format_parse(struct slice text, struct arena *arena, struct field_fault *fault,
                                    const struct field **ret_root);
/* The same from JSON (protobuf.dev/programming-guides/json): members are fields, arrays are lists. Members of the objects that
 * `maps`, NULL-terminated, names become messages of `key` and `value`, as maps are in the text format. Places are 0. */
MUST_USE enum err text_format_of_json(struct slice text, const char *const *maps, struct arena *arena,
                                      struct field_fault *fault, const struct field **ret_root);

#endif
