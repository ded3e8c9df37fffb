/* SPDX-License-Identifier: Apache-2.0 */
/* Parameter Objects (OpenAPI 3.1, section 4.8.12), read from JSON whether they stood in a file or in the configuration. */
#include "control/config/contract_int.h"

#include "lib/json/pointer.h"
#include "lib/json/writer.h"

#define POINTER_BYTES  512
#define FOUND_BYTES    128
#define REFS_MAX       8
#define PARAMETERS_MAX 256 /* of one route */

/* One object on its way. */
struct reading {
    struct compile *compile;
    const struct contract_job *job;
    struct contract *contract;
    struct document *document;
    yyjson_val *object;
    char pointer_memory[POINTER_BYTES];
    struct text pointer; /* of `object` */
    struct contract_parameter made;
    bool has_fault;
};

struct word {
    const char *name;
    unsigned places; /* bits of enum contract_place that a style is for */
};

static const struct word place_words[] = {[CONTRACT_PATH] = {"path", 0},
                                          [CONTRACT_QUERY] = {"query", 0},
                                          [CONTRACT_HEADER] = {"header", 0},
                                          [CONTRACT_COOKIE] = {"cookie", 0}};

static const struct word style_words[] = {
    [CONTRACT_SIMPLE] = {"simple", 1u << CONTRACT_PATH | 1u << CONTRACT_HEADER},
    [CONTRACT_LABEL] = {"label", 1u << CONTRACT_PATH},
    [CONTRACT_MATRIX] = {"matrix", 1u << CONTRACT_PATH},
    [CONTRACT_FORM] = {"form", 1u << CONTRACT_QUERY | 1u << CONTRACT_COOKIE},
    [CONTRACT_SPACE_DELIMITED] = {"spaceDelimited", 1u << CONTRACT_QUERY},
    [CONTRACT_PIPE_DELIMITED] = {"pipeDelimited", 1u << CONTRACT_QUERY},
    [CONTRACT_DEEP_OBJECT] = {"deepObject", 1u << CONTRACT_QUERY},
};

static const char *const members[] = {
    "name",          "in",     "description", "required", "deprecated", "allowEmptyValue", "style", "explode",
    "allowReserved", "schema", "content",     "example",  "examples",
};

static enum err read_parameter(struct reading *reading);
static enum err make_schema(struct reading *reading);
static void check_path(struct compile *compile, const struct contract_job *job, const struct document *document,
                       const struct contract *contract);

/* --- words ------------------------------------------------------------------------------------------------------- */

/* At the member `name`, or at the object for NULL. */
static void PRINTF_LIKE(3, 4) fault(struct reading *reading, const char *name, const char *format, ...)
{
    char message[1024];
    char memory[POINTER_BYTES];
    struct text text = text_init(message, sizeof message);
    struct text pointer = text_init(memory, sizeof memory);
    va_list args;
    va_start(args, format);
    text_vprintf(&text, format, args);
    va_end(args);
    text_add(&pointer, text_slice(&reading->pointer));
    if (name)
        json_pointer_add(&pointer, slice_of_text(name));
    document_fault(reading->compile, reading->document, text_slice(&pointer), false, "%s", message);
    reading->has_fault = true;
}

static void say_found(yyjson_val *value, struct text *out)
{
    struct slice text = json_text(value);
    if (text.ptr)
        text_printf(out, "\"" SLICE_FMT "\"", SLICE_ARG(slice_first(text, REPORT_QUOTE_BYTES_MAX)));
    else
        text_printf(out, "%s", json_kind(value));
}

static void fault_value(struct reading *reading, const char *name, yyjson_val *value, const char *expected)
{
    char memory[FOUND_BYTES];
    struct text found = text_init(memory, sizeof memory);
    say_found(value, &found);
    fault(reading, name, "\"%s\" of a parameter takes %s, found %s", name, expected, memory);
}

