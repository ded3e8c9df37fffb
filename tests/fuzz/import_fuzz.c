/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: control
 *
 * The first byte chooses JSON or YAML, the rest is an OpenAPI document. Must not crash or leak; there are errors or there is
 * a result. Of that each file lies in its folder, none twice, the schemas are JSON, each reference leads to one of them, and
 * weir.yaml is YAML. */
#include "control/openapi/import.h"
#include "lib/json/json.h"
#include "lib/yaml/yaml.h"

#include <stdlib.h>

#define MEMORY_BYTES_MAX ((size_t)256 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool ends_in(struct slice text, const char *ending)
{
    struct slice end = slice_of_text(ending);
    return text.len >= end.len && slice_equal(slice_skip(text, text.len - end.len), end);
}

static void check_path(const struct import_result *result, uint32_t index)
{
    struct slice path = result->files[index].path;
    ASSERT(path.len > 0 && path.ptr[0] != '/' && path.ptr[path.len] == '\0', "a path from the folder");
    ASSERT(!memmem(path.ptr, path.len, "..", 2) || memmem(path.ptr, path.len, ".json", 5), "a path within the folder");
    ASSERT(!memmem(path.ptr, path.len, "/../", 4), "a path within the folder");
    for (uint32_t i = 0; i < index && index < 200; i++)
        ASSERT(!slice_equal(result->files[i].path, path), "each file once");
}

static bool has_file(const struct import_result *result, struct slice path)
{
    for (uint32_t i = 0; i < result->file_count; i++)
        if (slice_equal(result->files[i].path, path))
            return true;
    return false;
}

/* Only where it is sure to be a reference: at the root of a file. */
static void check_reference(const struct import_result *result, struct slice from, yyjson_val *root,
                            struct arena *arena)
{
    struct slice target = json_text(json_get(root, SLICE_LIT("$ref")));
    const char *slash = memrchr(from.ptr, '/', from.len);
    if (!target.len || !slash)
        return;
    struct slice folder = slice_first(from, (size_t)(slash - from.ptr));
    if (slice_starts(target, SLICE_LIT("../"))) {
        slash = memrchr(folder.ptr, '/', folder.len);
        folder.len = (size_t)(slash - folder.ptr);
        target = slice_skip(target, 3);
    }
    struct slice path = arena_printf(arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(folder), SLICE_ARG(target));
    ASSERT(has_file(result, path), "a reference leads to a file");
}

static void check_file(const struct import_result *result, uint32_t index, struct arena *arena)
{
    static const struct json_limits limits = {
        .bytes_max = MEMORY_BYTES_MAX, .depth_max = JSON_DEPTH_MAX, .keeps_numbers = true};
    const struct tree_file *file = &result->files[index];
    struct json_document document;
    struct json_fault fault;
    check_path(result, index);
    if (!ends_in(file->path, ".json"))
        return;
    enum err err = json_parse(arena, file->content, &limits, &document, &fault);
    ASSERT(err == ERR_OK || err == ERR_NOMEM, "a schema is JSON");
    if (err == ERR_OK && file->path.len < 4096)
        check_reference(result, file->path, document.root, arena);
}

static void check_config(struct slice text, struct arena *arena)
{
    static struct report report;
    const struct yaml_node *root;
    report_init(&report);
    ASSERT(report_begin(&report, SLICE_LIT("weir.yaml"), text) == ERR_OK, "there is memory for that");
    enum err err = yaml_parse(text, arena, &report, &root);
    ASSERT(err == ERR_NOMEM || (err == ERR_OK && report.error_count == 0), "weir.yaml is YAML, no key twice");
    report_deinit(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct report report;
    struct pool pool;
    struct arena arena;
    struct import_result result;
    if (size == 0)
        return 0;
    struct import_settings settings = {.name = data[0] % 2 ? "a.json" : "a.yaml"};
    pool_init(&pool, 0, MEMORY_BYTES_MAX);
    arena_init(&arena, &pool, 65536, MEMORY_BYTES_MAX);
    report_init(&report);
    enum err err = import_openapi(slice_of(data + 1, size - 1), &settings, &arena, &report, &result);
    ASSERT(err == ERR_OK || err == ERR_INVALID || err == ERR_NOMEM, "no other error");
    ASSERT((err == ERR_INVALID) == (report.error_count > 0) || err == ERR_NOMEM, "an error is one that is told");
    for (uint32_t i = 0; err == ERR_OK && i < result.file_count; i++)
        check_file(&result, i, &arena);
    if (err == ERR_OK)
        check_config(result.files[0].content, &arena);
    report_deinit(&report);
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
