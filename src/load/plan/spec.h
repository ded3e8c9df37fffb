/* SPDX-License-Identifier: Apache-2.0 */
/* A plan as it is written, in a file or by flags: what options.def fills in, before it is looked into as a whole and compiled. */
#ifndef WEIR_LOAD_PLAN_SPEC_H
#define WEIR_LOAD_PLAN_SPEC_H

#include "lib/options/option.h"
#include "load/plan.h"

enum load_spec_choice { LOAD_UNSET, LOAD_YES, LOAD_NO };
enum load_spec_mode { LOAD_MODE_AUTO, LOAD_MODE_OPEN, LOAD_MODE_CLOSED };
enum load_spec_arrival { LOAD_ARRIVAL_CONSTANT, LOAD_ARRIVAL_POISSON, LOAD_ARRIVAL_REPLAY };
enum load_spec_format { LOAD_FORMAT_AUTO, LOAD_FORMAT_CSV, LOAD_FORMAT_JSON_LINES };

struct load_spec_target {
    struct slice name;
    struct report_place place;
    struct option_text url;
    uint32_t protocol; /* enum load_protocol */
    bool is_verified;
    bool is_resumed;
    struct slice ca, certificate, key;
};

struct load_spec_data {
    struct option_text name;
    struct report_place place;
    struct slice file;
    uint32_t format;
    uint32_t order; /* enum load_data_order */
};

struct load_spec_check {
    struct option_list status; /* texts */
    struct report_place place;
    struct slice header, json;
    uint64_t time_ns;
    struct slice equals, not_equals, contains, matches;
    struct slice less, at_most, more, at_least;
    uint32_t exists; /* enum load_spec_choice */
};

struct load_spec_extract {
    struct slice variable;
    struct report_place place;
    struct slice header, json, regex;
    bool is_optional;
};

struct load_spec_slo {
    uint64_t first_token_ns, between_tokens_ns, total_ns;
};

struct load_spec_step {
    struct option_text request; /* "GET /path" */
    struct report_place place;
    struct option_text name;
    uint32_t kind; /* enum load_step_kind */
    struct option_text target;
    struct option_text method;
    struct option_text path;
    struct option_list headers; /* members */
    struct option_text body;
    const struct yaml_node *json;
    struct slice body_file;
    uint64_t timeout_ns;
    struct option_list think;    /* texts: one or two durations */
    struct option_list checks;   /* struct load_spec_check */
    struct option_list extracts; /* struct load_spec_extract */
    struct load_spec_slo slo;
    struct option_text beside;
};

struct load_spec_scenario {
    struct option_text name;
    struct report_place place;
    double weight;
    struct option_list steps;
};

struct load_spec_stage {
    uint64_t duration_ns;
    struct report_place place;
    struct option_text rate, users;
    struct slice name;
};

struct load_spec_replay {
    struct slice file;
    double scale;
};

struct load_spec_load {
    uint32_t mode, arrival;
    struct report_place place;
    struct option_text rate;
    uint64_t users;
    struct option_text spawn_rate;
    uint64_t duration_ns;
    uint64_t iterations;
    struct option_list stages;
    uint64_t warm_ns, drain_ns, pacing_ns;
    struct load_spec_replay replay;
};

struct load_spec_threshold {
    struct option_text condition;
    bool stops_test;
};

struct load_spec_valid {
    uint64_t lag_ns;
    double errors;
};

/* Where the figures of a running test go; not part of the plan proper. */
struct load_spec_export {
    struct slice listen, gateway, receiver, job;
    struct option_list labels, headers; /* members */
    bool is_deleted_at_end;
};

struct load_spec {
    struct slice name;
    struct option_text url;
    struct option_list targets;
    struct option_list variables; /* members */
    struct option_list data;
    struct option_list scenarios;
    struct option_list steps;
    struct load_spec_load load;
    uint64_t connections, pipelining, streams;
    bool is_kept_alive;
    struct option_list sources; /* texts */
    uint64_t threads;
    struct option_text cpu;
    uint64_t spin_ns;
    uint64_t seed;
    uint64_t interval_ns;
    struct option_list thresholds;
    struct load_spec_valid valid;
    struct load_spec_export export;
};

extern const struct option_table load_table_plan;
extern const struct option_table load_table_target;
extern const struct option_table load_table_data;
extern const struct option_table load_table_scenario;
extern const struct option_table load_table_step;
extern const struct option_table load_table_check;
extern const struct option_table load_table_extract;
extern const struct option_table load_table_slo;
extern const struct option_table load_table_load;
extern const struct option_table load_table_stage;
extern const struct option_table load_table_replay;
extern const struct option_table load_table_threshold;
extern const struct option_table load_table_valid;
extern const struct option_table load_table_export;

#endif
