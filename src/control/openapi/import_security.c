/* SPDX-License-Identifier: Apache-2.0 */
/* `security` as weir's auth. What it takes are keys of its own, in a header; tokens that somebody else gives out are the
 * upstream's affair, and such a route is public as far as weir is concerned, which is told. */
#include "control/openapi/import_int.h"

/* How weir's auth takes what a scheme is about; IMPORT_PUBLIC: it does not. */
static enum import_auth auth_of(yyjson_val *scheme)
{
    struct slice type = json_text(json_get(scheme, SLICE_LIT("type")));
    struct slice format = json_text(json_get(scheme, SLICE_LIT("bearerFormat")));
    bool is_bearer = slice_is(type, "http") &&
                     slice_equal_nocase(json_text(json_get(scheme, SLICE_LIT("scheme"))), SLICE_LIT("bearer"));
    bool is_key = slice_is(type, "apiKey") && slice_is(json_text(json_get(scheme, SLICE_LIT("in"))), "header") &&
                  slice_equal_nocase(json_text(json_get(scheme, SLICE_LIT("name"))), SLICE_LIT("X-API-Key"));
    if (is_bearer && !slice_equal_nocase(format, SLICE_LIT("JWT")))
        return IMPORT_AUTHORIZATION;
    return is_key ? IMPORT_X_API_KEY : IMPORT_PUBLIC;
}

/* One way in: all schemes of it together. */
static enum import_auth read_requirement(struct import *in, yyjson_val *requirement, struct import_comments *comments)
{
    size_t at;
    size_t count;
    yyjson_val *key;
    yyjson_val *scopes;
    enum import_auth auth = IMPORT_PUBLIC;
    yyjson_val *schemes = json_get(json_get(in->root, SLICE_LIT("components")), SLICE_LIT("securitySchemes"));
    bool is_single = yyjson_obj_size(requirement) == 1;
    yyjson_obj_foreach(import_object(requirement), at, count, key, scopes)
    {
        struct slice name = slice_first(json_text(key), IMPORT_QUOTE_BYTES);
        struct slice here = import_copy(in, text_slice(&in->pointer));
        yyjson_val *scheme = json_get(schemes, json_text(key));
        scheme = scheme ? import_follow(in, scheme) : NULL;
        import_jump(in, here);
        auth = is_single ? auth_of(scheme) : IMPORT_PUBLIC;
        if (auth != IMPORT_PUBLIC)
            continue;
        struct slice type = json_text(json_get(scheme, SLICE_LIT("type")));
        import_comment(in, comments,
                       "Not checked here: security \"" SLICE_FMT "\" (" SLICE_FMT "); the upstream has to.",
                       SLICE_ARG(name), SLICE_ARG(type.len ? slice_first(type, 50) : SLICE_LIT("unknown")));
        import_note(in, "security",
                    "security \"" SLICE_FMT
                    "\" cannot be said with weir's auth; the route is public, and the upstream has to check it",
                    SLICE_ARG(name));
    }
    return auth;
}

enum import_auth import_security(struct import *in, yyjson_val *operation, struct import_comments *comments)
{
    size_t at;
    size_t count;
    yyjson_val *requirement;
    yyjson_val *own = json_get(operation, SLICE_LIT("security"));
    yyjson_val *list = own ? own : json_get(in->root, SLICE_LIT("security"));
    bool is_open = yyjson_arr_size(list) == 0;
    unsigned headers = 0;
    yyjson_arr_foreach(import_list(list), at, count, requirement)
    {
        enum import_auth auth =
            yyjson_obj_size(requirement) ? read_requirement(in, requirement, comments) : IMPORT_PUBLIC;
        is_open |= auth == IMPORT_PUBLIC;
        headers |= (unsigned)auth;
    }
    return is_open ? IMPORT_PUBLIC : (enum import_auth)headers;
}