static yyjson_val *member(const struct reading *reading, const char *name)
{
    return json_get(reading->object, slice_of_text(name));
}

static bool read_flag(struct reading *reading, const char *name, bool fallback)
{
    yyjson_val *value = member(reading, name);
    if (!value)
        return fallback;
    if (yyjson_is_bool(value))
        return yyjson_get_bool(value);
    fault_value(reading, name, value, "true or false");
    return fallback;
}

static enum err read_text(struct reading *reading, const char *name, struct slice *out)
{
    yyjson_val *value = member(reading, name);
    if (!value)
        return ERR_OK;
    if (!yyjson_is_str(value)) {
        fault_value(reading, name, value, "a text");
        return ERR_OK;
    }
    *out = arena_copy(&reading->compile->config->arena, json_text(value));
    return out->ptr ? ERR_OK : ERR_NOMEM;
}

/* The index of the member's word; `fallback` when it is absent or wrong, which is reported. */
static unsigned read_word(struct reading *reading, const char *name, const struct word *words, size_t count,
                          unsigned fallback)
{
    const char *names[8];
    char memory[256];
    struct text expected = text_init(memory, sizeof memory);
    yyjson_val *value = member(reading, name);
    if (!value)
        return fallback;
    text_add(&expected, SLICE_LIT("one of "));
    for (unsigned i = 0; i < count; i++) {
        if (slice_is(json_text(value), words[i].name) && yyjson_is_str(value))
            return i;
        names[i] = words[i].name;
        text_printf(&expected, "%s%s", i ? ", " : "", words[i].name);
    }
    const char *nearest = yyjson_is_str(value) ? text_nearest(json_text(value), names, count) : NULL;
    char found_memory[FOUND_BYTES];
    struct text found = text_init(found_memory, sizeof found_memory);
    say_found(value, &found);
    fault(reading, name, "\"%s\" of a parameter takes %s, found %s%s%s%s", name, memory, found_memory,
          nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return fallback;
}

static void check_members(struct reading *reading)
{
    size_t index;
    size_t max;
    yyjson_val *key;
    yyjson_val *value;
    yyjson_obj_foreach(reading->object, index, max, key, value)
    {
        struct slice name = json_text(key);
        bool is_known = slice_starts(name, SLICE_LIT("x-"));
        (void)value;
        for (size_t i = 0; i < ARRAY_LEN(members); i++)
            is_known |= slice_is(name, members[i]);
        if (is_known)
            continue;
        char memory[POINTER_BYTES];
        struct text pointer = text_init(memory, sizeof memory);
        const char *nearest = text_nearest(name, members, ARRAY_LEN(members));
        text_add(&pointer, text_slice(&reading->pointer));
        json_pointer_add(&pointer, name);
        document_fault(reading->compile, reading->document, text_slice(&pointer), true,
                       "a parameter has no \"" SLICE_FMT "\"; %s%s%s",
                       SLICE_ARG(slice_first(name, REPORT_QUOTE_BYTES_MAX)), nearest ? "did you mean \"" : "it takes ",
                       nearest ? nearest
                               : "name, in, required, schema or content, style, explode, allowEmptyValue, "
                                 "deprecated, description",
                       nearest ? "\"?" : "");
        reading->has_fault = true;
    }
}

/* --- references -------------------------------------------------------------------------------------------------- */

static enum err fail_reference(struct reading *reading, struct slice ref, const char *what)
{
    fault(reading, "$ref", "\"" SLICE_FMT "\" %s", SLICE_ARG(slice_first(ref, 200)), what);
    return ERR_OK;
}

/* The document that a reference names, from the one it stands in; NULL when it cannot be read, which is reported. */
static enum err follow_file(struct reading *reading, struct slice ref, struct document **ret_document)
{
    struct compile *compile = reading->compile;
    struct slice from = reading->document->absolute;
    struct slice folder = compile->config->schemas.folder;
    while (from.len && from.ptr[from.len - 1] != '/')
        from.len--;
    struct slice path = arena_printf(compile->fill.scratch, SLICE_FMT SLICE_FMT, SLICE_ARG(from), SLICE_ARG(ref));
    struct slice clean = path.ptr ? path_clean(compile->fill.scratch, path) : path;
    if (!clean.ptr)
        return ERR_NOMEM;
    bool is_inside =
        folder.len && slice_starts(clean, folder) && clean.len > folder.len && clean.ptr[folder.len] == '/';
    struct schema_file *file = is_inside && compile->contracts->folder
                                   ? schema_folder_find(compile->contracts->folder, slice_skip(clean, folder.len + 1))
                                   : NULL;
    if (!file)
        return fail_reference(reading, ref, "is no file in the folder of schemas");
    return document_of_file(compile, file, ret_document);
}

/* A Reference Object in place of a parameter: what it leads to becomes the object. */
static enum err follow(struct reading *reading)
{
    for (int steps = 0; steps < REFS_MAX && member(reading, "$ref"); steps++) {
        struct slice ref = json_text(member(reading, "$ref"));
        size_t hash = slice_find(ref, '#');
        struct document *document = hash ? NULL : reading->document;
        yyjson_val *root = NULL;
        if (hash)
            TRY(follow_file(reading, slice_first(ref, hash), &document));
        if (document)
            TRY(document_parse(reading->compile, document, &root));
        if (!root) {
            reading->has_fault = true;
            return ERR_OK;
        }
        struct slice pointer = hash < ref.len ? slice_skip(ref, hash + 1) : SLICE_LIT("");
        yyjson_val *object = json_pointer_find(root, pointer);
        if (!object)
            return fail_reference(reading, ref, "leads to nothing");
        reading->document = document;
        reading->object = object;
        reading->pointer.len = 0;
        text_add(&reading->pointer, pointer);
    }
    if (member(reading, "$ref"))
        fault(reading, "$ref", "references to references go on for more than %d steps", REFS_MAX);
    return ERR_OK;
}

/* --- one parameter ----------------------------------------------------------------------------------------------- */

static enum err lower_name(struct reading *reading)
{
    struct slice name = reading->made.name;
    char *lower = arena_alloc(&reading->compile->config->arena, name.len + 1);
    if (!lower)
        return ERR_NOMEM;
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.ptr[i]);
    lower[name.len] = '\0';
    reading->made.name = slice_of(lower, name.len);
    return ERR_OK;
}

