/* SPDX-License-Identifier: Apache-2.0 */
/* `tls:` of an entry of `listen:`: files are read here, lib/tls says what is wrong with what is in them. */
#include "control/config/compile_int.h"

#include "lib/crypto/crypto.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/tls/context.h"
#include "pipeline/config_make.h"

#include <stdlib.h>

#define PEM_BYTES_MAX   (1u << 20)
#define READABLE_BY_ALL 0004

/* One `tls:`, and the files it names. */
struct job {
    struct compile *compile;
    const struct tls_config *config;
    const struct yaml_node *node;
    struct file_content *certificates;
    struct file_content *keys;
    struct file_content client_ca;
    bool has_fault; /* a file is missing */
};

static const struct yaml_node *find_in_pair(const struct job *job, uint32_t index, const char *name)
{
    const struct yaml_node *pairs = yaml_find(job->node, "certificates");
    const struct yaml_node *pair = pairs ? pairs->first : NULL;
    while (pair && index-- > 0)
        pair = pair->next;
    const struct yaml_node *value = pair && pair->kind == YAML_MAP ? yaml_find(pair, name) : NULL;
    return value ? value : pair;
}

static void report_unreadable(struct job *job, const struct yaml_node *node, struct slice path, enum err err)
{
    const char *why = err == ERR_NOT_FOUND ? "there is no such file"
                      : err == ERR_DENIED  ? "this user may not read it"
                      : err == ERR_INVALID ? "it is not a regular file"
                      : err == ERR_LIMIT   ? "it is larger than 1 MiB"
                                           : err_text(err);
    report_error(job->compile->report, compile_place_of(node), "\"" SLICE_FMT "\" cannot be read: %s", SLICE_ARG(path),
                 why);
}

static enum err read_file(struct job *job, const struct yaml_node *node, struct slice path,
                          struct file_content *content)
{
    if (path.len == 0) { /* was reported: the row says that it is required */
        job->has_fault = true;
        return ERR_OK;
    }
    enum err err = file_read(path.ptr, PEM_BYTES_MAX, content);
    if (err == ERR_NOMEM)
        return err;
    if (err != ERR_OK) {
        report_unreadable(job, node, path, err);
        job->has_fault = true;
    }
    return ERR_OK;
}

static void check_key_mode(struct job *job, const struct yaml_node *node, struct slice path)
{
    struct file_status status;
    if (path.len == 0 || file_status(path.ptr, &status) != ERR_OK || !(status.mode & READABLE_BY_ALL))
        return;
    report_warning(job->compile->report, compile_place_of(node),
                   "every user of this machine may read the key \"" SLICE_FMT "\": chmod o= on it would end that",
                   SLICE_ARG(path));
}

static enum err read_files(struct job *job)
{
    const struct certificate_config *pairs = job->config->certificates.items;
    for (uint32_t i = 0; i < job->config->certificates.count; i++) {
        const struct yaml_node *key = find_in_pair(job, i, "key");
        TRY(read_file(job, find_in_pair(job, i, "cert"), pairs[i].certificate, &job->certificates[i]));
        TRY(read_file(job, key, pairs[i].key, &job->keys[i]));
        check_key_mode(job, key, pairs[i].key);
    }
    const struct yaml_node *ca = yaml_find(job->node, "client_ca");
    bool is_ca_wanted = job->config->client_certificate != TLS_CLIENT_CERTIFICATE_NONE;
    if (!is_ca_wanted && ca)
        report_warning(job->compile->report, ca->place,
                       "\"client_ca\" is of no use while \"client_certificate\" is none");
    if (!is_ca_wanted)
        return ERR_OK;
    if (job->config->client_ca.len > 0)
        return read_file(job, ca, job->config->client_ca, &job->client_ca);
    report_error(job->compile->report, compile_place_of(yaml_find(job->node, "client_certificate")),
                 "tls lacks \"client_ca\": whose certificates are to be trusted?");
    job->has_fault = true;
    return ERR_OK;
}

