/* SPDX-License-Identifier: Apache-2.0 */
/* weir keys: makes, shows and revokes API keys. The key itself is printed once, alone on standard output, so that a
 * script can take it; everything else goes to standard error. */
#include "cmd/options.h"

#include "control/keys/keys.h"
#include "lib/json/writer.h"
#include "lib/sys/clock.h"

#include <stdio.h>

#define FAULT_BYTES      512
#define MEMORY_BYTES_MAX (256u << 20)

enum flag { FLAG_FILE, FLAG_TENANT, FLAG_NAME, FLAG_EXPIRES, FLAG_COUNT };

/* The file's flag comes first: list and revoke take only that, or that and one more. */
static const struct cmd_flag add_flags[] = {
    {"file", 'f', "FILE", "the keys file; made when absent, readable by its owner only"},
    {"tenant", 't', "TENANT", "whom the key is for; stands in logs and decides A/B buckets"},
    {"name", 'n', "NAME", "what the key is for, to tell a tenant's keys apart"},
    {"expires", 'e', "WHEN", "90d, 12h, 30m, 2027-01-31 or 2027-01-31T12:00:00Z; without it never"},
};
static const struct cmd_flag list_flags[] = {
    {"file", 'f', "FILE", "the keys file"},
    {"json", 0, NULL, "a JSON array"},
};
static const struct cmd_flag revoke_flags[] = {
    {"file", 'f', "FILE", "the keys file"},
};

static const char usage[] = "add --file FILE --tenant TENANT [--name NAME] [--expires WHEN]\n"
                            "list --file FILE [--json]\n"
                            "revoke --file FILE ID";

static int add(int argc, char **argv);
static int list(int argc, char **argv);
static int revoke(int argc, char **argv);

int cmd_keys(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int argc, char **argv);
    } commands[] = {{"add", add}, {"list", list}, {"revoke", revoke}};
    struct cmd_line line = {
        .command = "keys",
        .usage = usage,
        .about = "Makes, shows and revokes API keys. The file holds salted hashes: a lost key cannot be shown\n"
                 "again. A running server takes the file up when it is told to reload (SIGHUP).\n",
    };
    const char *value;
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(commands); i++)
        if (slice_is(slice_of_text(argv[1]), commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    cmd_begin(&line, argc, argv);
    if (cmd_next(&line, &value) == CMD_EXIT)
        return line.exit;
    if (line.argument_count == 0)
        return cmd_misuse("keys", "say what to do: add, list or revoke");
    static const char *const names[] = {"add", "list", "revoke"};
    const char *nearest = text_nearest(slice_of_text(line.arguments[0]), names, ARRAY_LEN(names));
    return cmd_misuse("keys", "unknown command \"%s\"; %s%s%s", line.arguments[0], nearest ? "did you mean \"" : "",
                      nearest ? nearest : "there are add, list and revoke", nearest ? "\"?" : "");
}

static int64_t now_s(void)
{
    return (int64_t)(clock_wall_ns() / NS_PER_S);
}

static int add(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "keys add",
        .usage = "--file FILE --tenant TENANT [--name NAME] [--expires WHEN]",
        .about = "Prints a new key on standard output. It cannot be shown again: only its hash is kept.\n",
        .flags = add_flags,
        .flag_count = ARRAY_LEN(add_flags),
    };
    const char *values[FLAG_COUNT] = {NULL};
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        values[flag] = value;
    if (flag == CMD_EXIT)
        return line.exit;
    if (!values[FLAG_FILE] || !values[FLAG_TENANT])
        return cmd_misuse("keys add", "--file and --tenant are needed");
    if (line.argument_count)
        return cmd_misuse("keys add", "unexpected argument \"%s\"", line.arguments[0]);
    char fault_memory[FAULT_BYTES];
    struct text fault = text_init(fault_memory, sizeof fault_memory);
    struct keys_add_options options = {
        .path = values[FLAG_FILE],
        .tenant = slice_of_text(values[FLAG_TENANT]),
        .name = slice_of_text(values[FLAG_NAME]),
        .now_s = now_s(),
        .expires_s = INT64_MAX,
        .fault = &fault,
    };
    if (values[FLAG_EXPIRES] &&
        keys_expiry_parse(slice_of_text(values[FLAG_EXPIRES]), options.now_s, &options.expires_s) != ERR_OK)
        return cmd_misuse("keys add", "--expires takes 90d, 12h, 30m, 2027-01-31 or 2027-01-31T12:00:00Z, found \"%s\"",
                          values[FLAG_EXPIRES]);
    if (options.expires_s <= options.now_s)
        return cmd_misuse("keys add", "--expires %s is in the past", values[FLAG_EXPIRES]);
    char key[KEY_CHARS_MAX + 1];
    if (keys_add(&options, key) != ERR_OK)
        return cmd_fail("keys add", "%s", fault.ptr);
    printf("%s\n", key);
    crypto_wipe(key, sizeof key);
    fprintf(
        stderr,
        "The line on standard output is the key of tenant %s. Keep it: it is not stored and cannot be shown again.\n"
        "Send it as \"Authorization: Bearer KEY\". A running server needs a SIGHUP to know it.\n",
        values[FLAG_TENANT]);
    return CMD_DONE;
}

