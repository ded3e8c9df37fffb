/* SPDX-License-Identifier: Apache-2.0 */
/* See buffering.c. */
#ifndef WEIR_LOAD_RESULTS_BUFFERING_H
#define WEIR_LOAD_RESULTS_BUFFERING_H

#include "load/results.h"

/* Remarks on streams that come in bunches. */
void load_results_judge_buffering(struct load_results *results);

#endif