/* Says it where the file is named. */
static void on_note(void *owner, const struct tls_note *note)
{
    const struct job *job = owner;
    const struct certificate_config *pairs = job->config->certificates.items;
    const struct yaml_node *node = job->node;
    struct slice path = {NULL, 0};
    if (note->subject == TLS_SUBJECT_CA) {
        node = yaml_find(job->node, "client_ca");
        path = job->config->client_ca;
    } else if (note->subject != TLS_SUBJECT_CONTEXT) {
        bool is_key = note->subject == TLS_SUBJECT_KEY;
        node = find_in_pair(job, note->index, is_key ? "key" : "cert");
        path = is_key ? pairs[note->index].key : pairs[note->index].certificate;
    }
    const char *quote = path.len ? "\"" : "";
    struct report_place place = compile_place_of(node);
    if (note->is_error)
        report_error(job->compile->report, place, "%s" SLICE_FMT "%s%s%s", quote, SLICE_ARG(path), quote,
                     path.len ? " " : "", note->text);
    else
        report_warning(job->compile->report, place, "%s" SLICE_FMT "%s%s%s", quote, SLICE_ARG(path), quote,
                       path.len ? " " : "", note->text);
}

/* One secret for the life of the process, so that tickets outlive a reload. Only the thread that loads configurations
 * comes here, and there is one at a time. */
static enum err set_secret(struct tls_tickets *tickets)
{
    static uint8_t secret[TLS_TICKET_SECRET_BYTES];
    static bool is_made;
    if (!is_made)
        TRY(crypto_random(secret, sizeof secret));
    is_made = true;
    memcpy(tickets->secret, secret, sizeof secret);
    return ERR_OK;
}

static void release_context(void *context)
{
    tls_context_unref(context);
}

static enum err make_context(struct job *job, const struct listen_config *entry, struct tls_context **ret_context)
{
    uint32_t count = job->config->certificates.count;
    struct tls_pem_pair *pairs = calloc(count, sizeof *pairs);
    uint64_t ticket_s = job->config->ticket_time / NS_PER_S;
    struct tls_tickets tickets = {.rotation_s = (uint32_t)MAX(ticket_s, 1u)};
    if (!pairs)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        pairs[i] = (struct tls_pem_pair){slice_of(job->certificates[i].data, job->certificates[i].bytes),
                                         slice_of(job->keys[i].data, job->keys[i].bytes)};
    const struct tls_server_options options = {
        .pairs = pairs,
        .pair_count = count,
        .version_min = (enum tls_version)job->config->version_min,
        .client_certificate = (enum tls_client_certificate)job->config->client_certificate,
        .client_ca = slice_of(job->client_ca.data, job->client_ca.bytes),
        .tickets = job->config->ticket_time > 0 ? &tickets : NULL,
        .offers_h2 = listen_speaks(entry, LISTEN_H2),
        .is_h2_only = !listen_speaks(entry, LISTEN_HTTP1),
        .now_s = (int64_t)(clock_wall_ns() / NS_PER_S),
    };
    enum err err = set_secret(&tickets);
    if (err == ERR_OK)
        err = tls_context_create_server(&options, &(struct tls_reporter){on_note, job}, ret_context);
    crypto_wipe(&tickets, sizeof tickets);
    free(pairs);
    return err;
}

static void drop(struct file_content *files, uint32_t count)
{
    for (uint32_t i = 0; files && i < count; i++) {
        if (files[i].data)
            crypto_wipe(files[i].data, files[i].bytes);
        file_content_deinit(&files[i]);
    }
    free(files);
}

static enum err keep(struct compile *compile, struct listen_config *entry, struct tls_context *context)
{
    enum err err = config_on_release(compile->config, release_context, context);
    if (err == ERR_OK)
        entry->tls_context = context;
    else
        tls_context_unref(context);
    return err;
}

enum err compile_tls(struct compile *compile, struct listen_config *entry, const struct yaml_node *node)
{
    struct tls_context *context = NULL;
    uint32_t count = entry->tls.certificates.count;
    struct job job = {.compile = compile, .config = &entry->tls, .node = node};
    if (!node || count == 0)
        return ERR_OK;
    job.certificates = calloc(count, sizeof *job.certificates);
    job.keys = calloc(count, sizeof *job.keys);
    enum err err = job.certificates && job.keys ? read_files(&job) : ERR_NOMEM;
    if (err == ERR_OK && !job.has_fault)
        err = make_context(&job, entry, &context);
    drop(job.certificates, count);
    drop(job.keys, count);
    file_content_deinit(&job.client_ca);
    if (err == ERR_OK && context)
        err = keep(compile, entry, context);
    return err == ERR_NOMEM ? err : ERR_OK;
}
