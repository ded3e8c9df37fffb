/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal that a program talks to. */
#ifndef WEIR_LIB_SYS_TERMINAL_H
#define WEIR_LIB_SYS_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

/* Whether standard error is one that understands ECMA-48 sequences: not with TERM=dumb. */
bool terminal_is_there(void);
/* Columns of standard error's, as of now; 80 where nobody knows. */
uint32_t terminal_columns(void);
/* Whether the locale's characters are UTF-8, as its variables say (LC_ALL, LC_CTYPE, LANG; the first that is set). */
bool terminal_is_utf8(void);
/* Unless NO_COLOR is set and not empty (https://no-color.org). */
bool terminal_has_color(void);

#endif
