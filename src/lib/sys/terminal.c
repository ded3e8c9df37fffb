/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/terminal.h"

#include "lib/base/attr.h"
#include "lib/base/slice.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_UNKNOWN 80

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

bool terminal_is_there(void)
{
    const char *kind = variable("TERM");
    return isatty(STDERR_FILENO) == 1 && kind && !slice_is(slice_of_text(kind), "dumb");
}

uint32_t terminal_columns(void)
{
    struct winsize size = {0};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return COLUMNS_UNKNOWN;
    return size.ws_col;
}

bool terminal_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = variable(names[i]);
        if (!value)
            continue;
        struct slice coding = slice_of_text(value);
        coding = slice_skip(coding, MIN(slice_find(coding, '.') + 1, coding.len));
        coding = slice_first(coding, slice_find(coding, '@'));
        return slice_equal_nocase(coding, SLICE_LIT("UTF-8")) || slice_equal_nocase(coding, SLICE_LIT("utf8"));
    }
    return false;
}

bool terminal_has_color(void)
{
    return variable("NO_COLOR") == NULL;
}
