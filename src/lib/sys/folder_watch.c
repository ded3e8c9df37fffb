/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sys/folder_watch.h"

#include "lib/base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX   16
#define NUMBERS_MAX 1024
#define EVENTS                                                                                                         \
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)

static void on_events(struct watch *watch, uint32_t events);
static void on_timer(struct timer *timer);
static void notify_all(struct folder_watch *watch);
static void poll_begin(struct folder_watch *watch);
static uint64_t sign_all(const struct folder_watch *watch);

void folder_watch_start(struct folder_watch *watch, struct loop *loop, bool may_notify)
{
    int fd = may_notify ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
    watch->loop = loop;
    watch->watch = (struct watch){.on_events = on_events, .fd = fd};
    timer_init(&watch->timer, on_timer);
    if (fd >= 0 && watch_add(&watch->watch, loop, EPOLLIN) != ERR_OK) {
        close(fd);
        watch->watch.fd = -1;
    }
}

static void forget_folders(struct folder_watch *watch)
{
    for (uint32_t i = 0; i < watch->folder_count; i++)
        free(watch->folders[i].path);
    free(watch->folders);
    watch->folders = NULL;
    watch->folder_count = 0;
}

static void stop_notifying(struct folder_watch *watch)
{
    if (watch->watch.fd < 0)
        return;
    watch_remove(&watch->watch);
    close(watch->watch.fd);
    watch->watch.fd = -1;
}

void folder_watch_stop(struct folder_watch *watch)
{
    if (!watch->loop)
        return;
    timer_cancel(&watch->timer);
    stop_notifying(watch);
    forget_folders(watch);
    free(watch->numbers);
    watch->numbers = NULL;
    watch->number_count = 0;
    watch->loop = NULL;
}

enum err folder_watch_set(struct folder_watch *watch, const struct watched_folder *folders, uint32_t count)
{
    forget_folders(watch);
    if (count)
        watch->folders = calloc(count, sizeof *watch->folders);
    if (count && !watch->folders)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++) {
        watch->folders[i] = (struct watched_folder){.path = strdup(folders[i].path), .is_deep = folders[i].is_deep};
        watch->folder_count++;
        if (watch->folders[i].path)
            continue;
        forget_folders(watch);
        return ERR_NOMEM;
    }
    if (watch->watch.fd >= 0)
        notify_all(watch);
    if (watch->watch.fd < 0)
        poll_begin(watch);
    return ERR_OK;
}

/* --- walking ----------------------------------------------------------------------------------------------------- */

/* What is done with each folder; false ends the walk. */
typedef bool (*folder_visit)(void *context, const char *path, DIR *dir);

static bool walk(const char *path, bool is_deep, unsigned depth, folder_visit visit, void *context)
{
    int fd = depth < DEPTH_MAX ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return true; /* gone, or not ours to read: there is nothing to see */
    }
    bool goes_on = visit(context, path, dir);
    const struct dirent *entry;
    rewinddir(dir);
    while (goes_on && is_deep && (entry = readdir(dir))) {
        char below[PATH_MAX];
        struct text text = text_init(below, sizeof below);
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        text_printf(&text, "%s/%s", path, entry->d_name);
        goes_on = text.is_cut || walk(below, true, depth + 1, visit, context);
    }
    closedir(dir);
    return goes_on;
}

/* --- inotify ----------------------------------------------------------------------------------------------------- */

struct notifying {
    int fd;
    int numbers[NUMBERS_MAX];
    uint32_t count;
    bool has_failed;
};

static bool notify_folder(void *context, const char *path, DIR *dir)
{
    struct notifying *notifying = context;
    (void)dir;
    int number = inotify_add_watch(notifying->fd, path, EVENTS | IN_ONLYDIR);
    notifying->has_failed = (number < 0 && errno != ENOENT) || notifying->count == NUMBERS_MAX;
    if (number >= 0 && !notifying->has_failed)
        notifying->numbers[notifying->count++] = number;
    return !notifying->has_failed;
}

