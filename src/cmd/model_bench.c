/* SPDX-License-Identifier: Apache-2.0 */
/* weir model bench: what a run costs by its rows, and what follows from it.
 *
 * Batches go the way that those of requests go: rows of as many runs are gathered, run, scattered. Sizes take turns, so that what
 * else the machine does falls on all of them alike; and where all work is done by this thread, its processor time is what counts.
 * T(n) = a n + b is fitted to the medians by least squares; a size weighs as the
 * inverse square of its time, since errors of time measurement grow with what is measured. */
#include "cmd/model_job.h"

#include "lib/json/number.h"
#include "lib/json/writer.h"
#include "lib/sys/clock.h"
#include "lib/sys/loop.h"
#include "lib/sys/signals.h"
#include "lib/sys/thread.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROWS_MAX    1024
#define SAMPLES_MAX 2048 /* of a size; the latest */
#define ROUNDS_MIN  5
#define SECONDS_MAX 600.0
#define BETTER      1.03 /* by how much a smaller size must be faster to be worth a word */
#define TELL_NS     200000000ULL

enum flag { FLAG_JSON, FLAG_MAX, FLAG_ONNXRUNTIME, FLAG_SECONDS, FLAG_THREADS, FLAG_WARM_UP, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    [FLAG_JSON] = {"json", 0, NULL, "one JSON object on standard output"},
    [FLAG_MAX] = {"max", 'm', "ROWS", "the largest batch (32)"},
    [FLAG_ONNXRUNTIME] = {"onnxruntime", 0, "PATH",
                          "the libonnxruntime.so to use, as `onnxruntime:` in a configuration"},
    [FLAG_SECONDS] = {"seconds", 's', "S", "how long to measure (5); loading comes on top, and at most as long again"},
    [FLAG_THREADS] = {"threads", 't', "N", "threads inside a run (1)"},
    [FLAG_WARM_UP] = {"warm-up", 0, "NAME=N,N,…", "sizes to run an input at, such as x=1,3,48,192; may be repeated"},
};

/* A number of rows and how long runs of it took. */
struct size {
    uint32_t rows;
    uint32_t count; /* all that were measured */
    double samples_ns[SAMPLES_MAX];
    double gather_ns, run_ns, scatter_ns; /* sums */
    double low_ns, median_ns, high_ns;    /* 10th, 50th and 90th percentile */
};

struct fit {
    double a_ns, a_error_ns; /* standard errors */
    double b_ns, b_error_ns;
    double r2;
    bool is_known;
};

struct bench {
    struct model_job job;
    const char *path;
    double seconds;
    bool is_json;
    bool is_stopped;
    bool is_processor_time;
    uint64_t clock_ns; /* what asking for it costs */
    struct model *model;
    struct run *runs[ROWS_MAX];
    struct size *sizes;
    uint32_t size_count;
    struct fit fit;
    struct loop loop;
    struct signals signals;
    struct text notices;
    char notices_memory[2048];
};

static int read_flag(struct bench *bench, int flag, const char *value);
static int run(struct bench *bench, const char *library);

int model_command_bench(int argc, char **argv)
{
    static struct bench bench = {.seconds = 5, .job.config.batch = {.max = 32, .tolerance = 1e-4}};
    struct cmd_line line = {
        .command = "model bench",
        .usage =
            "[--max ROWS] [--seconds S] [--threads N] [--json] [--onnxruntime PATH] [--warm-up NAME=N,N,…] FILE.onnx",
        .about = "Measures the cost of runs by their rows, on made-up values: opening, first run, and batches of\n"
                 "1, 2, 4 and so on rows as the server forms them. Fits T(n) = a n + b and says how many rows a\n"
                 "second follow. Ctrl-C ends it early with what there is.\n",
        .flags = flags,
        .flag_count = ARRAY_LEN(flags),
    };
    const char *library = "";
    const char *value;
    int flag;
    int result = CMD_DONE;
    cmd_begin(&line, argc, argv);
    while (result == CMD_DONE && (flag = cmd_next(&line, &value)) >= 0) {
        library = flag == FLAG_ONNXRUNTIME ? value : library;
        result = read_flag(&bench, flag, value);
    }
    if (result != CMD_DONE)
        return result;
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count != 1)
        return cmd_misuse("model bench",
                          line.argument_count ? "unexpected argument \"%s\"" : "name a file, such as model.onnx",
                          line.argument_count ? line.arguments[1] : "");
    bench.path = line.arguments[0];
    uint64_t threads = bench.job.config.threads;
    model_job_name(&bench.job, bench.path);
    bench.job.config.threads = threads ? threads : 1;
    bench.job.config.queue = ROWS_MAX;
    return run(&bench, library);
}

