/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern is parsed to a tree by the grammar of ECMA-262, and the tree is made into the first that does of: a comparison
 * of bytes, a loop over one class, a table of states, a pattern of PCRE2. The first three are linear in the text whatever
 * the pattern is, so that (a+)+$ takes no longer than a+$; PCRE2, which backtracks, is left with looks around, references,
 * word edges, properties of Unicode, and what takes too many states. */
#include "lib/regex/machine_int.h"
#include "lib/regex/pcre_int.h"
#include "lib/regex/regex_int.h"
#include "lib/regex/simple_int.h"

#include <stdalign.h>
#include <stdlib.h>

#define PATTERN_BYTES_MAX (64u << 10)
#define SCRATCH_BYTES_MAX (16u << 20)
#define VALIDITY_BYTES    (16u << 10)

struct regex {
    struct simple simple; /* SIMPLE_NONE: one of the others */
    struct machine machine;
    struct pcre *pcre;
};

/* What is needed while a pattern is compiled. */
struct scratch {
    struct pool pool;
    struct arena arena;
};

static void scratch_init(struct scratch *scratch)
{
    pool_init(&scratch->pool, 0, 2 * (size_t)SCRATCH_BYTES_MAX);
    arena_init(&scratch->arena, &scratch->pool, 65536, SCRATCH_BYTES_MAX);
}

static void scratch_deinit(struct scratch *scratch)
{
    arena_reset(&scratch->arena);
    pool_deinit(&scratch->pool);
}

static enum err parse(struct arena *scratch, struct slice pattern, bool is_strict, struct regex_fault *ret_fault,
                      struct tree *ret_tree)
{
    *ret_fault = (struct regex_fault){.what = "no memory"};
    if (pattern.len > PATTERN_BYTES_MAX) {
        *ret_fault = (struct regex_fault){.byte = PATTERN_BYTES_MAX, .what = "a pattern of more than 64 KiB"};
        return ERR_LIMIT;
    }
    return tree_parse(scratch, pattern, is_strict, ret_fault, ret_tree);
}

static enum err build_pcre(struct arena *scratch, const struct tree *tree, struct regex_fault *ret_fault,
                           struct pcre **ret_pcre)
{
    struct pcre_pattern pattern;
    TRY(pcre_translate(scratch, tree, ret_fault, &pattern));
    return pcre_compile(&pattern, ret_fault, ret_pcre);
}

static enum err build(struct arena *scratch, const struct tree *tree, enum regex_way way, struct regex_fault *ret_fault,
                      struct regex *regex)
{
    enum err err = ERR_UNSUPPORTED;
    if (way == REGEX_BEST)
        TRY(simple_build(scratch, tree, &regex->simple));
    if (regex->simple.kind != SIMPLE_NONE)
        return ERR_OK;
    if (way < REGEX_PCRE && tree->is_regular)
        err = machine_build(scratch, tree, &regex->machine);
    if (err == ERR_OK || err == ERR_NOMEM || way == REGEX_MACHINE)
        return err;
    return build_pcre(scratch, tree, ret_fault, &regex->pcre);
}

enum err regex_compile_as(struct slice pattern, enum regex_way way, struct regex_fault *ret_fault,
                          struct regex **ret_regex)
{
    struct scratch scratch;
    struct tree tree = {0};
    struct regex *regex = calloc(1, sizeof *regex);
    if (!regex)
        return ERR_NOMEM;
    scratch_init(&scratch);
    enum err err = parse(&scratch.arena, pattern, false, ret_fault, &tree);
    tree.has_references |= way == REGEX_CAPTURING; /* which is what groups are kept for elsewhere */
    if (err == ERR_OK)
        err = build(&scratch.arena, &tree, way, ret_fault, regex);
    scratch_deinit(&scratch);
    if (err == ERR_OK)
        *ret_regex = regex;
    else
        free(regex);
    return err;
}

enum err regex_compile(struct slice pattern, struct regex_fault *ret_fault, struct regex **ret_regex)
{
    return regex_compile_as(pattern, REGEX_BEST, ret_fault, ret_regex);
}

enum err regex_compile_capturing(struct slice pattern, struct regex_fault *ret_fault, struct regex **ret_regex)
{
    struct regex *regex;
    TRY(regex_compile_as(pattern, REGEX_CAPTURING, ret_fault, &regex));
    if (pcre_has_groups(regex->pcre)) {
        *ret_regex = regex;
        return ERR_OK;
    }
    *ret_fault = (struct regex_fault){.what = "no group (...) that says which part is meant"};
    regex_destroy(regex);
    return ERR_UNSUPPORTED;
}

void regex_destroy(struct regex *regex)
{
    if (!regex)
        return;
    simple_free(&regex->simple);
    machine_free(&regex->machine);
    pcre_destroy(regex->pcre);
    free(regex);
}

/* Only PCRE2 knows which scripts there are. */
static bool may_name_script(struct slice pattern)
{
    for (size_t i = 0; i + 1 < pattern.len; i++)
        if (pattern.ptr[i] == '\\' && (pattern.ptr[i + 1] | 0x20) == 'p')
            return true;
    return false;
}

/* By the grammar. It is a format of documents, which are not to take memory: patterns as they are need none but this. */
bool regex_is_valid(struct slice pattern)
{
    alignas(ARENA_ALIGN) char memory[VALIDITY_BYTES];
    struct pool pool;
    struct arena arena;
    struct regex_fault fault;
    struct tree tree;
    struct pcre *pcre = NULL;
    pool_init(&pool, 0, 2 * (size_t)SCRATCH_BYTES_MAX);
    arena_init_with(&arena, &pool, 65536, SCRATCH_BYTES_MAX, memory, sizeof memory);
    bool is_valid = parse(&arena, pattern, true, &fault, &tree) == ERR_OK;
    if (is_valid && may_name_script(pattern))
        is_valid = build_pcre(&arena, &tree, &fault, &pcre) != ERR_SYNTAX;
    pcre_destroy(pcre);
    arena_reset(&arena);
    pool_deinit(&pool);
    return is_valid;
}

const char *regex_way_name(const struct regex *regex)
{
    if (regex->simple.kind != SIMPLE_NONE)
        return regex->simple.kind == SIMPLE_LITERAL ? "literal" : "run";
    return regex->pcre ? "pcre" : "table";
}

enum regex_outcome regex_match(const struct regex *regex, struct slice text, struct regex_work *work)
{
    if (regex->simple.kind != SIMPLE_NONE)
        return simple_match(&regex->simple, text) ? REGEX_YES : REGEX_NO;
    if (!regex->pcre)
        return machine_match(&regex->machine, text) ? REGEX_YES : REGEX_NO;
    return pcre_match(regex->pcre, text, work);
}

enum regex_outcome regex_capture(const struct regex *regex, struct slice text, struct regex_work *work,
                                 struct slice *ret_part)
{
    ASSERT(regex->pcre, "the pattern was compiled for captures");
    enum regex_outcome outcome = pcre_match(regex->pcre, text, work);
    if (outcome == REGEX_YES)
        *ret_part = pcre_captured(text, work);
    return outcome;
}
