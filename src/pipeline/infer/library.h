/* SPDX-License-Identifier: Apache-2.0 */
/* Where the shared library of ONNX Runtime may be. Opening it is the door's (ort.c). */
#ifndef WEIR_PIPELINE_INFER_LIBRARY_H
#define WEIR_PIPELINE_INFER_LIBRARY_H

#include "lib/base/err.h"
#include "lib/base/text.h"

#define LIBRARY_NAME "libonnxruntime.so.1"

/* Opens the library at `path` and returns its entry point, or adds to `tried` why not and returns NULL. */
typedef void *(*library_try)(const char *path, struct text *tried);

/* Has `try` open it in one place after the other. A path that was said, in the configuration or by WEIR_ORT_LIB, is the
 * only one tried: taking another silently would hide the mistake. ERR_UNSUPPORTED: `fault` lists what was tried and how
 * to install it. */
MUST_USE enum err library_find(struct slice configured, library_try try, struct text *fault, void **ret_entry);

#endif
