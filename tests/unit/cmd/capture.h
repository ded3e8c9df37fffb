/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a command as the shell would, with what it prints caught apart. */
#ifndef WEIR_TESTS_CMD_CAPTURE_H
#define WEIR_TESTS_CMD_CAPTURE_H

#include "cmd/cmd.h"
#include "lib/base/text.h"
#include "pipeline/ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define OUTPUT_BYTES_MAX 262144
#define ARGUMENTS_MAX    16

struct capture {
    int exit;
    char out[OUTPUT_BYTES_MAX];
    char err[OUTPUT_BYTES_MAX];
};

/* In place of the log thread's: a command under test opens no log. */
enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    (void)path, (void)fault;
    *ret_sink = 0;
    return ERR_OK;
}

/* Sends a standard stream to a temporary file; returns that file and a copy of what the stream was. */
static inline FILE *divert(FILE *stream, int *ret_saved)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stream);
    *ret_saved = dup(fileno(stream));
    assert_true(dup2(fileno(file), fileno(stream)) >= 0);
    return file;
}

static inline void restore(FILE *stream, int saved, FILE *file, char *text)
{
    fflush(stream);
    assert_true(dup2(saved, fileno(stream)) >= 0);
    close(saved);
    rewind(file);
    text[fread(text, 1, OUTPUT_BYTES_MAX - 1, file)] = '\0';
    fclose(file);
}

/* `line` is split at spaces. */
static inline void run(int (*command)(int argc, char **argv), const char *line, struct capture *capture)
{
    char words[1024];
    char *argv[ARGUMENTS_MAX + 1] = {NULL};
    int argc = 0;
    int saved_out;
    int saved_err;
    (void)snprintf(words, sizeof words, "%s", line);
    for (char *rest = words, *word; argc < ARGUMENTS_MAX && (word = strsep(&rest, " "));)
        argv[argc++] = word;
    FILE *out = divert(stdout, &saved_out);
    FILE *err = divert(stderr, &saved_err);
    capture->exit = command(argc, argv);
    restore(stdout, saved_out, out, capture->out);
    restore(stderr, saved_err, err, capture->err);
}

#endif
