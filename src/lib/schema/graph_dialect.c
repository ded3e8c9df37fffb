/* SPDX-License-Identifier: Apache-2.0 */
/* What $schema stands for: a draft, and the vocabularies that its metaschema has in use. */
#include "lib/schema/graph_state_int.h"

#include "lib/schema/uri_int.h"

#define ALL_VOCABULARIES                                                                                               \
    (VOCABULARY_CORE | VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED | VOCABULARY_VALIDATION |                        \
     VOCABULARY_FORMAT_ANNOTATION | VOCABULARY_CONTENT | VOCABULARY_META_DATA)

#define JSON_SCHEMA  "json-schema.org/"
#define OPENAPI_BASE "https://spec.openapis.org/oas/3.1/"

/* With "https" for draft 7, as some write it, and the one metaschema that both stand for. */
static const struct {
    const char *name;
    const char *uri;
    enum schema_draft draft;
} standards[] = {
    {"http://" JSON_SCHEMA "draft-07/schema", "http://" JSON_SCHEMA "draft-07/schema", SCHEMA_DRAFT_7},
    {"https://" JSON_SCHEMA "draft-07/schema", "http://" JSON_SCHEMA "draft-07/schema", SCHEMA_DRAFT_7},
    {"https://" JSON_SCHEMA "draft/2019-09/schema", "https://" JSON_SCHEMA "draft/2019-09/schema",
     SCHEMA_DRAFT_2019_09},
    {"https://" JSON_SCHEMA "draft/2020-12/schema", "https://" JSON_SCHEMA "draft/2020-12/schema",
     SCHEMA_DRAFT_2020_12},
    {OPENAPI_BASE "dialect/base", OPENAPI_BASE "dialect/base", SCHEMA_DRAFT_2020_12},
};

#define VOCABULARY_2019(name) "https://" JSON_SCHEMA "draft/2019-09/vocab/" name
#define VOCABULARY_2020(name) "https://" JSON_SCHEMA "draft/2020-12/vocab/" name

static const struct {
    const char *uri;
    uint32_t bits;
    uint32_t required_bits; /* more, where it is required */
} known_vocabularies[] = {
    {VOCABULARY_2019("core"), VOCABULARY_CORE, 0},
    {VOCABULARY_2019("applicator"), VOCABULARY_APPLICATOR | VOCABULARY_UNEVALUATED, 0},
    {VOCABULARY_2019("validation"), VOCABULARY_VALIDATION, 0},
    {VOCABULARY_2019("meta-data"), VOCABULARY_META_DATA, 0},
    /* 2019-09, validation, section 7.2: required means that it is to be asserted. */
    {VOCABULARY_2019("format"), VOCABULARY_FORMAT_ANNOTATION, VOCABULARY_FORMAT_ASSERTION},
    {VOCABULARY_2019("content"), VOCABULARY_CONTENT, 0},
    {VOCABULARY_2020("core"), VOCABULARY_CORE, 0},
    {VOCABULARY_2020("applicator"), VOCABULARY_APPLICATOR, 0},
    {VOCABULARY_2020("unevaluated"), VOCABULARY_UNEVALUATED, 0},
    {VOCABULARY_2020("validation"), VOCABULARY_VALIDATION, 0},
    {VOCABULARY_2020("meta-data"), VOCABULARY_META_DATA, 0},
    {VOCABULARY_2020("format-annotation"), VOCABULARY_FORMAT_ANNOTATION, 0},
    {VOCABULARY_2020("format-assertion"), VOCABULARY_FORMAT_ASSERTION, 0},
    {VOCABULARY_2020("content"), VOCABULARY_CONTENT, 0},
    {OPENAPI_BASE "vocab/base", 0, 0}, /* annotations only */
};

static struct schema_dialect *find_in_list(const struct graph *graph, struct slice uri);
static enum err find_custom(struct graph *graph, struct slice uri, struct schema_dialect **ret_dialect,
                            struct slice *ret_reason);

static enum err add(struct graph *graph, struct slice uri, enum schema_draft draft, uint32_t vocabularies,
                    struct schema_dialect **ret_dialect)
{
    struct schema_dialect *dialect = arena_alloc_zero(&graph->arena, sizeof *dialect);
    if (!dialect)
        return graph_no_memory(graph);
    *dialect =
        (struct schema_dialect){.uri = uri, .draft = draft, .vocabularies = vocabularies, .next = graph->dialects};
    graph->dialects = dialect;
    *ret_dialect = dialect;
    return ERR_OK;
}

static enum err find_absolute(struct graph *graph, struct slice uri, struct schema_dialect **ret_dialect,
                              struct slice *ret_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(standards); i++) {
        if (!slice_is(uri, standards[i].name))
            continue;
        struct slice own = slice_of_text(standards[i].uri);
        *ret_dialect = find_in_list(graph, own);
        return *ret_dialect ? ERR_OK : add(graph, own, standards[i].draft, ALL_VOCABULARIES, ret_dialect);
    }
    *ret_dialect = find_in_list(graph, uri);
    return *ret_dialect ? ERR_OK : find_custom(graph, uri, ret_dialect, ret_reason);
}

enum err graph_dialect_find(struct graph *graph, struct slice base, struct slice uri,
                            struct schema_dialect **ret_dialect, struct slice *ret_reason)
{
    struct slice absolute;
    struct slice fragment;
    enum err err = uri_resolve(&graph->arena, base, uri, &absolute, &fragment);
    if (err == ERR_NOMEM)
        return graph_no_memory(graph);
    if (err != ERR_OK) {
        *ret_reason = SLICE_LIT("it is no URI");
        return ERR_INVALID;
    }
    struct schema_dialect *dialect;
    TRY(find_absolute(graph, absolute, &dialect, ret_reason));
    *ret_dialect = dialect;
    return ERR_OK;
}

