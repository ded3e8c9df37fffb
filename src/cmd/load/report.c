/* SPDX-License-Identifier: Apache-2.0 */
/* weir load report: one HTML file of one or several files of results. */
#include "cmd/load/files.h"
#include "cmd/options.h"
#include "load/results.h"

#include <stdio.h>
#include <string.h>

#define FILE_BYTES_MAX ((size_t)1 << 30)

int load_files_read(const char *command, char **paths, int count, struct load_files *files)
{
    *files = (struct load_files){0};
    for (int i = 0; i < count; i++) {
        enum err err = file_read(paths[i], FILE_BYTES_MAX, &files->contents[i]);
        if (err != ERR_OK)
            return cmd_fail(command, "%s: %s", paths[i], err_text(err));
        files->texts[i] = slice_of(files->contents[i].data, files->contents[i].bytes);
        files->count++;
    }
    return CMD_DONE;
}

void load_files_deinit(struct load_files *files)
{
    for (uint32_t i = 0; i < files->count; i++)
        file_content_deinit(&files->contents[i]);
    files->count = 0;
}

static int write_page(const struct load_files *files, char **paths, const char *path)
{
    bool is_standard = strcmp(path, "-") == 0;
    uint32_t which = 0;
    FILE *out = is_standard ? stdout : fopen(path, "w");
    if (!out)
        return cmd_fail("load report", "%s cannot be written", path);
    enum err err = load_report_write_html(files->texts, files->count, out, &which);
    if (!is_standard && fclose(out) != 0 && err == ERR_OK)
        err = ERR_IO;
    if (err == ERR_SYNTAX)
        return cmd_fail("load report", "%s is no file of results: weir load --json writes them", paths[which]);
    return err == ERR_OK ? CMD_DONE : cmd_fail("load report", "%s: %s", path, err_text(err));
}

int cmd_load_report(int argc, char **argv)
{
    static const struct cmd_flag flags[] = {
        {"output", 'o', "FILE", "where the page goes; - is standard output, and what is meant without"}};
    struct cmd_line line = {
        .command = "load report",
        .usage = "[-o FILE.html] RESULTS.json...",
        .about =
            "Makes one HTML file with charts of a test, or of up to eight side by side: what differs, and whether\n"
            "by more than the noise. The file needs no network and nothing beside it.\n",
        .flags = flags,
        .flag_count = ARRAY_LEN(flags),
    };
    const char *value;
    const char *path = "-";
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        path = value;
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count < 1 || line.argument_count > LOAD_FILES_MAX)
        return cmd_misuse("load report", "name one to %d files of results", LOAD_FILES_MAX);
    struct load_files files;
    int result = load_files_read("load report", line.arguments, line.argument_count, &files);
    if (result == CMD_DONE)
        result = write_page(&files, line.arguments, path);
    load_files_deinit(&files);
    return result;
}
