/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/say.h"

#include <stdarg.h>
#include <stdio.h>

/* One write for each line, so that lines of several threads do not mix. */
static void line(const char *kind, const char *format, va_list args)
{
    char text[4096];
    int begin = snprintf(text, sizeof text, "weir: %s", kind);
    (void)vsnprintf(text + begin, sizeof text - (size_t)begin, format, args);
    fprintf(stderr, "%s\n", text);
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line("", format, args);
    va_end(args);
}

void say_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    line("error: ", format, args);
    va_end(args);
}
