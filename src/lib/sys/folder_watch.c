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
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |   \
     IN_MOVE_SELF)

static void on_events(struct watch *watch, uint32_t events);
static void on_timer(struct timer *timer);
static void on_slow_timer(struct timer *timer);
static bool notify_all(struct folder_watch *watch);
static void look_on(struct folder_watch *watch);
static uint64_t sign_paths(const struct folder_watch *watch);

void folder_watch_start(struct folder_watch *watch, struct loop *loop, bool may_notify)
{
    int fd = may_notify ? inotify_init1(IN_NONBLOCK | IN_CLOEXEC) : -1;
    watch->loop = loop;
    watch->watch = (struct watch){.on_events = on_events, .fd = fd};
    timer_init(&watch->timer, on_timer);
    timer_init(&watch->slow, on_slow_timer);
    if (fd >= 0 && watch_add(&watch->watch, loop, EPOLLIN) != ERR_OK) {
        close(fd);
        watch->watch.fd = -1;
    }
}

static void free_folders(struct watched_folder *folders, uint32_t count)
{
    for (uint32_t i = 0; folders && i < count; i++) {
        free(folders[i].path);
        free(folders[i].name);
    }
    free(folders);
}

static void forget_folders(struct folder_watch *watch)
{
    free_folders(watch->folders, watch->folder_count);
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
    watch->signature = 0; /* of another kind from now on */
}

void folder_watch_stop(struct folder_watch *watch)
{
    if (!watch->loop)
        return;
    timer_cancel(&watch->timer);
    timer_cancel(&watch->slow);
    stop_notifying(watch);
    forget_folders(watch);
    free(watch->numbers);
    watch->numbers = NULL;
    watch->number_count = 0;
    watch->loop = NULL;
}

static enum err copy_folders(const struct watched_folder *folders, uint32_t count, struct watched_folder **ret_copy)
{
    struct watched_folder *copy = calloc(count + 1, sizeof *copy);
    bool is_whole = copy;
    for (uint32_t i = 0; is_whole && i < count; i++) {
        copy[i].path = strdup(folders[i].path);
        copy[i].name = folders[i].name ? strdup(folders[i].name) : NULL;
        copy[i].ending = folders[i].ending;
        is_whole = copy[i].path && (copy[i].name || !folders[i].name);
    }
    if (is_whole)
        *ret_copy = copy;
    else
        free_folders(copy, count);
    return is_whole ? ERR_OK : ERR_NOMEM;
}

static bool is_watched(const struct folder_watch *watch, const struct watched_folder *folder)
{
    for (uint32_t i = 0; i < watch->folder_count; i++) {
        const struct watched_folder *other = &watch->folders[i];
        bool has_same_name = folder->name ? other->name && strcmp(folder->name, other->name) == 0 : !other->name;
        if (has_same_name && strcmp(folder->path, other->path) == 0)
            return true;
    }
    return false;
}

enum err folder_watch_set(struct folder_watch *watch, const struct watched_folder *folders, uint32_t count,
                          bool *ret_is_new)
{
    struct watched_folder *copy = NULL;
    bool has_same = count == watch->folder_count;
    bool is_new = false;
    enum err err = copy_folders(folders, count, &copy);
    for (uint32_t i = 0; i < count; i++)
        is_new |= !is_watched(watch, &folders[i]);
    forget_folders(watch);
    watch->folders = copy;
    watch->folder_count = err == ERR_OK ? count : 0;
    if (watch->watch.fd >= 0 && (is_new || !has_same))
        watch->signature =
            sign_paths(watch); /* else that from before: what has changed meanwhile is still to be told */
    if (watch->watch.fd >= 0)
        is_new |= notify_all(watch);
    look_on(watch);
    *ret_is_new = is_new;
    return err;
}

/* --- walking ----------------------------------------------------------------------------------------------------- */

/* What is done with each folder; false ends the walk. */
typedef bool (*folder_visit)(void *context, const char *path, DIR *dir);

static bool walk_from(const char *path, bool is_deep, unsigned depth, folder_visit visit, void *context)
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
        goes_on = text.is_cut || walk_from(below, true, depth + 1, visit, context);
    }
    closedir(dir);
    return goes_on;
}

static bool walk(const struct watched_folder *folder, folder_visit visit, void *context)
{
    return walk_from(folder->path, !folder->name, 0, visit, context);
}

static bool is_wanted(const struct watched_folder *folder, const char *name)
{
    struct slice text = slice_of_text(name);
    if (folder->name)
        return strcmp(name, folder->name) == 0;
    size_t ending = strlen(folder->ending);
    return name[0] != '.' && text.len > ending && slice_is(slice_skip(text, text.len - ending), folder->ending);
}

/* --- inotify ----------------------------------------------------------------------------------------------------- */

struct notifying {
    int fd;
    uint32_t folder;
    struct folder_number numbers[NUMBERS_MAX];
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
        notifying->numbers[notifying->count++] = (struct folder_number){number, notifying->folder};
    return !notifying->has_failed;
}

static bool has_number(const struct folder_number *numbers, uint32_t count, int number)
{
    for (uint32_t i = 0; i < count; i++)
        if (numbers[i].number == number)
            return true;
    return false;
}

/* What was watched and is to be watched further keeps its number, so that nothing is missed in between. Whether some folder is
 * watched now that was not. */
