/* SPDX-License-Identifier: Apache-2.0 */
/* JSON as YAML 1.2 in block style: the same document, to be read by people. */
#ifndef WEIR_CONTROL_OPENAPI_YAML_WRITE_H
#define WEIR_CONTROL_OPENAPI_YAML_WRITE_H

#include "lib/json/json.h"

/* Appends the value as a document of its own. Strings stand plain where every reader of YAML 1.1 and 1.2 takes them for
 * strings, else in double quotes; nothing else is changed, the order of members included. ERR_NOMEM. */
MUST_USE enum err yaml_write_value(yyjson_val *root, struct arena *arena, struct slice *ret_text);
/* The same of text that the program has made: that it is not JSON is asserted. ERR_LIMIT: nested deeper than JSON_DEPTH_MAX. */
MUST_USE enum err yaml_write_text(struct slice json, struct arena *arena, struct slice *ret_text);

#endif
