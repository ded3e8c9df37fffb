/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LIB_JSON_JSON_INT_H
#define WEIR_LIB_JSON_JSON_INT_H

#include "lib/json/json.h"

/* Of a document that was read with all numbers raw, makes numbers of those that are worth exactly what was written. */
void json_settle_numbers(yyjson_val *root, size_t values_count);

#endif
