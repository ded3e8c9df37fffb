/* SPDX-License-Identifier: Apache-2.0 */
/* Shared inside openapi/: a document under construction, in the order in which it is written. */
#ifndef WEIR_CONTROL_OPENAPI_OPENAPI_INT_H
#define WEIR_CONTROL_OPENAPI_OPENAPI_INT_H

#include "control/openapi/openapi.h"
#include "lib/json/writer.h"
#include "lib/schema/bundle.h"
#include "pipeline/description.h"
#include "pipeline/problem.h"
#include "pipeline/route.h"

#define NAME_BYTES_MAX 128 /* of a component or an operation */

/* What stands in `components` under one kind. Equal content under an equal name is one component. */
struct component {
    struct slice name;
    struct slice json;
    uint32_t next;   /* of the same bucket: index + 1; 0: none */
    uint32_t number; /* that a name made of this one gets next; 0: none was made yet */
};

/* In the order of their addition, and found by name. */
struct component_list {
    struct component *items;
    uint32_t *buckets; /* index + 1 of the first; as many as there is room for items */
    uint32_t count;
    uint32_t capacity; /* a power of two */
};

enum component_kind { COMPONENT_SCHEMA, COMPONENT_RESPONSE, COMPONENT_HEADER, COMPONENT_KINDS };

/* Tags group operations by what answers them. */
enum tag { TAG_MODELS, TAG_INFERENCE, TAG_UPSTREAMS, TAG_FILES, TAG_OPERATION, TAG_COUNT };

struct openapi {
    const struct config *config;
    struct arena *arena;
    struct json_writer out; /* the document */
    struct component_list components[COMPONENT_KINDS];
    struct component_list operation_ids; /* without content, as schema_names */
    struct component_list schema_names;  /* those of `bundle` and of our own */
    struct component_list own_tags;      /* that routes name */
    struct schema_bundle *bundle;        /* of the contracts' schemas; NULL: there are none */
    struct schema_source source;
    uint32_t credentials; /* of all operations: bits of enum credential */
    uint32_t tags;        /* that are in use */
    enum err err;         /* the first failure sticks */
};

/* One route and method. */
struct operation {
    struct openapi *api;
    const struct route *route;
    const char *method;   /* lower case */
    struct slice pattern; /* of the path item: parameters are named as there */
    const struct model_info *model;
    struct description said; /* by the middlewares */
    uint32_t places;         /* bits of enum problem_place: what its requests come past */
};

/* A body that a response may have. */
struct content {
    const char *media_type;
    struct slice schema; /* JSON */
};

#define CONTENTS_MAX  6
#define RESPONSES_MAX 64
#define KEY_BYTES_MAX 8

/* What an operation answers under one status, or under a range of them. */
struct response {
    char key[KEY_BYTES_MAX]; /* "200", "2XX", "default" */
    struct slice description;
    struct content contents[CONTENTS_MAX];
    uint32_t content_count;
    uint64_t problems; /* a bit for each of enum problem */
};

struct responses {
    struct response items[RESPONSES_MAX];
    uint32_t count;
};

/* --- text ------------------------------------------------------------------------------------------------------------ */

static inline void put_text(struct json_writer *out, const char *key, struct slice text)
{
    json_write_key(out, slice_of_text(key));
    json_write_string(out, text);
}

static inline void put_json(struct json_writer *out, const char *key, struct slice json)
{
    json_write_key(out, slice_of_text(key));
    json_write_raw(out, json);
}

static inline void put_u64(struct json_writer *out, const char *key, uint64_t value)
{
    json_write_key(out, slice_of_text(key));
    json_write_u64(out, value);
}

/* Begins an object or array as a member. */
static inline void put_object(struct json_writer *out, const char *key)
{
    json_write_key(out, slice_of_text(key));
    json_write_object_begin(out);
}

static inline void put_array(struct json_writer *out, const char *key)
{
    json_write_key(out, slice_of_text(key));
    json_write_array_begin(out);
}

/* --- components.c ---------------------------------------------------------------------------------------------------- */

