/* SPDX-License-Identifier: Apache-2.0 */
/* Models of repositories are replaced while they are in use, in the way of schemas (schemas.c): the whole configuration is made
 * again from its text, with other models, and swapped. What it shares with the one before is not loaded again. So requests
 * that have begun finish on the model they began with, and a model that is no good leaves the one before where it was.
 *
 * Two things set it off: files that change, under `control: poll`, and wishes, under `control: explicit`. A wish is fulfilled by a
 * job of its own, one after the other, and whoever had it asks with its ticket what became of it. */
#include "control/config/compare.h"
#include "control/config/option_tables.h"
#include "control/server/say.h"
#include "control/server/server_int.h"
#include "lib/sys/clock.h"

#include <stdlib.h>

/* Files that changed less than this ago may not be whole. */
#define REST_NS      (1 * NS_PER_S)
#define FORGET_NS    (2 * NS_PER_S) /* outcomes that nobody asked for */
#define REASON_BYTES 2048

static void on_change(struct folder_watch *watch);
static void on_timer(struct timer *timer);

void repository_init(struct server *server)
{
    mutex_init(&server->repository.lock);
    timer_init(&server->repository.timer, on_timer);
    server->repository.watch.on_change = on_change;
}

static void free_wish(struct wish *wish)
{
    free(wish->name);
    free(wish->reason);
    *wish = (struct wish){0};
}

void repository_deinit(struct server *server)
{
    for (uint32_t i = 0; i < REPOSITORY_WISHES_MAX; i++)
        free_wish(&server->repository.wishes[i]);
    timer_cancel(&server->repository.timer);
    mutex_deinit(&server->repository.lock);
}

static void on_change(struct folder_watch *watch)
{
    struct server *server = CONTAINER_OF(watch, struct server, repository.watch);
    if (server->phase == SERVER_SERVING)
        server_reload_models(server);
}

static void on_timer(struct timer *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, repository.timer);
    if (server->phase == SERVER_SERVING)
        server_reload_models(server);
}

/* --- on the loader's thread ------------------------------------------------------------------------------------------ */

struct repository_choice repository_choose(enum repository_action action, const struct config *like)
{
    return (struct repository_choice){.action = action, .like = like, .rest_ns = REST_NS};
}

static bool are_same_models(const struct model_config *a, const struct model_config *b)
{
    return option_table_equal(&option_table_model, a, b, 0) && a->signature == b->signature &&
           slice_equal(a->settings, b->settings);
}

static bool has_same_models(const struct config *a, const struct config *b)
{
    const struct model_config *left = a->models_wanted.items;
    const struct model_config *right = b->models_wanted.items;
    const struct repository_fault *left_faults = a->model_faults.items;
    const struct repository_fault *right_faults = b->model_faults.items;
    bool are_same = a->models_wanted.count == b->models_wanted.count && a->model_faults.count == b->model_faults.count;
    for (uint32_t i = 0; are_same && i < a->models_wanted.count; i++)
        are_same = are_same_models(&left[i], &right[i]);
    for (uint32_t i = 0; are_same && i < a->model_faults.count; i++)
        are_same = slice_equal(left_faults[i].name, right_faults[i].name) &&
                   slice_equal(left_faults[i].reason, right_faults[i].reason);
    return are_same;
}

static struct repository_choice choice_of(const struct wish *wish, const struct config *like)
{
    struct repository_choice choice = repository_choose(REPOSITORY_LOOK, like);
    if (!wish)
        return choice;
    choice.action = wish->wish == REPOSITORY_WISH_LOAD ? REPOSITORY_LOAD : REPOSITORY_UNLOAD;
    choice.name = slice_of_text(wish->name);
    choice.settings = wish->settings;
    return choice;
}

void repository_load(struct server *server, struct report *report, struct config **ret_config, bool *ret_is_unchanged)
{
    struct repository_control_state *repository = &server->repository;
    struct config *old = server_config(server);
    struct config *config = NULL;
    const struct repository_choice choice = choice_of(repository->wish, old);
    report_init(report);
    enum err err = config_load_chosen(old->text, old->path.ptr, &choice, report, &config);
    bool is_unchanged = err == ERR_OK && !repository->wish && has_same_models(old, config);
    repository->is_growing = err == ERR_OK && config->has_growing_models;
    schemas_drop_said(&server->schemas, report);
    report_print(report, stderr);
    if (err == ERR_OK && !is_unchanged)
        *ret_config = config;
    else
        config_unref(config);
    *ret_is_unchanged = is_unchanged;
    config_unref(old);
}

/* --- on the control thread ------------------------------------------------------------------------------------------- */

static bool names_model(const struct config *config, struct slice name)
{
    const struct model_config *models = config->models_wanted.items;
    for (uint32_t i = 0; i < config->models_wanted.count; i++)
        if (models[i].repository.len && slice_equal(models[i].name, name))
            return true;
    return false;
}

