/* SPDX-License-Identifier: Apache-2.0 */
/* Two threads meet here. The session's takes figures into one of two places, and makes it the one to be read; the
 * export's thread, which has a loop, reads from there. A mutex is between them, which a reader holds as long as
 * it takes to write out some thousand numbers. */
#include "load/export.h"

#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "load/export/push_int.h"
#include "load/export/server_int.h"
#include "load/export/sink_int.h"

#include <stdlib.h>

#define STOP_NS (2 * NS_PER_S) /* what a last push may take */

struct load_export {
    struct load_export_options options;
    struct loop loop;
    struct mailbox mailbox;
    struct thread thread;
    struct export_server *server; /* NULL: not scraped */
    struct export_push *push;     /* NULL: to nobody */
    struct export_taker taker;    /* the session's thread's, as `next` */
    struct export_figures *next;
    struct mutex mutex;
    struct export_figures *figures; /* under the mutex */
    _Atomic bool is_stopping;
    struct timer stop;
};

static enum err open_all(struct load_export *export);
static void run(void *argument);
static bool on_mail(struct mailbox *mailbox);
static void on_stop(struct timer *timer);
static void on_done(void *owner);
static enum err write_text(void *owner, enum exposition_format format, struct arena *arena, struct slice *ret_text);
static void on_interval(void *owner, const struct load_results *results);
static void release(struct load_export *export);

enum err load_export_start(const struct load_export_options *options, struct load_export **ret_export)
{
    struct load_export *export = calloc(1, sizeof *export);
    if (!export)
        return ERR_NOMEM;
    export->options = *options;
    export->mailbox.on_mail = on_mail;
    mutex_init(&export->mutex);
    timer_init(&export->stop, on_stop);
    enum err err = loop_init(&export->loop);
    if (err == ERR_OK)
        err = open_all(export);
    if (err == ERR_OK)
        err = thread_start(&export->thread, "export", run, export);
    if (err != ERR_OK) {
        release(export);
        return err;
    }
    *ret_export = export;
    return ERR_OK;
}

static enum err open_all(struct load_export *export)
{
    const struct load_export_options *options = &export->options;
    TRY(export_taker_init(&export->taker, options->plan));
    TRY(export_figures_create(options->plan, options->version, &export->next));
    TRY(export_figures_create(options->plan, options->version, &export->figures));
    TRY(mailbox_start(&export->mailbox, &export->loop));
    if (options->listen)
        TRY(export_server_create(&export->loop, options->listen, write_text, export, &export->server));
    if (options->gateway || options->receiver)
        TRY(export_push_create(&export->loop, options, &export->push));
    return ERR_OK;
}

static void release(struct load_export *export)
{
    export_push_destroy(export->push);
    export_server_destroy(export->server);
    if (export->mailbox.watch.loop)
        mailbox_stop(&export->mailbox);
    if (export->loop.epoll >= 0)
        loop_deinit(&export->loop);
    export_figures_destroy(export->next);
    export_figures_destroy(export->figures);
    export_taker_deinit(&export->taker);
    mutex_deinit(&export->mutex);
    free(export);
}

void load_export_address(const struct load_export *export, struct address *ret_address)
{
    export_server_address(export->server, ret_address);
}

/* --- the session's thread ----------------------------------------------------------------------------------------- */

struct load_observer load_export_observer(struct load_export *export)
{
    return (struct load_observer){.on_interval = on_interval, .owner = export};
}

static void take(struct load_export *export, const struct load_results *results)
{
    export_take(&export->taker, results, export->next);
    mutex_lock(&export->mutex);
    struct export_figures *taken = export->next;
    export->next = export->figures;
    export->figures = taken;
    mutex_unlock(&export->mutex);
}

static void on_interval(void *owner, const struct load_results *results)
{
    struct load_export *export = owner;
    take(export, results);
    wake_up(&export->mailbox.wake);
}

void load_export_stop(struct load_export *export, const struct load_results *results)
{
    if (!export)
        return;
    if (results)
        take(export, results);
    atomic_store_explicit(&export->is_stopping, true, memory_order_release);
    wake_up(&export->mailbox.wake);
    thread_join(&export->thread);
    release(export);
}
