/* SPDX-License-Identifier: Apache-2.0 */
/* Which format a scraper wants, by its Accept.
 *
 * Scrapers tell a version as a parameter ("application/openmetrics-text;version=1.0.0;q=0.5, …"), which the general negotiation
 * of lib/http/media.h passes over, since a parameter may mean anything. Here it means something: a version that is not ours
 * is not what was asked for. */
#ifndef WEIR_LIB_METER_EXPOSITION_ACCEPT_H
#define WEIR_LIB_METER_EXPOSITION_ACCEPT_H

#include "lib/meter/exposition.h"

#include <stdbool.h>

/* OpenMetrics when it is wanted by name and at least as much as the older format. False: neither is acceptable. An empty
 * Accept takes anything. */
bool exposition_accept(struct slice accept, enum exposition_format *ret_format);

#endif
