/* SPDX-License-Identifier: Apache-2.0 */
/* Paths, operations, parameters, bodies, responses, security. Schemas are in diff_schema.c. */
#include "control/openapi/diff_int.h"

#include "lib/http/url.h"
#include "lib/json/compare.h"
#include "lib/json/pointer.h"

#include <stdarg.h>

#define WHAT_BYTES    512
#define COMPARE_STEPS UINT64_C(100000000)
#define EQUAL_STEPS   UINT64_C(20000000)
#define ITEMS_FIRST   64
#define NAME_SHOWN    256

static const char *const methods[] = {"get", "put", "post", "delete", "options", "head", "patch", "trace"};

static void compare_paths(struct diff *diff);
static void compare_operations(struct diff *diff, struct pair operations, struct pair items);

/* --- what is shared ------------------------------------------------------------------------------------------------------ */

size_t diff_enter(struct diff *diff, const char *format, ...)
{
    size_t len = diff->where.len;
    va_list args;
    va_start(args, format);
    text_vprintf(&diff->where, format, args);
    va_end(args);
    return len;
}

void diff_leave(struct diff *diff, size_t where_len)
{
    diff->where.len = where_len;
    diff->where.ptr[where_len] = '\0';
}

struct slice diff_shown(struct slice name)
{
    return name.len ? slice_first(name, NAME_SHOWN) : SLICE_LIT("(unnamed)");
}

static bool grow(struct diff *diff)
{
    struct differences *found = diff->found;
    bool is_full = found->count == 0 || (found->count >= ITEMS_FIRST && (found->count & (found->count - 1)) == 0);
    if (!is_full)
        return true;
    struct difference *items =
        arena_alloc_array(diff->arena, MAX(2 * (size_t)found->count, (size_t)ITEMS_FIRST), sizeof *items);
    if (!items)
        return false;
    if (found->count)
        memcpy(items, found->items, found->count * sizeof *items);
    found->items = items;
    return true;
}

void diff_add(struct diff *diff, bool is_breaking, const char *format, ...)
{
    char memory[WHAT_BYTES];
    struct text what = text_init(memory, sizeof memory);
    struct differences *found = diff->found;
    if (found->count == DIFFERENCES_MAX) {
        found->is_cut = true;
        return;
    }
    va_list args;
    va_start(args, format);
    text_vprintf(&what, format, args);
    va_end(args);
    struct difference item = {.is_breaking = is_breaking,
                              .where = arena_copy(diff->arena, text_slice(&diff->where)),
                              .what = arena_copy(diff->arena, text_slice(&what))};
    if (!item.where.ptr || !item.what.ptr || !grow(diff)) {
        diff->err = ERR_NOMEM;
        return;
    }
    found->items[found->count++] = item;
    found->breaking_count += is_breaking;
}

yyjson_val *diff_target(struct diff *diff, yyjson_val *root, yyjson_val *value)
{
    struct slice reference = json_text(json_get(value, SLICE_LIT("$ref")));
    if (reference.len == 0 || reference.ptr[0] != '#')
        return NULL;
    struct map *targets = root == diff->roots.before ? &diff->targets_before : &diff->targets_after;
    yyjson_val *target = map_find(targets, reference);
    if (target)
        return target;
    struct slice pointer = slice_skip(reference, 1);
    if (slice_find(pointer, '%') < pointer.len) {
        char *memory = arena_alloc(diff->arena, reference.len);
        if (!memory)
            diff->err = ERR_NOMEM;
        if (!memory || url_percent_decode(pointer, false, memory, &pointer) != ERR_OK)
            return NULL;
    }
    target = json_pointer_find(root, pointer);
    if (target && map_add(targets, reference, target) == ERR_NOMEM)
        diff->err = ERR_NOMEM;
    if (!target && root == diff->roots.before && slice_starts(reference, SLICE_LIT("#/components/")) &&
        !diff->dangling.len)
        diff->dangling = reference;
    return target;
}

