/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of the document: what it is called, where it holds, its paths, and what they share. */
#include "control/openapi/openapi_int.h"
#include "control/openapi/yaml_write.h"

#include <stdlib.h>

#define OPENAPI_VERSION "3.1.1"
#define FIRST_BYTES     65536
#define BLOCK_BYTES     65536

static const struct {
    const char *name;
    const char *description;
} tags[TAG_COUNT] = {
    [TAG_MODELS] = {"models", "Models behind routes of their own."},
    [TAG_INFERENCE] = {"inference", "The Open Inference Protocol, version 2: every model, tensors in and out."},
    [TAG_UPSTREAMS] = {"upstreams", "What is handed on to other servers."},
    [TAG_FILES] = {"files", "Files, and pages that are part of the program."},
    [TAG_OPERATION] = {"operation", "Health, metrics and this document."},
};

static void write_info(struct openapi *api)
{
    const struct openapi_config *config = &api->config->openapi;
    struct json_writer *out = &api->out;
    put_object(out, "info");
    put_text(out, "title", config->title);
    if (config->summary.len)
        put_text(out, "summary", config->summary);
    put_text(out, "description", config->description);
    put_text(out, "version", config->version);
    if (config->contact.len) {
        bool is_mail = slice_find(config->contact, '@') < config->contact.len;
        put_object(out, "contact");
        put_text(out, is_mail ? "email" : "url", config->contact);
        json_write_object_end(out);
    }
    if (config->license.len) {
        put_object(out, "license");
        put_text(out, "name", config->license);
        put_text(out, "identifier", config->license);
        json_write_object_end(out);
    }
    json_write_object_end(out);
}

static void write_servers(struct openapi *api)
{
    const struct option_list *servers = &api->config->openapi.servers;
    const struct slice *urls = servers->items;
    put_array(&api->out, "servers");
    for (uint32_t i = 0; i < servers->count; i++) {
        json_write_object_begin(&api->out);
        put_text(&api->out, "url", urls[i]);
        json_write_object_end(&api->out);
    }
    json_write_array_end(&api->out);
}

static void write_tags(struct openapi *api)
{
    put_array(&api->out, "tags");
    for (uint32_t i = 0; i < api->own_tags.count; i++) {
        json_write_object_begin(&api->out);
        put_text(&api->out, "name", api->own_tags.items[i].name);
        json_write_object_end(&api->out);
    }
    for (size_t i = 0; i < TAG_COUNT; i++) {
        if (!(api->tags >> i & 1))
            continue;
        json_write_object_begin(&api->out);
        put_text(&api->out, "name", slice_of_text(tags[i].name));
        put_text(&api->out, "description", slice_of_text(tags[i].description));
        json_write_object_end(&api->out);
    }
    json_write_array_end(&api->out);
}

void openapi_note_tag(struct openapi *api, struct slice name)
{
    for (size_t i = 0; i < TAG_COUNT; i++) {
        if (slice_is(name, tags[i].name)) {
            api->tags |= 1U << i;
            return;
        }
    }
    if (!component_has(&api->own_tags, name))
        (void)component_reserve(api, &api->own_tags, name);
}

void openapi_put_tag(struct openapi *api, struct json_writer *out, enum tag tag)
{
    api->tags |= 1U << tag;
    put_array(out, "tags");
    json_write_string(out, slice_of_text(tags[tag].name));
    json_write_array_end(out);
}

enum err openapi_write(const struct config *config, enum openapi_form form, struct arena *arena, struct slice *ret_text)
{
    struct openapi api = {.config = config, .arena = arena, .out = json_writer_in_arena(arena, FIRST_BYTES)};
    struct slice json;
    json_write_object_begin(&api.out);
    put_text(&api.out, "openapi", SLICE_LIT(OPENAPI_VERSION));
    write_info(&api);
    write_servers(&api);
    contracts_begin(&api);
    paths_write(&api);
    contracts_end(&api);
    schema_bundle_destroy(api.bundle);
    components_write(&api);
    write_tags(&api);
    json_write_object_end(&api.out);
    if (api.err != ERR_OK)
        return api.err;
    TRY(json_writer_finish(&api.out, &json));
    if (form == OPENAPI_YAML)
        return yaml_write_text(json, arena, ret_text);
    *ret_text = json;
    return ERR_OK;
}

enum err openapi_render(const struct config *config, enum openapi_form form, char **ret_text, size_t *ret_bytes)
{
    struct pool pool;
    struct arena arena;
    struct slice text;
    pool_init(&pool, 0, 2 * OPENAPI_BYTES_MAX);
    arena_init(&arena, &pool, BLOCK_BYTES, OPENAPI_BYTES_MAX);
    enum err err = openapi_write(config, form, &arena, &text);
    char *copy = err == ERR_OK ? malloc(text.len) : NULL;
    if (copy) {
        memcpy(copy, text.ptr, text.len);
        *ret_text = copy;
        *ret_bytes = text.len;
    }
    arena_reset(&arena);
    pool_deinit(&pool);
    return err == ERR_OK && !copy ? ERR_NOMEM : err;
}
