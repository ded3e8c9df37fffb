/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas are replaced while they are in use by making the whole configuration again, from the text that the current one was
 * made of: there is one way to swap, and requests that have begun finish on what they began with. What the text says stays as
 * it is, whatever has become of the file: that is SIGHUP's affair.
 *
 * A schema that is no good leaves the old ones in use, and is told in the log, in /readyz and in a metric, until it is. */
#include "control/server/server_int.h"

#include "control/config/load.h"
#include "control/server/fault.h"
#include "control/server/lost.h"
#include "control/server/say.h"
#include "lib/base/hash.h"
#include "lib/http/url.h"
#include "lib/sys/clock.h"
#include "pipeline/contract.h"

#include <stdlib.h>

#define PATH_BYTES 4096
#define LINE_BYTES (REPORT_NOTE_BYTES_MAX + 512)

static void on_change(struct folder_watch *watch);
static void watch_files(struct server *server);

void schemas_init(struct server *server)
{
    mutex_init(&server->schemas.lock);
    server->schemas.watch.on_change = on_change;
    gauge_set(&server->schemas.meter.is_last_good, 1);
}

void schemas_deinit(struct server *server)
{
    free(server->schemas.faults);
    mutex_deinit(&server->schemas.lock);
}

static void on_change(struct folder_watch *watch)
{
    struct server *server = CONTAINER_OF(watch, struct server, schemas.watch);
    if (server->phase == SERVER_SERVING)
        server_reload_schemas(server);
}

/* --- on the loader's thread ------------------------------------------------------------------------------------------ */

static const struct contract_document *find_like(const struct config *config, const struct contract_document *document)
{
    for (uint32_t i = 0; i < config->document_count; i++) {
        const struct contract_document *other = &config->documents[i];
        if (memcmp(other->hash, document->hash, sizeof other->hash) == 0 && slice_equal(other->uri, document->uri))
            return other;
    }
    return NULL;
}

/* Both lists are in the order of their URIs. */
static bool has_same_documents(const struct config *a, const struct config *b)
{
    bool are_same = a->document_count == b->document_count;
    for (uint32_t i = 0; are_same && i < a->document_count; i++)
        are_same = slice_equal(a->documents[i].uri, b->documents[i].uri) &&
                   memcmp(a->documents[i].hash, b->documents[i].hash, sizeof a->documents[i].hash) == 0;
    return are_same;
}

static uint64_t hash_note(const struct report *report, const struct report_note *note)
{
    char memory[LINE_BYTES];
    struct text text = text_init(memory, sizeof memory);
    report_note_format(report, note, &text);
    return hash_bytes((struct hash_key){1, 2}, text_slice(&text));
}

static bool was_said(const struct schema_state *schemas, uint64_t hash)
{
    for (uint32_t i = 0; i < schemas->said_count; i++)
        if (schemas->said[i] == hash)
            return true;
    return false;
}

/* Whoever changes one file is not told of all others again. */
void schemas_drop_said(struct schema_state *schemas, struct report *report)
{
    uint64_t hashes[REPORT_NOTES_MAX];
    uint32_t hash_count = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < report->note_count; i++) {
        const struct report_note note = report->notes[i];
        bool is_warning = note.severity == REPORT_WARNING;
        if (is_warning)
            hashes[hash_count++] = hash_note(report, &note);
        if (is_warning && was_said(schemas, hashes[hash_count - 1]))
            report->warning_count--;
        else
            report->notes[kept++] = note;
    }
    report->note_count = kept;
    if (report->error_count)
        return; /* others may not have been come to */
    memcpy(schemas->said, hashes, hash_count * sizeof *hashes);
    schemas->said_count = hash_count;
}

void schemas_load(struct server *server, struct report *report, struct config **ret_config, bool *ret_is_unchanged)
{
    struct config *old = server_config(server);
    struct config *config = NULL;
    const struct repository_choice choice = repository_choose(REPOSITORY_KEEP, old);
    report_init(report);
    enum err err = config_load_chosen(old->text, old->path.ptr, &choice, report, &config);
    bool is_unchanged = err == ERR_OK && has_same_documents(old, config);
    if (err == ERR_OK)
        lost_schemas_report(old, config, REPORT_ERROR, report);
    /* The first reading of those that are watched is right after the start, which has said all of it. */
    bool is_start = !server->schemas.has_read && old->schemas.is_watched && is_unchanged;
    server->schemas.has_read = true;
    schemas_drop_said(&server->schemas, report);
    if (!is_start)
        report_print(report, stderr);
    if (err == ERR_OK && !is_unchanged && report->error_count == 0)
        *ret_config = config;
    else
        config_unref(config);
    *ret_is_unchanged = is_unchanged;
    config_unref(old);
}

