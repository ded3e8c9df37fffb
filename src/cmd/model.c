/* SPDX-License-Identifier: Apache-2.0 */
/* weir model inspect: what a model file takes and gives, whether it runs here, and how to serve it. It goes the whole
 * way that serving it would go, so what passes here loads there. */
#include "cmd/model_job.h"

#include "lib/json/writer.h"
#include "lib/sys/file.h"
#include "pipeline/model.h"
#include "pipeline/tensor_json.h"

#include <stdio.h>

enum flag { FLAG_JSON, FLAG_ONNXRUNTIME, FLAG_WARM_UP, FLAG_COUNT };

static const struct cmd_flag inspect_flags[] = {
    [FLAG_JSON] = {"json", 0, NULL, "one JSON object on standard output"},
    [FLAG_ONNXRUNTIME] = {"onnxruntime", 0, "PATH",
                          "the libonnxruntime.so to use, as `onnxruntime:` in a configuration"},
    [FLAG_WARM_UP] = {"warm-up", 0, "NAME=N,N,…", "sizes to run an input at, such as x=1,3,48,192; may be repeated"},
};

static const char usage[] = "inspect [--json] [--onnxruntime PATH] [--warm-up NAME=N,N,…] FILE.onnx\n"
                            "bench [--max ROWS] [--seconds S] [--threads N] [--json] … FILE.onnx";
#define INSPECT_USAGE "[--json] [--onnxruntime PATH] [--warm-up NAME=N,N,…] FILE.onnx"

/* All that is known of a file at the end. */
struct inspection {
    const char *path;
    struct file_status file;
    struct model_job job;
    const struct model_info *info;
    struct slice version;
    struct text providers;
    struct text notices;
    char providers_memory[512];
    char notices_memory[4096];
};

static int inspect(int argc, char **argv);
static int inspect_file(struct inspection *inspection, struct slice library, bool is_json);
static void print_text(const struct inspection *inspection);
static void write_inspection(struct json_writer *out, const void *what);

int cmd_model(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "model",
        .usage = usage,
        .about = "inspect: what an ONNX model takes and gives, and what a configuration needs to serve it.\n"
                 "bench: what its runs cost by rows, and how many rows a second it can do.\n",
    };
    const char *value;
    if (argc > 1 && slice_is(slice_of_text(argv[1]), "inspect"))
        return inspect(argc - 1, argv + 1);
    if (argc > 1 && slice_is(slice_of_text(argv[1]), "bench"))
        return model_command_bench(argc - 1, argv + 1);
    cmd_begin(&line, argc, argv);
    if (cmd_next(&line, &value) == CMD_EXIT)
        return line.exit;
    if (line.argument_count == 0)
        return cmd_misuse("model", "say what to do: inspect or bench");
    return cmd_misuse("model", "unknown command \"%s\"; there are inspect and bench", line.arguments[0]);
}

static int inspect(int argc, char **argv)
{
    static struct inspection inspection;
    struct cmd_line line = {
        .command = "model inspect",
        .usage = INSPECT_USAGE,
        .about = "Loads the model as weir serve would: names, types and sizes of its inputs and outputs, how long\n"
                 "loading and one run on zeros take, and what to write into a configuration. Open dimensions are\n"
                 "run at 1 unless --warm-up says otherwise.\n",
        .flags = inspect_flags,
        .flag_count = ARRAY_LEN(inspect_flags),
    };
    const char *values[FLAG_COUNT] = {NULL};
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0) {
        if (flag == FLAG_WARM_UP && !model_job_shape(&inspection.job, value))
            return cmd_misuse("model inspect", "--warm-up %s: expected a name and sizes, such as x=1,3,48,192", value);
        values[flag] = value ? value : "";
    }
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count == 0)
        return cmd_misuse("model inspect", "name a file, such as model.onnx");
    if (line.argument_count > 1)
        return cmd_misuse("model inspect", "unexpected argument \"%s\"", line.arguments[1]);
    inspection.path = line.arguments[0];
    model_job_name(&inspection.job, inspection.path);
    inspection.providers = text_init(inspection.providers_memory, sizeof(inspection.providers_memory));
    inspection.notices = text_init(inspection.notices_memory, sizeof(inspection.notices_memory));
    return inspect_file(&inspection, slice_of_text(values[FLAG_ONNXRUNTIME]), values[FLAG_JSON] != NULL);
}

