/* SPDX-License-Identifier: Apache-2.0 */
/* weir load: a test from flags or a plan, run here, watched until it ends, and its results. */
#include "cmd/options.h"
#include "lib/json/number.h"
#include "lib/sys/clock.h"
#include "lib/sys/cpu_quota.h"
#include "lib/sys/file.h"
#include "lib/sys/signals.h"
#include "load/plan/url.h"
#include "load/run.h"
#include "load/session.h"

#include <stdio.h>

#define HEADERS_MAX  64
#define MEMORY_MAX   ((size_t)1 << 30)
#define BODY_MAX     ((size_t)256 << 20)
#define READY_NS     (10 * NS_PER_S)
#define HEAD_START   (50 * NS_PER_MS) /* so that every thread has seen the first moment before it comes */
#define OPEN_LINKS   256
#define CLOSED_LINKS 1

enum flag {
    FLAG_CONNECTIONS,
    FLAG_DURATION,
    FLAG_RATE,
    FLAG_REQUESTS,
    FLAG_METHOD,
    FLAG_HEADER,
    FLAG_DATA,
    FLAG_BODY_FILE,
    FLAG_THREADS,
    FLAG_TIMEOUT,
    FLAG_JSON,
    FLAG_COUNT,
};

static const struct cmd_flag flags[] = {
    [FLAG_CONNECTIONS] = {"connections", 'c', "N", "connections; without --rate each asks again when it was answered"},
    [FLAG_DURATION] = {"duration", 'd', "TIME", "how long, such as 10s or 1m (10s)"},
    [FLAG_RATE] = {"rate", 'r', "N", "requests a second, due whether or not earlier ones were answered"},
    [FLAG_REQUESTS] = {"requests", 'n', "N", "ends after so many"},
    [FLAG_METHOD] = {"method", 'm', "METHOD", "GET, or POST with a body"},
    [FLAG_HEADER] = {"header", 'H', "NAME: VALUE", "a header field; may be repeated"},
    [FLAG_DATA] = {"data", 0, "TEXT", "the body"},
    [FLAG_BODY_FILE] = {"body-file", 0, "FILE", "a file with the body"},
    [FLAG_THREADS] = {"threads", 't', "N", "threads (1)"},
    [FLAG_TIMEOUT] = {"timeout", 0, "TIME", "of a request (30s)"},
    [FLAG_JSON] = {"json", 0, "FILE", "where the results go, all of them, as JSON"},
};

static const char *const wants[FLAG_COUNT] = {
    [FLAG_CONNECTIONS] = "a whole number from 1 to 1000000",
    [FLAG_DURATION] = "a time such as 500ms, 10s or 1m",
    [FLAG_RATE] = "a number of more than 0",
    [FLAG_REQUESTS] = "a whole number from 1",
    [FLAG_HEADER] = "at most 64 times NAME: VALUE",
    [FLAG_BODY_FILE] = "a file that can be read, of at most 256 MiB",
    [FLAG_THREADS] = "a whole number from 1 to 256",
    [FLAG_TIMEOUT] = "a time such as 500ms, 10s or 1m",
};

struct job {
    struct load_url_options options;
    struct slice headers[HEADERS_MAX];
    struct file_content body;
    const char *json_path;

    struct pool pool;
    struct arena arena;
    struct loop signal_loop;
    struct signals signals;
    bool is_cancelled;
    struct load_run *run;
};

static int run(struct job *job);

static bool take_count(const char *value, uint64_t least, uint64_t most, uint64_t *ret_count)
{
    return text_parse_u64(slice_of_text(value), ret_count) == ERR_OK && *ret_count >= least && *ret_count <= most;
}

static bool take_duration(const char *value, uint64_t *ret_ns)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ms", NS_PER_MS}, {"s", NS_PER_S}, {"m", 60 * NS_PER_S}, {"h", 3600 * NS_PER_S}};
    struct slice rest = slice_of_text(value);
    double number;
    if (number_read_f64(&rest, &number) != ERR_OK || number <= 0 || number > 1e6)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (slice_is(rest, units[i].name)) {
            *ret_ns = (uint64_t)(number * (double)units[i].ns);
            return true;
        }
    return false;
}

static bool take_flag(struct job *job, int flag, const char *value)
{
    struct load_url_options *options = &job->options;
    uint64_t count = 0;
    bool is_good = true;
    switch (flag) {
    case FLAG_CONNECTIONS:
        is_good = take_count(value, 1, 1000000, &count);
        options->connections = (uint32_t)count;
        return is_good;
    case FLAG_DURATION:
        return take_duration(value, &options->duration_ns);
    case FLAG_RATE:
        return number_parse_f64(slice_of_text(value), &options->rate) == ERR_OK && options->rate > 0;
    case FLAG_REQUESTS:
        return take_count(value, 1, UINT64_MAX, &options->iterations_max);
    case FLAG_METHOD:
        options->method = slice_of_text(value);
        return http_is_token(options->method);
    case FLAG_HEADER:
        if (options->header_count == HEADERS_MAX)
            return false;
        job->headers[options->header_count++] = slice_of_text(value);
        return true;
    case FLAG_DATA:
        options->body = slice_of_text(value);
        return true;
    case FLAG_BODY_FILE:
        file_content_deinit(&job->body);
        if (file_read(value, BODY_MAX, &job->body) != ERR_OK)
            return false;
        options->body = slice_of(job->body.data, job->body.bytes);
        return true;
    case FLAG_THREADS:
        is_good = take_count(value, 1, 256, &count);
        options->threads = (uint32_t)count;
        return is_good;
    case FLAG_TIMEOUT:
        return take_duration(value, &options->timeout_ns);
    default:
        job->json_path = value;
        return true;
    }
}

