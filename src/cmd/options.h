/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of commands as rows: parsed by getopt_long, and --help printed from them. The door to getopt.h, whose struct
 * option is not the one of lib/options/option.h.
 *
 *     static const struct cmd_flag flags[] = {{"json", 0, NULL, "one JSON object on standard output"}};
 *     struct cmd_line line = {.command = "check", .usage = "FILE", .about = "…", .flags = flags, .flag_count = 1};
 *     const char *value;
 *     int flag;
 *     cmd_begin(&line, argc, argv);
 *     while ((flag = cmd_next(&line, &value)) >= 0)
 *         …
 *     if (flag == CMD_EXIT)
 *         return line.exit;
 *     … line.arguments[0 … line.argument_count - 1] …
 */
#ifndef WEIR_CMD_OPTIONS_H
#define WEIR_CMD_OPTIONS_H

#include "cmd/cmd.h"
#include "lib/base/attr.h"

#define CMD_FLAGS_MAX 96

struct cmd_flag {
    const char *name;  /* "file", without dashes */
    char letter;       /* 'f', or 0 */
    const char *value; /* "FILE", or NULL when it takes none */
    const char *help;
};

struct cmd_line {
    /* The caller's. --help is added to the flags. */
    const char *command; /* "check", or "keys add" */
    const char *usage;   /* what follows "weir check "; several ways on lines of their own */
    const char *about;   /* some lines of prose, the last one with its newline */
    const struct cmd_flag *flags;
    int flag_count;
    const char *const *groups; /* of each flag: the heading that it stands under; NULL: there are none */
    const char *exits;         /* what exit codes mean; NULL: as all commands have it */
    /* Filled when cmd_next returned CMD_END: what is no flag. */
    char **arguments;
    int argument_count;
    /* Filled when it returned CMD_EXIT. */
    int exit;
    int argc;
    char **argv;
};

/* What cmd_next returns besides the index of a flag. */
enum { CMD_END = -1, CMD_EXIT = -2 };

/* argv[0] is the command's own name. */
void cmd_begin(struct cmd_line *line, int argc, char **argv);
/* The next flag; *ret_value is its value or NULL. CMD_EXIT after --help was printed, or after wrong usage was. */
int cmd_next(struct cmd_line *line, const char **ret_value);

/* Prints "weir keys add: …" to standard error and returns CMD_FAILED. */
int cmd_fail(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same with a word on --help, and returns CMD_USAGE. */
int cmd_misuse(const char *command, const char *format, ...) PRINTF_LIKE(2, 3);
/* What a command ends with: CMD_FAILED, and said so, in place of CMD_DONE when what it printed did not get out. */
int cmd_finish(int result);

#endif
