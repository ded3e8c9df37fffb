/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/url.h"

#include "lib/http/http.h"
#include "lib/http/scan.h"

static enum err parse_absolute(struct slice target, struct url_target *ret_target);
static void split_query(struct slice text, struct url_target *target);

enum err url_target_parse(struct slice target, struct url_target *ret_target)
{
    struct url_target parsed = {0};
    for (size_t i = 0; i < target.len; i++)
        if (!scan_is(target.ptr[i], SCAN_TARGET))
            return ERR_SYNTAX;
    if (target.len == 0)
        return ERR_SYNTAX;
    if (target.ptr[0] == '/') {
        parsed.form = URL_ORIGIN;
        split_query(target, &parsed);
    } else if (slice_is(target, "*")) {
        parsed.form = URL_ASTERISK;
    } else if (slice_find(target, '/') < target.len) {
        TRY(parse_absolute(target, &parsed));
    } else {
        parsed.form = URL_AUTHORITY;
        parsed.authority = target;
        if (!http_is_authority(target))
            return ERR_SYNTAX;
    }
    *ret_target = parsed;
    return ERR_OK;
}

static void split_query(struct slice text, struct url_target *target)
{
    target->path = slice_cut(&text, '?');
    target->has_query = text.ptr != NULL;
    target->query = text;
}

/* http-URI of RFC 9110 section 4.2.1. Userinfo fails as a host: section 4.2.4 has us treat it as an error. */
static enum err parse_absolute(struct slice target, struct url_target *ret_target)
{
    struct slice rest = target;
    struct slice scheme = slice_cut(&rest, ':');
    if (!slice_equal_nocase(scheme, SLICE_LIT("http")) && !slice_equal_nocase(scheme, SLICE_LIT("https")))
        return ERR_SYNTAX;
    if (!slice_starts(rest, SLICE_LIT("//")))
        return ERR_SYNTAX;
    rest = slice_skip(rest, 2);
    size_t len = 0;
    while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?')
        len++;
    ret_target->form = URL_ABSOLUTE;
    ret_target->scheme = scheme;
    ret_target->authority = slice_first(rest, len);
    if (!http_is_authority(ret_target->authority))
        return ERR_SYNTAX;
    split_query(slice_skip(rest, len), ret_target);
    if (ret_target->path.len == 0)
        ret_target->path = SLICE_LIT("/");
    return ERR_OK;
}
