/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside format/. */
#ifndef WEIR_PIPELINE_FORMAT_FORMAT_INT_H
#define WEIR_PIPELINE_FORMAT_FORMAT_INT_H

#include "pipeline/request.h"

/* Makes the response of request->problem. Cannot fail: without memory it is a shorter one. */
void format_problem(struct request *request);

/* The outputs of the run as a v2 response in JSON. NEXT or FAIL. */
enum verdict format_tensors(struct request *request);

#endif
