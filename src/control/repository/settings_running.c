/* SPDX-License-Identifier: Apache-2.0 */
/* Of a config.pbtxt: how a model is run. */
#include "control/repository/settings_int.h"

#define COUNT_MAX 65536

/* --- dynamic_batching ------------------------------------------------------------------------------------------------ */

static void read_preferred(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    if (settings->preferred_count == ARRAY_LEN(settings->preferred))
        settings_note(reader, false, field->place, "only the first %zu preferred sizes are heeded",
                      ARRAY_LEN(settings->preferred));
    else if (settings_count(reader, field, COUNT_MAX, &settings->preferred[settings->preferred_count]))
        settings->preferred_count++;
}

static void read_delay(struct reader *reader, const struct field *field, void *out)
{
    (void)settings_count(reader, field, UINT64_C(3600000000), &((struct model_settings *)out)->delay_us);
}

static void read_level(struct reader *reader, const struct field *field, void *out)
{
    (void)settings_count(reader, field, UINT32_MAX, &((struct model_settings *)out)->priority_default);
}

/* Fewer are a part of those that there are. */
static void read_levels(struct reader *reader, const struct field *field, void *out)
{
    uint64_t levels = 0;
    (void)out;
    if (settings_count(reader, field, UINT32_MAX, &levels) && levels > 8)
        settings_note(reader, false, field->place, "there are 8 priorities; what is above counts as the last");
}

static void read_queue_size(struct reader *reader, const struct field *field, void *out)
{
    (void)settings_count(reader, field, UINT32_MAX, &((struct model_settings *)out)->queue_max);
}

static const struct rule queue_rules[] = {
    {.name = "timeout_action", .ignored = "a request that is too late is refused"},
    {.name = "default_timeout_microseconds", .ignored = "`deadline` of a route bounds how long its requests wait"},
    {.name = "max_queue_size", .read = read_queue_size},
    {.name = "allow_timeout_override", .ignored = "a request may always ask for less time"},
    {0},
};
static const struct message queue_message = {"default_queue_policy", queue_rules};

static void read_queue(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &queue_message, field, out);
}

static const struct rule batching_rules[] = {
    {.name = "preferred_batch_size", .read = read_preferred},
    {.name = "max_queue_delay_microseconds", .read = read_delay},
    {.name = "priority_levels", .read = read_levels},
    {.name = "default_priority_level", .read = read_level},
    {.name = "default_queue_policy", .read = read_queue},
    {.name = "preserve_ordering", .ignored = "each request is answered when it is ready"},
    {.name = "priority_queue_policy", .ignored = "all priorities have one queue policy"},
    {0},
};
static const struct message batching_message = {"dynamic_batching", batching_rules};

void settings_batching(struct reader *reader, const struct field *field, void *out)
{
    reader->settings->has_batching = true;
    settings_message(reader, &batching_message, field, out);
}

/* --- instance_group, optimization, parameters ------------------------------------------------------------------------- */

struct group {
    uint64_t count;
    int kind;
};

static void read_group_count(struct reader *reader, const struct field *field, void *out)
{
    (void)settings_count(reader, field, 1024, &((struct group *)out)->count);
}

static void read_group_kind(struct reader *reader, const struct field *field, void *out)
{
    static const char *const kinds[] = {"KIND_AUTO", "KIND_CPU", "KIND_GPU", "KIND_MODEL", NULL};
    ((struct group *)out)->kind = settings_choice(reader, field, kinds);
}

#define ONE_DEVICE "ONNX Runtime's first device of the kind is taken"

static const struct rule group_rules[] = {
    {.name = "name", .ignored = "instances have no names"},
    {.name = "count", .read = read_group_count},
    {.name = "kind", .read = read_group_kind},
    {.name = "gpus", .ignored = ONE_DEVICE},
    {.name = "secondary_devices", .ignored = ONE_DEVICE},
    {.name = "profile", .ignored = "it is TensorRT's"},
    {.name = "passive", .read = settings_refuse_true},
    {.name = "host_policy", .ignored = "executors are the server's"},
    {.name = "rate_limiter", .ignored = "an executor that is free takes what waits"},
    {0},
};
static const struct message group_message = {"instance_group", group_rules};

