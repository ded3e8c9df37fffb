/* SPDX-License-Identifier: Apache-2.0 */
/* References. In the document they lead anywhere; in what is made of it, to files: each schema that is referred to becomes one
 * in schemas/components, under its name when it has one in the document's components. */
#include "control/openapi/import_int.h"

#include "lib/http/url.h"
#include "lib/json/pointer.h"

#define FILE_NAME_CHARS 100

static const struct slice components = SLICE_LIT("/components/schemas/");

/* The name of a component if that is what the pointer leads to; else empty. */
static struct slice component_of(struct slice pointer)
{
    if (!slice_starts(pointer, components))
        return (struct slice){NULL, 0};
    struct slice name = slice_skip(pointer, components.len);
    return slice_find(name, '/') < name.len ? (struct slice){NULL, 0} : name;
}

static bool is_good_in_name(char c)
{
    char lower = ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* "Pet.json", or "part-3.json" for what has no name. No two are equal, also where letters of either case are one. */
static struct slice choose_file(struct import *in, struct slice pointer)
{
    char memory[FILE_NAME_CHARS];
    struct text name = text_init(memory, sizeof memory);
    struct slice component = slice_first(component_of(pointer), FILE_NAME_CHARS - 20);
    for (size_t i = 0; i < component.len; i++)
        text_printf(&name, "%c",
                    is_good_in_name(component.ptr[i]) && (i || component.ptr[i] != '.') ? component.ptr[i] : '_');
    for (uint32_t n = 1;; n++) {
        struct slice file = !name.len ? arena_printf(in->arena, "part-%u.json", n)
                            : n == 1  ? arena_printf(in->arena, "%s.json", memory)
                                      : arena_printf(in->arena, "%s-%u.json", memory, n);
        struct slice lower = import_copy(in, file);
        if (!file.ptr || in->err != ERR_OK)
            return import_keep(in, file);
        for (size_t i = 0; i < lower.len; i++)
            ((char *)lower.ptr)[i] = ascii_lower(lower.ptr[i]);
        enum err err = map_add(&in->shared_by_file, lower, in);
        if (err == ERR_OK)
            return file;
        if (err != ERR_EXISTS) {
            in->err = ERR_NOMEM;
            return SLICE_LIT("");
        }
    }
}

static struct import_shared *share(struct import *in, struct slice pointer, yyjson_val *value)
{
    struct import_shared *shared = map_find(&in->shared_by_pointer, pointer);
    if (shared)
        return shared;
    shared = arena_alloc_zero(in->arena, sizeof *shared);
    if (!shared) {
        in->err = ERR_NOMEM;
        return NULL;
    }
    shared->pointer = import_copy(in, pointer);
    shared->file = choose_file(in, pointer);
    shared->value = value;
    if (in->err == ERR_OK && map_add(&in->shared_by_pointer, shared->pointer, shared) != ERR_OK)
        in->err = ERR_NOMEM;
    *in->shared_end = shared;
    in->shared_end = &shared->next;
    return shared;
}

/* The schema with this anchor, wherever it stands; its pointer is appended. The document is one resource (OpenAPI 3.1, section
 * 4.1), so that there is one of each. */
static yyjson_val *find_anchor(yyjson_val *value, struct slice keyword, struct slice anchor, struct text *pointer)
{
    size_t at;
    size_t count;
    size_t mark = pointer->len;
    yyjson_val *key;
    yyjson_val *child;
    yyjson_val *found = NULL;
    if (yyjson_is_obj(value) && slice_equal(json_text(json_get(value, keyword)), anchor))
        return value;
    if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(import_object(value), at, count, key, child)
        {
            json_pointer_add(pointer, json_text(key));
            found = yyjson_is_ctn(child) ? find_anchor(child, keyword, anchor, pointer) : NULL;
            if (found)
                return found;
            pointer->len = mark;
        }
    } else if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(import_list(value), at, count, child)
        {
            json_pointer_add_index(pointer, at);
            found = yyjson_is_ctn(child) ? find_anchor(child, keyword, anchor, pointer) : NULL;
            if (found)
                return found;
            pointer->len = mark;
        }
    }
    return NULL;
}

static void report_reference(struct import *in, struct slice reference, const char *keyword)
{
    bool is_inside = reference.len && reference.ptr[0] == '#';
    import_error(in, keyword, "\"" SLICE_FMT "\" leads to nothing in this document%s",
                 SLICE_ARG(slice_first(reference, IMPORT_QUOTE_BYTES)),
                 is_inside ? "" : "; bundle its files into one first, for instance with redocly bundle");
}

struct slice import_reference(struct import *in, struct slice reference, const char *keyword)
{
    char memory[IMPORT_POINTER_BYTES];
    char decoded[IMPORT_POINTER_BYTES];
    struct text pointer = text_init(memory, sizeof memory);
    struct slice fragment = reference;
    bool is_dynamic = strcmp(keyword, "$dynamicRef") == 0;
    yyjson_val *value = NULL;
    if (reference.len && reference.ptr[0] == '#' && reference.len < sizeof decoded &&
        url_percent_decode(slice_skip(reference, 1), false, decoded, &fragment) == ERR_OK && fragment.len) {
        bool is_pointer = fragment.ptr[0] == '/';
        if (is_pointer)
            text_add(&pointer, fragment);
        value = is_pointer ? json_pointer_find(in->root, fragment) : NULL;
        if (!is_pointer && is_dynamic)
            value = find_anchor(in->root, SLICE_LIT("$dynamicAnchor"), fragment, &pointer);
        if (!is_pointer && !value)
            value = find_anchor(in->root, SLICE_LIT("$anchor"), fragment, &pointer);
    }
    if (!value || pointer.is_cut) {
        report_reference(in, reference, keyword);
        return (struct slice){NULL, 0};
    }
    const struct import_shared *shared = share(in, text_slice(&pointer), value);
    if (!shared)
        return (struct slice){NULL, 0};
    bool keeps_anchor = is_dynamic && fragment.ptr[0] != '/';
    return import_keep(in,
                       arena_printf(in->arena, "%s" SLICE_FMT "%s" SLICE_FMT, in->components, SLICE_ARG(shared->file),
                                    keeps_anchor ? "#" : "", SLICE_ARG(keeps_anchor ? fragment : SLICE_LIT(""))));
}

void import_add_shared(struct import *in)
{
    const char *before = in->components;
    in->components = "";
    for (struct import_shared *shared = in->shared; shared && in->err == ERR_OK; shared = shared->next) {
        struct slice path =
            import_keep(in, arena_printf(in->arena, "schemas/components/" SLICE_FMT, SLICE_ARG(shared->file)));
        import_jump(in, shared->pointer);
        import_add_schema(in, path, shared->value);
    }
    import_jump(in, SLICE_LIT(""));
    in->components = before;
}