void schemas_keep_times(const struct config *before, struct config *config)
{
    for (uint32_t i = 0; i < config->document_count; i++) {
        const struct contract_document *known = find_like(before, &config->documents[i]);
        if (known)
            config->documents[i].loaded_ns = known->loaded_ns;
    }
}

/* --- on the control thread ------------------------------------------------------------------------------------------- */

static void say_why(const struct config *config, const struct report *report, struct text *out)
{
    text_add(out, SLICE_LIT("the schemas in use are older than their files, which are not good: "));
    for (uint32_t i = 0; report && i < report->note_count; i++) {
        const struct report_note *note = &report->notes[i];
        if (note->severity != REPORT_ERROR)
            continue;
        fault_format(config, report, note, out);
        return;
    }
    text_add(out, SLICE_LIT("the log says why"));
}

/* Errors as lines, on the heap; NULL without memory. */
static char *list_faults(const struct config *config, const struct report *report)
{
    char *lines = calloc(SCHEMAS_FAULTS_MAX, LINE_BYTES);
    struct text out = lines ? text_init(lines, (size_t)SCHEMAS_FAULTS_MAX * LINE_BYTES) : (struct text){0};
    uint32_t count = 0;
    for (uint32_t i = 0; lines && report && i < report->note_count && count < SCHEMAS_FAULTS_MAX; i++) {
        const struct report_note *note = &report->notes[i];
        if (note->severity != REPORT_ERROR)
            continue;
        fault_format(config, report, note, &out);
        text_add(&out, SLICE_LIT("\n"));
        count++;
    }
    return lines;
}

static void answer_tickets(struct server *server, bool is_good)
{
    struct schema_state *schemas = &server->schemas;
    const struct loader *loader = &server->loader;
    char *faults = is_good ? NULL : list_faults(server->config, loader->report);
    mutex_lock(&schemas->lock);
    free(schemas->faults);
    schemas->faults = faults;
    schemas->is_good = is_good;
    schemas->has_changed = is_good && !loader->is_unchanged;
    schemas->answered = loader->ticket;
    mutex_unlock(&schemas->lock);
}

void loader_forget_report(struct loader *loader)
{
    if (loader->report)
        report_deinit(loader->report);
    free(loader->report);
    loader->report = NULL;
}

void schemas_conclude(struct server *server, bool is_good)
{
    struct schema_state *schemas = &server->schemas;
    struct loader *loader = &server->loader;
    char memory[NOTICE_BYTES + 1];
    struct text why = text_init(memory, sizeof memory);
    bool was_good = gauge_read(&schemas->meter.is_last_good);
    bool was_asked = loader->ticket > schemas->answered;
    if (!is_good) {
        say_why(server->config, loader->report, &why);
        say_error("schemas were not taken; those from before go on being used");
    } else if (!loader->is_unchanged) {
        say("schemas were read anew");
    } else if (!was_good) {
        say("schemas are those in use again");
    }
    notice_set(&schemas->stale, text_slice(&why));
    gauge_set(&schemas->meter.is_last_good, is_good);
    if (!is_good)
        counter_add(&schemas->meter.failed, 1);
    else if (!loader->is_unchanged || !was_good || was_asked)
        counter_add(&schemas->meter.succeeded, 1);
    answer_tickets(server, is_good);
    loader_forget_report(loader);
    if (!is_good || loader->is_unchanged)
        watch_files(server); /* there may be new folders in those that are watched */
}

/* Whoever waits would hold up the shutdown. */
void schemas_give_up(struct server *server)
{
    struct schema_state *schemas = &server->schemas;
    if (!server->loader.is_running)
        loader_forget_report(&server->loader);
    mutex_lock(&schemas->lock);
    schemas->is_given_up = true;
    mutex_unlock(&schemas->lock);
}

void schemas_taken(struct server *server)
{
    notice_set(&server->schemas.stale, (struct slice){NULL, 0});
    gauge_set(&server->schemas.meter.is_last_good, 1);
    watch_files(server);
}

void schemas_heed(struct server *server)
{
    const struct loader *loader = &server->loader;
    uint64_t asked = atomic_load(&server->schemas.asked);
    bool is_under_way = loader->is_running && loader->job == LOADER_SCHEMAS && loader->ticket == asked;
    if (asked > server->schemas.answered && !is_under_way && server->phase == SERVER_SERVING)
        server_reload_schemas(server);
}

/* --- what is watched ------------------------------------------------------------------------------------------------- */

