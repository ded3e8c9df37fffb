/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of the Open Inference Protocol's trace and logging extensions that weir does not change, for both wires. */
#ifndef WEIR_PIPELINE_SETTING_H
#define WEIR_PIPELINE_SETTING_H

#include "pipeline/request.h"

/* FAIL: 501 for a setting that the protocol knows, 400 for a name that nobody knows. */
enum verdict setting_refuse(struct request *request, struct slice name);

#endif
