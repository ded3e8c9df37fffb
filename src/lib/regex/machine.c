/* SPDX-License-Identifier: Apache-2.0 */
/* From a graph to a table, by the construction of subsets. A state is the set of places in the pattern at which a match may
 * be; since only yes or no is asked, not where, a search is the same with the beginning added at each character. */
#include "lib/regex/machine_int.h"

#include "lib/base/utf8.h"

#include <stdlib.h>

#define STATES_MAX  1024
#define ENTRIES_MAX 32768 /* of the table: 64 KiB */

enum { STATE_NO, STATE_YES, STATE_START };

struct state {
    struct nfa_bits places;
    uint32_t hash;
};

struct maker {
    struct nfa nfa;
    struct char_classes chars;
    uint64_t *members;
    struct nfa_bits restart;
    struct nfa_bits *follows; /* of each node that is a set */
    struct state *states;
    uint32_t state_count;
    uint16_t *table; /* numbers of states */
};

static bool is_in(const struct maker *maker, uint32_t class, uint8_t set)
{
    return maker->members[class * NFA_SET_WORDS + set / 64u] >> set % 64 & 1;
}

static void add_bits(struct nfa_bits *bits, const struct nfa_bits *more)
{
    for (uint32_t i = 0; i < NFA_WORDS; i++)
        bits->words[i] |= more->words[i];
}

static uint32_t hash_of(const struct nfa_bits *bits)
{
    uint64_t hash = 0;
    for (uint32_t i = 0; i < NFA_WORDS; i++)
        hash = (hash ^ bits->words[i]) * 0x9e3779b97f4a7c15u + (hash >> 29);
    return (uint32_t)(hash >> 32);
}

static bool is_empty(const struct nfa_bits *bits)
{
    uint64_t all = 0;
    for (uint32_t i = 0; i < NFA_WORDS; i++)
        all |= bits->words[i];
    return all == 0;
}

static uint32_t match_node(void)
{
    return 0; /* nfa_build begins with it */
}

/* Whether a match is complete when the text ends here. */
static bool may_end(const struct maker *maker, const struct nfa_bits *places, bool is_start)
{
    struct nfa_bits reached = {{0}};
    for (uint32_t i = 0; i < maker->nfa.node_count; i++)
        if (nfa_bits_has(places, i) && maker->nfa.nodes[i].kind == NFA_END)
            nfa_close(&maker->nfa, i, is_start, true, &reached);
    return nfa_bits_has(&reached, match_node());
}

/* The number of the state with these places; a new one where there is none. STATES_MAX: there are too many. */
static uint32_t find_state(struct maker *maker, const struct nfa_bits *places)
{
    if (is_empty(places))
        return STATE_NO;
    if (nfa_bits_has(places, match_node()))
        return STATE_YES;
    uint32_t hash = hash_of(places);
    for (uint32_t i = STATE_START + 1; i < maker->state_count; i++)
        if (maker->states[i].hash == hash && memcmp(&maker->states[i].places, places, sizeof *places) == 0)
            return i;
    if (maker->state_count == STATES_MAX || (maker->state_count + 1) * maker->chars.class_count > ENTRIES_MAX)
        return STATES_MAX;
    maker->states[maker->state_count] = (struct state){*places, hash};
    return maker->state_count++;
}

/* Where a character of this class leads from the places of a state. */
static void step(const struct maker *maker, const struct nfa_bits *places, uint32_t class, struct nfa_bits *ret_bits)
{
    *ret_bits = maker->restart;
    for (uint32_t word = 0; word < NFA_WORDS; word++) {
        for (uint64_t left = places->words[word]; left != 0; left &= left - 1) {
            uint32_t node = word * 64 + (uint32_t)__builtin_ctzll(left);
            if (maker->nfa.nodes[node].kind == NFA_SET && is_in(maker, class, maker->nfa.nodes[node].set))
                add_bits(ret_bits, &maker->follows[node]);
        }
    }
}

static enum err fill_table(struct maker *maker)
{
    uint32_t width = maker->chars.class_count;
    for (uint32_t class = 0; class < width; class ++)
        maker->table[width + class] = STATE_YES;
    for (uint32_t state = STATE_START; state < maker->state_count; state++) {
        struct nfa_bits places = maker->states[state].places;
        maker->table[state * width] = may_end(maker, &places, state == STATE_START) ? STATE_YES : STATE_NO;
        for (uint32_t class = 1; class < width; class ++) {
            struct nfa_bits bits;
            step(maker, &places, class, &bits);
            uint32_t next = find_state(maker, &bits);
            if (next == STATES_MAX)
                return ERR_LIMIT;
            maker->table[state * width + class] = (uint16_t)next;
        }
    }
    return ERR_OK;
}

