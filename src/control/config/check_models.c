/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of `models:`: names, files, and options that are fine alone and mean nothing together. What only the model itself can
 * tell (names and shapes of its tensors) is checked when it is loaded. */
#include "control/config/compile_int.h"
#include "control/repository/scan.h"
#include "lib/sys/file.h"

static void check_name(struct compile *compile, uint32_t index, const struct yaml_node *item)
{
    const struct model_config *models = compile->config->models.items;
    struct slice name = models[index].name;
    struct report_place place = compile_place_of(yaml_find(item, "name"));
    if (!is_model_name(name))
        report_error(compile->report, place,
                     "a model's name is made of A-Z a-z 0-9 _ . -, as it stands in URLs; found \"" SLICE_FMT "\"",
                     SLICE_ARG(name));
    for (uint32_t i = 0; i < index; i++)
        if (name.len && slice_equal(models[i].name, name) && slice_equal(models[i].version, models[index].version)) {
            report_error(compile->report, place,
                         "there is a model \"" SLICE_FMT "\" of version \"" SLICE_FMT "\" already", SLICE_ARG(name),
                         SLICE_ARG(models[i].version));
            return;
        }
}

/* NULL: nothing is wrong. */
static const char *fault_of_file(struct slice path)
{
    struct file_status status;
    enum err err = file_status(path.ptr, &status);
    if (err == ERR_NOT_FOUND)
        return "does not exist";
    if (err == ERR_DENIED || (err == ERR_OK && status.is_regular && !file_is_readable(path.ptr)))
        return "may not be read by this user";
    if (err != ERR_OK)
        return "cannot be read";
    if (!status.is_regular)
        return "is not a regular file";
    return status.bytes == 0 ? "is empty" : NULL;
}

static void check_file(struct compile *compile, struct slice path, const struct yaml_node *node, const char *what)
{
    const char *fault = path.len ? fault_of_file(path) : NULL;
    if (fault)
        report_error(compile->report, compile_place_of(node), "%s file " SLICE_FMT " %s", what, SLICE_ARG(path), fault);
}

static void check_batch(struct compile *compile, const struct batch_config *batch, const struct yaml_node *node)
{
    const uint64_t *sizes = batch->preferred.items;
    const struct yaml_node *preferred = yaml_find(node, "preferred");
    const struct yaml_node *delay = yaml_find(node, "max_delay");
    if (batch->policy != BATCH_FIXED && (preferred || delay))
        report_warning(compile->report, compile_place_of(preferred ? preferred : delay),
                       "\"%s\" has no effect without `policy: fixed`", preferred ? "preferred" : "max_delay");
    for (uint32_t i = 0; i < batch->preferred.count; i++)
        if (sizes[i] > batch->max) {
            report_error(compile->report, compile_place_of(preferred),
                         "no batch reaches a preferred size of %llu rows: `max` is %llu", (unsigned long long)sizes[i],
                         (unsigned long long)batch->max);
            return;
        }
}

static void check_pad(struct compile *compile, const struct model_config *model, const struct yaml_node *list)
{
    const struct pad_config *pads = model->pad.items;
    const struct yaml_node *item = list && list->count == model->pad.count ? list->first : NULL;
    for (uint32_t i = 0; i < model->pad.count; i++, item = item ? item->next : NULL) {
        const uint64_t *sizes = pads[i].sizes.items;
        for (uint32_t k = 1; k < pads[i].sizes.count; k++)
            if (sizes[k] <= sizes[k - 1]) {
                report_error(compile->report, compile_place_of(yaml_find(item, "buckets")),
                             "\"buckets\" are ascending; found %llu behind %llu", (unsigned long long)sizes[k],
                             (unsigned long long)sizes[k - 1]);
                break;
            }
    }
}

/* Both are off unless one option is there, so whoever writes another has forgotten that one. */
static void check_halves(struct compile *compile, const struct model_config *model, const struct yaml_node *item)
{
    const struct yaml_node *cache = yaml_find(item, "cache");
    const struct yaml_node *sequence = yaml_find(item, "sequence");
    if (cache && cache->kind == YAML_MAP && !yaml_find(cache, "ttl"))
        report_error(compile->report, cache->place,
                     "cache lacks \"ttl\", such as 60s: without it outputs are not kept");
    if (sequence && sequence->kind == YAML_MAP && !model->sequence.states.count && !yaml_find(sequence, "state"))
        report_error(compile->report, sequence->place,
                     "sequence lacks \"state\", such as [{input: state, output: next_state}]: without it the model "
                     "has none");
}

void compile_check_models(struct compile *compile)
{
    const struct model_config *models = compile->config->models.items;
    const struct yaml_node *node = yaml_find(compile->root, "models");
    const struct yaml_node *item = node && node->count == compile->written_models ? node->first : NULL;
    for (uint32_t i = 0; i < compile->written_models; i++, item = item ? item->next : NULL) {
        check_name(compile, i, item);
        check_file(compile, models[i].path, yaml_find(item, "path"), "model");
        check_file(compile, models[i].labels, yaml_find(item, "labels"), "labels");
        check_batch(compile, &models[i].batch, yaml_find(item, "batch"));
        check_pad(compile, &models[i], yaml_find(item, "pad"));
        check_halves(compile, &models[i], item);
    }
}
