/* SPDX-License-Identifier: Apache-2.0 */
/* The reading side of API keys: the file, strictly, and the check of what a client presents. */
#include "pipeline/keys.h"

#include "lib/sys/file.h"

#include <stdatomic.h>
#include <stdlib.h>

#define FIELDS         8
#define SECONDS_A_DAY  86400
#define SALT_HEX_CHARS ((size_t)2 * KEY_SALT_BYTES)
#define HASH_HEX_CHARS ((size_t)2 * CRYPTO_SHA256_BYTES)

/* No key, as long as one. */
#define STAND_IN "-----------------------------------------------------------------"

enum field { FIELD_ID, FIELD_TENANT, FIELD_NAME, FIELD_SALT, FIELD_HASH, FIELD_CREATED, FIELD_EXPIRES, FIELD_REVOKED };

/* Where the parser stands, for messages. */
struct position {
    struct slice path;
    uint32_t line;
    struct text *fault;
};

/* What a presented key says, before it is believed. */
struct claim {
    struct slice id;
    struct slice secret; /* KEY_SECRET_CHARS long even when malformed */
    bool is_well_formed;
};

static enum err read_fault(enum err err, struct slice path, struct text *fault);
static uint32_t count_keys(struct slice text);
static bool is_key_line(struct slice line);
static enum err parse_line(struct slice line, const struct position *at, struct key_record *record);
static enum err check_unique(const struct key_store *store, struct slice path, struct text *fault);
static int compare_ids(const void *a, const void *b);
static struct claim read_claim(struct slice presented);
RARELY_CALLED static const struct key_record *prove(const struct key_store *store, struct crypto_hasher *hasher,
                                                    struct slice presented);
static bool id_is_valid(struct slice id);
static int64_t days_of_date(int64_t year, unsigned month, unsigned day);
static void date_of_days(int64_t days, int64_t *year, unsigned *month, unsigned *day);

enum err key_store_load(struct slice path, struct arena *arena, struct text *fault, struct key_store **ret_store)
{
    struct file_content content;
    enum err err = file_read(path.ptr, KEY_FILE_BYTES_MAX, &content);
    if (err != ERR_OK)
        return read_fault(err, path, fault);
    err = key_store_parse(slice_of(content.data, content.bytes), path, arena, fault, ret_store);
    file_content_deinit(&content);
    return err;
}

enum err key_store_parse(struct slice text, struct slice path, struct arena *arena, struct text *fault,
                         struct key_store **ret_store)
{
    struct slice rest = arena_copy(arena, text);
    struct key_store *store = arena_alloc_zero(arena, sizeof *store);
    struct key_record *records = arena_alloc_array(arena, count_keys(text), sizeof *records);
    if (!rest.ptr || !store || !records) {
        text_printf(fault, SLICE_FMT ": out of memory", SLICE_ARG(path));
        return ERR_NOMEM;
    }
    static _Atomic uint64_t serials;
    store->serial = 1 + atomic_fetch_add_explicit(&serials, 1, memory_order_relaxed);
    store->records = records;
    struct position at = {.path = path, .fault = fault};
    while (rest.ptr) {
        struct slice line = slice_cut(&rest, '\n');
        at.line++;
        if (!is_key_line(line))
            continue;
        TRY(parse_line(line, &at, &records[store->count]));
        store->count++;
    }
    if (store->count)
        qsort(records, store->count, sizeof *records, compare_ids);
    TRY(check_unique(store, path, fault));
    *ret_store = store;
    return ERR_OK;
}

enum err key_verifier_init(struct key_verifier *verifier)
{
    *verifier = (struct key_verifier){0};
    TRY(crypto_hasher_create(&verifier->hasher));
    return crypto_random(&verifier->key, sizeof verifier->key);
}

void key_verifier_deinit(struct key_verifier *verifier)
{
    crypto_hasher_destroy(verifier->hasher);
    crypto_wipe(verifier, sizeof *verifier);
}

#define PREFIX_CHARS (sizeof(KEY_PREFIX) - 1)

