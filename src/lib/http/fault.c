/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/fault.h"

#include <stdint.h>

static const struct {
    const char *name;
    const char *text;
    uint16_t status;
    uint16_t err;
} rows[] = {
#define FAULT(name, err, status, text) {#name, text, status, err},
#include "lib/http/faults.def"
#undef FAULT
};

int http1_fault_status(enum http1_fault fault)
{
    return rows[fault].status;
}

enum err http1_fault_err(enum http1_fault fault)
{
    return (enum err)rows[fault].err;
}

const char *http1_fault_name(enum http1_fault fault)
{
    return rows[fault].name;
}

const char *http1_fault_text(enum http1_fault fault)
{
    return rows[fault].text;
}
