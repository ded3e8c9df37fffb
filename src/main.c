/* SPDX-License-Identifier: Apache-2.0 */
/* Picks the command. */
#include "cmd/options.h"
#include "lib/base/attr.h"
#include "lib/base/text.h"

#include <stdio.h>
#include <string.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};

static const struct command commands[] = {
    {"serve", cmd_serve, "serve a configuration"},
    {"check", cmd_check, "say everything that is wrong with a configuration"},
    {"model", cmd_model, "look into a model file"},
    {"openapi", cmd_openapi, "print what a configuration serves, as an OpenAPI document"},
    {"schema", cmd_schema, "compile JSON Schemas, validate documents, measure it"},
    {"import", cmd_import, "make a configuration of an OpenAPI document"},
    {"load", cmd_load, "send requests and measure the answers"},
    {"knee", cmd_knee, "find the rate at which a model's latency takes off"},
    {"keys", cmd_keys, "add, list and revoke API keys"},
};

static int print_help(FILE *out)
{
    fputs("weir puts AI models behind an API and keeps it fast, safe and governable.\n\n"
          "Usage: weir COMMAND [ARGUMENTS]\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        fprintf(out, "  weir %-8s %s\n", commands[i].name, commands[i].help);
    fputs("\n  weir --version\n  weir COMMAND --help\n\nExit codes: 0 done, 1 failed, 2 wrong usage.\n", out);
    return CMD_DONE;
}

static int refuse(const char *word)
{
    const char *names[ARRAY_LEN(commands)];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    const char *nearest = text_nearest(slice_of_text(word), names, ARRAY_LEN(names));
    fprintf(stderr, "weir: there is no command \"%s\"", word);
    if (nearest)
        fprintf(stderr, "; did you mean \"%s\"?\n", nearest);
    else
        fputs("; weir --help lists them\n", stderr);
    return CMD_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)print_help(stderr);
        return CMD_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        return cmd_finish(print_help(stdout));
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 || strcmp(word, "version") == 0) {
        puts("weir " WEIR_VERSION);
        return cmd_finish(CMD_DONE);
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(word, commands[i].name) == 0)
            return cmd_finish(commands[i].run(argc - 1, argv + 1));
    return refuse(word);
}
