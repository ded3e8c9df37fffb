/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/self/cgroup has a line for each hierarchy, "<id>:<controllers>:<group>"; version 2 is the one without
 * controllers. Every group on the way up may have a quota, and the least of them counts.
 *
 * The path in that file is as seen from the host when a container shares the host's namespace but has only its own
 * group mounted: nothing exists then below the mount but the mount itself, and walking up to it finds the quota. */
#include "lib/sys/cpu_quota.h"

#include "lib/base/text.h"
#include "lib/sys/file.h"

#include <limits.h>
#include <stdio.h>

/* Where a hierarchy is mounted (systemd's layout, which containers repeat) and how its groups tell their quota. */
struct hierarchy {
    const char *root;
    const char *mount;
    enum err (*read_group)(const struct hierarchy *hierarchy, struct slice group, uint32_t *ret_cpus);
};

static uint32_t read_line(const char *root, struct slice line);
static uint32_t read_upward(const struct hierarchy *hierarchy, struct slice group);
static enum err read_max(const struct hierarchy *hierarchy, struct slice group, uint32_t *ret_cpus);
static enum err read_cfs(const struct hierarchy *hierarchy, struct slice group, uint32_t *ret_cpus);
static enum err divide(struct slice quota, struct slice period, uint32_t *ret_cpus);
static struct slice without_newline(struct slice text);

uint32_t cpu_quota_read(const char *root)
{
    char path[PATH_MAX];
    char memory[8192];
    struct text groups = text_init(memory, sizeof memory);
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    if (file_read_text(path, &groups) != ERR_OK)
        return CPU_QUOTA_NONE;
    uint32_t least = CPU_QUOTA_NONE;
    struct slice rest = text_slice(&groups);
    while (rest.ptr) {
        uint32_t cpus = read_line(root, slice_cut(&rest, '\n'));
        least = MIN(least, cpus);
    }
    return least;
}

static uint32_t read_line(const char *root, struct slice line)
{
    (void)slice_cut(&line, ':');
    struct slice controllers = slice_cut(&line, ':');
    struct slice group = line;
    if (!group.len)
        return CPU_QUOTA_NONE;
    if (!controllers.len) {
        struct hierarchy unified = {root, "/sys/fs/cgroup", read_max};
        return read_upward(&unified, group);
    }
    while (controllers.ptr) {
        if (slice_is(slice_cut(&controllers, ','), "cpu")) {
            struct hierarchy cpu = {root, "/sys/fs/cgroup/cpu", read_cfs};
            return read_upward(&cpu, group);
        }
    }
    return CPU_QUOTA_NONE;
}

static uint32_t read_upward(const struct hierarchy *hierarchy, struct slice group)
{
    uint32_t least = CPU_QUOTA_NONE;
    for (;;) {
        while (group.len && group.ptr[group.len - 1] == '/')
            group.len--;
        uint32_t cpus = CPU_QUOTA_NONE;
        if (hierarchy->read_group(hierarchy, group, &cpus) == ERR_OK)
            least = MIN(least, cpus);
        if (!group.len)
            return least;
        while (group.len && group.ptr[group.len - 1] != '/')
            group.len--;
    }
}

static enum err read_file(const struct hierarchy *hierarchy, struct slice group, const char *name, struct text *text)
{
    char path[PATH_MAX];
    int len =
        snprintf(path, sizeof path, "%s%s" SLICE_FMT "/%s", hierarchy->root, hierarchy->mount, SLICE_ARG(group), name);
    return len > 0 && (size_t)len < sizeof path ? file_read_text(path, text) : ERR_LIMIT;
}

static enum err read_max(const struct hierarchy *hierarchy, struct slice group, uint32_t *ret_cpus)
{
    char memory[64];
    struct text text = text_init(memory, sizeof memory);
    TRY(read_file(hierarchy, group, "cpu.max", &text));
    return cpu_quota_parse_max(text_slice(&text), ret_cpus);
}

static enum err read_cfs(const struct hierarchy *hierarchy, struct slice group, uint32_t *ret_cpus)
{
    char memory[2][64];
    struct text quota = text_init(memory[0], sizeof memory[0]);
    struct text period = text_init(memory[1], sizeof memory[1]);
    TRY(read_file(hierarchy, group, "cpu.cfs_quota_us", &quota));
    TRY(read_file(hierarchy, group, "cpu.cfs_period_us", &period));
    return cpu_quota_parse_cfs(text_slice(&quota), text_slice(&period), ret_cpus);
}

enum err cpu_quota_parse_max(struct slice text, uint32_t *ret_cpus)
{
    struct slice period = without_newline(text);
    struct slice quota = slice_cut(&period, ' ');
    uint64_t period_us = 0;
    if (!slice_is(quota, "max"))
        return divide(quota, period, ret_cpus);
    TRY(text_parse_u64(period, &period_us));
    *ret_cpus = CPU_QUOTA_NONE;
    return ERR_OK;
}

enum err cpu_quota_parse_cfs(struct slice quota, struct slice period, uint32_t *ret_cpus)
{
    quota = without_newline(quota);
    if (!slice_is(quota, "-1"))
        return divide(quota, without_newline(period), ret_cpus);
    *ret_cpus = CPU_QUOTA_NONE;
    return ERR_OK;
}

/* Rounded up: one CPU and a half is worth a second thread. The kernel takes neither a quota nor a period of zero. */
static enum err divide(struct slice quota, struct slice period, uint32_t *ret_cpus)
{
    uint64_t quota_us = 0;
    uint64_t period_us = 0;
    TRY(text_parse_u64(quota, &quota_us));
    TRY(text_parse_u64(period, &period_us));
    if (!quota_us || !period_us)
        return ERR_SYNTAX;
    uint64_t cpus = quota_us / period_us + (quota_us % period_us != 0);
    *ret_cpus = cpus < CPU_QUOTA_NONE ? (uint32_t)cpus : CPU_QUOTA_NONE;
    return ERR_OK;
}

static struct slice without_newline(struct slice text)
{
    return text.len && text.ptr[text.len - 1] == '\n' ? slice_first(text, text.len - 1) : text;
}