yyjson_val *diff_resolve(struct diff *diff, yyjson_val *root, yyjson_val *value)
{
    for (int i = 0; i < DIFF_REFS_MAX && yyjson_is_obj(value); i++) {
        yyjson_val *target = diff_target(diff, root, value);
        if (!target)
            return value;
        value = target;
    }
    return value;
}

bool pair_is_equal(struct pair pair)
{
    uint64_t steps = COMPARE_STEPS;
    if (!pair.before || !pair.after)
        return pair.before == pair.after;
    return json_equal(pair.before, pair.after, &steps);
}

enum err openapi_diff(yyjson_val *before, yyjson_val *after, struct arena *arena, struct differences *ret_differences)
{
    char where[WHERE_BYTES];
    struct differences found = {0};
    struct diff diff = {.arena = arena,
                        .roots = {before, after},
                        .found = &found,
                        .where = text_init(where, sizeof where),
                        .equal_steps = EQUAL_STEPS};
    bool is_same = pair_is_equal(diff.roots);
    map_init(&diff.seen, (struct hash_key){(uintptr_t)&diff, 0});
    map_init(&diff.equal, (struct hash_key){(uintptr_t)&diff, 1});
    map_init(&diff.targets_before, (struct hash_key){(uintptr_t)&diff, 2});
    map_init(&diff.targets_after, (struct hash_key){(uintptr_t)&diff, 3});
    if (!is_same)
        compare_paths(&diff);
    map_deinit(&diff.seen);
    map_deinit(&diff.equal);
    map_deinit(&diff.targets_before);
    map_deinit(&diff.targets_after);
    if (diff.err == ERR_OK && found.count == 0 && !is_same)
        diff_add(&diff, false, "only texts and names differ");
    if (diff.err != ERR_OK)
        return diff.err;
    found.dangling = diff.dangling;
    *ret_differences = found;
    return ERR_OK;
}

/* --- paths --------------------------------------------------------------------------------------------------------------- */

/* Whether two templates are the same path, whatever their parameters are called. */
static bool is_same_path(struct slice a, struct slice b)
{
    while (a.ptr && b.ptr) {
        struct slice in_a = slice_cut(&a, '/');
        struct slice in_b = slice_cut(&b, '/');
        bool are_parameters = in_a.len && in_b.len && in_a.ptr[0] == '{' && in_b.ptr[0] == '{';
        if (!are_parameters && !slice_equal(in_a, in_b))
            return false;
    }
    return !a.ptr && !b.ptr;
}

static yyjson_val *find_path(yyjson_val *paths, struct slice path)
{
    yyjson_val *exact = json_get(paths, path);
    if (exact)
        return exact;
    yyjson_obj_iter iter = yyjson_obj_iter_with(paths);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (is_same_path(json_text(key), path))
            return yyjson_obj_iter_get_val(key);
    return NULL;
}

static struct slice upper(const char *method, char out[16])
{
    size_t len = 0;
    for (; method[len]; len++)
        out[len] = (char)(method[len] - 32);
    return slice_of(out, len);
}

static void compare_items(struct diff *diff, struct slice path, struct pair items)
{
    char name[16];
    items = diff_resolve_pair(diff, items);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct pair operations = pair_get(items, methods[i]);
        if (!operations.before && !operations.after)
            continue;
        size_t where =
            diff_enter(diff, SLICE_FMT " " SLICE_FMT, SLICE_ARG(upper(methods[i], name)), SLICE_ARG(diff_shown(path)));
        if (!operations.after)
            diff_add(diff, true, "is gone");
        else if (!operations.before)
            diff_add(diff, false, "is new");
        else
            compare_operations(diff, operations, items);
        diff_leave(diff, where);
    }
}

/* What stands in front of all paths: that of the first server's URL, without a "/" at its end. */
static struct slice base_of(yyjson_val *root)
{
    yyjson_val *server = yyjson_arr_get_first(json_get(root, SLICE_LIT("servers")));
    struct slice url = json_text(json_get(server, SLICE_LIT("url")));
    for (size_t i = 0; i + 3 <= url.len; i++)
        if (slice_starts(slice_skip(url, i), SLICE_LIT("://"))) {
            url = slice_skip(url, i + 3);
            url = slice_skip(url, slice_find(url, '/'));
            break;
        }
    while (url.len && url.ptr[url.len - 1] == '/')
        url.len--;
    return url.len && url.ptr[0] == '/' ? url : SLICE_LIT("");
}

