/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes: a text file, one a line; line n is the class n - 1. */
#include "lib/sys/file.h"
#include "pipeline/infer/infer_int.h"

#define LABELS_BYTES_MAX (1U << 20)

static uint32_t count_lines(struct slice text)
{
    uint32_t count = 0;
    while (text.len) {
        (void)slice_cut(&text, '\n');
        count++;
    }
    return count;
}

static struct slice without_return(struct slice line)
{
    return line.len && line.ptr[line.len - 1] == '\r' ? slice_first(line, line.len - 1) : line;
}

static enum err keep(struct model *model, struct slice text)
{
    struct slice kept = arena_copy(&model->arena, text);
    uint32_t count = count_lines(text);
    struct slice *labels = arena_alloc_array(&model->arena, MAX(count, 1), sizeof *labels);
    if (!kept.ptr || !labels)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < count; i++)
        labels[i] = without_return(slice_cut(&kept, '\n'));
    model->info.labels = labels;
    model->info.label_count = count;
    return ERR_OK;
}

enum err labels_load(struct model *model, struct text *fault)
{
    struct slice path = model->config->labels;
    struct file_content content;
    if (!path.len)
        return ERR_OK;
    enum err err = file_read(path.ptr, LABELS_BYTES_MAX, &content);
    if (err == ERR_OK) {
        err = keep(model, slice_of(content.data, content.bytes));
        file_content_deinit(&content);
    }
    if (err != ERR_OK)
        text_printf(fault, SLICE_FMT ": the labels cannot be read: %s", SLICE_ARG(path), err_text(err));
    return err;
}