struct folders {
    struct watched_folder *items; /* heap, with their texts */
    uint32_t count;
    bool has_failed; /* there is no memory */
};

static void add_folder(struct folders *folders, struct slice path, struct slice name)
{
    struct watched_folder *folder = &folders->items[folders->count++];
    folder->path = strndup(path.ptr, path.len);
    folder->name = name.len ? strndup(name.ptr, name.len) : NULL;
    folder->ending = ".json";
    folders->has_failed |= !folder->path || (name.len && !folder->name);
}

/* Whether it is watched with the folder of schemas. */
static bool is_in_folder(struct slice root, struct slice path)
{
    static const char ending[] = ".json";
    bool is_below = root.len && slice_starts(path, root) && path.len > root.len && path.ptr[root.len] == '/';
    bool is_hidden = is_below && memmem(path.ptr + root.len, path.len - root.len, "/.", 2);
    return is_below && !is_hidden && slice_is(slice_skip(path, path.len - (sizeof ending - 1)), ending);
}

/* A file that some route names. */
static void add_file(struct folders *folders, struct slice root, struct slice uri)
{
    static const char scheme[] = "file://";
    char memory[PATH_BYTES];
    struct slice path;
    if (!slice_starts(uri, SLICE_LIT("file:///")) || uri.len > sizeof memory ||
        url_percent_decode(slice_skip(uri, sizeof scheme - 1), false, memory, &path) != ERR_OK)
        return;
    const char *slash = memrchr(path.ptr, '/', path.len);
    size_t above = (size_t)(slash - path.ptr);
    if (!is_in_folder(root, path))
        add_folder(folders, above ? slice_first(path, above) : SLICE_LIT("/"), slice_skip(path, above + 1));
}

static void list_files(const struct config *config, struct folders *folders)
{
    folders->items = calloc(config->document_count + 1, sizeof *folders->items);
    folders->has_failed = !folders->items;
    if (folders->has_failed || !config->schemas.is_watched)
        return;
    if (config->schemas.folder.len)
        add_folder(folders, config->schemas.folder, (struct slice){NULL, 0});
    for (uint32_t i = 0; i < config->document_count; i++)
        if (config->documents[i].path.len)
            add_file(folders, config->schemas.folder, config->documents[i].uri);
}

static void watch_files(struct server *server)
{
    struct folder_watch *watch = &server->schemas.watch;
    struct folders folders = {0};
    bool is_new = false;
    list_files(server->config, &folders);
    if (!watch->loop && folders.count)
        folder_watch_start(watch, &server->loop, true);
    if (!folders.has_failed && watch->loop)
        folders.has_failed = folder_watch_set(watch, folders.items, folders.count, &is_new) != ERR_OK;
    if (folders.has_failed)
        say_error("there is no memory to watch the schemas");
    /* What has changed there since it was read was seen by nobody. Not at once: a job of the loader is being concluded. */
    server->loader.wants_schemas |= is_new;
    for (uint32_t i = 0; i < folders.count; i++) {
        free(folders.items[i].path);
        free(folders.items[i].name);
    }
    free(folders.items);
}

/* --- from any thread ------------------------------------------------------------------------------------------------- */

bool schemas_are_stale(const struct server *server, struct text *why)
{
    return notice_read(&server->schemas.stale, why);
}

uint64_t schemas_ask(struct server *server)
{
    uint64_t ticket = atomic_fetch_add(&server->schemas.asked, 1) + 1;
    wake_up(&server->mailbox.wake);
    return ticket;
}

enum err schemas_outcome_of(struct server *server, uint64_t ticket, struct arena *arena,
                            struct schemas_outcome *ret_outcome)
{
    struct schema_state *schemas = &server->schemas;
    struct schemas_outcome outcome = {0};
    mutex_lock(&schemas->lock);
    bool is_answered = schemas->answered >= ticket;
    outcome.is_given_up = !is_answered && schemas->is_given_up;
    struct slice faults =
        is_answered && schemas->faults ? arena_copy(arena, slice_of_text(schemas->faults)) : (struct slice){"", 0};
    outcome.is_good = schemas->is_good;
    outcome.has_changed = schemas->has_changed;
    mutex_unlock(&schemas->lock);
    if (!is_answered && !outcome.is_given_up)
        return ERR_AGAIN;
    if (outcome.is_given_up)
        faults = (struct slice){"", 0};
    if (!faults.ptr)
        return ERR_NOMEM;
    while (faults.len && outcome.fault_count < SCHEMAS_FAULTS_MAX)
        outcome.faults[outcome.fault_count++] = slice_cut(&faults, '\n');
    *ret_outcome = outcome;
    return ERR_OK;
}
