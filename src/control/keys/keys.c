/* SPDX-License-Identifier: Apache-2.0 */
#include "control/keys/keys.h"

#include "lib/base/base64.h"
#include "lib/base/buffer.h"
#include "lib/sys/file.h"

#include <stdio.h>

#define MEMORY_BYTES_MAX (256u << 20)
#define PATH_BYTES_MAX   4096
#define ID_CHARS         10
#define FILE_MODE        0600
#define SECONDS_MAX      253402300799 /* the end of year 9999 */

static const char header[] = "# API keys of weir: id tenant name salt hash created expires revoked\n"
                             "# Made by `weir keys add`. A line may be deleted; the secrets themselves are not here.\n";

/* An open keys file, locked. */
struct edit {
    struct pool pool;
    struct arena arena;
    const char *path;
    int lock; /* -1: none */
    unsigned mode;
    struct slice text;
    struct key_store *store;
    struct text *fault;
};

/* A key that was just made up. */
struct fresh {
    char id[ID_CHARS];
    char secret[KEY_SECRET_CHARS];
    uint8_t salt[KEY_SALT_BYTES];
    uint8_t hash[CRYPTO_SHA256_BYTES];
};

static enum err begin(struct edit *edit, const char *path, struct text *fault);
static void end(struct edit *edit);
static enum err make_fresh(const struct key_store *store, struct fresh *fresh);
static enum err save_added(struct edit *edit, const struct keys_add_options *options, const struct fresh *fresh);
static enum err save_revoked(struct edit *edit, const struct key_record *record, int64_t now_s);
static enum err write(struct edit *edit, const struct buffer *text);

enum err keys_add(const struct keys_add_options *options, char key_out[KEY_CHARS_MAX + 1])
{
    struct edit edit;
    struct fresh fresh;
    if (!key_text_is_valid(options->tenant) || (options->name.len && !key_text_is_valid(options->name))) {
        text_printf(options->fault, "a tenant or name is 1 to %d of A-Z a-z 0-9 _ . @ + -", KEY_TEXT_CHARS_MAX);
        return ERR_INVALID;
    }
    enum err err = begin(&edit, options->path, options->fault);
    if (err == ERR_OK) {
        err = make_fresh(edit.store, &fresh);
        if (err != ERR_OK)
            text_printf(options->fault, "no random bytes: %s", err_text(err));
        else
            err = save_added(&edit, options, &fresh);
    }
    if (err == ERR_OK)
        (void)snprintf(key_out, KEY_CHARS_MAX + 1, KEY_PREFIX "%.*s_%.*s", ID_CHARS, fresh.id, KEY_SECRET_CHARS,
                       fresh.secret);
    crypto_wipe(&fresh, sizeof fresh);
    end(&edit);
    return err;
}

enum err keys_revoke(const char *path, struct slice id, int64_t now_s, struct text *fault)
{
    struct edit edit;
    enum err err = begin(&edit, path, fault);
    const struct key_record *record = err == ERR_OK ? key_store_find(edit.store, id) : NULL;
    if (err == ERR_OK && !record) {
        text_printf(fault, "%s has no key with the id \"" SLICE_FMT "\"", path, SLICE_ARG(slice_first(id, 80)));
        err = ERR_NOT_FOUND;
    } else if (record && record->revoked_s != INT64_MAX) {
        text_printf(fault, "key " SLICE_FMT " was revoked before", SLICE_ARG(record->identity.id));
        err = ERR_EXISTS;
    } else if (record) {
        err = save_revoked(&edit, record, now_s);
    }
    end(&edit);
    return err;
}

enum err keys_expiry_parse(struct slice text, int64_t now_s, int64_t *ret_expires_s)
{
    uint64_t count;
    char full[KEY_TIME_CHARS + 1];
    if (text.len == KEY_TIME_CHARS)
        return key_time_parse(text, ret_expires_s);
    if (text.len == 10) {
        (void)snprintf(full, sizeof full, SLICE_FMT "T00:00:00Z", SLICE_ARG(text));
        return key_time_parse(slice_of_text(full), ret_expires_s);
    }
    if (text.len < 2)
        return ERR_SYNTAX;
    char unit = text.ptr[text.len - 1];
    uint64_t seconds = unit == 'd' ? 86400 : unit == 'h' ? 3600 : unit == 'm' ? 60 : 0;
    TRY(text_parse_u64(slice_first(text, text.len - 1), &count));
    if (seconds == 0 || count == 0)
        return ERR_SYNTAX;
    if (count > SECONDS_MAX / seconds || (int64_t)(count * seconds) > SECONDS_MAX - now_s)
        return ERR_LIMIT;
    *ret_expires_s = now_s + (int64_t)(count * seconds);
    return ERR_OK;
}

/* The lock is on a file of its own: the keys file itself is replaced, and a lock would go with the old one. */
static enum err lock(struct edit *edit)
{
    char path[PATH_BYTES_MAX];
    int len = snprintf(path, sizeof path, "%s.lock", edit->path);
    enum err err = len < 0 || (size_t)len >= sizeof path ? ERR_LIMIT : file_lock(path, &edit->lock);
    if (err != ERR_OK)
        text_printf(edit->fault, "%s cannot be locked: %s", path, err_text(err));
    return err;
}

static enum err read_file(struct edit *edit)
{
    struct file_content content = {0};
    struct file_status status;
    enum err err = file_read(edit->path, KEY_FILE_BYTES_MAX, &content);
    if (err == ERR_NOT_FOUND) {
        edit->text = SLICE_LIT(header);
        return ERR_OK;
    }
    if (err != ERR_OK) {
        text_printf(edit->fault, "%s cannot be read: %s", edit->path, err_text(err));
        return err;
    }
    edit->text = arena_copy(&edit->arena, slice_of(content.data, content.bytes));
    file_content_deinit(&content);
    if (file_status(edit->path, &status) == ERR_OK)
        edit->mode = status.mode;
    return edit->text.ptr ? ERR_OK : ERR_NOMEM;
}

