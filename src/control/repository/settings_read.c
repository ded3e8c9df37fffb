/* SPDX-License-Identifier: Apache-2.0 */
/* A config.pbtxt field by field: a table of rules for each message, as in Triton's model_config.proto. */
#include "control/repository/settings_int.h"

#define NAMES_MAX 48
#define WORDS_MAX 512
#define COUNT_MAX 65536

void settings_note(struct reader *reader, bool is_error, struct report_place place, const char *format, ...)
{
    char memory[WORDS_MAX];
    struct text words = text_init(memory, sizeof memory);
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&words, format, arguments);
    va_end(arguments);
    reader->has_fault |= is_error;
    if (reader->source->note)
        reader->source->note(reader->source->context, is_error, place, memory);
}

static void say_unknown(struct reader *reader, const struct message *message, const struct field *field)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (const struct rule *rule = message->rules; rule->name && count < NAMES_MAX; rule++)
        names[count++] = rule->name;
    struct slice shown = slice_first(field->name, 64);
    const char *nearest = text_nearest(shown, names, count);
    settings_note(reader, true, field->name_place, "%s has no field \"" SLICE_FMT "\"%s%s%s", message->name,
                  SLICE_ARG(shown), nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static void read_field(struct reader *reader, const struct message *message, const struct field *field, void *out)
{
    const struct rule *rule = message->rules;
    while (rule->name && !slice_is(field->name, rule->name))
        rule++;
    if (!rule->name)
        say_unknown(reader, message, field);
    else if (rule->refused)
        settings_note(reader, true, field->name_place, "%s: %s", rule->name, rule->refused);
    else if (rule->ignored)
        settings_note(reader, false, field->name_place, "%s has no effect: %s", rule->name, rule->ignored);
    else
        rule->read(reader, field, out);
}

void settings_message(struct reader *reader, const struct message *message, const struct field *field, void *out)
{
    if (field->kind != FIELD_MESSAGE) {
        settings_note(reader, true, field->place, "\"" SLICE_FMT "\" is a message, in \"{\" and \"}\"",
                      SLICE_ARG(field->name));
        return;
    }
    for (const struct field *child = field->first; child; child = child->next)
        read_field(reader, message, child, out);
}

/* --- scalars --------------------------------------------------------------------------------------------------------- */

void settings_refuse(struct reader *reader, const struct field *field, const char *expected)
{
    struct slice shown = slice_first(field->text, 40);
    settings_note(reader, true, field->place, "\"" SLICE_FMT "\" takes %s, found %s" SLICE_FMT "%s",
                  SLICE_ARG(field->name), expected, field->kind == FIELD_TEXT ? "the text \"" : "",
                  SLICE_ARG(field->kind == FIELD_MESSAGE ? SLICE_LIT("a message") : shown),
                  field->kind == FIELD_TEXT ? "\"" : "");
}

/* In JSON, numbers of 64 bits are texts. */
static bool is_number(const struct reader *reader, const struct field *field)
{
    return field->kind == FIELD_WORD || (field->kind == FIELD_TEXT && reader->source->is_json);
}

bool settings_count(struct reader *reader, const struct field *field, uint64_t max, uint64_t *ret_value)
{
    char expected[64];
    struct text words = text_init(expected, sizeof expected);
    uint64_t value;
    text_printf(&words, "a whole number from 0 to %llu", (unsigned long long)max);
    if (!is_number(reader, field) || text_parse_u64(field->text, &value) != ERR_OK || value > max) {
        settings_refuse(reader, field, expected);
        return false;
    }
    *ret_value = value;
    return true;
}

bool settings_dim(struct reader *reader, const struct field *field, int64_t *ret_dim)
{
    uint64_t value;
    if (is_number(reader, field) && slice_is(field->text, "-1")) {
        *ret_dim = TENSOR_DIM_ANY;
        return true;
    }
    if (!is_number(reader, field) || text_parse_u64(field->text, &value) != ERR_OK || value > INT32_MAX) {
        settings_refuse(reader, field, "sizes, or -1 for any");
        return false;
    }
    *ret_dim = (int64_t)value;
    return true;
}

void settings_text(struct reader *reader, const struct field *field, struct slice *text)
{
    if (field->kind != FIELD_TEXT || slice_find(field->text, '\0') < field->text.len)
        settings_refuse(reader, field, "a text in quotes");
    else
        *text = field->text;
}

void settings_file(struct reader *reader, const struct field *field, const char *expected, struct slice *name)
{
    struct slice text = SLICE_LIT("");
    settings_text(reader, field, &text);
    if (text.len && (text.ptr[0] == '.' || slice_find(text, '/') < text.len))
        settings_refuse(reader, field, expected);
    else
        *name = text;
}

bool settings_bool(struct reader *reader, const struct field *field)
{
    bool is_true = slice_is(field->text, "true") || slice_is(field->text, "True") || slice_is(field->text, "t") ||
                   slice_is(field->text, "1");
    bool is_false = slice_is(field->text, "false") || slice_is(field->text, "False") || slice_is(field->text, "f") ||
                    slice_is(field->text, "0");
    if (field->kind != FIELD_WORD || (!is_true && !is_false))
        settings_refuse(reader, field, "true or false");
    return is_true;
}

/* The index of the name, or -1. JSON has names of enums as texts. */
int settings_choice(struct reader *reader, const struct field *field, const char *const *names)
{
    char memory[WORDS_MAX / 2];
    struct text list = text_init(memory, sizeof memory);
    for (int i = 0; names[i]; i++) {
        if (is_number(reader, field) && slice_is(field->text, names[i]))
            return i;
        text_printf(&list, "%s%s", i ? ", " : "one of ", names[i]);
    }
    settings_refuse(reader, field, memory);
    return -1;
}

enum tensor_type settings_type(struct reader *reader, const struct field *field)
{
    static const char prefix[] = "TYPE_";
    struct slice name = is_number(reader, field) && slice_starts(field->text, SLICE_LIT("TYPE_"))
                            ? slice_skip(field->text, sizeof prefix - 1)
                            : (struct slice){NULL, 0};
    if (slice_is(name, "STRING"))
        return TENSOR_BYTES;
    for (int type = TENSOR_BOOL; type < TENSOR_BYTES; type++)
        if (slice_is(name, tensor_type_name((enum tensor_type)type)))
            return (enum tensor_type)type;
    settings_refuse(reader, field, "a type such as TYPE_FP32, TYPE_INT64 or TYPE_STRING");
    return TENSOR_NONE;
}

void settings_refuse_true(struct reader *reader, const struct field *field, void *out)
{
    (void)out;
    if (settings_bool(reader, field))
        settings_note(reader, true, field->place, "\"" SLICE_FMT "\" cannot be true here", SLICE_ARG(field->name));
}

/* --- version_policy -------------------------------------------------------------------------------------------------- */

static void read_num_versions(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    if (settings_count(reader, field, COUNT_MAX, &settings->latest_count) && settings->latest_count == 0)
        settings_refuse(reader, field, "at least 1");
}

static void read_versions(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    uint64_t version;
    if (!settings_count(reader, field, INT64_MAX, &version))
        return;
    /* As long as a power of two is full it is doubled. */
    uint32_t count = settings->version_count;
    if ((count & (count - 1)) == 0) {
        uint64_t *versions = arena_alloc_array(reader->source->arena, count ? 2 * (size_t)count : 1, sizeof *versions);
        reader->is_cut |= !versions;
        if (!versions)
            return;
        if (count)
            memcpy(versions, settings->versions, count * sizeof *versions);
        settings->versions = versions;
    }
    settings->versions[settings->version_count++] = version;
}

static const struct message latest_message = {
    "version_policy.latest", (const struct rule[]){{.name = "num_versions", .read = read_num_versions}, {0}}};
static const struct message all_message = {"version_policy.all", (const struct rule[]){{0}}};
static const struct message specific_message = {
    "version_policy.specific", (const struct rule[]){{.name = "versions", .read = read_versions}, {0}}};

static void read_latest(struct reader *reader, const struct field *field, void *out)
{
    reader->settings->policy = VERSIONS_LATEST;
    reader->settings->latest_count = 1;
    settings_message(reader, &latest_message, field, out);
}

static void read_all(struct reader *reader, const struct field *field, void *out)
{
    reader->settings->policy = VERSIONS_ALL;
    settings_message(reader, &all_message, field, out);
}

static void read_specific(struct reader *reader, const struct field *field, void *out)
{
    reader->settings->policy = VERSIONS_SPECIFIC;
    settings_message(reader, &specific_message, field, out);
}

static const struct message policy_message = {"version_policy",
                                              (const struct rule[]){{.name = "latest", .read = read_latest},
                                                                    {.name = "all", .read = read_all},
                                                                    {.name = "specific", .read = read_specific},
                                                                    {0}}};

static void read_policy(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &policy_message, field, out);
}

