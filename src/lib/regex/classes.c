/* SPDX-License-Identifier: Apache-2.0 */
/* Characters that are in the same sets are the same to the table. Where the sets begin and end cuts all characters into
 * stretches; stretches of the same sets are one class. */
#include "lib/regex/machine_int.h"

#include <stdlib.h>

#define STRETCHES_MAX 4096
#define CLASSES_MAX   200

struct cuts {
    uint32_t *codes;
    uint32_t count;
};

static int compare_codes(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;
    return (*left > *right) - (*left < *right);
}

/* In order, each once; 0 and 0x80 are among them. */
static enum err find_cuts(struct arena *scratch, const struct nfa *nfa, struct cuts *ret_cuts)
{
    size_t most = 2;
    for (uint32_t i = 0; i < nfa->set_count; i++)
        most += 2 * (size_t)nfa->sets[i]->count;
    if (most > STRETCHES_MAX)
        return ERR_LIMIT;
    uint32_t *codes = arena_alloc_array(scratch, most, sizeof codes[0]);
    if (!codes)
        return ERR_NOMEM;
    uint32_t count = 0;
    codes[count++] = 0;
    codes[count++] = 0x80;
    for (uint32_t i = 0; i < nfa->set_count; i++) {
        for (uint32_t j = 0; j < nfa->sets[i]->count; j++) {
            codes[count++] = nfa->sets[i]->ranges[j].low;
            codes[count++] = nfa->sets[i]->ranges[j].high + 1;
        }
    }
    qsort(codes, count, sizeof codes[0], compare_codes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if ((kept == 0 || codes[i] != codes[kept - 1]) && codes[i] <= CHAR_MAX_CODE)
            codes[kept++] = codes[i];
    *ret_cuts = (struct cuts){codes, kept};
    return ERR_OK;
}

static bool has_char(const struct charset *set, uint32_t code)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (code >= set->ranges[i].low && code <= set->ranges[i].high)
            return true;
    return false;
}

/* The class of these sets; a new one where there is none yet. 0: there are too many. */
static uint8_t find_class(struct char_classes *classes, uint64_t *members, const uint64_t sets[NFA_SET_WORDS])
{
    for (uint32_t i = 1; i < classes->class_count; i++)
        if (memcmp(members + i * NFA_SET_WORDS, sets, NFA_SET_WORDS * sizeof sets[0]) == 0)
            return (uint8_t)i;
    if (classes->class_count == CLASSES_MAX)
        return 0;
    memcpy(members + classes->class_count * NFA_SET_WORDS, sets, NFA_SET_WORDS * sizeof sets[0]);
    return (uint8_t)classes->class_count++;
}

/* Stretches beyond ASCII that follow each other and are of one class are one. */
static void add_stretch(struct char_classes *classes, uint32_t low, uint32_t end, uint8_t class)
{
    for (uint32_t code = low; code < end && code < 0x80; code++)
        classes->ascii[code] = class;
    uint32_t count = classes->stretch_count;
    if (low < 0x80 || (count > 0 && classes->classes[count - 1] == class))
        return;
    classes->lows[count] = low;
    classes->classes[count] = class;
    classes->stretch_count++;
}

enum err classes_build(struct arena *scratch, const struct nfa *nfa, struct char_classes *ret_classes,
                       uint64_t **ret_members)
{
    struct cuts cuts;
    struct char_classes classes = {.class_count = 1};
    TRY(find_cuts(scratch, nfa, &cuts));
    uint64_t *members = arena_alloc_array(scratch, (size_t)CLASSES_MAX * NFA_SET_WORDS, sizeof members[0]);
    classes.lows = arena_alloc_array(scratch, cuts.count, sizeof classes.lows[0]);
    classes.classes = arena_alloc_array(scratch, cuts.count, sizeof classes.classes[0]);
    if (!members || !classes.lows || !classes.classes)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < cuts.count; i++) {
        uint64_t sets[NFA_SET_WORDS] = {0};
        for (uint32_t set = 0; set < nfa->set_count; set++)
            sets[set / 64] |= (uint64_t)has_char(nfa->sets[set], cuts.codes[i]) << set % 64;
        uint8_t class = find_class(&classes, members, sets);
        if (class == 0)
            return ERR_LIMIT;
        add_stretch(&classes, cuts.codes[i], i + 1 < cuts.count ? cuts.codes[i + 1] : CHAR_MAX_CODE + 1, class);
    }
    *ret_classes = classes;
    *ret_members = members;
    return ERR_OK;
}
