/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator is told, on standard error: one line each, "weir: …". Control threads only. */
#ifndef WEIR_CONTROL_SERVER_SAY_H
#define WEIR_CONTROL_SERVER_SAY_H

#include "lib/base/attr.h"

#include <stdbool.h>

/* Turns lines of either kind off and on. Any thread, as the next. */
void say_set(bool is_info, bool is_error);
void say_look(bool *ret_is_info, bool *ret_is_error);

void say(const char *format, ...) PRINTF_LIKE(1, 2);
void say_error(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
