/* SPDX-License-Identifier: Apache-2.0 */
/* weir knee: how latency grows with the rate of requests, for each length of the batch window, and where it takes off.
 *
 * For each window the most that the server answers is found first, in closed loop; then the rates are shares of that, in open
 * loop, each for some seconds. What comes of it is rows (CSV), a picture (SVG), the knee with its confidence (fit.h), and beside
 * it what the cost model says: a batch of n rows takes a n + b, so that n / (a n + b) rows a second are the most there can be. */
#include "cmd/knee/chart.h"
#include "cmd/knee/server.h"
#include "cmd/knee/target.h"
#include "cmd/options.h"
#include "lib/json/number.h"
#include "lib/sys/clock.h"
#include "lib/sys/file.h"
#include "lib/sys/signals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define WINDOWS_MAX     8
#define MEMORY_MAX      ((size_t)1 << 30)
#define BLOCK_BYTES     65536
#define PROBE_SHARE     1.0 /* of the seconds of a measurement: a batch of a slow model takes a while */
#define RATE_LOWEST     0.1 /* share of the most there can be; the highest is RATE_HIGHEST */
#define RATE_HIGHEST    1.3
#define MEASURE_SECONDS 3.0
#define WARM_SHARE      0.2

enum flag {
    FLAG_MODEL,
    FLAG_WINDOWS,
    FLAG_RATES,
    FLAG_STEPS,
    FLAG_SECONDS,
    FLAG_SHAPE,
    FLAG_BATCH,
    FLAG_EXECUTORS,
    FLAG_CONNECTIONS,
    FLAG_TOKEN,
    FLAG_JSON,
    FLAG_CSV,
    FLAG_SVG,
    FLAG_SEED,
    FLAG_VERBOSE,
    FLAG_COUNT,
};

static const struct cmd_flag flags[] = {
    [FLAG_MODEL] = {"model", 'm', "NAME", "the model, at a server that runs already"},
    [FLAG_WINDOWS] = {"windows", 'w', "MS,MS,…",
                      "batch windows to try, in a server of our own (0,1,5); auto: the scheduler's"},
    [FLAG_RATES] = {"rates", 'r', "N,N,…", "requests a second, instead of shares of the most there can be"},
    [FLAG_STEPS] = {"steps", 0, "N", "how many rates, if they are not given (12)"},
    [FLAG_SECONDS] = {"seconds", 's', "S", "how long each rate is measured (3)"},
    [FLAG_SHAPE] = {"shape", 0, "NAME=N,N,…", "sizes of an input, such as x=1,3,48,192; may be repeated"},
    [FLAG_BATCH] = {"batch", 'b', "N", "most rows of a batch (32): of a server of our own, and for the prediction"},
    [FLAG_EXECUTORS] = {"executors", 'e', "N", "executors of a server of our own, and for the prediction (1)"},
    [FLAG_CONNECTIONS] = {"connections", 'c', "N", "connections (128)"},
    [FLAG_TOKEN] = {"token", 0, "TOKEN", "sent as Authorization: Bearer"},
    [FLAG_JSON] = {"json-tensors", 0, NULL, "tensors as JSON, even where the server takes them in binary"},
    [FLAG_CSV] = {"csv", 0, "FILE", "where the rows go (knee.csv)"},
    [FLAG_SVG] = {"svg", 0, "FILE", "where the picture goes (knee.svg)"},
    [FLAG_SEED] = {"seed", 0, "N", "of the arrivals and of the bootstrap (1)"},
    [FLAG_VERBOSE] = {"verbose", 'v', NULL, "lets a server of our own speak"},
};

/* What those take that not every text will do for. */
static const char *const wants[FLAG_COUNT] = {
    [FLAG_MODEL] = "a name",
    [FLAG_WINDOWS] = "up to 8 whole numbers of milliseconds, such as 0,1,5, or auto",
    [FLAG_RATES] = "5 to 64 numbers, such as 100,200,400,800,1600",
    [FLAG_STEPS] = "a whole number from 5 to 64",
    [FLAG_SECONDS] = "a number from 0.1 to 600",
    [FLAG_SHAPE] = "a name and whole numbers, such as x=1,3,48,192",
    [FLAG_BATCH] = "a whole number from 1 to 4096",
    [FLAG_EXECUTORS] = "a whole number from 1 to 1024",
    [FLAG_CONNECTIONS] = "a whole number from 1 to 10000",
    [FLAG_SEED] = "a whole number",
};

