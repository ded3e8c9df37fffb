/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/base64.h"
#include "lib/sys/clock.h"
#include "load/remote/agent_int.h"

#define DAY_NS     (24 * 3600 * NS_PER_S)
#define RATE_MOST  1e9
#define PREPARE_NS (20 * NS_PER_S)

static void prepare(void *argument);

void agent_job_init(struct agent_job *job, const struct load_agent_options *options)
{
    *job = (struct agent_job){.options = options};
}

static void begin_collecting(struct agent_job *job)
{
    pool_init(&job->pool, 0, 2 * LOAD_AGENT_BYTES_MAX);
    arena_init(&job->arena, &job->pool, 65536, 2 * LOAD_AGENT_BYTES_MAX);
    load_inputs_init(&job->inputs, &job->arena);
    job->inputs.is_closed = true;
    job->why = text_init(job->why_memory, sizeof job->why_memory);
    job->file_missing = 0;
    job->state = JOB_COLLECTING;
}

bool agent_job_may_end(const struct agent_job *job)
{
    return job->state != JOB_PREPARING || atomic_load_explicit(&job->is_prepared, memory_order_acquire);
}

void agent_job_end(struct agent_job *job)
{
    if (job->state == JOB_NONE)
        return;
    if (job->state == JOB_PREPARING)
        thread_join(&job->thread);
    load_run_destroy(job->run);
    load_record_destroy(job->record);
    if (job->plan && job->options->drop_plan)
        job->options->drop_plan(job->options->owner, job->plan);
    arena_reset(&job->arena);
    pool_deinit(&job->pool);
    agent_job_init(job, job->options);
}

/* --- what the plan is made of ------------------------------------------------------------------------------------- */

enum err agent_job_take_file(struct agent_job *job, const struct load_message *message)
{
    if (job->state == JOB_NONE)
        begin_collecting(job);
    if (job->state != JOB_COLLECTING || job->file_missing)
        return ERR_SYNTAX;
    if (message->bytes > LOAD_AGENT_BYTES_MAX)
        return ERR_LIMIT;
    TRY(load_inputs_place_file(&job->inputs, message->path, (size_t)message->bytes, &job->file_place));
    job->file_missing = (size_t)message->bytes;
    return ERR_OK;
}

enum err agent_job_take_piece(struct agent_job *job, const struct load_message *message, struct arena *scratch)
{
    size_t bytes;
    size_t fault_at;
    if (job->state != JOB_COLLECTING)
        return ERR_SYNTAX;
    char *piece = arena_alloc(scratch, base64_decode_bytes_max(message->content.len));
    if (!piece)
        return ERR_NOMEM;
    TRY(base64_decode(message->content, piece, &bytes, &fault_at));
    if (bytes > job->file_missing)
        return ERR_SYNTAX;
    job->file_place = slice_put(job->file_place, slice_of(piece, bytes));
    job->file_missing -= bytes;
    return ERR_OK;
}

static enum err take_words(struct agent_job *job, yyjson_val *words)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(words);
    for (yyjson_val *word = yyjson_arr_iter_next(&iter); word; word = yyjson_arr_iter_next(&iter)) {
        struct slice text = json_text(word);
        if (!text.ptr || slice_find(text, '\0') < text.len)
            return ERR_SYNTAX;
        TRY(load_inputs_add_word(&job->inputs, text));
    }
    return ERR_OK;
}

/* --- making ready ------------------------------------------------------------------------------------------------- */

/* Bounds that a plan's own figures have from its table. */
static bool probe_is_possible(const struct load_probe *probe)
{
    return probe->rate <= RATE_MOST && probe->duration_ns >= NS_PER_MS && probe->duration_ns <= DAY_NS &&
           probe->warm_ns <= DAY_NS && probe->drain_ns <= DAY_NS && probe->interval_ns >= NS_PER_MS &&
           probe->interval_ns <= DAY_NS;
}