static int read_flag(struct bench *bench, int flag, const char *value)
{
    struct model_config *config = &bench->job.config;
    bench->is_json |= flag == FLAG_JSON;
    if (flag == FLAG_WARM_UP && !model_job_shape(&bench->job, value))
        return cmd_misuse("model bench", "--warm-up %s: expected a name and sizes, such as x=1,3,48,192", value);
    if (flag == FLAG_MAX && (text_parse_u64(slice_of_text(value), &config->batch.max) != ERR_OK ||
                             config->batch.max < 1 || config->batch.max > ROWS_MAX))
        return cmd_misuse("model bench", "--max takes a number up to %d, found \"%s\"", ROWS_MAX, value);
    if (flag == FLAG_THREADS && (text_parse_u64(slice_of_text(value), &config->threads) != ERR_OK ||
                                 config->threads < 1 || config->threads > 256))
        return cmd_misuse("model bench", "--threads takes a number up to 256, found \"%s\"", value);
    if (flag == FLAG_SECONDS && (number_parse_f64(slice_of_text(value), &bench->seconds) != ERR_OK ||
                                 bench->seconds <= 0 || bench->seconds > SECONDS_MAX))
        return cmd_misuse("model bench", "--seconds takes a number up to %.0f, found \"%s\"", SECONDS_MAX, value);
    return CMD_DONE;
}

/* --- Measuring ------------------------------------------------------------------------------------------------------ */

static void on_signal(struct signals *signals, int number);
static int load_and_measure(struct bench *bench, const char *library);
static uint64_t cost_of_clock(void);
static enum err make_runs(struct bench *bench);
static enum err measure(struct bench *bench);
static enum err measure_once(struct bench *bench, struct size *size);
static void tell(const struct bench *bench, uint64_t begin_ns);
static void sum_up(struct size *size);
static void fit_line(struct bench *bench);
static void print_text(const struct bench *bench);
static void write_bench(struct json_writer *out, const void *what);

static int run(struct bench *bench, const char *library)
{
    static const int numbers[] = {SIGINT, SIGTERM, 0};
    signals_block(numbers);
    bench->notices = text_init(bench->notices_memory, sizeof(bench->notices_memory));
    bench->signals.on_signal = on_signal;
    if (loop_init(&bench->loop) != ERR_OK || signals_start(&bench->signals, &bench->loop, numbers) != ERR_OK)
        return cmd_fail("model bench", "cannot make an event loop");
    int result = load_and_measure(bench, library);
    for (uint32_t i = 0; i < ROWS_MAX; i++)
        run_release(bench->runs[i]);
    model_unref(bench->model);
    free(bench->sizes);
    signals_stop(&bench->signals);
    loop_deinit(&bench->loop);
    return cmd_finish(result);
}

static void on_signal(struct signals *signals, int number)
{
    (void)number;
    CONTAINER_OF(signals, struct bench, signals)->is_stopped = true;
}

static int load_and_measure(struct bench *bench, const char *library)
{
    char memory[4096];
    struct text fault = text_init(memory, sizeof(memory));
    struct model_load_options options = {.config = &bench->job.config,
                                         .library = slice_of_text(library),
                                         .worker_count = 1,
                                         .fault = &fault,
                                         .notices = &bench->notices};
    bench->job.config.batch.trial_time_ns = (uint64_t)(bench->seconds * 1e9);
    enum err err = model_load(&options, &bench->model);
    if (err != ERR_OK)
        return cmd_fail("model bench", "%s", fault.len ? memory : err_text(err));
    fprintf(stderr, "%s", bench->notices_memory);
    if (!model_info(bench->model)->warm_run_ns)
        return cmd_fail("model bench", "%s: nothing to measure; give sizes that it runs with by --warm-up",
                        bench->path);
    bench->is_processor_time = bench->job.config.threads == 1 && slice_is(model_info(bench->model)->provider, "cpu");
    bench->clock_ns = cost_of_clock();
    err = make_runs(bench);
    if (err == ERR_OK)
        err = measure(bench);
    if (err != ERR_OK)
        return cmd_fail("model bench", "%s: %s", bench->path, err_text(err));
    for (uint32_t i = 0; i < bench->size_count; i++)
        sum_up(&bench->sizes[i]);
    fit_line(bench);
    if (bench->is_json)
        return model_job_print_json(write_bench, bench) == ERR_OK
                   ? CMD_DONE
                   : cmd_fail("model bench", "out of memory for the result");
    print_text(bench);
    return CMD_DONE;
}

