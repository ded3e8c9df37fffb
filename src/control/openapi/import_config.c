/* SPDX-License-Identifier: Apache-2.0 */
/* weir.yaml. Texts are written as JSON strings, which YAML reads as they are. */
#include "control/config/load.h"
#include "control/openapi/import_int.h"
#include "lib/base/utf8.h"

#define KEYS_FILE "keys.conf"

/* Characters that JSON takes in a string and readers of YAML do not: DEL, those of C1, separators of lines, no characters. */
static bool is_forbidden(uint32_t character)
{
    return (character >= 0x7f && character < 0xa0) || character == 0x2028 || character == 0x2029 ||
           character == 0xfeff || character == 0xfffe || character == 0xffff;
}

struct slice import_quote(struct import *in, struct slice text)
{
    struct json_writer writer = json_writer_in_arena(in->arena, text.len + 16);
    struct buffer out = buffer_in_arena(in->arena, text.len + 16);
    struct slice quoted = {NULL, 0};
    json_write_string(&writer, text);
    if (json_writer_finish(&writer, &quoted) != ERR_OK) {
        in->err = ERR_NOMEM;
        return SLICE_LIT("");
    }
    const unsigned char *at = (const unsigned char *)quoted.ptr;
    const unsigned char *end = at + quoted.len;
    while (at < end) {
        const unsigned char *from = at;
        uint32_t character = *at < 0x80 ? *at++ : utf8_take_long(&at);
        if (is_forbidden(character))
            buffer_printf(&out, "\\u%04x", character);
        else
            buffer_add(&out, slice_of(from, (size_t)(at - from)));
    }
    if (buffer_finish(&out, &quoted) != ERR_OK)
        in->err = ERR_NOMEM;
    return quoted;
}

static void put_text(struct import *in, struct buffer *out, const char *before, struct slice text)
{
    buffer_printf(out, "%s", before);
    buffer_add(out, import_quote(in, text));
    buffer_add_byte(out, '\n');
}

static void put_comments(struct buffer *out, const char *indent, const struct import_comments *comments)
{
    for (const struct import_comment *comment = comments->first; comment; comment = comment->next)
        buffer_printf(out, "%s# " SLICE_FMT "\n", indent, SLICE_ARG(comment->text));
}