/* Of every character behind the prefix. Texts of one length only may be compared by it: the words at the end overlap. */
static struct hash_nh_tag tag_of(const struct hash_nh_key *key, struct slice presented)
{
    enum { FRONT_WORDS = 6, BACK_BYTES = 16 };
    _Static_assert(FRONT_WORDS * 8 + BACK_BYTES == HASH_NH_WORDS * 8, "two pieces that make a message");
    _Static_assert(KEY_CHARS_MIN - PREFIX_CHARS >= FRONT_WORDS * 8, "the front is in every key");
    _Static_assert(KEY_CHARS_MAX - PREFIX_CHARS <= FRONT_WORDS * 8 + BACK_BYTES, "no character is between the pieces");
    return hash_nh(key, presented.ptr + PREFIX_CHARS, FRONT_WORDS, presented.ptr + presented.len - BACK_BYTES);
}

static bool is_same(const struct hash_nh_tag *a, const struct hash_nh_tag *b)
{
    uint64_t difference = 0;
    for (size_t i = 0; i < ARRAY_LEN(a->words); i++)
        difference |= a->words[i] ^ b->words[i];
    return difference == 0;
}

enum err key_store_verify(const struct key_store *store, struct key_verifier *verifier, struct slice presented,
                          int64_t now_s, struct key_slot **ret_slot)
{
    if (presented.len < KEY_CHARS_MIN || presented.len > KEY_CHARS_MAX)
        presented = SLICE_LIT(STAND_IN);
    struct hash_nh_tag tag = tag_of(&verifier->key, presented);
    struct key_slot *slot = &verifier->slots[tag.words[0] % KEY_SLOTS];
    bool is_known = slot->serial == store->serial && slot->len == presented.len && is_same(&slot->tag, &tag) &&
                    memcmp(presented.ptr, KEY_PREFIX, PREFIX_CHARS) == 0;
    const struct key_record *record = is_known ? slot->record : prove(store, verifier->hasher, presented);
    if (!record || now_s >= record->expires_s || now_s >= record->revoked_s)
        return ERR_DENIED;
    if (!is_known)
        *slot = (struct key_slot){.serial = store->serial, .record = record, .tag = tag, .len = presented.len};
    *ret_slot = slot;
    return ERR_OK;
}

/* The long way. NULL after the same work, whether the key is malformed, its id unknown or its secret wrong. */
static const struct key_record *prove(const struct key_store *store, struct crypto_hasher *hasher,
                                      struct slice presented)
{
    static const struct key_record nobody = {.revoked_s = 0};
    struct claim claim = read_claim(presented);
    const struct key_record *found = key_store_find(store, claim.id);
    const struct key_record *record = found ? found : &nobody;
    uint8_t hash[CRYPTO_SHA256_BYTES];
    if (key_hash(hasher, record->salt, claim.secret, hash) != ERR_OK)
        return NULL;
    bool is_equal = crypto_equal(hash, record->hash, sizeof hash);
    return (unsigned)is_equal & (unsigned)claim.is_well_formed & (unsigned)(found != NULL) ? record : NULL;
}

const struct key_record *key_store_find(const struct key_store *store, struct slice id)
{
    struct key_record wanted = {.identity.id = id};
    if (store->count == 0)
        return NULL;
    return bsearch(&wanted, store->records, store->count, sizeof wanted, compare_ids);
}

bool key_text_is_valid(struct slice text)
{
    if (text.len == 0 || text.len > KEY_TEXT_CHARS_MAX || slice_is(text, "-"))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9') && !(c && strchr("_.@+-", c)))
            return false;
    }
    return true;
}

enum err key_hash(struct crypto_hasher *hasher, const uint8_t salt[KEY_SALT_BYTES], struct slice secret,
                  uint8_t out[CRYPTO_SHA256_BYTES])
{
    const struct slice parts[] = {slice_of(salt, KEY_SALT_BYTES), secret};
    return crypto_sha256(hasher, parts, ARRAY_LEN(parts), out);
}

void key_time_format(char out[KEY_TIME_CHARS], int64_t unix_s)
{
    int64_t year;
    unsigned month;
    unsigned day;
    unsigned second = (unsigned)(unix_s % SECONDS_A_DAY);
    date_of_days(unix_s / SECONDS_A_DAY, &year, &month, &day);
    unsigned parts[] = {(unsigned)year, month, day, second / 3600, second / 60 % 60, second % 60};
    static const char separators[] = "--T::Z";
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        for (size_t place = i == 0 ? 4 : 2; place-- > 0; parts[i] /= 10)
            out[place] = (char)('0' + parts[i] % 10);
        out += i == 0 ? 4 : 2;
        *out++ = separators[i];
    }
}