static void read_style(struct reading *reading)
{
    struct contract_parameter *made = &reading->made;
    bool is_form = made->place == CONTRACT_QUERY || made->place == CONTRACT_COOKIE;
    made->style = (enum contract_style)read_word(reading, "style", style_words, ARRAY_LEN(style_words),
                                                 is_form ? CONTRACT_FORM : CONTRACT_SIMPLE);
    if (!(style_words[made->style].places & 1u << made->place))
        fault(reading, "style", "style %s is not for parameters in the %s; there it is %s",
              style_words[made->style].name, place_words[made->place].name,
              made->place == CONTRACT_PATH     ? "simple, label or matrix"
              : made->place == CONTRACT_QUERY  ? "form, spaceDelimited, pipeDelimited or deepObject"
              : made->place == CONTRACT_COOKIE ? "form"
                                               : "simple");
    made->is_exploded = read_flag(reading, "explode", made->style == CONTRACT_FORM);
}

static bool names_parameter(struct slice pattern, struct slice name)
{
    while (pattern.ptr) {
        struct slice segment = slice_cut(&pattern, '/');
        if (segment.len > 2 && segment.ptr[0] == '{' && slice_equal(path_segment_name(segment), name))
            return true;
    }
    return false;
}

static enum err read_members(struct reading *reading)
{
    struct contract_parameter *made = &reading->made;
    check_members(reading);
    TRY(read_text(reading, "name", &made->name));
    TRY(read_text(reading, "description", &made->description));
    if (!member(reading, "name"))
        fault(reading, NULL, "a parameter lacks \"name\"");
    else if (yyjson_is_str(member(reading, "name")) && made->name.len == 0)
        fault(reading, "name", "the name of a parameter is empty");
    if (!member(reading, "in"))
        fault(reading, NULL, "a parameter lacks \"in\": path, query, header or cookie");
    made->place = (enum contract_place)read_word(reading, "in", place_words, ARRAY_LEN(place_words), CONTRACT_QUERY);
    made->is_required = read_flag(reading, "required", false);
    made->is_deprecated = read_flag(reading, "deprecated", false);
    made->allows_empty = read_flag(reading, "allowEmptyValue", false);
    (void)read_flag(reading, "allowReserved", false);
    read_style(reading);
    if (made->place == CONTRACT_PATH && !made->is_required)
        fault(reading, member(reading, "required") ? "required" : NULL,
              "a parameter in the path is always there: write \"required: true\"");
    if (made->place == CONTRACT_PATH && made->name.len && !names_parameter(reading->job->pattern, made->name))
        fault(reading, "name", "the path " SLICE_FMT " has no {" SLICE_FMT "}",
              SLICE_ARG(slice_first(reading->job->pattern, 200)),
              SLICE_ARG(slice_first(made->name, REPORT_QUOTE_BYTES_MAX)));
    if (made->allows_empty && made->place != CONTRACT_QUERY)
        fault(reading, "allowEmptyValue", "allowEmptyValue is for parameters in the query");
    return made->place == CONTRACT_HEADER ? lower_name(reading) : ERR_OK;
}

