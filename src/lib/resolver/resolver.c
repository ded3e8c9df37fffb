/* SPDX-License-Identifier: Apache-2.0 */
/* The thread, and the door to c-ares, which asks the servers and reads /etc/hosts.
 *
 * New names come over a stack that anybody pushes to and only the thread empties; dropped ones are marked and swept. So
 * neither the data plane, which may be the last to let go of a configuration, nor this thread takes a lock. */
#include "lib/resolver/name_int.h"

#include "lib/base/text.h"
#include "lib/sys/clock.h"
#include "lib/sys/poller.h"
#include "lib/sys/thread.h"

#include <ares.h>
#include <stdlib.h>

#define SOCKETS_MAX 64 /* of c-ares: one for each server and transport */

struct resolver {
    struct resolver_options options;
    struct thread thread;
    struct loop loop;
    struct mailbox mailbox;
    ares_channel channel;
    struct timer channel_timer; /* when c-ares wants to ask again or give up */
    struct list names;
    struct poller pollers[SOCKETS_MAX];
    _Atomic(struct resolver_name *) new_names;
    _Atomic bool has_dropped;
    _Atomic bool is_stopping;
    _Atomic uint32_t untried;
};

static void run(void *argument);
static bool on_mail(struct mailbox *mailbox);
static void on_channel_timer(struct timer *timer);
static void on_socket_state(void *data, ares_socket_t fd, int wants_read, int wants_write);
static void on_name_timer(struct timer *timer);
static void on_answer(void *argument, int status, int timeouts, struct ares_addrinfo *found);

static enum err open_channel(struct resolver *resolver)
{
    struct ares_options options = {
        .timeout = (int)resolver->options.timeout_ms,
        .tries = (int)resolver->options.tries,
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolver,
    };
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return ERR_NOMEM;
    int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&resolver->channel, &options, mask) != ARES_SUCCESS) {
        ares_library_cleanup();
        return ERR_NOMEM;
    }
    const char *servers = resolver->options.servers;
    if (!servers || ares_set_servers_ports_csv(resolver->channel, servers) == ARES_SUCCESS)
        return ERR_OK;
    ares_destroy(resolver->channel);
    ares_library_cleanup();
    return ERR_INVALID;
}

static void close_channel(struct resolver *resolver)
{
    ares_destroy(resolver->channel);
    ares_library_cleanup();
}

static void take_defaults(struct resolver_options *options)
{
    options->ttl_min_ns = options->ttl_min_ns ? options->ttl_min_ns : NS_PER_S;
    options->ttl_max_ns = options->ttl_max_ns ? options->ttl_max_ns : 3600 * NS_PER_S;
    options->retry_ns = options->retry_ns ? options->retry_ns : 5 * NS_PER_S;
    options->timeout_ms = options->timeout_ms ? options->timeout_ms : 2000;
    options->tries = options->tries ? options->tries : 3;
}

static enum err start(struct resolver *resolver)
{
    TRY(loop_init(&resolver->loop));
    resolver->mailbox.on_mail = on_mail;
    enum err err = mailbox_start(&resolver->mailbox, &resolver->loop);
    if (err != ERR_OK) {
        loop_deinit(&resolver->loop);
        return err;
    }
    err = open_channel(resolver);
    if (err == ERR_OK) {
        err = thread_start(&resolver->thread, "resolver", run, resolver);
        if (err != ERR_OK)
            close_channel(resolver);
    }
    if (err != ERR_OK) {
        mailbox_stop(&resolver->mailbox);
        loop_deinit(&resolver->loop);
    }
    return err;
}

enum err resolver_create(const struct resolver_options *options, struct resolver **ret_resolver)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return ERR_NOMEM;
    resolver->options = *options;
    take_defaults(&resolver->options);
    list_init(&resolver->names);
    timer_init(&resolver->channel_timer, on_channel_timer);
    enum err err = start(resolver);
    if (err != ERR_OK) {
        free(resolver);
        return err;
    }
    resolver->options.servers = NULL;
    *ret_resolver = resolver;
    return ERR_OK;
}

