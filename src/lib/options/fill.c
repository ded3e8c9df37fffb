/* SPDX-License-Identifier: Apache-2.0 */
/* Options from YAML. One reader for each option type, all with one message: what was found, what was expected. A value
 * that is wrong is reported and left at its default, and reading goes on, so that one run shows every mistake. */
#include "lib/options/fill.h"

#include "lib/json/number.h"
#include "lib/options/scalar.h"

#define NAMES_MAX     64 /* of one table, for suggestions */
#define DIMENSION_MAX 2147483647

/* ERR_OK; ERR_INVALID: not what the type or bounds want, to be reported by the caller, with fill->fault; ERR_NOMEM. A
 * nested table reports its own mistakes and is ERR_OK. */
typedef enum err (*option_read)(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);

static enum err read_bool(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_count(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_bytes(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_duration(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_real(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_text(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_path(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_choice(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_choices(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_list(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_shapes(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_placed(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_members(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_tree(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_table(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);
static enum err read_tables(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field);

static const option_read readers[] = {
    [OPTION_BOOL] = read_bool,         [OPTION_COUNT] = read_count,     [OPTION_BYTES] = read_bytes,
    [OPTION_DURATION] = read_duration, [OPTION_REAL] = read_real,       [OPTION_TEXT] = read_text,
    [OPTION_PATH] = read_path,         [OPTION_CHOICE] = read_choice,   [OPTION_TEXTS] = read_list,
    [OPTION_REALS] = read_list,        [OPTION_COUNTS] = read_list,     [OPTION_SHAPES] = read_shapes,
    [OPTION_TABLE] = read_table,       [OPTION_TABLES] = read_tables,   [OPTION_CHOICES] = read_choices,
    [OPTION_PLACED] = read_placed,     [OPTION_MEMBERS] = read_members, [OPTION_TREE] = read_tree,
};

static void check_names(struct fill *fill, const struct fill_job *job);
static void report_map(struct fill *fill, const struct fill_job *job);
static enum err fill_row(struct fill *fill, const struct fill_job *job, const struct option *row, void *out);
static enum err fill_default(struct fill *fill, const struct option *row, void *field);
static void report_value(struct fill *fill, const struct fill_job *job, const struct option *row,
                         const struct yaml_node *node);

enum err fill_table(struct fill *fill, const struct fill_job *job, void *out)
{
    struct fill_job map = *job;
    bool is_short = map.node && map.node->kind == YAML_SCALAR && option_shorthand(map.table);
    if (map.node && map.node->kind != YAML_MAP && !is_short) {
        if (map.node->kind != YAML_NULL) {
            report_map(fill, &map);
            map.place.line = 0;
        }
        map.node = NULL;
    }
    if (map.table->place)
        *(struct report_place *)(void *)((char *)out + map.table->place) = map.node ? map.node->place : map.place;
    if (map.node && !is_short)
        check_names(fill, &map);
    for (size_t i = 0; i < map.table->count; i++)
        TRY(fill_row(fill, &map, &map.table->rows[i], out));
    return ERR_OK;
}

static void report_map(struct fill *fill, const struct fill_job *job)
{
    char memory[256];
    struct text found = text_init(memory, sizeof memory);
    yaml_describe(job->node, &found);
    const struct option *shorthand = option_shorthand(job->table);
    report_error(fill->report, job->node->place, "%s is a map of options, each as \"name: value\"%s%s%s; found %s",
                 job->table->name, shorthand ? ", or its \"" : "", shorthand ? shorthand->name : "",
                 shorthand ? "\" alone" : "", memory);
}

enum err fill_value(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    fill->fault = NULL;
    return readers[row->type](fill, row, node, field);
}

void yaml_describe(const struct yaml_node *node, struct text *out)
{
    if (slice_find(node->text, '\0') < node->text.len) {
        text_add(out, SLICE_LIT("a text with a NUL in it"));
        return;
    }
    struct slice shown = slice_first(node->text, REPORT_QUOTE_BYTES_MAX);
    const char *more = shown.len < node->text.len ? "..." : "";
    switch (node->kind) {
    case YAML_NULL:
        text_add(out, SLICE_LIT("nothing"));
        break;
    case YAML_SCALAR:
        text_printf(out, "%s\"" SLICE_FMT "%s\"", node->is_quoted ? "the text " : "", SLICE_ARG(shown), more);
        break;
    case YAML_LIST:
        text_printf(out, "a list of %u", node->count);
        break;
    case YAML_MAP:
        text_add(out, SLICE_LIT("a map"));
        break;
    }
}

static bool is_name_of(const struct fill_job *job, struct slice name)
{
    for (size_t i = 0; i < job->table->count; i++)
        if (slice_is(name, job->table->rows[i].name))
            return true;
    for (size_t i = 0; job->others && job->others[i]; i++)
        if (slice_is(name, job->others[i]))
            return true;
    return false;
}

static void check_names(struct fill *fill, const struct fill_job *job)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    char list_memory[512];
    struct text list = text_init(list_memory, sizeof list_memory);
    for (size_t i = 0; i < job->table->count && count < NAMES_MAX; i++)
        names[count++] = job->table->rows[i].name;
    for (size_t i = 0; job->others && job->others[i] && count < NAMES_MAX; i++)
        names[count++] = job->others[i];
    text_add(&list, count ? SLICE_LIT("it takes ") : SLICE_LIT("it takes none"));
    for (size_t i = 0; i < count; i++)
        text_printf(&list, "%s%s", i ? ", " : "", names[i]);
    for (const struct yaml_node *child = job->node->first; child; child = child->next) {
        if (is_name_of(job, child->key))
            continue;
        const struct report_unknown unknown = {.kind = "option",
                                               .name = child->key,
                                               .owner = job->table->name,
                                               .nearest = text_nearest(child->key, names, count),
                                               .otherwise = list_memory};
        report_unknown(fill->report, child->key_place, &unknown);
    }
}

static const struct yaml_node *find_value(const struct fill_job *job, const struct option *row)
{
    if (job->node && job->node->kind == YAML_SCALAR)
        return row->flags & OPTION_SHORTHAND ? job->node : NULL;
    return yaml_find(job->node, row->name);
}

static enum err fill_row(struct fill *fill, const struct fill_job *job, const struct option *row, void *out)
{
    void *field = (char *)out + row->offset;
    const struct yaml_node *node = find_value(job, row);
    TRY(fill_default(fill, row, field));
    if (!node) {
        if ((row->flags & OPTION_REQUIRED) && job->place.line)
            report_error(fill->report, job->place, "%s lacks \"%s\": %s", job->table->name, row->name, row->help);
        return ERR_OK;
    }
    fill->fault = NULL;
    enum err err =
        node->kind == YAML_NULL && row->type != OPTION_TREE ? ERR_INVALID : readers[row->type](fill, row, node, field);
    if (err == ERR_INVALID)
        report_value(fill, job, row, fill->fault ? fill->fault : node);
    return err == ERR_NOMEM ? ERR_NOMEM : ERR_OK;
}

/* Defaults are YAML too: "[cpu]" is read like a value of the file. One that does not read is a mistake in the row. */
static enum err fill_default(struct fill *fill, const struct option *row, void *field)
{
    struct report *report = fill->report;
    struct yaml_node scalar = {.kind = YAML_SCALAR};
    const struct yaml_node *node = NULL;
    if (row->type == OPTION_TABLE)
        return fill_table(fill, &(struct fill_job){.table = row->table}, field);
    if (!row->fallback)
        return ERR_OK;
    scalar.text = slice_of_text(row->fallback);
    if (row->type < OPTION_TEXTS)
        node = &scalar;
    else if (yaml_parse(scalar.text, fill->scratch, report, &node) != ERR_OK)
        return ERR_NOMEM; /* what libfyaml lacks it calls a mistake in the text */
    enum err err = readers[row->type](fill, row, node, field);
    ASSERT(err == ERR_OK || err == ERR_NOMEM, "the default of an option is a valid value of it");
    return err;
}

static void report_value(struct fill *fill, const struct fill_job *job, const struct option *row,
                         const struct yaml_node *node)
{
    char memory[REPORT_NOTE_BYTES_MAX];
    struct text message = text_init(memory, sizeof memory);
    text_printf(&message, "\"%s\" in %s takes ", row->name, job->table->name);
    option_describe(row, &message);
    if (row->fallback)
        text_printf(&message, " (default %s)", row->fallback);
    text_add(&message, SLICE_LIT(", found "));
    yaml_describe(node, &message);
    size_t count = 0;
    bool is_choice = row->type == OPTION_CHOICE || (row->type == OPTION_CHOICES && node == fill->fault);
    while (is_choice && row->choices[count])
        count++;
    const char *nearest = count && node->kind == YAML_SCALAR ? text_nearest(node->text, row->choices, count) : NULL;
    if (nearest)
        text_printf(&message, "; did you mean \"%s\"?", nearest);
    report_error(fill->report, node->kind == YAML_NULL ? node->key_place : node->place, "%s", memory);
}

static bool is_within(const struct option *row, double value)
{
    if (!option_is_bounded(row))
        return true;
    return value >= row->min && (row->max < row->min || value <= row->max);
}

/* A plain scalar: a quoted "5" is a text. */
static bool is_plain(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !node->is_quoted;
}

static enum err read_bool(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    (void)fill, (void)row;
    bool is_true = slice_is(node->text, "true");
    if (!is_plain(node) || (!is_true && !slice_is(node->text, "false")))
        return ERR_INVALID;
    *(bool *)field = is_true;
    return ERR_OK;
}

static enum err keep_u64(const struct option *row, uint64_t value, void *field)
{
    if (!is_within(row, (double)value))
        return ERR_INVALID;
    *(uint64_t *)field = value;
    return ERR_OK;
}

static enum err read_count(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    (void)fill;
    uint64_t value;
    if (!is_plain(node) || text_parse_u64(node->text, &value) != ERR_OK)
        return ERR_INVALID;
    return keep_u64(row, value, field);
}

static enum err read_bytes(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    (void)fill;
    uint64_t value;
    if (node->kind != YAML_SCALAR || size_parse(node->text, &value) != ERR_OK)
        return ERR_INVALID;
    return keep_u64(row, value, field);
}

static enum err read_duration(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    (void)fill;
    uint64_t value;
    if (node->kind != YAML_SCALAR || duration_parse(node->text, &value) != ERR_OK)
        return ERR_INVALID;
    return keep_u64(row, value, field);
}

static enum err read_real(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    (void)fill;
    double value;
    if (!is_plain(node) || number_parse_f64(node->text, &value) != ERR_OK || !is_within(row, value))
        return ERR_INVALID;
    *(double *)field = value;
    return ERR_OK;
}

/* A NUL within would end the text early for whoever reads it as a C string. */
static bool is_text(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && slice_find(node->text, '\0') == node->text.len;
}

static enum err keep_text(struct fill *fill, struct slice text, void *field)
{
    struct slice copy = arena_copy(fill->arena, text);
    if (!copy.ptr)
        return ERR_NOMEM;
    *(struct slice *)field = copy;
    return ERR_OK;
}

static enum err read_text(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    if (!is_text(node) || !is_within(row, (double)node->text.len))
        return ERR_INVALID;
    return keep_text(fill, node->text, field);
}

static enum err read_path(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    if (!is_text(node) || !is_within(row, (double)node->text.len))
        return ERR_INVALID;
    bool is_relative = node->text.len && node->text.ptr[0] != '/';
    if (!is_relative)
        return keep_text(fill, node->text, field);
    struct slice path =
        arena_printf(fill->arena, SLICE_FMT "/" SLICE_FMT, SLICE_ARG(fill->folder), SLICE_ARG(node->text));
    if (!path.ptr)
        return ERR_NOMEM;
    *(struct slice *)field = path;
    return ERR_OK;
}

static enum err read_choice(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    (void)fill;
    for (uint32_t i = 0; node->kind == YAML_SCALAR && row->choices[i]; i++) {
        if (!slice_is(node->text, row->choices[i]))
            continue;
        *(uint32_t *)field = i;
        return ERR_OK;
    }
    return ERR_INVALID;
}

static enum err blame(struct fill *fill, const struct yaml_node *part, enum err err)
{
    if (err == ERR_INVALID && !fill->fault)
        fill->fault = part;
    return err;
}

static enum err read_choices(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    uint32_t bits = 0;
    uint32_t choice;
    if (node->kind != YAML_LIST || node->count == 0)
        return ERR_INVALID;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        TRY(blame(fill, item, read_choice(fill, row, item, &choice)));
        bits |= 1u << choice;
    }
    *(uint32_t *)field = bits;
    return ERR_OK;
}

struct item_type {
    option_read read;
    size_t bytes;
};

static enum err read_list(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    static const struct item_type types[] = {
        [OPTION_TEXTS] = {read_text, sizeof(struct slice)},
        [OPTION_REALS] = {read_real, sizeof(double)},
        [OPTION_COUNTS] = {read_count, sizeof(uint64_t)},
    };
    static const struct option unbounded = {0};
    const struct item_type *type = &types[row->type];
    ASSERT(type->read, "only lists of scalars come here");
    bool is_alone = row->flags & OPTION_ALONE && node->kind == YAML_SCALAR;
    uint32_t count = is_alone ? 1 : node->count;
    if ((node->kind != YAML_LIST && !is_alone) || !is_within(row, count))
        return ERR_INVALID;
    char *items = arena_alloc_array(fill->arena, count, type->bytes);
    if (!items)
        return ERR_NOMEM;
    const struct yaml_node *item = is_alone ? node : node->first;
    for (uint32_t i = 0; i < count; i++, item = item->next)
        TRY(blame(fill, item, type->read(fill, &unbounded, item, items + type->bytes * i)));
    *(struct option_list *)field = (struct option_list){.items = items, .count = count};
    return ERR_OK;
}

static enum err read_shape(struct fill *fill, const struct yaml_node *node, struct option_shape *shape)
{
    static const struct option dimension = {.min = 1, .max = DIMENSION_MAX};
    if (node->kind != YAML_LIST || node->count > OPTION_SHAPE_RANK_MAX)
        return ERR_INVALID;
    TRY(keep_text(fill, node->key, &shape->name));
    for (const struct yaml_node *item = node->first; item; item = item->next)
        TRY(blame(fill, item, read_count(fill, &dimension, item, &shape->dims[shape->rank++])));
    return ERR_OK;
}

static enum err read_shapes(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    if (node->kind != YAML_MAP || !is_within(row, node->count))
        return ERR_INVALID;
    struct option_shape *shapes = arena_alloc_array(fill->arena, node->count, sizeof *shapes);
    if (!shapes)
        return ERR_NOMEM;
    uint32_t index = 0;
    for (const struct yaml_node *item = node->first; item; item = item->next)
        TRY(blame(fill, item, read_shape(fill, item, &shapes[index++])));
    *(struct option_list *)field = (struct option_list){.items = shapes, .count = node->count};
    return ERR_OK;
}

static enum err read_placed(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    struct option_text *text = field;
    TRY(read_text(fill, row, node, &text->text));
    text->place = node->place;
    return ERR_OK;
}

static enum err read_members(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    static const struct option unbounded = {0};
    if (node->kind != YAML_MAP || !is_within(row, node->count))
        return ERR_INVALID;
    struct option_member *members = arena_alloc_array(fill->arena, node->count, sizeof *members);
    if (!members)
        return ERR_NOMEM;
    uint32_t index = 0;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        struct option_member *member = &members[index++];
        TRY(keep_text(fill, item->key, &member->name));
        member->name_place = item->key_place;
        TRY(blame(fill, item, read_placed(fill, &unbounded, item, &member->value)));
    }
    *(struct option_list *)field = (struct option_list){.items = members, .count = node->count};
    return ERR_OK;
}

static enum err read_tree(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    (void)fill, (void)row;
    *(const struct yaml_node **)field = node;
    return ERR_OK;
}

static enum err read_table(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    bool is_short = node->kind == YAML_SCALAR && option_shorthand(row->table);
    if (node->kind != YAML_MAP && !is_short)
        return ERR_INVALID;
    return fill_table(fill, &(struct fill_job){.table = row->table, .node = node, .place = node->key_place}, field);
}

static enum err read_tables(struct fill *fill, const struct option *row, const struct yaml_node *node, void *field)
{
    bool is_alone = row->flags & OPTION_ALONE && node->kind != YAML_LIST && node->kind != YAML_NULL;
    uint32_t count = is_alone ? 1 : node->count;
    if ((node->kind != YAML_LIST && !is_alone) || !is_within(row, count))
        return ERR_INVALID;
    char *items = arena_alloc_array(fill->arena, count, row->table->bytes);
    if (!items)
        return ERR_NOMEM;
    const struct yaml_node *item = is_alone ? node : node->first;
    for (uint32_t i = 0; i < count; i++, item = item->next) {
        struct fill_job job = {.table = row->table, .node = item, .place = item->place};
        TRY(fill_table(fill, &job, items + row->table->bytes * i));
    }
    *(struct option_list *)field = (struct option_list){.items = items, .count = count};
    return ERR_OK;
}