/* The item of the other document for a path of this one, each with what stands in front of it. */
static yyjson_val *find_item(struct diff *diff, yyjson_val *paths, struct slice path, struct slice base,
                             struct slice other_base)
{
    if (slice_equal(base, other_base))
        return find_path(paths, path);
    struct slice whole = arena_printf(diff->arena, SLICE_FMT SLICE_FMT, SLICE_ARG(base), SLICE_ARG(path));
    if (!whole.ptr)
        diff->err = ERR_NOMEM;
    bool is_below = whole.len > other_base.len && slice_starts(whole, other_base) && whole.ptr[other_base.len] == '/';
    return is_below ? find_path(paths, slice_skip(whole, other_base.len)) : NULL;
}

static void compare_paths(struct diff *diff)
{
    struct pair paths = pair_get(diff->roots, "paths");
    struct slice before = base_of(diff->roots.before);
    struct slice after = base_of(diff->roots.after);
    yyjson_obj_iter iter = yyjson_obj_iter_with(paths.before);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        compare_items(
            diff, json_text(key),
            (struct pair){yyjson_obj_iter_get_val(key), find_item(diff, paths.after, json_text(key), before, after)});
    iter = yyjson_obj_iter_with(paths.after);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (!find_item(diff, paths.before, json_text(key), after, before))
            compare_items(diff, json_text(key), (struct pair){NULL, yyjson_obj_iter_get_val(key)});
}

/* --- parameters ---------------------------------------------------------------------------------------------------------- */

static bool is_true(yyjson_val *value)
{
    return yyjson_is_true(value);
}

static struct slice place_of(yyjson_val *parameter)
{
    return json_text(json_get(parameter, SLICE_LIT("in")));
}

static struct slice name_of(yyjson_val *parameter)
{
    return json_text(json_get(parameter, SLICE_LIT("name")));
}

/* Those of the path come in the order of the path, so that one may be renamed. */
static yyjson_val *find_path_parameter(struct diff *diff, yyjson_val *root, yyjson_val *list, size_t index)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        yyjson_val *parameter = diff_resolve(diff, root, item);
        if (slice_is(place_of(parameter), "path") && index-- == 0)
            return parameter;
    }
    return NULL;
}

static yyjson_val *find_parameter(struct diff *diff, yyjson_val *root, yyjson_val *list, yyjson_val *wanted)
{
    bool is_header = slice_is(place_of(wanted), "header");
    yyjson_arr_iter iter = yyjson_arr_iter_with(list);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        yyjson_val *parameter = diff_resolve(diff, root, item);
        bool is_named = is_header ? slice_equal_nocase(name_of(parameter), name_of(wanted))
                                  : slice_equal(name_of(parameter), name_of(wanted));
        if (is_named && slice_equal(place_of(parameter), place_of(wanted)))
            return parameter;
    }
    return NULL;
}

static struct pair schemas_of(struct pair owners)
{
    return pair_get(owners, "schema");
}

static void compare_parameter(struct diff *diff, struct pair parameters)
{
    yyjson_val *one = parameters.before ? parameters.before : parameters.after;
    bool was_required = is_true(json_get(parameters.before, SLICE_LIT("required")));
    bool is_required = is_true(json_get(parameters.after, SLICE_LIT("required")));
    size_t where = diff_enter(diff, ", " SLICE_FMT " parameter " SLICE_FMT, SLICE_ARG(diff_shown(place_of(one))),
                              SLICE_ARG(diff_shown(name_of(one))));
    if (!parameters.before)
        diff_add(diff, is_required, is_required ? "is new and required" : "is new");
    else if (!parameters.after && diff->refuses_query && slice_is(place_of(one), "query"))
        diff_add(diff, true, "is gone: it is refused now");
    else if (!parameters.after)
        diff_add(diff, false, "is gone: it is no longer looked at");
    else {
        if (was_required != is_required)
            diff_add(diff, is_required, is_required ? "is required now" : "is optional now");
        if (!pair_is_equal(pair_get(parameters, "style")) || !pair_is_equal(pair_get(parameters, "explode")))
            diff_add(diff, true, "is written in another style");
        diff_schemas(diff, schemas_of(parameters), DIRECTION_REQUEST);
        struct pair contents = pair_get(pair_get(parameters, "content"), "application/json");
        if (contents.before || contents.after)
            diff_schemas(diff, schemas_of(contents), DIRECTION_REQUEST);
    }
    diff_leave(diff, where);
}

