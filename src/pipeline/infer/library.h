/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and opens the shared library of ONNX Runtime. Knows nothing of its API. */
#ifndef WEIR_PIPELINE_INFER_LIBRARY_H
#define WEIR_PIPELINE_INFER_LIBRARY_H

#include "lib/base/err.h"
#include "lib/base/text.h"

#define LIBRARY_NAME  "libonnxruntime.so.1"
#define LIBRARY_ENTRY "OrtGetApiBase"

/* Opens the library and finds its entry point. A path that was said, in the configuration or by WEIR_ORT_LIB, is the
 * only one tried: taking another silently would hide the mistake. Otherwise the places of library.c are tried in order.
 * ERR_UNSUPPORTED: `fault` lists what was tried and how to install it. What was opened stays open. */
MUST_USE enum err library_open(struct slice configured, struct text *fault, void **ret_entry);

#endif