/* printf into the arena of the document; {"", 0} and a failure that sticks without memory. */
struct slice openapi_printf(struct openapi *api, const char *format, ...) PRINTF_LIKE(2, 3);
/* What was written, in its place in the arena. The same without memory. */
struct slice openapi_finish(struct openapi *api, const struct json_writer *writer);
/* Letters, digits and "._-"; others become "_". */
struct slice openapi_name(struct openapi *api, struct slice text);
/* The name that the content has from now on: `name`, or that with a number behind it when it stands for something
 * else. */
struct slice component_add(struct openapi *api, enum component_kind kind, struct slice name, struct slice json);
/* Whether the list has the name. */
bool component_has(const struct component_list *list, struct slice name);
/* A name of which there is no other in the list. */
struct slice component_reserve(struct openapi *api, struct component_list *list, struct slice name);
/* Under a name that was reserved. */
void component_put(struct openapi *api, enum component_kind kind, struct slice name, struct slice json);
/* {"$ref": "#/components/schemas/NAME"}, of component_add. */
struct slice component_ref(struct openapi *api, enum component_kind kind, struct slice name, struct slice json);
void components_write(struct openapi *api);

/* --- document.c, paths.c, operation.c --------------------------------------------------------------------------------- */

void paths_write(struct openapi *api);
/* A tag of a route's own. */
void openapi_note_tag(struct openapi *api, struct slice name);
void openapi_put_tag(struct openapi *api, struct json_writer *out, enum tag tag);
void operation_write(struct openapi *api, const struct route *route, const char *method, struct slice pattern);

/* --- responses.c ------------------------------------------------------------------------------------------------------ */

struct response *response_at(struct responses *responses, const char *key);
void response_add_content(struct response *response, const char *media_type, struct slice schema);
/* The problems that the operation's requests can meet, each under its status. */
void responses_add_problems(const struct operation *operation, struct responses *responses);
void responses_write(const struct operation *operation, struct responses *responses);

/* --- targets.c: what answers ------------------------------------------------------------------------------------------ */

enum tag target_tag(const struct route *route);
struct slice target_summary(const struct operation *operation);
struct slice target_description(const struct operation *operation);
/* Bits of enum problem_place that the target brings. */
uint32_t target_places(const struct route *route);
/* Forms of the body that it takes when no middleware says so; returns how many. */
uint32_t target_inputs(const struct operation *operation, struct description_input inputs[DESCRIPTION_INPUTS_MAX]);
/* What it answers when nothing goes wrong. */
void target_responses(const struct operation *operation, struct responses *responses);
/* Models are named by the path or by the route. */
void target_parameter_schema(const struct operation *operation, struct slice name, struct json_writer *out);
/* What the route runs, if that is known. */
const struct model_info *target_model(const struct model_entry *entry);

/* --- contracts.c -------------------------------------------------------------------------------------------------------- */

struct contract;
/* Around the paths: between them, schemas are collected. */
void contracts_begin(struct openapi *api);
void contracts_end(struct openapi *api);
/* Whether the contract has the parameter of the path; then it has been written. */
bool contract_path_parameter_write(const struct operation *operation, struct slice name);
/* Parameters of other places. */
bool contract_has_parameters(const struct operation *operation);
void contract_parameters_write(const struct operation *operation);
/* The schema of the body; empty: there is none. */
struct slice contract_body(const struct operation *operation);
void contract_responses(const struct operation *operation, struct responses *responses);
/* Bits of enum problem_place. NULL is accepted. */
uint32_t contract_places(const struct contract *contract);
void contract_validation_write(const struct operation *operation);

/* --- tensors.c: the Open Inference Protocol ---------------------------------------------------------------------------- */

/* {"$ref": …} to the schema of a request to, or a response of, a model; of any model for NULL. */
struct slice tensors_request(struct openapi *api, const struct model_info *model);
struct slice tensors_response(struct openapi *api, const struct model_info *model);
struct slice tensors_metadata(struct openapi *api);

#endif
