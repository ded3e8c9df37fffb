/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a model can be batched is found out, not believed: rows of inputs made up at random are run alone and in batches of
 * every size that is warmed, and each row of a batch must come out as it does alone. Models that normalise over the batch,
 * that quantise by the extremes of a whole tensor, or that were exported with a batch of 1 baked in are told by that.
 *
 * A batch has many rows and only PATTERNS different ones, in turn, so that the runs alone cost little; and it is made up of
 * members of more than one row, gathered and scattered as requests are. */
#include "lib/sys/clock.h"
#include "pipeline/infer/infer_int.h"

#define PATTERNS        5 /* odd, so that sizes that are powers of two cut them differently */
#define MEMBERS_MAX     8
#define TIMED_RUNS_MAX  7
#define TIMED_NS        50000000ULL    /* for the runs of one size */
#define ROWS_BYTES_MAX  (256ULL << 20) /* of an input of a batch */
#define INPUT_BYTES_MAX (1ULL << 30)

struct proof {
    struct model *model;
    struct run *alone[PATTERNS];
    struct run *members[MEMBERS_MAX];
    uint64_t begin_ns;
    uint64_t last_ns; /* what a run of the last size took */
    uint32_t wanted;  /* rows */
    bool is_refuted;  /* a row came out otherwise */
    struct text why;  /* it goes no further */
};

static bool has_obstacle(const struct model *model, struct text *why);
static enum err create_runs(struct proof *proof);
static void destroy_runs(struct proof *proof);
static enum err run_patterns(struct proof *proof);
static enum err prove_sizes(struct proof *proof);
static enum err prove_size(struct proof *proof, uint32_t rows);
static bool is_affordable(struct proof *proof, uint32_t rows);
static void warm_buckets(struct proof *proof);
static void conclude(struct proof *proof, const struct model_load_options *options);

enum err prove_batches(struct model *model, const struct model_load_options *options)
{
    struct proof proof = {.model = model,
                          .begin_ns = clock_now_ns(),
                          .wanted = (uint32_t)MIN(model->config->batch.max, UINT32_MAX),
                          .why = text_init(model->why_single, sizeof(model->why_single))};
    TRY(instances_create(model));
    if (proof.wanted <= 1 || options->is_untried) {
        model->batch_info.why_single = proof.wanted <= 1 ? "batch.max is 1" : "it was not tried";
        return ERR_OK;
    }
    if (!has_obstacle(model, &proof.why)) {
        enum err err = create_runs(&proof);
        if (err == ERR_OK)
            err = run_patterns(&proof);
        if (err == ERR_OK)
            err = prove_sizes(&proof);
        if (err == ERR_OK)
            warm_buckets(&proof);
        if (err != ERR_OK && !proof.why.len)
            text_printf(&proof.why, "%s", err_text(err));
        destroy_runs(&proof);
    }
    conclude(&proof, options);
    return ERR_OK;
}

static void conclude(struct proof *proof, const struct model_load_options *options)
{
    struct batch_info *info = &proof->model->batch_info;
    info->rows_max = proof->is_refuted || !info->sample_count ? 1 : info->samples[info->sample_count - 1].rows;
    if (!proof->why.len)
        return;
    text_printf(options->notices, "model " SLICE_FMT ": ", SLICE_ARG(proof->model->config->name));
    if (info->rows_max > 1)
        text_printf(options->notices, "batches of up to %u rows only: %s\n", info->rows_max, proof->why.ptr);
    else
        text_printf(options->notices, "requests run singly: %s\n", proof->why.ptr);
    if (info->rows_max == 1)
        info->why_single = proof->why.ptr;
}

/* --- What the model says itself ----------------------------------------------------------------------------------- */

static bool has_obstacle_at(const char *side, const struct tensor_spec *spec, struct text *why);

static bool has_obstacle(const struct model *model, struct text *why)
{
    const struct model_info *info = &model->info;
    for (uint32_t i = 0; i < info->input_count; i++)
        if (has_obstacle_at("input", &info->inputs[i], why))
            return true;
    for (uint32_t i = 0; i < info->output_count; i++)
        if (has_obstacle_at("output", &info->outputs[i], why))
            return true;
    if (!info->warm_run_ns)
        text_printf(why, "it was not warmed");
    return why->len > 0;
}

