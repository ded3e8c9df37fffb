/* SPDX-License-Identifier: Apache-2.0 */
/* Entries in a table by key and in a list by last use. The oldest makes room; its block is what the next entry of that size
 * is made of, so a cache that is full takes no memory from the system any more.
 *
 * Keys are hashes already, and nobody outside can choose them: any part of one is as good a place in the table as another. */
#include "lib/base/memory_user.h"
#include "pipeline/cache/cache_int.h"

#include <stdlib.h>

#define CLASS_BYTES_MIN 512
#define ALIGN_UP(bytes) (((bytes) + TENSOR_ALIGN - 1) & ~(size_t)(TENSOR_ALIGN - 1))

struct free_block {
    struct free_block *next;
};

static void remove_entry(struct store *store, struct cache_entry *entry);

enum err store_init(struct store *store, const struct cache_config *config, uint32_t worker_count)
{
    uint32_t entries = (uint32_t)MAX(config->entries / worker_count, 1);
    uint32_t buckets = 16;
    while (buckets < entries)
        buckets *= 2;
    *store = (struct store){
        .ttl_ns = config->ttl_ns,
        .bytes_max = config->bytes / worker_count,
        .entries_max = entries,
        .bucket_mask = buckets - 1,
        .buckets = calloc(buckets, sizeof(struct cache_entry *)),
    };
    list_init(&store->recent);
    return store->buckets ? ERR_OK : ERR_NOMEM;
}

void store_deinit(struct store *store)
{
    AS_MEMORY_USER(cache);
    while (!list_is_empty(&store->recent))
        remove_entry(store, CONTAINER_OF(store->recent.prev, struct cache_entry, node));
    for (uint32_t class = 0; class < STORE_CLASSES; class ++)
        while (store->free[class]) {
            struct free_block *block = store->free[class];
            store->free[class] = block->next;
            free(block);
        }
    free(store->buckets);
}

/* --- Blocks ------------------------------------------------------------------------------------------------------- */

/* The bytes of the next larger class: a power of two and up to three quarters of it more. */
static size_t class_bytes(uint32_t class)
{
    size_t power = (size_t)1 << class / 4;
    return power + power / 4 * (class % 4);
}

static uint32_t class_of(size_t bytes)
{
    uint32_t class = 4 * (63 - (uint32_t)__builtin_clzll(MAX(bytes, (size_t)CLASS_BYTES_MIN)));
    while (class_bytes(class) < bytes)
        class ++;
    return class;
}

static bool drop_free_block(struct store *store)
{
    AS_MEMORY_USER(cache);
    for (uint32_t class = 0; class < STORE_CLASSES; class ++) {
        struct free_block *block = store->free[class];
        if (!block)
            continue;
        store->free[class] = block->next;
        store->bytes -= class_bytes(class);
        free(block);
        return true;
    }
    return false;
}

static bool evict(struct store *store)
{
    if (list_is_empty(&store->recent))
        return false;
    remove_entry(store, CONTAINER_OF(store->recent.prev, struct cache_entry, node));
    store->evicted++;
    return true;
}

/* Of blocks that other sizes have left, there are none while one size is all that is asked for. */
static void *take_block(struct store *store, uint32_t class)
{
    size_t bytes = class_bytes(class);
    if (bytes > store->bytes_max)
        return NULL;
    while (!store->free[class] && store->bytes + bytes > store->bytes_max)
        if (!drop_free_block(store) && !evict(store))
            return NULL;
    struct free_block *block = store->free[class];
    if (block) {
        store->free[class] = block->next;
        return block;
    }
    AS_MEMORY_USER(cache);
    void *memory = aligned_alloc(TENSOR_ALIGN, ALIGN_UP(bytes));
    store->bytes += memory ? bytes : 0;
    return memory;
}

/* --- Entries ------------------------------------------------------------------------------------------------------ */

static struct cache_entry **bucket_of(const struct store *store, const struct cache_key *key)
{
    uint32_t word;
    memcpy(&word, key->bytes, sizeof word);
    return &store->buckets[word & store->bucket_mask];
}

struct cache_entry *store_find(struct store *store, const struct cache_key *key, uint64_t now_ns)
{
    struct cache_entry *entry = *bucket_of(store, key);
    while (entry && memcmp(&entry->key, key, sizeof *key) != 0)
        entry = entry->next;
    if (!entry)
        return NULL;
    if (now_ns >= entry->expires_ns) {
        remove_entry(store, entry);
        return NULL;
    }
    list_remove(&entry->node);
    list_add_first(&store->recent, &entry->node);
    return entry;
}

/* Elements of BYTES point to texts, which are part of what is kept. */
static size_t kept_bytes(const struct tensor *tensor)
{
    size_t bytes = ALIGN_UP(tensor->bytes);
    const struct slice *texts = tensor->data;
    if (tensor->spec->type == TENSOR_BYTES)
        for (size_t i = 0; i < tensor->bytes / sizeof *texts; i++)
            bytes += texts[i].len;
    return ALIGN_UP(bytes);
}

static char *copy_tensor(struct tensor *to, const struct tensor *from, char *place)
{
    *to = *from;
    to->data = place;
    if (from->bytes)
        memcpy(to->data, from->data, from->bytes);
    if (from->spec->type == TENSOR_BYTES) {
        struct slice *texts = to->data;
        char *out = place + ALIGN_UP(from->bytes);
        for (size_t i = 0; i < from->bytes / sizeof *texts; i++) {
            if (texts[i].len)
                memcpy(out, texts[i].ptr, texts[i].len);
            texts[i].ptr = out;
            out += texts[i].len;
        }
    }
    return place + kept_bytes(from);
}

struct cache_entry *store_copy(struct store *store, const struct run *run)
{
    uint32_t count = model_info(run_model(run))->output_count;
    size_t head_bytes = ALIGN_UP(sizeof(struct cache_entry) + count * sizeof(struct tensor));
    size_t bytes = head_bytes;
    for (uint32_t i = 0; i < count; i++)
        bytes += kept_bytes(run_output(run, i));
    uint32_t class = class_of(bytes);
    struct cache_entry *entry = take_block(store, class);
    if (!entry)
        return NULL;
    *entry = (struct cache_entry){.refs = 1, .class = class, .count = count};
    char *place = (char *)entry + head_bytes;
    for (uint32_t i = 0; i < count; i++)
        place = copy_tensor(&entry->tensors[i], run_output(run, i), place);
    return entry;
}

void store_add(struct store *store, struct cache_entry *entry, const struct cache_key *key, uint64_t now_ns)
{
    struct cache_entry *old = store_find(store, key, now_ns);
    if (old)
        remove_entry(store, old);
    while (store->entry_count >= store->entries_max)
        (void)evict(store);
    struct cache_entry **bucket = bucket_of(store, key);
    entry->key = *key;
    entry->expires_ns = now_ns + store->ttl_ns;
    entry->next = *bucket;
    entry->refs++;
    *bucket = entry;
    list_add_first(&store->recent, &entry->node);
    store->entry_count++;
}

static void remove_entry(struct store *store, struct cache_entry *entry)
{
    struct cache_entry **link = bucket_of(store, &entry->key);
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    list_remove(&entry->node);
    store->entry_count--;
    store_unref(store, entry);
}

void store_unref(struct store *store, struct cache_entry *entry)
{
    if (--entry->refs > 0)
        return;
    uint32_t class = entry->class;
    struct free_block *block = (struct free_block *)entry;
    block->next = store->free[class];
    store->free[class] = block;
}
