/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes, taken for a few schemas that may refer to each other, compile or are refused with faults that lie in their texts.
 * What compiles runs over the texts themselves, and the forms of running agree: schema_explain finds errors where schema_check
 * finds the document invalid. The first byte chooses the draft; a line "---" parts the documents.
 * fuzz-library: lib/schema */
#include "lib/schema/schema.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())
#define DOCUMENTS_MAX      4
#define ERRORS_MAX         8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    struct slice texts[DOCUMENTS_MAX];
    size_t count;
};

static const char *const names[DOCUMENTS_MAX] = {"http://a/0", "http://a/1", "http://a/2", "http://a/3"};

static void split(struct slice rest, struct input *ret_input)
{
    struct input input = {.count = 0};
    while (input.count < DOCUMENTS_MAX) {
        const char *mark = memmem(rest.ptr, rest.len, "\n---\n", 5);
        bool is_last = !mark || input.count == DOCUMENTS_MAX - 1;
        size_t len = is_last ? rest.len : (size_t)(mark - rest.ptr);
        input.texts[input.count++] = slice_first(rest, len);
        if (is_last)
            break;
        rest = slice_skip(rest, len + 5);
    }
    *ret_input = input;
}

static enum err read_text(void *context, struct slice uri, struct arena *arena, struct slice *ret_text,
                          struct slice *ret_name)
{
    const struct input *input = context;
    for (size_t i = 1; i < input->count; i++) {
        if (!slice_is(uri, names[i]))
            continue;
        *ret_text = arena_copy(arena, input->texts[i]);
        *ret_name = slice_of_text(names[i]);
        return ret_text->ptr ? ERR_OK : ERR_NOMEM;
    }
    return ERR_NOT_FOUND;
}

/* Each fault has words, and a place that is in the text of that name. */
static void check_faults(const struct schema_compiler *compiler, const struct input *input)
{
    uint32_t count;
    const struct schema_fault *faults = schema_compiler_faults(compiler, &count);
    REQUIRE(count > 0);
    for (uint32_t i = 0; i < count; i++) {
        REQUIRE(faults[i].message.len > 0);
        for (size_t k = 0; k < input->count; k++) {
            size_t lines = 1;
            for (size_t at = 0; at < input->texts[k].len; at++)
                lines += input->texts[k].ptr[at] == '\n';
            REQUIRE(!slice_is(faults[i].name, names[k]) || faults[i].line <= lines);
        }
    }
}

static void run(const struct schema *schema, struct slice text, struct arena *arena, struct regex_work *regex)
{
    const struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = 64, .keeps_numbers = true};
    struct json_document document;
    struct json_fault fault;
    if (json_parse(arena, text, &limits, &document, &fault) != ERR_OK)
        return;
    struct schema_work work = {.scratch = arena, .regex = regex, .steps_left = 100000};
    enum schema_outcome outcome = schema_check(schema, document.root, &work);
    struct schema_errors errors = {.arena = arena, .max = ERRORS_MAX};
    work.steps_left = 100000;
    enum schema_outcome explained = schema_explain(schema, document.root, &work, &errors);
    if (outcome <= SCHEMA_INVALID && explained <= SCHEMA_INVALID) {
        REQUIRE(outcome == explained);
        REQUIRE((errors.count > 0) == (outcome == SCHEMA_INVALID));
    }
    if (!schema_adapts(schema))
        return;
    struct schema_edits edits = {.arena = arena};
    struct json_writer writer = json_writer_in_arena(arena, 0);
    work.steps_left = 100000;
    if (schema_adapt(schema, document.root, &work, &edits, NULL) == SCHEMA_VALID)
        schema_edits_write(document.root, &edits, &writer);
}

/* The program outlives its compiler. */
static void run_all(const struct schema *schema, const struct input *input)
{
    struct pool pool;
    struct arena arena;
    struct regex_work *regex;
    REQUIRE(regex_work_create(1000, &regex) == ERR_OK);
    pool_init(&pool, 0, SIZE_MAX);
    for (size_t i = 0; i < input->count; i++) {
        arena_init(&arena, &pool, 4096, 64 << 20);
        run(schema, input->texts[i], &arena, regex);
        arena_reset(&arena);
    }
    pool_deinit(&pool);
    regex_work_destroy(regex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input;
    struct schema_compiler *compiler;
    struct schema *schema = NULL;
    if (size < 2 || size > 1 << 16)
        return 0;
    split(slice_of(data + 1, size - 1), &input);
    const struct schema_source source = {.context = &input, .read = read_text};
    const struct schema_settings settings = {.draft = data[0] % 3,
                                             .asserts_formats = data[0] & 4,
                                             .source = &source,
                                             .documents_bytes_max = 1 << 20,
                                             .instructions_max = 20000};
    REQUIRE(schema_compiler_create(&settings, &compiler) == ERR_OK);
    struct slice name = slice_of_text(names[0]);
    enum err err = schema_compiler_add(compiler, name, name, input.texts[0]);
    if (err == ERR_OK)
        err = schema_compile(compiler, name, NULL, &schema);
    if (err != ERR_OK)
        check_faults(compiler, &input);
    schema_compiler_destroy(compiler);
    if (schema)
        run_all(schema, &input);
    schema_unref(schema);
    return 0;
}