enum err graph_dialect_default(struct graph *graph, bool is_openapi, struct schema_dialect **ret_dialect)
{
    struct slice reason;
    static const char *const uris[] = {
        [SCHEMA_DRAFT_7] = "http://" JSON_SCHEMA "draft-07/schema",
        [SCHEMA_DRAFT_2019_09] = "https://" JSON_SCHEMA "draft/2019-09/schema",
        [SCHEMA_DRAFT_2020_12] = "https://" JSON_SCHEMA "draft/2020-12/schema",
    };
    const char *uri = is_openapi ? OPENAPI_BASE "dialect/base" : uris[graph->settings->draft];
    return find_absolute(graph, slice_of_text(uri), ret_dialect, &reason);
}

static struct schema_dialect *find_in_list(const struct graph *graph, struct slice uri)
{
    struct schema_dialect *dialect = graph->dialects;
    while (dialect && !slice_equal(dialect->uri, uri))
        dialect = dialect->next;
    return dialect;
}

/* Core cannot be switched off: it is what $vocabulary belongs to. */
static enum err read_vocabularies(struct graph *graph, yyjson_val *object, uint32_t *ret_bits, struct slice *ret_reason)
{
    uint32_t bits = VOCABULARY_CORE;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;) {
        bool is_required = yyjson_is_true(yyjson_obj_iter_get_val(key));
        size_t i = 0;
        while (i < ARRAY_LEN(known_vocabularies) && !slice_is(json_text(key), known_vocabularies[i].uri))
            i++;
        if (i < ARRAY_LEN(known_vocabularies)) {
            bits |= known_vocabularies[i].bits | (is_required ? known_vocabularies[i].required_bits : 0);
        } else if (is_required) {
            *ret_reason =
                arena_printf(&graph->fault_arena, "it requires the vocabulary " SLICE_FMT ", which is not known here",
                             SLICE_ARG(json_text(key)));
            return ERR_INVALID;
        }
    }
    *ret_bits = bits;
    return ERR_OK;
}

static enum err explain_absence(struct slice uri, enum err err, struct slice *ret_reason)
{
    if (err == ERR_NOMEM || err == ERR_LIMIT)
        return err;
    if (slice_starts(uri, SLICE_LIT("http://" JSON_SCHEMA "draft-0")))
        *ret_reason = SLICE_LIT("of the drafts of JSON Schema, 7, 2019-09 and 2020-12 are known here");
    else if (err == ERR_NOT_FOUND)
        *ret_reason = SLICE_LIT("there is no such document, and none is read from the network");
    else
        *ret_reason = slice_of_text(err_text(err));
    return ERR_INVALID;
}

static enum err find_custom(struct graph *graph, struct slice uri, struct schema_dialect **ret_dialect,
                            struct slice *ret_reason)
{
    struct schema_document *document;
    struct schema_dialect *own;
    enum err err = graph_document_find(graph, uri, &document);
    if (err != ERR_OK)
        return explain_absence(uri, err, ret_reason);
    bool is_endless = document->is_asked && !document->dialect;
    if (!is_endless && graph->dialect_depth < GRAPH_DIALECT_DEPTH_MAX) {
        graph->dialect_depth++;
        err = graph_document_dialect(graph, document, &own);
        graph->dialect_depth--;
        TRY(err);
    }
    if (is_endless || !document->dialect || document->has_no_dialect) {
        *ret_reason = SLICE_LIT("its own $schema leads to no draft that is known here");
        return ERR_INVALID;
    }
    own = document->dialect;
    uint32_t vocabularies = own->vocabularies;
    yyjson_val *object = json_get(document->root, SLICE_LIT("$vocabulary"));
    if (own->draft != SCHEMA_DRAFT_7 && yyjson_is_obj(object))
        TRY(read_vocabularies(graph, object, &vocabularies, ret_reason));
    return add(graph, uri, own->draft, vocabularies, ret_dialect);
}

enum err graph_document_dialect(struct graph *graph, struct schema_document *document,
                                struct schema_dialect **ret_dialect)
{
    struct slice name = document->is_openapi ? SLICE_LIT("jsonSchemaDialect") : SLICE_LIT("$schema");
    struct slice schema = json_text(json_get(document->root, name));
    struct schema_dialect *dialect = document->dialect;
    struct slice reason;
    if (dialect) {
        *ret_dialect = dialect;
        return ERR_OK;
    }
    document->is_asked = true;
    enum err err = schema.ptr ? graph_dialect_find(graph, document->uri, schema, &dialect, &reason)
                              : graph_dialect_default(graph, document->is_openapi, &dialect);
    if (err == ERR_INVALID) {
        struct slice pointer = graph_pointer_add(graph, (struct slice){NULL, 0}, name);
        TRY(graph_document_fault(graph, document, pointer, false,
                                 "no metaschema can be had for \"" SLICE_FMT "\" \"" SLICE_FMT "\": " SLICE_FMT,
                                 SLICE_ARG(name), SLICE_ARG(schema), SLICE_ARG(reason)));
        document->has_no_dialect = true;
        err = graph_dialect_default(graph, document->is_openapi, &dialect);
    }
    TRY(err);
    document->dialect = dialect;
    *ret_dialect = dialect;
    return ERR_OK;
}
