/* SPDX-License-Identifier: Apache-2.0 */
/* How many connections the server has, and each client: what the workers count in common.
 *
 * A connection is counted when it opens and when it closes, and at no other time, so that requests never meet a line of
 * memory that another worker writes. The sum is one atomic number. Clients are in tables under locks, one for each part
 * of the hash's range: two workers meet only when both open or close a connection of one part in the same fifty
 * nanoseconds. A table without locks was thought of and dropped: to forget a client at the right moment takes more steps
 * than the lock has.
 *
 * A worker that finds no place waits for one that another worker frees, or asks the others for an idle connection's. Who
 * frees a place wakes the next that waits, in a circle that begins behind itself, and none other: nobody is passed over
 * for long, and one place wakes one worker. */
#ifndef WEIR_PIPELINE_PLACES_H
#define WEIR_PIPELINE_PLACES_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct places;
struct wake;

/* Heap. ERR_NOMEM, ERR_IO when there is no randomness. */
MUST_USE enum err places_create(uint32_t worker_count, struct places **ret_places);
/* After the workers' threads have ended. NULL is accepted. */
void places_destroy(struct places *places);
/* How the worker is woken, borrowed. Before any of the threads starts. */
void places_join(struct places *places, uint32_t worker, struct wake *wake);

/* One place of `count_max`, for places_leave to give back; false when all are taken. UINT32_MAX: whatever is taken. */
MUST_USE bool places_enter(struct places *places, uint32_t count_max);
/* Wakes the next worker that waits. */
void places_leave(struct places *places, uint32_t worker);
bool places_are_taken(const struct places *places, uint32_t count_max);

/* The worker has a client that waits for a place: from here on it is woken when one may be free. Try once more after
 * this, or one that was freed just before is missed. Again asks the others again to make room. */
void places_wait(struct places *places, uint32_t worker);
void places_wait_end(struct places *places, uint32_t worker);
/* Another worker waits. */
bool places_others_wait(const struct places *places, uint32_t worker);
/* Another worker has asked for room, and the caller, who has an idle connection, is the one to make it. At most one is
 * told so for each places_wait. */
MUST_USE bool places_must_make_room(struct places *places, uint32_t worker);

/* Counts a connection of a client, if it has fewer than count_max. ERR_LIMIT when it has as many, ERR_NOMEM when there is
 * no memory to count it. */
MUST_USE enum err places_client_enter(struct places *places, struct slice client, uint64_t count_max);
/* One that was counted is gone. */
void places_client_leave(struct places *places, struct slice client);

#endif
