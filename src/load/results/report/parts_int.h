/* SPDX-License-Identifier: Apache-2.0 */
/* What the report's page is put together from: files beside this one, and uPlot's. Made by cmake/embed_files.cmake. */
#ifndef WEIR_LOAD_RESULTS_REPORT_PARTS_INT_H
#define WEIR_LOAD_RESULTS_REPORT_PARTS_INT_H

#include "lib/base/slice.h"

extern const struct slice report_page_css, report_data_js, report_page_js;
extern const struct slice report_uplot_css, report_uplot_js, report_uplot_license;

#endif
