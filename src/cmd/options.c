/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/options.h"

#include "lib/base/text.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FLAG_BASE      256 /* above every letter: long flags are told by their index */
#define NAME_BYTES     64
#define COLUMN_OF_HELP 24

static void say(const char *command, const char *format, va_list args) PRINTF_LIKE(2, 0);
static void print_help(const struct cmd_line *line);

void cmd_begin(struct cmd_line *line, int argc, char **argv)
{
    ASSERT(line->flag_count <= CMD_FLAGS_MAX, "a command has a handful of flags");
    line->argc = argc;
    line->argv = argv;
    optind = 0; /* a fresh start, as glibc has it */
}

static int index_of(const struct cmd_line *line, int code)
{
    for (int i = 0; i < line->flag_count; i++)
        if (code == FLAG_BASE + i || (line->flags[i].letter && code == line->flags[i].letter))
            return i;
    return line->flag_count;
}

/* getopt has said that it does not know the word. */
static void say_nearest(const struct cmd_line *line)
{
    const char *names[CMD_FLAGS_MAX];
    const char *word = line->argv[optind - 1];
    if (optopt || strncmp(word, "--", 2) != 0)
        return;
    for (int i = 0; i < line->flag_count; i++)
        names[i] = line->flags[i].name;
    struct slice name = slice_of_text(word + 2);
    const char *nearest = text_nearest(slice_first(name, slice_find(name, '=')), names, (size_t)line->flag_count);
    if (nearest)
        fprintf(stderr, "Did you mean --%s?\n", nearest);
}

int cmd_next(struct cmd_line *line, const char **ret_value)
{
    static char name[NAME_BYTES]; /* getopt prints argv[0] in front of what it finds wrong */
    struct option flags[CMD_FLAGS_MAX + 2] = {0};
    char letters[2 * CMD_FLAGS_MAX + 2] = "h";
    char *letter = letters + 1;
    int i = 0;
    for (; i < line->flag_count; i++) {
        const struct cmd_flag *row = &line->flags[i];
        flags[i] = (struct option){
            .name = row->name, .has_arg = row->value ? required_argument : no_argument, .val = FLAG_BASE + i};
        if (row->letter)
            *letter++ = row->letter;
        if (row->letter && row->value)
            *letter++ = ':';
    }
    flags[i] = (struct option){.name = "help", .has_arg = no_argument, .val = 'h'};
    (void)snprintf(name, sizeof name, "weir %s", line->command);
    line->argv[0] = name;
    int code = getopt_long(line->argc, line->argv, letters, flags, NULL);
    *ret_value = optarg;
    if (code == -1) {
        line->arguments = line->argv + optind;
        line->argument_count = line->argc - optind;
        return CMD_END;
    }
    if (code != '?' && code != 'h')
        return index_of(line, code);
    if (code == 'h') {
        print_help(line);
    } else {
        say_nearest(line);
        fprintf(stderr, "Try: weir %s --help\n", line->command);
    }
    line->exit = code == 'h' ? CMD_DONE : CMD_USAGE;
    return CMD_EXIT;
}

int cmd_fail(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(command, format, args);
    va_end(args);
    return CMD_FAILED;
}

int cmd_misuse(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(command, format, args);
    va_end(args);
    fprintf(stderr, "Try: weir %s --help\n", command);
    return CMD_USAGE;
}

int cmd_finish(int result)
{
    bool is_written = fflush(stdout) == 0 && !ferror(stdout);
    if (result != CMD_DONE || is_written)
        return result;
    fputs("weir: standard output cannot be written\n", stderr);
    return CMD_FAILED;
}

static void say(const char *command, const char *format, va_list args)
{
    fprintf(stderr, "weir %s: ", command);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static void print_flag(const struct cmd_flag *flag)
{
    char left[NAME_BYTES];
    int len = flag->letter ? snprintf(left, sizeof left, "-%c, --%s%s%s", flag->letter, flag->name,
                                      flag->value ? " " : "", flag->value ? flag->value : "")
                           : snprintf(left, sizeof left, "    --%s%s%s", flag->name, flag->value ? " " : "",
                                      flag->value ? flag->value : "");
    printf("  %-*s%s%s\n", COLUMN_OF_HELP, left, len >= COLUMN_OF_HELP ? "  " : "", flag->help);
}

static void print_help(const struct cmd_line *line)
{
    static const struct cmd_flag help = {"help", 'h', NULL, "this text"};
    const char *rest = line->usage;
    for (const char *word = "Usage:"; rest; word = "      ") {
        const char *end = strchr(rest, '\n');
        printf("%s weir %s %.*s\n", word, line->command, end ? (int)(end - rest) : (int)strlen(rest), rest);
        rest = end ? end + 1 : NULL;
    }
    printf("\n%s\n", line->about);
    const char *group = NULL;
    for (int i = 0; i < line->flag_count; i++) {
        const char *next = line->groups ? line->groups[i] : NULL;
        if (next && (!group || strcmp(next, group) != 0))
            printf("%s%s:\n", i ? "\n" : "", next);
        group = next;
        print_flag(&line->flags[i]);
    }
    print_flag(&help);
    printf("\nExit codes: %s.\n", line->exits ? line->exits : "0 done, 1 failed, 2 wrong usage");
}
