/* SPDX-License-Identifier: Apache-2.0 */
/* Media types by the ending of a file's name, from media_names.def. */
#ifndef WEIR_LIB_HTTP_MEDIA_NAMES_H
#define WEIR_LIB_HTTP_MEDIA_NAMES_H

#include "lib/base/slice.h"

#define MEDIA_TYPE_UNKNOWN "application/octet-stream"

/* "text/html; charset=utf-8" for "a/index.HTML"; MEDIA_TYPE_UNKNOWN for an ending that no row has. A static string. */
const char *media_type_of_path(struct slice path);

/* Whether compressing content of that type pays: text, JSON, XML, scripts, fonts that are not packed. */
bool media_is_compressible(struct slice content_type);

#endif
