/* SPDX-License-Identifier: Apache-2.0 */
/* Procedures that answer one message with another, without a run. */
#ifndef WEIR_PIPELINE_GRPC_CALLS_INT_H
#define WEIR_PIPELINE_GRPC_CALLS_INT_H

#include "pipeline/grpc/grpc_int.h"

/* Name and version of a model, as nearly all messages have them in the fields 1 and 2; empty: not given. */
struct model_key {
    struct slice name;
    struct slice version;
};
enum verdict call_read_model(struct request *request, struct slice message, const char *message_name,
                             struct model_key *ret_key);
/* The same, and sets request->model_entry. */
enum verdict call_find_model(struct request *request, struct slice message, const char *message_name);

/* Each reads its message and writes the answer; FAIL says what is wrong. */
enum verdict call_model_config(struct request *request, struct slice message, struct buffer *out);
enum verdict call_model_statistics(struct request *request, struct slice message, struct buffer *out);
enum verdict call_shared_status(struct request *request, struct slice message, struct buffer *out);
enum verdict call_shared_register(struct request *request, struct slice message, struct buffer *out);
enum verdict call_shared_unregister(struct request *request, struct slice message, struct buffer *out);
enum verdict call_cuda_status(struct request *request, struct slice message, struct buffer *out);
enum verdict call_cuda_register(struct request *request, struct slice message, struct buffer *out);
enum verdict call_cuda_unregister(struct request *request, struct slice message, struct buffer *out);
enum verdict call_trace_setting(struct request *request, struct slice message, struct buffer *out);
enum verdict call_log_settings(struct request *request, struct slice message, struct buffer *out);

/* repository.c: procedures that wait for what they answer. */
enum verdict grpc_repository_index(struct request *request);
enum verdict grpc_repository_wish(struct request *request, bool is_load);

#endif
