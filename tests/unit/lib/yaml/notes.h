/* SPDX-License-Identifier: Apache-2.0 */
/* What a report says, for comparisons. */
#ifndef WEIR_TESTS_LIB_YAML_NOTES_H
#define WEIR_TESTS_LIB_YAML_NOTES_H

#include "lib/yaml/report.h"

/* The notes as lines, without the file's name: "3:5: error: …\n". */
static inline void format_report(const struct report *report, char *out, size_t capacity)
{
    struct text all = text_init(out, capacity);
    for (uint32_t i = 0; i < report->note_count; i++) {
        char line[REPORT_NOTE_BYTES_MAX + 128];
        struct text one = text_init(line, sizeof line);
        report_note_format(report, &report->notes[i], &one);
        text_printf(&all, "%s\n", line + report->path.len + 1);
    }
}

#endif
