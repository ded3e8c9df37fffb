/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a C table of files: content, media type, entity tag, and the forms coded beforehand.
 *
 *     embed_assets OUT.c NAME=FILE...
 *
 * NAMEs are what the program knows the files by, in the order of the table. A coded form that saves less than a tenth is left out. Part
 * of the build, and of nothing else: it stops at the first thing that goes wrong. */
#include "lib/codings/encoder.h"
#include "lib/crypto/crypto.h"
#include "lib/http/media_names.h"
#include "lib/sys/file.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_BYTES_MAX (16U << 20)
#define LINE_BYTES     24
#define TAG_BYTES      8

static const struct {
    enum coding coding;
    const char *word;
    int level;
} forms[] = {{CODING_GZIP, "GZIP", 9}, {CODING_BROTLI, "BROTLI", 9}, {CODING_ZSTD, "ZSTD", 19}};

static struct pool pool;
static struct codings codings;
static FILE *out;

static void stop(const char *what, const char *name)
{
    (void)fprintf(stderr, "embed_assets: %s: %s\n", name, what);
    exit(1);
}

static void write_bytes(size_t index, const char *word, struct slice bytes)
{
    (void)fprintf(out, "static const unsigned char asset_%zu_%s[] = {", index, word);
    for (size_t i = 0; i < bytes.len; i++)
        (void)fprintf(out, "%s%u,", i % LINE_BYTES ? "" : "\n    ", (unsigned char)bytes.ptr[i]);
    (void)fprintf(out, "\n};\n");
}

/* False when the form is not worth its place. */
static bool encode(enum coding coding, int level, struct slice content, char *room, size_t *ret_bytes)
{
    struct encoder *encoder;
    struct encoder_config config = {.coding = coding, .level = level, .known_bytes = content.len};
    size_t capacity = encoder_bound(coding, content.len);
    size_t done = 0;
    size_t bytes;
    enum err err;
    if (encoder_acquire(&codings, &config, &encoder) != ERR_OK)
        stop("no memory", coding_name(coding));
    while ((err = encoder_write(encoder, &content, ENCODER_FINISH, room + done, capacity - done, &bytes)) == ERR_OK)
        done += bytes;
    if (err != ERR_EOF)
        stop(err_text(err), coding_name(coding));
    encoder_release(encoder);
    *ret_bytes = done;
    return true;
}

/* Bit i: form i is there. */
static unsigned write_forms(size_t index, const char *name, struct slice content)
{
    unsigned present = 0;
    write_bytes(index, "IDENTITY", content);
    if (!media_is_compressible(slice_of_text(media_type_of_path(slice_of_text(name)))))
        return 0;
    char *room = malloc(encoder_bound(CODING_GZIP, content.len));
    for (unsigned i = 0; room && i < ARRAY_LEN(forms); i++) {
        size_t bytes;
        if (!encode(forms[i].coding, forms[i].level, content, room, &bytes) || bytes > content.len / 10 * 9)
            continue;
        write_bytes(index, forms[i].word, slice_of(room, bytes));
        present |= 1U << i;
    }
    free(room);
    return present;
}

static void write_tag(struct slice content)
{
    struct crypto_hasher *hasher;
    uint8_t hash[CRYPTO_SHA256_BYTES];
    if (crypto_hasher_create(&hasher) != ERR_OK || crypto_sha256(hasher, &content, 1, hash) != ERR_OK)
        stop("cannot be hashed", "content");
    crypto_hasher_destroy(hasher);
    for (size_t i = 0; i < TAG_BYTES; i++)
        (void)fprintf(out, "%02x", hash[i]);
}

/* The table's row goes to `rows`, which is written behind the arrays. */
static void write_asset(size_t index, const char *name, const char *path, FILE *rows)
{
    struct file_content content;
    FILE *arrays = out;
    enum err err = file_read(path, FILE_BYTES_MAX, &content);
    if (err != ERR_OK)
        stop(err_text(err), path);
    if (content.bytes == 0)
        stop("is empty", path);
    struct slice bytes = slice_of(content.data, content.bytes);
    unsigned present = write_forms(index, name, bytes);
    (void)fprintf(rows, "    {.name = \"%s\",\n     .media_type = \"%s\",\n     .etag = \"", name,
                  media_type_of_path(slice_of_text(name)));
    out = rows;
    write_tag(bytes);
    out = arrays;
    (void)fprintf(rows, "\",\n     .content = {[CODING_IDENTITY] = FORM(asset_%zu_IDENTITY)", index);
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++)
        if (present >> i & 1)
            (void)fprintf(rows, ", [CODING_%s] = FORM(asset_%zu_%s)", forms[i].word, index, forms[i].word);
    (void)fprintf(rows, "}},\n");
    file_content_deinit(&content);
}

int main(int argc, char **argv)
{
    FILE *rows = tmpfile();
    if (argc < 3 || !rows)
        stop("takes OUT.c NAME=FILE...", "usage");
    out = fopen(argv[1], "w");
    if (!out)
        stop("cannot be written", argv[1]);
    pool_init(&pool, 0, SIZE_MAX);
    codings_init(&codings, &(struct codings_config){.pool = &pool, .in_use_max = 1});
    (void)fprintf(out, "/* Made by tools/embed_assets.c. */\n#include \"pipeline/files.h\"\n\n");
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals)
            stop("is not NAME=FILE", argv[i]);
        *equals = '\0';
        write_asset((size_t)i - 2, argv[i], equals + 1, rows);
    }
    (void)fprintf(out, "#define FORM(bytes) {(const char *)(bytes), sizeof(bytes)}\n");
    (void)fprintf(out, "const struct asset assets[] = {\n");
    rewind(rows);
    for (int c; (c = fgetc(rows)) != EOF;)
        (void)fputc(c, out);
    (void)fprintf(out, "};\nconst size_t asset_count = sizeof assets / sizeof assets[0];\n");
    codings_deinit(&codings);
    pool_deinit(&pool);
    return fclose(out) == 0 && fclose(rows) == 0 ? 0 : 1;
}
