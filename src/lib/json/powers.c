/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/powers_int.h"

const struct power powers[POWER_MAX - POWER_MIN + 1] = {
#define POWER(high, low) {high, low},
#include "lib/json/powers.def"
#undef POWER
};
