/* SPDX-License-Identifier: Apache-2.0 */
/* Folders whose files may change, as an event of a loop: by inotify, and where there is none by looking once a second.
 *
 * An editor that saves makes several events, and a copy of a folder makes thousands: on_change is called once it has been quiet
 * for a moment, or has gone on for too long. What has changed is not told: look. For the control plane; it reads folders. */
#ifndef WEIR_LIB_SYS_FOLDER_WATCH_H
#define WEIR_LIB_SYS_FOLDER_WATCH_H

#include "lib/sys/clock.h"
#include "lib/sys/loop.h"

#define FOLDER_WATCH_QUIET_NS (200 * NS_PER_MS)
#define FOLDER_WATCH_DELAY_NS (2 * NS_PER_S)
#define FOLDER_WATCH_POLL_NS  (1 * NS_PER_S)

struct watched_folder {
    char *path;   /* absolute */
    bool is_deep; /* with those in it */
};

struct folder_watch {
    struct watch watch; /* fd -1: by looking */
    struct timer timer;
    struct loop *loop;
    struct watched_folder *folders; /* heap, with the paths */
    uint32_t folder_count;
    int *numbers; /* of inotify, for each folder and those in them; heap */
    uint32_t number_count;
    uint64_t signature; /* by looking: of what was there the last time */
    uint64_t first_ns;  /* when the change began that waits for quiet; 0: none waits */
    void (*on_change)(struct folder_watch *watch);
};

/* Watches nothing yet. `may_notify`: false takes the way without inotify, for tests. */
void folder_watch_start(struct folder_watch *watch, struct loop *loop, bool may_notify);
/* What is watched from now on; copied. Folders that have come below a deep one are found by setting it again. Without inotify's
 * help (it has limits) goes on by looking. ERR_NOMEM: nothing is watched. */
MUST_USE enum err folder_watch_set(struct folder_watch *watch, const struct watched_folder *folders, uint32_t count);
/* on_change may call it. Harmless twice, and on zeroed memory. */
void folder_watch_stop(struct folder_watch *watch);

#endif
