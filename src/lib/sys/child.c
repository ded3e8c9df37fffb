/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/child.h"

#include "lib/sys/clock.h"
#include "lib/sys/file_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_NS (5 * NS_PER_MS)

extern char **environ;

/* A group of its own, and no signal blocked: the keyboard's go to our group, and what we block is our affair. */
static int spawn(const char *const *argv, bool is_quiet, int output, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    int failure = posix_spawn_file_actions_init(&files);
    if (failure)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (failure) {
        posix_spawn_file_actions_destroy(&files);
        return failure;
    }
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setpgroup(&attributes, 0);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    failure = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!failure)
        failure = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    if (!failure && is_quiet)
        failure = posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!failure)
        failure = posix_spawn(ret_pid, argv[0], &files, &attributes, (char *const *)(const void *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failure;
}

enum err child_start(const char *const *argv, bool is_quiet, struct child *ret_child)
{
    int pipes[2];
    pid_t pid;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return file_err_of(errno);
    int failure = spawn(argv, is_quiet, pipes[1], &pid);
    close(pipes[1]);
    if (failure) {
        close(pipes[0]);
        return failure == EAGAIN ? ERR_BUSY : file_err_of(failure);
    }
    *ret_child = (struct child){.pid = pid, .output = pipes[0]};
    return ERR_OK;
}

enum err child_read_line(struct child *child, uint64_t timeout_ns, struct text *line)
{
    uint64_t end_ns = clock_now_ns() + timeout_ns;
    for (;;) {
        struct pollfd poll_fd = {.fd = child->output, .events = POLLIN};
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= end_ns)
            return ERR_TIMEOUT;
        int count = poll(&poll_fd, 1, (int)MIN((end_ns - now_ns) / NS_PER_MS + 1, UINT64_C(1000)));
        if (count < 0 && errno != EINTR)
            return ERR_IO;
        if (count <= 0)
            continue;
        char byte; /* one at a time, so that nothing of the next line is taken; these are a handful of lines */
        ssize_t bytes = read(child->output, &byte, 1);
        if (bytes == 0)
            return ERR_EOF;
        if (bytes < 0)
            return ERR_IO;
        if (byte == '\n')
            return line->is_cut ? ERR_LIMIT : ERR_OK;
        text_add(line, slice_of(&byte, 1));
    }
}

static bool has_ended(struct child *child)
{
    pid_t pid;
    do
        pid = waitpid(child->pid, NULL, WNOHANG);
    while (pid < 0 && errno == EINTR);
    return pid != 0;
}

void child_stop(struct child *child, uint64_t timeout_ns)
{
    if (!child || !child->pid)
        return;
    uint64_t end_ns = clock_now_ns() + timeout_ns;
    (void)kill(child->pid, SIGTERM);
    bool is_over = has_ended(child);
    while (!is_over && clock_now_ns() < end_ns) {
        clock_sleep_ns(POLL_NS);
        is_over = has_ended(child);
    }
    if (!is_over) {
        (void)kill(child->pid, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
    }
    close(child->output);
    *child = (struct child){0};
}
