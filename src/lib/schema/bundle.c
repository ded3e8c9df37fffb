/* SPDX-License-Identifier: Apache-2.0 */
/* Walks the nodes of the graph, whose references are resolved, and writes each schema keyword by keyword. */
#include "lib/schema/bundle.h"

#include "lib/schema/graph_state_int.h"
#include "lib/schema/uri_int.h"

#include <stdlib.h>

struct entry {
    struct schema_node *node;
    struct slice name;
    struct entry *next;
};

struct schema_bundle {
    struct schema_bundle_settings settings;
    struct graph *graph;
    struct map entries; /* the bytes of the pointer to the node → struct entry */
    struct entry *next; /* the first that has not been written */
    struct entry **end;
    enum err err;
};

static void write_schema(struct schema_bundle *bundle, struct schema_node *node, struct json_writer *out);

enum err schema_bundle_create(const struct schema_bundle_settings *settings, struct schema_bundle **ret_bundle)
{
    struct schema_bundle *bundle = calloc(1, sizeof *bundle);
    if (!bundle)
        return ERR_NOMEM;
    bundle->settings = *settings;
    bundle->end = &bundle->next;
    map_init(&bundle->entries, (struct hash_key){(uintptr_t)bundle, 0});
    enum err err = graph_create(&bundle->settings.schemas, &bundle->graph);
    if (err == ERR_OK)
        *ret_bundle = bundle;
    else
        schema_bundle_destroy(bundle);
    return err;
}

void schema_bundle_destroy(struct schema_bundle *bundle)
{
    if (!bundle)
        return;
    map_deinit(&bundle->entries);
    graph_destroy(bundle->graph);
    free(bundle);
}

enum err schema_bundle_error(const struct schema_bundle *bundle)
{
    return bundle->err;
}

/* --- names ------------------------------------------------------------------------------------------------------------- */

/* The last of the parts between slashes. */
static struct slice last_part(struct slice text)
{
    struct slice part = text;
    while (text.ptr)
        part = slice_cut(&text, '/');
    return part;
}

/* "https://a.example/schemas/user.json" → "user" */
static struct slice stem_of(struct slice uri)
{
    struct slice name = last_part(uri);
    size_t len = name.len;
    while (len > 1 && name.ptr[len - 1] != '.')
        len--;
    return len > 1 ? slice_first(name, len - 1) : name;
}

static struct slice wanted_name(const struct schema_node *node)
{
    struct slice title =
        yyjson_is_obj(node->value) ? json_text(json_get(node->value, SLICE_LIT("title"))) : (struct slice){NULL, 0};
    if (title.len)
        return title;
    return node->pointer.len ? last_part(node->pointer) : stem_of(node->resource->uri);
}

/* NULL without memory. */
static const struct entry *enter(struct schema_bundle *bundle, struct schema_node *node)
{
    struct entry *known = map_find(&bundle->entries, slice_of(&node, sizeof node));
    if (known)
        return known;
    struct entry *entry = arena_alloc_zero(graph_arena(bundle->graph), sizeof *entry);
    struct slice name =
        entry ? bundle->settings.name(bundle->settings.context, wanted_name(node)) : (struct slice){NULL, 0};
    if (!name.ptr) {
        bundle->err = ERR_NOMEM;
        return NULL;
    }
    *entry = (struct entry){.node = node, .name = name};
    bundle->err = map_add(&bundle->entries, slice_of(&entry->node, sizeof entry->node), entry);
    if (bundle->err != ERR_OK)
        return NULL;
    *bundle->end = entry;
    bundle->end = &entry->next;
    return entry;
}

static void write_ref_value(struct schema_bundle *bundle, struct schema_node *node, struct json_writer *out)
{
    const struct entry *entry = enter(bundle, node);
    struct slice name = entry ? entry->name : SLICE_LIT("");
    struct buffer text = buffer_in_arena(graph_arena(bundle->graph), bundle->settings.prefix.len + name.len);
    struct slice reference = SLICE_LIT("");
    buffer_add(&text, bundle->settings.prefix);
    buffer_add(&text, name);
    if (buffer_finish(&text, &reference) != ERR_OK)
        bundle->err = ERR_NOMEM;
    json_write_string(out, reference);
}

