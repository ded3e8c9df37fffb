/* SPDX-License-Identifier: Apache-2.0 */
/* What weir does about requests that do not fit, as "x-openapi-validation" of an operation says it. A document that is not
 * weir's has none: then only what is refused from now on is told. */
#include "control/openapi/diff_int.h"

static bool is_on(yyjson_val *validation, const char *name)
{
    return yyjson_is_true(json_get(validation, slice_of_text(name)));
}

bool diff_refuses_unknown_query(yyjson_val *operation)
{
    return is_on(json_get(operation, SLICE_LIT("x-openapi-validation")), "refuseUnknownQuery");
}

static void compare_mode(struct diff *diff, struct pair validations, const char *name, const char *what)
{
    struct pair modes = pair_get(validations, name);
    bool was_enforced = slice_is(json_text(modes.before), "enforce");
    bool is_enforced = slice_is(json_text(modes.after), "enforce");
    if (!modes.before || !modes.after || pair_is_equal(modes))
        return;
    if (is_enforced && !was_enforced)
        diff_add(diff, true, "refuses %s that do not fit now", what);
    else if (was_enforced)
        diff_add(diff, false, "no longer refuses %s that do not fit", what);
    else
        diff_add(diff, false, "looks at %s in another way", what);
}

/* What made a request fit that does not fit by itself. */
static void compare_help(struct diff *diff, struct pair validations)
{
    static const char *const names[] = {"coerceTypes", "removeAdditional", "applyDefaults"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        bool was = is_on(validations.before, names[i]);
        bool is = is_on(validations.after, names[i]);
        if (was != is)
            diff_add(diff, was, "%s is %s now", names[i], is ? "on" : "off");
    }
    struct pair empty = pair_get(validations, "allowEmptyString");
    bool is_narrower = yyjson_is_true(empty.before) || yyjson_is_false(empty.after);
    if (!pair_is_equal(empty))
        diff_add(diff, is_narrower, "allowEmptyString is %s now",
                 !empty.after                  ? "left to the schema"
                 : yyjson_is_true(empty.after) ? "on"
                                               : "off");
}

void diff_validations(struct diff *diff, struct pair operations)
{
    struct pair validations = pair_get(operations, "x-openapi-validation");
    bool was_refused = diff_refuses_unknown_query(operations.before);
    bool is_refused = diff_refuses_unknown_query(operations.after);
    if (was_refused != is_refused)
        diff_add(diff, is_refused,
                 is_refused ? "refuses query parameters that are not declared now"
                            : "takes query parameters that are not declared now");
    if (!validations.before || !validations.after)
        return;
    compare_mode(diff, validations, "mode", "requests");
    compare_mode(diff, validations, "parameters", "parameters");
    compare_mode(diff, validations, "responses", "responses");
    compare_help(diff, validations);
}
