/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/json/writer.h"
#include "load/knee.h"
#include "load/results/format.h"

#include <math.h>

#define MEMORY_BYTES ((size_t)16 << 20)

static const char *const verdicts[] = {
    [LOAD_KNEE_HOLDS] = "holds",
    [LOAD_KNEE_FAILS] = "fails",
    [LOAD_KNEE_SATURATED] = "saturated",
    [LOAD_KNEE_OWN_LIMIT] = "generator",
};

static const char *const ends[] = {
    [LOAD_KNEE_FOUND] = "found",       [LOAD_KNEE_NONE_HOLDS] = "none_holds",
    [LOAD_KNEE_ALL_HOLD] = "all_hold", [LOAD_KNEE_BY_GENERATOR] = "generator",
    [LOAD_KNEE_ENDED] = "cancelled",
};

const char *load_knee_verdict_name(enum load_knee_verdict verdict)
{
    return verdicts[verdict];
}

const char *load_knee_end_name(enum load_knee_end end)
{
    return ends[end];
}

/* --- for people --------------------------------------------------------------------------------------------------- */

static void print_verdict(const struct load_knee_options *options, enum load_knee_verdict verdict, uint32_t failed,
                          FILE *out)
{
    switch (verdict) {
    case LOAD_KNEE_HOLDS:
        (void)fputs("holds", out);
        break;
    case LOAD_KNEE_SATURATED:
        (void)fputs("the server falls behind", out);
        break;
    case LOAD_KNEE_OWN_LIMIT:
        (void)fputs("the generator itself could not do it", out);
        break;
    default:
        if (failed < options->criterion_count) {
            (void)fputc('"', out);
            format_shown(options->criteria[failed].text, out);
            (void)fputs("\" does not hold", out);
        }
    }
}

void load_knee_print_probe(const struct load_knee_options *options, const struct load_knee_probe *probe, FILE *out)
{
    char p50[FORMAT_BYTES];
    char p99[FORMAT_BYTES];
    char lag[FORMAT_BYTES];
    (void)fprintf(
        out, "%10.1f/s  answered %10.1f/s  p50 %9s  p99 %9s  errors %6.2f %%  outstanding %8.1f  own lag %9s  ",
        probe->rate, probe->answered, format_ns(p50, (double)probe->p50_ns), format_ns(p99, (double)probe->p99_ns),
        100 * probe->errors, probe->concurrency, format_ns(lag, (double)probe->lag_p99_ns));
    print_verdict(options, probe->verdict, probe->failed, out);
    (void)fputc('\n', out);
}

static void print_found(const struct load_knee_options *options, const struct load_knee *knee, FILE *out)
{
    (void)fprintf(out, "knee = %.1f/s ± %.1f: up to %.1f/s all holds, at %.1f/s ", knee->rate, knee->spread, knee->low,
                  knee->high);
    print_verdict(options, knee->high_verdict, knee->high_failed, out);
    (void)fputc('\n', out);
}

static void print_usl(const struct load_knee_usl *usl, FILE *out)
{
    if (!usl->is_known)
        return;
    (void)fprintf(out, "Universal Scalability Law: at most %.1f/s", usl->peak_rate);
    if (isfinite(usl->peak_concurrency))
        (void)fprintf(out, ", at %.1f requests at once", usl->peak_concurrency);
    (void)fprintf(out, " (contention %.3f, coherency %.2g; explains %.0f %%)\n", usl->s, usl->k, 100 * usl->explained);
}

void load_knee_print(const struct load_knee_options *options, const struct load_knee *knee, FILE *out)
{
    switch (knee->end) {
    case LOAD_KNEE_FOUND:
        print_found(options, knee, out);
        break;
    case LOAD_KNEE_NONE_HOLDS:
        (void)fprintf(out, "no knee: already at %.1f/s ", knee->high);
        print_verdict(options, knee->high_verdict, knee->high_failed, out);
        (void)fputc('\n', out);
        break;
    case LOAD_KNEE_ALL_HOLD:
        (void)fprintf(out, "no knee up to %.1f/s: all holds\n", knee->low);
        break;
    case LOAD_KNEE_BY_GENERATOR:
        (void)fprintf(
            out,
            "not the server's knee: it held %.1f/s, and at %.1f/s the generator itself was the limit; give it "
            "more threads, CPU or agents\n",
            knee->low, knee->high);
        break;
    default:
        (void)fprintf(out, "ended early, after %u probes", knee->probe_count);
        if (knee->low > 0)
            (void)fprintf(out, "; all held up to %.1f/s", knee->low);
        if (knee->high > 0)
            (void)fprintf(out, "; not at %.1f/s", knee->high);
        (void)fputc('\n', out);
    }
    print_usl(&knee->usl, out);
}

