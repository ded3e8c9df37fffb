/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Schema (2020-12, 2019-09, draft 7): compiled once to a program, then run over parsed documents without taking memory
 * from the system.
 *
 * Compiling is for the control plane: it reads files, takes its time and says what is wrong and where. A compiled schema
 * is immutable and serves any number of threads, each with a schema_work of its own.
 *
 * Sources: https://json-schema.org/draft/2020-12/json-schema-core, -validation; the same of 2019-09 and draft-07. */
#ifndef WEIR_LIB_SCHEMA_SCHEMA_H
#define WEIR_LIB_SCHEMA_SCHEMA_H

#include "lib/base/arena.h"
#include "lib/json/json.h"
#include "lib/json/writer.h"
#include "lib/regex/regex.h"

struct schema;
struct schema_compiler;

enum schema_draft { SCHEMA_DRAFT_7, SCHEMA_DRAFT_2019_09, SCHEMA_DRAFT_2020_12 };

/* ---- options: what x-openapi-validation says of a schema and all that stands within it ------------------------------ */

enum schema_choice { SCHEMA_UNSET, SCHEMA_YES, SCHEMA_NO };
enum schema_mode { SCHEMA_ENFORCE, SCHEMA_REPORT, SCHEMA_OFF };

struct schema_options {
    enum schema_choice
        allow_empty_string; /* yes: "" passes wherever a string may stand; no: nowhere; unset: by the standard */
    bool coerce_types;      /* "5" where a number is wanted, as ajv does it; for what is not a string see docs */
    bool remove_additional; /* members that additionalProperties or unevaluatedProperties refuse are dropped */
    bool apply_defaults;    /* absent properties get their `default` */
    uint32_t errors_max;    /* of the root only: how many errors are told; 0: the caller's */
    enum schema_mode mode;  /* of the root only */
};

/* ---- compiling ---------------------------------------------------------------------------------------------------------- */

/* Where the documents come from that a schema refers to. */
struct schema_source {
    void *context;
    /* The text of the document with this absolute URI (no fragment), in the arena, and the name it has in messages (a path).
     * ERR_NOT_FOUND, ERR_IO, ERR_LIMIT, ERR_NOMEM. */
    enum err (*read)(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                     struct slice *ret_name);
};

struct schema_settings {
    enum schema_draft draft;            /* of documents without $schema */
    bool asserts_formats;               /* `format` is checked, whatever the vocabulary says */
    struct schema_options options;      /* where no x-openapi-validation says otherwise */
    const struct schema_source *source; /* borrowed; NULL: the metaschemas only */
    size_t documents_bytes_max;         /* all texts together; 0: 64 MiB */
    uint32_t instructions_max;          /* of one program; 0: a million */
};

/* What is wrong with a schema. */
struct schema_fault {
    struct slice name; /* of the document */
    uint32_t line;     /* 0: of the document as a whole */
    uint32_t column;
    struct slice pointer; /* into the document */
    struct slice message; /* what was expected and found, and what to do */
};

/* Keeps the documents that it has read and the metaschemas that it has compiled, so that many schemas can be made of few
 * files. After ERR_NOMEM and ERR_LIMIT it may be of no more use. ERR_NOMEM. One thread. */
MUST_USE enum err schema_compiler_create(const struct schema_settings *settings, struct schema_compiler **ret_compiler);
void schema_compiler_destroy(struct schema_compiler *compiler);
/* Adds a document under its absolute URI. `text` is copied. ERR_SYNTAX with a fault; ERR_EXISTS; ERR_LIMIT; ERR_NOMEM. */
MUST_USE enum err schema_compiler_add(struct schema_compiler *compiler, struct slice uri, struct slice name,
                                      struct slice text);
/* The schema at an absolute URI with or without a fragment (pointer or anchor), which may stand inside of a document that
 * is none itself, such as an OpenAPI document. Checked against its metaschema first. ERR_INVALID with faults: a broken
 * schema, a reference to nowhere, a pattern that does not compile; ERR_LIMIT, also with a fault; ERR_NOMEM. */
MUST_USE enum err schema_compile(struct schema_compiler *compiler, struct slice uri,
                                 const struct schema_options *options, struct schema **ret_schema);
/* Of the last call: what is wrong, when it failed; when it went well, what is allowed but looks like a slip (a member that
 * is nearly a keyword, a format that is nearly one). The compiler's until the next call. */
const struct schema_fault *schema_compiler_faults(const struct schema_compiler *compiler, uint32_t *ret_count);

/* What a value may be by its schema, as far as `type`, `enum`, `const`, and what they are combined with by references,
 * allOf, anyOf and oneOf tell: for reading texts, such as parameters, as what is wanted. */
enum schema_type {
    SCHEMA_TYPE_NULL = 1,
    SCHEMA_TYPE_BOOLEAN = 2,
    SCHEMA_TYPE_INTEGER = 4,
    SCHEMA_TYPE_NUMBER = 8, /* with SCHEMA_TYPE_INTEGER */
    SCHEMA_TYPE_STRING = 16,
    SCHEMA_TYPE_ARRAY = 32,
    SCHEMA_TYPE_OBJECT = 64,
    SCHEMA_TYPE_ANY = 127,
};

