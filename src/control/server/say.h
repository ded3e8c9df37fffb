/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator is told, on standard error: one line each, "weir: …". Control threads only. */
#ifndef WEIR_CONTROL_SERVER_SAY_H
#define WEIR_CONTROL_SERVER_SAY_H

#include "lib/base/attr.h"

void say(const char *format, ...) PRINTF_LIKE(1, 2);
void say_error(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
