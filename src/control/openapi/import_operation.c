/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in an operation: parameters, body and responses. */
#include "control/openapi/import_int.h"

/* Members of a Parameter Object that go over as they are; "schema" and "content" do not. */
static const char *const parameter_members[] = {
    "name",  "in",      "description",   "required", "deprecated", "allowEmptyValue",
    "style", "explode", "allowReserved", "example",  "examples",
};

/* ---- media types ---------------------------------------------------------------------------------------------------------- */

static bool is_json_type(struct slice type)
{
    struct slice essence = slice_trim(slice_first(type, slice_find(type, ';')));
    struct slice suffix = SLICE_LIT("+json");
    return slice_equal_nocase(essence, SLICE_LIT("application/json")) || slice_is(essence, "*/*") ||
           slice_is(essence, "application/*") ||
           (essence.len > suffix.len && slice_equal_nocase(slice_skip(essence, essence.len - suffix.len), suffix));
}

/* The media type whose schema is checked; its name in *ret_type. NULL: there is none of JSON. */
static yyjson_val *find_json(yyjson_val *content, struct slice *ret_type)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *media;
    yyjson_val *found = NULL;
    yyjson_obj_foreach(import_object(content), at, count, key, media)
    {
        bool is_plain = slice_is(json_text(key), "application/json");
        if (!is_json_type(json_text(key)) || (found && !is_plain))
            continue;
        found = media;
        *ret_type = json_text(key);
    }
    return found;
}

static void note_other_types(struct import *in, yyjson_val *content, struct slice taken, const char *what)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *media;
    yyjson_obj_foreach(import_object(content), at, count, key, media)
    {
        struct slice type = json_text(key);
        (void)media;
        if (slice_equal(type, taken))
            continue;
        size_t mark = import_enter(in, type);
        import_note(in, NULL, "%s of type " SLICE_FMT " %s", what, SLICE_ARG(slice_first(type, IMPORT_QUOTE_BYTES)),
                    taken.ptr ? "are not described: one schema is checked, that of JSON"
                              : "are not checked: they are not JSON");
        import_leave(in, mark);
    }
}

/* Goes to the schema of JSON in "content" of what is being looked at; NULL: there is none. */
static yyjson_val *enter_json_schema(struct import *in, yyjson_val *owner, const char *what)
{
    struct slice type = {NULL, 0};
    yyjson_val *content = json_get(owner, SLICE_LIT("content"));
    yyjson_val *media = find_json(content, &type);
    import_enter(in, SLICE_LIT("content"));
    if (!yyjson_is_obj(content) && content)
        import_error(in, NULL, "\"content\" is a map of media types, found %s", json_kind(content));
    note_other_types(in, content, type, what);
    import_enter(in, type);
    import_enter(in, SLICE_LIT("schema"));
    return json_get(media, SLICE_LIT("schema"));
}

/* ---- parameters ------------------------------------------------------------------------------------------------------------ */

/* OpenAPI: parameters of these names "shall be ignored". */
static bool is_ignored(struct slice name, struct slice place)
{
    return slice_is(place, "header") &&
           (slice_equal_nocase(name, SLICE_LIT("Accept")) || slice_equal_nocase(name, SLICE_LIT("Content-Type")) ||
            slice_equal_nocase(name, SLICE_LIT("Authorization")));
}

static bool has_segment(struct slice pattern, struct slice name)
{
    while (pattern.ptr) {
        struct slice segment = slice_cut(&pattern, '/');
        if (segment.len == name.len + 2 && segment.ptr[0] == '{' &&
            slice_equal(slice_of(segment.ptr + 1, name.len), name))
            return true;
    }
    return false;
}

