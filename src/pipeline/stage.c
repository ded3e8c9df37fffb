/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/stage.h"

#include "lib/base/attr.h"

static const char *const names[] = {
#define STAGE(name, help) #name,
#include "pipeline/stages.def"
#undef STAGE
};

const char *stage_name(enum stage stage)
{
    ASSERT(stage < STAGE_COUNT, "a stage is a row of stages.def");
    return names[stage];
}