/* end is to be called whatever comes back. A file that does not read is left alone. */
static enum err begin(struct edit *edit, const char *path, struct text *fault)
{
    *edit = (struct edit){.path = path, .lock = -1, .mode = FILE_MODE, .fault = fault};
    pool_init(&edit->pool, 0, 2 * (size_t)MEMORY_BYTES_MAX);
    arena_init(&edit->arena, &edit->pool, 65536, MEMORY_BYTES_MAX);
    TRY(lock(edit));
    TRY(read_file(edit));
    return key_store_parse(edit->text, slice_of_text(path), &edit->arena, fault, &edit->store);
}

static void end(struct edit *edit)
{
    arena_reset(&edit->arena);
    pool_deinit(&edit->pool);
    file_unlock(edit->lock);
}

/* Ids name keys in logs and lists. They are no secret, only unlikely to meet: 36^10. */
static enum err make_id(char id[ID_CHARS])
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t random[ID_CHARS];
    TRY(crypto_random(random, sizeof random));
    for (size_t i = 0; i < ID_CHARS; i++)
        id[i] = alphabet[random[i] % (sizeof alphabet - 1)];
    return ERR_OK;
}

static enum err make_secret(char secret[KEY_SECRET_CHARS])
{
    uint8_t random[KEY_SECRET_BYTES];
    char padded[(KEY_SECRET_BYTES + 2) / 3 * 4];
    TRY(crypto_random(random, sizeof random));
    base64_encode(slice_of(random, sizeof random), padded);
    for (size_t i = 0; i < KEY_SECRET_CHARS; i++)
        secret[i] = (char)(padded[i] == '+' ? '-' : padded[i] == '/' ? '_' : padded[i]);
    crypto_wipe(random, sizeof random);
    crypto_wipe(padded, sizeof padded);
    return ERR_OK;
}

static enum err make_fresh(const struct key_store *store, struct fresh *fresh)
{
    struct crypto_hasher *hasher;
    TRY(make_id(fresh->id));
    while (key_store_find(store, slice_of(fresh->id, ID_CHARS)))
        TRY(make_id(fresh->id));
    TRY(make_secret(fresh->secret));
    TRY(crypto_random(fresh->salt, sizeof fresh->salt));
    TRY(crypto_hasher_create(&hasher));
    enum err err = key_hash(hasher, fresh->salt, slice_of(fresh->secret, KEY_SECRET_CHARS), fresh->hash);
    crypto_hasher_destroy(hasher);
    return err;
}

static void add_hex(struct buffer *out, struct slice bytes)
{
    char *place = buffer_reserve(out, 2 * bytes.len);
    if (!place)
        return;
    text_format_hex(place, bytes);
    out->len += 2 * bytes.len;
}

static void add_time(struct buffer *out, int64_t unix_s)
{
    char text[KEY_TIME_CHARS] = "-";
    if (unix_s != INT64_MAX)
        key_time_format(text, unix_s);
    buffer_add(out, slice_of(text, unix_s == INT64_MAX ? 1 : KEY_TIME_CHARS));
}

static enum err save_added(struct edit *edit, const struct keys_add_options *options, const struct fresh *fresh)
{
    struct buffer out = buffer_in_arena(&edit->arena, edit->text.len + 512);
    struct slice name = options->name.len ? options->name : SLICE_LIT("-");
    buffer_add(&out, edit->text);
    if (edit->text.len && edit->text.ptr[edit->text.len - 1] != '\n')
        buffer_add_byte(&out, '\n');
    buffer_printf(&out, "%.*s " SLICE_FMT " " SLICE_FMT " ", ID_CHARS, fresh->id, SLICE_ARG(options->tenant),
                  SLICE_ARG(name));
    add_hex(&out, slice_of(fresh->salt, sizeof fresh->salt));
    buffer_add_byte(&out, ' ');
    add_hex(&out, slice_of(fresh->hash, sizeof fresh->hash));
    buffer_add_byte(&out, ' ');
    add_time(&out, options->now_s);
    buffer_add_byte(&out, ' ');
    add_time(&out, options->expires_s);
    buffer_add(&out, SLICE_LIT(" -\n"));
    return write(edit, &out);
}

/* The last field of the key's line is what follows its last space. */
static void add_revoked_line(struct buffer *out, struct slice line, int64_t now_s)
{
    line = slice_trim(line);
    while (line.len && line.ptr[line.len - 1] != ' ')
        line.len--;
    buffer_add(out, line);
    add_time(out, now_s);
}

static enum err save_revoked(struct edit *edit, const struct key_record *record, int64_t now_s)
{
    struct buffer out = buffer_in_arena(&edit->arena, edit->text.len + 64);
    struct slice rest = edit->text;
    for (uint32_t number = 1; rest.ptr; number++) {
        struct slice line = slice_cut(&rest, '\n');
        if (number == record->line)
            add_revoked_line(&out, line, now_s);
        else
            buffer_add(&out, line);
        if (rest.ptr)
            buffer_add_byte(&out, '\n');
    }
    return write(edit, &out);
}

static enum err write(struct edit *edit, const struct buffer *text)
{
    struct slice content;
    enum err err = buffer_finish(text, &content);
    if (err == ERR_OK && content.len > KEY_FILE_BYTES_MAX)
        err = ERR_LIMIT;
    if (err == ERR_OK)
        err = file_write_atomic(edit->path, edit->mode, content);
    if (err != ERR_OK)
        text_printf(edit->fault, "%s cannot be written: %s", edit->path, err_text(err));
    return err;
}
