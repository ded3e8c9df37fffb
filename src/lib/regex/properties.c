/* SPDX-License-Identifier: Apache-2.0 */
/* Names of properties. PCRE2 takes them loosely ("lu", "Greek-Script"), ECMA-262 to the letter, so they are looked up here
 * first. Scripts are more than a hundred and grow with Unicode: for them only the form is checked, PCRE2 knows which
 * there are. */
#include "lib/regex/tree_int.h"

static const struct {
    const char *name;
    const char *long_name;
    const char *alias;
} categories[] = {
#define CATEGORY(name, long_name, alias) {name, long_name, alias},
#define BINARY(name, alias)
#include "lib/regex/properties.def"
#undef CATEGORY
#undef BINARY
};

static const struct {
    const char *name;
    const char *alias;
} binaries[] = {
#define CATEGORY(name, long_name, alias)
#define BINARY(name, alias) {name, alias},
#include "lib/regex/properties.def"
#undef CATEGORY
#undef BINARY
};

static const char *find_category(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(categories); i++)
        if (slice_is(name, categories[i].name) || slice_is(name, categories[i].long_name) ||
            (name.len > 0 && slice_is(name, categories[i].alias)))
            return categories[i].name;
    return NULL;
}

static const char *find_binary(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(binaries); i++)
        if (slice_is(name, binaries[i].name) || slice_is(name, binaries[i].alias))
            return binaries[i].name;
    return NULL;
}

/* Words that begin with a capital, joined by "_"; in "SignWriting" there is no "_". */
static bool is_script_name(struct slice name)
{
    if (slice_is(name, "SignWriting"))
        return true;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_first = i == 0 || name.ptr[i - 1] == '_';
        if (is_first ? c < 'A' || c > 'Z' : (c < 'a' || c > 'z') && (c != '_' || i + 1 == name.len))
            return false;
    }
    return name.len > 1;
}

static bool add(struct charset *set, struct arena *arena, struct slice prefix, struct slice name, bool is_negated)
{
    struct char_property *property = arena_alloc(arena, sizeof *property);
    if (!property)
        return false;
    *property = (struct char_property){
        .next = set->properties,
        .name = arena_printf(arena, SLICE_FMT SLICE_FMT, SLICE_ARG(prefix), SLICE_ARG(name)),
        .is_negated = is_negated,
    };
    set->properties = property;
    return property->name.ptr != NULL;
}

/* Everything and ASCII need no tables. */
static bool add_plain(struct charset *set, struct arena *arena, const char *name, bool is_negated, bool *ret_is_plain)
{
    bool is_ascii = slice_is(slice_of_text(name), "ASCII");
    *ret_is_plain = is_ascii || slice_is(slice_of_text(name), "Any");
    if (!*ret_is_plain || (!is_ascii && is_negated))
        return true;
    return charset_add(set, arena, is_negated ? 0x80 : 0, is_ascii && !is_negated ? 0x7f : CHAR_MAX_CODE);
}

bool charset_add_property(struct charset *set, struct arena *arena, struct slice name, struct slice value,
                          bool is_negated, bool *ret_is_known)
{
    const char *known = NULL;
    *ret_is_known = true;
    if (value.ptr && (slice_is(name, "Script") || slice_is(name, "sc")) && is_script_name(value))
        return add(set, arena, SLICE_LIT("sc:"), value, is_negated);
    if (value.ptr && (slice_is(name, "Script_Extensions") || slice_is(name, "scx")) && is_script_name(value))
        return add(set, arena, SLICE_LIT("scx:"), value, is_negated);
    if (value.ptr && (slice_is(name, "General_Category") || slice_is(name, "gc")))
        known = find_category(value);
    if (!value.ptr && slice_is(name, "Assigned"))
        return add(set, arena, SLICE_LIT("Cn"), SLICE_LIT(""), !is_negated);
    if (!value.ptr)
        known = find_category(name);
    if (!value.ptr && !known)
        known = find_binary(name);
    *ret_is_known = known != NULL;
    if (!known)
        return true;
    bool is_plain;
    if (!add_plain(set, arena, known, is_negated, &is_plain))
        return false;
    return is_plain || add(set, arena, slice_of_text(known), SLICE_LIT(""), is_negated);
}
