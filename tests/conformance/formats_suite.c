/* SPDX-License-Identifier: Apache-2.0 */
/* Every case that the JSON Schema Test Suite has about formats, for the drafts that weir reads:
 *
 *     formats_suite FOLDER     the folder "tests" of the suite
 *
 * Prints how many cases ran; exit code 77 when there is no suite. What fails is listed, unless `known` has it; a row of
 * `known` that passes is a failure too, so that the table can only shrink. */
#include "lib/base/attr.h"
#include "lib/formats/formats.h"
#include "lib/json/json.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX  (1 << 20)
#define ARENA_BYTES_MAX (16 << 20)

struct known {
    const char *format;
    const char *text;
    const char *reason;
    bool has_failed;
};

/* Cases that fail, and why. There are none. */
static struct known known[] = {{NULL, NULL, NULL, false}};

static const char *const drafts[] = {"draft7", "draft2019-09", "draft2020-12"};

static unsigned ran;
static unsigned failed;

static bool is_known(struct slice format, struct slice text)
{
    for (struct known *row = known; row->format; row++) {
        if (slice_is(format, row->format) && slice_is(text, row->text)) {
            row->has_failed = true;
            return true;
        }
    }
    return false;
}

/* What a schema says that has nothing but "format": what is no string is valid, as is what is of an unknown format. */
static void run_case(const char *path, struct slice format_text, yyjson_val *test)
{
    yyjson_val *data = json_get(test, SLICE_LIT("data"));
    bool wanted = yyjson_get_bool(json_get(test, SLICE_LIT("valid")));
    enum format format;
    bool is_checked = yyjson_is_str(data) && format_find(format_text, &format) == ERR_OK;
    bool is_valid = !is_checked || format_matches(format, json_text(data));
    ran++;
    if (is_valid == wanted || is_known(format_text, json_text(data)))
        return;
    struct slice description = json_text(json_get(test, SLICE_LIT("description")));
    printf("%s: " SLICE_FMT ": \"" SLICE_FMT "\" should be %s\n", path, SLICE_ARG(description),
           SLICE_ARG(json_text(data)), wanted ? "valid" : "invalid");
    failed++;
}

static void run_document(const char *path, yyjson_val *root)
{
    size_t at;
    size_t count;
    yyjson_val *group;
    yyjson_arr_foreach(root, at, count, group)
    {
        struct slice format = json_text(json_get(json_get(group, SLICE_LIT("schema")), SLICE_LIT("format")));
        yyjson_val *tests = json_get(group, SLICE_LIT("tests"));
        size_t test_at;
        size_t test_count;
        yyjson_val *test;
        yyjson_arr_foreach(tests, test_at, test_count, test)
        {
            run_case(path, format, test);
        }
    }
}

/* Drafts have no file for formats that came later. */
static void run_file(struct pool *pool, const char *folder, const char *draft, const char *name)
{
    char path[1024];
    struct file_content content;
    struct arena arena;
    struct json_document document;
    struct json_fault fault;
    struct json_limits limits = {.bytes_max = FILE_BYTES_MAX, .depth_max = 64};
    snprintf(path, sizeof path, "%s/%s/optional/format/%s.json", folder, draft, name);
    if (file_read(path, FILE_BYTES_MAX, &content) != ERR_OK)
        return;
    arena_init(&arena, pool, 64 << 10, ARENA_BYTES_MAX);
    if (json_parse(&arena, slice_of(content.data, content.bytes), &limits, &document, &fault) == ERR_OK) {
        run_document(path, document.root);
    } else {
        printf("%s: is not JSON\n", path);
        failed++;
    }
    arena_reset(&arena);
    file_content_deinit(&content);
}

int main(int count, char **arguments)
{
    struct pool pool;
    if (count != 2)
        return 2;
    pool_init(&pool, ARENA_BYTES_MAX, 4 * ARENA_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(drafts); i++) {
        for (int format = 0; format < FORMAT_COUNT; format++)
            run_file(&pool, arguments[1], drafts[i], format_name((enum format)format));
        run_file(&pool, arguments[1], drafts[i], "ecmascript-regex");
        run_file(&pool, arguments[1], drafts[i], "unknown");
    }
    pool_deinit(&pool);
    if (ran == 0) {
        printf("skipped: no JSON Schema Test Suite in %s (Debian has it in libtest-json-schema-acceptance-perl)\n",
               arguments[1]);
        return 77;
    }
    for (struct known *row = known; row->format; row++) {
        if (row->has_failed) {
            printf("known: %s: \"%s\": %s\n", row->format, row->text, row->reason);
        } else {
            printf("passes now: %s: \"%s\": remove its row from `known`\n", row->format, row->text);
            failed++;
        }
    }
    printf("%u cases of formats, %u failed\n", ran, failed);
    return failed ? 1 : 0;
}
