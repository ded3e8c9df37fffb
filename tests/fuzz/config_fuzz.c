/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: control
 *
 * A configuration of any bytes: YAML, options, chains with the real middlewares, routes. Must not crash, leak or hang,
 * and must either give a configuration without errors or errors without a configuration. */
#include "control/config/load.h"
#include "pipeline/ports.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In place of the log thread's: a configuration of the fuzzer's must not make files. */
enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    (void)path, (void)fault;
    *ret_sink = 0;
    return ERR_OK;
}

static void check_notes(const struct report *report)
{
    char line[REPORT_NOTE_BYTES_MAX + 64];
    for (uint32_t i = 0; i < report->note_count; i++) {
        struct text text = text_init(line, sizeof line);
        report_note_format(report, &report->notes[i], &text);
        ASSERT(strchr(line, '\n') == NULL, "a note is one line");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct report report;
    static FILE *nowhere;
    struct config *config = NULL;
    if (!nowhere)
        nowhere = fopen("/dev/null", "w");
    report_init(&report);
    enum err err = config_load_text(slice_of(data, size), "/nonexistent/weir.yaml", &report, &config);
    ASSERT((err == ERR_OK) == (config != NULL), "a configuration comes with ERR_OK and only then");
    ASSERT((err == ERR_OK) == (report.error_count == 0), "errors are in the report whenever there is one");
    check_notes(&report);
    if (nowhere)
        report_print(&report, nowhere);
    config_unref(config);
    report_deinit(&report);
    return 0;
}