static void write_ref(struct schema_bundle *bundle, struct schema_node *node, struct json_writer *out)
{
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("$ref"));
    write_ref_value(bundle, node, out);
    json_write_object_end(out);
}

/* --- one schema -------------------------------------------------------------------------------------------------------- */

static void write_child(struct schema_bundle *bundle, const struct schema_node *parent, yyjson_val *value,
                        struct json_writer *out)
{
    if (yyjson_is_obj(value))
        write_schema(bundle, graph_subschema(bundle->graph, parent, value), out);
    else
        json_write_value(out, value);
}

static void write_list(struct schema_bundle *bundle, const struct schema_node *node, yyjson_val *list,
                       struct json_writer *out)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    json_write_array_begin(out);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        write_child(bundle, node, item, out);
    json_write_array_end(out);
}

static void write_map(struct schema_bundle *bundle, const struct schema_node *node, yyjson_val *map,
                      struct json_writer *out)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(map);
    json_write_object_begin(out);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        json_write_key(out, json_text(key));
        write_child(bundle, node, yyjson_obj_iter_get_val(key), out);
    }
    json_write_object_end(out);
}

/* What draft 7 has in one keyword, 2019-09 has in two. */
static void write_dependencies(struct schema_bundle *bundle, const struct schema_node *node, yyjson_val *map,
                               struct json_writer *out)
{
    static const struct slice names[] = {{"dependentRequired", 17}, {"dependentSchemas", 16}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool is_begun = false;
        yyjson_obj_iter iter = yyjson_obj_iter_with(map);
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
            yyjson_val *value = yyjson_obj_iter_get_val(key);
            if (yyjson_is_arr(value) != (i == 0))
                continue;
            if (!is_begun) {
                json_write_key(out, names[i]);
                json_write_object_begin(out);
            }
            is_begun = true;
            json_write_key(out, json_text(key));
            write_child(bundle, node, value, out);
        }
        if (is_begun)
            json_write_object_end(out);
    }
}

static void write_subschemas(struct schema_bundle *bundle, const struct schema_node *node, struct slice name,
                             yyjson_val *value, struct json_writer *out)
{
    json_write_key(out, name);
    if (yyjson_is_arr(value))
        write_list(bundle, node, value, out);
    else
        write_child(bundle, node, value, out);
}

/* What is handed on as it is: keywords of the standard that hold no schemas, and those of OpenAPI. */
static bool is_handed_on(struct slice name)
{
    static const char *const names[] = {
#define HANDED_ON(name) name,
#define OTHER(name)
#include "lib/schema/keyword_names.def"
#undef HANDED_ON
#undef OTHER
    };
    if (slice_starts(name, SLICE_LIT("x-")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_is(name, names[i]))
            return true;
    return false;
}

/* The schema that a text in a schema names, if it names one. */
static struct schema_node *find_named(struct schema_bundle *bundle, const struct schema_node *node,
                                      struct slice reference)
{
    struct arena *arena = graph_arena(bundle->graph);
    struct schema_node *named;
    struct slice uri;
    struct slice fragment;
    if (uri_resolve(arena, node->resource->uri, reference, &uri, &fragment) != ERR_OK)
        return NULL;
    struct slice whole = arena_printf(arena, SLICE_FMT "#" SLICE_FMT, SLICE_ARG(uri), SLICE_ARG(fragment));
    return whole.ptr && graph_find(bundle->graph, whole, &named) == ERR_OK ? named : NULL;
}

/* OpenAPI section 4.8.25: which member tells the schema, and which values of it name which. */
static void write_discriminator(struct schema_bundle *bundle, const struct schema_node *node, yyjson_val *value,
                                struct json_writer *out)
{
    yyjson_val *property = json_get(value, SLICE_LIT("propertyName"));
    yyjson_obj_iter iter = yyjson_obj_iter_with(json_get(value, SLICE_LIT("mapping")));
    if (!yyjson_is_str(property))
        return;
    json_write_key(out, SLICE_LIT("discriminator"));
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("propertyName"));
    json_write_string(out, json_text(property));
    bool is_begun = false;
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct slice reference = json_text(yyjson_obj_iter_get_val(key));
        struct schema_node *named = reference.ptr ? find_named(bundle, node, reference) : NULL;
        if (!named)
            continue;
        if (!is_begun) {
            json_write_key(out, SLICE_LIT("mapping"));
            json_write_object_begin(out);
        }
        is_begun = true;
        json_write_key(out, json_text(key));
        write_ref_value(bundle, named, out);
    }
    if (is_begun)
        json_write_object_end(out);
    json_write_object_end(out);
}

