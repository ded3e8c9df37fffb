/* SPDX-License-Identifier: Apache-2.0 */
/* Routes that would go unchecked because a file of the folder of schemas has gone. */
#ifndef WEIR_CONTROL_SERVER_LOST_H
#define WEIR_CONTROL_SERVER_LOST_H

#include "lib/yaml/report.h"
#include "pipeline/config.h"

/* Notes each schema of a body or a response, and each file of parameters, that a route has in `before` and no longer in `now`.
 * Routes that `now` does not have are passed over. */
void lost_schemas_report(const struct config *before, const struct config *now, enum report_severity severity,
                         struct report *report);

#endif
