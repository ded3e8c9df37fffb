/* SPDX-License-Identifier: Apache-2.0 */
/* Folders whose files may change, as an event of a loop: by inotify, and where there is none by looking once a second.
 *
 * An editor that saves makes several events, and a copy of a folder makes thousands: on_change is called once it has been quiet
 * for a moment, or has gone on for too long. What has changed is not told: look. For the control plane; it reads folders.
 *
 * Only the files that are wanted count: whoever writes a log about each change beside them would never be done otherwise. */
#ifndef WEIR_LIB_SYS_FOLDER_WATCH_H
#define WEIR_LIB_SYS_FOLDER_WATCH_H

#include "lib/sys/clock.h"
#include "lib/sys/loop.h"

#define FOLDER_WATCH_QUIET_NS (200 * NS_PER_MS)
#define FOLDER_WATCH_DELAY_NS (2 * NS_PER_S)
#define FOLDER_WATCH_POLL_NS  (1 * NS_PER_S)

struct watched_folder {
    char *path; /* absolute */
    char *
        name; /* of the one file that counts; NULL: all whose names end with `ending`, with those of the folders below */
    const char *ending; /* static: ".json"; "": every file. What begins with a dot never counts */
};

/* A folder that inotify watches for folders[folder]. */
struct folder_number {
    int number;
    uint32_t folder;
};

struct folder_watch {
    struct watch watch; /* fd -1: by looking */
    struct timer timer;
    struct timer slow; /* beside inotify, which does not tell of a path that leads elsewhere now */
    struct loop *loop;
    struct watched_folder *folders; /* heap, with the paths */
    uint32_t folder_count;
    struct folder_number *numbers; /* of inotify, for each folder and those in them; heap */
    uint32_t number_count;
    uint64_t signature; /* by looking: of what was there the last time; beside inotify: of the paths themselves */
    uint64_t first_ns;  /* when the change began that waits for quiet; 0: none waits */
    void (*on_change)(struct folder_watch *watch);
};

/* Watches nothing yet. `may_notify`: false takes the way without inotify, for tests. */
void folder_watch_start(struct folder_watch *watch, struct loop *loop, bool may_notify);
/* What is watched from now on; copied. Folders that have come below one are found by setting it again. Without inotify's
 * help (it has limits) goes on by looking. *ret_is_new: something is watched that was not before, and what has changed
 * there since it was read last was seen by nobody. ERR_NOMEM: nothing is watched. */
MUST_USE enum err folder_watch_set(struct folder_watch *watch, const struct watched_folder *folders, uint32_t count,
                                   bool *ret_is_new);
/* on_change may call it. Harmless twice, and on zeroed memory. */
void folder_watch_stop(struct folder_watch *watch);

#endif