static void write_keyword(struct schema_bundle *bundle, struct schema_node *node, struct slice name, yyjson_val *value,
                          struct json_writer *out)
{
    enum schema_draft draft = node->resource->draft;
    bool has_list = yyjson_is_arr(json_get(node->value, SLICE_LIT("items"))) && draft < SCHEMA_DRAFT_2020_12;
    const struct subschema_keyword *keyword = subschema_keyword_find(name, draft);
    bool is_dynamic = slice_is(name, "$dynamicRef") || slice_is(name, "$recursiveRef");
    if (slice_is(name, "$ref") ? node->ref != NULL : is_dynamic && node->dynamic_ref && !node->ref) {
        json_write_key(out, SLICE_LIT("$ref"));
        write_ref_value(bundle, is_dynamic ? node->dynamic_ref : node->ref, out);
    } else if (is_dynamic || slice_is(name, "$ref")) {
        return;
    } else if (slice_is(name, "$defs") || slice_is(name, "definitions")) {
        return; /* references name what is needed of them */
    } else if (slice_is(name, "discriminator")) {
        write_discriminator(bundle, node, value, out);
    } else if (slice_is(name, "dependencies")) { /* means nothing since 2019-09 */
        if (draft == SCHEMA_DRAFT_7)
            write_dependencies(bundle, node, value, out);
    } else if (slice_is(name, "items") && has_list) {
        write_subschemas(bundle, node, SLICE_LIT("prefixItems"), value, out);
    } else if (slice_is(name, "additionalItems") && keyword) {
        if (has_list)
            write_subschemas(bundle, node, SLICE_LIT("items"), value, out);
    } else if (keyword && keyword->shape == SHAPE_MAP && yyjson_is_obj(value)) {
        json_write_key(out, name);
        write_map(bundle, node, value, out);
    } else if (keyword) {
        write_subschemas(bundle, node, name, value, out);
    } else if (is_handed_on(name)) {
        json_write_key(out, name);
        json_write_value(out, value);
    }
}

static void write_schema(struct schema_bundle *bundle, struct schema_node *node, struct json_writer *out)
{
    if (!yyjson_is_obj(node->value)) {
        json_write_value(out, node->value);
        return;
    }
    if (node->ignores_siblings && node->ref) {
        write_ref(bundle, node->ref, out);
        return;
    }
    yyjson_obj_iter iter = yyjson_obj_iter_with(node->value);
    json_write_object_begin(out);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        write_keyword(bundle, node, json_text(key), yyjson_obj_iter_get_val(key), out);
    json_write_object_end(out);
}

/* --- the set ----------------------------------------------------------------------------------------------------------- */

enum err schema_bundle_ref(struct schema_bundle *bundle, struct slice uri, struct json_writer *out)
{
    struct schema_node *node;
    TRY(graph_find(bundle->graph, uri, &node));
    write_ref(bundle, node, out);
    return bundle->err;
}

enum err schema_bundle_write(struct schema_bundle *bundle, struct slice uri, struct json_writer *out)
{
    struct schema_node *node;
    TRY(graph_find(bundle->graph, uri, &node));
    write_schema(bundle, node, out);
    return bundle->err;
}

bool schema_bundle_next(struct schema_bundle *bundle, struct json_writer *out, struct slice *ret_name)
{
    struct entry *entry = bundle->next;
    if (!entry)
        return false;
    bundle->next = entry->next;
    if (!bundle->next)
        bundle->end = &bundle->next;
    write_schema(bundle, entry->node, out);
    *ret_name = entry->name;
    return true;
}
