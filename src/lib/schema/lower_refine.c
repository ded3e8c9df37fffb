/* SPDX-License-Identifier: Apache-2.0 */
/* What can be said better when all has been made: kinds of value that need no look because what they are given on to needs
 * none, and branches that are told apart by a member. */
#include "lib/schema/lower_int.h"

enum { ROUNDS_MAX = 8, SWITCH_TEXTS_MAX = 1024 };

/* What is known of a kind before any value is seen. */
enum verdict { UNKNOWN, PASSES, FAILS };

static enum verdict verdict_of(const struct fast *fast, uint32_t kind)
{
    if (fast->passes & kind)
        return PASSES;
    return fast->runs & kind ? UNKNOWN : FAILS;
}

static enum verdict judge_choice(const struct step *step, uint32_t kind)
{
    uint32_t passes = 0;
    uint32_t fails = 0;
    for (uint32_t i = 0; i < step->choice->count; i++) {
        enum verdict verdict = verdict_of(step->choice->branches[i], kind);
        passes += verdict == PASSES;
        fails += verdict == FAILS;
    }
    if (fails == step->choice->count)
        return FAILS;
    if (step->op == FAST_ANY_OF)
        return passes > 0 ? PASSES : UNKNOWN;
    if (passes > 1)
        return FAILS;
    return passes + fails == step->choice->count ? PASSES : UNKNOWN;
}

static enum verdict judge(const struct step *step, uint32_t kind)
{
    enum verdict verdict;
    switch (step->op) {
    case FAST_INTEGRAL:
        return kind & KINDS_INTEGER ? PASSES : UNKNOWN;
    case FAST_CALL:
        return verdict_of(step->fast, kind);
    case FAST_NOT:
        verdict = verdict_of(step->fast, kind);
        return verdict == UNKNOWN ? UNKNOWN : verdict == PASSES ? FAILS : PASSES;
    case FAST_IF:
        verdict = verdict_of(step->branch->condition, kind);
        if (verdict != UNKNOWN)
            return verdict_of(verdict == PASSES ? step->branch->then : step->branch->otherwise, kind);
        if (verdict_of(step->branch->then, kind) == verdict_of(step->branch->otherwise, kind))
            return verdict_of(step->branch->then, kind);
        return UNKNOWN;
    case FAST_ANY_OF:
    case FAST_ONE_OF:
        return judge_choice(step, kind);
    default:
        return UNKNOWN;
    }
}

static bool refine(struct fast *fast)
{
    bool is_changed = false;
    for (unsigned i = 0; i < 32; i++) {
        uint32_t kind = KIND(i);
        if (!(fast->runs & kind))
            continue;
        enum verdict verdict = PASSES;
        for (const struct step *step = fast->streams[i & YYJSON_TYPE_MASK]; step->op != FAST_END; step++) {
            enum verdict one = judge(step, kind);
            verdict = one == FAILS || verdict == FAILS ? FAILS : one == UNKNOWN ? UNKNOWN : verdict;
        }
        if (verdict == UNKNOWN)
            continue;
        fast->runs &= ~kind;
        if (verdict == PASSES)
            fast->passes |= kind;
        is_changed = true;
    }
    return is_changed;
}

/* Streams of one kind lose the steps that are known to pass it. */
static void slim(struct fast *fast, unsigned type, uint32_t kind)
{
    struct step *kept = (struct step *)fast->streams[type];
    if (!kept || !(fast->runs & kind))
        return;
    for (const struct step *step = kept;; step++) {
        if (step->op != FAST_END && judge(step, kind) == PASSES)
            continue;
        *kept = *step;
        if (step->op == FAST_END)
            return;
        kept++;
    }
}

static bool has_table(const struct step *step)
{
    return step->op >= FAST_KNOWN && step->op <= FAST_MEMBERS && step->object->name_count > 0;
}

/* The strings that a branch asks of a member it cannot be without; NULL: it asks for no such thing. */
static const struct names *texts_of(const struct fast *branch, struct slice name)
{
    const struct step *step = branch->streams[YYJSON_TYPE_OBJ];
    if (!(branch->runs & KIND_OBJ))
        return NULL;
    for (; step->op != FAST_END; step++) {
        if (!has_table(step))
            continue;
        for (uint32_t i = 0; i <= step->object->mask; i++) {
            const struct fast_place *place = &step->object->places[i];
            if (place->len != name.len || place->bit == 0 || memcmp(place->ptr, name.ptr, name.len) != 0)
                continue;
            if ((place->fast->passes | place->fast->runs) & ~KINDS_STRING || !(place->fast->runs & KIND_STR))
                return NULL;
            const struct step *first = place->fast->streams[YYJSON_TYPE_STR];
            return first->op == FAST_TEXTS ? first->texts : NULL;
        }
    }
    return NULL;
}

static uint32_t count_branches(const struct fast_choice *choice, struct slice name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < choice->count; i++)
        count += texts_of(choice->branches[i], name) != NULL;
    return count;
}

/* The member that tells most branches apart, if it tells two at least. */
static bool find_name(const struct fast_choice *choice, struct slice *ret_name)
{
    uint32_t best = 1;
    for (uint32_t i = 0; i < MIN(choice->count, 4); i++) {
        const struct step *step = choice->branches[i]->streams[YYJSON_TYPE_OBJ];
        for (; step && step->op != FAST_END; step++) {
            if (!has_table(step))
                continue;
            for (uint32_t j = 0; j <= step->object->mask; j++) {
                const struct fast_place *place = &step->object->places[j];
                struct slice name = slice_of(place->ptr, place->len);
                if (place->len == NAMES_NONE || !texts_of(choice->branches[i], name))
                    continue;
                uint32_t count = count_branches(choice, name);
                if (count <= best)
                    continue;
                best = count;
                *ret_name = name;
            }
        }
    }
    return best > 1;
}