/* --- the whole ------------------------------------------------------------------------------------------------------- */

static void read_name(struct reader *reader, const struct field *field, void *out)
{
    settings_text(reader, field, &((struct model_settings *)out)->name);
}

static void read_platform(struct reader *reader, const struct field *field, void *out)
{
    static const char *const own[] = {"onnxruntime_onnx", "onnxruntime", "onnx"};
    struct slice name = SLICE_LIT("");
    (void)out;
    settings_text(reader, field, &name);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (slice_is(name, own[i]))
            return;
    if (name.len)
        settings_note(
            reader, true, field->place,
            "weir runs models of ONNX (platform \"onnxruntime_onnx\", backend \"onnxruntime\"), not of \"" SLICE_FMT
            "\"",
            SLICE_ARG(slice_first(name, 64)));
}

static void read_file(struct reader *reader, const struct field *field, void *out)
{
    settings_file(reader, field, "the name of a file in the folder of a version",
                  &((struct model_settings *)out)->file);
}

static void read_batch_max(struct reader *reader, const struct field *field, void *out)
{
    struct model_settings *settings = out;
    settings->has_batch_max = settings_count(reader, field, INT32_MAX, &settings->batch_max);
}

static void read_enable(struct reader *reader, const struct field *field, void *out)
{
    ((struct model_settings *)out)->has_cache = settings_bool(reader, field);
}

