/* SPDX-License-Identifier: Apache-2.0 */
#include "control/log/sinks.h"

#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/thread.h"
#include "pipeline/ports.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define COMPLAINT_PAUSE_NS (60 * NS_PER_S)

struct sink {
    char *path; /* heap */
    int fd;
    bool is_torn;           /* the file may end in half a line */
    uint64_t complained_ns; /* 0: not yet */
    uint64_t lost_lines;    /* since the last complaint */
};

static struct sink sinks[ACCESS_SINKS_MAX];
static _Atomic uint32_t sink_count; /* rises after the entry is complete */
static struct mutex adding = MUTEX_INIT;

static enum err find_or_add(struct slice path, struct text *fault, uint32_t *ret_sink);
static enum err add(struct slice path, struct text *fault, uint32_t *ret_sink);
static enum err append(struct sink *sink, struct slice lines);
static void complain(struct sink *sink, int error, uint32_t line_count);

enum err access_log_open(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    mutex_lock(&adding);
    enum err err = find_or_add(path, fault, ret_sink);
    mutex_unlock(&adding);
    return err;
}

uint32_t access_sinks_count(void)
{
    return atomic_load_explicit(&sink_count, memory_order_acquire);
}

enum err access_sink_write(uint32_t index, struct slice lines, uint32_t line_count)
{
    ASSERT(index < access_sinks_count(), "a sink number comes from access_log_open");
    struct sink *sink = &sinks[index];
    enum err err = append(sink, lines);
    if (err != ERR_OK) {
        int error = errno; /* as the last system call left it: more than `err` can say */
        complain(sink, error, line_count);
    }
    return err;
}

void access_sinks_reopen(void)
{
    for (uint32_t i = 0; i < access_sinks_count(); i++) {
        int fd;
        if (sinks[i].fd < 0 || strcmp(sinks[i].path, "-") == 0)
            continue;
        if (file_open_append(sinks[i].path, &fd) != ERR_OK) {
            fprintf(stderr, "weir: access log %s: cannot be opened anew (%s); writing to the old file\n", sinks[i].path,
                    strerror(errno));
            continue;
        }
        file_close(sinks[i].fd);
        sinks[i].fd = fd;
        sinks[i].is_torn = false;
    }
}

void access_sinks_close(void)
{
    uint32_t count = atomic_exchange(&sink_count, 0);
    for (uint32_t i = 0; i < count; i++) {
        file_close(sinks[i].fd);
        free(sinks[i].path);
        sinks[i] = (struct sink){0};
    }
}

static enum err find_or_add(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    for (uint32_t i = 0; i < access_sinks_count(); i++) {
        if (slice_is(path, sinks[i].path)) {
            *ret_sink = i;
            return ERR_OK;
        }
    }
    return add(path, fault, ret_sink);
}

static enum err add(struct slice path, struct text *fault, uint32_t *ret_sink)
{
    uint32_t index = access_sinks_count();
    if (index == ACCESS_SINKS_MAX) {
        text_printf(fault, "more than %d different access logs since the start; restart to forget the old ones",
                    ACCESS_SINKS_MAX);
        return ERR_LIMIT;
    }
    struct sink *sink = &sinks[index]; /* nobody looks at it before it is counted */
    *sink = (struct sink){.path = strndup(path.ptr, path.len)};
    if (!sink->path) {
        text_printf(fault, "out of memory");
        return ERR_NOMEM;
    }
    sink->fd = -1;
    enum err err = file_check_append(sink->path);
    if (err != ERR_OK) {
        text_printf(fault, "access log %s cannot be opened for writing: %s", sink->path, strerror(errno));
        free(sink->path);
        *sink = (struct sink){0};
        return err;
    }
    atomic_store_explicit(&sink_count, index + 1, memory_order_release);
    *ret_sink = index;
    return ERR_OK;
}

/* The file is made with its first line: whoever only checks a configuration leaves no files behind. */
static enum err append(struct sink *sink, struct slice lines)
{
    enum err err = sink->fd < 0 ? file_open_append(sink->path, &sink->fd) : ERR_OK;
    if (err == ERR_OK && sink->is_torn)
        err = file_append(sink->fd, SLICE_LIT("\n"));
    if (err == ERR_OK)
        err = file_append(sink->fd, lines);
    sink->is_torn = err != ERR_OK;
    return err;
}

static void complain(struct sink *sink, int error, uint32_t line_count)
{
    uint64_t now_ns = clock_now_ns();
    sink->lost_lines += line_count;
    if (sink->complained_ns && now_ns - sink->complained_ns < COMPLAINT_PAUSE_NS)
        return;
    fprintf(stderr, "weir: access log %s: %s; %llu lines lost\n", sink->path, strerror(error),
            (unsigned long long)sink->lost_lines);
    sink->complained_ns = now_ns;
    sink->lost_lines = 0;
}