static int inspect_file(struct inspection *inspection, struct slice library, bool is_json)
{
    char memory[4096];
    struct text fault = text_init(memory, sizeof(memory));
    struct model *model = NULL;
    enum err err = file_status(inspection->path, &inspection->file);
    if (err != ERR_OK)
        return cmd_fail("model inspect", "%s: %s", inspection->path, err_text(err));
    err = model_load(&(struct model_load_options){.config = &inspection->job.config,
                                                  .library = library,
                                                  .worker_count = 1,
                                                  .fault = &fault,
                                                  .notices = &inspection->notices},
                     &model);
    if (err != ERR_OK)
        return cmd_fail("model inspect", "%s", fault.len ? memory : err_text(err));
    inspection->info = model_info(model);
    inspection->version = runtime_version(library, &fault);
    runtime_providers(&inspection->providers);
    if (!is_json)
        print_text(inspection);
    else
        err = model_job_print_json(write_inspection, inspection);
    model_unref(model);
    return err == ERR_OK ? CMD_DONE : cmd_fail("model inspect", "out of memory for the result");
}

/* --- Text --------------------------------------------------------------------------------------------------------- */

static void print_field(const char *name, struct slice value);
static void print_specs(const char *title, const struct tensor_spec *specs, uint32_t count);
static void print_times(const struct inspection *inspection);
static void print_sample(const struct inspection *inspection);
static void print_warm_up(const struct inspection *inspection);
static uint64_t warm_size(const struct inspection *inspection, const struct tensor_spec *spec, uint32_t dim);
static void print_quoted(struct slice text);
static const struct tensor_spec *find_image(const struct model_info *info, bool *ret_is_nchw);

static void print_text(const struct inspection *inspection)
{
    const struct model_info *info = inspection->info;
    print_field("file", slice_of_text(inspection->path));
    printf("%-12s%llu bytes\n", "size", (unsigned long long)inspection->file.bytes);
    print_field("graph", info->graph);
    print_field("producer", info->producer);
    print_field("domain", info->domain);
    print_field("about", info->description);
    if (info->file_version > 0)
        printf("%-12s%lld\n", "version", (long long)info->file_version);
    print_specs("inputs", info->inputs, info->input_count);
    print_specs("outputs", info->outputs, info->output_count);
    printf("\n%-12sONNX Runtime " SLICE_FMT ", built with %s\n", "runtime", SLICE_ARG(inspection->version),
           inspection->providers_memory);
    print_field("provider", info->provider);
    print_times(inspection);
    fprintf(stderr, "%s", inspection->notices_memory);
    print_sample(inspection);
}

static void print_field(const char *name, struct slice value)
{
    if (value.len)
        printf("%-12s" SLICE_FMT "\n", name, SLICE_ARG(value));
}

/* Open dimensions by their name, or "?" where they have none. */
static void print_specs(const char *title, const struct tensor_spec *specs, uint32_t count)
{
    printf("\n%s\n", title);
    for (uint32_t i = 0; i < count; i++) {
        printf("  " SLICE_FMT "  %s [", SLICE_ARG(specs[i].name), tensor_type_name(specs[i].type));
        for (uint32_t d = 0; d < specs[i].rank; d++) {
            const char *separator = d ? ", " : "";
            if (specs[i].dims[d] != TENSOR_DIM_ANY)
                printf("%s%lld", separator, (long long)specs[i].dims[d]);
            else
                printf("%s" SLICE_FMT, separator,
                       SLICE_ARG(specs[i].symbols[d].len ? specs[i].symbols[d] : SLICE_LIT("?")));
        }
        printf("]\n");
    }
}

