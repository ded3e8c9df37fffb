/* SPDX-License-Identifier: Apache-2.0 */
/* `export` of a plan, for load/export.h. */
#include "cmd/load/job.h"

#include <stdio.h>

static void on_warning(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "weir load: warning: %s\n", text);
}

static enum err make_pairs(struct load_job *job, const struct option_list *list,
                           const struct load_export_pair **ret_pairs)
{
    const struct option_member *members = list->items;
    struct load_export_pair *pairs = arena_alloc_array(&job->arena, list->count, sizeof *pairs);
    if (!pairs)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < list->count; i++)
        pairs[i] = (struct load_export_pair){members[i].name, members[i].value.text};
    *ret_pairs = pairs;
    return ERR_OK;
}

static void say_where(const struct load_export *export)
{
    char memory[ADDRESS_TEXT_MAX];
    struct address address;
    load_export_address(export, &address);
    address_format(&address, memory);
    fprintf(stderr, "weir load: metrics at http://%s/metrics\n", memory);
}

int load_job_export(struct load_job *job, struct load_export **ret_export)
{
    const struct load_spec_export *spec = &job->made.spec.export;
    char memory[512];
    struct text fault = text_init(memory, sizeof memory);
    struct load_export_options options = {.plan = job->made.plan,
                                          .version = SLICE_LIT(WEIR_VERSION),
                                          .listen = spec->listen,
                                          .gateway = spec->gateway,
                                          .receiver = spec->receiver,
                                          .job = spec->job,
                                          .label_count = spec->labels.count,
                                          .field_count = spec->headers.count,
                                          .is_deleted_at_end = spec->is_deleted_at_end,
                                          .on_warning = on_warning};
    *ret_export = NULL;
    if (!spec->listen.len && !spec->gateway.len && !spec->receiver.len)
        return CMD_DONE;
    enum err err = make_pairs(job, &spec->labels, &options.labels);
    if (err == ERR_OK)
        err = make_pairs(job, &spec->headers, &options.fields);
    if (err == ERR_OK)
        err = load_export_start(&options, &fault, ret_export);
    if (err != ERR_OK)
        return cmd_fail("load", "%s", fault.len ? memory : err_text(err));
    if (spec->listen.len && !job->is_quiet)
        say_where(*ret_export);
    return CMD_DONE;
}