static bool has_text(const struct slice *texts, uint32_t count, struct slice text)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_equal(texts[i], text))
            return true;
    return false;
}

/* All strings of all branches. */
static uint32_t list_texts(const struct fast_choice *choice, struct slice name, struct slice *texts)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < choice->count; i++) {
        const struct names *names = texts_of(choice->branches[i], name);
        for (uint32_t j = 0; names && names->count > 0 && j <= names->mask; j++) {
            struct slice text = slice_of(names->places[j].ptr, names->places[j].len);
            if (names->places[j].len == NAMES_NONE || has_text(texts, count, text))
                continue;
            if (count == SWITCH_TEXTS_MAX)
                return count + 1;
            texts[count++] = text;
        }
    }
    return count;
}

static enum err make_switch(struct lowering *lowering, struct fast_choice *choice)
{
    struct slice texts[SWITCH_TEXTS_MAX];
    struct slice name;
    if (choice->count < 2 || choice->count > FAST_SWITCH_BRANCHES_MAX || !find_name(choice, &name))
        return ERR_OK;
    uint32_t count = list_texts(choice, name, texts);
    if (count > SWITCH_TEXTS_MAX)
        return ERR_OK;
    struct fast_switch *by = arena_alloc_zero(lowering->arena, sizeof *by);
    struct slice *kept = arena_alloc_array(lowering->arena, count, sizeof *kept);
    uint64_t *branches = arena_alloc_array(lowering->arena, count, sizeof *branches);
    if (!by || !kept || !branches)
        return ERR_NOMEM;
    memcpy(kept, texts, count * sizeof *kept);
    TRY(names_make(lowering->arena, kept, count, &by->texts));
    for (uint32_t i = 0; i < choice->count; i++) {
        const struct names *names = texts_of(choice->branches[i], name);
        if (!names)
            by->others |= (uint64_t)1 << i;
        for (uint32_t j = 0; names && j < count; j++)
            if (names_find(names, kept[j].ptr, kept[j].len) != NAMES_NONE)
                branches[j] |= (uint64_t)1 << i;
    }
    by->name = name;
    by->branches = branches;
    choice->by = by;
    return ERR_OK;
}

static enum err make_switches(struct lowering *lowering, const struct fast *fast)
{
    const struct step *step = fast->streams[YYJSON_TYPE_OBJ];
    if (!(fast->runs & KIND_OBJ))
        return ERR_OK;
    for (; step->op != FAST_END; step++)
        if ((step->op == FAST_ANY_OF || step->op == FAST_ONE_OF) && !step->choice->by)
            TRY(make_switch(lowering, step->choice));
    return ERR_OK;
}

/* Objects whose other members are refused, and nothing but names to be looked at. */
static void close_objects(struct fast *fast)
{
    struct step *step = (struct step *)fast->streams[YYJSON_TYPE_OBJ];
    for (; step && step->op != FAST_END; step++) {
        if (step->op != FAST_MEMBERS || !step->object->rest || step->object->pattern_count > 0)
            continue;
        const struct fast *rest = step->object->rest;
        if (rest->passes == 0 && rest->runs == 0 && step->object->name_count > 0)
            step->op = step->object->is_few ? FAST_CLOSED_FEW : FAST_CLOSED;
        else if (rest->passes == KINDS_ALL)
            step->op = step->object->name_count == 0 ? FAST_COUNT : step->object->is_few ? FAST_KNOWN_FEW : FAST_KNOWN;
    }
}

/* From ops to what runs them, when nothing changes any more. */
static void link_steps(struct fast *fast)
{
    for (unsigned type = 0; type < ARRAY_LEN(fast->streams); type++) {
        struct step *step = (struct step *)fast->streams[type];
        if (!step)
            continue;
        for (; step->op != FAST_END; step++)
            step->run = check_functions[step->op];
        step->run = check_functions[FAST_END];
    }
}

enum err lower_refine(struct lowering *lowering)
{
    bool is_changed = true;
    for (unsigned i = 0; i < ROUNDS_MAX && is_changed; i++) {
        is_changed = false;
        for (const struct lower_item *item = lowering->first; item; item = item->next)
            is_changed |= refine(item->fast);
    }
    for (const struct lower_item *item = lowering->first; item; item = item->next) {
        slim(item->fast, YYJSON_TYPE_OBJ, KIND_OBJ);
        slim(item->fast, YYJSON_TYPE_ARR, KIND_ARR);
    }
    for (const struct lower_item *item = lowering->first; item; item = item->next)
        close_objects(item->fast);
    for (struct lower_table *table = lowering->tables; table; table = table->next) {
        for (uint32_t i = 0; i < table->count; i++) {
            struct fast_place *place = &table->places[i];
            if (place->len == NAMES_NONE)
                continue;
            place->passes = place->fast->passes;
            place->runs = place->fast->runs;
        }
    }
    for (const struct lower_item *item = lowering->first; item; item = item->next)
        TRY(make_switches(lowering, item->fast));
    for (const struct lower_item *item = lowering->first; item; item = item->next)
        link_steps(item->fast);
    return ERR_OK;
}
