/* SPDX-License-Identifier: Apache-2.0 */
/* Changes are made in a copy of the document's values: an item of a flat array has the same place in both, so what has
 * changed is told by where it stands. Replaced are scalars by scalars, in place; what is removed loses its type; what is
 * added is on a list, since an array of values has no room for it. It is found by the object that it came to, in chains
 * by hash: documents may have as many objects as they have bytes, and each may be asked about. Changes are undone in the
 * reverse order, so that what goes is always the first of its chain.
 *
 * Coercions are those of ajv 8 (coerceTypes: true), but a string is a number only in JSON's own form, without spaces. */
#include "lib/schema/changes_int.h"

#include "lib/json/compare.h"
#include "lib/json/json.h"
#include "lib/json/number.h"

uint32_t changes_count(const struct walk *walk)
{
    return walk->changes ? walk->changes->count : 0;
}

/* Clients choose how far objects are from each other, but not where they are, which two rounds mix in. */
static uint32_t *chain_of(const struct changes *changes, const yyjson_val *object)
{
    uint64_t hash = (uintptr_t)object / sizeof *object * 0x9e3779b97f4a7c15U;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93U;
    return &changes->chains[(hash >> 32) & (changes->capacity - 1)];
}

void changes_undo(struct walk *walk, uint32_t count)
{
    struct changes *changes = walk->changes;
    while (changes && changes->count > count) {
        struct change *change = &changes->items[--changes->count];
        if (change->kind == SCHEMA_EDIT_ADD)
            *chain_of(changes, change->at) = change->next;
        else
            *change->at = change->was;
    }
}

static void chain(struct changes *changes, uint32_t index)
{
    struct change *change = &changes->items[index];
    if (change->kind != SCHEMA_EDIT_ADD)
        return;
    uint32_t *first = chain_of(changes, change->at);
    change->next = *first;
    *first = index;
}

static bool grow(struct walk *walk, struct changes *changes)
{
    uint32_t capacity = changes->capacity ? 2 * changes->capacity : 16;
    struct change *items = walk_alloc(walk, capacity, sizeof *items);
    uint32_t *chains = walk_alloc(walk, capacity, sizeof *chains);
    if (!items || !chains)
        return false;
    if (changes->count > 0)
        memcpy(items, changes->items, changes->count * sizeof *items);
    memset(chains, 0xff, capacity * sizeof *chains); /* CHANGES_END */
    changes->items = items;
    changes->chains = chains;
    changes->capacity = capacity;
    for (uint32_t i = 0; i < changes->count; i++)
        chain(changes, i);
    return true;
}

void changes_settle(struct changes *changes)
{
    if (changes->capacity > 0)
        memset(changes->chains, 0xff, changes->capacity * sizeof *changes->chains);
    for (uint32_t i = changes->count; i > 0; i--)
        chain(changes, i - 1);
}

uint32_t changes_chain(const struct changes *changes, const yyjson_val *object)
{
    return changes->count > 0 ? *chain_of(changes, object) : CHANGES_END;
}

static struct change *add(struct walk *walk, enum schema_edit_kind kind, yyjson_val *at)
{
    struct changes *changes = walk->changes;
    if (changes->count == changes->capacity && !grow(walk, changes))
        return NULL;
    struct change *change = &changes->items[changes->count];
    *change = (struct change){.kind = kind, .at = at, .was = *at};
    chain(changes, changes->count++);
    return change;
}

static bool set_text(struct walk *walk, struct slice text, yyjson_val *ret_value)
{
    struct slice copy = arena_copy(walk->work->scratch, text);
    if (!copy.ptr) {
        walk->stop = SCHEMA_NO_MEMORY;
        return false;
    }
    *ret_value = (yyjson_val){.tag = copy.len << YYJSON_TAG_BIT | YYJSON_TYPE_STR, .uni = {.str = copy.ptr}};
    return true;
}

static bool to_string(struct walk *walk, yyjson_val *value, yyjson_val *ret_value)
{
    char memory[NUMBER_BYTES_MAX + 8];
    struct json_writer writer = json_writer_in_memory(memory, sizeof memory);
    struct slice text;
    if (yyjson_is_null(value))
        return set_text(walk, SLICE_LIT(""), ret_value);
    if (unsafe_yyjson_is_raw(value))
        return set_text(walk, string_of(value), ret_value);
    if (!yyjson_is_bool(value) && !yyjson_is_num(value))
        return false;
    json_write_value(&writer, value);
    return json_writer_finish(&writer, &text) == ERR_OK && set_text(walk, text, ret_value);
}

static bool parse_integer(struct slice text, yyjson_val *ret_value)
{
    bool is_negative = slice_starts(text, SLICE_LIT("-"));
    struct slice digits = is_negative ? slice_skip(text, 1) : text;
    uint64_t value;
    if (digits.len > 1 && digits.ptr[0] == '0')
        return false;
    if (text_parse_u64(digits, &value) != ERR_OK || (is_negative && value > (uint64_t)INT64_MAX))
        return false;
    if (is_negative)
        *ret_value = (yyjson_val){.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_SINT, .uni = {.i64 = -(int64_t)value}};
    else
        *ret_value = (yyjson_val){.tag = YYJSON_TYPE_NUM | YYJSON_SUBTYPE_UINT, .uni = {.u64 = value}};
    return true;
}

