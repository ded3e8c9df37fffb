/* SPDX-License-Identifier: Apache-2.0 */
/* Checks and extracts of a step. */
#include "load/plan/compile_int.h"

#include "lib/json/number.h"
#include "lib/regex/regex.h"

static enum err compile_check(struct compile *compile, const struct load_spec_check *spec, struct load_check *check);
static enum err compile_extract(struct compile *compile, const struct load_spec_extract *spec,
                                struct load_extract *extract);

enum err compile_response(struct compile *compile, const struct load_spec_step *spec, struct load_step *step)
{
    const struct load_spec_check *checks = spec->checks.items;
    const struct load_spec_extract *extracts = spec->extracts.items;
    struct load_check *made = arena_alloc_array(compile->arena, spec->checks.count, sizeof *made);
    struct load_extract *taken = arena_alloc_array(compile->arena, spec->extracts.count, sizeof *taken);
    if (!made || !taken)
        return ERR_NOMEM;
    step->checks = made;
    step->extracts = taken;
    for (uint32_t i = 0; i < spec->checks.count; i++) {
        TRY(compile_check(compile, &checks[i], &made[i]));
        step->check_count++;
        step->has_status_check = step->has_status_check || made[i].where == LOAD_OF_STATUS;
    }
    for (uint32_t i = 0; i < spec->extracts.count; i++) {
        TRY(compile_extract(compile, &extracts[i], &taken[i]));
        step->extract_count++;
    }
    /* Only behind the step: its own request goes out before. */
    for (uint32_t i = 0; i < step->extract_count; i++)
        if (taken[i].variable != UINT32_MAX)
            compile->is_set[taken[i].variable] = true;
    return ERR_OK;
}

static bool parse_status(struct slice text, struct load_statuses *statuses)
{
    uint64_t low, high;
    struct slice rest = text;
    if (text.len == 3 && text.ptr[0] >= '1' && text.ptr[0] <= '5' && (text.ptr[1] | 0x20) == 'x' &&
        (text.ptr[2] | 0x20) == 'x') {
        statuses->low = (uint16_t)((text.ptr[0] - '0') * 100);
        statuses->high = (uint16_t)(statuses->low + 99);
        return true;
    }
    if (text_parse_u64(slice_trim(slice_cut(&rest, '-')), &low) != ERR_OK)
        return false;
    high = low;
    if (rest.ptr && text_parse_u64(slice_trim(rest), &high) != ERR_OK)
        return false;
    *statuses = (struct load_statuses){(uint16_t)low, (uint16_t)high};
    return low >= 100 && high <= 599 && low <= high;
}

static enum err compile_status(struct compile *compile, const struct load_spec_check *spec, struct load_check *check)
{
    const struct slice *texts = spec->status.items;
    struct load_statuses *statuses = arena_alloc_array(compile->arena, spec->status.count, sizeof *statuses);
    struct buffer name = buffer_in_arena(compile->arena, 64);
    if (!statuses)
        return ERR_NOMEM;
    buffer_printf(&name, "status");
    for (uint32_t i = 0; i < spec->status.count; i++) {
        buffer_printf(&name, "%s" SLICE_FMT, i ? ", " : " ", SLICE_ARG(texts[i]));
        if (!parse_status(texts[i], &statuses[i]))
            report_error(compile->report, spec->place, "\"status\" takes 200, 2xx or 200-299, found \"" SLICE_FMT "\"",
                         SLICE_ARG(slice_first(texts[i], REPORT_QUOTE_BYTES_MAX)));
    }
    check->where = LOAD_OF_STATUS;
    check->statuses = statuses;
    check->status_count = spec->status.count;
    return buffer_finish(&name, &check->name);
}

static void compile_regex(struct compile *compile, struct slice pattern, struct report_place place, bool is_capturing,
                          struct regex **ret_regex)
{
    struct regex_fault fault = {.what = "no memory"};
    enum err err =
        is_capturing ? regex_compile_capturing(pattern, &fault, ret_regex) : regex_compile(pattern, &fault, ret_regex);
    if (err != ERR_OK)
        report_error(compile->report, place, "the regular expression \"" SLICE_FMT "\" has at byte %zu: %s",
                     SLICE_ARG(slice_first(pattern, REPORT_QUOTE_BYTES_MAX)), fault.byte, fault.what);
}

/* What is compared, as rows: the option's name, its value, the test, and how a name says it. */
static uint32_t find_test(const struct load_spec_check *spec, struct load_check *check, const char **ret_word)
{
    const struct {
        struct slice text;
        enum load_test test;
        const char *word;
    } rows[] = {
        {spec->equals, LOAD_EQUALS, "="},       {spec->not_equals, LOAD_NOT_EQUALS, "!="},
        {spec->contains, LOAD_CONTAINS, "has"}, {spec->matches, LOAD_MATCHES, "matches"},
        {spec->less, LOAD_LESS, "<"},           {spec->at_most, LOAD_AT_MOST, "<="},
        {spec->more, LOAD_MORE, ">"},           {spec->at_least, LOAD_AT_LEAST, ">="},
    };
    uint32_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (!rows[i].text.ptr)
            continue;
        check->test = rows[i].test;
        check->text = rows[i].text;
        *ret_word = rows[i].word;
        count++;
    }
    if (spec->exists == LOAD_UNSET)
        return count;
    check->test = spec->exists == LOAD_YES ? LOAD_EXISTS : LOAD_ABSENT;
    *ret_word = spec->exists == LOAD_YES ? "is there" : "is not there";
    return count + 1;
}

