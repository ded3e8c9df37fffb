/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two tests differ by more than their own noise.
 *
 * A percentile has no error that a formula gives, so it is taken from the data: the timeline of each test is cut into blocks, tests
 * are put together from blocks drawn with replacement, and the change between two such tests is taken, a thousand times. The middle
 * 95 % of these changes are the interval (B. Efron, "Bootstrap methods: another look at the jackknife", 1979). Blocks and not
 * requests are drawn because what is near in time is alike: a pause of the server makes hundreds of requests slow at once
 * (H. R. Kuensch, "The jackknife and the bootstrap for general stationary observations", 1989).
 *
 * What differs between two machines or two hours is in neither test, and so not in the interval. */
#include "load/results.h"
#include "load/results/format.h"
#include "load/results/report/read_int.h"
#include "load/values.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#define DRAWS      1000
#define BLOCKS_MIN 8
#define LOW_SHARE  0.025
#define SEED       1

enum figure { FIGURE_RATE, FIGURE_ERRORS, FIGURE_MEAN, FIGURE_P50, FIGURE_P90, FIGURE_P99, FIGURE_P999, FIGURE_TOKENS };

static const struct {
    const char *name;
    enum load_difference_kind kind;
    bool is_less_better;
    double quantile; /* 0: none */
} figures[LOAD_DIFFERENCES] = {
    [FIGURE_RATE] = {"rate", LOAD_DIFFERS_IN_RATE, false, 0},
    [FIGURE_ERRORS] = {"errors", LOAD_DIFFERS_IN_SHARE, true, 0},
    [FIGURE_MEAN] = {"mean", LOAD_DIFFERS_IN_NS, true, 0},
    [FIGURE_P50] = {"p50", LOAD_DIFFERS_IN_NS, true, 0.5},
    [FIGURE_P90] = {"p90", LOAD_DIFFERS_IN_NS, true, 0.9},
    [FIGURE_P99] = {"p99", LOAD_DIFFERS_IN_NS, true, 0.99},
    [FIGURE_P999] = {"p99.9", LOAD_DIFFERS_IN_NS, true, 0.999},
    [FIGURE_TOKENS] = {"tokens", LOAD_DIFFERS_IN_RATE, false, 0},
};

/* A test put together from blocks. Counts are zero outside of first..last. */
struct mixture {
    uint64_t counts[HDR_BUCKETS];
    uint32_t first, last;
    uint64_t count;
    double sum_ns;
    double span_s, answered, failed, tokens;
};

static void mixture_reset(struct mixture *mixture)
{
    for (uint32_t i = mixture->first; i <= mixture->last && i < HDR_BUCKETS; i++)
        mixture->counts[i] = 0;
    mixture->first = HDR_BUCKETS;
    mixture->last = 0;
    mixture->count = 0;
    mixture->sum_ns = mixture->span_s = mixture->answered = mixture->failed = mixture->tokens = 0;
}

static void mixture_add(struct mixture *mixture, const struct report_block *block)
{
    mixture->span_s += block->span_s;
    mixture->answered += block->answered;
    mixture->failed += block->failed;
    mixture->tokens += block->tokens;
    for (uint32_t i = 0; i < block->bucket_count; i++) {
        const struct report_bucket *bucket = &block->buckets[i];
        double middle =
            ((double)hdr_bucket_lowest_ns(bucket->index) + (double)hdr_bucket_highest_ns(bucket->index)) / 2;
        mixture->counts[bucket->index] += bucket->count;
        mixture->count += bucket->count;
        mixture->sum_ns += middle * (double)bucket->count;
    }
    if (block->bucket_count == 0)
        return;
    mixture->first = MIN(mixture->first, block->buckets[0].index);
    mixture->last = MAX(mixture->last, block->buckets[block->bucket_count - 1].index);
}