enum err key_time_parse(struct slice text, int64_t *ret_unix_s)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    uint64_t parts[6] = {0};
    size_t part = 0;
    if (text.len != KEY_TIME_CHARS)
        return ERR_SYNTAX;
    for (size_t i = 0; i < KEY_TIME_CHARS; i++) {
        unsigned digit = (unsigned char)text.ptr[i] - (unsigned)'0';
        if (shape[i] == 'd' ? digit > 9 : text.ptr[i] != shape[i])
            return ERR_SYNTAX;
        if (shape[i] == 'd')
            parts[part] = parts[part] * 10 + digit;
        else
            part++;
    }
    if (parts[0] < 1970 || parts[1] < 1 || parts[1] > 12 || parts[3] > 23 || parts[4] > 59 || parts[5] > 59)
        return ERR_SYNTAX;
    /* A day that does not exist comes back as another one. */
    int64_t days = days_of_date((int64_t)parts[0], (unsigned)parts[1], (unsigned)parts[2]);
    int64_t year;
    unsigned month;
    unsigned day;
    date_of_days(days, &year, &month, &day);
    if (month != parts[1] || day != parts[2])
        return ERR_SYNTAX;
    *ret_unix_s = days * SECONDS_A_DAY + (int64_t)(parts[3] * 3600 + parts[4] * 60 + parts[5]);
    return ERR_OK;
}

static enum err read_fault(enum err err, struct slice path, struct text *fault)
{
    switch (err) {
    case ERR_NOT_FOUND:
        text_printf(fault, "keys file " SLICE_FMT " does not exist; make it with: weir keys add --file " SLICE_FMT,
                    SLICE_ARG(path), SLICE_ARG(path));
        break;
    case ERR_DENIED:
        text_printf(fault, "keys file " SLICE_FMT " may not be read by this user", SLICE_ARG(path));
        break;
    case ERR_INVALID:
        text_printf(fault, "keys file " SLICE_FMT " is not a regular file", SLICE_ARG(path));
        break;
    case ERR_LIMIT:
        text_printf(fault, "keys file " SLICE_FMT " is larger than %u MiB", SLICE_ARG(path), KEY_FILE_BYTES_MAX >> 20);
        break;
    default:
        text_printf(fault, "keys file " SLICE_FMT " cannot be read: %s", SLICE_ARG(path), err_text(err));
    }
    return err;
}

static bool is_key_line(struct slice line)
{
    line = slice_trim(line);
    return line.len > 0 && line.ptr[0] != '#';
}

static uint32_t count_keys(struct slice text)
{
    uint32_t count = 0;
    while (text.ptr)
        count += is_key_line(slice_cut(&text, '\n'));
    return count;
}

/* Fields stand apart by spaces. False unless there are exactly FIELDS. */
static bool split_line(struct slice line, struct slice fields[FIELDS])
{
    size_t count = 0;
    while (line.ptr) {
        struct slice field = slice_cut(&line, ' ');
        if (field.len == 0)
            continue;
        if (count == FIELDS)
            return false;
        fields[count++] = field;
    }
    return count == FIELDS;
}

static enum err refuse(const struct position *at, const char *what, struct slice found, const char *expected)
{
    text_printf(at->fault, SLICE_FMT ":%u: %s \"" SLICE_FMT "\" is not %s", SLICE_ARG(at->path), at->line, what,
                SLICE_ARG(slice_first(found, 80)), expected);
    return ERR_SYNTAX;
}

/* "-" is `absent`. */
static enum err parse_time(const struct position *at, const char *what, struct slice field, int64_t *ret_time_s)
{
    if (slice_is(field, "-")) {
        *ret_time_s = INT64_MAX;
        return ERR_OK;
    }
    if (key_time_parse(field, ret_time_s) != ERR_OK)
        return refuse(at, what, field, "a time such as 2026-01-31T12:00:00Z, or -");
    return ERR_OK;
}

