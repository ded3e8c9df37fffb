/* SPDX-License-Identifier: Apache-2.0 */
/* Where results go, in the forms that were asked for. */
#include "cmd/load/job.h"

#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX 4096

typedef enum err (*write_results)(const struct load_results *results, FILE *out);

static const char *const csv_suffixes[] = {"_stats.csv", "_stats_history.csv", "_failures.csv"};

static int write_file(const char *path, write_results write, const struct load_results *results)
{
    bool is_standard = strcmp(path, "-") == 0;
    FILE *out = is_standard ? stdout : fopen(path, "w");
    bool is_written = out && write(results, out) == ERR_OK;
    if (out && !is_standard && fclose(out) != 0)
        is_written = false;
    return is_written ? CMD_DONE : cmd_fail("load", "%s cannot be written", path);
}

static enum err print_html(const struct load_results *results, FILE *out)
{
    char *json = NULL;
    size_t bytes = 0;
    uint32_t which;
    FILE *memory = open_memstream(&json, &bytes);
    enum err err = memory ? load_results_write_json(results, memory) : ERR_NOMEM;
    if (memory && fclose(memory) != 0)
        err = ERR_NOMEM;
    if (err == ERR_OK) {
        const struct slice text = slice_of(json, bytes);
        err = load_report_write_html(&text, 1, out, &which);
    }
    free(json);
    return err;
}

/* Locust's names: PREFIX_stats.csv and so on. False: it is said that the prefix is too long. */
static bool make_csv_path(const struct load_job *job, size_t which, char path[PATH_BYTES_MAX])
{
    struct text text = text_init(path, PATH_BYTES_MAX);
    text_printf(&text, "%s%s", job->csv_prefix, csv_suffixes[which]);
    if (text.is_cut)
        (void)cmd_fail("load", "the prefix of --csv is too long");
    return !text.is_cut;
}

static int write_csv(const struct load_job *job, const struct load_results *results)
{
    static const write_results writes[] = {load_results_write_csv, load_results_write_csv_history,
                                           load_results_write_csv_failures};
    int result = CMD_DONE;
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        char path[PATH_BYTES_MAX];
        if (!make_csv_path(job, i, path))
            return CMD_FAILED;
        if (write_file(path, writes[i], results) != CMD_DONE)
            result = CMD_FAILED;
    }
    return result;
}

int load_job_write(const struct load_job *job, const struct load_results *results)
{
    const struct {
        const char *path;
        write_results write;
    } files[] = {{job->json_path, load_results_write_json},
                 {job->html_path, print_html},
                 {job->hdr_log_path, load_results_write_hdr_log},
                 {job->junit_path, load_results_write_junit}};
    int result = job->csv_prefix ? write_csv(job, results) : CMD_DONE;
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (files[i].path && write_file(files[i].path, files[i].write, results) != CMD_DONE)
            result = CMD_FAILED;
    return result;
}

static int check_file(const char *path)
{
    enum err err = file_check_append(path);
    return err == ERR_OK ? CMD_DONE
                         : cmd_fail("load", "%s cannot be written: %s", path,
                                    err == ERR_INVALID ? "it is a folder" : err_text(err));
}

int load_job_check_outputs(const struct load_job *job)
{
    const char *const paths[] = {job->json_path, job->html_path, job->hdr_log_path, job->junit_path};
    int result = CMD_DONE;
    for (size_t i = 0; job->csv_prefix && i < ARRAY_LEN(csv_suffixes); i++) {
        char path[PATH_BYTES_MAX];
        if (!make_csv_path(job, i, path) || check_file(path) != CMD_DONE)
            return CMD_FAILED;
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (paths[i] && check_file(paths[i]) != CMD_DONE)
            result = CMD_FAILED;
    return result;
}

bool load_job_takes_standard(const struct load_job *job)
{
    const char *const paths[] = {job->json_path, job->html_path, job->hdr_log_path, job->junit_path};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (paths[i] && strcmp(paths[i], "-") == 0)
            return true;
    return false;
}