/* The least of some tries, in nothing. */
static uint64_t cost_of_clock(void)
{
    uint64_t least_ns = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t begin_ns = clock_thread_cpu_ns();
        uint64_t ns = clock_thread_cpu_ns() - begin_ns;
        least_ns = MIN(least_ns, ns);
    }
    return least_ns;
}

static enum err make_runs(struct bench *bench)
{
    const struct batch_info *info = model_batch_info(bench->model);
    bench->size_count = MAX(info->sample_count, 1);
    bench->sizes = calloc(bench->size_count, sizeof(bench->sizes[0]));
    if (!bench->sizes)
        return ERR_NOMEM;
    bench->sizes[0].rows = 1;
    for (uint32_t i = 0; i < info->sample_count; i++) {
        if (info->samples[i].rows > info->rows_max) {
            bench->size_count = i; /* of a model that turned out not to be batchable */
            break;
        }
        bench->sizes[i].rows = info->samples[i].rows;
    }
    for (uint32_t i = 0; i < bench->sizes[bench->size_count - 1].rows; i++) {
        TRY(run_acquire(bench->model, 0, &bench->runs[i]));
        TRY(run_make_up(bench->runs[i], 1, i + 1));
    }
    return ERR_OK;
}

/* At least some rounds even of what takes longer than it should, unless that is twice as long. */
static enum err measure(struct bench *bench)
{
    uint64_t begin_ns = clock_now_ns();
    uint64_t end_ns = begin_ns + (uint64_t)(bench->seconds * 1e9);
    uint64_t last_ns = begin_ns + 2 * (end_ns - begin_ns);
    uint64_t told_ns = begin_ns;
    for (uint32_t round = 0; !bench->is_stopped; round++) {
        for (uint32_t i = 0; i < bench->size_count && !bench->is_stopped; i++) {
            TRY(measure_once(bench, &bench->sizes[i]));
            uint64_t now_ns = clock_now_ns();
            if (now_ns - told_ns < TELL_NS)
                continue;
            told_ns = now_ns;
            loop_turn(&bench->loop, 0);
            tell(bench, begin_ns);
        }
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= last_ns || (now_ns >= end_ns && round >= ROUNDS_MIN))
            break;
    }
    if (process_has_terminal())
        fprintf(stderr, "\r%20s\r", "");
    return ERR_OK;
}

/* The second of two: the first finds caches that another size has left. */
static enum err measure_once(struct bench *bench, struct size *size)
{
    static const _Atomic bool is_gone;
    struct batch_member members[ROWS_MAX];
    struct batch_times times;
    for (uint32_t i = 0; i < size->rows; i++)
        members[i] = (struct batch_member){.run = bench->runs[i], .is_gone = &is_gone};
    batch_execute(bench->model, 0, members, size->rows, &times);
    uint64_t begin_ns = clock_thread_cpu_ns();
    batch_execute(bench->model, 0, members, size->rows, &times);
    uint64_t ns = clock_thread_cpu_ns() - begin_ns;
    ns -= MIN(bench->clock_ns, ns - 1);
    if (!bench->is_processor_time)
        ns = times.gather_ns + times.run_ns + times.scatter_ns;
    for (uint32_t i = 0; i < size->rows; i++)
        if (members[i].err != ERR_OK)
            return members[i].err;
    size->gather_ns += (double)times.gather_ns;
    size->run_ns += (double)times.run_ns;
    size->scatter_ns += (double)times.scatter_ns;
    size->samples_ns[size->count++ % SAMPLES_MAX] = (double)ns;
    return ERR_OK;
}