int cmd_load(int argc, char **argv)
{
    static struct job job = {.options = {.threads = 1, .duration_ns = 10 * NS_PER_S, .timeout_ns = 30 * NS_PER_S}};
    struct cmd_line line = {
        .command = "load",
        .usage = "[FLAGS] URL",
        .about = "Sends requests and measures the answers. Latency counts from the moment that a request was due.\n"
                 "Ctrl-C ends it early, with what there is by then; once more ends it at once.\n",
        .flags = flags,
        .flag_count = FLAG_COUNT,
    };
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        if (!take_flag(&job, flag, value))
            return cmd_misuse("load", "--%s takes %s, found \"%s\"", flags[flag].name, wants[flag], value);
    if (flag == CMD_EXIT)
        return line.exit;
    if (line.argument_count != 1)
        return cmd_misuse("load", "name one URL, such as http://127.0.0.1:8080/");
    job.options.url = slice_of_text(line.arguments[0]);
    job.options.headers = job.headers;
    if (!job.options.connections)
        job.options.connections = job.options.rate > 0 ? OPEN_LINKS : CLOSED_LINKS;
    int result = run(&job);
    file_content_deinit(&job.body);
    return result;
}

/* --- the run ------------------------------------------------------------------------------------------------------ */

static void on_signal(struct signals *signals, int number)
{
    struct job *job = CONTAINER_OF(signals, struct job, signals);
    if (job->is_cancelled)
        process_exit_now(128 + number);
    job->is_cancelled = true;
}

static bool is_cancelled(void *owner)
{
    struct job *job = owner;
    loop_turn(&job->signal_loop, 0);
    return job->is_cancelled;
}

static void collect(void *owner, struct load_record *into)
{
    load_run_collect(((struct job *)owner)->run, into);
}

static bool is_over(void *owner)
{
    return load_run_is_over(((struct job *)owner)->run);
}

static void stop(void *owner)
{
    load_run_stop(((struct job *)owner)->run);
}

static int write_json(const struct job *job, const struct load_results *results)
{
    FILE *out = fopen(job->json_path, "w");
    bool is_written = out && load_results_write_json(results, out) == ERR_OK;
    if (out && fclose(out) != 0)
        is_written = false;
    return is_written ? CMD_DONE : cmd_fail("load", "%s cannot be written", job->json_path);
}

static int watch(struct job *job, const struct load_plan *plan, struct load_results *results)
{
    struct load_session_options options = {
        .plan = plan,
        .source = {.collect = collect, .is_over = is_over, .stop = stop, .owner = job},
        .begin_ns = clock_now_ns() + HEAD_START,
        .is_cancelled = is_cancelled,
        .owner = job,
    };
    load_run_begin(job->run, options.begin_ns);
    enum err err = load_session_run(&options, results);
    if (err != ERR_OK && err != ERR_CANCELLED)
        return cmd_fail("load", "%s", err_text(err));
    load_results_print(results, stdout);
    return job->json_path ? write_json(job, results) : CMD_DONE;
}

static int run_plan(struct job *job, const struct load_plan *plan)
{
    struct load_run_options options = {.plan = plan, .parts = 1};
    struct load_results results;
    const char *why = NULL;
    enum err err = load_run_create(&options, READY_NS, &job->run, &why);
    if (err != ERR_OK)
        return cmd_fail("load", "%s", why ? why : err_text(err));
    int result = CMD_FAILED;
    if (load_results_init(plan, &results) == ERR_OK) {
        result = watch(job, plan, &results);
        load_results_deinit(&results);
    } else {
        result = cmd_fail("load", "out of memory");
    }
    load_run_destroy(job->run);
    return result;
}

static int run(struct job *job)
{
    static const int numbers[] = {SIGINT, SIGTERM, 0};
    char memory[512];
    struct text fault = text_init(memory, sizeof memory);
    struct load_plan *plan;
    signals_block(numbers);
    job->signals.on_signal = on_signal;
    if (loop_init(&job->signal_loop) != ERR_OK || signals_start(&job->signals, &job->signal_loop, numbers) != ERR_OK)
        return cmd_fail("load", "cannot make an event loop");
    pool_init(&job->pool, 0, MEMORY_MAX);
    arena_init(&job->arena, &job->pool, 65536, MEMORY_MAX);
    int result = CMD_USAGE;
    enum err err = load_plan_of_url(&job->options, &job->arena, &fault, &plan);
    if (err == ERR_OK)
        result = run_plan(job, plan);
    else
        (void)cmd_misuse("load", SLICE_FMT " %s", SLICE_ARG(job->options.url), fault.len ? memory : err_text(err));
    arena_reset(&job->arena);
    pool_deinit(&job->pool);
    signals_stop(&job->signals);
    loop_deinit(&job->signal_loop);
    return result;
}
