/* SPDX-License-Identifier: Apache-2.0 */
/* An execution provider as a configuration names it, with options behind its name. */
#ifndef WEIR_PIPELINE_INFER_PROVIDER_H
#define WEIR_PIPELINE_INFER_PROVIDER_H

#include "lib/base/err.h"
#include "lib/base/text.h"

struct provider { /* "cuda device_id=1" in its words */
    struct slice name;
    const char *keys[16], *values[16];
    size_t count;
    char memory[512];
};

/* Takes the words apart. `provider` is zeroed. ERR_INVALID, and `fault` says which word is no option. */
MUST_USE enum err provider_read(struct slice words, struct provider *provider, struct text *fault);
/* What the runtime calls it. */
const char *provider_runtime_name(const struct provider *provider);

#endif
