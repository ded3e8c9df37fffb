/* SPDX-License-Identifier: Apache-2.0 */
/* enum err: the result of every fallible function. Made from err.def. */
#ifndef WEIR_LIB_BASE_ERR_H
#define WEIR_LIB_BASE_ERR_H

#include "lib/base/attr.h"

enum err {
#define ERR(name, text) ERR_##name,
#include "lib/base/err.def"
#undef ERR
};

/* A short English text; a static string. */
const char *err_text(enum err err);
/* The name without the prefix, such as "NOT_FOUND"; a static string. */
const char *err_name(enum err err);

#endif
