/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the members in the order of memory; each is looked up once. */
#include "lib/schema/check_int.h"

/* The place of a member's name; NULL: the table has none. */
static inline const struct fast_place *find(const struct fast_object *object, yyjson_val *key)
{
    size_t len = unsafe_yyjson_get_len(key);
    const char *ptr = key->uni.str;
    struct name_words words = name_words_of(ptr, len);
    uint32_t at = (uint32_t)(name_hash(words, ptr, len, object->seed) >> object->shift);
    for (;; at = (at + 1) & object->mask) {
        const struct fast_place *place = &object->places[at];
        if (LIKELY(place->first == words.first && place->last == words.last && place->len == len) &&
            (len <= 16 || memcmp(place->ptr, ptr, len) == 0))
            return place;
        if (place->len == NAMES_NONE)
            return NULL;
    }
}

/* The same, of few. */
static inline const struct fast_place *find_few(const struct fast_object *object, yyjson_val *key)
{
    size_t len = unsafe_yyjson_get_len(key);
    for (uint32_t i = 0; i < object->name_count; i++) {
        const struct fast_place *place = &object->places[i];
        if (place->len != len)
            continue;
        struct name_words words = name_words_of(key->uni.str, len);
        if (place->first == words.first && place->last == words.last &&
            (len <= 16 || memcmp(place->ptr, key->uni.str, len) == 0))
            return place;
    }
    return NULL;
}

/* Members that hold something are looked into after all others of their object, so that a fault of the object itself is
 * found first: what is invalid mostly is so near its root. */
enum { LATER_MAX = 12 };

struct later {
    uint32_t count;
    struct {
        const struct fast *fast;
        yyjson_val *value;
    } items[LATER_MAX];
};

static inline bool check_later(struct check *check, const struct later *later)
{
    for (uint32_t i = 0; i < later->count; i++)
        if (!check_streams(check, later->items[i].fast, later->items[i].value))
            return false;
    check_leave(check);
    return true;
}

static inline bool check_place(struct check *check, const struct fast_place *place, yyjson_val *value,
                               struct later *later)
{
    uint32_t kind = KIND(KIND_OF(value));
    if (LIKELY(place->passes & kind))
        return true;
    if (!(place->runs & kind))
        return false;
    if (!(kind & (KIND_OBJ | KIND_ARR)) || later->count == LATER_MAX)
        return check_streams(check, place->fast, value);
    later->items[later->count].fast = place->fast;
    later->items[later->count++].value = value;
    return true;
}

static inline bool begin(struct check *check, const struct fast_object *object, size_t count)
{
    return count >= object->min && count <= object->max && check_enter(check, count);
}

bool check_count(struct check *check, const struct step *step, yyjson_val *value)
{
    size_t count = unsafe_yyjson_get_len(value);
    return count >= step->object->min && count <= step->object->max && check_next(check, step, value);
}

/* The members that are known by name; what is done with others is known when this is compiled. */
ALWAYS_INLINE bool check_by_name(struct check *check, const struct fast_object *object, yyjson_val *value,
                                 bool is_closed, bool is_few)
{
    size_t count = unsafe_yyjson_get_len(value);
    uint64_t seen = 0;
    struct later later;
    later.count = 0;
    if (!begin(check, object, count))
        return false;
    yyjson_val *key = unsafe_yyjson_get_first(value);
    for (; count > 0; count--, key = member_next(key)) {
        const struct fast_place *place = is_few ? find_few(object, key) : find(object, key);
        if (!place) {
            if (is_closed)
                return false;
            continue;
        }
        seen |= place->bit;
        if (!check_place(check, place, key + 1, &later) || (is_closed && !place->is_declared))
            return false;
    }
    return (object->required & ~seen) == 0 && check_later(check, &later);
}

bool check_known(struct check *check, const struct step *step, yyjson_val *value)
{
    return check_by_name(check, step->object, value, false, false) && check_next(check, step, value);
}

bool check_closed(struct check *check, const struct step *step, yyjson_val *value)
{
    return check_by_name(check, step->object, value, true, false) && check_next(check, step, value);
}

bool check_known_few(struct check *check, const struct step *step, yyjson_val *value)
{
    return check_by_name(check, step->object, value, false, true) && check_next(check, step, value);
}

bool check_closed_few(struct check *check, const struct step *step, yyjson_val *value)
{
    return check_by_name(check, step->object, value, true, true) && check_next(check, step, value);
}

/* What patterns say of a member; *is_declared: one of them declares it. */
static bool check_patterns(struct check *check, const struct fast_object *object, yyjson_val *key, bool *is_declared)
{
    struct slice name = string_of(key);
    for (uint32_t i = 0; i < object->pattern_count; i++) {
        const struct fast_pattern *pattern = &object->patterns[i];
        if (!check_pattern(check, pattern->regex, name))
            continue;
        *is_declared |= pattern->declares;
        if (!check_value(check, pattern->fast, key + 1))
            return false;
    }
    return check->stop == SCHEMA_VALID;
}

