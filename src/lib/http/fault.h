/* SPDX-License-Identifier: Apache-2.0 */
/* enum http1_fault: exactly what was wrong with a request, made from faults.def. */
#ifndef WEIR_LIB_HTTP_FAULT_H
#define WEIR_LIB_HTTP_FAULT_H

#include "lib/base/err.h"

enum http1_fault {
#define FAULT(name, err, status, text) HTTP1_FAULT_##name,
#include "lib/http/faults.def"
#undef FAULT
    HTTP1_FAULT_COUNT,
};

/* The status code to answer with. */
int http1_fault_status(enum http1_fault fault);
/* What parsing returned with it: ERR_SYNTAX, ERR_LIMIT or ERR_UNSUPPORTED. */
enum err http1_fault_err(enum http1_fault fault);
/* "BARE_LF", and a sentence without a full stop. Static strings. */
const char *http1_fault_name(enum http1_fault fault);
const char *http1_fault_text(enum http1_fault fault);

#endif
