/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/options/scalar.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Ascending; the first is what a number without a unit means. */
static const struct unit size_units[] = {{"", 1}, {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}};
static const struct unit duration_units[] = {
    {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};

static enum err parse_part(struct slice *text, const struct unit *units, size_t *count, uint64_t *value);
static void format(uint64_t value, const struct unit *units, size_t count, struct text *out);
static void add_range(const struct option *option, bool is_length, struct text *out);
static void add_choices(const struct option *option, struct text *out);

enum err size_parse(struct slice text, uint64_t *ret_bytes)
{
    size_t count = ARRAY_LEN(size_units);
    uint64_t bytes = 0;
    TRY(parse_part(&text, size_units, &count, &bytes));
    if (text.len)
        return ERR_SYNTAX;
    *ret_bytes = bytes;
    return ERR_OK;
}

enum err duration_parse(struct slice text, uint64_t *ret_ns)
{
    if (slice_is(text, "0")) {
        *ret_ns = 0;
        return ERR_OK;
    }
    size_t count = ARRAY_LEN(duration_units);
    uint64_t ns = 0;
    do
        TRY(parse_part(&text, duration_units, &count, &ns));
    while (text.len);
    *ret_ns = ns;
    return ERR_OK;
}

void size_format(uint64_t bytes, struct text *out)
{
    format(bytes, size_units, ARRAY_LEN(size_units), out);
}

void duration_format(uint64_t ns, struct text *out)
{
    if (ns)
        format(ns, duration_units, ARRAY_LEN(duration_units), out);
    else
        text_add(out, SLICE_LIT("0s"));
}

bool option_is_bounded(const struct option *option)
{
    return option->min != 0 || option->max != 0;
}

/* What stands before and after the range: "a list of" "1 to 8" "texts". */
struct words {
    const char *before;
    const char *between; /* only with a range; NULL: has none */
    const char *after;
    bool is_length; /* the range is of a length */
};

void option_describe(const struct option *option, struct text *out)
{
    static const struct words words[] = {
        [OPTION_BOOL] = {"true or false", NULL, "", false},
        [OPTION_COUNT] = {"a whole number", " from ", "", false},
        [OPTION_BYTES] = {"a size", " from ", ", such as 4096, 16KiB or 10MiB", false},
        [OPTION_DURATION] = {"a time", " from ", ", such as 250ms, 10s or 5m", false},
        [OPTION_REAL] = {"a number", " from ", "", false},
        [OPTION_TEXT] = {"a text", " of ", "", true},
        [OPTION_PATH] = {"a path", " of ", "", true},
        [OPTION_CHOICE] = {"one of ", NULL, "", false},
        [OPTION_TEXTS] = {"a list of", " ", " texts", true},
        [OPTION_REALS] = {"a list of", " ", " numbers", true},
        [OPTION_COUNTS] = {"a list of", " ", " whole numbers", true},
        [OPTION_CHOICES] = {"a list of at least one of ", NULL, "", false},
        [OPTION_SHAPES] = {"a map of", " ", " names to lists of sizes, such as {x: [1, 3, 48, 192]}", true},
        [OPTION_PLACED] = {"a text", " of ", "", true},
        [OPTION_MEMBERS] = {"a map of", " ", " names to texts", true},
        [OPTION_TREE] = {"anything", NULL, "", false},
        [OPTION_TABLE] = {"a map of options", NULL, "", false},
        [OPTION_TABLES] = {"a list of", " ", " maps", true},
    };
    const struct words *row = &words[option->type];
    text_add(out, slice_of_text(row->before));
    if (option->choices)
        add_choices(option, out);
    if (row->between && option_is_bounded(option)) {
        text_add(out, slice_of_text(row->between));
        add_range(option, row->is_length, out);
        if (option->type == OPTION_TEXT || option->type == OPTION_PATH || option->type == OPTION_PLACED)
            text_add(out, SLICE_LIT(" bytes"));
    }
    text_add(out, slice_of_text(row->after));
    if (option->flags & OPTION_ALONE)
        text_add(out, SLICE_LIT(", or one alone"));
    if (option->type == OPTION_TABLES && option_shorthand(option->table))
        text_printf(out, ", or of the `%s` of each alone", option_shorthand(option->table)->name);
    if (option->type == OPTION_TABLE && option_shorthand(option->table))
        text_printf(out, ", or its `%s` alone", option_shorthand(option->table)->name);
}

static size_t count_digits(struct slice text)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    return digits;
}

static size_t count_letters(struct slice text)
{
    size_t letters = 0;
    while (letters < text.len && (text.ptr[letters] < '0' || text.ptr[letters] > '9'))
        letters++;
    return letters;
}

/* Adds one part, "90m", to *value. Its unit is of units[0..*count - 1], and *count becomes how many may follow: parts go from the
 * largest unit to the smallest, "1h30m". */
static enum err parse_part(struct slice *text, const struct unit *units, size_t *count, uint64_t *value)
{
    uint64_t number;
    size_t digits = count_digits(*text);
    TRY(text_parse_u64(slice_first(*text, digits), &number));
    *text = slice_skip(*text, digits);
    size_t letters = count_letters(*text);
    for (size_t i = 0; i < *count; i++) {
        if (!slice_is(slice_first(*text, letters), units[i].name))
            continue;
        if (__builtin_mul_overflow(number, units[i].factor, &number) || __builtin_add_overflow(*value, number, value))
            return ERR_LIMIT;
        *text = slice_skip(*text, letters);
        *count = i;
        return ERR_OK;
    }
    return ERR_SYNTAX;
}

static void format(uint64_t value, const struct unit *units, size_t count, struct text *out)
{
    size_t unit = 0;
    for (size_t i = 1; i < count; i++)
        if (value && value % units[i].factor == 0)
            unit = i;
    text_printf(out, "%llu%s", (unsigned long long)(value / units[unit].factor), units[unit].name);
}

static void add_bound(const struct option *option, double bound, struct text *out)
{
    if (option->type == OPTION_BYTES)
        size_format((uint64_t)bound, out);
    else if (option->type == OPTION_DURATION)
        duration_format((uint64_t)bound, out);
    else if (option->type == OPTION_REAL)
        text_printf(out, "%.10g", bound);
    else
        text_printf(out, "%.0f", bound);
}

static void add_range(const struct option *option, bool is_length, struct text *out)
{
    if (option->max < option->min)
        text_add(out, SLICE_LIT("at least "));
    if (is_length && option->min == 0) {
        text_add(out, SLICE_LIT("up to "));
    } else {
        add_bound(option, option->min, out);
        if (option->max > option->min)
            text_add(out, SLICE_LIT(" to "));
    }
    if (option->max > option->min)
        add_bound(option, option->max, out);
}

static void add_choices(const struct option *option, struct text *out)
{
    for (size_t i = 0; option->choices[i]; i++)
        text_printf(out, "%s%s", i ? ", " : "", option->choices[i]);
}