enum err agent_job_prepare(struct agent_job *job, const struct load_message *message)
{
    if (job->state == JOB_NONE)
        begin_collecting(job);
    if (job->state != JOB_COLLECTING || job->file_missing || message->parts > LOAD_AGENTS_MAX ||
        message->part >= message->parts)
        return ERR_SYNTAX;
    TRY(take_words(job, message->words));
    job->part = (uint32_t)message->part;
    job->parts = (uint32_t)message->parts;
    job->seed = message->seed;
    job->probe = (struct load_probe){.rate = message->probe_rate,
                                     .duration_ns = message->probe_ns,
                                     .warm_ns = message->probe_warm_ns,
                                     .interval_ns = message->probe_interval_ns,
                                     .drain_ns = message->probe_drain_ns};
    if (job->probe.rate > 0 && !probe_is_possible(&job->probe))
        return ERR_SYNTAX;
    atomic_store_explicit(&job->is_prepared, false, memory_order_relaxed);
    TRY(thread_start(&job->thread, "prepare", prepare, job));
    job->state = JOB_PREPARING;
    return ERR_OK;
}

static uint64_t duration_max_ns(const struct agent_job *job)
{
    return job->options->duration_max_ns ? job->options->duration_max_ns : DAY_NS;
}

static enum err check_duration(struct agent_job *job)
{
    uint64_t duration_ns = load_plan_duration_ns(job->plan);
    if (duration_ns == UINT64_MAX || duration_ns <= duration_max_ns(job))
        return ERR_OK;
    text_printf(&job->why, "a test of %.0f s is longer than the %.0f s that this agent allows",
                (double)duration_ns / 1e9, (double)duration_max_ns(job) / 1e9);
    return ERR_LIMIT;
}

static enum err make_ready(struct agent_job *job)
{
    const struct load_agent_options *options = job->options;
    TRY(options->make_plan(options->owner, &job->inputs, job->seed, &job->why, &job->plan));
    load_probe_apply(&job->probe, &job->probe_stage, job->plan);
    TRY(check_duration(job));
    TRY(load_record_create(job->plan, &job->record));
    struct load_run_options run = {.plan = job->plan, .part = job->part, .parts = job->parts};
    const char *why = NULL;
    enum err err =
        load_run_create(&run, options->prepare_max_ns ? options->prepare_max_ns : PREPARE_NS, &job->run, &why);
    if (err != ERR_OK && why)
        text_add(&job->why, slice_of_text(why));
    return err;
}

/* On the thread. */
static void prepare(void *argument)
{
    struct agent_job *job = argument;
    job->err = make_ready(job);
    atomic_store_explicit(&job->is_prepared, true, memory_order_release);
}

bool agent_job_look(struct agent_job *job)
{
    if (job->state != JOB_PREPARING || !agent_job_may_end(job))
        return false;
    thread_join(&job->thread);
    job->state = JOB_READY;
    return true;
}

/* --- the test ----------------------------------------------------------------------------------------------------- */

enum err agent_job_begin(struct agent_job *job, uint64_t at_ns)
{
    if (job->state != JOB_READY)
        return ERR_SYNTAX;
    if (at_ns <= clock_now_ns())
        return ERR_TIMEOUT;
    if (at_ns - clock_now_ns() > DAY_NS)
        return ERR_LIMIT;
    load_run_begin(job->run, at_ns);
    job->begin_ns = at_ns;
    job->report_ns = at_ns + job->plan->warm_ns + job->plan->interval_ns;
    job->state = JOB_RUNNING;
    return ERR_OK;
}

void agent_job_stop(struct agent_job *job, const char *why)
{
    if (job->state != JOB_RUNNING || load_run_is_over(job->run))
        return;
    job->ended = job->ended ? job->ended : why;
    load_run_stop(job->run);
}

bool agent_job_is_over(struct agent_job *job, uint64_t now_ns)
{
    if (now_ns > job->begin_ns && now_ns - job->begin_ns > duration_max_ns(job) + job->plan->warm_ns)
        agent_job_stop(job, "it takes no longer tests");
    return load_run_is_over(job->run);
}

enum err agent_job_report(struct agent_job *job, enum load_message_kind kind, struct arena *arena,
                          struct slice *ret_line)
{
    struct load_message message = {.kind = kind, .text = slice_of_text(job->ended)};
    struct json_writer writer = json_writer_in_arena(arena, 65536);
    load_record_reset(job->record);
    load_run_collect(job->run, job->record);
    load_message_begin(&writer, &message);
    json_write_key(&writer, SLICE_LIT("record"));
    load_record_write(job->record, job->plan, &writer, arena);
    return load_message_end(&writer, ret_line);
}
