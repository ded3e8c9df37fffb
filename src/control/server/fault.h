/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong with schemas, as clients may read it. */
#ifndef WEIR_CONTROL_SERVER_FAULT_H
#define WEIR_CONTROL_SERVER_FAULT_H

#include "lib/yaml/report.h"
#include "pipeline/config.h"

/* "common/address.json:2:11: what is wrong": files are named from the folder of schemas of `config`, and others by their last
 * names, for it is nobody's business where they lie on this machine. */
void fault_format(const struct config *config, const struct report *report, const struct report_note *note,
                  struct text *out);

#endif
