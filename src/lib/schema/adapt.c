/* SPDX-License-Identifier: Apache-2.0 */
/* From the changes of a walk to the edits of the document: in the order of its text, each value at most once, and
 * nothing within what is removed. */
#include "lib/schema/changes_int.h"

#define DEPTH_MAX (2 * JSON_DEPTH_MAX) /* a default within a default, as deep as schemas are */

static bool copy_values(struct walk *walk, yyjson_val *document, struct changes *changes)
{
    size_t count = (size_t)(unsafe_yyjson_get_next(document) - document);
    changes->copy = walk_spend(walk, count) ? walk_alloc(walk, count, sizeof *changes->copy) : NULL;
    if (!changes->copy)
        return false;
    memcpy(changes->copy, document, count * sizeof *changes->copy);
    changes->copy_end = changes->copy + count;
    return true;
}

/* A value that was added, with what was changed in it since. */
static void write_added(struct walk *walk, struct json_writer *writer, yyjson_val *value, unsigned depth)
{
    const struct changes *changes = walk->changes;
    if (depth == DEPTH_MAX || !walk_spend(walk, 1)) {
        walk->stop = SCHEMA_OVER_LIMIT;
        json_write_null(writer);
        return;
    }
    if (!unsafe_yyjson_is_ctn(value)) {
        json_write_value(writer, value);
        return;
    }
    bool is_map = is_object(value);
    if (is_map)
        json_write_object_begin(writer);
    else
        json_write_array_begin(writer);
    yyjson_val *item = unsafe_yyjson_get_first(value);
    for (size_t i = unsafe_yyjson_get_len(value); i > 0; i--) {
        yyjson_val *key = item;
        item += is_map;
        if (!is_map || !is_gone(key)) {
            if (is_map)
                json_write_key(writer, string_of(key));
            write_added(walk, writer, item, depth + 1);
        }
        item = unsafe_yyjson_get_next(item);
    }
    uint32_t first = is_map ? changes_chain(changes, value) : CHANGES_END;
    for (uint32_t i = first; i != CHANGES_END && walk_spend(walk, 1); i = changes->items[i].next) {
        if (changes->items[i].at != value)
            continue;
        json_write_key(writer, changes->items[i].name);
        write_added(walk, writer, changes->items[i].value, depth + 1);
    }
    if (is_map)
        json_write_object_end(writer);
    else
        json_write_array_end(writer);
}

static bool comes_after(const struct schema_edit *a, const struct schema_edit *b)
{
    return a->at > b->at;
}

/* By place; of one place, in the order they were made. Merges from below: no recursion, no worst case. */
static void sort(struct schema_edit *items, struct schema_edit *spare, size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t start = 0; start < count; start += 2 * width) {
            size_t middle = MIN(start + width, count);
            size_t end = MIN(start + 2 * width, count);
            size_t left = start;
            size_t right = middle;
            for (size_t i = start; i < end; i++) {
                bool takes_right = left == middle || (right < end && comes_after(&items[left], &items[right]));
                spare[i] = takes_right ? items[right++] : items[left++];
            }
        }
        memcpy(items, spare, count * sizeof *items);
    }
}

/* Drops what is within removed members, and of several changes of one value all but the first: each holds the last. */
static uint32_t settle(struct schema_edit *items, uint32_t count)
{
    uint32_t kept = 0;
    yyjson_val *gone_end = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const struct schema_edit *item = &items[i];
        if (item->at < gone_end)
            continue;
        if (item->kind == SCHEMA_EDIT_REPLACE && kept > 0 && items[kept - 1].at == item->at)
            continue;
        if (item->kind == SCHEMA_EDIT_REMOVE)
            gone_end = unsafe_yyjson_get_next(item->at + 1);
        items[kept++] = *item;
    }
    return kept;
}

/* ADD and REPLACE: what comes there, as JSON. */
static bool write_json(struct walk *walk, const struct change *change, struct arena *arena, struct slice *ret_json)
{
    struct json_writer writer = json_writer_in_arena(arena, 64);
    if (change->kind == SCHEMA_EDIT_ADD)
        write_added(walk, &writer, change->value, 0);
    else
        json_write_value(&writer, change->at);
    return json_writer_finish(&writer, ret_json) == ERR_OK;
}

