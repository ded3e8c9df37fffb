/* SPDX-License-Identifier: Apache-2.0 */
/* A name as the resolver's thread sees it. */
#ifndef WEIR_LIB_RESOLVER_NAME_INT_H
#define WEIR_LIB_RESOLVER_NAME_INT_H

#include "lib/base/list.h"
#include "lib/resolver/resolver.h"
#include "lib/sys/timer.h"

#include <stdatomic.h>

#define NAME_WORDS_EACH 3 /* family, and 16 bytes of address */

struct resolver_name {
    struct resolver *resolver;
    struct resolver_name *next_new; /* of those that wait to be taken over */
    struct list node;               /* of the resolver's names */
    struct timer timer;             /* until the next question */
    bool is_asking;
    bool is_tried;
    bool is_failing;
    _Atomic bool is_dropped;
    /* Published: odd while being written. */
    _Atomic uint64_t version;
    _Atomic uint64_t words[1 + RESOLVER_ADDRESSES_MAX * NAME_WORDS_EACH];
    char host[RESOLVER_HOST_BYTES_MAX + 1];
};

/* Publishes the list unless it is the one that stands; sorts it first. The resolver's thread only. */
void name_publish(struct resolver_name *name, struct resolver_addresses *addresses);

#endif