static void tell(const struct bench *bench, uint64_t begin_ns)
{
    if (process_has_terminal())
        fprintf(stderr, "\r%.1f of %.0f s ", (double)(clock_now_ns() - begin_ns) / 1e9, bench->seconds);
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sum_up(struct size *size)
{
    uint32_t count = MIN(size->count, SAMPLES_MAX);
    if (count == 0)
        return;
    qsort(size->samples_ns, count, sizeof(size->samples_ns[0]), order);
    size->low_ns = size->samples_ns[count / 10];
    size->median_ns = size->samples_ns[count / 2];
    size->high_ns = size->samples_ns[count - 1 - count / 10];
    size->gather_ns /= size->count;
    size->run_ns /= size->count;
    size->scatter_ns /= size->count;
}

static void fit_line(struct bench *bench)
{
    double w = 0, wx = 0, wy = 0, wxx = 0, wxy = 0, left = 0, all = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < bench->size_count; i++) {
        const struct size *size = &bench->sizes[i];
        if (size->count == 0)
            continue;
        double x = size->rows, y = size->median_ns, weight = 1 / (y * y);
        w += weight, wx += weight * x, wy += weight * y, wxx += weight * x * x, wxy += weight * x * y;
        count++;
    }
    double spread = w * wxx - wx * wx;
    if (count < 3 || spread <= 0)
        return;
    struct fit fit = {.is_known = true, .a_ns = (w * wxy - wx * wy) / spread};
    fit.b_ns = (wy - fit.a_ns * wx) / w;
    for (uint32_t i = 0; i < bench->size_count; i++) {
        const struct size *size = &bench->sizes[i];
        if (size->count == 0)
            continue;
        double y = size->median_ns, error = y - fit.a_ns * size->rows - fit.b_ns, off = y - wy / w;
        left += error * error / (y * y);
        all += off * off / (y * y);
    }
    double variance = left / (count - 2);
    fit.a_error_ns = sqrt(variance * w / spread);
    fit.b_error_ns = sqrt(variance * wxx / spread);
    fit.r2 = all > 0 ? 1 - left / all : 0;
    bench->fit = fit;
}

static double capacity(const struct fit *fit, uint32_t rows)
{
    double ns = fit->a_ns * rows + fit->b_ns;
    return ns > 0 ? rows / ns * 1e9 : 0;
}

/* --- Text ----------------------------------------------------------------------------------------------------------- */

static void print_cold(const struct model_info *info);
static void print_sizes(const struct bench *bench);
static void print_fit(const struct bench *bench);

static void print_text(const struct bench *bench)
{
    const struct model_info *info = model_info(bench->model);
    struct slice version = runtime_version((struct slice){NULL, 0}, &(struct text){0});
    printf("%s on ONNX Runtime " SLICE_FMT ", " SLICE_FMT ", threads in a run: %llu; %s time\n", bench->path,
           SLICE_ARG(version), SLICE_ARG(info->provider), (unsigned long long)bench->job.config.threads,
           bench->is_processor_time ? "processor" : "wall");
    print_cold(info);
    print_sizes(bench);
    print_fit(bench);
}

static void print_cold(const struct model_info *info)
{
    double first = (double)info->first_run_ns, warm = (double)info->warm_run_ns;
    printf("\ncold start\n  open       %10.3f ms\n", (double)info->load_ns / 1e6);
    printf("  first run  %10.3f ms, %.1f times a warm one\n", first / 1e6, first / warm);
    printf("  warm run   %10.3f ms\n", warm / 1e6);
}

static void print_sizes(const struct bench *bench)
{
    printf("\n%5s %8s %12s %23s %8s %12s %12s\n", "rows", "runs", "median µs", "10th to 90th perc.", "copying",
           "rows/s", "an+b gives");
    for (uint32_t i = 0; i < bench->size_count; i++) {
        const struct size *size = &bench->sizes[i];
        double copying = size->gather_ns + size->scatter_ns, sum = copying + size->run_ns;
        if (size->count == 0)
            continue;
        printf("%5u %8u %11.1f  %10.1f - %10.1f %6.1f %% %12.0f", size->rows, size->count, size->median_ns / 1e3,
               size->low_ns / 1e3, size->high_ns / 1e3, copying / sum * 100, size->rows / size->median_ns * 1e9);
        if (bench->fit.is_known)
            printf(" %12.0f", capacity(&bench->fit, size->rows));
        printf("\n");
    }
}

/* More rows may cost more each: their memory no longer fits the caches. */
static void print_best(const struct bench *bench)
{
    const struct size *last = &bench->sizes[bench->size_count - 1], *best = last;
    for (uint32_t i = 0; i < bench->size_count; i++)
        if (bench->sizes[i].count && bench->sizes[i].rows / bench->sizes[i].median_ns > best->rows / best->median_ns)
            best = &bench->sizes[i];
    if (last->count && best->rows / best->median_ns > BETTER * last->rows / last->median_ns)
        printf("fastest          %.0f rows/s in batches of %u: `batch: {max: %u}`\n",
               best->rows / best->median_ns * 1e9, best->rows, best->rows);
}

