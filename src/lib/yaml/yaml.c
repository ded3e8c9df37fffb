/* SPDX-License-Identifier: Apache-2.0 */
/* The door to libfyaml. We take its events and not its documents: the tree is ours, so its depth, its size and what may
 * stand in it are decided here while it grows, and libfyaml never resolves an alias. */
#include "lib/yaml/yaml.h"

#include "lib/base/map.h"

#include <libfyaml.h>

struct level {
    struct yaml_node *node;
    struct yaml_node *last; /* child */
    struct yaml_node *key;  /* of a map: the key that waits for its value */
};

struct builder {
    struct arena *arena;
    struct report *report;
    struct fy_parser *parser;
    struct slice text;
    const struct yaml_limits *limits;
    struct level *levels;
    uint32_t depth;
    uint32_t node_count;
    uint32_t document_count;
    bool has_ended; /* the stream, with an event of its own */
    struct yaml_node *root;
    struct report_place last; /* of the latest event that had one */
};

static enum err check_text(struct slice text, struct report *report);
static enum err build(struct builder *builder);
static enum err take_event(struct builder *builder, struct fy_event *event);
static enum err add_node(struct builder *builder, struct fy_event *event, enum yaml_kind kind);
static enum err check_keys(struct builder *builder, const struct yaml_node *map);
static void report_syntax(struct builder *builder, struct fy_diag *diag);

enum err yaml_parse(struct slice text, struct arena *arena, struct report *report, const struct yaml_node **ret_root)
{
    static const struct yaml_limits limits = {.depth_max = YAML_DEPTH_MAX, .nodes_max = YAML_NODES_MAX};
    return yaml_parse_within(text, &limits, arena, report, ret_root);
}

enum err yaml_parse_within(struct slice text, const struct yaml_limits *limits, struct arena *arena,
                           struct report *report, const struct yaml_node **ret_root)
{
    struct fy_diag_cfg diag_cfg;
    struct builder builder = {.arena = arena, .report = report, .text = text, .limits = limits};
    TRY(check_text(text, report));
    builder.levels = arena_alloc_array(arena, limits->depth_max, sizeof *builder.levels);
    if (!builder.levels)
        return ERR_NOMEM;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag)
        return ERR_NOMEM;
    fy_diag_set_collect_errors(diag, true);
    /* NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): a set of bits, though its type is an enum */
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE, .diag = diag};
    builder.parser = fy_parser_create(&cfg);
    enum err err = ERR_NOMEM;
    if (builder.parser &&
        fy_parser_set_string(builder.parser, text.len ? text.ptr : "\n", text.len ? text.len : 1) == 0)
        err = build(&builder);
    if (err == ERR_SYNTAX) {
        report_syntax(&builder, diag);
        err = ERR_INVALID;
    }
    fy_parser_destroy(builder.parser);
    fy_diag_destroy(diag);
    if (err == ERR_OK)
        *ret_root = builder.root;
    return err;
}

const struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (const struct yaml_node *child = map->first; child; child = child->next)
        if (slice_is(child->key, key))
            return child;
    return NULL;
}

/* Bytes of the UTF-8 character at the front of `text`, or 0. Overlong forms and surrogates are let through to libfyaml:
 * here only the frame is checked, so that columns can be counted. */
static size_t character_bytes(struct slice text)
{
    unsigned char first = (unsigned char)text.ptr[0];
    size_t bytes = first < 0x80 ? 1 : first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (first >= 0xf5 || bytes > text.len)
        return 0;
    for (size_t i = 1; i < bytes; i++)
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            return 0;
    return bytes;
}

/* What libfyaml 0.7 must not see. It takes a NUL for the end of the input and says nothing: what stands behind it would
 * be ignored. Over a directive, and over tabs behind a dash, it spends time that grows with the square of their length,
 * a minute for 1 MiB, and some mixtures of tabs and dashes make it write to memory that is not its own. Tabs mean nothing
 * in YAML that spaces do not, so they are left to comments. */
static enum err check_text(struct slice text, struct report *report)
{
    struct report_place place = {.line = 1, .column = 1};
    unsigned char before = '\n';
    bool is_comment = false;
    while (text.len) {
        unsigned char c = (unsigned char)text.ptr[0];
        size_t bytes = character_bytes(text);
        if (bytes == 0) {
            report_error(report, place, "byte 0x%02x is not valid UTF-8; save the file as UTF-8", c);
            return ERR_INVALID;
        }
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
            report_error(report, place, "control character 0x%02x may not stand in YAML", c);
            return ERR_INVALID;
        }
        if (c == '%' && place.column == 1) {
            report_error(report, place, "directives (%%YAML, %%TAG) are not supported; leave the line out");
            return ERR_INVALID;
        }
        is_comment = c != '\n' && (is_comment || (c == '#' && (before == ' ' || before == '\n')));
        if (c == '\t' && !is_comment) {
            report_error(report, place, "a tab stands here; use spaces, or \\t in double quotes");
            return ERR_INVALID;
        }
        before = c;
        text = slice_skip(text, bytes);
        place.column++;
        if (c == '\n')
            place = (struct report_place){.line = place.line + 1, .column = 1};
    }
    return ERR_OK;
}