static void print_times(const struct inspection *inspection)
{
    const struct model_info *info = inspection->info;
    printf("%-12s%.1f ms\n", "load", (double)info->load_ns / 1e6);
    if (!info->warm_run_ns)
        return;
    printf("%-12s%.3f ms on zeros", "run", (double)info->warm_run_ns / 1e6);
    for (uint32_t i = 0; i < info->input_count; i++) {
        printf("%s" SLICE_FMT " [", i ? ", " : " of ", SLICE_ARG(info->inputs[i].name));
        for (uint32_t d = 0; d < info->inputs[i].rank; d++)
            printf("%s%llu", d ? ", " : "", (unsigned long long)warm_size(inspection, &info->inputs[i], d));
        printf("]");
    }
    printf("; warming took %.1f ms\n", (double)info->warm_up_ns / 1e6);
}

/* What the model was run at: as --warm-up says, else as the model says, else 1. */
static uint64_t warm_size(const struct inspection *inspection, const struct tensor_spec *spec, uint32_t dim)
{
    for (uint32_t i = 0; i < inspection->job.config.warm_up.count; i++)
        if (slice_equal(inspection->job.shapes[i].name, spec->name))
            return inspection->job.shapes[i].dims[dim];
    return spec->dims[dim] == TENSOR_DIM_ANY ? 1 : (uint64_t)spec->dims[dim];
}

static void print_sample(const struct inspection *inspection)
{
    bool is_nchw = false;
    const struct tensor_spec *image = find_image(inspection->info, &is_nchw);
    printf("\n# To serve it:\nmodels:\n  - name: ");
    print_quoted(inspection->job.config.name);
    printf("\n    path: ");
    print_quoted(inspection->job.config.path);
    print_warm_up(inspection);
    printf("\nroutes:\n");
    if (image) {
        uint32_t height = is_nchw ? 2 : 1;
        printf("  - match: POST /v1/images  # an image in, JSON out\n    chain:\n      - auth: {keys: keys.conf}\n"
               "      - normalize_image: {size: [%llu, %llu], layout: %s}  # width and height, as it was trained\n"
               "      - format_output\n    to: {model: ",
               (unsigned long long)warm_size(inspection, image, height + 1),
               (unsigned long long)warm_size(inspection, image, height), is_nchw ? "nchw" : "nhwc");
        print_quoted(inspection->job.config.name);
        printf("}\n");
    }
    printf("  - match: /v2  # tensors in, tensors out, by the Open Inference Protocol\n    chain:\n"
           "      - auth: {keys: keys.conf}\n    to: {endpoint: v2}\n");
}

/* Only inputs with open dimensions need sizes. */
static void print_warm_up(const struct inspection *inspection)
{
    const struct model_info *info = inspection->info;
    bool is_first = true;
    for (uint32_t i = 0; i < info->input_count; i++) {
        const struct tensor_spec *spec = &info->inputs[i];
        bool is_open = false;
        for (uint32_t d = 0; d < spec->rank; d++)
            is_open = is_open || spec->dims[d] == TENSOR_DIM_ANY;
        if (!is_open)
            continue;
        printf("%s", is_first ? "\n    warm_up: {" : ", ");
        is_first = false;
        print_quoted(spec->name);
        printf(": [");
        for (uint32_t d = 0; d < spec->rank; d++)
            printf("%s%llu", d ? ", " : "", (unsigned long long)warm_size(inspection, spec, d));
        printf("]");
    }
    if (!is_first)
        printf("}  # sizes to expect");
}

