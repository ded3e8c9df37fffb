/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of middlewares. Order is not a matter of taste: each middleware has a place, and a list out of the order
 * of the places is refused with the reason for it. */
#include "control/config/compile_int.h"
#include "pipeline/config_make.h"

#define FAULT_BYTES 1024
#define NAMES_MAX   64

/* Why what stands at a place must stand before what comes later. */
static const char *const reasons[] = {
    [PLACE_IDENTIFY] = "what comes later refers to the request by its id",
    [PLACE_OBSERVE] = "requests that are refused later are to be seen too",
    [PLACE_ENCODE] = "refusals, too, are sent as the client accepts them",
    [PLACE_AUTHENTICATE] = "nothing may read a body before the caller is known",
    [PLACE_CONTEXT] = "what comes later may depend on who is asking",
    [PLACE_INPUT] = "a body becomes an input before there is an output to shape",
    [PLACE_OUTPUT] = "it comes last",
};

static enum err read_entry(struct compile *compile, const struct yaml_node *entry, struct chain *chain);
static const struct middleware *find(struct compile *compile, struct slice name, struct report_place place);
static enum err make_link(struct compile *compile, const struct yaml_node *options, struct report_place place,
                          struct chain_link *link);
static enum err prepare(struct compile *compile, struct report_place place, struct chain_link *link);
static bool check_pair(struct compile *compile, const struct chain *earlier, uint32_t e, const struct chain *later,
                       uint32_t l);

enum err chain_read(struct compile *compile, const struct yaml_node *node, struct chain *chain)
{
    if (!node)
        return ERR_OK;
    if (node->kind != YAML_LIST) {
        report_error(compile->report, node->kind == YAML_NULL ? node->key_place : node->place,
                     "\"chain\" takes a list of middlewares, each a name or {name: {options}}");
        chain->has_fault = true;
        return ERR_OK;
    }
    for (const struct yaml_node *entry = node->first; entry; entry = entry->next) {
        if (chain->count == CHAIN_LINKS_MAX) {
            report_error(compile->report, entry->place, "a chain has at most %d middlewares", CHAIN_LINKS_MAX);
            return ERR_OK;
        }
        TRY(read_entry(compile, entry, chain));
    }
    return ERR_OK;
}

/* One complaint for each entry: the first thing before it that may not be there. */
void chain_check_order(struct compile *compile, const struct chain_owner *owner, const struct chain *chain)
{
    uint32_t prefix_count = owner->prefix ? owner->prefix->count : 0;
    for (uint32_t l = 0; l < chain->count; l++) {
        bool is_fine = true;
        for (uint32_t e = 0; e < prefix_count && is_fine; e++)
            is_fine = check_pair(compile, owner->prefix, e, chain, l);
        for (uint32_t e = 0; e < l && is_fine; e++)
            is_fine = check_pair(compile, chain, e, chain, l);
    }
}

static bool has(const struct chain *chain, const struct middleware *middleware)
{
    for (uint32_t i = 0; i < chain->count; i++)
        if (chain->links[i].middleware == middleware)
            return true;
    return false;
}

void chain_check_route(struct compile *compile, const struct chain_owner *owner, const struct chain *chain)
{
    const struct chain *prefix = owner->prefix;
    if (prefix->count + chain->count > CHAIN_LINKS_MAX)
        report_error(compile->report, owner->place,
                     "route \"" SLICE_FMT "\" has %u middlewares with the file's chain; at most %d",
                     SLICE_ARG(owner->match), prefix->count + chain->count, CHAIN_LINKS_MAX);
    for (size_t i = 0; i < middleware_count; i++) {
        const struct middleware *middleware = middlewares[i];
        if (middleware->duty != DUTY_MANDATORY)
            continue;
        bool is_there = has(prefix, middleware) || has(chain, middleware);
        if (is_there && owner->is_public)
            report_warning(compile->report, owner->place,
                           "route \"" SLICE_FMT "\" is declared public, but %s in its chain still applies",
                           SLICE_ARG(owner->match), middleware->name);
        if (!is_there && !owner->is_public && !prefix->has_fault && !chain->has_fault)
            report_error(compile->report, owner->place,
                         "route \"" SLICE_FMT "\" lacks %s, which is mandatory; add \"- %s\" to its chain or "
                         "to the file's, or declare the route \"public: true\"",
                         SLICE_ARG(owner->match), middleware->name, middleware->name);
    }
}

