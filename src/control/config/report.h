/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is wrong with a configuration, collected so that one reading shows all of it.
 *
 * A note is printed as compilers do, with the line it is about and a caret under the place:
 *
 *     weir.yaml:12:25: error: unknown option "lable" in format_output; did you mean "labels"?
 *           - format_output: {lable: ["0", "180"]}
 *                             ^
 *
 * A configuration names other files, such as schemas; what is wrong with one of those is told with its own name. */
#ifndef WEIR_CONTROL_CONFIG_REPORT_H
#define WEIR_CONTROL_CONFIG_REPORT_H

#include "lib/base/arena.h"
#include "lib/base/text.h"
#include "pipeline/option.h"

#include <stdio.h>

#define CONFIG_NOTES_MAX      100 /* beyond, they are only counted */
#define CONFIG_NOTE_BYTES_MAX 2048
#define QUOTE_BYTES_MAX       80 /* of what a note repeats from the file */

enum config_severity { CONFIG_ERROR, CONFIG_WARNING };

/* Another file than the configuration itself. */
struct config_origin {
    struct slice path; /* as it is shown */
    struct slice text; /* for source lines; may be empty */
};

struct config_note {
    enum config_severity severity;
    struct slice path;         /* of another file; empty: the configuration */
    struct option_place place; /* line 0: about the file as a whole */
    struct slice message;      /* one line, NUL-terminated */
    struct slice source;       /* the line of the file; empty when there is none */
};

struct config_report {
    struct pool pool; /* of the arena: a report must not be moved */
    struct arena arena;
    struct slice path; /* as it is shown in front of each note */
    struct slice text; /* of the file */
    struct config_note notes[CONFIG_NOTES_MAX];
    uint32_t note_count;
    uint32_t error_count; /* with those that are only counted */
    uint32_t warning_count;
};

void config_report_init(struct config_report *report);
void config_report_deinit(struct config_report *report);

/* The file whose notes follow: its name for messages and its text for source lines, both copied. */
MUST_USE enum err config_report_begin(struct config_report *report, struct slice path, struct slice text);
void config_report_error(struct config_report *report, struct option_place place, const char *format, ...)
    PRINTF_LIKE(3, 4);
void config_report_warning(struct config_report *report, struct option_place place, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The same about another file. */
void config_report_error_in(struct config_report *report, const struct config_origin *origin, struct option_place place,
                            const char *format, ...) PRINTF_LIKE(4, 5);
void config_report_warning_in(struct config_report *report, const struct config_origin *origin,
                              struct option_place place, const char *format, ...) PRINTF_LIKE(4, 5);
/* A name that stands for nothing, and what could have been meant. */
struct config_unknown {
    const char *kind;      /* "option" */
    struct slice name;     /* as it is in the file */
    const char *owner;     /* optional: whose it would be */
    const char *nearest;   /* optional: see text_nearest */
    const char *otherwise; /* said when nothing is near, "there are ..." */
};
void config_report_unknown(struct config_report *report, struct option_place place,
                           const struct config_unknown *unknown);
/* Brings the notes into the order of the file, those about others behind. */
void config_report_sort(struct config_report *report);

/* For people: notes with their source lines, then how many more there were. */
void config_report_print(const struct config_report *report, FILE *out);
/* One note as its first line, without a newline: for logs. */
void config_note_format(const struct config_report *report, const struct config_note *note, struct text *out);

#endif