/* The dropped names that nobody asks for any more. */
static void sweep(struct resolver *resolver)
{
    LIST_EACH(node, &resolver->names)
    {
        struct resolver_name *name = CONTAINER_OF(node, struct resolver_name, node);
        if (name->is_asking || !atomic_load_explicit(&name->is_dropped, memory_order_acquire))
            continue;
        timer_cancel(&name->timer);
        list_remove(&name->node);
        if (!name->is_tried)
            atomic_fetch_sub(&resolver->untried, 1);
        free(name);
    }
}

static bool take_new(struct resolver *resolver)
{
    struct resolver_name *name = atomic_exchange(&resolver->new_names, NULL);
    bool is_any = name != NULL;
    while (name) {
        struct resolver_name *next = name->next_new;
        list_add_last(&resolver->names, &name->node);
        timer_init(&name->timer, on_name_timer);
        timer_set(&resolver->loop.timers, &name->timer, resolver->loop.now_ns);
        name = next;
    }
    return is_any;
}

void resolver_destroy(struct resolver *resolver)
{
    if (!resolver)
        return;
    atomic_store(&resolver->is_stopping, true);
    wake_up(&resolver->mailbox.wake);
    thread_join(&resolver->thread);
    close_channel(resolver);
    (void)take_new(resolver);
    sweep(resolver);
    ASSERT(list_is_empty(&resolver->names), "names are dropped before their resolver");
    mailbox_stop(&resolver->mailbox);
    loop_deinit(&resolver->loop);
    free(resolver);
}