static bool to_number(yyjson_val *value, bool is_integer, yyjson_val *ret_value)
{
    struct slice text;
    double real;
    if (yyjson_is_bool(value) || yyjson_is_null(value)) {
        *ret_value = (yyjson_val){.tag = YYJSON_TYPE_NUM, .uni = {.u64 = yyjson_is_true(value)}};
        return true;
    }
    if (!is_string(value))
        return false;
    text = string_of(value);
    if (parse_integer(text, ret_value))
        return true;
    if (number_parse_f64(text, &real) != ERR_OK)
        return false;
    /* Digits stay as they are, like those of any other number of the document, where no double has them. */
    *ret_value = (yyjson_val){.tag = text.len << YYJSON_TAG_BIT | YYJSON_TYPE_RAW, .uni = {.str = text.ptr}};
    json_settle_numbers(ret_value, 1);
    return !is_integer || json_is_integer(ret_value);
}

static bool is_number_of(yyjson_val *value, uint64_t number)
{
    return yyjson_is_uint(value) && unsafe_yyjson_get_uint(value) == number;
}

static bool to_boolean(yyjson_val *value, yyjson_val *ret_value)
{
    struct slice text = is_string(value) ? string_of(value) : (struct slice){NULL, 0};
    bool is_true = slice_is(text, "true") || is_number_of(value, 1);
    if (!is_true && !slice_is(text, "false") && !is_number_of(value, 0) && !yyjson_is_null(value))
        return false;
    *ret_value = (yyjson_val){.tag = YYJSON_TYPE_BOOL | (is_true ? YYJSON_SUBTYPE_TRUE : YYJSON_SUBTYPE_FALSE)};
    return true;
}

static bool to_null(yyjson_val *value, yyjson_val *ret_value)
{
    if (!(is_string(value) && unsafe_yyjson_get_len(value) == 0) && !is_number_of(value, 0) && !yyjson_is_false(value))
        return false;
    *ret_value = (yyjson_val){.tag = YYJSON_TYPE_NULL};
    return true;
}

static bool coerce(struct walk *walk, yyjson_val *value, enum type type, yyjson_val *ret_value)
{
    switch (type) {
    case TYPE_STRING:
        return to_string(walk, value, ret_value);
    case TYPE_NUMBER:
    case TYPE_INTEGER:
        return to_number(value, type == TYPE_INTEGER, ret_value);
    case TYPE_BOOLEAN:
        return to_boolean(value, ret_value);
    case TYPE_NULL:
        return to_null(value, ret_value);
    default:
        return false;
    }
}

bool changes_coerce(struct walk *walk, yyjson_val *value, const struct rule *rule)
{
    yyjson_val coerced;
    for (uint8_t i = 0; i < rule->type.type_count; i++) {
        if (!coerce(walk, value, rule->type.types[i], &coerced))
            continue;
        if (!add(walk, SCHEMA_EDIT_REPLACE, value))
            return false;
        *value = coerced;
        return true;
    }
    return false;
}

bool changes_remove(struct walk *walk, yyjson_val *key)
{
    struct change *change = add(walk, SCHEMA_EDIT_REMOVE, key);
    if (!change)
        return false;
    key->tag &= ~(uint64_t)YYJSON_TAG_MASK; /* YYJSON_TYPE_NONE; the length stays */
    return true;
}

yyjson_val *changes_add(struct walk *walk, yyjson_val *container, struct slice name, yyjson_val *value)
{
    size_t count = (size_t)(unsafe_yyjson_get_next(value) - value);
    yyjson_val *copy = walk_spend(walk, count) ? walk_alloc(walk, count, sizeof *copy) : NULL;
    struct change *change = copy ? add(walk, SCHEMA_EDIT_ADD, container) : NULL;
    if (!change)
        return NULL;
    memcpy(copy, value, count * sizeof *copy);
    change->name = name;
    change->value = copy;
    return copy;
}

yyjson_val *changes_find(struct walk *walk, yyjson_val *object, struct slice name)
{
    const struct changes *changes = walk->changes;
    if (!changes)
        return NULL;
    for (uint32_t i = changes_chain(changes, object); i != CHANGES_END && walk_spend(walk, 1);
         i = changes->items[i].next)
        if (changes->items[i].at == object && slice_equal(changes->items[i].name, name))
            return changes->items[i].value;
    return NULL;
}

int64_t changes_balance(struct walk *walk, yyjson_val *object)
{
    const struct changes *changes = walk->changes;
    int64_t balance = 0;
    if (!changes || changes->count == 0)
        return 0;
    for (uint32_t i = changes_chain(changes, object); i != CHANGES_END && walk_spend(walk, 1);
         i = changes->items[i].next)
        balance += changes->items[i].at == object;
    size_t count = unsafe_yyjson_get_len(object);
    if (!walk_spend(walk, count))
        return 0;
    yyjson_val *key = unsafe_yyjson_get_first(object);
    for (size_t i = 0; i < count; i++, key = member_next(key))
        balance -= is_gone(key);
    return balance;
}