static bool serves_model(const struct config *config, struct slice name)
{
    struct model_range range = config_model_versions(config, name);
    for (uint32_t i = 0; i < range.count; i++)
        if (range.entries[i]->config->repository.len)
            return true;
    return names_model(config, name);
}

struct wish *repository_next(struct server *server)
{
    struct repository_control_state *repository = &server->repository;
    struct wish *next = NULL;
    mutex_lock(&repository->lock);
    for (struct wish *wish = repository->wishes; wish < repository->wishes + REPOSITORY_WISHES_MAX; wish++)
        if (wish->state == WISH_WAITING && (!next || wish->ticket < next->ticket))
            next = wish;
    if (next) {
        next->state = WISH_RUNNING;
        next->result = serves_model(server->config, slice_of_text(next->name)) ? REPOSITORY_DONE : REPOSITORY_NOT_FOUND;
    }
    mutex_unlock(&repository->lock);
    return next;
}

static bool has_waiting(struct server *server)
{
    struct repository_control_state *repository = &server->repository;
    bool has_one = false;
    mutex_lock(&repository->lock);
    for (uint32_t i = 0; i < REPOSITORY_WISHES_MAX; i++)
        has_one |= repository->wishes[i].state == WISH_WAITING;
    mutex_unlock(&repository->lock);
    return has_one;
}

void repository_heed(struct server *server)
{
    if (server->phase == SERVER_SERVING && has_waiting(server))
        server_reload_models(server);
}

static void say_why(const struct report *report, struct text *reason)
{
    text_add(reason, SLICE_LIT("the configuration cannot be made again with it"));
    for (uint32_t i = 0; report && i < report->note_count; i++) {
        if (report->notes[i].severity != REPORT_ERROR)
            continue;
        text_add(reason, SLICE_LIT(": "));
        text_add(reason, report->notes[i].message);
        return;
    }
}

/* What became of a wish, with the configuration that is in use now. */
static enum repository_result judge(const struct server *server, const struct wish *wish, bool is_good,
                                    struct text *reason)
{
    struct slice name = slice_of_text(wish->name);
    if (!is_good) {
        say_why(server->loader.report, reason);
        return REPOSITORY_REFUSED;
    }
    if (wish->wish == REPOSITORY_WISH_UNLOAD) {
        if (wish->result == REPOSITORY_NOT_FOUND)
            text_printf(reason, "No model \"" SLICE_FMT "\" is loaded", SLICE_ARG(name));
        return wish->result;
    }
    if (models_fault(server->config, name, reason))
        return REPOSITORY_REFUSED;
    if (names_model(server->config, name))
        return REPOSITORY_DONE;
    text_printf(reason, "No repository under explicit control has a model \"" SLICE_FMT "\"", SLICE_ARG(name));
    return REPOSITORY_NOT_FOUND;
}

void repository_conclude(struct server *server, bool is_good)
{
    struct repository_control_state *repository = &server->repository;
    struct wish *wish = repository->wish;
    char memory[REASON_BYTES];
    struct text reason = text_init(memory, sizeof memory);
    repository->wish = NULL;
    if (!is_good)
        say_error("models were not taken; those from before go on being served");
    else if (!server->loader.is_unchanged && !wish)
        say("models of repositories are those that were found now");
    if (wish) {
        enum repository_result result = judge(server, wish, is_good, &reason);
        if (result == REPOSITORY_DONE && !server->loader.is_unchanged)
            say("model %s was %s on request", wish->name, wish->wish == REPOSITORY_WISH_LOAD ? "loaded" : "unloaded");
        mutex_lock(&repository->lock);
        wish->result = result;
        wish->reason = strdup(memory);
        wish->state = WISH_DONE;
        wish->done_ns = clock_now_ns();
        mutex_unlock(&repository->lock);
    }
    loader_forget_report(&server->loader);
    if (!is_good || server->loader.is_unchanged)
        repository_taken(server);
    server->loader.wants_models |= has_waiting(server);
}

void repository_give_up(struct server *server)
{
    struct repository_control_state *repository = &server->repository;
    timer_cancel(&repository->timer);
    if (!server->loader.is_running)
        loader_forget_report(&server->loader);
    mutex_lock(&repository->lock);
    repository->is_given_up = true;
    mutex_unlock(&repository->lock);
}

/* --- what is watched ------------------------------------------------------------------------------------------------- */

static uint32_t list_folders(const struct config *config, struct watched_folder *folders, uint64_t *ret_interval_ns)
{
    const struct repository_config *repositories = config->repositories.items;
    uint32_t count = 0;
    uint64_t interval_ns = UINT64_MAX;
    for (uint32_t i = 0; i < config->repositories.count; i++) {
        if (repositories[i].control != REPOSITORY_POLL)
            continue;
        /* The configuration outlives the call, which copies. */
        folders[count++] = (struct watched_folder){.path = (char *)(uintptr_t)repositories[i].folder.ptr, .ending = ""};
        interval_ns = MIN(interval_ns, repositories[i].interval);
    }
    *ret_interval_ns = interval_ns;
    return count;
}

