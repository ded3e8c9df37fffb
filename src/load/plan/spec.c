/* SPDX-License-Identifier: Apache-2.0 */
/* options.def unfolded into tables. */
#include "load/plan/spec.h"

#include "lib/base/attr.h"

static const char *const protocol_choices[] = {
    [LOAD_HTTP1] = "http1", [LOAD_HTTP2] = "http2", [LOAD_HTTP_BY_ALPN] = "auto", [LOAD_HTTP_BY_ALPN + 1] = NULL};
static const char *const format_choices[] = {[LOAD_FORMAT_AUTO] = "auto",
                                             [LOAD_FORMAT_CSV] = "csv",
                                             [LOAD_FORMAT_JSON_LINES] = "jsonl",
                                             [LOAD_FORMAT_JSON_LINES + 1] = NULL};
static const char *const order_choices[] = {[LOAD_DATA_SEQUENTIAL] = "sequential",
                                            [LOAD_DATA_RANDOM] = "random",
                                            [LOAD_DATA_SHUFFLED] = "shuffled",
                                            [LOAD_DATA_SHUFFLED + 1] = NULL};
static const char *const tristate_choices[] = {
    [LOAD_UNSET] = "unset", [LOAD_YES] = "true", [LOAD_NO] = "false", [LOAD_NO + 1] = NULL};
static const char *const kind_choices[] = {
    [LOAD_STEP_HTTP] = "http", [LOAD_STEP_CHAT] = "chat", [LOAD_STEP_CHAT + 1] = NULL};
static const char *const mode_choices[] = {
    [LOAD_MODE_AUTO] = "auto", [LOAD_MODE_OPEN] = "open", [LOAD_MODE_CLOSED] = "closed", [LOAD_MODE_CLOSED + 1] = NULL};
static const char *const arrival_choices[] = {[LOAD_ARRIVAL_CONSTANT] = "constant",
                                              [LOAD_ARRIVAL_POISSON] = "poisson",
                                              [LOAD_ARRIVAL_REPLAY] = "replay",
                                              [LOAD_ARRIVAL_REPLAY + 1] = NULL};

#define OPTION_TABLE_SYMBOL(table) load_table_##table
#define OPTIONS_DEF                "load/plan/options.def"
#include "lib/options/unfold.def"
