/* SPDX-License-Identifier: Apache-2.0 */
/* weir schema bench: what a validation costs, of a parsed document and from bytes.
 *
 * Processor time of this thread is measured, so that what else runs on the machine counts as little as can be. Nothing is
 * kept from one round to the next but memory: a parsed document is walked whole each time, and the compiler is told that
 * the document may have changed and that somebody reads the outcome. */
#include "cmd/schema_job.h"

#include "lib/json/number.h"
#include "lib/sys/clock.h"

#include <stdio.h>

#define STEPS_MAX        UINT64_C(1000000000)
#define REGEX_STEPS_MAX  1000000
#define MEMORY_BYTES_MAX ((size_t)4 << 30)
#define SECONDS_DEFAULT  1.0
#define SECONDS_MAX      600.0
#define WARM_PART        5 /* a fifth of the time before it counts */
#define BATCHES          20

enum flag { FLAG_SECONDS = SCHEMA_FLAG_COUNT, FLAG_JSON, FLAG_COUNT };

static const struct cmd_flag flags[] = {
    SCHEMA_FLAG_ROWS,
    [FLAG_SECONDS] = {"seconds", 's', "S", "how long each of the two measurements of an instance takes (1)"},
    [FLAG_JSON] = {"json", 0, NULL, "a JSON object"},
};

struct bench {
    const struct schema *schema;
    struct regex_work *regex;
    struct pool pool;
    struct arena documents;
    struct arena scratch;
    double seconds;
    bool is_json;
};

/* One instance, and what was measured. */
struct sample {
    const char *path;
    struct slice text;
    yyjson_val *root;
    enum schema_outcome outcome;
    uint64_t steps;
    uint64_t rounds;
    uint64_t allocations; /* blocks that the system was asked for while it was measured */
    double parsed_ns;
    double bytes_ns;
};

static int bench_all(struct schema_job *job, struct bench *bench, char **paths, int count);
static void measure(struct bench *bench, struct sample *sample);
static void print_text(const struct sample *samples, uint32_t count);
static int print_json(struct bench *bench, const char *path, const struct sample *samples, uint32_t count);

static int take_seconds(struct bench *bench, const char *value)
{
    if (number_parse_f64(slice_of_text(value), &bench->seconds) != ERR_OK || bench->seconds <= 0 ||
        bench->seconds > SECONDS_MAX)
        return cmd_misuse("schema bench", "--seconds takes a number up to %.0f, found \"%s\"", SECONDS_MAX, value);
    return CMD_DONE;
}

int schema_command_bench(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "schema bench",
        .usage = "[--seconds S] [--json] [--folder DIR] [--draft DRAFT] SCHEMA INSTANCE...",
        .about = "Measures the validation of documents, valid or not: of a document that is parsed already, and\n"
                 "of its bytes, parsing included. Times are processor time.\n",
        .flags = flags,
        .flag_count = FLAG_COUNT,
    };
    struct schema_job job;
    struct bench bench = {.seconds = SECONDS_DEFAULT};
    const char *value;
    int flag;
    int result = CMD_DONE;
    schema_job_init(&job, line.command);
    cmd_begin(&line, argc, argv);
    while (result == CMD_DONE && (flag = cmd_next(&line, &value)) >= 0) {
        bench.is_json |= flag == FLAG_JSON;
        if (flag < SCHEMA_FLAG_COUNT)
            result = schema_job_flag(&job, flag, value);
        else if (flag == FLAG_SECONDS)
            result = take_seconds(&bench, value);
    }
    if (result == CMD_DONE && flag == CMD_EXIT)
        return line.exit;
    if (result != CMD_DONE)
        return result;
    if (line.argument_count < 2)
        return cmd_misuse("schema bench", "name a schema and at least one document");
    result = bench_all(&job, &bench, line.arguments, line.argument_count);
    schema_job_deinit(&job);
    return result;
}

static bool load(struct bench *bench, const char *path, struct sample *sample)
{
    sample->path = path;
    return schema_read_document("schema bench", path, bench->schema, &bench->documents, &sample->text, &sample->root) ==
           ERR_OK;
}

