/* SPDX-License-Identifier: Apache-2.0 */
/* Contracts under construction: the documents that schemas stand in, and what routes make of them. */
#ifndef WEIR_CONTROL_CONFIG_CONTRACT_INT_H
#define WEIR_CONTROL_CONFIG_CONTRACT_INT_H

#include "control/config/compile_int.h"
#include "control/schema/folder.h"
#include "control/schema/name.h"
#include "lib/json/json.h"
#include "pipeline/contract.h"

/* A text with schemas in it: a file, or what the configuration says itself, as JSON. */
struct document {
    struct contract_document *made; /* what the data plane sees of it */
    struct report_origin origin;    /* of a file */
    struct slice absolute;          /* its path; of the configuration: where a file in the folder would be */
    const struct yaml_node *yaml;   /* of the configuration: what `made->text` was made of; else NULL */
    yyjson_val *root;               /* once document_parse has been asked for it */
    bool is_broken;                 /* it is no JSON, which is reported */
    struct document *next;
};

/* Of one load; the documents are in the scratch arena. */
struct contracts {
    struct schema_folder *folder; /* NULL: there is none, or it cannot be read, which is reported */
    struct schema_compiler *compiler;
    struct document *documents; /* the latest first */
    uint32_t document_count;
    const char **names; /* that files of the folder would be found by, for suggestions */
    uint32_t name_count;
    const struct yaml_node
        *faulty; /* the latest route whose contract was wrong: its other methods would say the same */
    uint64_t now_ns;
    struct crypto_hasher *hasher;
};

/* One schema of a contract, before it is compiled. */
struct schema_job {
    struct document *document;
    struct slice fragment;     /* with its "#"; empty: the root */
    struct report_place place; /* in the configuration: what made it be wanted; line 0: a convention */
    struct schema_options options;
};

/* "/a//b/./../c" → "/a/c", NUL-terminated. Links are not asked: what a name means should be seen from it alone. */
struct slice path_clean(struct arena *arena, struct slice path);

/* Opens the folder of `schemas:` and makes the compiler. ERR_NOMEM; mistakes go to the report. */
MUST_USE enum err bindings_begin(struct compile *compile);
/* Says which files of the folder nobody uses, and gives the configuration its documents. */
MUST_USE enum err bindings_finish(struct compile *compile);
/* Also when the load failed anywhere. */
void bindings_end(struct compile *compile);

/* What an absolute path names. NULL in *ret_document when it cannot be read, which is reported. */
MUST_USE enum err document_open(struct compile *compile, struct slice path, struct report_place place,
                                struct document **ret_document);
/* A file of the folder. */
MUST_USE enum err document_of_file(struct compile *compile, struct schema_file *file, struct document **ret_document);
/* What stands in the configuration itself. */
MUST_USE enum err document_of_yaml(struct compile *compile, const struct yaml_node *node,
                                   struct document **ret_document);
/* Its root; NULL when it is no JSON, which is reported. */
MUST_USE enum err document_parse(struct compile *compile, struct document *document, yyjson_val **ret_root);
/* Something is wrong at `pointer` of a document (at its key, for is_key). */
void document_fault(struct compile *compile, const struct document *document, struct slice pointer, bool is_key,
                    const char *format, ...) PRINTF_LIKE(5, 6);
void document_warn(struct compile *compile, const struct document *document, struct slice pointer, bool is_key,
                   const char *format, ...) PRINTF_LIKE(5, 6);
/* Compiles; what is wrong is reported where it stands, and `out` stays as it is. ERR_NOMEM. */
MUST_USE enum err schema_make(struct compile *compile, const struct schema_job *job, struct contract_schema *out);

/* What a route says of its contract. */
struct contract_job {
    const struct yaml_node *node; /* the route; NULL: it is not written */
    const struct route_config *config;
    struct slice method;
    struct slice pattern;
    struct report_place place;
};

/* The contract of a route; NULL when nothing is said of it. ERR_NOMEM; mistakes go to the report. */
MUST_USE enum err contract_make(struct compile *compile, const struct contract_job *job,
                                const struct contract **ret_contract);
/* `contract:` of a route: what it does not write is as `schemas:` says. */
void contract_inherit(const struct compile *compile, const struct yaml_node *route, struct contract_config *config);

/* The OpenAPI Parameter Objects of a document into the contract. */
MUST_USE enum err parameters_make(struct compile *compile, const struct contract_job *job, struct document *document,
                                  struct contract *contract);

#endif
