/* SPDX-License-Identifier: Apache-2.0 */
/* Called from inside malloc: nothing here may allocate, or wait. The counters are static memory, of which only the pages of
 * slots in use are ever touched; a thread's key is one of the first of the process, which the C library keeps in the
 * thread itself. */
#include "lib/sys/allocations.h"

#include "lib/base/attr.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SLOTS 512 /* threads at a time that count for themselves; others share one */

struct allocation_slot {
    _Atomic int kind; /* enum allocation_thread + 1, once for all; 0: nobody had it yet */
    _Atomic bool is_taken;
    bool is_shared; /* by threads that found none */
    struct {
        _Atomic uint64_t allocations;
        _Atomic uint64_t frees;
        _Atomic uint64_t bytes;
    } counts[MEMORY_USER_COUNT];
} CACHE_ALIGNED;

static struct allocation_slot slots[SLOTS];
static struct allocation_slot shared = {.kind = ALLOCATION_LIBRARY + 1, .is_shared = true};
static _Thread_local struct allocation_slot *slot_of_thread;
static bool is_counted;
static pthread_key_t key;

static struct allocation_slot *begin_unknown_thread(void);
static struct allocation_slot *take_slot(enum allocation_thread kind);
static void leave_slot(void *slot);

static inline void add(const struct allocation_slot *slot, _Atomic uint64_t *count, uint64_t amount)
{
    if (UNLIKELY(slot->is_shared))
        atomic_fetch_add_explicit(count, amount, memory_order_relaxed);
    else
        atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + amount, memory_order_relaxed);
}

static inline struct allocation_slot *slot_here(void)
{
    struct allocation_slot *slot = slot_of_thread;
    return LIKELY(slot) ? slot : begin_unknown_thread();
}

void allocations_add(uint64_t bytes)
{
    struct allocation_slot *slot = slot_here();
    add(slot, &slot->counts[memory_user_current].allocations, 1);
    add(slot, &slot->counts[memory_user_current].bytes, bytes);
}

void allocations_add_free(void)
{
    struct allocation_slot *slot = slot_here();
    add(slot, &slot->counts[memory_user_current].frees, 1);
}

void allocations_begin(void)
{
    is_counted = pthread_key_create(&key, leave_slot) == 0;
}

/* No name yet, so it is the main thread, or one that a library has started. */
static NOT_INLINE struct allocation_slot *begin_unknown_thread(void)
{
    bool is_main = syscall(SYS_gettid) == getpid();
    slot_of_thread = take_slot(is_main ? ALLOCATION_CONTROL : ALLOCATION_LIBRARY);
    memory_user_current = is_main ? MEMORY_USER_control : MEMORY_USER_onnxruntime;
    return slot_of_thread;
}

static struct allocation_slot *take_slot(enum allocation_thread kind)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct allocation_slot *slot = &slots[i];
        int unused = 0;
        bool is_kind = atomic_load_explicit(&slot->kind, memory_order_relaxed) == (int)kind + 1 ||
                       atomic_compare_exchange_strong(&slot->kind, &unused, (int)kind + 1);
        if (is_kind && !atomic_exchange_explicit(&slot->is_taken, true, memory_order_acquire)) {
            (void)pthread_setspecific(key, slot);
            return slot;
        }
    }
    (void)pthread_setspecific(key, NULL); /* what it had before is left already */
    return &shared;
}

/* Whatever the thread does after this is little, and goes to the shared one. */
static void leave_slot(void *slot)
{
    slot_of_thread = &shared;
    atomic_store_explicit(&((struct allocation_slot *)slot)->is_taken, false, memory_order_release);
}

bool allocations_are_counted(void)
{
    return is_counted;
}

const char *allocation_thread_name(enum allocation_thread thread)
{
    static const char *const names[ALLOCATION_THREADS] = {
        [ALLOCATION_WORKER] = "worker",   [ALLOCATION_EXECUTOR] = "executor", [ALLOCATION_CREW] = "crew",
        [ALLOCATION_CONTROL] = "control", [ALLOCATION_LOG] = "log",           [ALLOCATION_LIBRARY] = "library"};
    return names[thread];
}

void allocations_begin_thread(const char *name)
{
    static const struct {
        const char *begin;
        enum allocation_thread kind;
        enum memory_user user;
    } kinds[] = {{"worker", ALLOCATION_WORKER, MEMORY_USER_other},
                 {"executor", ALLOCATION_EXECUTOR, MEMORY_USER_other},
                 {"crew", ALLOCATION_CREW, MEMORY_USER_other},
                 {"weir-", ALLOCATION_LOG, MEMORY_USER_log},
                 {"", ALLOCATION_CONTROL, MEMORY_USER_control}};
    size_t i = 0;
    while (strncmp(name, kinds[i].begin, strlen(kinds[i].begin)) != 0)
        i++;
    memory_user_current = kinds[i].user;
    if (!is_counted)
        return;
    if (slot_of_thread && slot_of_thread != &shared)
        leave_slot(slot_of_thread);
    slot_of_thread = take_slot(kinds[i].kind);
}

static void add_slot(struct allocation_counts *counts, const struct allocation_slot *slot)
{
    int kind = atomic_load_explicit(&slot->kind, memory_order_relaxed);
    for (int user = 0; kind && user < MEMORY_USER_COUNT; user++) {
        struct allocation_count *count = &counts->of[kind - 1][user];
        count->allocations += atomic_load_explicit(&slot->counts[user].allocations, memory_order_relaxed);
        count->frees += atomic_load_explicit(&slot->counts[user].frees, memory_order_relaxed);
        count->bytes += atomic_load_explicit(&slot->counts[user].bytes, memory_order_relaxed);
    }
}

void allocations_read(struct allocation_counts *ret_counts)
{
    *ret_counts = (struct allocation_counts){0};
    for (size_t i = 0; i < SLOTS; i++)
        add_slot(ret_counts, &slots[i]);
    add_slot(ret_counts, &shared);
}
