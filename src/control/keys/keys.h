/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a keys file. Each change holds a lock on the file's lock file, reads, and writes the whole file anew under
 * another name that is then renamed over it: a reader sees the old file or the new one, and two writers at once lose
 * nothing. Comments and the order of lines are kept. The format and the reading side are pipeline/keys.h. */
#ifndef WEIR_CONTROL_KEYS_KEYS_H
#define WEIR_CONTROL_KEYS_KEYS_H

#include "pipeline/keys.h"

struct keys_add_options {
    const char *path;
    struct slice tenant;
    struct slice name;  /* may be empty */
    int64_t now_s;      /* unix time */
    int64_t expires_s;  /* INT64_MAX: never */
    struct text *fault; /* what is wrong and what to do */
};

/* Adds a key, making the file (mode 0600) when it is absent. key_out receives the key with a NUL: the only time it can
 * be seen; wipe it after use. */
MUST_USE enum err keys_add(const struct keys_add_options *options, char key_out[KEY_CHARS_MAX + 1]);
/* ERR_NOT_FOUND: no such id. ERR_EXISTS: revoked before. */
MUST_USE enum err keys_revoke(const char *path, struct slice id, int64_t now_s, struct text *fault);

/* "90d", "12h", "30m" counted from now_s, "2026-01-31" (its end is not included) or "2026-01-31T12:00:00Z". */
MUST_USE enum err keys_expiry_parse(struct slice text, int64_t now_s, int64_t *ret_expires_s);

#endif