static int measure_all(struct bench *bench, char **paths, int count)
{
    uint32_t instances = (uint32_t)count - 1;
    struct sample *samples = arena_alloc_array(&bench->documents, instances, sizeof samples[0]);
    if (!samples)
        return cmd_fail("schema bench", "out of memory");
    for (uint32_t i = 0; i < instances; i++)
        if (!load(bench, paths[i + 1], &samples[i]))
            return CMD_FAILED;
    for (uint32_t i = 0; i < instances; i++)
        measure(bench, &samples[i]);
    for (uint32_t i = 0; i < instances; i++)
        if (samples[i].outcome == SCHEMA_OVER_LIMIT || samples[i].outcome == SCHEMA_NO_MEMORY)
            return cmd_fail("schema bench", "%s: given up: it takes too many steps or too much memory",
                            samples[i].path);
    if (bench->is_json)
        return print_json(bench, paths[0], samples, instances);
    print_text(samples, instances);
    return CMD_DONE;
}

static int bench_all(struct schema_job *job, struct bench *bench, char **paths, int count)
{
    struct schema *schema = schema_job_compile_printed(job, paths[0]);
    bench->schema = schema;
    if (!schema)
        return CMD_FAILED;
    if (regex_work_create(REGEX_STEPS_MAX, &bench->regex) != ERR_OK) {
        schema_unref(schema);
        return cmd_fail(job->command, "out of memory");
    }
    pool_init(&bench->pool, 256 << 20, MEMORY_BYTES_MAX);
    arena_init(&bench->documents, &bench->pool, 65536, MEMORY_BYTES_MAX);
    arena_init(&bench->scratch, &bench->pool, 65536, MEMORY_BYTES_MAX);
    int result = measure_all(bench, paths, count);
    arena_reset(&bench->documents);
    pool_deinit(&bench->pool);
    regex_work_destroy(bench->regex);
    schema_unref(schema);
    return result;
}

/* The compiler must suppose that somebody has seen `memory`, and may have changed all that can be reached. */
static inline void seen(const void *memory)
{
    __asm__ volatile("" : : "r"(memory) : "memory");
}

static enum schema_outcome check(struct bench *bench, yyjson_val *root, uint64_t *ret_steps)
{
    struct schema_work work = {.scratch = &bench->scratch, .regex = bench->regex, .steps_left = STEPS_MAX};
    seen(root);
    enum schema_outcome outcome = schema_check(bench->schema, root, &work);
    seen(&outcome);
    *ret_steps = STEPS_MAX - work.steps_left;
    return outcome;
}

/* One round. */
typedef void (*round_fn)(struct bench *bench, struct sample *sample);

static void run_parsed(struct bench *bench, struct sample *sample)
{
    sample->outcome = check(bench, sample->root, &sample->steps);
    if (bench->scratch.blocks)
        arena_reset(&bench->scratch);
}

static void run_bytes(struct bench *bench, struct sample *sample)
{
    const struct json_limits limits = schema_document_limits(bench->schema);
    struct json_document document;
    struct json_fault fault;
    seen(sample->text.ptr);
    enum err err = json_parse(&bench->scratch, sample->text, &limits, &document, &fault);
    sample->outcome = err == ERR_OK ? check(bench, document.root, &sample->steps) : SCHEMA_NO_MEMORY;
    arena_reset(&bench->scratch);
}

static uint64_t run_batch(struct bench *bench, struct sample *sample, round_fn round, uint64_t rounds)
{
    uint64_t from_ns = clock_thread_cpu_ns();
    for (uint64_t i = 0; i < rounds; i++)
        round(bench, sample);
    return clock_thread_cpu_ns() - from_ns;
}

