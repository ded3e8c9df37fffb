/* SPDX-License-Identifier: Apache-2.0 */
/* weir load compare: what differs between two files of results, and an exit code for whoever must not get slower. */
#include "cmd/load/files.h"
#include "cmd/options.h"
#include "lib/json/number.h"
#include "load/results.h"

#include <math.h>
#include <stdio.h>

#define RULES_MAX 16

/* "p99 > +10%": fails when the change of p99 is more than a tenth. */
struct rule {
    struct slice text;
    struct slice name;
    bool is_more; /* else less */
    double bound; /* share of 1 */
};

static bool parse_percent(struct slice text, double *ret_share)
{
    double sign = 1;
    if (text.len && (text.ptr[0] == '+' || text.ptr[0] == '-')) {
        sign = text.ptr[0] == '-' ? -1 : 1;
        text = slice_skip(text, 1);
    }
    if (text.len == 0 || text.ptr[text.len - 1] != '%')
        return false;
    double percent;
    if (number_parse_f64(slice_trim(slice_first(text, text.len - 1)), &percent) != ERR_OK)
        return false;
    *ret_share = sign * percent / 100;
    return true;
}

static bool parse_rule(struct slice text, struct rule *rule)
{
    size_t at = MIN(slice_find(text, '>'), slice_find(text, '<'));
    if (at == text.len)
        return false;
    *rule = (struct rule){
        .text = text,
        .name = slice_trim(slice_first(text, at)),
        .is_more = text.ptr[at] == '>',
    };
    return rule->name.len && parse_percent(slice_trim(slice_skip(text, at + 1)), &rule->bound);
}

static const struct load_difference *find(const struct load_difference all[LOAD_DIFFERENCES], struct slice name)
{
    for (int i = 0; i < LOAD_DIFFERENCES; i++)
        if (slice_is(name, all[i].name))
            return &all[i];
    return NULL;
}

/* From nothing to something is more than any share. */
static double change_of(const struct load_difference *difference)
{
    if (!isnan(difference->change))
        return difference->change;
    return difference->b > 0 ? INFINITY : 0;
}

static int apply(const struct rule *rules, int count, const struct load_difference all[LOAD_DIFFERENCES])
{
    int result = CMD_DONE;
    for (int i = 0; i < count; i++) {
        const struct load_difference *difference = find(all, rules[i].name);
        if (!difference)
            return cmd_misuse("load compare",
                              "--fail-if knows rate, errors, mean, p50, p90, p99, p99.9 and tokens, found \"" SLICE_FMT
                              "\"",
                              SLICE_ARG(rules[i].name));
        double change = change_of(difference);
        if (rules[i].is_more ? change <= rules[i].bound : change >= rules[i].bound)
            continue;
        printf("FAILS  " SLICE_FMT "  (is %+.1f %%)\n", SLICE_ARG(rules[i].text), 100 * change);
        result = CMD_FAILED;
    }
    return result;
}

static int compare(char **paths, const struct rule *rules, int rule_count)
{
    struct load_files files;
    struct load_difference all[LOAD_DIFFERENCES];
    uint32_t which;
    int result = load_files_read("load compare", paths, 2, &files);
    if (result == CMD_DONE) {
        enum err err = load_report_differ(files.texts[0], files.texts[1], all, &which);
        if (err == ERR_SYNTAX)
            result = cmd_fail("load compare", "%s is no file of results: weir load --json writes them", paths[which]);
        else if (err != ERR_OK)
            result = cmd_fail("load compare", "%s", err_text(err));
    }
    load_files_deinit(&files);
    if (result != CMD_DONE)
        return result;
    load_report_print_differences(all, stdout);
    return apply(rules, rule_count, all);
}

int cmd_load_compare(int argc, char **argv)
{
    static const struct cmd_flag flags[] = {
        {"fail-if", 0, "RULE", "exit code 1 if it is so, such as \"p99 > +10%\" or \"rate < -5%\"; may be repeated"}};
    struct cmd_line line = {
        .command = "load compare",
        .usage = "[--fail-if RULE]... BEFORE.json AFTER.json",
        .about = "Says what differs between two tests, and whether by more than the noise within them.\n",
        .flags = flags,
        .flag_count = ARRAY_LEN(flags),
    };
    struct rule rules[RULES_MAX];
    int rule_count = 0;
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0) {
        if (rule_count == RULES_MAX)
            return cmd_misuse("load compare", "at most %d times --fail-if", RULES_MAX);
        if (!parse_rule(slice_of_text(value), &rules[rule_count++]))
            return cmd_misuse("load compare", "--fail-if takes a rule such as \"p99 > +10%%\", found \"%s\"", value);
    }
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count != 2)
        return cmd_misuse("load compare", "name two files of results");
    return cmd_finish(compare(line.arguments, rules, rule_count));
}