static void print_fit(const struct bench *bench)
{
    const struct batch_info *info = model_batch_info(bench->model);
    const struct fit *fit = &bench->fit;
    if (info->why_single)
        printf("\nRequests run singly: %s.\n", info->why_single);
    if (!fit->is_known)
        return;
    uint32_t rows = bench->sizes[bench->size_count - 1].rows;
    double one = capacity(fit, 1), most = capacity(fit, rows);
    printf("\nT(n) = a n + b   a = %.2f ± %.2f µs a row, b = %.2f ± %.2f µs a run, R² = %.4f\n", fit->a_ns / 1e3,
           fit->a_error_ns / 1e3, fit->b_ns / 1e3, fit->b_error_ns / 1e3, fit->r2);
    printf("capacity n/T(n)  %.0f rows/s singly, %.0f in batches of %u (%.2f times), on one executor\n", one, most,
           rows, one > 0 ? most / one : 0);
    print_best(bench);
}

/* --- JSON ----------------------------------------------------------------------------------------------------------- */

static void write_text(struct json_writer *out, const char *key, struct slice value)
{
    json_write_key(out, slice_of_text(key));
    if (value.ptr)
        json_write_string(out, value);
    else
        json_write_null(out);
}

static void write_size(struct json_writer *out, const struct bench *bench, const struct size *size)
{
    json_write_object_begin(out);
    json_write_member_u64(out, "rows", size->rows);
    json_write_member_u64(out, "runs", size->count);
    json_write_member_f64(out, "median_us", size->median_ns / 1e3);
    json_write_member_f64(out, "p10_us", size->low_ns / 1e3);
    json_write_member_f64(out, "p90_us", size->high_ns / 1e3);
    json_write_member_f64(out, "gather_us", size->gather_ns / 1e3);
    json_write_member_f64(out, "run_us", size->run_ns / 1e3);
    json_write_member_f64(out, "scatter_us", size->scatter_ns / 1e3);
    json_write_member_f64(out, "rows_per_s", size->rows / size->median_ns * 1e9);
    if (bench->fit.is_known)
        json_write_member_f64(out, "rows_per_s_fitted", capacity(&bench->fit, size->rows));
    json_write_object_end(out);
}

static void write_fit(struct json_writer *out, const struct fit *fit)
{
    json_write_key(out, SLICE_LIT("fit"));
    if (!fit->is_known) {
        json_write_null(out);
        return;
    }
    json_write_object_begin(out);
    json_write_member_f64(out, "a_us", fit->a_ns / 1e3);
    json_write_member_f64(out, "a_error_us", fit->a_error_ns / 1e3);
    json_write_member_f64(out, "b_us", fit->b_ns / 1e3);
    json_write_member_f64(out, "b_error_us", fit->b_error_ns / 1e3);
    json_write_member_f64(out, "r2", fit->r2);
    json_write_object_end(out);
}

static void write_bench(struct json_writer *out, const void *what)
{
    const struct bench *bench = what;
    const struct model_info *info = model_info(bench->model);
    const struct batch_info *batch = model_batch_info(bench->model);
    json_write_object_begin(out);
    write_text(out, "file", slice_of_text(bench->path));
    write_text(out, "runtime", runtime_version((struct slice){NULL, 0}, &(struct text){0}));
    write_text(out, "provider", info->provider);
    json_write_member_u64(out, "threads", bench->job.config.threads);
    write_text(out, "time", bench->is_processor_time ? SLICE_LIT("processor") : SLICE_LIT("wall"));
    json_write_member_f64(out, "open_ms", (double)info->load_ns / 1e6);
    json_write_member_f64(out, "first_run_ms", (double)info->first_run_ns / 1e6);
    json_write_member_f64(out, "warm_run_ms", (double)info->warm_run_ns / 1e6);
    json_write_member_u64(out, "rows_max", batch->rows_max);
    write_text(out, "why_single", slice_of_text(batch->why_single));
    json_write_key(out, SLICE_LIT("sizes"));
    json_write_array_begin(out);
    for (uint32_t i = 0; i < bench->size_count; i++)
        if (bench->sizes[i].count)
            write_size(out, bench, &bench->sizes[i]);
    json_write_array_end(out);
    write_fit(out, &bench->fit);
    json_write_object_end(out);
}