/* Rounds are doubled until a batch is long enough for the clock, which also warms caches and memory; then it counts. */
static double measure_rounds(struct bench *bench, struct sample *sample, round_fn round)
{
    double all_ns = bench->seconds * (double)NS_PER_S;
    uint64_t rounds = 1;
    for (uint64_t took_ns; (took_ns = run_batch(bench, sample, round, rounds)) < all_ns / WARM_PART / 2;)
        rounds *= 2;
    uint64_t mallocs = bench->pool.mallocs;
    uint64_t from_ns = clock_thread_cpu_ns();
    uint64_t done = 0;
    uint64_t batch = rounds * WARM_PART * 2 / BATCHES + 1;
    while ((double)(clock_thread_cpu_ns() - from_ns) < all_ns) {
        (void)run_batch(bench, sample, round, batch);
        done += batch;
    }
    double took_ns = (double)(clock_thread_cpu_ns() - from_ns);
    sample->allocations += bench->pool.mallocs - mallocs;
    sample->rounds += done;
    return took_ns / (double)done;
}

static void measure(struct bench *bench, struct sample *sample)
{
    sample->parsed_ns = measure_rounds(bench, sample, run_parsed);
    sample->bytes_ns = measure_rounds(bench, sample, run_bytes);
}

/* Bytes for each ns are thousands of MB for each s. */
static double mb_per_s(const struct sample *sample, double took_ns)
{
    return (double)sample->text.len * 1000 / took_ns;
}

static void print_text(const struct sample *samples, uint32_t count)
{
    printf("%10s %12s %8s %12s %8s %10s %12s  %s\n", "BYTES", "PARSED ns", "MB/s", "BYTES ns", "MB/s", "STEPS",
           "ALLOCATIONS", "INSTANCE");
    for (uint32_t i = 0; i < count; i++) {
        const struct sample *s = &samples[i];
        printf("%10zu %12.1f %8.0f %12.1f %8.0f %10llu %12llu  %s%s\n", s->text.len, s->parsed_ns,
               mb_per_s(s, s->parsed_ns), s->bytes_ns, mb_per_s(s, s->bytes_ns), (unsigned long long)s->steps,
               (unsigned long long)s->allocations, s->path, s->outcome == SCHEMA_VALID ? "" : " (not valid)");
    }
}

static void write_f64(struct json_writer *out, const char *key, double value)
{
    json_write_key(out, slice_of_text(key));
    json_write_f64(out, value);
}

static void write_u64(struct json_writer *out, const char *key, uint64_t value)
{
    json_write_key(out, slice_of_text(key));
    json_write_u64(out, value);
}

static void write_sample(struct json_writer *out, const struct sample *sample)
{
    json_write_object_begin(out);
    json_write_key(out, SLICE_LIT("instance"));
    json_write_string(out, slice_of_text(sample->path));
    json_write_key(out, SLICE_LIT("valid"));
    json_write_bool(out, sample->outcome == SCHEMA_VALID);
    write_u64(out, "bytes", sample->text.len);
    write_f64(out, "parsed_ns", sample->parsed_ns);
    write_f64(out, "parsed_mb_per_s", mb_per_s(sample, sample->parsed_ns));
    write_f64(out, "bytes_ns", sample->bytes_ns);
    write_f64(out, "bytes_mb_per_s", mb_per_s(sample, sample->bytes_ns));
    write_u64(out, "steps", sample->steps);
    write_u64(out, "rounds", sample->rounds);
    write_u64(out, "allocations", sample->allocations);
    json_write_object_end(out);
}

static int print_json(struct bench *bench, const char *path, const struct sample *samples, uint32_t count)
{
    struct slice text;
    struct json_writer out = json_writer_in_arena(&bench->documents, 0);
    json_write_object_begin(&out);
    json_write_key(&out, SLICE_LIT("schema"));
    json_write_string(&out, slice_of_text(path));
    write_u64(&out, "instructions", schema_instruction_count(bench->schema));
    json_write_key(&out, SLICE_LIT("instances"));
    json_write_array_begin(&out);
    for (uint32_t i = 0; i < count; i++)
        write_sample(&out, &samples[i]);
    json_write_array_end(&out);
    json_write_object_end(&out);
    if (json_writer_finish(&out, &text) != ERR_OK)
        return cmd_fail("schema bench", "out of memory for the result");
    printf(SLICE_FMT "\n", SLICE_ARG(text));
    return CMD_DONE;
}