static bool write_edits(struct walk *walk, yyjson_val *document, struct schema_edits *edits)
{
    struct changes *changes = walk->changes;
    edits->count = 0;
    edits->capacity = changes->count;
    edits->items = arena_alloc_array(edits->arena, changes->count, sizeof *edits->items);
    struct schema_edit *spare = walk_alloc(walk, changes->count, sizeof *spare);
    if (!edits->items || !spare)
        return false;
    changes_settle(changes);
    for (uint32_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];
        if (change->at < changes->copy || change->at >= changes->copy_end)
            continue; /* within what was added, which tells it */
        struct schema_edit *edit = &edits->items[edits->count++];
        *edit = (struct schema_edit){
            .kind = change->kind, .at = document + (change->at - changes->copy), .name = change->name};
        if (change->kind != SCHEMA_EDIT_REMOVE && !write_json(walk, change, edits->arena, &edit->json))
            return false;
    }
    sort(edits->items, spare, edits->count);
    edits->count = settle(edits->items, edits->count);
    return walk->stop == SCHEMA_VALID;
}

enum schema_outcome schema_adapt(const struct schema *schema, yyjson_val *document, struct schema_work *work,
                                 struct schema_edits *edits, struct schema_errors *errors)
{
    struct failures failures = {.max = errors ? errors->max : 0, .texts = buffer_in_arena(work->scratch, 1024)};
    struct changes changes = {0};
    struct walk walk = {.schema = schema, .work = work, .failures = errors ? &failures : NULL, .changes = &changes};
    walk.noting = schema->hides ? walk.failures : NULL;
    edits->count = 0;
    if (!copy_values(&walk, document, &changes))
        return walk.stop;
    enum schema_outcome outcome = walk_root(&walk, changes.copy);
    if (outcome == SCHEMA_INVALID || outcome == SCHEMA_OVER_LIMIT)
        return !errors || errors_write(schema, &failures, errors) ? outcome : SCHEMA_NO_MEMORY;
    if (outcome == SCHEMA_VALID && !write_edits(&walk, document, edits))
        return walk.stop == SCHEMA_VALID ? SCHEMA_NO_MEMORY : walk.stop;
    if (errors)
        errors->count = 0;
    return outcome;
}

/* ---- writing --------------------------------------------------------------------------------------------------------------- */

struct writing {
    const struct schema_edit *next;
    const struct schema_edit *end;
    struct json_writer *writer;
};

static void write_value(struct writing *writing, yyjson_val *value);

/* Passes over the edits of one place; those that add come when all else of the object has been written. */
static const struct schema_edit *take(struct writing *writing, const yyjson_val *at, uint32_t *ret_count)
{
    const struct schema_edit *first = writing->next;
    while (writing->next < writing->end && writing->next->at == at)
        writing->next++;
    *ret_count = (uint32_t)(writing->next - first);
    return first;
}

static void write_object(struct writing *writing, yyjson_val *object)
{
    uint32_t added;
    const struct schema_edit *edits = take(writing, object, &added);
    json_write_object_begin(writing->writer);
    yyjson_val *key = unsafe_yyjson_get_first(object);
    for (size_t i = unsafe_yyjson_get_len(object); i > 0; i--, key = member_next(key)) {
        uint32_t count;
        (void)take(writing, key, &count);
        if (count > 0)
            continue;
        json_write_key(writing->writer, string_of(key));
        write_value(writing, key + 1);
    }
    for (uint32_t i = 0; i < added; i++) {
        json_write_key(writing->writer, edits[i].name);
        json_write_raw(writing->writer, edits[i].json);
    }
    json_write_object_end(writing->writer);
}

static void write_value(struct writing *writing, yyjson_val *value)
{
    uint32_t count;
    if (is_object(value)) {
        write_object(writing, value);
        return;
    }
    const struct schema_edit *edit = take(writing, value, &count);
    if (count > 0) {
        json_write_raw(writing->writer, edit->json);
        return;
    }
    if (!is_array(value)) {
        json_write_value(writing->writer, value);
        return;
    }
    json_write_array_begin(writing->writer);
    yyjson_val *item = unsafe_yyjson_get_first(value);
    for (size_t i = unsafe_yyjson_get_len(value); i > 0; i--, item = unsafe_yyjson_get_next(item))
        write_value(writing, item);
    json_write_array_end(writing->writer);
}

void schema_edits_write(yyjson_val *document, const struct schema_edits *edits, struct json_writer *writer)
{
    struct writing writing = {.next = edits->items, .end = edits->items + edits->count, .writer = writer};
    write_value(&writing, document);
}