static bool has_number(const int *numbers, uint32_t count, int number)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/* What was watched and is to be watched further keeps its number, so that nothing is missed in between. */
static void notify_all(struct folder_watch *watch)
{
    struct notifying notifying = {.fd = watch->watch.fd};
    for (uint32_t i = 0; i < watch->folder_count && !notifying.has_failed; i++)
        (void)walk(watch->folders[i].path, watch->folders[i].is_deep, 0, notify_folder, &notifying);
    int *numbers = calloc(notifying.count + 1, sizeof *numbers);
    if (notifying.has_failed || !numbers) {
        free(numbers);
        stop_notifying(watch); /* a limit of the system: see inotify(7); looking has none */
        return;
    }
    memcpy(numbers, notifying.numbers, notifying.count * sizeof *numbers);
    for (uint32_t i = 0; i < watch->number_count; i++)
        if (!has_number(numbers, notifying.count, watch->numbers[i]))
            (void)inotify_rm_watch(watch->watch.fd, watch->numbers[i]);
    free(watch->numbers);
    watch->numbers = numbers;
    watch->number_count = notifying.count;
}

/* Hidden files are editors' own, but for what Kubernetes swaps: "..data". */
static bool is_of_interest(const struct inotify_event *event)
{
    bool is_hidden = event->len && event->name[0] == '.' && event->name[1] != '.';
    return !is_hidden && !(event->mask & IN_IGNORED);
}

static void note_change(struct folder_watch *watch)
{
    uint64_t now_ns = watch->loop->now_ns;
    if (!watch->first_ns)
        watch->first_ns = now_ns;
    timer_set(&watch->loop->timers, &watch->timer,
              MIN(now_ns + FOLDER_WATCH_QUIET_NS, watch->first_ns + FOLDER_WATCH_DELAY_NS));
}

static void on_events(struct watch *watch, uint32_t events)
{
    struct folder_watch *folders = CONTAINER_OF(watch, struct folder_watch, watch);
    char memory[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool has_changed = false;
    (void)events;
    for (;;) {
        ssize_t bytes = read(watch->fd, memory, sizeof memory);
        if (bytes <= 0)
            break;
        for (const char *at = memory; at < memory + bytes;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
            has_changed |= is_of_interest(event);
            at += sizeof *event + event->len;
        }
    }
    if (has_changed)
        note_change(folders);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

static bool sign_folder(void *context, const char *path, DIR *dir)
{
    uint64_t *signature = context;
    const struct dirent *entry;
    (void)path;
    while ((entry = readdir(dir))) {
        struct stat status;
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &status, 0) != 0)
            continue;
        const uint64_t facts[] = {(uint64_t)status.st_ino, (uint64_t)status.st_size, (uint64_t)status.st_mtim.tv_sec,
                                  (uint64_t)status.st_mtim.tv_nsec};
        struct hash_key key = {.k0 = hash_bytes((struct hash_key){1, 2}, slice_of_text(entry->d_name))};
        /* Added up, because folders give their entries in any order. */
        if (S_ISREG(status.st_mode))
            *signature += hash_bytes(key, slice_of(facts, sizeof facts));
    }
    return true;
}

static uint64_t sign_all(const struct folder_watch *watch)
{
    uint64_t signature = 0;
    for (uint32_t i = 0; i < watch->folder_count; i++)
        (void)walk(watch->folders[i].path, watch->folders[i].is_deep, 0, sign_folder, &signature);
    return signature;
}

static void poll_begin(struct folder_watch *watch)
{
    watch->signature = sign_all(watch);
    if (watch->folder_count)
        timer_set(&watch->loop->timers, &watch->timer, watch->loop->now_ns + FOLDER_WATCH_POLL_NS);
    else
        timer_cancel(&watch->timer);
}

/* A change is told once nothing more has changed since the last look. */
static void poll_again(struct folder_watch *watch)
{
    uint64_t signature = sign_all(watch);
    bool is_quiet = signature == watch->signature;
    bool is_due = watch->first_ns && is_quiet;
    if (!is_quiet)
        watch->first_ns = watch->loop->now_ns;
    watch->signature = signature;
    timer_set(&watch->loop->timers, &watch->timer, watch->loop->now_ns + FOLDER_WATCH_POLL_NS);
    if (!is_due)
        return;
    watch->first_ns = 0;
    watch->on_change(watch);
}

static void on_timer(struct timer *timer)
{
    struct folder_watch *watch = CONTAINER_OF(timer, struct folder_watch, timer);
    if (watch->watch.fd < 0) {
        poll_again(watch);
        return;
    }
    watch->first_ns = 0;
    watch->on_change(watch);
}