static void put_info(struct import *in, struct buffer *out)
{
    static const struct {
        const char *key;
        size_t bytes_max;
    } rows[] = {{"title", 256}, {"version", 64}, {"summary", 1024}, {"description", 65535}};
    yyjson_val *info = json_get(in->root, SLICE_LIT("info"));
    char before[32];
    bool is_first = true;
    size_t mark = import_enter(in, SLICE_LIT("info"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct slice text = import_text(in, info, rows[i].key, rows[i].bytes_max);
        if (!text.len)
            continue;
        snprintf(before, sizeof before, "%s  %s: ", is_first ? "\nopenapi:\n" : "", rows[i].key);
        put_text(in, out, before, text);
        is_first = false;
    }
    import_leave(in, mark);
}

static void put_upstreams(struct import *in, struct buffer *out)
{
    buffer_add(out, SLICE_LIT("\nupstreams:\n"));
    for (const struct import_upstream *upstream = in->upstreams; upstream; upstream = upstream->next) {
        if (upstream->is_guess)
            buffer_add(out, SLICE_LIT("  # The document names no host: put that of your API here.\n"));
        put_text(in, out, "  - name: ", upstream->name);
        buffer_printf(out, "    servers: [\"" SLICE_FMT "\"]\n    host: server\n%s", SLICE_ARG(upstream->server),
                      upstream->is_tls ? "    tls: true\n" : "");
    }
}

static void put_auth(const struct import_route *route, struct buffer *out)
{
    static const char *const headers[] = {[IMPORT_AUTHORIZATION] = ", header: authorization",
                                          [IMPORT_X_API_KEY] = ", header: x_api_key",
                                          [IMPORT_BOTH_HEADERS] = ""};
    if (route->auth == IMPORT_PUBLIC)
        buffer_add(out, SLICE_LIT("    public: true\n"));
    else
        buffer_printf(out, "    chain:\n      - auth: {keys: " KEYS_FILE "%s}\n", headers[route->auth]);
}

/* Where the files have not the names by which weir finds them. */
static void put_files(struct import *in, const struct import_route *route, struct buffer *out)
{
    if (route->is_named)
        return;
    if (route->has_body)
        put_text(in, out, "    schema: ",
                 import_keep(in, arena_printf(in->arena, "schemas/" SLICE_FMT ".json", SLICE_ARG(route->name))));
    if (route->has_parameters)
        put_text(
            in, out, "    parameters: ",
            import_keep(in, arena_printf(in->arena, "schemas/" SLICE_FMT ".parameters.json", SLICE_ARG(route->name))));
}

static void put_route(struct import *in, const struct import_route *route, struct buffer *out)
{
    struct slice match = import_keep(
        in, arena_printf(in->arena, SLICE_FMT " " SLICE_FMT, SLICE_ARG(route->method), SLICE_ARG(route->pattern)));
    bool wants_body =
        slice_is(route->method, "POST") || slice_is(route->method, "PUT") || slice_is(route->method, "PATCH");
    put_comments(out, "  ", &route->comments);
    put_text(in, out, "  - match: ", match);
    if (route->operation_id.len)
        put_text(in, out, "    operation_id: ", route->operation_id);
    if (route->summary.len)
        put_text(in, out, "    summary: ", route->summary);
    if (route->description.len)
        put_text(in, out, "    description: ", route->description);
    if (route->tags.len)
        buffer_printf(out, "    tags: [" SLICE_FMT "]\n", SLICE_ARG(route->tags));
    put_auth(route, out);
    put_files(in, route, out);
    if (route->has_body && wants_body && !route->is_body_required)
        buffer_add(out, SLICE_LIT("    body_required: false\n"));
    if (route->responses.len)
        buffer_printf(out, "    responses:\n" SLICE_FMT, SLICE_ARG(route->responses));
    put_text(in, out, "    to:\n      upstream: ", route->upstream->name);
}

static bool has_auth(const struct import *in)
{
    for (const struct import_route *route = in->routes; route; route = route->next)
        if (route->auth != IMPORT_PUBLIC)
            return true;
    return false;
}

static struct slice make(struct import *in)
{
    struct import_comments head = {NULL, NULL};
    struct buffer out = buffer_in_arena(in->arena, 65536);
    struct slice text = {NULL, 0};
    import_comment(in, &head, "Made by weir import openapi from %s.", in->settings->name);
    put_comments(&out, "", &head);
    buffer_add(&out, SLICE_LIT("listen: [\"127.0.0.1:8080\"]\n"));
    put_info(in, &out);
    if (in->schema_count || in->has_parameters)
        buffer_add(&out,
                   SLICE_LIT("\n# Responses are only looked at where `responses: report` or `enforce` is added here.\n"
                             "schemas: {folder: schemas}\n"));
    put_upstreams(in, &out);
    buffer_add(&out, SLICE_LIT("\n"));
    put_comments(&out, "", &in->comments);
    if (has_auth(in))
        buffer_add(&out,
                   SLICE_LIT("# Keys are made with: weir keys add --file " KEYS_FILE " --tenant NAME --name NAME\n"));
    buffer_add(&out, SLICE_LIT("routes:\n"));
    for (const struct import_route *route = in->routes; route; route = route->next)
        put_route(in, route, &out);
    if (buffer_finish(&out, &text) != ERR_OK)
        in->err = ERR_NOMEM;
    return text;
}

struct slice import_config(struct import *in)
{
    struct slice text = make(in);
    if (has_auth(in))
        import_add_file(in, SLICE_LIT(KEYS_FILE), SLICE_LIT("# API keys of weir. weir keys add makes the first one.\n"),
                        0600);
    if (text.len <= CONFIG_BYTES_MAX)
        return text;
    import_note(in, NULL,
                "weir.yaml would be larger than %d MiB: it has the summaries of operations only, and no descriptions",
                CONFIG_BYTES_MAX >> 20);
    for (struct import_route *route = in->routes; route; route = route->next)
        route->description = SLICE_LIT("");
    return make(in);
}