static void compare_parameter_lists(struct diff *diff, struct pair lists)
{
    size_t in_path = 0;
    yyjson_arr_iter iter = yyjson_arr_iter_with(lists.before);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        yyjson_val *parameter = diff_resolve(diff, diff->roots.before, item);
        yyjson_val *other = slice_is(place_of(parameter), "path")
                                ? find_path_parameter(diff, diff->roots.after, lists.after, in_path++)
                                : find_parameter(diff, diff->roots.after, lists.after, parameter);
        compare_parameter(diff, (struct pair){parameter, other});
    }
    iter = yyjson_arr_iter_with(lists.after);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));) {
        yyjson_val *parameter = diff_resolve(diff, diff->roots.after, item);
        if (!slice_is(place_of(parameter), "path") &&
            !find_parameter(diff, diff->roots.before, lists.before, parameter))
            compare_parameter(diff, (struct pair){NULL, parameter});
    }
}

/* --- bodies -------------------------------------------------------------------------------------------------------------- */

static void compare_contents(struct diff *diff, struct pair contents, enum direction direction)
{
    bool is_request = direction == DIRECTION_REQUEST;
    yyjson_obj_iter iter = yyjson_obj_iter_with(contents.before);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        struct pair media = {yyjson_obj_iter_get_val(key), json_get(contents.after, json_text(key))};
        size_t where = diff_enter(diff, " " SLICE_FMT, SLICE_ARG(diff_shown(json_text(key))));
        if (!media.after)
            diff_add(diff, true, is_request ? "is no longer taken" : "is no longer given");
        else
            diff_schemas(diff, schemas_of(media), direction);
        diff_leave(diff, where);
    }
    iter = yyjson_obj_iter_with(contents.after);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        if (json_get(contents.before, json_text(key)))
            continue;
        size_t where = diff_enter(diff, " " SLICE_FMT, SLICE_ARG(diff_shown(json_text(key))));
        diff_add(diff, false, is_request ? "is taken as well" : "is given as well");
        diff_leave(diff, where);
    }
}

static void compare_bodies(struct diff *diff, struct pair bodies)
{
    bodies = diff_resolve_pair(diff, bodies);
    if (!bodies.before && !bodies.after)
        return;
    bool was_required = is_true(json_get(bodies.before, SLICE_LIT("required")));
    bool is_required = is_true(json_get(bodies.after, SLICE_LIT("required")));
    size_t where = diff_enter(diff, ", request body");
    if (!bodies.before)
        diff_add(diff, is_required, is_required ? "is new and required" : "is new");
    else if (!bodies.after)
        diff_add(diff, true, "is no longer taken");
    else {
        if (was_required != is_required)
            diff_add(diff, is_required, is_required ? "is required now" : "is optional now");
        compare_contents(diff, pair_get(bodies, "content"), DIRECTION_REQUEST);
    }
    diff_leave(diff, where);
}

/* --- responses ------------------------------------------------------------------------------------------------------------ */

/* Nobody can count on being refused. */
static bool is_refusal(struct slice status)
{
    return status.len && (status.ptr[0] == '4' || status.ptr[0] == '5');
}