static double quantile_of(const struct mixture *mixture, double q)
{
    double rank = q * (double)mixture->count * (1 - 4 * DBL_EPSILON);
    uint64_t seen = 0;
    for (uint32_t i = mixture->first; i <= mixture->last; i++) {
        seen += mixture->counts[i];
        if ((double)seen >= rank && seen)
            return (double)hdr_bucket_highest_ns(i);
    }
    return NAN;
}

static double value_of(const struct mixture *mixture, enum figure figure)
{
    double ended = mixture->answered + mixture->failed;
    switch (figure) {
    case FIGURE_RATE:
        return mixture->span_s > 0 ? mixture->answered / mixture->span_s : NAN;
    case FIGURE_TOKENS:
        return mixture->span_s > 0 ? mixture->tokens / mixture->span_s : NAN;
    case FIGURE_ERRORS:
        return ended > 0 ? mixture->failed / ended : NAN;
    case FIGURE_MEAN:
        return mixture->count ? mixture->sum_ns / (double)mixture->count : NAN;
    default:
        return quantile_of(mixture, figures[figure].quantile);
    }
}

static double change_of(double a, double b)
{
    return a > 0 ? (b - a) / a : NAN;
}

/* `picks` NULL: each block once. */
static void put_together(const struct report_results *results, const uint32_t *picks, struct mixture *mixture)
{
    mixture_reset(mixture);
    for (uint32_t i = 0; i < results->block_count; i++)
        mixture_add(mixture, &results->blocks[picks ? picks[i] : i]);
}

static void pick(struct load_random *random, uint32_t count, uint32_t picks[REPORT_BLOCKS_MAX])
{
    for (uint32_t i = 0; i < count; i++)
        picks[i] = (uint32_t)(load_draw(random) % count);
}

/* Of two tests of the same plan the same blocks are drawn: what is due then is the same in both, and a ramp is no noise. */
static bool are_alike(const struct report_results *left, const struct report_results *right)
{
    if (left->block_count != right->block_count)
        return false;
    for (uint32_t i = 0; i < left->block_count; i++)
        if (fabs(left->blocks[i].span_s - right->blocks[i].span_s) > 0.1 * left->blocks[i].span_s)
            return false;
    return true;
}

static int by_value(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;
    return (*left > *right) - (*left < *right);
}

/* What one comparison needs besides the two tests; on the heap, for its size. */
struct work {
    struct mixture a, b;
    double changes[LOAD_DIFFERENCES][DRAWS];
    double gaps[LOAD_DIFFERENCES][DRAWS]; /* b - a, which tells also where a is 0 */
    struct report_results left, right;
};

static void find_intervals(struct work *work, struct load_difference all[LOAD_DIFFERENCES])
{
    struct load_random random = {SEED};
    uint32_t picks[REPORT_BLOCKS_MAX];
    bool is_paired = are_alike(&work->left, &work->right);
    for (uint32_t draw = 0; draw < DRAWS; draw++) {
        pick(&random, work->left.block_count, picks);
        put_together(&work->left, picks, &work->a);
        if (!is_paired)
            pick(&random, work->right.block_count, picks);
        put_together(&work->right, picks, &work->b);
        for (int i = 0; i < LOAD_DIFFERENCES; i++) {
            double a = value_of(&work->a, (enum figure)i);
            double b = value_of(&work->b, (enum figure)i);
            work->changes[i][draw] = isnan(change_of(a, b)) ? 0 : change_of(a, b);
            work->gaps[i][draw] = isnan(b - a) ? 0 : b - a;
        }
    }
    const uint32_t low = (uint32_t)(LOW_SHARE * DRAWS);
    for (int i = 0; i < LOAD_DIFFERENCES; i++) {
        struct load_difference *difference = &all[i];
        qsort(work->changes[i], DRAWS, sizeof(double), by_value);
        qsort(work->gaps[i], DRAWS, sizeof(double), by_value);
        difference->is_significant = work->gaps[i][low] > 0 || work->gaps[i][DRAWS - 1 - low] < 0;
        if (isnan(difference->change))
            continue;
        difference->low = work->changes[i][low];
        difference->high = work->changes[i][DRAWS - 1 - low];
    }
}

