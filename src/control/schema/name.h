/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a route in the folder of schemas: what its files there are called, without an ending. */
#ifndef WEIR_CONTROL_SCHEMA_NAME_H
#define WEIR_CONTROL_SCHEMA_NAME_H

#include "lib/base/arena.h"

/* POST and "/v2/users/{id}" → "post-users-id-v2": the method, the segments, and the version behind them. NUL-terminated;
 * {NULL, 0} without memory. */
struct slice schema_route_name(struct arena *arena, struct slice method, struct slice pattern);
/* Of a pattern: "{id}" → "id", "{rest...}" → "rest"; any other segment as it is. */
struct slice path_segment_name(struct slice segment);

#endif