static const struct message cache_message = {"response_cache",
                                             (const struct rule[]){{.name = "enable", .read = read_enable}, {0}}};
static const struct message transaction_message = {
    "model_transaction_policy", (const struct rule[]){{.name = "decoupled", .read = settings_refuse_true}, {0}}};

static void read_cache(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &cache_message, field, out);
}

static void read_transaction(struct reader *reader, const struct field *field, void *out)
{
    settings_message(reader, &transaction_message, field, out);
}

static const struct rule model_rules[] = {
    {.name = "name", .read = read_name},
    {.name = "platform", .read = read_platform},
    {.name = "backend", .read = read_platform},
    {.name = "runtime", .ignored = "there is one"},
    {.name = "version_policy", .read = read_policy},
    {.name = "max_batch_size", .read = read_batch_max},
    {.name = "input", .read = settings_input},
    {.name = "output", .read = settings_output},
    {.name = "batch_input", .refused = "models with inputs that tell about the batch are not served"},
    {.name = "batch_output", .refused = "models with outputs that tell about the batch are not served"},
    {.name = "optimization", .read = settings_optimization},
    {.name = "dynamic_batching", .read = settings_batching},
    {.name = "sequence_batching", .read = settings_sequence},
    {.name = "ensemble_scheduling",
     .refused = "an ensemble is no model here; write it as a pipeline in weir's configuration"},
    {.name = "instance_group", .read = settings_group},
    {.name = "default_model_filename", .read = read_file},
    {.name = "cc_model_filenames", .ignored = "the file is the same for every device"},
    {.name = "metric_tags", .ignored = "metrics name the model and its version"},
    {.name = "parameters", .read = settings_parameter},
    {.name = "model_warmup", .read = settings_warm_up},
    {.name = "model_operations", .refused = "libraries of operators are not loaded for a model"},
    {.name = "model_transaction_policy", .read = read_transaction},
    {.name = "model_repository_agents", .refused = "models are taken as they lie in the folder"},
    {.name = "response_cache", .read = read_cache},
    {.name = "model_metrics", .ignored = "histograms are weir's own"},
    {0},
};
static const struct message model_message = {"ModelConfig", model_rules};

/* Which fields are maps, for JSON. */
static const char *const map_names[] = {"parameters", "inputs", "metric_tags", "cc_model_filenames", NULL};

static enum err parse(struct reader *reader, const struct field **ret_root)
{
    char memory[WORDS_MAX];
    struct text words = text_init(memory, sizeof memory);
    struct field_fault fault = {.words = &words};
    const struct settings_source *source = reader->source;
    enum err err = source->is_json ? text_format_of_json(source->text, map_names, source->arena, &fault, ret_root)
                                   : text_format_parse(source->text, source->arena, &fault, ret_root);
    if (err == ERR_LIMIT)
        text_printf(&words, "a configuration has at most %d MiB, and is not nested deeper than %d",
                    TEXT_FORMAT_BYTES_MAX >> 20, TEXT_FORMAT_DEPTH_MAX);
    if (err != ERR_OK && err != ERR_NOMEM)
        settings_note(reader, true, fault.place, "%s", memory);
    return err == ERR_OK || err == ERR_NOMEM ? err : ERR_INVALID;
}

enum err model_settings_read(const struct settings_source *source, struct model_settings *ret_settings)
{
    struct model_settings settings = {0};
    struct reader reader = {.source = source, .settings = &settings};
    const struct field *root;
    TRY(parse(&reader, &root));
    settings_message(&reader, &model_message, root, &settings);
    settings_warm_up_end(&settings);
    if (reader.is_cut)
        return ERR_NOMEM;
    if (reader.has_fault)
        return ERR_INVALID;
    *ret_settings = settings;
    return ERR_OK;
}
