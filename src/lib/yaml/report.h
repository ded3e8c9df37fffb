/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is wrong with a file, collected so that one reading shows all of it.
 *
 * A note is printed as compilers do, with the line it is about and a caret under the place:
 *
 *     weir.yaml:12:25: error: unknown option "lable" in format_output; did you mean "labels"?
 *           - format_output: {lable: ["0", "180"]}
 *                             ^
 *
 * A file may name others; what is wrong with one of those is told with its own name. */
#ifndef WEIR_LIB_YAML_REPORT_H
#define WEIR_LIB_YAML_REPORT_H

#include "lib/base/arena.h"
#include "lib/base/text.h"

#include <stdio.h>

#define REPORT_NOTES_MAX       100 /* beyond, they are only counted */
#define REPORT_NOTE_BYTES_MAX  2048
#define REPORT_QUOTE_BYTES_MAX 80 /* of what a note repeats from the file */

enum report_severity { REPORT_ERROR, REPORT_WARNING };

/* Where something stands. line 0: it was not written. */
struct report_place {
    uint32_t line; /* 1-based */
    uint32_t column;
};

/* Another file than the one that is reported on. */
struct report_origin {
    struct slice path; /* as it is shown */
    struct slice text; /* for source lines; may be empty */
};

struct report_note {
    enum report_severity severity;
    struct slice path;         /* of another file; empty: the file that is reported on */
    struct report_place place; /* line 0: about the file as a whole */
    struct slice message;      /* one line, NUL-terminated */
    struct slice source;       /* the line of the file; empty when there is none */
};

struct report {
    struct pool pool; /* of the arena: a report must not be moved */
    struct arena arena;
    struct slice path; /* as it is shown in front of each note */
    struct slice text; /* of the file */
    struct report_note notes[REPORT_NOTES_MAX];
    uint32_t note_count;
    uint32_t error_count; /* with those that are only counted */
    uint32_t warning_count;
};

void report_init(struct report *report);
void report_deinit(struct report *report);

/* The file whose notes follow: its name for messages and its text for source lines, both copied. */
MUST_USE enum err report_begin(struct report *report, struct slice path, struct slice text);
void report_error(struct report *report, struct report_place place, const char *format, ...) PRINTF_LIKE(3, 4);
void report_warning(struct report *report, struct report_place place, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same about another file. */
void report_error_in(struct report *report, const struct report_origin *origin, struct report_place place,
                     const char *format, ...) PRINTF_LIKE(4, 5);
void report_warning_in(struct report *report, const struct report_origin *origin, struct report_place place,
                       const char *format, ...) PRINTF_LIKE(4, 5);
/* A name that stands for nothing, and what could have been meant. */
struct report_unknown {
    const char *kind;      /* "option" */
    struct slice name;     /* as it is in the file */
    const char *owner;     /* optional: whose it would be */
    const char *nearest;   /* optional: see text_nearest */
    const char *otherwise; /* said when nothing is near, "there are ..." */
};
void report_unknown(struct report *report, struct report_place place, const struct report_unknown *unknown);
/* Brings the notes into the order of the file, those about others behind. */
void report_sort(struct report *report);

/* For people: notes with their source lines, then how many more there were. */
void report_print(const struct report *report, FILE *out);
/* One note as its first line, without a newline: for logs. */
void report_note_format(const struct report *report, const struct report_note *note, struct text *out);

#endif