/* A JSON string is a YAML string too. */
static void print_quoted(struct slice text)
{
    char memory[8192];
    struct json_writer writer = json_writer_in_memory(memory, sizeof(memory));
    struct slice quoted = SLICE_LIT("\"\"");
    json_write_string(&writer, text);
    if (json_writer_finish(&writer, &quoted) == ERR_OK)
        printf(SLICE_FMT, SLICE_ARG(quoted));
}

/* The only input, if it looks like pictures: four dimensions, floats, and three or one channels on either place. */
static const struct tensor_spec *find_image(const struct model_info *info, bool *ret_is_nchw)
{
    const struct tensor_spec *spec = &info->inputs[0];
    if (info->input_count != 1 || spec->rank != 4 || spec->type != TENSOR_F32)
        return NULL;
    bool is_nchw = spec->dims[1] == 3 || spec->dims[1] == 1;
    if (!is_nchw && spec->dims[3] != 3 && spec->dims[3] != 1)
        return NULL;
    *ret_is_nchw = is_nchw;
    return spec;
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void write_ms(struct json_writer *out, struct slice key, uint64_t ns);
static void write_specs(struct json_writer *out, struct slice key, const struct tensor_spec *specs, uint32_t count);
static void write_parts(struct json_writer *out, struct slice key, struct slice parts, char separator);

static void write_inspection(struct json_writer *out, const void *what)
{
    const struct inspection *inspection = what;
    const struct model_info *info = inspection->info;
    json_write_object_begin(out);
    json_write_member_string(out, "file", slice_of_text(inspection->path));
    json_write_member_u64(out, "bytes", inspection->file.bytes);
    json_write_member_string(out, "graph", info->graph);
    json_write_member_string(out, "producer", info->producer);
    json_write_member_string(out, "domain", info->domain);
    json_write_member_string(out, "description", info->description);
    json_write_key(out, SLICE_LIT("version"));
    json_write_i64(out, info->file_version);
    write_specs(out, SLICE_LIT("inputs"), info->inputs, info->input_count);
    write_specs(out, SLICE_LIT("outputs"), info->outputs, info->output_count);
    json_write_member_string(out, "runtime", inspection->version);
    write_parts(out, SLICE_LIT("providers_built"), text_slice(&inspection->providers), ',');
    json_write_member_string(out, "provider", info->provider);
    write_ms(out, SLICE_LIT("load_ms"), info->load_ns);
    write_ms(out, SLICE_LIT("warm_up_ms"), info->warm_up_ns);
    write_ms(out, SLICE_LIT("run_ms"), info->warm_run_ns);
    write_parts(out, SLICE_LIT("notices"), text_slice(&inspection->notices), '\n');
    json_write_object_end(out);
}

/* null for what did not happen. */
static void write_ms(struct json_writer *out, struct slice key, uint64_t ns)
{
    json_write_key(out, key);
    if (ns)
        json_write_f64(out, (double)ns / 1e6);
    else
        json_write_null(out);
}

static void write_specs(struct json_writer *out, struct slice key, const struct tensor_spec *specs, uint32_t count)
{
    json_write_key(out, key);
    json_write_array_begin(out);
    for (uint32_t i = 0; i < count; i++) {
        json_write_object_begin(out);
        tensor_write_members(out, &specs[i], specs[i].dims, specs[i].rank);
        json_write_key(out, SLICE_LIT("symbols"));
        json_write_array_begin(out);
        for (uint32_t d = 0; d < specs[i].rank; d++)
            json_write_string(out, specs[i].symbols[d]);
        json_write_array_end(out);
        json_write_object_end(out);
    }
    json_write_array_end(out);
}

static void write_parts(struct json_writer *out, struct slice key, struct slice parts, char separator)
{
    json_write_key(out, key);
    json_write_array_begin(out);
    while (parts.len) {
        struct slice part = slice_cut(&parts, separator);
        if (part.len)
            json_write_string(out, part);
    }
    json_write_array_end(out);
}