static enum err parse_line(struct slice line, const struct position *at, struct key_record *record)
{
    struct slice fields[FIELDS];
    if (!split_line(line, fields)) {
        text_printf(at->fault,
                    SLICE_FMT ":%u: a key has 8 fields with spaces between: "
                              "id tenant name salt hash created expires revoked",
                    SLICE_ARG(at->path), at->line);
        return ERR_SYNTAX;
    }
    *record =
        (struct key_record){.identity = {.id = fields[FIELD_ID], .tenant = fields[FIELD_TENANT]}, .line = at->line};
    if (!id_is_valid(fields[FIELD_ID]))
        return refuse(at, "id", fields[FIELD_ID], "8 to 16 of a-z and 0-9");
    if (!key_text_is_valid(fields[FIELD_TENANT]))
        return refuse(at, "tenant", fields[FIELD_TENANT], "1 to 64 of A-Z a-z 0-9 _ . @ + -");
    if (!slice_is(fields[FIELD_NAME], "-")) {
        if (!key_text_is_valid(fields[FIELD_NAME]))
            return refuse(at, "name", fields[FIELD_NAME], "1 to 64 of A-Z a-z 0-9 _ . @ + -, or -");
        record->identity.name = fields[FIELD_NAME];
    }
    if (fields[FIELD_SALT].len != SALT_HEX_CHARS || text_decode_hex(fields[FIELD_SALT], record->salt) != ERR_OK)
        return refuse(at, "salt", fields[FIELD_SALT], "16 bytes in hex");
    if (fields[FIELD_HASH].len != HASH_HEX_CHARS || text_decode_hex(fields[FIELD_HASH], record->hash) != ERR_OK)
        return refuse(at, "hash", fields[FIELD_HASH], "32 bytes in hex");
    TRY(parse_time(at, "created", fields[FIELD_CREATED], &record->created_s));
    TRY(parse_time(at, "expires", fields[FIELD_EXPIRES], &record->expires_s));
    return parse_time(at, "revoked", fields[FIELD_REVOKED], &record->revoked_s);
}

static enum err check_unique(const struct key_store *store, struct slice path, struct text *fault)
{
    for (uint32_t i = 1; i < store->count; i++) {
        const struct key_record *a = &store->records[i - 1];
        const struct key_record *b = &store->records[i];
        if (!slice_equal(a->identity.id, b->identity.id))
            continue;
        text_printf(fault, SLICE_FMT ":%u: id \"" SLICE_FMT "\" stands in line %u already", SLICE_ARG(path),
                    MAX(a->line, b->line), SLICE_ARG(b->identity.id), MIN(a->line, b->line));
        return ERR_EXISTS;
    }
    return ERR_OK;
}

static int compare_ids(const void *a, const void *b)
{
    struct slice x = ((const struct key_record *)a)->identity.id;
    struct slice y = ((const struct key_record *)b)->identity.id;
    int order = x.len && y.len ? memcmp(x.ptr, y.ptr, MIN(x.len, y.len)) : 0;
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static bool id_is_valid(struct slice id)
{
    if (id.len < KEY_ID_CHARS_MIN || id.len > KEY_ID_CHARS_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!(id.ptr[i] >= 'a' && id.ptr[i] <= 'z') && !(id.ptr[i] >= '0' && id.ptr[i] <= '9'))
            return false;
    return true;
}

/* The id's characters are not looked at, since no record has another id than a valid one; nor are the secret's: only a
 * hash decides. Its length is: a hash of a longer text would take longer. */
static struct claim read_claim(struct slice presented)
{
    static const char stand_in[KEY_SECRET_CHARS] = {0};
    struct claim claim = {.secret = slice_of(stand_in, sizeof stand_in)};
    if (!slice_starts(presented, SLICE_LIT(KEY_PREFIX)))
        return claim;
    struct slice rest = slice_skip(presented, PREFIX_CHARS);
    if (rest.len < KEY_ID_CHARS_MIN + 1 + KEY_SECRET_CHARS || rest.len > KEY_ID_CHARS_MAX + 1 + KEY_SECRET_CHARS)
        return claim;
    struct slice id = slice_first(rest, rest.len - KEY_SECRET_CHARS - 1);
    if (id.ptr[id.len] != '_')
        return claim;
    return (struct claim){.id = id, .secret = slice_skip(rest, id.len + 1), .is_well_formed = true};
}

/* The proleptic Gregorian calendar with years that begin in March, so that the leap day is a year's last: then the day
 * of the year is a linear function of the month. Days count from 1970-01-01; only years from 1970 are asked for. */
static int64_t days_of_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    unsigned month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * (int64_t)month_from_march + 2) / 5 + (int64_t)day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    int64_t from_year_0 = days + 719468;
    int64_t era = from_year_0 / 146097;
    int64_t day_of_era = from_year_0 % 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
    *month = (unsigned)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}