static bool notify_all(struct folder_watch *watch)
{
    struct notifying notifying = {.fd = watch->watch.fd};
    bool is_new = false;
    for (; notifying.folder < watch->folder_count && !notifying.has_failed; notifying.folder++)
        (void)walk(&watch->folders[notifying.folder], notify_folder, &notifying);
    struct folder_number *numbers = calloc(notifying.count + 1, sizeof *numbers);
    if (notifying.has_failed || !numbers) {
        free(numbers);
        stop_notifying(watch); /* a limit of the system: see inotify(7); looking has none */
        return true;
    }
    memcpy(numbers, notifying.numbers, notifying.count * sizeof *numbers);
    for (uint32_t i = 0; i < notifying.count; i++)
        is_new |= !has_number(watch->numbers, watch->number_count, numbers[i].number);
    for (uint32_t i = 0; i < watch->number_count; i++)
        if (!has_number(numbers, notifying.count, watch->numbers[i].number))
            (void)inotify_rm_watch(watch->watch.fd, watch->numbers[i].number);
    free(watch->numbers);
    watch->numbers = numbers;
    watch->number_count = notifying.count;
    return is_new;
}

/* Folders below count where every file does, and what Kubernetes swaps does anywhere: "..data". */
static bool is_of_interest(const struct folder_watch *watch, const struct inotify_event *event)
{
    const char *name = event->len ? event->name : "";
    bool is_folder = event->mask & IN_ISDIR && name[0] != '.';
    bool is_any = !event->len || (name[0] == '.' && name[1] == '.');
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    for (uint32_t i = 0; i < watch->number_count && !(event->mask & IN_IGNORED); i++) {
        const struct watched_folder *folder = &watch->folders[watch->numbers[i].folder];
        if (watch->numbers[i].number == event->wd &&
            (is_any || (is_folder && !folder->name) || is_wanted(folder, name)))
            return true;
    }
    return false;
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
            has_changed |= is_of_interest(folders, event);
            at += sizeof *event + event->len;
        }
    }
    if (has_changed)
        note_change(folders);
}

/* --- looking ----------------------------------------------------------------------------------------------------- */

struct signing {
    const struct watched_folder *folder;
    uint64_t signature;
};

/* Added up, because folders give their entries in any order. The time of change tells of another mode too. */
static void sign_file(struct signing *signing, const char *path, const char *name, const struct stat *status)
{
    const uint64_t facts[] = {(uint64_t)status->st_dev,          (uint64_t)status->st_ino,
                              (uint64_t)status->st_size,         (uint64_t)status->st_mtim.tv_sec,
                              (uint64_t)status->st_mtim.tv_nsec, (uint64_t)status->st_ctim.tv_sec,
                              (uint64_t)status->st_ctim.tv_nsec};
    const struct hash_key key = {.k0 = hash_bytes((struct hash_key){1, 2}, slice_of_text(path)),
                                 .k1 = hash_bytes((struct hash_key){1, 2}, slice_of_text(name))};
    signing->signature += hash_bytes(key, slice_of(facts, sizeof facts));
}

static bool sign_folder(void *context, const char *path, DIR *dir)
{
    struct signing *signing = context;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat status;
        if (is_wanted(signing->folder, entry->d_name) && fstatat(dirfd(dir), entry->d_name, &status, 0) == 0 &&
            S_ISREG(status.st_mode))
            sign_file(signing, path, entry->d_name, &status);
    }
    return true;
}

static uint64_t sign_all(const struct folder_watch *watch)
{
    struct signing signing = {0};
    for (uint32_t i = 0; i < watch->folder_count; i++) {
        signing.folder = &watch->folders[i];
        (void)walk(signing.folder, sign_folder, &signing);
    }
    return signing.signature;
}

/* Of what the paths lead to: another folder may stand there, or a link be switched. */
static uint64_t sign_paths(const struct folder_watch *watch)
{
    uint64_t signature = 0;
    for (uint32_t i = 0; i < watch->folder_count; i++) {
        struct stat status;
        if (stat(watch->folders[i].path, &status) != 0)
            continue;
        const uint64_t facts[] = {(uint64_t)status.st_dev, (uint64_t)status.st_ino, (uint64_t)status.st_mode};
        signature += hash_bytes((struct hash_key){.k0 = i + 1}, slice_of(facts, sizeof facts));
    }
    return signature;
}

/* The signature from before is kept: what has changed since then has not been told. */
static void look_on(struct folder_watch *watch)
{
    bool is_notified = watch->watch.fd >= 0;
    struct timer *timer = is_notified ? &watch->slow : &watch->timer;
    if (!is_notified)
        timer_cancel(&watch->slow);
    if (watch->folder_count)
        timer_set(&watch->loop->timers, timer, watch->loop->now_ns + FOLDER_WATCH_POLL_NS);
    else
        timer_cancel(timer);
}

static void on_slow_timer(struct timer *timer)
{
    struct folder_watch *watch = CONTAINER_OF(timer, struct folder_watch, slow);
    uint64_t signature = sign_paths(watch);
    if (signature != watch->signature) {
        watch->signature = signature;
        (void)notify_all(watch);
        if (watch->watch.fd >= 0)
            note_change(watch);
    }
    look_on(watch);
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