struct schema_property {
    struct slice name;
    uint32_t types; /* bits of enum schema_type */
};

struct schema_shape {
    uint32_t types;
    uint32_t item_types;   /* of the items of an array */
    uint32_t member_types; /* of members of an object that are not among `properties` */
    struct schema_property *properties;
    uint32_t property_count;
};

/* Of the schema at a URI that has been compiled. In the arena; ERR_NOMEM, and what schema_compile says of a URI. */
MUST_USE enum err schema_compiler_shape(struct schema_compiler *compiler, struct slice uri, struct arena *arena,
                                        struct schema_shape *ret_shape);

struct schema *schema_ref(struct schema *schema);
/* The last one frees. NULL is accepted. Any thread. */
void schema_unref(struct schema *schema);

/* Of the root, by x-openapi-validation or by what schema_compile was given. */
const struct schema_options *schema_options(const struct schema *schema);
/* In which its root is written. */
enum schema_draft schema_draft_of(const struct schema *schema);
/* Whether it may have edits to make: coerceTypes, removeAdditional or applyDefaults somewhere. */
bool schema_adapts(const struct schema *schema);
/* Whether documents have to be parsed with json_limits.keeps_numbers, since their digits matter (multipleOf of fractions,
 * bounds that no double holds), or since they are written again with its edits. */
bool schema_wants_numbers(const struct schema *schema);
/* For `weir schema compile`: how many instructions, and a listing of them. */
uint32_t schema_instruction_count(const struct schema *schema);
void schema_list(const struct schema *schema, struct buffer *out);

/* ---- running ------------------------------------------------------------------------------------------------------------ */

enum schema_outcome {
    SCHEMA_VALID,
    SCHEMA_INVALID,
    SCHEMA_OVER_LIMIT, /* steps, depth or a regular expression's limit */
    SCHEMA_NO_MEMORY,  /* the arena's limit */
};

/* What a thread runs with; may be used for one document after the other. */
struct schema_work {
    struct arena *scratch; /* for uniqueItems and unevaluated...; used up piece by piece, the caller resets it */
    struct regex_work *regex;
    uint64_t steps_left; /* counts down: set before each run. An instruction, a member, an item is a step */
};

/* Whether the document is valid: the first fault ends it. */
enum schema_outcome schema_check(const struct schema *schema, yyjson_val *document, struct schema_work *work);

/* One thing that is wrong with a document. Texts are in the arena or the schema's. */
struct schema_error {
    struct slice instance; /* pointer into the document */
    struct slice path;     /* keywordLocation: the way through the schemas, references included */
    struct slice location; /* absoluteKeywordLocation: URI#pointer */
    struct slice keyword;  /* "minimum"; "false schema" where the schema is false */
    struct slice expected; /* such as "at least 3"; may be empty */
    struct slice found;    /* the value, shortened; "(hidden)" where the schema says writeOnly or format password */
    struct slice message;  /* a sentence of both */
};

struct schema_errors {
    struct arena *arena; /* in */
    uint32_t max;        /* in: how many are kept */
    struct schema_error *items;
    uint32_t count;
    bool is_cut; /* there were more */
};

/* The same with all that is wrong, in the order of the schema; slower. */
enum schema_outcome schema_explain(const struct schema *schema, yyjson_val *document, struct schema_work *work,
                                   struct schema_errors *errors);

/* What is to be changed in a document, in the order of its text. */
enum schema_edit_kind {
    SCHEMA_EDIT_REPLACE, /* `at` is a value; `json` stands in its place */
    SCHEMA_EDIT_REMOVE,  /* `at` is a key; the member goes */
    SCHEMA_EDIT_ADD,     /* `at` is an object; the member `name`: `json` comes to it */
};

struct schema_edit {
    yyjson_val *at;
    enum schema_edit_kind kind;
    struct slice name;
    struct slice json;
};

struct schema_edits {
    struct arena *arena; /* in */
    struct schema_edit *items;
    uint32_t count;
    uint32_t capacity;
};

/* Validates as if the edits had been made, and lists them. Edits of a branch that fails (in anyOf, oneOf, not, if) do not
 * count. The document itself stays as it is. `errors` may be NULL. */
enum schema_outcome schema_adapt(const struct schema *schema, yyjson_val *document, struct schema_work *work,
                                 struct schema_edits *edits, struct schema_errors *errors);
/* Writes the document with its edits. */
void schema_edits_write(yyjson_val *document, const struct schema_edits *edits, struct json_writer *writer);

/* The output forms of the standard (core, section 12): flag and basic. */
enum schema_output { SCHEMA_OUTPUT_FLAG, SCHEMA_OUTPUT_BASIC };
void schema_write_output(enum schema_output form, bool is_valid, const struct schema_errors *errors,
                         struct json_writer *writer);

#endif
