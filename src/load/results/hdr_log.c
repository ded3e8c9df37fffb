/* SPDX-License-Identifier: Apache-2.0 */
/* HdrHistogram's log, version 1.3: an interval a line, in nanoseconds, which its plotters and readers take. Its histograms are the V2
 * encoding as it is in JSON results, compressed by zlib behind a head of two numbers (AbstractHistogram.java,
 * V2CompressedEncodingCookieBase). */
#include "lib/base/base64.h"
#include "lib/codings/encoder.h"
#include "lib/sys/clock.h"
#include "load/results.h"

#define COMPRESSED_COOKIE 0x1c849314U
#define COMPRESSED_HEAD   8
#define COMPRESSION_LEVEL 6
#define ARENA_BLOCK_BYTES (64U << 10)

struct log {
    struct pool pool;
    struct arena arena;
    struct codings codings;
};

static void put_u32(char *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(value >> (24 - 8 * i));
}

static enum err compress(struct log *log, struct slice bytes, char *out, size_t capacity, size_t *ret_bytes)
{
    struct encoder_config config = {.coding = CODING_DEFLATE, .level = COMPRESSION_LEVEL, .known_bytes = bytes.len};
    struct encoder *encoder;
    size_t total = 0;
    size_t written;
    TRY(encoder_acquire(&log->codings, &config, &encoder));
    enum err err;
    while ((err = encoder_write(encoder, &bytes, ENCODER_FINISH, out + total, capacity - total, &written)) == ERR_OK)
        total += written;
    encoder_release(encoder);
    *ret_bytes = total;
    return err == ERR_EOF ? ERR_OK : err == ERR_AGAIN ? ERR_INTERNAL : err;
}

/* From one base64 text to the other. */
static enum err to_compressed(struct log *log, struct slice text, struct slice *ret_text)
{
    char *plain = arena_alloc(&log->arena, base64_decode_bytes_max(text.len));
    size_t plain_bytes = 0;
    size_t fault_at;
    size_t packed_bytes = 0;
    if (!plain)
        return ERR_NOMEM;
    TRY(base64_decode(text, plain, &plain_bytes, &fault_at));
    size_t capacity = encoder_bound(CODING_DEFLATE, plain_bytes) + ENCODER_ROOM_BYTES_MIN;
    char *packed = arena_alloc(&log->arena, COMPRESSED_HEAD + capacity);
    if (!packed)
        return ERR_NOMEM;
    TRY(compress(log, slice_of(plain, plain_bytes), packed + COMPRESSED_HEAD, capacity, &packed_bytes));
    put_u32(packed, COMPRESSED_COOKIE);
    put_u32(packed + 4, (uint32_t)packed_bytes);
    size_t chars = base64_encode_chars(COMPRESSED_HEAD + packed_bytes);
    char *out = arena_alloc(&log->arena, chars);
    if (!out)
        return ERR_NOMEM;
    base64_encode(slice_of(packed, COMPRESSED_HEAD + packed_bytes), out);
    *ret_text = slice_of(out, chars);
    return ERR_OK;
}

/* The largest value is told in milliseconds, by custom of the format. */
static enum err put_interval(struct log *log, const struct load_interval *interval, FILE *out)
{
    struct slice packed;
    arena_reset(&log->arena);
    TRY(to_compressed(log, interval->latency, &packed));
    (void)fprintf(out, "%.3f,%.3f,%.3f," SLICE_FMT "\n", (double)interval->begin_ns / 1e9,
                  (double)(interval->end_ns - interval->begin_ns) / 1e9, (double)interval->all.max_ns / 1e6,
                  SLICE_ARG(packed));
    return ERR_OK;
}

enum err load_results_write_hdr_log(const struct load_results *results, FILE *out)
{
    struct log log;
    enum err err = ERR_OK;
    char begin[25];
    double begin_s = (double)(results->wall_begin_ns / NS_PER_MS) / 1e3;
    pool_init(&log.pool, SIZE_MAX, SIZE_MAX);
    arena_init(&log.arena, &log.pool, ARENA_BLOCK_BYTES, SIZE_MAX);
    codings_init(&log.codings, &(struct codings_config){.pool = &log.pool, .idle_max = 1, .in_use_max = 1});
    clock_format_rfc3339(begin, results->wall_begin_ns);
    (void)fprintf(out,
                  "#[Latencies of weir load, in nanoseconds]\n#[Histogram log format version 1.3]\n"
                  "#[StartTime: %.3f (seconds since epoch), %s]\n#[BaseTime: %.3f (seconds since epoch)]\n"
                  "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
                  begin_s, begin, begin_s);
    for (uint32_t i = 0; i < results->interval_count && err == ERR_OK; i++)
        err = put_interval(&log, results->intervals[i], out);
    codings_deinit(&log.codings);
    arena_reset(&log.arena);
    pool_deinit(&log.pool);
    if (err != ERR_OK)
        return err;
    return fflush(out) || ferror(out) ? ERR_IO : ERR_OK;
}
