/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON is read as a record or refused, and what is refused adds nothing; what is read is written, and reads back as the same.
 * fuzz-library: load */
#include "lib/json/writer.h"
#include "load/record.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct load_step steps[] = {
    {.name = {"a", 1}, .index = 0},
    {.name = {"b", 1}, .index = 1, .kind = LOAD_STEP_CHAT},
};
static const struct load_plan plan = {.steps = steps, .step_count = 2};

static struct slice text_of(const struct load_record *record, struct arena *arena)
{
    struct json_writer writer = json_writer_in_arena(arena, 0);
    struct slice text;
    load_record_write(record, &plan, &writer, arena);
    REQUIRE(json_writer_finish(&writer, &text) == ERR_OK);
    return text;
}

static enum err read_add(struct slice text, struct load_record *into, struct arena *arena)
{
    struct json_document document;
    struct json_fault fault;
    struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = 16};
    TRY(json_parse(arena, text, &limits, &document, &fault));
    return load_record_read_add(document.root, &plan, into);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool pool;
    static struct load_record *record, *again;
    struct arena arena;
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 4096, SIZE_MAX);
    if (!record)
        REQUIRE(load_record_create(&plan, &record) == ERR_OK && load_record_create(&plan, &again) == ERR_OK);
    load_record_reset(record);
    load_record_reset(again);
    if (read_add(slice_of(data, size), record, &arena) == ERR_OK)
        REQUIRE(read_add(text_of(record, &arena), again, &arena) == ERR_OK);
    REQUIRE(slice_equal(text_of(record, &arena), text_of(again, &arena)));
    arena_reset(&arena);
    pool_deinit(&pool);
    return 0;
}
