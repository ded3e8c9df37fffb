/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/err.h"

static const char *const texts[] = {
#define ERR(name, text) text,
#include "lib/base/err.def"
#undef ERR
};

static const char *const names[] = {
#define ERR(name, text) #name,
#include "lib/base/err.def"
#undef ERR
};

const char *err_text(enum err err)
{
    return (size_t)err < ARRAY_LEN(texts) ? texts[err] : "unknown error";
}

const char *err_name(enum err err)
{
    return (size_t)err < ARRAY_LEN(names) ? names[err] : "UNKNOWN";
}
