/* SPDX-License-Identifier: Apache-2.0 */
/* The published list: a sequence lock whose data are atomic words.
 *
 * The writer makes the version odd, stores the words, and makes it even again; a reader that saw two different versions
 * around its copy throws the copy away. The words are stored with release and loaded with acquire instead of the usual
 * fences: whoever has read a word of the new list sees the odd version too, which ThreadSanitizer can follow. A reader
 * never tries again: it has the list of before, and asks at the next request. */
#include "lib/resolver/name_int.h"

#include <stdlib.h>

static void encode(const struct address *address, uint64_t words[NAME_WORDS_EACH])
{
    words[0] = address->any.sa_family;
    words[1] = 0;
    words[2] = 0;
    if (address->any.sa_family == AF_INET6)
        memcpy(&words[1], &address->v6.sin6_addr, 16);
    else
        memcpy(&words[1], &address->v4.sin_addr, 4);
}

static struct address decode(const uint64_t words[NAME_WORDS_EACH])
{
    struct address address = {0};
    if (words[0] == AF_INET6) {
        address.v6.sin6_family = AF_INET6;
        memcpy(&address.v6.sin6_addr, &words[1], 16);
        address.len = sizeof address.v6;
    } else {
        address.v4.sin_family = AF_INET;
        memcpy(&address.v4.sin_addr, &words[1], 4);
        address.len = sizeof address.v4;
    }
    return address;
}

static int compare(const void *a, const void *b)
{
    uint64_t x[NAME_WORDS_EACH];
    uint64_t y[NAME_WORDS_EACH];
    encode(a, x);
    encode(b, y);
    return memcmp(x, y, sizeof x);
}

/* Servers turn the order around with every answer; sorted, an answer that says nothing new is seen to be one. */
void name_publish(struct resolver_name *name, struct resolver_addresses *addresses)
{
    uint64_t words[1 + RESOLVER_ADDRESSES_MAX * NAME_WORDS_EACH] = {addresses->count};
    size_t word_count = 1 + (size_t)addresses->count * NAME_WORDS_EACH;
    qsort(addresses->list, addresses->count, sizeof addresses->list[0], compare);
    for (uint32_t i = 0; i < addresses->count; i++)
        encode(&addresses->list[i], &words[1 + i * NAME_WORDS_EACH]);
    bool is_same = true;
    for (size_t i = 0; i < word_count; i++)
        is_same &= atomic_load_explicit(&name->words[i], memory_order_relaxed) == words[i];
    if (is_same)
        return;
    uint64_t version = atomic_load_explicit(&name->version, memory_order_relaxed);
    atomic_store_explicit(&name->version, version + 1, memory_order_relaxed);
    for (size_t i = 0; i < word_count; i++)
        atomic_store_explicit(&name->words[i], words[i], memory_order_release);
    atomic_store_explicit(&name->version, version + 2, memory_order_release);
}

bool resolver_read(const struct resolver_name *name, uint64_t *version, struct resolver_addresses *ret_addresses)
{
    uint64_t before = atomic_load_explicit(&name->version, memory_order_acquire);
    if (before == *version || before & 1)
        return false;
    uint64_t words[1 + RESOLVER_ADDRESSES_MAX * NAME_WORDS_EACH];
    words[0] = atomic_load_explicit(&name->words[0], memory_order_acquire);
    for (size_t i = 1; i <= words[0] * NAME_WORDS_EACH; i++)
        words[i] = atomic_load_explicit(&name->words[i], memory_order_acquire);
    if (atomic_load_explicit(&name->version, memory_order_relaxed) != before)
        return false;
    ret_addresses->count = (uint32_t)words[0];
    for (uint32_t i = 0; i < ret_addresses->count; i++)
        ret_addresses->list[i] = decode(&words[1 + i * NAME_WORDS_EACH]);
    *version = before;
    return true;
}
