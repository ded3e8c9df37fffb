/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of options.def: option_table_config and those it is made of. */
#ifndef WEIR_CONTROL_CONFIG_OPTION_TABLES_H
#define WEIR_CONTROL_CONFIG_OPTION_TABLES_H

#include "lib/options/option.h"

extern const struct option_table option_table_config;
extern const struct option_table option_table_batch;
extern const struct option_table option_table_cache;
extern const struct option_table option_table_files;
extern const struct option_table option_table_limits;
extern const struct option_table option_table_certificate;
extern const struct option_table option_table_tls;
extern const struct option_table option_table_listen;
extern const struct option_table option_table_model;
extern const struct option_table option_table_contract;
extern const struct option_table option_table_pipeline;
extern const struct option_table option_table_pipeline_step; /* pipelines.c's, as the next */
extern const struct option_table option_table_pipeline_answer;
extern const struct option_table option_table_openapi;
extern const struct option_table option_table_pad;
extern const struct option_table option_table_repository;
extern const struct option_table option_table_route;
extern const struct option_table option_table_schemas;
extern const struct option_table option_table_sequence;
extern const struct option_table option_table_sequence_state;
extern const struct option_table option_table_shutdown;
extern const struct option_table option_table_shared_memory;
extern const struct option_table option_table_trace;
extern const struct option_table option_table_stalls;
extern const struct option_table option_table_diagnostics;
extern const struct option_table option_table_target;
extern const struct option_table option_table_upstream;

#endif