/* What DNS takes for a host; more than RFC 1123 allows, as names of containers have underscores. */
static bool is_host(struct slice host)
{
    if (host.len == 0 || host.len > RESOLVER_HOST_BYTES_MAX)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = ascii_lower(host.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

enum err resolver_add(struct resolver *resolver, struct slice host, struct resolver_name **ret_name)
{
    if (!is_host(host))
        return ERR_INVALID;
    struct resolver_name *name = calloc(1, sizeof *name);
    if (!name)
        return ERR_NOMEM;
    name->resolver = resolver;
    memcpy(name->host, host.ptr, host.len);
    atomic_fetch_add(&resolver->untried, 1);
    name->next_new = atomic_load(&resolver->new_names);
    while (!atomic_compare_exchange_weak(&resolver->new_names, &name->next_new, name))
        ;
    wake_up(&resolver->mailbox.wake);
    *ret_name = name;
    return ERR_OK;
}

void resolver_drop(struct resolver_name *name)
{
    if (!name)
        return;
    struct resolver *resolver = name->resolver;
    atomic_store(&name->is_dropped, true);
    atomic_store(&resolver->has_dropped, true);
    wake_up(&resolver->mailbox.wake);
}

bool resolver_wait(const struct resolver *resolver, uint32_t timeout_ms)
{
    uint64_t end_ns = clock_now_ns() + timeout_ms * NS_PER_MS;
    while (atomic_load(&resolver->untried) > 0) {
        if (clock_now_ns() >= end_ns)
            return false;
        clock_sleep_ns(NS_PER_MS);
    }
    return true;
}

/* On the thread. */

static void run(void *argument)
{
    struct resolver *resolver = argument;
    loop_run(&resolver->loop);
}

static bool on_mail(struct mailbox *mailbox)
{
    struct resolver *resolver = CONTAINER_OF(mailbox, struct resolver, mailbox);
    bool is_any = take_new(resolver);
    if (atomic_exchange(&resolver->has_dropped, false)) {
        sweep(resolver);
        is_any = true;
    }
    if (atomic_load(&resolver->is_stopping))
        loop_stop(&resolver->loop);
    return is_any;
}

/* After each call that may have changed what c-ares waits for. */
static void set_channel_timer(struct resolver *resolver)
{
    struct timeval wait;
    if (!ares_timeout(resolver->channel, NULL, &wait)) {
        timer_cancel(&resolver->channel_timer);
        return;
    }
    uint64_t wait_ns = (uint64_t)wait.tv_sec * NS_PER_S + (uint64_t)wait.tv_usec * 1000;
    timer_set(&resolver->loop.timers, &resolver->channel_timer, clock_now_ns() + wait_ns);
}

static void process(struct resolver *resolver, ares_socket_t readable, ares_socket_t writable)
{
    ares_process_fd(resolver->channel, readable, writable);
    set_channel_timer(resolver);
}

static void on_channel_timer(struct timer *timer)
{
    process(CONTAINER_OF(timer, struct resolver, channel_timer), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void on_ready(struct poller *poller, bool is_readable, bool is_writable)
{
    struct resolver *resolver = CONTAINER_OF(poller->watch.loop, struct resolver, loop);
    int fd = poller->watch.fd;
    process(resolver, is_readable ? fd : ARES_SOCKET_BAD, is_writable ? fd : ARES_SOCKET_BAD);
}

/* The poller of a descriptor, else a free one; NULL when there are too many, and then c-ares gives up by its clock. */
static struct poller *poller_of(struct resolver *resolver, int fd)
{
    struct poller *free_one = NULL;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        struct poller *poller = &resolver->pollers[i];
        if (poller->watch.loop && poller->watch.fd == fd)
            return poller;
        if (!poller->watch.loop)
            free_one = poller;
    }
    return free_one;
}

static void on_socket_state(void *data, ares_socket_t fd, int wants_read, int wants_write)
{
    struct resolver *resolver = data;
    struct poller *poller = poller_of(resolver, fd);
    if (!poller)
        return;
    poller->on_ready = on_ready;
    if (!wants_read && !wants_write)
        poller_stop(poller);
    else if (poller_watch(poller, &resolver->loop, fd, wants_read, wants_write) != ERR_OK)
        poller_stop(poller);
}

static void on_name_timer(struct timer *timer)
{
    struct resolver_name *name = CONTAINER_OF(timer, struct resolver_name, timer);
    const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    name->is_asking = true;
    ares_getaddrinfo(name->resolver->channel, name->host, NULL, &hints, on_answer, name);
    set_channel_timer(name->resolver);
}

/* The shortest time to live of all records, within bounds. */
static uint64_t collect(const struct resolver_options *options, const struct ares_addrinfo *found,
                        struct resolver_addresses *addresses)
{
    uint64_t ttl_ns = options->ttl_max_ns;
    addresses->count = 0;
    for (const struct ares_addrinfo_node *node = found->nodes; node; node = node->ai_next) {
        bool is_ip = node->ai_family == AF_INET || node->ai_family == AF_INET6;
        if (!is_ip || addresses->count == RESOLVER_ADDRESSES_MAX)
            continue;
        struct address *address = &addresses->list[addresses->count++];
        *address = (struct address){.len = node->ai_addrlen};
        memcpy(&address->any, node->ai_addr, node->ai_addrlen);
        ttl_ns = MIN(ttl_ns, (uint64_t)MAX(node->ai_ttl, 0) * NS_PER_S);
    }
    return MAX(ttl_ns, options->ttl_min_ns);
}

static void tell(struct resolver_name *name, const char *why)
{
    const struct resolver_options *options = &name->resolver->options;
    bool is_failing = why != NULL;
    if (is_failing != name->is_failing && options->on_change)
        options->on_change(options->owner, slice_of_text(name->host), why);
    name->is_failing = is_failing;
}

static void on_answer(void *argument, int status, int timeouts, struct ares_addrinfo *found)
{
    struct resolver_name *name = argument;
    struct resolver *resolver = name->resolver;
    struct resolver_addresses addresses = {0};
    uint64_t wait_ns = resolver->options.retry_ns;
    (void)timeouts;
    name->is_asking = false;
    if (status == ARES_SUCCESS && found) {
        uint64_t ttl_ns = collect(&resolver->options, found, &addresses);
        wait_ns = addresses.count ? ttl_ns : wait_ns;
    }
    if (found)
        ares_freeaddrinfo(found);
    if (status == ARES_EDESTRUCTION)
        return;
    if (addresses.count)
        name_publish(name, &addresses);
    tell(name, addresses.count ? NULL : status == ARES_SUCCESS ? "it has no address" : ares_strerror(status));
    if (!name->is_tried)
        atomic_fetch_sub(&resolver->untried, 1);
    name->is_tried = true;
    timer_set(&resolver->loop.timers, &name->timer, clock_now_ns() + wait_ns);
    if (atomic_load(&name->is_dropped))
        atomic_store(&resolver->has_dropped, true); /* the loop looks before it sleeps */
}
