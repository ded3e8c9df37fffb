/* SPDX-License-Identifier: Apache-2.0 */
/* weir schema: JSON Schemas without a server. */
#include "cmd/schema_job.h"

#include "lib/base/text.h"

int cmd_schema(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"compile", schema_command_compile}, {"validate", schema_command_validate}, {"bench", schema_command_bench}};
    struct cmd_line line = {
        .command = "schema",
        .usage = "compile [--list] [--json] FILE...\n"
                 "validate [--output flag|basic] SCHEMA INSTANCE...\n"
                 "bench [--seconds S] [--json] SCHEMA INSTANCE...",
        .about = "Compiles JSON Schemas (2020-12, 2019-09, draft 7) as the server does, says what is wrong with\n"
                 "them, runs them over documents and measures them. References lead into one folder and never\n"
                 "to the network.\n",
    };
    const char *value;
    const char *names[ARRAY_LEN(commands)];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        names[i] = commands[i].name;
        if (argc > 1 && strcmp(argv[1], names[i]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    cmd_begin(&line, argc, argv);
    if (cmd_next(&line, &value) == CMD_EXIT)
        return line.exit;
    if (line.argument_count == 0)
        return cmd_misuse("schema", "say what to do: compile, validate or bench");
    const char *nearest = text_nearest(slice_of_text(line.arguments[0]), names, ARRAY_LEN(names));
    return cmd_misuse("schema", "unknown command \"%s\"; %s%s%s", line.arguments[0], nearest ? "did you mean \"" : "",
                      nearest ? nearest : "there are compile, validate and bench", nearest ? "\"?" : "");
}