/* "If in is "header" and the name field is "Accept", "Content-Type" or "Authorization", the parameter definition SHALL be
 * ignored." */
static bool is_ignored(struct reading *reading)
{
    static const char *const names[] = {"accept", "content-type", "authorization"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (reading->made.place != CONTRACT_HEADER || !slice_is(reading->made.name, names[i]))
            continue;
        document_warn(reading->compile, reading->document, text_slice(&reading->pointer), false,
                      "OpenAPI has header parameters named %s ignored; so it is here", names[i]);
        return true;
    }
    return false;
}

static bool is_known(struct reading *reading)
{
    const struct contract *contract = reading->contract;
    for (uint32_t i = 0; i < contract->parameter_count; i++) {
        const struct contract_parameter *other = &contract->parameters[i];
        if (other->place != reading->made.place || !slice_equal(other->name, reading->made.name))
            continue;
        fault(reading, "name", "there is a parameter \"" SLICE_FMT "\" in the %s already", SLICE_ARG(other->name),
              place_words[other->place].name);
        return true;
    }
    return false;
}

static enum err read_parameter(struct reading *reading)
{
    TRY(follow(reading));
    if (reading->has_fault)
        return ERR_OK;
    if (!yyjson_is_obj(reading->object)) {
        fault(reading, NULL, "a parameter is an object with name, in and schema; found %s", json_kind(reading->object));
        return ERR_OK;
    }
    TRY(read_members(reading));
    TRY(make_schema(reading));
    if (reading->has_fault || is_ignored(reading) || is_known(reading))
        return ERR_OK;
    reading->contract->parameters[reading->contract->parameter_count++] = reading->made;
    return ERR_OK;
}

