/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of weir. Each gets its own words: argv[0] is its name ("check"), the rest its flags and arguments. */
#ifndef WEIR_CMD_CMD_H
#define WEIR_CMD_CMD_H

/* What a command returns to the shell; the same for all of them, and said in each --help. */
enum cmd_exit {
    CMD_DONE = 0,
    CMD_FAILED = 1,
    CMD_USAGE = 2,
};

int cmd_check(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_knee(int argc, char **argv);
int cmd_load(int argc, char **argv);
int cmd_model(int argc, char **argv);
int cmd_openapi(int argc, char **argv);
int cmd_schema(int argc, char **argv);
int cmd_serve(int argc, char **argv);

#endif
