/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/say.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static _Atomic bool is_info_off;
static _Atomic bool is_error_off;

void say_set(bool is_info, bool is_error)
{
    atomic_store(&is_info_off, !is_info);
    atomic_store(&is_error_off, !is_error);
}

void say_look(bool *ret_is_info, bool *ret_is_error)
{
    *ret_is_info = !atomic_load(&is_info_off);
    *ret_is_error = !atomic_load(&is_error_off);
}

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
    if (atomic_load(&is_info_off))
        return;
    va_start(args, format);
    line("", format, args);
    va_end(args);
}

void say_error(const char *format, ...)
{
    va_list args;
    if (atomic_load(&is_error_off))
        return;
    va_start(args, format);
    line("error: ", format, args);
    va_end(args);
}
