/* SPDX-License-Identifier: Apache-2.0 */
/* Any text is taken as results or refused; a page of it holds no more ends of scripts than the page's own.
 * fuzz-library: load */
#include "load/results.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t ends_of_scripts(const char *page, size_t bytes)
{
    uint32_t count = 0;
    for (const char *at = page; (at = memmem(at, bytes - (size_t)(at - page), "</script", 8)) != NULL; at++)
        count++;
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice texts[] = {slice_of(data, size), slice_of(data, size)};
    char *page = NULL;
    size_t bytes = 0;
    uint32_t which = 9;
    FILE *out = open_memstream(&page, &bytes);
    REQUIRE(out);
    enum err err = load_report_write_html(texts, 2, out, &which);
    REQUIRE(fclose(out) == 0);
    REQUIRE(err == ERR_OK || (err == ERR_SYNTAX && which < 2 && bytes == 0));
    REQUIRE(err != ERR_OK || ends_of_scripts(page, bytes) == 3);
    free(page);
    return 0;
}
