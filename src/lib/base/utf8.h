/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by the letter of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef WEIR_LIB_BASE_UTF8_H
#define WEIR_LIB_BASE_UTF8_H

#include "lib/base/slice.h"

/* Length of the well-formed sequence at the front of a text that is not empty, or minus the length of the malformed part
 * that one replacement character stands for: as much of a sequence as could still have become one. */
int utf8_measure(struct slice text);
bool utf8_is_valid(struct slice text);

#endif