struct sweep {
    /* What was asked for. */
    const char *where; /* an address, or the file of a model */
    const char *model;
    const char *token;
    const char *csv_path;
    const char *svg_path;
    double windows[WINDOWS_MAX];
    uint32_t window_count;
    double rates[KNEE_POINTS_MAX];
    uint32_t rate_count; /* 0: made of the most there can be */
    uint64_t steps;
    double seconds;
    struct knee_shape shapes[KNEE_SHAPES_MAX];
    uint32_t shape_count;
    uint64_t batch_max;
    uint64_t executors;
    uint64_t connections;
    uint64_t seed;
    bool is_json;
    bool is_verbose;
    bool is_own; /* the server is ours */

    /* What it works with. */
    struct pool pool;
    struct arena arena;
    struct loop signal_loop;
    struct signals signals;
    bool is_stopped;
    struct knee_server server;
    struct knee_series series[WINDOWS_MAX];
    uint32_t series_count;
    char fault_memory[1024];
    struct text fault;
};

static int run(struct sweep *sweep);
static enum err sweep_all(struct sweep *sweep);
static enum err sweep_window(struct sweep *sweep, double window_ms);
static int finish(struct sweep *sweep, enum err err);

/* --- what was asked for ------------------------------------------------------------------------------------------ */

static bool take_count(const char *value, uint64_t low, uint64_t high, uint64_t *ret_count)
{
    return text_parse_u64(slice_of_text(value), ret_count) == ERR_OK && *ret_count >= low && *ret_count <= high;
}

/* Numbers with commas between; at least one, none below 0. "auto" is -1. */
static bool take_list(const char *value, double *numbers, uint32_t count_max, uint32_t *ret_count)
{
    struct slice rest = slice_of_text(value);
    for (*ret_count = 0; rest.ptr; ++*ret_count) {
        struct slice word = slice_cut(&rest, ',');
        double *number = &numbers[*ret_count];
        if (*ret_count == count_max)
            return false;
        if (slice_is(word, "auto"))
            *number = -1;
        else if (number_parse_f64(word, number) != ERR_OK || *number < 0 || *number > 1e9)
            return false;
    }
    return *ret_count > 0;
}