void repository_taken(struct server *server)
{
    struct repository_control_state *repository = &server->repository;
    struct folder_watch *watch = &repository->watch;
    uint32_t room = server->config->repositories.count;
    struct watched_folder *folders = calloc(room + 1, sizeof *folders);
    uint64_t interval_ns = UINT64_MAX;
    bool is_new = false;
    uint32_t count = folders ? list_folders(server->config, folders, &interval_ns) : 0;
    bool has_failed = !folders;
    if (!watch->loop && count)
        folder_watch_start(watch, &server->loop, true);
    if (folders && watch->loop)
        has_failed |= folder_watch_set(watch, folders, count, &is_new) != ERR_OK;
    free(folders);
    if (has_failed)
        say_error("there is no memory to watch the repositories");
    server->loader.wants_models |= is_new && count;
    if (repository->is_growing || server->config->has_growing_models)
        interval_ns = MIN(interval_ns, REST_NS);
    if (interval_ns < UINT64_MAX)
        timer_set(&server->loop.timers, &repository->timer, clock_now_ns() + interval_ns);
    else
        timer_cancel(&repository->timer);
}

/* --- from any thread ------------------------------------------------------------------------------------------------- */

/* Whoever waits looks every few milliseconds: what is done and was not fetched for long belongs to somebody who has left. */
static struct wish *find_room(struct repository_control_state *repository)
{
    struct wish *oldest = NULL;
    for (struct wish *wish = repository->wishes; wish < repository->wishes + REPOSITORY_WISHES_MAX; wish++) {
        if (wish->state == WISH_NONE)
            return wish;
        if (wish->state == WISH_DONE && (!oldest || wish->done_ns < oldest->done_ns))
            oldest = wish;
    }
    if (!oldest || clock_now_ns() - oldest->done_ns < FORGET_NS)
        return NULL;
    free_wish(oldest);
    return oldest;
}

static bool keep_texts(struct wish *wish, const struct repository_request *request)
{
    size_t name_len = request->name.len;
    wish->name = malloc(name_len + request->settings.len + 2);
    if (!wish->name)
        return false;
    if (name_len)
        memcpy(wish->name, request->name.ptr, name_len);
    wish->name[name_len] = '\0';
    char *settings = wish->name + name_len + 1;
    if (request->settings.ptr)
        memcpy(settings, request->settings.ptr, request->settings.len);
    settings[request->settings.len] = '\0';
    wish->settings = request->settings.ptr ? slice_of(settings, request->settings.len) : (struct slice){NULL, 0};
    return true;
}

uint64_t repository_ask(struct server *server, const struct repository_request *request)
{
    struct repository_control_state *repository = &server->repository;
    uint64_t ticket = 0;
    mutex_lock(&repository->lock);
    struct wish *wish = find_room(repository);
    if (wish && keep_texts(wish, request)) {
        ticket = wish->ticket = ++repository->last_ticket;
        wish->wish = request->wish;
        wish->state = WISH_WAITING;
    }
    mutex_unlock(&repository->lock);
    if (ticket)
        wake_up(&server->mailbox.wake);
    return ticket;
}

static struct wish *find_wish(struct repository_control_state *repository, uint64_t ticket)
{
    for (struct wish *wish = repository->wishes; wish < repository->wishes + REPOSITORY_WISHES_MAX; wish++)
        if (wish->state != WISH_NONE && wish->ticket == ticket)
            return wish;
    return NULL;
}

enum err repository_outcome_of(struct server *server, uint64_t ticket, struct arena *arena,
                               struct repository_outcome *ret_outcome)
{
    struct repository_control_state *repository = &server->repository;
    struct repository_outcome outcome = {.result = REPOSITORY_GIVEN_UP};
    struct slice reason = SLICE_LIT("the server is shutting down");
    mutex_lock(&repository->lock);
    struct wish *wish = find_wish(repository, ticket);
    bool is_done = wish && wish->state == WISH_DONE;
    bool is_over = is_done || !wish || repository->is_given_up;
    if (is_done) {
        outcome.result = wish->result;
        reason = slice_of_text(wish->reason ? wish->reason : "");
    }
    outcome.reason = is_over ? arena_copy(arena, reason) : reason;
    if (is_done)
        free_wish(wish);
    mutex_unlock(&repository->lock);
    if (!is_over)
        return ERR_AGAIN;
    if (!outcome.reason.ptr)
        return ERR_NOMEM;
    *ret_outcome = outcome;
    return ERR_OK;
}