/* A parameter of the path has the name that it has in the route's pattern, where names are letters, digits and "_". */
static struct slice name_in_pattern(struct import *in, struct slice name)
{
    struct slice copy = import_copy(in, name);
    for (size_t i = 0; i < copy.len; i++) {
        char lower = ascii_lower(copy.ptr[i]);
        if (!((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9')))
            ((char *)copy.ptr)[i] = '_';
    }
    return copy;
}

static void write_parameter_schema(struct import *in, yyjson_val *parameter, struct json_writer *out)
{
    static const char json[] = "application/json";
    yyjson_val *schema = json_get(parameter, SLICE_LIT("schema"));
    yyjson_val *content = json_get(parameter, SLICE_LIT("content"));
    yyjson_val *media = json_get(content, slice_of_text(json));
    size_t mark = in->pointer.len;
    if (media && !schema) {
        import_enter(in, SLICE_LIT("content"));
        import_enter(in, slice_of_text(json));
        json_write_key(out, SLICE_LIT("content"));
        json_write_object_begin(out);
        json_write_key(out, slice_of_text(json));
        json_write_object_begin(out);
        schema = json_get(media, SLICE_LIT("schema"));
    } else if (content) {
        import_note(in, "content",
                    "of \"content\" a parameter can have application/json alone; its text is not checked");
    }
    import_enter(in, SLICE_LIT("schema"));
    json_write_key(out, SLICE_LIT("schema"));
    if (schema)
        import_write_schema(in, schema, out);
    else
        json_write_bool(out, true);
    if (media && !json_get(parameter, SLICE_LIT("schema"))) {
        json_write_object_end(out);
        json_write_object_end(out);
    }
    import_leave(in, mark);
}

static void write_parameter(struct import *in, yyjson_val *parameter, struct slice name, struct json_writer *out)
{
    bool is_path = slice_is(json_text(json_get(parameter, SLICE_LIT("in"))), "path");
    json_write_object_begin(out);
    for (size_t i = 0; i < ARRAY_LEN(parameter_members); i++) {
        struct slice key = slice_of_text(parameter_members[i]);
        yyjson_val *value = json_get(parameter, key);
        if (!value || (is_path && slice_is(key, "required")))
            continue;
        json_write_key(out, key);
        if (slice_is(key, "name"))
            json_write_string(out, name);
        else
            json_write_value(out, value);
    }
    if (is_path) {
        json_write_key(out, SLICE_LIT("required"));
        json_write_bool(out, true);
    }
    write_parameter_schema(in, parameter, out);
    json_write_object_end(out);
}

/* Whether the parameter is one that the route can have. */
static bool check_parameter(struct import *in, const struct import_route *route, yyjson_val *parameter,
                            struct slice *ret_name)
{
    struct slice name = json_text(json_get(parameter, SLICE_LIT("name")));
    struct slice place = json_text(json_get(parameter, SLICE_LIT("in")));
    bool is_path = slice_is(place, "path");
    if (!yyjson_is_obj(parameter) || !name.len ||
        !(is_path || slice_is(place, "query") || slice_is(place, "header") || slice_is(place, "cookie"))) {
        import_error(in, NULL, "a parameter has a name and stands \"in\" path, query, header or cookie");
        return false;
    }
    if (is_ignored(name, place))
        return false;
    *ret_name = is_path ? name_in_pattern(in, name) : name;
    if (is_path && !has_segment(route->pattern, *ret_name)) {
        import_note(in, "name", "the path has no {" SLICE_FMT "}, left out",
                    SLICE_ARG(slice_first(name, IMPORT_QUOTE_BYTES)));
        return false;
    }
    return true;
}

static bool put_once(struct import *in, struct map *seen, yyjson_val *parameter, struct slice name)
{
    struct slice place = json_text(json_get(parameter, SLICE_LIT("in")));
    struct slice key =
        import_keep(in, arena_printf(in->arena, SLICE_FMT ":" SLICE_FMT, SLICE_ARG(place), SLICE_ARG(name)));
    enum err err = in->err == ERR_OK ? map_add(seen, key, in) : ERR_NOMEM;
    if (err == ERR_NOMEM)
        in->err = err;
    return err == ERR_OK;
}

/* Those of the operation come first: of two with one name the first counts. Returns how many there were. */
static uint32_t write_parameters(struct import *in, const struct import_route *route, yyjson_val *owner,
                                 struct map *seen, struct json_writer *out)
{
    size_t at;
    size_t count;
    yyjson_val *item;
    uint32_t written = 0;
    yyjson_val *list = json_get(owner, SLICE_LIT("parameters"));
    size_t mark = import_enter(in, SLICE_LIT("parameters"));
    if (list && !yyjson_is_arr(list))
        import_error(in, NULL, "\"parameters\" is a list, found %s", json_kind(list));
    yyjson_arr_foreach(import_list(list), at, count, item)
    {
        struct slice name;
        size_t inner = import_enter_index(in, at);
        struct slice here = import_copy(in, text_slice(&in->pointer));
        yyjson_val *parameter = import_follow(in, item);
        if (parameter && check_parameter(in, route, parameter, &name) && put_once(in, seen, parameter, name)) {
            write_parameter(in, parameter, name, out);
            written++;
        }
        import_jump(in, here);
        import_leave(in, inner);
    }
    import_leave(in, mark);
    return written;
}

static struct slice file_of(struct import *in, const struct import_route *route, const char *ending)
{
    return import_keep(in, arena_printf(in->arena, "schemas/" SLICE_FMT "%s", SLICE_ARG(route->name), ending));
}

static void import_parameters(struct import *in, struct import_route *route)
{
    struct map seen;
    struct json_writer out = json_writer_in_arena(in->arena, 0);
    map_init(&seen, in->operation_ids.key);
    json_write_array_begin(&out);
    uint32_t count = write_parameters(in, route, route->operation, &seen, &out);
    struct slice here = import_jump(in, route->item_at);
    count += write_parameters(in, route, route->item, &seen, &out);
    import_jump(in, here);
    json_write_array_end(&out);
    map_deinit(&seen);
    route->has_parameters = count > 0;
    in->has_parameters |= count > 0;
    if (count)
        import_add_json(in, file_of(in, route, ".parameters.json"), &out);
}

/* ---- body and responses ------------------------------------------------------------------------------------------------------ */

/* A media type of a body that is not JSON, or may be something else. */
static struct slice find_other_type(yyjson_val *body)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *media;
    yyjson_obj_foreach(import_object(json_get(body, SLICE_LIT("content"))), at, count, key, media)
    {
        (void)media;
        if (!is_json_type(json_text(key)) || slice_find(json_text(key), '*') < json_text(key).len)
            return json_text(key);
    }
    return (struct slice){NULL, 0};
}

/* A route whose body has a schema takes JSON and answers 415 to all else. Where the document allows something else as
 * well, that has to get through, so that the schema cannot be there. */
static void leave_out_body(struct import *in, struct import_route *route, struct slice other)
{
    other = slice_first(other, IMPORT_QUOTE_BYTES);
    size_t mark = import_enter(in, SLICE_LIT("content"));
    import_note(in, NULL, "bodies may be of type " SLICE_FMT " as well, which a schema would refuse: none is checked",
                SLICE_ARG(other));
    import_leave(in, mark);
    import_comment(in, &route->comments,
                   "The body is not checked: it may be of type " SLICE_FMT
                   ", and where JSON is checked all else is refused with 415.",
                   SLICE_ARG(other));
}

static void import_body(struct import *in, struct import_route *route)
{
    struct slice here = import_copy(in, text_slice(&in->pointer));
    yyjson_val *body = json_get(route->operation, SLICE_LIT("requestBody"));
    import_enter(in, SLICE_LIT("requestBody"));
    body = body ? import_follow(in, body) : NULL;
    route->is_body_required = yyjson_is_true(json_get(body, SLICE_LIT("required")));
    struct slice type = {NULL, 0};
    struct slice other = find_other_type(body);
    bool is_mixed = other.ptr && json_get(find_json(json_get(body, SLICE_LIT("content")), &type), SLICE_LIT("schema"));
    yyjson_val *schema = body && !is_mixed ? enter_json_schema(in, body, "bodies") : NULL;
    if (is_mixed) {
        leave_out_body(in, route, other);
    } else if (schema) {
        route->has_body = true;
        import_add_schema(in, file_of(in, route, ".json"), schema);
    } else if (body) {
        import_comment(in, &route->comments, "The body is not checked: the document has no schema of JSON for it.");
    }
    import_jump(in, here);
}

static bool is_status(struct slice text)
{
    bool has_class = text.len == 3 && text.ptr[0] >= '1' && text.ptr[0] <= '5';
    bool is_range = has_class && slice_is(slice_skip(text, 1), "XX");
    bool is_exact = has_class && text.ptr[1] >= '0' && text.ptr[1] <= '9' && text.ptr[2] >= '0' && text.ptr[2] <= '9';
    return is_range || is_exact || slice_is(text, "default");
}

static void note_parts(struct import *in, yyjson_val *response)
{
    if (json_get(response, SLICE_LIT("headers")))
        import_note(in, "headers", "header fields of responses are not described, left out");
    if (json_get(response, SLICE_LIT("links")))
        import_note(in, "links", "links between operations are not described, left out");
}

/* The file of a response's schema: of one that is nothing but a reference, the file that this leads to. */
static struct slice response_file(struct import *in, const struct import_route *route, struct slice status,
                                  yyjson_val *schema)
{
    yyjson_val *reference = json_get(schema, SLICE_LIT("$ref"));
    if (reference && (in->is_3_0 || yyjson_obj_size(schema) == 1)) {
        const char *before = in->components;
        in->components = "schemas/components/";
        struct slice file = import_reference(in, json_text(reference), "$ref");
        in->components = before;
        return file;
    }
    struct slice file = import_keep(in, arena_printf(in->arena, "schemas/" SLICE_FMT ".response-" SLICE_FMT ".json",
                                                     SLICE_ARG(route->name), SLICE_ARG(status)));
    import_add_schema(in, file, schema);
    return file;
}

static void import_response(struct import *in, const struct import_route *route, struct slice status,
                            yyjson_val *response, struct buffer *out)
{
    struct slice description = json_text(json_get(response, SLICE_LIT("description")));
    note_parts(in, response);
    buffer_printf(out, "      \"" SLICE_FMT "\": {description: ", SLICE_ARG(status));
    buffer_add(out, import_quote(in, description));
    yyjson_val *schema = enter_json_schema(in, response, "responses");
    if (schema) {
        buffer_add(out, SLICE_LIT(", schema: "));
        buffer_add(out, import_quote(in, response_file(in, route, status, schema)));
    }
    buffer_add(out, SLICE_LIT("}\n"));
}

static void import_responses(struct import *in, struct import_route *route)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *item;
    struct buffer out = buffer_in_arena(in->arena, 0);
    yyjson_val *responses = json_get(route->operation, SLICE_LIT("responses"));
    size_t mark = import_enter(in, SLICE_LIT("responses"));
    yyjson_obj_foreach(import_object(responses), at, count, key, item)
    {
        struct slice status = json_text(key);
        size_t inner = import_enter(in, status);
        struct slice here = import_copy(in, text_slice(&in->pointer));
        bool is_extension = slice_starts(status, SLICE_LIT("x-"));
        if (!is_status(status) && !is_extension)
            import_note(in, NULL, "a response is for a status such as 200, for 2XX, or for default, left out");
        yyjson_val *response = is_status(status) ? import_follow(in, item) : NULL;
        if (response)
            import_response(in, route, status, response, &out);
        import_jump(in, here);
        import_leave(in, inner);
    }
    import_leave(in, mark);
    if (buffer_finish(&out, &route->responses) != ERR_OK)
        in->err = ERR_NOMEM;
}

void import_operation(struct import *in, struct import_route *route)
{
    import_jump(in, route->item_at);
    import_enter(in, route->key);
    if (!route->is_named) {
        in->components = "../components/";
        route->name = import_keep(in, arena_printf(in->arena, "routes/" SLICE_FMT "-%u",
                                                   SLICE_ARG(slice_first(route->name, 100)), ++in->unnamed_count));
    }
    import_parameters(in, route);
    import_body(in, route);
    import_responses(in, route);
    if (json_get(route->operation, SLICE_LIT("callbacks")))
        import_note(in, "callbacks", "callbacks are requests that the API makes; weir does not serve them, left out");
    in->components = "components/";
    import_jump(in, SLICE_LIT(""));
}
