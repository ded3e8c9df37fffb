/* SPDX-License-Identifier: Apache-2.0 */
/* `export` of a plan, for load/export.h. */
#include "cmd/load/job.h"

#include <stdio.h>

static void on_warning(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "weir load: warning: %s\n", text);
}

static enum err make_labels(struct load_job *job, struct load_export_options *options)
{
    const struct option_list *list = &job->made.spec.export.labels;
    const struct option_member *members = list->items;
    struct load_export_label *labels = arena_alloc_array(&job->arena, list->count, sizeof *labels);
    if (!labels)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < list->count; i++)
        labels[i] = (struct load_export_label){members[i].name, members[i].value.text};
    options->labels = labels;
    options->label_count = list->count;
    return ERR_OK;
}

static enum err make_fields(struct load_job *job, struct load_export_options *options)
{
    const struct option_list *list = &job->made.spec.export.headers;
    const struct option_member *members = list->items;
    struct http2_field *fields = arena_alloc_array(&job->arena, list->count, sizeof *fields);
    if (!fields)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < list->count; i++)
        fields[i] = (struct http2_field){members[i].name, members[i].value.text};
    options->fields = fields;
    options->field_count = list->count;
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
                                          .is_deleted_at_end = spec->is_deleted_at_end,
                                          .on_warning = on_warning};
    *ret_export = NULL;
    if (!spec->listen.len && !spec->gateway.len && !spec->receiver.len)
        return CMD_DONE;
    enum err err = make_labels(job, &options);
    if (err == ERR_OK)
        err = make_fields(job, &options);
    if (err == ERR_OK)
        err = load_export_start(&options, &fault, ret_export);
    if (err != ERR_OK)
        return cmd_fail("load", "%s", fault.len ? memory : err_text(err));
    if (spec->listen.len && !job->is_quiet)
        say_where(*ret_export);
    return CMD_DONE;
}