static enum err build(struct builder *builder)
{
    enum err err = ERR_OK;
    struct fy_event *event;
    while (err == ERR_OK && (event = fy_parser_parse(builder->parser))) {
        err = take_event(builder, event);
        fy_parser_event_free(builder->parser, event);
    }
    if (err != ERR_OK)
        return err;
    if (fy_parser_get_stream_error(builder->parser))
        return ERR_SYNTAX;
    if (!builder->has_ended)
        return ERR_NOMEM; /* libfyaml says nothing more about it: what was read so far must not pass for the whole */
    if (builder->root)
        return ERR_OK;
    builder->root = arena_alloc_zero(builder->arena, sizeof *builder->root);
    return builder->root ? ERR_OK : ERR_NOMEM;
}

static void note_place(struct builder *builder, const struct fy_mark *mark)
{
    if (mark)
        builder->last = (struct report_place){.line = (uint32_t)mark->line + 1, .column = (uint32_t)mark->column + 1};
}

static enum err refuse(struct builder *builder, const char *format, ...) PRINTF_LIKE(2, 3);
static enum err refuse(struct builder *builder, const char *format, ...)
{
    char memory[256];
    struct text message = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    report_error(builder->report, builder->last, "%s", memory);
    return ERR_INVALID;
}

static enum err close_level(struct builder *builder)
{
    ASSERT(builder->depth > 0, "libfyaml ends only what it began");
    struct level *level = &builder->levels[--builder->depth];
    return level->node->kind == YAML_MAP ? check_keys(builder, level->node) : ERR_OK;
}

static enum err take_event(struct builder *builder, struct fy_event *event)
{
    /* An empty value has no mark: it is taken to stand where the last thing stood. */
    note_place(builder, fy_event_start_mark(event));
    struct fy_token *anchor = event->type == FYET_ALIAS ? event->alias.anchor : fy_event_get_anchor_token(event);
    struct fy_token *tag = fy_event_get_tag_token(event);
    note_place(builder, fy_token_start_mark(anchor ? anchor : tag));
    builder->last.column -= anchor && builder->last.column > 1; /* the mark stands behind the & or * */
    if (anchor)
        return refuse(builder, "anchors and aliases (& and *) are not supported; write the value out");
    if (tag)
        return refuse(builder, "tags (!) are not supported; leave the tag out");
    switch (event->type) {
    case FYET_DOCUMENT_START:
        if (++builder->document_count > 1)
            return refuse(builder, "a second document begins here; the file is to be one document");
        return ERR_OK;
    case FYET_MAPPING_START:
        return add_node(builder, event, YAML_MAP);
    case FYET_SEQUENCE_START:
        return add_node(builder, event, YAML_LIST);
    case FYET_SCALAR:
        return add_node(builder, event, YAML_SCALAR);
    case FYET_MAPPING_END:
    case FYET_SEQUENCE_END:
        return close_level(builder);
    case FYET_STREAM_END:
        builder->has_ended = true;
        return ERR_OK;
    default:
        return ERR_OK;
    }
}

/* What stands between the quotes of a token. */
static struct slice raw_text(const struct builder *builder, struct fy_token *token)
{
    size_t start = fy_token_start_mark(token)->input_pos;
    size_t end = fy_token_end_mark(token)->input_pos;
    ASSERT(start <= end && end <= builder->text.len, "a token lies within the text");
    return slice_of(builder->text.ptr + start, end - start);
}

/* 'it''s'. libfyaml 0.7 leaks memory over a row of such pairs, so they are undone here. Folding lines is left to it. */
static enum err undouble(struct builder *builder, struct slice raw, struct slice *ret_text)
{
    size_t len = 0;
    if (slice_find(raw, '\n') < raw.len || slice_find(raw, '\r') < raw.len)
        return refuse(builder, "a text in single quotes with '' in it must stand on one line; use double quotes");
    char *text = arena_alloc(builder->arena, raw.len + 1);
    if (!text)
        return ERR_NOMEM;
    for (size_t i = 0; i < raw.len; i++) {
        text[len++] = raw.ptr[i];
        i += raw.ptr[i] == '\'';
    }
    text[len] = '\0';
    *ret_text = slice_of(text, len);
    return ERR_OK;
}

