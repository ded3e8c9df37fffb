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
    _Atomic bool has_news;
    _Atomic bool is_stopping;
    bool is_ending; /* the last figures are on their way */
    struct timer stop;
};

static enum err open_all(struct load_export *export, struct text *fault);
static enum err listen_at(struct load_export *export, struct text *fault);
static enum err start_push(struct load_export *export, struct text *fault);
static enum err check_labels(const struct load_export_options *options, struct text *fault);
static void run(void *argument);
static bool on_mail(struct mailbox *mailbox);
static void on_stop(struct timer *timer);
static void on_done(void *owner);
static enum err write_text(void *owner, enum exposition_format format, struct arena *arena, struct slice *ret_text);
static void on_interval(void *owner, const struct load_results *results);
static void release(struct load_export *export);

enum err load_export_start(const struct load_export_options *options, struct text *fault,
                           struct load_export **ret_export)
{
    TRY(check_labels(options, fault));
    struct load_export *export = calloc(1, sizeof *export);
    if (!export)
        return ERR_NOMEM;
    export->options = *options;
    export->mailbox.on_mail = on_mail;
    mutex_init(&export->mutex);
    timer_init(&export->stop, on_stop);
    enum err err = loop_init(&export->loop);
    if (err == ERR_OK)
        err = open_all(export, fault);
    if (err == ERR_OK)
        err = thread_start(&export->thread, "export", run, export);
    if (err != ERR_OK) {
        release(export);
        return err;
    }
    *ret_export = export;
    return ERR_OK;
}

static enum err open_all(struct load_export *export, struct text *fault)
{
    const struct load_export_options *options = &export->options;
    TRY(export_taker_init(&export->taker, options->plan));
    TRY(export_figures_create(options->plan, options->version, &export->next));
    TRY(export_figures_create(options->plan, options->version, &export->figures));
    TRY(mailbox_start(&export->mailbox, &export->loop));
    if (options->listen.len)
        TRY(listen_at(export, fault));
    if (options->gateway.len || options->receiver.len)
        TRY(start_push(export, fault));
    return ERR_OK;
}

static void on_turn(struct loop *loop)
{
    export_push_flush(((struct load_export *)loop->owner)->push);
}

static enum err start_push(struct load_export *export, struct text *fault)
{
    TRY(export_push_create(&export->loop, &export->options, on_done, export, fault, &export->push));
    export->loop.owner = export;
    export->loop.on_turn = on_turn;
    return ERR_OK;
}

static enum err listen_at(struct load_export *export, struct text *fault)
{
    struct slice listen = export->options.listen;
    struct address address;
    enum err err = address_parse(listen, &address);
    if (err == ERR_OK)
        err = socket_probe_free(&address); /* sockets share ports here, so that listening would not tell */
    if (err == ERR_OK)
        err = export_server_create(&export->loop, &address, write_text, export, &export->server);
    if (err == ERR_SYNTAX)
        text_printf(fault, SLICE_FMT " is no address such as 127.0.0.1:9095", SLICE_ARG(listen));
    else if (err == ERR_EXISTS)
        text_printf(fault, "something listens on " SLICE_FMT " already", SLICE_ARG(listen));
    else if (err != ERR_OK)
        text_printf(fault, SLICE_FMT " cannot be listened on: %s", SLICE_ARG(listen), err_text(err));
    return err;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Letters, digits and underscores, and none of those that our own series have. */
static enum err check_labels(const struct load_export_options *options, struct text *fault)
{
    static const char *const taken[] = {"job",    "scenario",   "step", "outcome", "kind",
                                        "status", "percentile", "le",   "test",    "version"};
    for (uint32_t i = 0; i < options->label_count; i++) {
        struct slice name = options->labels[i].name;
        bool is_good =
            name.len > 0 && !(name.ptr[0] >= '0' && name.ptr[0] <= '9') && !slice_starts(name, SLICE_LIT("__"));
        for (size_t j = 0; j < name.len; j++)
            is_good = is_good && is_word(name.ptr[j]);
        for (size_t j = 0; j < ARRAY_LEN(taken); j++)
            is_good = is_good && !slice_is(name, taken[j]);
        if (!is_good || i >= LOAD_EXPORT_LABELS_MAX) {
            text_printf(fault,
                        "the label \"" SLICE_FMT
                        "\" cannot be had: a name has letters, digits and _, and is none that the metrics have",
                        SLICE_ARG(name));
            return ERR_SYNTAX;
        }
    }
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
    ASSERT(export->server, "who is not scraped has no address");
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
    atomic_store_explicit(&export->has_news, true, memory_order_release);
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

/* --- the export's thread ------------------------------------------------------------------------------------------ */

static void run(void *argument)
{
    loop_run(&((struct load_export *)argument)->loop);
}

static bool on_mail(struct mailbox *mailbox)
{
    struct load_export *export = CONTAINER_OF(mailbox, struct load_export, mailbox);
    bool has_news = atomic_exchange_explicit(&export->has_news, false, memory_order_acquire);
    if (export->is_ending)
        return false;
    if (atomic_load_explicit(&export->is_stopping, memory_order_acquire)) {
        export->is_ending = true;
        timer_set(&export->loop.timers, &export->stop, export->loop.now_ns + STOP_NS);
        if (export->push)
            export_push_finish(export->push, export->figures); /* nobody changes them any more */
        else
            loop_stop(&export->loop);
        return true;
    }
    if (has_news && export->push) {
        mutex_lock(&export->mutex);
        export_push_send(export->push, export->figures);
        mutex_unlock(&export->mutex);
    }
    return has_news;
}

static void on_stop(struct timer *timer)
{
    loop_stop(&CONTAINER_OF(timer, struct load_export, stop)->loop);
}

static void on_done(void *owner)
{
    loop_stop(&((struct load_export *)owner)->loop);
}

static enum err write_text(void *owner, enum exposition_format format, struct arena *arena, struct slice *ret_text)
{
    struct load_export *export = owner;
    mutex_lock(&export->mutex);
    enum err err = export_render_text(export->figures, format, arena, ret_text);
    mutex_unlock(&export->mutex);
    return err;
}
