/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/attr.h"

#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *file, int line, const char *condition, const char *meaning)
{
    fprintf(stderr, "weir: %s:%d: broken invariant: %s (%s). Please report this.\n", file, line, meaning, condition);
    abort();
}