static enum err prepare(struct maker *maker, struct arena *scratch, const struct tree *tree)
{
    TRY(nfa_build(scratch, tree, &maker->nfa));
    TRY(classes_build(scratch, &maker->nfa, &maker->chars, &maker->members));
    maker->follows = arena_alloc_array(scratch, maker->nfa.node_count, sizeof maker->follows[0]);
    maker->states = arena_alloc_array(scratch, STATES_MAX, sizeof maker->states[0]);
    maker->table = arena_alloc_array(scratch, ENTRIES_MAX, sizeof maker->table[0]);
    if (!maker->follows || !maker->states || !maker->table)
        return ERR_NOMEM;
    const struct nfa *nfa = &maker->nfa;
    nfa_close(nfa, nfa->entry, false, false, &maker->restart);
    for (uint32_t i = 0; i < nfa->node_count; i++)
        if (nfa->nodes[i].kind == NFA_SET)
            nfa_close(nfa, nfa->nodes[i].next, false, false, &maker->follows[i]);
    nfa_close(nfa, nfa->entry, true, false, &maker->states[STATE_START].places);
    maker->state_count = STATE_START + 1;
    return ERR_OK;
}

/* The only character of a class, if that is ASCII and not NUL; '\0' otherwise. */
static char only_char(const struct char_classes *chars, uint32_t class)
{
    char found = '\0';
    if (chars->ascii[0] == class)
        return '\0';
    for (uint32_t i = 0; i < chars->stretch_count; i++)
        if (chars->classes[i] == class)
            return '\0';
    for (uint32_t code = 0; code < 0x80; code++) {
        if (chars->ascii[code] != class)
            continue;
        if (found)
            return '\0';
        found = (char)code;
    }
    return found;
}

/* The one character that leads on from a state where the text may not end; '\0': there is none, or there are others. */
static char only_way(const struct maker *maker, uint32_t state, uint32_t *ret_next)
{
    uint32_t width = maker->chars.class_count;
    uint32_t ways = 0;
    uint32_t way = 0;
    for (uint32_t class = 0; class < width; class ++) {
        if (maker->table[state * width + class] == STATE_NO)
            continue;
        ways++;
        way = class;
    }
    *ret_next = maker->table[state * width + way];
    return ways == 1 && way > 0 && *ret_next != STATE_YES ? only_char(&maker->chars, way) : '\0';
}

/* "^#/components/" and the like are compared as a whole. */
static void find_prefix(const struct maker *maker, struct machine *machine)
{
    uint32_t state = STATE_START;
    uint32_t next;
    char c;
    while (machine->prefix_len < MACHINE_PREFIX_MAX && (c = only_way(maker, state, &next)) != '\0') {
        machine->prefix[machine->prefix_len++] = c;
        state = next;
    }
    machine->behind_prefix = (uint16_t)(state * maker->chars.class_count);
}

/* Copies what stays to the heap, with rows for numbers of states. */
static enum err keep(const struct maker *maker, struct machine *ret_machine)
{
    uint32_t width = maker->chars.class_count;
    uint32_t stretches = maker->chars.stretch_count;
    size_t entries = (size_t)maker->state_count * width;
    char *memory = malloc(stretches * sizeof(uint32_t) + entries * sizeof(uint16_t) + stretches);
    if (!memory)
        return ERR_NOMEM;
    struct machine machine = {.chars = maker->chars};
    machine.chars.lows = (uint32_t *)(void *)memory;
    machine.table = (uint16_t *)(void *)(memory + stretches * sizeof(uint32_t));
    machine.chars.classes = (uint8_t *)(machine.table + entries);
    memcpy(machine.chars.lows, maker->chars.lows, stretches * sizeof(uint32_t));
    memcpy(machine.chars.classes, maker->chars.classes, stretches);
    for (size_t i = 0; i < entries; i++)
        machine.table[i] = (uint16_t)(i % width == 0 ? maker->table[i] : maker->table[i] * width);
    bool is_always = nfa_bits_has(&maker->states[STATE_START].places, match_node());
    machine.start = (uint16_t)((is_always ? STATE_YES : STATE_START) * width);
    if (!is_always)
        find_prefix(maker, &machine);
    *ret_machine = machine;
    return ERR_OK;
}

enum err machine_build(struct arena *scratch, const struct tree *tree, struct machine *ret_machine)
{
    struct maker maker = {.members = NULL};
    TRY(prepare(&maker, scratch, tree));
    TRY(fill_table(&maker));
    return keep(&maker, ret_machine);
}

void machine_free(struct machine *machine)
{
    free(machine->chars.lows);
}

static uint8_t class_of(const struct char_classes *chars, uint32_t code)
{
    uint32_t low = 0;
    uint32_t high = chars->stretch_count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (code < chars->lows[middle])
            high = middle;
        else
            low = middle;
    }
    return chars->classes[low];
}

bool machine_match(const struct machine *machine, struct slice text)
{
    const uint16_t *table = machine->table;
    const struct char_classes *chars = &machine->chars;
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = at + text.len;
    uint32_t state = machine->start;
    if (machine->prefix_len > 0) {
        if (text.len < machine->prefix_len || memcmp(at, machine->prefix, machine->prefix_len) != 0)
            return false;
        at += machine->prefix_len;
        state = machine->behind_prefix;
    }
    while (at < end && state > chars->class_count) {
        if (LIKELY(*at < 0x80))
            state = table[state + chars->ascii[*at++]];
        else
            state = table[state + class_of(chars, utf8_take_long(&at))];
    }
    return state > chars->class_count ? table[state] : state != 0;
}
