/* SPDX-License-Identifier: Apache-2.0 */
/* What several operations share is written once, under a name. */
#include "control/openapi/openapi_int.h"

#include "lib/base/hash.h"

#include <stdarg.h>

#define PRINTF_BYTES 4096
#define ITEMS_FIRST  32

static const char *const kinds[COMPONENT_KINDS] = {
    [COMPONENT_SCHEMA] = "schemas",
    [COMPONENT_RESPONSE] = "responses",
    [COMPONENT_HEADER] = "headers",
};

static struct slice fail_memory(struct openapi *api)
{
    api->err = ERR_NOMEM;
    return SLICE_LIT("null");
}

struct slice openapi_printf(struct openapi *api, const char *format, ...)
{
    char memory[PRINTF_BYTES];
    struct text text = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    struct slice copy = arena_copy(api->arena, text_slice(&text));
    return copy.ptr ? copy : fail_memory(api);
}

struct slice openapi_finish(struct openapi *api, const struct json_writer *writer)
{
    struct slice text;
    return json_writer_finish(writer, &text) == ERR_OK ? text : fail_memory(api);
}

struct slice openapi_name(struct openapi *api, struct slice text)
{
    char name[NAME_BYTES_MAX];
    size_t len = MIN(text.len, sizeof name);
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[i];
        char lower = ascii_lower(c);
        bool is_plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
        name[i] = is_plain ? c : '_';
    }
    return len ? openapi_printf(api, "%.*s", (int)len, name) : SLICE_LIT("Unnamed");
}

static uint32_t *bucket_of(const struct component_list *list, struct slice name)
{
    return &list->buckets[hash_bytes((struct hash_key){0}, name) & (list->capacity - 1)];
}

static struct component *find(const struct component_list *list, struct slice name)
{
    for (uint32_t at = list->count ? *bucket_of(list, name) : 0; at; at = list->items[at - 1].next)
        if (slice_equal(list->items[at - 1].name, name))
            return &list->items[at - 1];
    return NULL;
}

bool component_has(const struct component_list *list, struct slice name)
{
    return find(list, name) != NULL;
}

static void link_item(struct component_list *list, uint32_t index)
{
    uint32_t *bucket = bucket_of(list, list->items[index].name);
    list->items[index].next = *bucket;
    *bucket = index + 1;
}

static bool grow(struct openapi *api, struct component_list *list)
{
    uint32_t capacity = MAX(list->capacity * 2, (uint32_t)ITEMS_FIRST);
    struct component *items = arena_alloc_array(api->arena, capacity, sizeof *items);
    uint32_t *buckets = arena_alloc_array(api->arena, capacity, sizeof *buckets);
    if (!items || !buckets)
        return false;
    if (list->count)
        memcpy(items, list->items, list->count * sizeof *items);
    list->items = items;
    list->buckets = buckets;
    list->capacity = capacity;
    for (uint32_t i = 0; i < list->count; i++)
        link_item(list, i);
    return true;
}

static void append(struct openapi *api, struct component_list *list, struct slice name, struct slice json)
{
    if (list->count == list->capacity && !grow(api, list)) {
        api->err = ERR_NOMEM;
        return;
    }
    list->items[list->count] = (struct component){.name = name, .json = json};
    link_item(list, list->count++);
}

struct slice component_add(struct openapi *api, enum component_kind kind, struct slice name, struct slice json)
{
    struct component_list *list = &api->components[kind];
    struct slice tried = name;
    for (unsigned number = 2; api->err == ERR_OK; number++) {
        const struct component *there = find(list, tried);
        if (there && slice_equal(there->json, json))
            return tried;
        if (!there && !(kind == COMPONENT_SCHEMA && find(&api->schema_names, tried)))
            break;
        tried = openapi_printf(api, SLICE_FMT ".%u", SLICE_ARG(name), number);
    }
    if (kind == COMPONENT_SCHEMA)
        append(api, &api->schema_names, tried, (struct slice){NULL, 0});
    append(api, list, tried, json);
    return tried;
}

void component_put(struct openapi *api, enum component_kind kind, struct slice name, struct slice json)
{
    append(api, &api->components[kind], name, json);
}

/* Where many ask for one name, each goes on counting where the one before ended. */
struct slice component_reserve(struct openapi *api, struct component_list *list, struct slice name)
{
    struct slice tried = name;
    struct component *first = find(list, name);
    if (first) {
        uint32_t number = MAX(first->number, 2u);
        do
            tried = openapi_printf(api, SLICE_FMT "_%u", SLICE_ARG(name), number++);
        while (find(list, tried) && api->err == ERR_OK);
        first->number = number;
    }
    append(api, list, tried, (struct slice){NULL, 0});
    return tried;
}

struct slice component_ref(struct openapi *api, enum component_kind kind, struct slice name, struct slice json)
{
    struct slice given = component_add(api, kind, openapi_name(api, name), json);
    return openapi_printf(api, "{\"$ref\":\"#/components/%s/" SLICE_FMT "\"}", kinds[kind], SLICE_ARG(given));
}

static void write_security(struct openapi *api)
{
    static const struct {
        enum credential credential;
        const char *name;
        const char *json;
    } schemes[] = {
        {CREDENTIAL_BEARER, "bearer",
         "{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"An API key as Authorization: Bearer KEY.\"}"},
        {CREDENTIAL_API_KEY, "apiKey",
         "{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-API-Key\",\"description\":\"An API key.\"}"},
        {CREDENTIAL_CERTIFICATE, "certificate",
         "{\"type\":\"mutualTLS\",\"description\":\"A client certificate that the server trusts.\"}"},
    };
    if (!api->credentials)
        return;
    put_object(&api->out, "securitySchemes");
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (api->credentials & schemes[i].credential)
            put_json(&api->out, schemes[i].name, slice_of_text(schemes[i].json));
    json_write_object_end(&api->out);
}

void components_write(struct openapi *api)
{
    put_object(&api->out, "components");
    for (size_t kind = 0; kind < COMPONENT_KINDS; kind++) {
        const struct component_list *list = &api->components[kind];
        if (!list->count)
            continue;
        put_object(&api->out, kinds[kind]);
        for (uint32_t i = 0; i < list->count; i++) {
            json_write_key(&api->out, list->items[i].name);
            json_write_raw(&api->out, list->items[i].json);
        }
        json_write_object_end(&api->out);
    }
    write_security(api);
    json_write_object_end(&api->out);
}
