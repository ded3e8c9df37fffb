/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/knee/server.h"

#include "lib/sys/clock.h"
#include "lib/sys/file.h"

#include <stdlib.h>

#define CONFIG_BYTES 8192
#define READY_NS     (120 * NS_PER_S)
#define STOP_NS      (10 * NS_PER_S)
#define UP           "up: " /* begins the line that it prints once its model is ready */

static void write_shapes(const struct knee_server_options *options, struct text *config)
{
    if (!options->shape_count)
        return;
    text_printf(config, "    warm_up: {");
    for (uint32_t i = 0; i < options->shape_count; i++) {
        const struct knee_shape *shape = &options->shapes[i];
        text_printf(config, "%s\"" SLICE_FMT "\": [", i ? ", " : "", SLICE_ARG(shape->name));
        for (uint32_t d = 0; d < shape->rank; d++)
            text_printf(config, "%s%llu", d ? ", " : "", (unsigned long long)shape->dims[d]);
        text_printf(config, "]");
    }
    text_printf(config, "}\n");
}

static void write_config(const struct knee_server_options *options, struct text *config)
{
    text_printf(config, "listen: [127.0.0.1:0]\nworkers: %u\nexecutors: %u\nmodels:\n", options->workers,
                options->executors);
    text_printf(config, "  - name: " KNEE_OWN_MODEL "\n    path: \"%s\"\n    queue: 4096\n", options->model_path);
    if (options->window_ms < 0)
        text_printf(config, "    batch: {max: %u}\n", options->batch_max);
    else
        text_printf(config, "    batch: {max: %u, policy: fixed, max_delay: %.0fms}\n", options->batch_max,
                    options->window_ms);
    write_shapes(options, config);
    text_printf(config, "routes:\n  - {match: /v2, public: true, body_bytes: 67108864, to: {endpoint: v2}}\n"
                        "welcome: \"" UP "{address}\\n\"\n");
}

/* Where temporary files go. */
static void name_config(char *path, size_t capacity)
{
    const char *folder = getenv("TMPDIR");
    struct text text = text_init(path, capacity);
    text_printf(&text, "%s/weir-knee-%llx.yaml", folder && folder[0] ? folder : "/tmp",
                (unsigned long long)clock_wall_ns());
}

static enum err wait_for_it(struct knee_server *server, struct text *fault)
{
    char memory[256];
    for (;;) {
        struct text line = text_init(memory, sizeof memory);
        enum err err = child_read_line(&server->child, READY_NS, &line);
        if (err != ERR_OK) {
            text_printf(fault, "the server that was started %s", err == ERR_EOF ? "has ended" : "did not become ready");
            return err;
        }
        struct slice text = text_slice(&line);
        if (!slice_starts(text, SLICE_LIT(UP)))
            continue;
        struct slice address = slice_skip(text, sizeof UP - 1);
        struct text host = text_init(server->host, sizeof server->host);
        text_add(&host, address);
        return address_parse(address, &server->address);
    }
}

enum err knee_server_start(const struct knee_server_options *options, struct text *fault,
                           struct knee_server *ret_server)
{
    char memory[CONFIG_BYTES], program[4096];
    struct text config = text_init(memory, sizeof memory);
    *ret_server = (struct knee_server){0};
    name_config(ret_server->config_path, sizeof ret_server->config_path);
    write_config(options, &config);
    TRY(file_executable_path(program, sizeof program));
    enum err err = config.is_cut ? ERR_LIMIT : file_write_atomic(ret_server->config_path, 0600, text_slice(&config));
    if (err != ERR_OK) {
        text_printf(fault, "%s: %s", ret_server->config_path, err_text(err));
        return err;
    }
    const char *const argv[] = {program, "serve", ret_server->config_path, NULL};
    err = child_start(argv, !options->is_verbose, &ret_server->child);
    if (err != ERR_OK)
        text_printf(fault, "cannot start %s: %s", program, err_text(err));
    else
        err = wait_for_it(ret_server, fault);
    if (err != ERR_OK)
        knee_server_stop(ret_server);
    return err;
}

void knee_server_stop(struct knee_server *server)
{
    child_stop(&server->child, STOP_NS);
    if (server->config_path[0])
        file_remove(server->config_path);
    *server = (struct knee_server){0};
}