/* `- name` or `- name: {options}`. */
static enum err read_entry(struct compile *compile, const struct yaml_node *entry, struct chain *chain)
{
    bool is_map = entry->kind == YAML_MAP && entry->count == 1;
    struct chain_link link = {0};
    if (entry->kind != YAML_SCALAR && !is_map) {
        report_error(compile->report, entry->place, "an entry of a chain is a name or {name: {options}}%s",
                     entry->kind == YAML_MAP ? "; indent options further than the name" : "");
        chain->has_fault = true;
        return ERR_OK;
    }
    struct report_place place = is_map ? entry->first->key_place : entry->place;
    link.middleware = find(compile, is_map ? entry->first->key : entry->text, place);
    if (!link.middleware) {
        chain->has_fault = true;
        return ERR_OK;
    }
    TRY(make_link(compile, is_map ? entry->first : NULL, place, &link));
    chain->links[chain->count] = link;
    chain->places[chain->count++] = place;
    return ERR_OK;
}

static const struct middleware *find(struct compile *compile, struct slice name, struct report_place place)
{
    const char *names[NAMES_MAX];
    size_t count = MIN(middleware_count, NAMES_MAX);
    char list_memory[512];
    struct text list = text_init(list_memory, sizeof list_memory);
    const struct middleware *found = middleware_find(name);
    if (found)
        return found;
    for (size_t i = 0; i < count; i++) {
        names[i] = middlewares[i]->name;
        text_printf(&list, "%s%s", i ? ", " : "there are ", names[i]);
    }
    const struct report_unknown unknown = {
        .kind = "middleware", .name = name, .nearest = text_nearest(name, names, count), .otherwise = list_memory};
    report_unknown(compile->report, place, &unknown);
    return NULL;
}

static enum err make_link(struct compile *compile, const struct yaml_node *options, struct report_place place,
                          struct chain_link *link)
{
    const struct option_table *table = link->middleware->options;
    uint32_t errors = compile->report->error_count;
    if (!table && options && options->kind != YAML_NULL && !(options->kind == YAML_MAP && options->count == 0))
        report_error(compile->report, options->place, "%s takes no options", link->middleware->name);
    if (table) {
        struct fill_job job = {.table = table, .node = options, .place = place};
        link->options = arena_alloc_zero(&compile->config->arena, table->bytes);
        if (!link->options)
            return ERR_NOMEM;
        TRY(fill_table(&compile->fill, &job, link->options));
    }
    return compile->report->error_count == errors ? prepare(compile, place, link) : ERR_OK;
}

static enum err prepare(struct compile *compile, struct report_place place, struct chain_link *link)
{
    const struct middleware *middleware = link->middleware;
    char memory[FAULT_BYTES];
    struct text fault = text_init(memory, sizeof memory);
    struct middleware_setup setup = {
        .arena = &compile->config->arena, .folder = compile->fill.folder, .options = link->options, .fault = &fault};
    enum err err = middleware->prepare ? middleware->prepare(&setup) : ERR_OK;
    if (err == ERR_OK && middleware->release) {
        err = config_on_release(compile->config, middleware->release, link->options);
        if (err != ERR_OK)
            middleware->release(link->options);
        return err;
    }
    if (err != ERR_OK)
        report_error(compile->report, place, "%s: %s", middleware->name, fault.len ? memory : err_text(err));
    return ERR_OK;
}

/* "in line 7" when that is not the line of the message itself. */
static void say_line(struct report_place place, struct report_place seen_from, struct text *out)
{
    if (place.line != seen_from.line)
        text_printf(out, " in line %u", place.line);
}

static bool check_pair(struct compile *compile, const struct chain *earlier, uint32_t e, const struct chain *later,
                       uint32_t l)
{
    const struct middleware *first = earlier->links[e].middleware;
    const struct middleware *second = later->links[l].middleware;
    struct report_place place = later->places[l];
    if (first != second && first->place <= second->place)
        return true;
    char memory[64];
    struct text where = text_init(memory, sizeof memory);
    say_line(earlier->places[e], place, &where);
    if (first == second)
        report_error(compile->report, place, "%s stands in this chain already%s", second->name, memory);
    else
        report_error(compile->report, place, "%s must stand before %s%s: %s", second->name, first->name, memory,
                     reasons[second->place]);
    return false;
}