/* --- for programs ------------------------------------------------------------------------------------------------- */

static void write_probe(const struct load_knee_options *options, const struct load_knee_probe *probe,
                        struct json_writer *writer)
{
    json_write_object_begin(writer);
    json_write_member_f64(writer, "rate", probe->rate);
    json_write_member_f64(writer, "answered_per_s", probe->answered);
    json_write_member_string(writer, "verdict", slice_of_text(verdicts[probe->verdict]));
    json_write_key(writer, SLICE_LIT("values"));
    json_write_array_begin(writer);
    for (uint32_t i = 0; i < options->criterion_count; i++)
        json_write_f64(writer, probe->values[i]);
    json_write_array_end(writer);
    json_write_member_u64(writer, "p50_ns", probe->p50_ns);
    json_write_member_u64(writer, "p99_ns", probe->p99_ns);
    json_write_member_u64(writer, "lag_p99_ns", probe->lag_p99_ns);
    json_write_member_f64(writer, "errors", probe->errors);
    json_write_member_f64(writer, "outstanding", probe->concurrency);
    json_write_member_f64(writer, "growth_per_s", probe->growth);
    json_write_member_f64(writer, "cpu_share", probe->cpu_share);
    json_write_object_end(writer);
}

static void write_usl(const struct load_knee_usl *usl, struct json_writer *writer)
{
    json_write_key(writer, SLICE_LIT("usl"));
    if (!usl->is_known) {
        json_write_null(writer);
        return;
    }
    json_write_object_begin(writer);
    json_write_member_f64(writer, "rate_of_one", usl->a);
    json_write_member_f64(writer, "contention", usl->s);
    json_write_member_f64(writer, "coherency", usl->k);
    json_write_member_f64(writer, "peak_outstanding", usl->peak_concurrency);
    json_write_member_f64(writer, "peak_rate", usl->peak_rate);
    json_write_member_f64(writer, "explained", usl->explained);
    json_write_object_end(writer);
}

static void write_end(const struct load_knee_options *options, const struct load_knee *knee, struct json_writer *writer)
{
    json_write_member_string(writer, "end", slice_of_text(ends[knee->end]));
    if (knee->end == LOAD_KNEE_FOUND) {
        json_write_member_f64(writer, "rate", knee->rate);
        json_write_member_f64(writer, "spread", knee->spread);
    }
    if (knee->low > 0)
        json_write_member_f64(writer, "holds_at", knee->low);
    if (knee->high > 0) {
        json_write_member_f64(writer, "fails_at", knee->high);
        json_write_member_string(writer, "fails_by", slice_of_text(verdicts[knee->high_verdict]));
        if (knee->high_failed < options->criterion_count)
            json_write_member_string(writer, "failed", options->criteria[knee->high_failed].text);
    }
}

static enum err make_json(const struct load_knee_options *options, const struct load_knee *knee, struct arena *arena,
                          struct slice *ret_text)
{
    struct json_writer writer = json_writer_in_arena(arena, 65536);
    json_write_object_begin(&writer);
    write_end(options, knee, &writer);
    json_write_key(&writer, SLICE_LIT("criteria"));
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < options->criterion_count; i++)
        json_write_string(&writer, options->criteria[i].text);
    json_write_array_end(&writer);
    write_usl(&knee->usl, &writer);
    json_write_key(&writer, SLICE_LIT("probes"));
    json_write_array_begin(&writer);
    for (uint32_t i = 0; i < knee->probe_count; i++)
        write_probe(options, &knee->probes[i], &writer);
    json_write_array_end(&writer);
    json_write_object_end(&writer);
    return json_writer_finish(&writer, ret_text);
}

enum err load_knee_write_json(const struct load_knee_options *options, const struct load_knee *knee, FILE *out)
{
    struct pool pool;
    struct arena arena;
    struct slice text;
    pool_init(&pool, 0, MEMORY_BYTES);
    arena_init(&arena, &pool, 65536, MEMORY_BYTES);
    enum err err = make_json(options, knee, &arena, &text);
    if (err == ERR_OK && (fwrite(text.ptr, 1, text.len, out) != text.len || fputc('\n', out) == EOF))
        err = ERR_IO;
    arena_reset(&arena);
    pool_deinit(&pool);
    return err;
}