static void differ(struct work *work, struct load_difference all[LOAD_DIFFERENCES])
{
    put_together(&work->left, NULL, &work->a);
    put_together(&work->right, NULL, &work->b);
    for (int i = 0; i < LOAD_DIFFERENCES; i++) {
        double a = value_of(&work->a, (enum figure)i);
        double b = value_of(&work->b, (enum figure)i);
        all[i] = (struct load_difference){
            .name = figures[i].name,
            .kind = figures[i].kind,
            .is_less_better = figures[i].is_less_better,
            .a = a,
            .b = b,
            .change = change_of(a, b),
            .low = NAN,
            .high = NAN,
        };
    }
    if (work->left.block_count >= BLOCKS_MIN && work->right.block_count >= BLOCKS_MIN)
        find_intervals(work, all);
}

static enum err read_text(struct slice text, struct arena *arena, struct report_results *results)
{
    yyjson_val *root;
    TRY(report_parse(text, arena, &root));
    return report_read(root, arena, results);
}

enum err load_report_differ(struct slice a, struct slice b, struct load_difference ret_all[LOAD_DIFFERENCES],
                            uint32_t *ret_which)
{
    struct pool pool;
    struct arena arena;
    struct work *work = calloc(1, sizeof *work);
    *ret_which = 0;
    if (!work)
        return ERR_NOMEM;
    pool_init(&pool, 0, SIZE_MAX);
    arena_init(&arena, &pool, 1U << 16, SIZE_MAX);
    enum err err = read_text(a, &arena, &work->left);
    if (err == ERR_OK) {
        *ret_which = 1;
        err = read_text(b, &arena, &work->right);
    }
    if (err == ERR_OK)
        differ(work, ret_all);
    arena_reset(&arena);
    pool_deinit(&pool);
    free(work);
    return err;
}

static void format_figure(char out[FORMAT_BYTES], enum load_difference_kind kind, double value)
{
    if (kind == LOAD_DIFFERS_IN_NS)
        format_ns(out, value);
    else if (kind == LOAD_DIFFERS_IN_SHARE && !isnan(value))
        (void)snprintf(out, FORMAT_BYTES, "%.3g %%", 100 * value);
    else
        format_count(out, value);
}

static const char *word_for(const struct load_difference *difference)
{
    if (!difference->is_significant)
        return isnan(difference->low) && !isnan(difference->change) ? "too short to tell" : "within the noise";
    return (difference->b < difference->a) == difference->is_less_better ? "better" : "WORSE";
}

void load_report_print_differences(const struct load_difference all[LOAD_DIFFERENCES], FILE *out)
{
    (void)fprintf(out, "  %-8s %10s %10s %9s   95 %% interval\n", "", "before", "after", "change");
    for (int i = 0; i < LOAD_DIFFERENCES; i++) {
        const struct load_difference *difference = &all[i];
        char a[FORMAT_BYTES], b[FORMAT_BYTES], change[FORMAT_BYTES] = "-", interval[2 * FORMAT_BYTES] = "-";
        if (i == FIGURE_TOKENS && !(difference->a > 0) && !(difference->b > 0))
            continue;
        format_figure(a, difference->kind, difference->a);
        format_figure(b, difference->kind, difference->b);
        if (!isnan(difference->change))
            (void)snprintf(change, sizeof change, "%+.1f %%", 100 * difference->change);
        if (!isnan(difference->low))
            (void)snprintf(interval, sizeof interval, "%+.1f %% to %+.1f %%", 100 * difference->low,
                           100 * difference->high);
        (void)fprintf(out, "  %-8s %10s %10s %9s   %-22s %s\n", difference->name, a, b, change, interval,
                      word_for(difference));
    }
}