void settings_group(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    struct group group = {.count = 1};
    settings_message(reader, &group_message, field, &group);
    settings->instances = MIN(settings->instances + group.count, 1024);
    settings->wants_gpu |= group.kind == 2;
}

/* What the ONNX Runtime backend calls -1, 0 and 1 (its README). */
static void read_level_of_graph(struct reader *reader, const struct field *field, void *out)
{
    static const char *const levels[] = {"-1", "0", "1", NULL};
    static const uint32_t meanings[] = {MODEL_OPTIMIZE_BASIC, MODEL_OPTIMIZE_ALL, MODEL_OPTIMIZE_EXTENDED};
    struct model_settings *settings = out;
    int level = settings_choice(reader, field, levels);
    settings->has_optimization |= level >= 0;
    settings->optimization = level >= 0 ? meanings[level] : 0;
}

static void read_accelerator_name(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, out);
}

static const struct message accelerator_message = {
    "execution_accelerator",
    (const struct rule[]){{.name = "name", .read = read_accelerator_name},
                          {.name = "parameters", .ignored = "accelerators run with their defaults"},
                          {0}}};

static void read_accelerator(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    struct slice name = {NULL, 0};
    settings_message(reader, &accelerator_message, field, &name);
    if (name.len && settings->accelerator_count < ARRAY_LEN(settings->accelerators))
        settings->accelerators[settings->accelerator_count++] = name;
}

static const struct message graph_message = {
    "optimization.graph", (const struct rule[]){{.name = "level", .read = read_level_of_graph}, {0}}};
static const struct message accelerators_message = {
    "execution_accelerators", (const struct rule[]){{.name = "gpu_execution_accelerator", .read = read_accelerator},
                                                    {.name = "cpu_execution_accelerator", .read = read_accelerator},
                                                    {0}}};

static void read_graph(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &graph_message, field, out);
}

static void read_accelerators(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &accelerators_message, field, out);
}

#define NO_PINNING "tensors are used where they are"

static const struct rule optimization_rules[] = {
    {.name = "graph", .read = read_graph},
    {.name = "execution_accelerators", .read = read_accelerators},
    {.name = "priority", .ignored = "models share the executors by what waits"},
    {.name = "cuda", .ignored = "it is TensorRT's"},
    {.name = "input_pinned_memory", .ignored = NO_PINNING},
    {.name = "output_pinned_memory", .ignored = NO_PINNING},
    {.name = "gather_kernel_buffer_threshold", .ignored = NO_PINNING},
    {.name = "eager_batching", .ignored = "a batch is gathered when it is run"},
    {0},
};
static const struct message optimization_message = {"optimization", optimization_rules};

void settings_optimization(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &optimization_message, field, out);
}

struct parameter {
    struct slice key;
    struct slice value;
};

static void read_parameter_key(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, &((struct parameter *)out)->key);
}

static void read_parameter_text(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, &((struct parameter *)out)->value);
}

static const struct message value_message = {
    "the value of a parameter", (const struct rule[]){{.name = "string_value", .read = read_parameter_text}, {0}}};

static void read_parameter_value(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &value_message, field, out);
}

static const struct message parameter_message = {"parameters",
                                                 (const struct rule[]){{.name = "key", .read = read_parameter_key},
                                                                       {.name = "value", .read = read_parameter_value},
                                                                       {0}}};

void settings_parameter(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    struct parameter parameter = {0};
    settings_message(reader, &parameter_message, field, &parameter);
    if (!slice_is(parameter.key, "intra_op_thread_count")) {
        settings_note(reader, false, field->place,
                      "parameter \"" SLICE_FMT "\" has no effect: weir knows intra_op_thread_count",
                      SLICE_ARG(slice_first(parameter.key, 64)));
        return;
    }
    if (text_parse_u64(parameter.value, &settings->threads) != ERR_OK || settings->threads > 256)
        settings_note(reader, true, field->place, "intra_op_thread_count takes a number from 0 to 256 as a text");
}