/* Names of first dimensions may differ: some exporters give each dimension one of its own. */
static bool has_obstacle_at(const char *side, const struct tensor_spec *spec, struct text *why)
{
    if (spec->rank == 0) {
        text_printf(why, "%s `" SLICE_FMT "` is a scalar, or has no declared shape", side, SLICE_ARG(spec->name));
        return true;
    }
    if (spec->dims[0] != TENSOR_DIM_ANY) {
        text_printf(why, "%s `" SLICE_FMT "` has a fixed first dimension of %lld", side, SLICE_ARG(spec->name),
                    (long long)spec->dims[0]);
        return true;
    }
    return false;
}

/* --- Alone -------------------------------------------------------------------------------------------------------- */

static enum err run_pattern(struct proof *proof, uint32_t pattern, enum made_up made_up);

static enum err create_runs(struct proof *proof)
{
    for (uint32_t i = 0; i < PATTERNS; i++)
        TRY(run_create(proof->model, &proof->alone[i]));
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        TRY(run_create(proof->model, &proof->members[i]));
    return ERR_OK;
}

static void destroy_runs(struct proof *proof)
{
    for (uint32_t i = 0; i < PATTERNS; i++)
        run_destroy(proof->alone[i]);
    for (uint32_t i = 0; i < MEMBERS_MAX; i++)
        run_destroy(proof->members[i]);
}

/* Integers may be indices into tables, lengths, or flags: what is made up must suit the model. */
static enum err run_patterns(struct proof *proof)
{
    enum err err = ERR_INVALID;
    for (enum made_up made_up = MADE_UP_AT_RANDOM; made_up <= MADE_UP_ZEROS && err != ERR_OK; made_up++) {
        err = ERR_OK;
        for (uint32_t i = 0; i < PATTERNS && err == ERR_OK; i++)
            err = run_pattern(proof, i, made_up);
    }
    if (err != ERR_OK)
        text_printf(&proof->why, "it does not run on made-up values (" SLICE_FMT ")",
                    SLICE_ARG(run_fault(proof->alone[0])));
    return err;
}

static enum err run_pattern(struct proof *proof, uint32_t pattern, enum made_up made_up)
{
    struct run *run = proof->alone[pattern];
    run->model->made_up = made_up;
    TRY(run_make_up(run, 1, pattern + 1));
    TRY(run_execute(run));
    for (uint32_t i = 0; i < proof->model->info.output_count; i++)
        if (run_output(run, i)->rank == 0 || run_output(run, i)->dims[0] != 1) {
            text_printf(&run->fault, "output `" SLICE_FMT "` has not one row for one",
                        SLICE_ARG(proof->model->info.outputs[i].name));
            return ERR_MISMATCH;
        }
    return ERR_OK;
}

enum err run_make_up(struct run *run, uint32_t rows, uint64_t seed)
{
    const struct model *model = run->model;
    for (uint32_t i = 0; i < model->info.input_count; i++) {
        const struct tensor_spec *spec = &model->info.inputs[i];
        int64_t dims[TENSOR_RANK_MAX];
        void *data = NULL;
        warm_up_dims(model, i, dims);
        for (uint32_t d = 1; d < spec->rank; d++)
            dims[d] = pads_size(&model->pads, i, d, dims[d]);
        if (spec->rank && spec->dims[0] == TENSOR_DIM_ANY)
            dims[0] = rows;
        TRY(run_input(run, i, dims, INPUT_BYTES_MAX, &data));
        made_up_fill(&run->frame.in.tensors[i], seed * MODEL_TENSORS_MAX + i, model->made_up);
    }
    return ERR_OK;
}

/* --- Together ----------------------------------------------------------------------------------------------------- */

static enum err time_alone(struct proof *proof);
static uint32_t size_after(const struct proof *proof, uint32_t rows);
static enum err fill_members(struct proof *proof, uint32_t rows, struct batch_member *members, uint32_t *ret_count);
static bool are_rows_right(struct proof *proof, const struct batch_member *members, uint32_t count, uint32_t rows);
static void add_sample(struct proof *proof, uint32_t rows, uint64_t *times_ns, uint32_t count);