static enum err copy_text(struct builder *builder, struct fy_token *token, struct slice *ret_text)
{
    size_t len = 0;
    const char *text = fy_token_get_text(token, &len);
    struct slice copy = text ? arena_copy(builder->arena, slice_of(text, len)) : (struct slice){NULL, 0};
    if (!copy.ptr)
        return ERR_NOMEM;
    *ret_text = copy;
    return ERR_OK;
}

static enum err fill_scalar(struct builder *builder, struct fy_event *event, struct yaml_node *node)
{
    struct fy_token *token = event->scalar.value;
    if (!token) {
        node->kind = YAML_NULL;
        return ERR_OK;
    }
    enum fy_scalar_style style = fy_token_scalar_style(token);
    node->is_quoted = style != FYSS_PLAIN;
    /* The mark stands behind the quote. */
    builder->last.column -= (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && builder->last.column > 1;
    node->place = builder->last;
    struct slice raw = style == FYSS_SINGLE_QUOTED ? raw_text(builder, token) : (struct slice){NULL, 0};
    bool has_pairs = slice_find(raw, '\'') < raw.len;
    TRY(has_pairs ? undouble(builder, raw, &node->text) : copy_text(builder, token, &node->text));
    if (!node->is_quoted && (node->text.len == 0 || slice_is(node->text, "~") || slice_is(node->text, "null")))
        node->kind = YAML_NULL;
    return ERR_OK;
}

/* Hangs a node under its parent: as a key that waits, as the value of that key, or as an item. */
static enum err link_node(struct builder *builder, struct yaml_node *node)
{
    struct level *level = builder->depth ? &builder->levels[builder->depth - 1] : NULL;
    if (!level) {
        builder->root = node;
        return ERR_OK;
    }
    if (level->node->kind == YAML_MAP && !level->key) {
        if (node->kind != YAML_SCALAR && node->kind != YAML_NULL)
            return refuse(builder, "a key is a single name, not a list or map");
        level->key = node;
        return ERR_OK;
    }
    if (level->key) {
        node->key = level->key->text.ptr ? level->key->text : SLICE_LIT("");
        node->key_place = level->key->place;
        level->key = NULL;
    }
    if (level->last)
        level->last->next = node;
    else
        level->node->first = node;
    level->last = node;
    level->node->count++;
    return ERR_OK;
}

static enum err add_node(struct builder *builder, struct fy_event *event, enum yaml_kind kind)
{
    if (++builder->node_count > builder->limits->nodes_max)
        return refuse(builder, "the file has too many values; at most %u keys and values together",
                      builder->limits->nodes_max);
    struct yaml_node *node = arena_alloc_zero(builder->arena, sizeof *node);
    if (!node)
        return ERR_NOMEM;
    node->kind = kind;
    node->place = builder->last;
    if (kind == YAML_SCALAR)
        TRY(fill_scalar(builder, event, node));
    TRY(link_node(builder, node));
    if (kind == YAML_SCALAR)
        return ERR_OK;
    if (builder->depth == builder->limits->depth_max)
        return refuse(builder, "nested too deeply; at most %u levels", builder->limits->depth_max);
    builder->levels[builder->depth++] = (struct level){.node = node};
    return ERR_OK;
}

/* Goes on after a duplicate, so that all of them are reported. The report then has an error and the load fails. */
static enum err check_keys(struct builder *builder, const struct yaml_node *map)
{
    struct map seen;
    enum err err = ERR_OK;
    map_init(&seen, (struct hash_key){.k0 = (uintptr_t)builder, .k1 = builder->text.len});
    for (const struct yaml_node *child = map->first; child && err == ERR_OK; child = child->next) {
        err = map_add(&seen, child->key, (void *)child);
        if (err != ERR_EXISTS)
            continue;
        const struct yaml_node *first = map_find(&seen, child->key);
        report_error(builder->report, child->key_place,
                     "\"" SLICE_FMT "\" is given twice; the first is in line %u, column %u", SLICE_ARG(child->key),
                     first->key_place.line, first->key_place.column);
        err = ERR_OK;
    }
    map_deinit(&seen);
    return err;
}

static void report_syntax(struct builder *builder, struct fy_diag *diag)
{
    void *iterator = NULL;
    const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &iterator);
    if (!error) {
        report_error(builder->report, builder->last, "this is not YAML");
        return;
    }
    struct report_place place = {.line = (uint32_t)MAX(error->line, 1), .column = (uint32_t)MAX(error->column, 1)};
    report_error(builder->report, place, "%s", error->msg);
}