enum err parameters_make(struct compile *compile, const struct contract_job *job, struct document *document,
                         struct contract *contract)
{
    yyjson_val *root;
    TRY(document_parse(compile, document, &root));
    if (!root)
        return ERR_OK;
    if (!yyjson_is_arr(root) || yyjson_arr_size(root) > PARAMETERS_MAX) {
        document_fault(compile, document, SLICE_LIT(""), false,
                       "parameters are a list of at most %d OpenAPI Parameter Objects; found %s", PARAMETERS_MAX,
                       json_kind(root));
        return ERR_OK;
    }
    contract->parameters =
        arena_alloc_array(&compile->config->arena, yyjson_arr_size(root), sizeof *contract->parameters);
    if (!contract->parameters)
        return ERR_NOMEM;
    uint32_t errors = compile->report->error_count;
    size_t index;
    size_t max;
    yyjson_val *item;
    yyjson_arr_foreach(root, index, max, item)
    {
        struct reading reading = {
            .compile = compile, .job = job, .contract = contract, .document = document, .object = item};
        reading.pointer = text_init(reading.pointer_memory, sizeof reading.pointer_memory);
        json_pointer_add_index(&reading.pointer, index);
        TRY(read_parameter(&reading));
    }
    if (compile->report->error_count == errors)
        check_path(compile, job, document, contract);
    return ERR_OK;
}

/* --- its schema -------------------------------------------------------------------------------------------------- */

/* `content` has one media type, and that is JSON: a parameter in any other form is a text with a schema. Adds where its schema
 * stands to `pointer`. */
static bool find_content(struct reading *reading, struct text *pointer)
{
    yyjson_val *content = member(reading, "content");
    yyjson_val *media = json_get(content, SLICE_LIT("application/json"));
    if (!yyjson_is_obj(content) || yyjson_obj_size(content) != 1 || !yyjson_is_obj(media)) {
        fault(reading, "content",
              "\"content\" of a parameter takes {application/json: {schema: ...}} and no other media type");
        return false;
    }
    if (!json_get(media, SLICE_LIT("schema"))) {
        fault(reading, "content", "\"content\" of a parameter lacks \"schema\" in application/json");
        return false;
    }
    json_pointer_add(pointer, SLICE_LIT("content"));
    json_pointer_add(pointer, SLICE_LIT("application/json"));
    reading->made.is_json = true;
    return true;
}

#define SCALARS (SCHEMA_TYPE_BOOLEAN | SCHEMA_TYPE_INTEGER | SCHEMA_TYPE_NUMBER | SCHEMA_TYPE_STRING)

static uint32_t scalar_types(uint32_t types)
{
    _Static_assert((int)CONTRACT_NULL == (int)SCHEMA_TYPE_NULL && (int)CONTRACT_BOOLEAN == (int)SCHEMA_TYPE_BOOLEAN &&
                       (int)CONTRACT_INTEGER == (int)SCHEMA_TYPE_INTEGER &&
                       (int)CONTRACT_NUMBER == (int)SCHEMA_TYPE_NUMBER &&
                       (int)CONTRACT_STRING == (int)SCHEMA_TYPE_STRING,
                   "the types of contracts are those of schemas");
    return types & (SCALARS | SCHEMA_TYPE_NULL);
}

static enum err copy_properties(struct reading *reading, const struct schema_shape *shape)
{
    struct contract_parameter *made = &reading->made;
    struct arena *arena = &reading->compile->config->arena;
    made->properties = arena_alloc_array(arena, shape->property_count, sizeof *made->properties);
    if (!made->properties)
        return ERR_NOMEM;
    for (uint32_t i = 0; i < shape->property_count; i++) {
        struct contract_property *property = &made->properties[i];
        property->types = scalar_types(shape->properties[i].types);
        property->name = arena_copy(arena, shape->properties[i].name);
        if (!property->name.ptr)
            return ERR_NOMEM;
        made->property_count++;
    }
    return ERR_OK;
}