static enum err prove_sizes(struct proof *proof)
{
    proof->model->batch_info.rows_max = proof->wanted; /* or runs have no rows */
    TRY(time_alone(proof));
    for (uint32_t rows = size_after(proof, 1); rows; rows = size_after(proof, rows)) {
        if (!is_affordable(proof, rows))
            return ERR_OK;
        TRY(prove_size(proof, rows));
    }
    return ERR_OK;
}

/* The next power of two, then what was asked for. 0: no more. */
static uint32_t size_after(const struct proof *proof, uint32_t rows)
{
    if (rows >= proof->wanted || proof->model->batch_info.sample_count == BATCH_SAMPLES_MAX)
        return 0;
    return MIN(rows * 2, proof->wanted);
}

static bool is_affordable(struct proof *proof, uint32_t rows)
{
    const struct run *run = proof->alone[0];
    for (uint32_t i = 0; i < proof->model->info.input_count; i++)
        if (run->frame.in.tensors[i].bytes > ROWS_BYTES_MAX / rows) {
            text_printf(&proof->why, "%u rows take too much memory", rows);
            return false;
        }
    uint64_t time_ns = proof->model->config->batch.trial_time_ns;
    if (time_ns && clock_now_ns() - proof->begin_ns + 4 * proof->last_ns > time_ns) {
        text_printf(&proof->why, "trying %u rows would take longer than batch.trial_time", rows);
        return false;
    }
    return true;
}

static enum err time_alone(struct proof *proof)
{
    uint64_t times_ns[TIMED_RUNS_MAX];
    uint32_t count = 0;
    uint64_t sum_ns = 0;
    while (count < TIMED_RUNS_MAX && (count == 0 || sum_ns < TIMED_NS)) {
        TRY(run_execute(proof->alone[count % PATTERNS]));
        times_ns[count] = run_duration_ns(proof->alone[count % PATTERNS]);
        sum_ns += times_ns[count++];
    }
    add_sample(proof, 1, times_ns, count);
    return ERR_OK;
}

static enum err prove_size(struct proof *proof, uint32_t rows)
{
    struct batch_member members[MEMBERS_MAX];
    uint64_t times_ns[TIMED_RUNS_MAX];
    uint32_t count = 0;
    uint64_t sum_ns = 0;
    uint32_t timed = 0;
    TRY(fill_members(proof, rows, members, &count));
    /* The first time a size is run, the runtime plans for it: that one is not counted, unless it is all we can wait for. */
    for (uint32_t run = 0; run <= TIMED_RUNS_MAX && (run < 2 || sum_ns < TIMED_NS); run++) {
        struct batch_times times;
        char memory[256];
        struct text words = text_init(memory, sizeof(memory));
        enum err err = batch_try(proof->model, 0, members, count, &times, &words);
        if (err != ERR_OK) {
            text_printf(&proof->why, "it does not run with %u rows (%s)", rows, words.len ? memory : err_text(err));
            return err;
        }
        if (run == 0 && !are_rows_right(proof, members, count, rows)) {
            proof->is_refuted = true;
            return ERR_MISMATCH;
        }
        sum_ns += times.run_ns;
        timed = run ? run : 1;
        times_ns[timed - 1] = times.run_ns;
        if (run == 0 && times.run_ns > 4 * TIMED_NS)
            break;
    }
    add_sample(proof, rows, times_ns, timed);
    return ERR_OK;
}

static void add_sample(struct proof *proof, uint32_t rows, uint64_t *times_ns, uint32_t count)
{
    struct batch_info *info = &proof->model->batch_info;
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t at = i; at > 0 && times_ns[at - 1] > times_ns[at]; at--) {
            uint64_t larger = times_ns[at - 1];
            times_ns[at - 1] = times_ns[at];
            times_ns[at] = larger;
        }
    proof->last_ns = times_ns[count / 2];
    info->samples[info->sample_count++] = (struct batch_sample){.rows = rows, .ns = times_ns[count / 2]};
}