bool check_members(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_object *object = step->object;
    size_t count = unsafe_yyjson_get_len(value);
    uint64_t seen = 0;
    struct later later;
    later.count = 0;
    if (!begin(check, object, count))
        return false;
    yyjson_val *key = unsafe_yyjson_get_first(value);
    for (; count > 0; count--, key = member_next(key)) {
        const struct fast_place *place = object->name_count == 0 ? NULL
                                         : object->is_few        ? find_few(object, key)
                                                                 : find(object, key);
        bool is_declared = false;
        if (place) {
            seen |= place->bit;
            is_declared = place->is_declared;
            if (!check_place(check, place, key + 1, &later))
                return false;
        }
        if (object->pattern_count > 0 && !check_patterns(check, object, key, &is_declared))
            return false;
        if (object->rest && !is_declared && !check_value(check, object->rest, key + 1))
            return false;
    }
    return (object->required & ~seen) == 0 && check_later(check, &later) && check_next(check, step, value);
}

bool check_names(struct check *check, const struct step *step, yyjson_val *value)
{
    size_t count = unsafe_yyjson_get_len(value);
    if (!check_enter(check, count))
        return false;
    yyjson_val *key = unsafe_yyjson_get_first(value);
    for (; count > 0; count--, key = member_next(key))
        if (!check_value(check, step->fast, key))
            return false;
    check_leave(check);
    return check_next(check, step, value);
}

static yyjson_val *find_member(struct check *check, yyjson_val *value, struct slice name)
{
    size_t count = unsafe_yyjson_get_len(value);
    if (!check_spend(check, count))
        return NULL;
    yyjson_val *key = unsafe_yyjson_get_first(value);
    for (; count > 0; count--, key = member_next(key))
        if (unsafe_yyjson_get_len(key) == name.len && memcmp(key->uni.str, name.ptr, name.len) == 0)
            return key + 1;
    return NULL;
}

bool check_dependent(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_dependency *dependency = step->dependency;
    if (dependency->name.ptr && !find_member(check, value, dependency->name))
        return check->stop == SCHEMA_VALID && check_next(check, step, value);
    for (uint32_t i = 0; i < dependency->wanted_count; i++)
        if (!find_member(check, value, dependency->wanted[i]))
            return false;
    if (!check_enter(check, 1) || (dependency->fast && !check_value(check, dependency->fast, value)))
        return false;
    check_leave(check);
    return check_next(check, step, value);
}

/* ---- branches -------------------------------------------------------------------------------------------------------------- */

/* Those that may fit, as far as the member says by which they differ. */
static uint64_t select_branches(struct check *check, const struct fast_switch *by, yyjson_val *value)
{
    yyjson_val *member = find_member(check, value, by->name);
    if (!member || !is_string(member))
        return by->others;
    uint32_t at = names_find(&by->texts, member->uni.str, unsafe_yyjson_get_len(member));
    return at == NAMES_NONE ? by->others : by->others | by->branches[at];
}

static inline bool is_selectable(const struct fast_choice *choice, yyjson_val *value)
{
    return choice->by && is_object(value);
}

/* A branch that fails may have left its depth behind. */
static inline bool try_branch(struct check *check, const struct fast *branch, yyjson_val *value)
{
    uint32_t depth = check->depth_left;
    bool is_valid = check_value(check, branch, value);
    check->depth_left = depth;
    return is_valid;
}

bool check_any_of(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_choice *choice = step->choice;
    bool is_valid = false;
    if (!check_enter(check, choice->count))
        return false;
    if (is_selectable(choice, value)) {
        for (uint64_t bits = select_branches(check, choice->by, value); bits && !is_valid; bits &= bits - 1)
            is_valid = try_branch(check, choice->branches[__builtin_ctzl(bits)], value);
    } else {
        for (uint32_t i = 0; i < choice->count && !is_valid; i++)
            is_valid = try_branch(check, choice->branches[i], value);
    }
    check_leave(check);
    return is_valid && check_next(check, step, value);
}

bool check_one_of(struct check *check, const struct step *step, yyjson_val *value)
{
    const struct fast_choice *choice = step->choice;
    uint32_t matches = 0;
    if (!check_enter(check, choice->count))
        return false;
    if (is_selectable(choice, value)) {
        for (uint64_t bits = select_branches(check, choice->by, value); bits && matches < 2; bits &= bits - 1)
            matches += try_branch(check, choice->branches[__builtin_ctzl(bits)], value);
    } else {
        for (uint32_t i = 0; i < choice->count && matches < 2; i++)
            matches += try_branch(check, choice->branches[i], value);
    }
    check_leave(check);
    return matches == 1 && check_next(check, step, value);
}
