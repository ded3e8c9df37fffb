/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/schema/walk_int.h"

static bool (*const functions[])(struct walk *, const struct frame *, const struct rule *) = {
#define OP(name, function) [OP_##name] = rule_##function,
#include "lib/schema/ops.def"
#undef OP
};

static void note_hidden(struct walk *walk, yyjson_val *value);
static bool run_rules(struct walk *walk, const struct frame *frame);
static bool run_marked(struct walk *walk, const struct frame *frame);

bool walk_sub(struct walk *walk, const struct sub *sub, const struct frame *parent, const struct frame *next)
{
    struct frame frame = *next;
    frame.parent = parent;
    frame.block = sub->block;
    frame.path = sub->path;
    frame.is_name |= frame.move == MOVE_NAME;
    if (walk->depth == SCHEMA_DEPTH_MAX) {
        walk->stop = SCHEMA_OVER_LIMIT;
        return false;
    }
    if (!walk_spend(walk, 1))
        return false;
    struct marks *marks = walk->marks;
    if (frame.move != MOVE_NONE)
        walk->marks = NULL; /* another value's */
    walk->depth++;
    if (walk->noting && frame.block->is_hidden)
        note_hidden(walk, frame.value);
    bool is_valid = frame.block->has_unevaluated ? run_marked(walk, &frame) : run_rules(walk, &frame);
    walk->depth--;
    walk->marks = marks;
    return is_valid;
}

bool walk_same(struct walk *walk, const struct sub *sub, const struct frame *parent)
{
    const struct frame next = {.value = parent->value, .is_name = parent->is_name};
    return walk_sub(walk, sub, parent, &next);
}

bool walk_quietly(struct walk *walk, const struct sub *sub, const struct frame *parent, const struct frame *next)
{
    struct failures *failures = walk->failures;
    walk->failures = NULL;
    walk->composite++;
    bool is_valid = walk_sub(walk, sub, parent, next);
    walk->composite--;
    walk->failures = failures;
    return is_valid;
}

enum schema_outcome walk_root(struct walk *walk, yyjson_val *document)
{
    const struct sub root = {.block = walk->schema->root, .path = {"", 0}};
    const struct frame next = {.value = document};
    bool is_valid = walk_sub(walk, &root, NULL, &next);
    if (walk->stop != SCHEMA_VALID)
        return walk->stop;
    return is_valid ? SCHEMA_VALID : SCHEMA_INVALID;
}

void *walk_alloc(struct walk *walk, size_t count, size_t size)
{
    void *memory = arena_alloc_array(walk->work->scratch, count, size);
    if (!memory)
        walk->stop = SCHEMA_NO_MEMORY;
    return memory;
}

/* Keywords that "" need not heed where allowEmptyString is true: of strings, and those that list values. */
static bool is_waived(const struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    (void)walk;
    if (frame->block->allow_empty != SCHEMA_YES || !is_string(frame->value) || unsafe_yyjson_get_len(frame->value) > 0)
        return false;
    return rule->op == OP_ENUM || rule->op == OP_CONST || rule->op == OP_MIN_LENGTH || rule->op == OP_PATTERN ||
           rule->op == OP_FORMAT;
}

static bool run_rules(struct walk *walk, const struct frame *frame)
{
    const struct block *block = frame->block;
    bool is_valid = true;
    for (uint32_t i = 0; i < block->rule_count; i++) {
        const struct rule *rule = &block->rules[i];
        if (is_waived(walk, frame, rule) || functions[rule->op](walk, frame, rule))
            continue;
        is_valid = false;
        if (walk_ends(walk))
            return false;
        if (rule->op == OP_TYPE)
            return false; /* all else would say the same again */
    }
    return is_valid && walk->stop == SCHEMA_VALID;
}

/* A block that asks what has been evaluated sees what it and its parts evaluate, and hands it on. */
static bool run_marked(struct walk *walk, const struct frame *frame)
{
    struct marks *outer = walk->marks;
    struct marks own;
    if (!marks_begin(walk, frame->value, &own))
        return false;
    bool is_valid = run_rules(walk, frame);
    walk->marks = outer;
    for (size_t i = 0; outer && i < (own.count + 63) / 64; i++)
        outer->words[i] |= own.words[i];
    return is_valid;
}

bool marks_begin(struct walk *walk, yyjson_val *value, struct marks *marks)
{
    size_t count = unsafe_yyjson_is_ctn(value) ? unsafe_yyjson_get_len(value) : 0;
    *marks = (struct marks){walk_alloc(walk, count / 64 + 1, sizeof(uint64_t)), count};
    walk->marks = marks;
    return marks->words && walk_spend(walk, count / 64);
}

void marks_all(struct walk *walk)
{
    if (walk->marks)
        memset(walk->marks->words, 0xff, (walk->marks->count + 63) / 64 * sizeof(uint64_t));
}

uint64_t *marks_save(struct walk *walk)
{
    if (!walk->marks)
        return NULL;
    size_t count = walk->marks->count / 64 + 1;
    uint64_t *saved = walk_spend(walk, count) ? walk_alloc(walk, count, sizeof *saved) : NULL;
    if (saved)
        memcpy(saved, walk->marks->words, count * sizeof *saved);
    return saved;
}

void marks_restore(struct walk *walk, const uint64_t *saved)
{
    if (saved)
        memcpy(walk->marks->words, saved, (walk->marks->count / 64 + 1) * sizeof *saved);
}

