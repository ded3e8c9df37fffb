/* SPDX-License-Identifier: Apache-2.0 */
/* The door to PCRE2. Patterns come in its own syntax, made by translate.c; texts are well-formed UTF-8, which is not checked
 * again. A match runs machine code made when the pattern was compiled, on a stack of its own, with all memory taken before;
 * where there can be no such code (a system that forbids it), PCRE2's interpreter runs within the same limits. */
#include "lib/regex/pcre_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#define STACK_BYTES_FIRST (32u << 10)
#define STACK_BYTES_MAX   (512u << 10)
#define HEAP_KIB_MAX      1024u
#define NEST_MAX          1000u
#define STEPS_FIRST       64u

/* What PCRE2 counts as a step may go over the text: "\w+" where nothing can be gained by giving a character back, or what
 * stands in a look ahead. Where that can happen at each place, so many characters are a step of ours. */
#define STEP_CHARACTERS 1024u

struct pcre {
    pcre2_code *code;
    bool is_native;
    bool is_search;
    bool scans_in_scans;
    uint32_t groups;
};

struct regex_work {
    pcre2_match_context *context;
    pcre2_match_data *data;
    pcre2_jit_stack *stack;
    uint32_t steps_max; /* of one match */
    uint64_t allowed;   /* of all, until it is said anew */
};

static enum err fail(int code, struct regex_fault *ret_fault)
{
    ret_fault->byte = 0;
    ret_fault->what[0] = '\0';
    (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)ret_fault->what, sizeof ret_fault->what);
    switch (code) {
    case PCRE2_ERROR_UNKNOWN_UNICODE_PROPERTY:
    case PCRE2_ERROR_MALFORMED_UNICODE_PROPERTY:
        return ERR_SYNTAX;
    case PCRE2_ERROR_PATTERN_TOO_LARGE:
    case PCRE2_ERROR_PATTERN_TOO_COMPLICATED:
    case PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP:
    case PCRE2_ERROR_LOOKBEHIND_TOO_COMPLICATED:
        return ERR_LIMIT;
    case PCRE2_ERROR_HEAP_FAILED:
        return ERR_NOMEM;
    default:
        return ERR_UNSUPPORTED; /* a look behind of no fixed length */
    }
}

enum err pcre_compile(const struct pcre_pattern *pattern, struct regex_fault *ret_fault, struct pcre **ret_pcre)
{
    const uint32_t options =
        PCRE2_UTF | PCRE2_NO_UTF_CHECK | PCRE2_DOTALL | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;
    int code;
    size_t offset;
    struct pcre *pcre = malloc(sizeof *pcre);
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (!pcre || !context) {
        free(pcre);
        pcre2_compile_context_free(context);
        return ERR_NOMEM;
    }
    pcre2_set_parens_nest_limit(context, NEST_MAX);
    pcre->code = pcre2_compile((PCRE2_SPTR)pattern->text.ptr, pattern->text.len, options, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!pcre->code) {
        free(pcre);
        return fail(code, ret_fault);
    }
    (void)pcre2_pattern_info(pcre->code, PCRE2_INFO_CAPTURECOUNT, &pcre->groups);
    pcre->is_search = pattern->is_search;
    pcre->scans_in_scans = pattern->scans_in_scans;
    pcre->is_native = pcre2_jit_compile(pcre->code, PCRE2_JIT_COMPLETE) == 0;
    *ret_pcre = pcre;
    return ERR_OK;
}

void pcre_destroy(struct pcre *pcre)
{
    if (!pcre)
        return;
    pcre2_code_free(pcre->code);
    free(pcre);
}

enum err regex_work_create(uint32_t steps_max, struct regex_work **ret_work)
{
    struct regex_work *work = calloc(1, sizeof *work);
    if (!work)
        return ERR_NOMEM;
    work->context = pcre2_match_context_create(NULL);
    work->data = pcre2_match_data_create(2, NULL);
    work->stack = pcre2_jit_stack_create(STACK_BYTES_FIRST, STACK_BYTES_MAX, NULL);
    if (!work->context || !work->data) {
        regex_work_destroy(work);
        return ERR_NOMEM;
    }
    work->steps_max = steps_max;
    work->allowed = UINT64_MAX;
    pcre2_set_heap_limit(work->context, HEAP_KIB_MAX);
    if (work->stack)
        pcre2_jit_stack_assign(work->context, NULL, work->stack);
    *ret_work = work;
    return ERR_OK;
}

void regex_work_destroy(struct regex_work *work)
{
    if (!work)
        return;
    pcre2_jit_stack_free(work->stack);
    pcre2_match_data_free(work->data);
    pcre2_match_context_free(work->context);
    free(work);
}

void regex_work_allow(struct regex_work *work, uint64_t steps)
{
    work->allowed = steps;
}

/* What a step is charged as. */
static uint32_t price_of(const struct pcre *pcre, size_t text_bytes)
{
    return pcre->scans_in_scans ? (uint32_t)MIN(text_bytes / STEP_CHARACTERS + 1, (size_t)UINT32_MAX) : 1;
}

/* In a search, going to the next place is a step to PCRE2, and should not count as long as it is nothing more. */
static uint32_t places_of(const struct pcre *pcre, size_t text_bytes)
{
    return pcre->is_search && !pcre->scans_in_scans ? (uint32_t)MIN(text_bytes, (size_t)UINT32_MAX / 2) : 0;
}

static int match(const struct pcre *pcre, struct slice text, struct regex_work *work)
{
    PCRE2_SPTR subject = (PCRE2_SPTR)(text.ptr ? text.ptr : "");
    if (pcre->is_native && work->stack)
        return pcre2_jit_match(pcre->code, subject, text.len, 0, 0, work->data, work->context);
    return pcre2_match(pcre->code, subject, text.len, 0, PCRE2_NO_UTF_CHECK, work->data, work->context);
}

/* PCRE2 does not tell how many steps a match took, only that it would take more than it may. So it begins with few, which
 * are free, and is given four times as many until it ends; what it was given is counted. */
enum regex_outcome pcre_match(const struct pcre *pcre, struct slice text, struct regex_work *work)
{
    uint32_t places = places_of(pcre, text.len);
    uint32_t price = price_of(pcre, text.len);
    uint32_t most = MAX(work->steps_max / price, 1u);
    uint32_t steps = MIN(STEPS_FIRST, most);
    int found;
    for (;;) {
        pcre2_set_match_limit(work->context, steps > UINT32_MAX - places ? UINT32_MAX : steps + places);
        found = match(pcre, text, work);
        if (found != PCRE2_ERROR_MATCHLIMIT || steps == most)
            break;
        steps = steps > most / 4 ? most : steps * 4;
        if ((uint64_t)steps * price > work->allowed)
            break;
        work->allowed -= (uint64_t)steps * price;
    }
    if (found >= 0)
        return REGEX_YES;
    return found == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_LIMIT;
}

bool pcre_has_groups(const struct pcre *pcre)
{
    return pcre->groups > 0;
}

/* A group that took no part ends before it begins, or is unset. */
struct slice pcre_captured(struct slice text, const struct regex_work *work)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(work->data) + 2;
    return ends[0] == PCRE2_UNSET ? (struct slice){NULL, 0} : slice_of(text.ptr + ends[0], ends[1] - ends[0]);
}
