/* SPDX-License-Identifier: Apache-2.0 */
#include "load/plan/quantity.h"

#include "lib/json/number.h"

#define RATE_MAX 1e9

struct unit {
    const char *name;
    double factor;
};

static const struct unit rate_units[] = {{"", 1},          {"/s", 1},          {"/sec", 1},
                                         {"/m", 1.0 / 60}, {"/min", 1.0 / 60}, {"/h", 1.0 / 3600}};
static const struct unit time_units[] = {{"ns", 1},   {"us", 1e3},   {"ms", 1e6},  {"s", 1e9},
                                         {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
static const struct unit share_units[] = {{"", 1}, {"%", 0.01}};

static enum err read_number(struct slice *rest, double *ret_number)
{
    TRY(number_read_f64(rest, ret_number));
    return *ret_number < 0 ? ERR_SYNTAX : ERR_OK;
}

static enum err parse_unit(struct slice text, const struct unit *units, size_t count, double *ret_value)
{
    double number;
    struct slice rest = slice_trim(text);
    TRY(read_number(&rest, &number));
    rest = slice_trim(rest);
    for (size_t i = 0; i < count; i++) {
        if (!slice_is(rest, units[i].name))
            continue;
        *ret_value = number * units[i].factor;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

enum err load_rate_parse(struct slice text, double *ret_per_s)
{
    double rate;
    TRY(parse_unit(text, rate_units, ARRAY_LEN(rate_units), &rate));
    if (rate > RATE_MAX)
        return ERR_SYNTAX;
    *ret_per_s = rate;
    return ERR_OK;
}

enum err load_time_parse(struct slice text, double *ret_ns)
{
    return parse_unit(text, time_units, ARRAY_LEN(time_units), ret_ns);
}

static enum err parse_level(struct slice text, bool is_count, double *ret_level)
{
    uint64_t count;
    if (!is_count)
        return load_rate_parse(text, ret_level);
    if (text_parse_u64(slice_trim(text), &count) != ERR_OK || count > 1000000)
        return ERR_SYNTAX;
    *ret_level = (double)count;
    return ERR_OK;
}

enum err load_level_parse(struct slice text, bool is_count, double *ret_from, double *ret_to)
{
    const char *arrow = text.len ? memmem(text.ptr, text.len, "->", 2) : NULL;
    if (!arrow && text.len)
        arrow = memmem(text.ptr, text.len, "..", 2); /* what a shell leaves alone */
    double from, to;
    size_t before = arrow ? (size_t)(arrow - text.ptr) : text.len;
    TRY(parse_level(slice_first(text, before), is_count, &from));
    to = from;
    if (arrow)
        TRY(parse_level(slice_skip(text, before + 2), is_count, &to));
    *ret_from = from;
    *ret_to = to;
    return ERR_OK;
}

/* --- thresholds --------------------------------------------------------------------------------------------------- */

/* What can be held, and how its bound is written. */
static const struct {
    const char *name;
    enum load_quantity quantity;
    bool has_statistic;
    const struct unit *units;
    size_t unit_count;
    const char *example;
} quantities[] = {
    {"latency", LOAD_Q_LATENCY, true, time_units, ARRAY_LEN(time_units), "20ms"},
    {"service", LOAD_Q_SERVICE, true, time_units, ARRAY_LEN(time_units), "20ms"},
    {"first_token", LOAD_Q_FIRST_TOKEN, true, time_units, ARRAY_LEN(time_units), "300ms"},
    {"between_tokens", LOAD_Q_BETWEEN_TOKENS, true, time_units, ARRAY_LEN(time_units), "50ms"},
    {"lag", LOAD_Q_LAG, true, time_units, ARRAY_LEN(time_units), "1ms"},
    {"errors", LOAD_Q_ERRORS, false, share_units, ARRAY_LEN(share_units), "0.1%"},
    {"rate", LOAD_Q_RATE, false, rate_units, ARRAY_LEN(rate_units), "100/s"},
    {"goodput", LOAD_Q_GOODPUT, false, rate_units, ARRAY_LEN(rate_units), "100/s"},
    {"tokens", LOAD_Q_TOKENS, false, rate_units, ARRAY_LEN(rate_units), "100/s"},
};

static const struct {
    const char *text;
    enum load_test test;
} operators[] = {{"<=", LOAD_AT_MOST}, {">=", LOAD_AT_LEAST}, {"<", LOAD_LESS}, {">", LOAD_MORE}};

static int find_quantity(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(quantities); i++)
        if (slice_is(name, quantities[i].name))
            return (int)i;
    return -1;
}

/* p50, p99.9, mean, median, max. */
static bool parse_statistic(struct slice name, struct load_threshold *threshold)
{
    double percent;
    if (slice_is(name, "mean") || slice_is(name, "max")) {
        threshold->statistic = name.ptr[1] == 'e' ? LOAD_S_MEAN : LOAD_S_MAX;
        return true;
    }
    threshold->statistic = LOAD_S_QUANTILE;
    threshold->quantile = 0.5;
    if (slice_is(name, "median"))
        return true;
    if (name.len < 2 || name.ptr[0] != 'p' || number_parse_f64(slice_skip(name, 1), &percent) != ERR_OK)
        return false;
    threshold->quantile = percent / 100;
    return percent > 0 && percent < 100;
}

/* "first_token p50", "errors", "p99"; the index of the quantity, or -1. */
static int parse_subject(struct slice subject, struct text *fault, struct load_threshold *threshold)
{
    const char *names[ARRAY_LEN(quantities)];
    size_t space = slice_find(subject, ' ');
    struct slice first = slice_first(subject, space);
    struct slice second = space < subject.len ? slice_trim(slice_skip(subject, space)) : (struct slice){NULL, 0};
    if (!second.len && parse_statistic(first, threshold))
        return find_quantity(SLICE_LIT("latency"));
    int index = find_quantity(first);
    for (size_t i = 0; i < ARRAY_LEN(quantities); i++)
        names[i] = quantities[i].name;
    const char *nearest = text_nearest(first, names, ARRAY_LEN(names));
    if (index < 0) {
        text_printf(fault, "\"" SLICE_FMT "\" is nothing that is measured; ", SLICE_ARG(slice_first(first, 40)));
        text_printf(fault, nearest ? "did you mean \"%s\"?" : "there are p50, p99.9, mean, max, errors, rate, %s",
                    nearest ? nearest : "goodput, tokens, and first_token p50 and the like");
        return -1;
    }
    if (quantities[index].has_statistic && !parse_statistic(second, threshold)) {
        text_printf(fault, "of %s a statistic is held: %s p99, %s mean or %s max", quantities[index].name,
                    quantities[index].name, quantities[index].name, quantities[index].name);
        return -1;
    }
    if (!quantities[index].has_statistic)
        threshold->statistic = LOAD_S_VALUE;
    if (!quantities[index].has_statistic && second.len) {
        text_printf(fault, "%s is one number and has no \"" SLICE_FMT "\"", quantities[index].name,
                    SLICE_ARG(slice_first(second, 40)));
        return -1;
    }
    return index;
}

/* Cuts "login: " off the front. A step's name may have colons in it: the last one with a space behind ends it. */
static enum err take_step(struct slice *text, const struct load_plan *plan, struct text *fault, uint32_t *ret_step)
{
    const char *names[LOAD_STEPS_MAX];
    size_t end = text->len;
    for (size_t i = 0; i + 1 < text->len; i++)
        if (text->ptr[i] == ':' && text->ptr[i + 1] == ' ')
            end = i;
    *ret_step = UINT32_MAX;
    if (end == text->len)
        return ERR_OK;
    struct slice name = slice_trim(slice_first(*text, end));
    *text = slice_trim(slice_skip(*text, end + 1));
    for (uint32_t i = 0; i < plan->step_count; i++) {
        names[i] = plan->steps[i].name.ptr;
        if (!slice_equal(plan->steps[i].name, name))
            continue;
        *ret_step = i;
        return ERR_OK;
    }
    const char *nearest = text_nearest(name, names, plan->step_count);
    text_printf(fault, "no step is called \"" SLICE_FMT "\"%s%s%s", SLICE_ARG(slice_first(name, 80)),
                nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return ERR_SYNTAX;
}

enum err load_threshold_parse(struct slice text, const struct load_plan *plan, struct text *fault,
                              struct load_threshold *ret_threshold)
{
    struct load_threshold threshold = {.text = text};
    struct slice rest = slice_trim(text);
    TRY(take_step(&rest, plan, fault, &threshold.step));
    size_t at = rest.len, operator= 0;
    for (size_t i = ARRAY_LEN(operators); i-- > 0;) {
        const char *hit = rest.len ? memmem(rest.ptr, rest.len, operators[i].text, strlen(operators[i].text)) : NULL;
        if (!hit)
            continue;
        at = (size_t)(hit - rest.ptr);
        operator= i;
    }
    if (at == rest.len) {
        text_printf(fault, "a condition compares with <, <=, > or >=, such as p99 < 20ms or errors < 0.1%%");
        return ERR_SYNTAX;
    }
    int index = parse_subject(slice_trim(slice_first(rest, at)), fault, &threshold);
    if (index < 0)
        return ERR_SYNTAX;
    threshold.test = operators[operator].test;
    threshold.quantity = quantities[index].quantity;
    struct slice bound = slice_skip(rest, at + strlen(operators[operator].text));
    if (parse_unit(bound, quantities[index].units, quantities[index].unit_count, &threshold.bound) != ERR_OK) {
        text_printf(fault, "the bound of %s is written like %s", quantities[index].name, quantities[index].example);
        return ERR_SYNTAX;
    }
    *ret_threshold = threshold;
    return ERR_OK;
}
