/* SPDX-License-Identifier: Apache-2.0 */
/* An import on its way. */
#ifndef WEIR_CONTROL_OPENAPI_IMPORT_INT_H
#define WEIR_CONTROL_OPENAPI_IMPORT_INT_H

#include "control/config/read_document.h"
#include "control/openapi/import.h"
#include "lib/base/map.h"
#include "lib/json/writer.h"

#define IMPORT_POINTER_BYTES 4096
#define IMPORT_QUOTE_BYTES   100 /* of what a message repeats */

/* A schema that references lead to: a file of its own. */
struct import_shared {
    struct slice pointer; /* in the document */
    struct slice file;    /* in schemas/components */
    yyjson_val *value;
    struct import_shared *next;
};

struct import_upstream {
    struct slice name;
    struct slice server; /* host:port */
    struct slice shown;  /* as the document has it */
    bool is_tls;
    bool is_guess; /* the document names none */
    struct import_upstream *next;
};

struct import_comment {
    struct slice text;
    struct import_comment *next;
};

struct import_comments {
    struct import_comment *first;
    struct import_comment *last;
};

/* Who may ask, as far as weir's auth can say it. */
enum import_auth { IMPORT_PUBLIC, IMPORT_AUTHORIZATION, IMPORT_X_API_KEY, IMPORT_BOTH_HEADERS };

struct import_route {
    struct slice method;  /* in capitals */
    struct slice pattern; /* with the base path of the server */
    struct slice name;    /* of its files in schemas/, without an ending */
    bool is_named;        /* the files have weir's own names for it: nobody has to say them */
    const struct import_upstream *upstream;
    enum import_auth auth;
    yyjson_val *item;      /* of `paths` */
    struct slice item_at;  /* its pointer */
    yyjson_val *operation; /* in it */
    struct slice key;      /* "get" */
    struct slice operation_id;
    struct slice summary;
    struct slice description;
    struct slice tags; /* quoted, with commas between; empty: none */
    bool has_body;
    bool is_body_required;
    bool has_parameters;
    struct slice responses; /* lines of YAML; empty: none */
    struct import_comments comments;
    struct import_route *next;
};

struct import {
    struct arena *arena;
    struct report *report;
    const struct import_settings *settings;
    struct placed_document document;
    yyjson_val *root;
    bool is_3_0;
    char pointer_memory[IMPORT_POINTER_BYTES];
    struct text pointer; /* of what is being looked at, for messages */
    const char *
        components; /* from the file that is being written to those of `shared`: "components/", or "" for one of them */
    struct map notes; /* that have been told */
    struct map shared_by_pointer;
    struct map shared_by_file;
    struct import_shared *shared;
    struct import_shared **shared_end;
    struct import_upstream *upstreams;
    struct import_route *routes;
    struct import_route **routes_end;
    uint32_t route_count;
    struct map routes_by_name;
    struct map routes_by_shape;
    struct map operation_ids;
    struct import_comments comments; /* in front of the routes: those that there are none for */
    struct tree_file *files;
    uint32_t file_count;
    uint32_t file_capacity;
    uint32_t schema_count;
    bool has_parameters;    /* any route */
    uint32_t unnamed_count; /* routes whose files are in schemas/routes */
    enum err err;           /* ERR_NOMEM sticks */
};

/* ---- import.c: places and messages ------------------------------------------------------------------------------------ */

/* Goes down to a member and back. */
size_t import_enter(struct import *in, struct slice token);
size_t import_enter_index(struct import *in, size_t index);
void import_leave(struct import *in, size_t mark);
/* Goes to another place of the document; returns where it was. */
struct slice import_jump(struct import *in, struct slice pointer);

/* About what is being looked at, or for a `token` about that member of it. */
void import_error(struct import *in, const char *token, const char *format, ...) PRINTF_LIKE(3, 4);
void import_note(struct import *in, const char *token, const char *format, ...) PRINTF_LIKE(3, 4);
/* One line of a comment in weir.yaml. */
void import_comment(struct import *in, struct import_comments *comments, const char *format, ...) PRINTF_LIKE(3, 4);

/* To be walked: what is no object, or no list, is an empty one. */
static inline yyjson_val *import_object(yyjson_val *value)
{
    static yyjson_val empty = {.tag = YYJSON_TYPE_OBJ};
    return yyjson_is_obj(value) ? value : &empty;
}

static inline yyjson_val *import_list(yyjson_val *value)
{
    static yyjson_val empty = {.tag = YYJSON_TYPE_ARR};
    return yyjson_is_arr(value) ? value : &empty;
}

/* The value that a chain of $ref leads to, and goes there; NULL where it leads nowhere, which is reported. */
yyjson_val *import_follow(struct import *in, yyjson_val *value);
/* What has been made in the arena, as by arena_printf; if there was no memory an empty text, and in->err knows. */
struct slice import_keep(struct import *in, struct slice made);
struct slice import_copy(struct import *in, struct slice text);
/* A member that is a text, cut where it is longer than weir takes; empty if there is none. */
struct slice import_text(struct import *in, yyjson_val *owner, const char *key, size_t bytes_max);
/* A file of the result; JSON is laid out for people. */
void import_add_file(struct import *in, struct slice path, struct slice content, unsigned mode);
void import_add_json(struct import *in, struct slice path, const struct json_writer *writer);

/* ---- import_schema.c, import_refs.c ------------------------------------------------------------------------------------ */

/* A schema of the document as JSON Schema 2020-12. */
void import_write_schema(struct import *in, yyjson_val *schema, struct json_writer *out);
/* The same as a document of its own, with $schema: a file of schemas/. */
void import_add_schema(struct import *in, struct slice path, yyjson_val *schema);
/* What a $ref becomes; empty where it leads nowhere, which is reported. */
struct slice import_reference(struct import *in, struct slice reference, const char *keyword);
/* Writes all that references lead to, and what those refer to. */
void import_add_shared(struct import *in);

/* ---- import_paths.c, import_servers.c, import_operation.c, import_config.c ---------------------------------------------- */

/* Makes the routes, as far as they can be. */
void import_paths(struct import *in);
/* The upstream of an operation, by the nearest `servers`, and the path that stands in front of all others. */
const struct import_upstream *import_server(struct import *in, yyjson_val *item, yyjson_val *operation,
                                            struct slice *ret_base);
/* What stands in an operation, and the files for it. */
void import_operation(struct import *in, struct import_route *route);
enum import_auth import_security(struct import *in, yyjson_val *operation, struct import_comments *comments);
/* A text as JSON and YAML both read it, with its quotes. */
struct slice import_quote(struct import *in, struct slice text);
/* weir.yaml. */
struct slice import_config(struct import *in);

#endif
