/* SPDX-License-Identifier: Apache-2.0 */
/* What a route takes and gives, compiled: the schemas of its body, its parameters and its responses.
 *
 * Made while a configuration loads (control/config), enforced by the stage validate, told to clients by control/openapi:
 * one source for all three. Part of the configuration's snapshot: a schema that changes makes a new one. */
#ifndef WEIR_PIPELINE_CONTRACT_H
#define WEIR_PIPELINE_CONTRACT_H

#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct schema;

enum contract_mode { CONTRACT_ENFORCE, CONTRACT_REPORT, CONTRACT_OFF };

/* A schema and where it came from. */
struct contract_schema {
    struct schema *schema;   /* one reference; NULL: there is none */
    enum contract_mode mode; /* x-openapi-validation at its root, else the route's */
    struct slice path;       /* of the file, as it is shown; empty: written in the configuration */
    struct slice uri;        /* with the fragment, as it was compiled */
    struct slice text;       /* of the document it stands in: JSON */
};

/* A document that schemas of a configuration were compiled from, those included that others refer to. */
struct contract_document {
    struct slice uri;   /* absolute, no fragment: what references resolve to */
    struct slice id;    /* `$id` of its root without a fragment, if that is an absolute URI; else empty */
    struct slice path;  /* of the file, as it is shown; empty: written in the configuration */
    struct slice text;  /* JSON */
    char hash[65];      /* SHA-256 of the text, in hex */
    uint64_t loaded_ns; /* time of day at which this text was first taken */
};

enum contract_place { CONTRACT_PATH, CONTRACT_QUERY, CONTRACT_HEADER, CONTRACT_COOKIE };

/* How a parameter is written (OpenAPI 3.1, section 4.8.12.2.1 "Style Values"). */
enum contract_style {
    CONTRACT_SIMPLE,
    CONTRACT_LABEL,
    CONTRACT_MATRIX,
    CONTRACT_FORM,
    CONTRACT_SPACE_DELIMITED,
    CONTRACT_PIPE_DELIMITED,
    CONTRACT_DEEP_OBJECT,
};

/* What the text of a parameter is read as, by the types that its schema allows. */
enum contract_kind { CONTRACT_SCALAR, CONTRACT_ARRAY, CONTRACT_OBJECT };

struct contract_property {
    struct slice name;
    uint32_t types; /* bits of enum contract_type */
};

struct contract_parameter {
    struct slice name; /* of a header: lower case */
    struct slice description;
    enum contract_place place;
    enum contract_style style;
    enum contract_kind kind;
    bool is_exploded;
    bool is_required;
    bool is_deprecated;
    bool allows_empty; /* allowEmptyValue, of the query */
    bool is_json;      /* `content: {application/json: …}` instead of a style */
    uint32_t
        types; /* bits of enum contract_type that the schema allows for a scalar, for an array's items, or for members
                          of an object that are not among `properties` */
    struct contract_property *properties; /* of an object, as far as the schema names them */
    uint32_t property_count;
    struct contract_schema schema;
};

enum contract_type {
    CONTRACT_NULL = 1,
    CONTRACT_BOOLEAN = 2,
    CONTRACT_INTEGER = 4,
    CONTRACT_NUMBER = 8,
    CONTRACT_STRING = 16,
};

struct contract_response {
    uint16_t status_min; /* 200..200, 200..299 for "2XX", 100..599 for "default" */
    uint16_t status_max;
    struct slice description;
    struct contract_schema schema;
};

/* "404", "4XX" or "default", as OpenAPI has it. */
struct text;
void contract_response_key(const struct contract_response *response, struct text *out);

struct contract {
    enum contract_mode mode;    /* of what no schema is asked about: required parameters, unknown ones */
    uint32_t errors_max;        /* of a request, unless the schema of the body says otherwise */
    bool refuses_unknown_query; /* a parameter of the query that is not declared is an error */
    bool has_body;
    bool is_body_required;
    struct contract_schema body;
    struct contract_parameter *parameters;
    uint32_t parameter_count;
    struct slice parameters_path;     /* of their file, as it is shown; empty: none, or written in the configuration */
    enum contract_mode response_mode; /* CONTRACT_OFF without responses */
    struct contract_response *responses; /* exact ones before ranges before default */
    uint32_t response_count;
    bool is_conventional; /* some schema was found by its name alone */
    /* For OpenAPI; all may be empty. */
    struct slice operation_id;
    struct slice summary;
    struct slice description;
    struct slice tags; /* JSON array; empty: none */
};

/* What there is to do; `contract` may be NULL. */
/* For requests, of what the stage validate looks at; and for their bodies, which it wants whole. */
bool contract_checks_requests(const struct contract *contract);
bool contract_checks_bodies(const struct contract *contract);
/* For responses of some status. */
bool contract_checks_responses(const struct contract *contract);
/* For a response of this status: what it is held against; NULL: nothing. */
const struct contract_schema *contract_schema_of(const struct contract *contract, int status);

/* Calls `visit` for every schema of a contract, which may be NULL; `part` says what it is for: "body", "query limit",
 * "response 404", "response 4XX", "response default". */
typedef void (*contract_visit)(void *context, struct slice part, const struct contract_schema *schema);
void contract_each(const struct contract *contract, contract_visit visit, void *context);

#endif
