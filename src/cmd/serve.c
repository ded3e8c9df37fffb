/* SPDX-License-Identifier: Apache-2.0 */
/* weir serve: reads the configuration and serves it until told to stop. */
#include "cmd/options.h"

#include "control/config/load.h"
#include "control/server/server.h"
#include "lib/crypto/crypto.h"

#include <stdio.h>

#define DEFAULT_PATH "weir.yaml"

static const char about[] =
    "Serves a configuration (weir.yaml unless named) until SIGTERM or SIGINT, which let running requests finish; a\n"
    "second one ends the process at once, with exit code 128 plus its number. SIGHUP loads the configuration anew: if "
    "anything is wrong with it the old\n"
    "one goes on serving. `weir check --reference` prints all that a configuration may say.\n";

static void greet(const char *address, const struct config *config);

int cmd_serve(int argc, char **argv)
{
    struct cmd_line line = {.command = "serve", .usage = "[FILE]", .about = about};
    const char *value;
    cmd_begin(&line, argc, argv);
    int flag = cmd_next(&line, &value);
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count > 1)
        return cmd_misuse("serve", "takes one configuration, found %d", line.argument_count);
    crypto_name_memory();
    const char *path = line.argument_count ? line.arguments[0] : DEFAULT_PATH;
    struct config *config = config_load_printed(path, NULL, stderr);
    if (!config)
        return CMD_FAILED;
    struct server_options options = {.path = path, .config = config, .on_started = greet};
    return server_run(&options) == ERR_OK ? CMD_DONE : CMD_FAILED;
}

/* The configuration's own words, with the address put in. */
static void greet(const char *address, const struct config *config)
{
    static const char mark[] = "{address}";
    struct slice rest = config->welcome;
    while (rest.len) {
        const char *at = memmem(rest.ptr, rest.len, mark, sizeof mark - 1);
        size_t len = at ? (size_t)(at - rest.ptr) : rest.len;
        (void)fwrite(rest.ptr, 1, len, stdout);
        if (at)
            fputs(address, stdout);
        rest = slice_skip(rest, at ? len + sizeof mark - 1 : len);
    }
    (void)fflush(stdout);
}