static void format_time(int64_t time_s, char out[KEY_TIME_CHARS + 1])
{
    if (time_s == INT64_MAX) {
        (void)snprintf(out, KEY_TIME_CHARS + 1, "-");
        return;
    }
    key_time_format(out, time_s);
    out[KEY_TIME_CHARS] = '\0';
}

static const char *state_of(const struct key_record *record, int64_t at_s)
{
    if (record->revoked_s != INT64_MAX)
        return "revoked";
    return record->expires_s <= at_s ? "expired" : "valid";
}

static void print_table(const struct key_store *store)
{
    char created[KEY_TIME_CHARS + 1];
    char expires[KEY_TIME_CHARS + 1];
    printf("%-16s %-20s %-20s %-20s %-20s %s\n", "ID", "TENANT", "NAME", "CREATED", "EXPIRES", "STATE");
    for (uint32_t i = 0; i < store->count; i++) {
        const struct key_record *record = &store->records[i];
        struct slice name = record->identity.name.len ? record->identity.name : SLICE_LIT("-");
        format_time(record->created_s, created);
        format_time(record->expires_s, expires);
        printf("%-16.*s %-20.*s %-20.*s %-20s %-20s %s\n", SLICE_ARG(record->identity.id),
               SLICE_ARG(record->identity.tenant), SLICE_ARG(name), created, expires, state_of(record, now_s()));
    }
}

static void write_time(struct json_writer *out, const char *key, int64_t time_s)
{
    char text[KEY_TIME_CHARS];
    json_write_key(out, slice_of_text(key));
    if (time_s == INT64_MAX) {
        json_write_null(out);
        return;
    }
    key_time_format(text, time_s);
    json_write_string(out, slice_of(text, sizeof text));
}

static enum err print_json(const struct key_store *store, struct arena *arena)
{
    struct json_writer out = json_writer_in_arena(arena, 0);
    struct slice text;
    json_write_array_begin(&out);
    for (uint32_t i = 0; i < store->count; i++) {
        const struct key_record *record = &store->records[i];
        json_write_object_begin(&out);
        json_write_member_string(&out, "id", record->identity.id);
        json_write_member_string(&out, "tenant", record->identity.tenant);
        json_write_member_string(&out, "name", record->identity.name);
        write_time(&out, "created", record->created_s);
        write_time(&out, "expires", record->expires_s);
        write_time(&out, "revoked", record->revoked_s);
        json_write_member_string(&out, "state", slice_of_text(state_of(record, now_s())));
        json_write_object_end(&out);
    }
    json_write_array_end(&out);
    TRY(json_writer_finish(&out, &text));
    printf(SLICE_FMT "\n", SLICE_ARG(text));
    return ERR_OK;
}

static int list_file(const char *path, bool is_json)
{
    char fault_memory[FAULT_BYTES];
    struct text fault = text_init(fault_memory, sizeof fault_memory);
    struct pool pool;
    struct arena arena;
    struct key_store *store;
    pool_init(&pool, 0, 2 * (size_t)MEMORY_BYTES_MAX);
    arena_init(&arena, &pool, 65536, MEMORY_BYTES_MAX);
    enum err err = key_store_load(slice_of_text(path), &arena, &fault, &store);
    if (err == ERR_OK && is_json)
        err = print_json(store, &arena);
    else if (err == ERR_OK)
        print_table(store);
    arena_reset(&arena);
    pool_deinit(&pool);
    return err == ERR_OK ? CMD_DONE : cmd_fail("keys list", "%s", fault.len ? fault.ptr : err_text(err));
}

static int list(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "keys list",
        .usage = "--file FILE [--json]",
        .about = "Shows the keys of a file, by id. The keys themselves are not in it.\n",
        .flags = list_flags,
        .flag_count = ARRAY_LEN(list_flags),
    };
    const char *path = NULL;
    bool is_json = false;
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0) {
        path = flag == FLAG_FILE ? value : path;
        is_json |= flag != FLAG_FILE;
    }
    if (flag == CMD_EXIT)
        return line.exit;
    if (!path || line.argument_count)
        return cmd_misuse("keys list", "--file is needed and nothing else");
    return list_file(path, is_json);
}

static int revoke(int argc, char **argv)
{
    struct cmd_line line = {
        .command = "keys revoke",
        .usage = "--file FILE ID",
        .about = "Marks a key as revoked. A running server goes on taking it until it reloads (SIGHUP).\n",
        .flags = revoke_flags,
        .flag_count = ARRAY_LEN(revoke_flags),
    };
    char fault_memory[FAULT_BYTES];
    struct text fault = text_init(fault_memory, sizeof fault_memory);
    const char *path = NULL;
    const char *value;
    int flag;
    cmd_begin(&line, argc, argv);
    while ((flag = cmd_next(&line, &value)) >= 0)
        path = value;
    if (flag == CMD_EXIT)
        return line.exit;
    if (!path || line.argument_count != 1)
        return cmd_misuse("keys revoke", "--file and one ID are needed");
    if (keys_revoke(path, slice_of_text(line.arguments[0]), now_s(), &fault) != ERR_OK)
        return cmd_fail("keys revoke", "%s", fault.ptr);
    fprintf(stderr, "Key %s is revoked. A running server needs a SIGHUP to know it.\n", line.arguments[0]);
    return CMD_DONE;
}