static void note_hidden(struct walk *walk, yyjson_val *value)
{
    struct failures *failures = walk->noting;
    if (failures->hidden_count > 0 && failures->hidden[failures->hidden_count - 1] == value)
        return;
    if (failures->hidden_count == failures->hidden_capacity) {
        uint32_t capacity = failures->hidden_capacity ? 2 * failures->hidden_capacity : 16;
        yyjson_val **grown = walk_alloc(walk, capacity, sizeof *grown);
        if (!grown)
            return;
        if (failures->hidden_count > 0)
            memcpy(grown, failures->hidden, failures->hidden_count * sizeof *grown);
        failures->hidden = grown;
        failures->hidden_capacity = capacity;
    }
    failures->hidden[failures->hidden_count++] = value;
}

/* Keyword and instance locations, outermost first. */
static void write_path(struct buffer *out, const struct frame *frame)
{
    if (!frame)
        return;
    write_path(out, frame->parent);
    buffer_add(out, frame->path);
}

static void write_token(struct buffer *out, struct slice token)
{
    char memory[64];
    buffer_add_byte(out, '/');
    for (size_t i = 0; i < token.len;) {
        size_t count = 0;
        for (; i < token.len && count + 2 <= sizeof memory; i++) {
            if (token.ptr[i] == '~' || token.ptr[i] == '/') {
                memory[count++] = '~';
                memory[count++] = token.ptr[i] == '~' ? '0' : '1';
            } else {
                memory[count++] = token.ptr[i];
            }
        }
        buffer_add(out, slice_of(memory, count));
    }
}

static void write_instance(struct buffer *out, const struct frame *frame)
{
    if (!frame)
        return;
    write_instance(out, frame->parent);
    if (frame->move == MOVE_MEMBER)
        write_token(out, string_of(frame->key));
    else if (frame->move == MOVE_ITEM)
        buffer_printf(out, "/%zu", frame->index);
}

static bool grow(struct walk *walk, struct failures *failures)
{
    uint32_t capacity = failures->capacity ? 2 * failures->capacity : 16;
    struct failure *grown = walk_alloc(walk, capacity, sizeof *grown);
    if (!grown)
        return false;
    if (failures->count > 0)
        memcpy(grown, failures->items, failures->count * sizeof *grown);
    failures->items = grown;
    failures->capacity = capacity;
    return true;
}

struct failure *walk_fail_more(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    struct failures *failures = walk->failures;
    if (!failures)
        return NULL;
    if (failures->count == failures->max) {
        failures->is_cut = true;
        return NULL;
    }
    if (failures->count == failures->capacity && !grow(walk, failures))
        return NULL;
    size_t start = failures->texts.len;
    write_path(&failures->texts, frame);
    buffer_add(&failures->texts, rule->pointer);
    size_t middle = failures->texts.len;
    write_instance(&failures->texts, frame);
    if (failures->texts.err != ERR_OK) {
        walk->stop = SCHEMA_NO_MEMORY;
        return NULL;
    }
    struct failure *failure = &failures->items[failures->count];
    *failure = (struct failure){.rule = rule,
                                .block = frame->block,
                                .value = frame->value,
                                .keyword = rule->keyword,
                                .path_at = start,
                                .path_bytes = middle - start,
                                .instance_bytes = failures->texts.len - middle};
    failures->count++;
    return failure;
}

bool walk_fail(struct walk *walk, const struct frame *frame, const struct rule *rule)
{
    (void)walk_fail_more(walk, frame, rule);
    return false;
}

/* The name of a member that is one too many belongs to where it is told. */
bool walk_fail_member(struct walk *walk, const struct frame *frame, const struct rule *rule, yyjson_val *key)
{
    const struct frame member = {
        .parent = frame, .block = frame->block, .value = key + 1, .move = MOVE_MEMBER, .key = key};
    struct failure *failure = walk_fail_more(walk, &member, rule);
    if (failure)
        failure->name = string_of(key);
    return false;
}

bool walk_fail_item(struct walk *walk, const struct frame *frame, const struct rule *rule, yyjson_val *item,
                    size_t index)
{
    const struct frame next = {
        .parent = frame, .block = frame->block, .value = item, .move = MOVE_ITEM, .index = index};
    struct failure *failure = walk_fail_more(walk, &next, rule);
    if (failure)
        failure->count = index;
    return false;
}

bool walk_matches(struct walk *walk, const struct regex *regex, struct slice text)
{
    if (!walk_spend(walk, 1 + text.len / 64))
        return false;
    enum regex_outcome outcome = regex_match(regex, text, walk->work->regex);
    if (outcome == REGEX_LIMIT)
        walk->stop = SCHEMA_OVER_LIMIT;
    return outcome == REGEX_YES;
}

enum schema_outcome schema_explain(const struct schema *schema, yyjson_val *document, struct schema_work *work,
                                   struct schema_errors *errors)
{
    struct failures failures = {.max = errors->max, .texts = buffer_in_arena(work->scratch, 1024)};
    struct walk walk = {.schema = schema, .work = work, .failures = &failures};
    walk.noting = schema->hides ? &failures : NULL;
    enum schema_outcome outcome = walk_root(&walk, document);
    if (outcome != SCHEMA_NO_MEMORY && !errors_write(schema, &failures, errors))
        return SCHEMA_NO_MEMORY;
    return outcome;
}