/* A text can stand for one kind of value only. Where a schema leaves it open, a text is a scalar. */
static enum err decide_kind(struct reading *reading, const struct schema_shape *shape)
{
    struct contract_parameter *made = &reading->made;
    bool is_delimited = made->style == CONTRACT_SPACE_DELIMITED || made->style == CONTRACT_PIPE_DELIMITED;
    bool is_deep = made->style == CONTRACT_DEEP_OBJECT;
    bool may_be_scalar = shape->types & SCALARS && !is_delimited && !is_deep;
    bool may_be_array = shape->types & SCHEMA_TYPE_ARRAY && !is_deep;
    if (is_deep && !(shape->types & SCHEMA_TYPE_OBJECT))
        fault(reading, "style", "style deepObject is for objects, which the schema does not allow");
    if (is_delimited && !(shape->types & (SCHEMA_TYPE_OBJECT | SCHEMA_TYPE_ARRAY)))
        fault(reading, "style", "style %s is for arrays, which the schema does not allow",
              style_words[made->style].name);
    made->kind = may_be_scalar ? CONTRACT_SCALAR : may_be_array ? CONTRACT_ARRAY : CONTRACT_OBJECT;
    made->types = scalar_types(made->kind == CONTRACT_SCALAR  ? shape->types
                               : made->kind == CONTRACT_ARRAY ? shape->item_types
                                                              : shape->member_types);
    return made->kind == CONTRACT_OBJECT ? copy_properties(reading, shape) : ERR_OK;
}

/* The fragment of a URI that a pointer is; {NULL, 0} without memory. */
static struct slice fragment_of(struct arena *arena, struct slice pointer)
{
    struct slice uri = schema_uri_of_path(arena, pointer);
    if (!uri.ptr)
        return uri;
    return arena_printf(arena, "#" SLICE_FMT, SLICE_ARG(slice_skip(uri, sizeof "file://" - 1)));
}

static enum err make_schema(struct reading *reading)
{
    struct compile *compile = reading->compile;
    char memory[POINTER_BYTES];
    struct text pointer = text_init(memory, sizeof memory);
    bool has_schema = member(reading, "schema");
    bool has_content = member(reading, "content");
    text_add(&pointer, text_slice(&reading->pointer));
    if (has_schema == has_content) {
        fault(reading, NULL,
              has_schema ? "a parameter has \"schema\" or \"content\", not both" : "a parameter lacks \"schema\"");
        return ERR_OK;
    }
    if (has_content && !find_content(reading, &pointer))
        return ERR_OK;
    json_pointer_add(&pointer, SLICE_LIT("schema"));
    const struct contract_config *config = &reading->job->config->contract;
    struct schema_job job = {
        .document = reading->document,
        .fragment = fragment_of(compile->fill.scratch, text_slice(&pointer)),
        .options = {.allow_empty_string = (enum schema_choice)config->allow_empty_string,
                    .errors_max = (uint32_t)config->errors_max,
                    .mode = (enum schema_mode)config->mode},
    };
    if (!job.fragment.ptr)
        return ERR_NOMEM;
    TRY(schema_make(compile, &job, &reading->made.schema));
    if (!reading->made.schema.schema) {
        reading->has_fault = true;
        return ERR_OK;
    }
    struct schema_shape shape;
    TRY(schema_compiler_shape(compile->contracts->compiler, reading->made.schema.uri, compile->fill.scratch, &shape));
    return has_content ? ERR_OK : decide_kind(reading, &shape);
}

/* --- the path ---------------------------------------------------------------------------------------------------- */

static bool is_declared(const struct contract *contract, struct slice name)
{
    for (uint32_t i = 0; i < contract->parameter_count; i++)
        if (contract->parameters[i].place == CONTRACT_PATH && slice_equal(contract->parameters[i].name, name))
            return true;
    return false;
}

/* One that nobody has declared is never checked. One that no path has was refused where it is declared. */
static void check_path(struct compile *compile, const struct contract_job *job, const struct document *document,
                       const struct contract *contract)
{
    struct slice pattern = job->pattern;
    while (pattern.ptr) {
        struct slice segment = slice_cut(&pattern, '/');
        if (segment.len > 2 && segment.ptr[0] == '{' && !is_declared(contract, path_segment_name(segment)))
            document_warn(compile, document, SLICE_LIT(""), false,
                          "the path's " SLICE_FMT " is not among the parameters, and is not checked",
                          SLICE_ARG(slice_first(segment, REPORT_QUOTE_BYTES_MAX)));
    }
}