static enum err compile_comparison(struct compile *compile, const struct load_spec_check *spec,
                                   struct load_check *check)
{
    const char *word = "is there";
    uint32_t count = find_test(spec, check, &word);
    bool is_order = check->test >= LOAD_LESS && check->test <= LOAD_AT_LEAST;
    check->where = spec->header.ptr ? LOAD_OF_HEADER : spec->json.ptr ? LOAD_OF_JSON : LOAD_OF_BODY;
    check->key = spec->header.ptr ? spec->header : spec->json;
    if (count > 1)
        report_error(compile->report, spec->place, "a check compares once; write another for the second");
    if (count == 0 && check->where == LOAD_OF_BODY)
        report_error(compile->report, spec->place,
                     "a check looks at `status`, `time`, `header`, `json` or, with `contains` and the like, the body");
    if (count == 0)
        check->test = LOAD_EXISTS;
    if (spec->json.ptr && spec->json.len && spec->json.ptr[0] != '/')
        report_error(compile->report, spec->place, "a JSON Pointer begins with \"/\", such as /items/0/id");
    check->is_number = number_parse_f64(check->text, &check->number) == ERR_OK;
    if (is_order && !check->is_number)
        report_error(compile->report, spec->place, "\"" SLICE_FMT "\" is no number to compare with",
                     SLICE_ARG(slice_first(check->text, REPORT_QUOTE_BYTES_MAX)));
    if (check->test == LOAD_MATCHES)
        compile_regex(compile, check->text, spec->place, false, &check->regex);
    check->name =
        arena_printf(compile->arena, "%s" SLICE_FMT " %s " SLICE_FMT,
                     spec->header.ptr ? "header "
                     : spec->json.ptr ? "json "
                                      : "body",
                     SLICE_ARG(check->key), word, SLICE_ARG(slice_first(check->text, REPORT_QUOTE_BYTES_MAX)));
    return check->name.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err compile_check(struct compile *compile, const struct load_spec_check *spec, struct load_check *check)
{
    uint32_t subjects = !!spec->status.count + !!spec->header.ptr + !!spec->json.ptr + !!spec->time_ns;
    if (subjects > 1)
        report_error(compile->report, spec->place, "a check looks at one of `status`, `time`, `header` and `json`");
    if (spec->status.count)
        return compile_status(compile, spec, check);
    if (!spec->time_ns)
        return compile_comparison(compile, spec, check);
    char memory[32];
    struct text time = text_init(memory, sizeof memory);
    text_printf(&time, "%.6gms", (double)spec->time_ns / 1e6);
    *check = (struct load_check){.name = arena_printf(compile->arena, "time <= %s", memory),
                                 .where = LOAD_OF_TIME,
                                 .test = LOAD_AT_MOST,
                                 .number = (double)spec->time_ns,
                                 .is_number = true};
    return check->name.ptr ? ERR_OK : ERR_NOMEM;
}

static enum err compile_extract(struct compile *compile, const struct load_spec_extract *spec,
                                struct load_extract *extract)
{
    *extract = (struct load_extract){.variable = UINT32_MAX, .is_optional = spec->is_optional};
    if (spec->header.ptr && spec->json.ptr)
        report_error(compile->report, spec->place, "a value is taken from `header` or from `json`");
    if (!spec->header.ptr && !spec->json.ptr && !spec->regex.ptr)
        report_error(compile->report, spec->place, "say where \"" SLICE_FMT "\" is: `header`, `json` or `regex`",
                     SLICE_ARG(spec->variable));
    if (spec->json.ptr && spec->regex.ptr)
        report_error(compile->report, spec->place,
                     "`regex` looks at a header or at the body as a whole, not at `json`");
    if (spec->json.ptr && spec->json.len && spec->json.ptr[0] != '/')
        report_error(compile->report, spec->place, "a JSON Pointer begins with \"/\", such as /items/0/id");
    extract->where = spec->header.ptr ? LOAD_OF_HEADER : spec->json.ptr ? LOAD_OF_JSON : LOAD_OF_BODY;
    extract->key = spec->header.ptr ? spec->header : spec->json;
    if (spec->regex.ptr)
        compile_regex(compile, spec->regex, spec->place, true, &extract->regex);
    if (spec->variable.ptr)
        extract->variable = compile_variable(compile, spec->variable, spec->place);
    return ERR_OK;
}
