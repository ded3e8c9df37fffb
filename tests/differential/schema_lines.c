/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas and documents by lines, for comparison with other implementations. A line of the input is
 *
 *     {"draft": "7", "formats": false, "schema": …, "documents": […]}
 *
 * and its answer a line with a letter for each document: v valid, i invalid, l over a limit, x when check, explain and adapt
 * do not say the same. A schema that is refused is answered by "!" and what is wrong with it. */
#include "support/schema_run.h"

static enum schema_draft draft_of(struct slice name)
{
    return slice_is(name, "7")         ? SCHEMA_DRAFT_7
           : slice_is(name, "2019-09") ? SCHEMA_DRAFT_2019_09
                                       : SCHEMA_DRAFT_2020_12;
}

static void answer(struct schema_run *run, yyjson_val *line)
{
    static const char letters[] = {
        [RUN_VALID] = 'v', [RUN_INVALID] = 'i', [RUN_OVER_LIMIT] = 'l', [RUN_INCONSISTENT] = 'x', [RUN_REFUSED] = '!'};
    const struct schema_settings settings = {
        .draft = draft_of(json_text(json_get(line, SLICE_LIT("draft")))),
        .asserts_formats = yyjson_is_true(json_get(line, SLICE_LIT("formats"))),
    };
    struct json_writer writer = json_writer_in_arena(&run->texts, 0);
    struct slice text;
    size_t index, max;
    yyjson_val *document;
    json_write_value(&writer, json_get(line, SLICE_LIT("schema")));
    run_require(json_writer_finish(&writer, &text) == ERR_OK, "a schema cannot be written");
    if (!run_compile(run, &settings, SLICE_LIT("https://lines.test/schema"), text)) {
        printf("! %s", run_fault(run));
        return;
    }
    yyjson_arr_foreach(json_get(line, SLICE_LIT("documents")), index, max, document)
    {
        struct schema_errors errors;
        putchar(letters[run_check(run, document, &errors)]);
    }
}

int main(void)
{
    static struct schema_run run;
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    run_begin(&run);
    while ((len = getline(&line, &capacity, stdin)) > 0) {
        yyjson_val *root = run_parse(&run, slice_of(line, (size_t)len), true);
        run_require(root, "a line is no JSON");
        answer(&run, root);
        putchar('\n');
        fflush(stdout);
        arena_reset(&run.scratch);
        arena_reset(&run.texts);
    }
    free(line);
    run_end(&run);
    return 0;
}