static void compare_headers(struct diff *diff, struct pair headers)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(headers.before);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (!json_get(headers.after, json_text(key)))
            diff_add(diff, true, "has no field " SLICE_FMT " any more", SLICE_ARG(diff_shown(json_text(key))));
    iter = yyjson_obj_iter_with(headers.after);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (!json_get(headers.before, json_text(key)))
            diff_add(diff, false, "has a field " SLICE_FMT, SLICE_ARG(diff_shown(json_text(key))));
}

static void compare_response(struct diff *diff, struct slice status, struct pair responses)
{
    responses = diff_resolve_pair(diff, responses);
    size_t where = diff_enter(diff, ", response " SLICE_FMT, SLICE_ARG(diff_shown(status)));
    if (!responses.after)
        diff_add(diff, !is_refusal(status), "is gone");
    else if (!responses.before)
        diff_add(diff, false, "is new");
    else {
        compare_headers(diff, pair_get(responses, "headers"));
        compare_contents(diff, pair_get(responses, "content"), DIRECTION_RESPONSE);
    }
    diff_leave(diff, where);
}

static void compare_responses(struct diff *diff, struct pair responses)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(responses.before);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        compare_response(diff, json_text(key),
                         (struct pair){yyjson_obj_iter_get_val(key), json_get(responses.after, json_text(key))});
    iter = yyjson_obj_iter_with(responses.after);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        if (!json_get(responses.before, json_text(key)))
            compare_response(diff, json_text(key), (struct pair){NULL, yyjson_obj_iter_get_val(key)});
}

/* --- security ------------------------------------------------------------------------------------------------------------- */

static yyjson_val *security_of(yyjson_val *root, yyjson_val *operation)
{
    yyjson_val *own = json_get(operation, SLICE_LIT("security"));
    return own ? own : json_get(root, SLICE_LIT("security"));
}

/* Nothing, an empty list, or one whose items demand nothing. */
static bool is_open(yyjson_val *security)
{
    bool is_empty = yyjson_arr_size(security) == 0;
    yyjson_arr_iter iter = yyjson_arr_iter_with(security);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        is_empty |= yyjson_obj_size(item) == 0;
    return is_empty;
}

static bool has_requirement(yyjson_val *security, yyjson_val *wanted)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(security);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        if (pair_is_equal((struct pair){item, wanted}))
            return true;
    return false;
}

static struct slice scheme_of(yyjson_val *requirement)
{
    yyjson_obj_iter iter = yyjson_obj_iter_with(requirement);
    return diff_shown(json_text(yyjson_obj_iter_next(&iter)));
}

static void compare_security(struct diff *diff, struct pair operations)
{
    struct pair security = {security_of(diff->roots.before, operations.before),
                            security_of(diff->roots.after, operations.after)};
    bool was_open = is_open(security.before);
    if (was_open || is_open(security.after)) {
        if (was_open != is_open(security.after))
            diff_add(diff, was_open, was_open ? "takes nobody without credentials now" : "takes anybody now");
        return;
    }
    yyjson_arr_iter iter = yyjson_arr_iter_with(security.before);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        if (!has_requirement(security.after, item))
            diff_add(diff, true, "no longer takes the credential " SLICE_FMT, SLICE_ARG(scheme_of(item)));
    iter = yyjson_arr_iter_with(security.after);
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&iter));)
        if (!has_requirement(security.before, item))
            diff_add(diff, false, "takes the credential " SLICE_FMT " as well", SLICE_ARG(scheme_of(item)));
}

/* --- operations ----------------------------------------------------------------------------------------------------------- */

static void compare_operations(struct diff *diff, struct pair operations, struct pair items)
{
    struct pair ids = pair_get(operations, "operationId");
    if (!pair_is_equal(ids))
        diff_add(diff, false, "has another operationId");
    diff_validations(diff, operations);
    diff->refuses_query = diff_refuses_unknown_query(operations.after);
    compare_parameter_lists(diff, pair_get(items, "parameters"));
    compare_parameter_lists(diff, pair_get(operations, "parameters"));
    compare_bodies(diff, pair_get(operations, "requestBody"));
    compare_responses(diff, pair_get(operations, "responses"));
    compare_security(diff, operations);
}