static bool take_flag(struct sweep *sweep, int flag, const char *value)
{
    switch (flag) {
    case FLAG_MODEL:
        sweep->model = value;
        return value[0] != 0;
    case FLAG_WINDOWS:
        return take_list(value, sweep->windows, WINDOWS_MAX, &sweep->window_count);
    case FLAG_RATES:
        return take_list(value, sweep->rates, KNEE_POINTS_MAX, &sweep->rate_count);
    case FLAG_STEPS:
        return take_count(value, 5, KNEE_POINTS_MAX, &sweep->steps);
    case FLAG_SECONDS:
        return number_parse_f64(slice_of_text(value), &sweep->seconds) == ERR_OK && sweep->seconds >= 0.1 &&
               sweep->seconds <= 600;
    case FLAG_SHAPE:
        return sweep->shape_count < KNEE_SHAPES_MAX && knee_shape_parse(value, &sweep->shapes[sweep->shape_count++]);
    case FLAG_BATCH:
        return take_count(value, 1, 4096, &sweep->batch_max);
    case FLAG_EXECUTORS:
        return take_count(value, 1, 1024, &sweep->executors);
    case FLAG_CONNECTIONS:
        return take_count(value, 1, 10000, &sweep->connections);
    case FLAG_SEED:
        return take_count(value, 0, UINT64_MAX, &sweep->seed);
    case FLAG_TOKEN:
        sweep->token = value;
        return true;
    case FLAG_CSV:
        sweep->csv_path = value;
        return true;
    case FLAG_SVG:
        sweep->svg_path = value;
        return true;
    case FLAG_JSON:
        return sweep->is_json = true;
    default:
        return sweep->is_verbose = true;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int check(struct sweep *sweep, const struct cmd_line *line)
{
    if (line->argument_count != 1)
        return cmd_misuse("knee", "name a server, such as 127.0.0.1:8080, or a file, such as model.onnx");
    sweep->where = line->arguments[0];
    sweep->is_own = !sweep->model;
    if (!sweep->is_own && sweep->window_count)
        return cmd_misuse("knee", "the window of a server that runs already is its own; --windows is for a file");
    if (!sweep->is_own)
        sweep->windows[sweep->window_count++] = -1;
    if (!sweep->window_count) {
        sweep->windows[1] = 1;
        sweep->windows[2] = 5;
        sweep->window_count = 3;
    }
    for (uint32_t i = 0; i < sweep->window_count; i++)
        if (sweep->windows[i] != floor(sweep->windows[i]) || sweep->windows[i] > 60000)
            return cmd_misuse("knee", "a window is a whole number of milliseconds, at most 60000");
    for (uint32_t i = 0; i < sweep->rate_count; i++)
        if (sweep->rates[i] <= 0)
            return cmd_misuse("knee", "a rate is more than 0");
    qsort(sweep->rates, sweep->rate_count, sizeof sweep->rates[0], compare);
    if (sweep->rate_count && sweep->rate_count < 5)
        return cmd_misuse("knee", "a knee wants at least 5 rates");
    return CMD_DONE;
}

int cmd_knee(int argc, char **argv)
{
    static struct sweep sweep = {.csv_path = "knee.csv",
                                 .svg_path = "knee.svg",
                                 .steps = 12,
                                 .seconds = MEASURE_SECONDS,
                                 .batch_max = 32,
                                 .executors = 1,
                                 .connections = 128,
                                 .seed = 1};
    struct cmd_line line = {
        .command = "knee",
        .usage = "[FLAGS] MODEL.onnx\n[FLAGS] --model NAME ADDRESS:PORT",
        .about = "Finds where the latency of a model takes off: rates of requests rise, in open loop, for each\n"
                 "length of the batch window. A file is served by a server of its own. Ctrl-C ends it early, with\n"
                 "what there is by then.\n",
        .flags = flags,
        .flag_count = FLAG_COUNT,
    };
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        if (!take_flag(&sweep, flag, value))
            return cmd_misuse("knee", "--%s takes %s, found \"%s\"", flags[flag].name, wants[flag], value);
    if (flag == CMD_EXIT)
        return line.exit;
    int result = check(&sweep, &line);
    return result == CMD_DONE ? run(&sweep) : result;
}

/* --- the sweep --------------------------------------------------------------------------------------------------- */

static void on_signal(struct signals *signals, int number)
{
    (void)number;
    CONTAINER_OF(signals, struct sweep, signals)->is_stopped = true;
}

/* Signals are looked for between the turns of the load. */
static bool is_stopped(void *owner)
{
    struct sweep *sweep = owner;
    static uint64_t looked_ns;
    uint64_t now_ns = clock_now_ns();
    if (now_ns - looked_ns > 50 * NS_PER_MS) {
        looked_ns = now_ns;
        loop_turn(&sweep->signal_loop, 0);
    }
    return sweep->is_stopped;
}

static int run(struct sweep *sweep)
{
    static const int numbers[] = {SIGINT, SIGTERM, 0};
    signals_block(numbers);
    sweep->fault = text_init(sweep->fault_memory, sizeof sweep->fault_memory);
    sweep->signals.on_signal = on_signal;
    if (loop_init(&sweep->signal_loop) != ERR_OK)
        return cmd_fail("knee", "cannot make an event loop");
    if (signals_start(&sweep->signals, &sweep->signal_loop, numbers) != ERR_OK)
        return cmd_fail("knee", "cannot wait for signals");
    pool_init(&sweep->pool, 0, MEMORY_MAX);
    arena_init(&sweep->arena, &sweep->pool, BLOCK_BYTES, MEMORY_MAX);
    int result = finish(sweep, sweep_all(sweep));
    for (uint32_t s = 0; s < sweep->series_count; s++)
        for (uint32_t i = 0; i < sweep->series[s].count; i++)
            free((void *)(uintptr_t)sweep->series[s].points[i]);
    arena_reset(&sweep->arena);
    pool_deinit(&sweep->pool);
    signals_stop(&sweep->signals);
    loop_deinit(&sweep->signal_loop);
    return result;
}

static enum err sweep_all(struct sweep *sweep)
{
    uint64_t rates = sweep->rate_count ? sweep->rate_count : sweep->steps;
    double seconds = sweep->window_count * ((double)rates * (1 + WARM_SHARE) + 2 * PROBE_SHARE) * sweep->seconds;
    fprintf(stderr,
            "weir knee: %u windows of %llu rates, about %.0f s and as much again where the server is too slow\n",
            sweep->window_count, (unsigned long long)rates, seconds);
    for (uint32_t i = 0; i < sweep->window_count; i++)
        TRY(sweep_window(sweep, sweep->windows[i]));
    return ERR_OK;
}

static enum err load(struct sweep *sweep, const struct knee_target *target, const struct load_request *request,
                     double rate, double seconds, struct knee_load *load)
{
    /* In closed loop no more than two batches wait for each executor: the last of them would not be answered in time. */
    uint64_t asked_at_once =
        rate > 0 ? sweep->connections : MIN(sweep->connections, 2 * sweep->batch_max * sweep->executors);
    struct knee_load_options options = {
        .address = target->address,
        .host = slice_of_text(target->host),
        .request = request,
        .rate = rate,
        .warm_ns = (uint64_t)(seconds * WARM_SHARE * (double)NS_PER_S),
        .measure_ns = (uint64_t)(seconds * (double)NS_PER_S),
        .connections = (uint32_t)asked_at_once,
        .seed = sweep->seed,
        .is_stopped = is_stopped,
        .owner = sweep,
    };
    enum err err = knee_load_run(&options, &sweep->fault, load);
    if (err != ERR_OK && err != ERR_CANCELLED && !sweep->fault.len)
        text_printf(&sweep->fault, "the load failed: %s", err_text(err));
    return err;
}

/* How many rows an execution had on average between two looks at the server's counts. */
static double batch_rows(const struct knee_size *before, uint32_t before_count, const struct knee_size *after,
                         uint32_t after_count)
{
    double rows = 0, runs = 0;
    for (uint32_t i = 0; i < after_count; i++) {
        double weight = after[i].weight;
        for (uint32_t j = 0; j < before_count; j++)
            if (before[j].rows == after[i].rows)
                weight -= before[j].weight;
        rows += weight * after[i].rows;
        runs += weight;
    }
    return runs > 0 ? rows / runs : 0;
}

static void say_point(const struct knee_point *point)
{
    fprintf(stderr, "  %10.1f/s: answered %10.1f/s, mean %9.3f ms, lag p99 %6.3f ms", point->rate,
            knee_throughput(&point->load), knee_mean_seconds(&point->load) * 1e3,
            (double)histogram_quantile(&point->load.lag, 0.99) / 1e6);
    if (point->batch_rows > 0)
        fprintf(stderr, ", %.1f rows a batch", point->batch_rows);
    fputc('\n', stderr);
}

static enum err measure(struct sweep *sweep, const struct knee_target *target, const struct load_request *request,
                        double window_ms, double rate)
{
    struct knee_series *series = &sweep->series[sweep->series_count - 1];
    static struct knee_size before[KNEE_SIZES_MAX], after[KNEE_SIZES_MAX];
    uint32_t before_count = 0, after_count = 0;
    struct knee_point *point = calloc(1, sizeof *point);
    if (!point)
        return ERR_NOMEM;
    *point = (struct knee_point){.window_ms = window_ms, .rate = rate, .is_measured = true};
    bool is_counted = knee_target_sizes(target, before, &before_count) == ERR_OK;
    enum err err = load(sweep, target, request, rate, sweep->seconds, &point->load);
    if (err != ERR_OK) {
        free(point);
        return err;
    }
    if (is_counted && knee_target_sizes(target, after, &after_count) == ERR_OK)
        point->batch_rows = batch_rows(before, before_count, after, after_count);
    series->points[series->count++] = point;
    series->saturated_rate = MAX(series->saturated_rate, knee_throughput(&point->load));
    say_point(point);
    return ERR_OK;
}

/* The most that is answered, in closed loop, on all connections. */
static enum err probe(struct sweep *sweep, const struct knee_target *target, const struct load_request *request,
                      double *ret_rate)
{
    struct knee_load *probed = calloc(1, sizeof *probed);
    if (!probed)
        return ERR_NOMEM;
    enum err err = load(sweep, target, request, 0, sweep->seconds * PROBE_SHARE, probed);
    if (err == ERR_OK) {
        *ret_rate = knee_throughput(probed);
        fprintf(stderr, "  at most about %.1f/s\n", *ret_rate);
        if (*ret_rate <= 0) {
            text_printf(&sweep->fault, "nothing was answered with 200");
            err = ERR_INVALID;
        }
    }
    free(probed);
    return err;
}

static enum err sweep_rates(struct sweep *sweep, const struct knee_target *target, double window_ms)
{
    struct load_request request;
    double most = 0;
    TRY(knee_target_request(target, &request));
    if (!sweep->rate_count)
        TRY(probe(sweep, target, &request, &most));
    uint64_t count = sweep->rate_count ? sweep->rate_count : sweep->steps;
    for (uint64_t i = 0; i < count; i++) {
        double share = RATE_LOWEST + (RATE_HIGHEST - RATE_LOWEST) * (double)i / (double)(count - 1);
        TRY(measure(sweep, target, &request, window_ms, sweep->rate_count ? sweep->rates[i] : most * share));
    }
    return ERR_OK;
}

/* What the executions of this server have taken, and so the most it could do. */
static void predict(struct sweep *sweep, const struct knee_target *target, struct knee_series *series)
{
    static struct knee_size sizes[KNEE_SIZES_MAX];
    uint32_t count;
    double n = (double)sweep->batch_max;
    if (knee_target_sizes(target, sizes, &count) != ERR_OK)
        return;
    series->cost = knee_fit_cost(sizes, count);
    double ns = series->cost.is_known ? series->cost.a_ns * n + series->cost.b_ns : series->cost.b_ns;
    if (ns > 0)
        series->predicted_rate = (series->cost.is_known ? n : 1) / ns * 1e9 * (double)sweep->executors;
}

static enum err start_own(struct sweep *sweep, double window_ms, struct knee_target *target)
{
    char *path = realpath(sweep->where, NULL);
    if (!path) {
        text_printf(&sweep->fault, "%s: there is no such file", sweep->where);
        return ERR_NOT_FOUND;
    }
    struct knee_server_options options = {
        .model_path = path,
        .shapes = sweep->shapes,
        .shape_count = sweep->shape_count,
        .window_ms = window_ms,
        .batch_max = (uint32_t)sweep->batch_max,
        .workers = 1,
        .executors = (uint32_t)sweep->executors,
        .is_verbose = sweep->is_verbose,
    };
    enum err err = knee_server_start(&options, &sweep->fault, &sweep->server);
    free(path);
    if (err != ERR_OK)
        return err;
    target->address = sweep->server.address;
    target->host = sweep->server.host;
    target->model = KNEE_OWN_MODEL;
    return ERR_OK;
}

static enum err find_running(struct sweep *sweep, struct knee_target *target)
{
    struct slice text = slice_of_text(sweep->where);
    if (slice_starts(text, SLICE_LIT("http://")))
        text = slice_skip(text, sizeof "http://" - 1);
    enum err err = address_parse(text, &target->address);
    if (err != ERR_OK)
        text_printf(&sweep->fault, "%s is no address, such as 127.0.0.1:8080", sweep->where);
    target->host = text.ptr;
    target->model = sweep->model;
    return err;
}

static enum err sweep_window(struct sweep *sweep, double window_ms)
{
    struct knee_target target = {.token = sweep->token,
                                 .shapes = sweep->shapes,
                                 .shape_count = sweep->shape_count,
                                 .is_json = sweep->is_json,
                                 .arena = &sweep->arena,
                                 .fault = &sweep->fault};
    TRY(sweep->is_own ? start_own(sweep, window_ms, &target) : find_running(sweep, &target));
    if (window_ms < 0)
        fputs("window as the server has it\n", stderr);
    else
        fprintf(stderr, "window %g ms\n", window_ms);
    struct knee_series *series = &sweep->series[sweep->series_count++];
    series->window_ms = window_ms;
    enum err err = sweep_rates(sweep, &target, window_ms);
    predict(sweep, &target, series);
    if (sweep->is_own)
        knee_server_stop(&sweep->server);
    return err;
}

/* --- what came of it --------------------------------------------------------------------------------------------- */

static void print_series(const struct knee_series *series)
{
    const struct knee_fit *fit = &series->fit;
    if (series->window_ms < 0)
        printf("window as configured: ");
    else
        printf("window %g ms: ", series->window_ms);
    if (fit->is_found)
        printf(
            "knee at %.1f/s (95 %%: %.1f to %.1f); latency grows by %.2f before and %.2f behind it for a tenth of the "
            "range; the break explains %.0f %% of what one line leaves\n",
            fit->rate, fit->low, fit->high, fit->flat, fit->steep, fit->explained * 100);
    else
        printf("no knee in this range\n");
    printf("  most answered %.1f/s", series->saturated_rate);
    if (series->cost.is_known)
        printf("; T(n) = %.2f us n + %.2f us", series->cost.a_ns / 1e3, series->cost.b_ns / 1e3);
    else if (series->predicted_rate > 0)
        printf("; an execution takes %.2f us, all of one size", series->cost.b_ns / 1e3);
    if (series->predicted_rate > 0)
        printf("; predicted %.1f/s, of which the knee is %.0f %% and the most answered %.0f %%", series->predicted_rate,
               fit->is_found ? fit->rate / series->predicted_rate * 100 : 0,
               series->saturated_rate / series->predicted_rate * 100);
    putchar('\n');
}

static enum err write_file(struct sweep *sweep, const struct knee_chart *chart, const char *path,
                           void (*write)(const struct knee_chart *chart, struct buffer *out))
{
    struct buffer out = buffer_in_arena(&sweep->arena, BLOCK_BYTES);
    struct slice text;
    write(chart, &out);
    enum err err = buffer_finish(&out, &text);
    if (err == ERR_OK)
        err = file_write_atomic(path, 0644, text);
    if (err != ERR_OK)
        text_printf(&sweep->fault, "%s: %s", path, err_text(err));
    return err;
}

static enum err write_files(struct sweep *sweep)
{
    const char *name = sweep->is_own ? sweep->where : sweep->model;
    const char *base = strrchr(name, '/');
    struct knee_chart chart = {
        .title = base ? base + 1 : name, .series = sweep->series, .series_count = sweep->series_count};
    TRY(write_file(sweep, &chart, sweep->csv_path, knee_write_csv));
    TRY(write_file(sweep, &chart, sweep->svg_path, knee_write_svg));
    printf("rows in %s, picture in %s\n", sweep->csv_path, sweep->svg_path);
    return ERR_OK;
}

/* Also of a sweep that was ended: what there is by then. */
static int finish(struct sweep *sweep, enum err err)
{
    uint32_t measured = 0;
    for (uint32_t i = 0; i < sweep->series_count; i++) {
        struct knee_series *series = &sweep->series[i];
        measured += series->count;
        knee_fit(series->points, series->count, sweep->seed, &series->fit);
        if (series->count)
            print_series(series);
    }
    if (measured && write_files(sweep) != ERR_OK)
        return cmd_fail("knee", "%s", sweep->fault.ptr);
    if (err == ERR_CANCELLED)
        return cmd_fail("knee", "ended early, with %u measurements", measured);
    if (err != ERR_OK)
        return cmd_fail("knee", "%s%s", sweep->fault.len ? sweep->fault.ptr : err_text(err),
                        sweep->is_own && !sweep->is_verbose ? " (--verbose shows what the server says)" : "");
    return cmd_finish(CMD_DONE);
}
