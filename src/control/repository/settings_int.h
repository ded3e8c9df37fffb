/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the readers of a config.pbtxt's messages. */
#ifndef WEIR_CONTROL_REPOSITORY_SETTINGS_INT_H
#define WEIR_CONTROL_REPOSITORY_SETTINGS_INT_H

#include "control/repository/model_settings.h"

struct reader {
    const struct settings_source *source;
    struct model_settings *settings;
    bool has_fault;
    bool is_cut; /* there is no memory */
};

/* What is done about a field: read, or passed over because of `ignored`, or refused because of `refused`. */
struct rule {
    const char *name;
    void (*read)(struct reader *reader, const struct field *field, void *out);
    const char *ignored;
    const char *refused;
};

struct message {
    const char *name;
    const struct rule *rules; /* a name of NULL ends */
};

/* Reads the fields of a message by its rules, which get `out`. */
void settings_message(struct reader *reader, const struct message *message, const struct field *field, void *out);
void settings_note(struct reader *reader, bool is_error, struct report_place place, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* "takes …, found …" */
void settings_refuse(struct reader *reader, const struct field *field, const char *expected);

/* Values. What is wrong is noted, and nothing is written. */
bool settings_count(struct reader *reader, const struct field *field, uint64_t max, uint64_t *ret_value);
bool settings_dim(struct reader *reader, const struct field *field, int64_t *ret_dim);
void settings_text(struct reader *reader, const struct field *field, struct slice *text);
/* Of a file right in a folder; empty for none. Requests bring configurations, too, and no name may lead out of the model's folder. */
void settings_file(struct reader *reader, const struct field *field, const char *expected, struct slice *name);
bool settings_bool(struct reader *reader, const struct field *field);
/* The index of the name, or -1. */
int settings_choice(struct reader *reader, const struct field *field, const char *const *names);
enum tensor_type settings_type(struct reader *reader, const struct field *field);

/* For rules; `out` is the struct model_settings. */
void settings_refuse_true(struct reader *reader, const struct field *field, void *out);
void settings_input(struct reader *reader, const struct field *field, void *out);
void settings_output(struct reader *reader, const struct field *field, void *out);
void settings_batching(struct reader *reader, const struct field *field, void *out);
void settings_sequence(struct reader *reader, const struct field *field, void *out);
void settings_group(struct reader *reader, const struct field *field, void *out);
void settings_optimization(struct reader *reader, const struct field *field, void *out);
void settings_parameter(struct reader *reader, const struct field *field, void *out);
void settings_warm_up(struct reader *reader, const struct field *field, void *out);
/* Once max_batch_size is known: the sizes have the batch dimension in front. */
void settings_warm_up_end(struct model_settings *settings);

#endif