/* Row r of the batch is pattern r modulo their number. */
static enum err fill_members(struct proof *proof, uint32_t rows, struct batch_member *members, uint32_t *ret_count)
{
    static const _Atomic bool is_gone;
    uint32_t count = MIN(rows, MEMBERS_MAX);
    uint32_t row = 0;
    for (uint32_t m = 0; m < count; m++) {
        uint32_t own = rows / count + (m < rows % count);
        members[m] = (struct batch_member){.run = proof->members[m], .is_gone = &is_gone};
        for (uint32_t i = 0; i < proof->model->info.input_count; i++) {
            struct shape shape = shape_of(&proof->alone[0]->frame.in.tensors[i]);
            void *data = NULL;
            shape.dims[0] = own;
            TRY(run_input(proof->members[m], i, shape.dims, INPUT_BYTES_MAX, &data));
            for (uint32_t r = 0; r < own; r++) {
                const struct tensor *from = &proof->alone[(row + r) % PATTERNS]->frame.in.tensors[i];
                memcpy((char *)data + r * from->bytes, from->data, from->bytes);
            }
        }
        row += own;
    }
    *ret_count = count;
    return ERR_OK;
}

static bool are_rows_right(struct proof *proof, const struct batch_member *members, uint32_t count, uint32_t rows)
{
    double tolerance = proof->model->config->batch.tolerance;
    uint32_t row = 0;
    for (uint32_t m = 0; m < count; m++) {
        uint32_t own = run_rows(members[m].run);
        for (uint32_t r = 0; r < own; r++, row++)
            for (uint32_t i = 0; i < proof->model->info.output_count; i++) {
                char memory[160];
                struct text how = text_init(memory, sizeof(memory));
                const struct tensor *alone = run_output(proof->alone[row % PATTERNS], i);
                if (is_row_equal(run_output(members[m].run, i), r, alone, tolerance, &how))
                    continue;
                text_printf(&proof->why,
                            "row %u of %u comes out otherwise than alone (output `" SLICE_FMT "`, %s); batch.tolerance "
                            "is %g",
                            row + 1, rows, SLICE_ARG(alone->spec->name), memory, tolerance);
                return false;
            }
    }
    return true;
}

/* --- Buckets -------------------------------------------------------------------------------------------------------- */

static enum err fill_bucket(struct proof *proof, const struct pad *pad, int64_t size);

/* Each length that requests are padded to is run once, alone and with the most rows; one that cannot be will say so to
 * whoever asks for it. */
static void warm_buckets(struct proof *proof)
{
    const struct pads *pads = &proof->model->pads;
    const struct batch_info *info = &proof->model->batch_info;
    for (uint32_t i = 0; i < pads->count; i++)
        for (uint32_t s = 0; s < pads->items[i].size_count; s++) {
            struct batch_member members[MEMBERS_MAX];
            struct batch_times times;
            struct text nowhere = text_init((char[1]){0}, 1);
            uint32_t count = 0;
            if (!is_affordable(proof, info->samples[info->sample_count - 1].rows))
                return;
            if (fill_bucket(proof, &pads->items[i], (int64_t)pads->items[i].sizes[s]) != ERR_OK ||
                run_execute(proof->alone[0]) != ERR_OK ||
                fill_members(proof, info->samples[info->sample_count - 1].rows, members, &count) != ERR_OK)
                continue;
            (void)!batch_try(proof->model, 0, members, count, &times, &nowhere);
        }
}

/* Of every pattern, dimensions of the same name with it. */
static enum err fill_bucket(struct proof *proof, const struct pad *pad, int64_t size)
{
    struct slice symbol = proof->model->info.inputs[pad->input].symbols[pad->dim];
    for (uint32_t p = 0; p < PATTERNS; p++)
        for (uint32_t i = 0; i < proof->model->info.input_count; i++) {
            const struct tensor *tensor = &proof->alone[p]->frame.in.tensors[i];
            struct shape shape = shape_of(tensor);
            void *data = NULL;
            for (uint32_t d = 1; d < shape.rank; d++)
                if ((i == pad->input && d == pad->dim) || (symbol.len && slice_equal(tensor->spec->symbols[d], symbol)))
                    shape.dims[d] = size;
            TRY(run_input(proof->alone[p], i, shape.dims, INPUT_BYTES_MAX, &data));
            made_up_fill(&proof->alone[p]->frame.in.tensors[i], p + 1, MADE_UP_ZEROS);
        }
    return ERR_OK;
}
