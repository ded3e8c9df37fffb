/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/media.h"

#include "lib/http/http.h"
#include "lib/http/scan.h"

#define QUALITY_MAX    1000
#define PARAMETERS_MAX 16

static bool is_repeated(const struct media_parameter *parameters, size_t count, struct slice name);

/* Cuts a token from the front; it may be empty. */
static struct slice cut_token(struct slice *text)
{
    size_t len = 0;
    while (len < text->len && scan_is(text->ptr[len], SCAN_TCHAR))
        len++;
    struct slice token = slice_first(*text, len);
    *text = slice_skip(*text, len);
    return token;
}

static bool cut_char(struct slice *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    *text = slice_skip(*text, 1);
    return true;
}

static void cut_space(struct slice *text)
{
    while (text->len > 0 && (text->ptr[0] == ' ' || text->ptr[0] == '\t'))
        *text = slice_skip(*text, 1);
}

enum err media_type_parse(struct slice text, struct media_type *ret_type)
{
    struct media_parameter parameters[PARAMETERS_MAX];
    size_t count = 0;
    struct slice rest = slice_trim(text);
    struct media_type type = {.type = cut_token(&rest)};
    if (type.type.len == 0 || !cut_char(&rest, '/'))
        return ERR_SYNTAX;
    type.subtype = cut_token(&rest);
    if (type.subtype.len == 0)
        return ERR_SYNTAX;
    type.parameters = rest;
    for (;;) {
        struct media_parameter parameter;
        enum err err = media_parameter_next(&rest, &parameter);
        if (err == ERR_EOF)
            break;
        TRY(err);
        if (count == PARAMETERS_MAX || is_repeated(parameters, count, parameter.name))
            return ERR_SYNTAX;
        parameters[count++] = parameter;
    }
    *ret_type = type;
    return ERR_OK;
}

static bool is_repeated(const struct media_parameter *parameters, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal_nocase(parameters[i].name, name))
            return true;
    return false;
}

bool media_type_is(const struct media_type *type, const char *name)
{
    struct slice subtype = slice_of_text(name);
    struct slice main_type = slice_cut(&subtype, '/');
    return slice_equal_nocase(type->type, main_type) && slice_equal_nocase(type->subtype, subtype);
}

/* After the opening quote: what stands before the closing one, which is cut off, too. */
static enum err cut_quoted(struct slice *rest, struct slice *ret_value)
{
    size_t i = 0;
    while (i < rest->len && rest->ptr[i] != '"') {
        if (rest->ptr[i] == '\\')
            i++;
        if (i >= rest->len || !scan_is(rest->ptr[i], SCAN_VALUE))
            return ERR_SYNTAX;
        i++;
    }
    if (i >= rest->len)
        return ERR_SYNTAX;
    *ret_value = slice_first(*rest, i);
    *rest = slice_skip(*rest, i + 1);
    return ERR_OK;
}

/* RFC 9110 section 5.6.6: *( OWS ";" OWS [ parameter ] ), so ";" alone says nothing. */
enum err media_parameter_next(struct slice *rest, struct media_parameter *ret_parameter)
{
    struct media_parameter parameter = {0};
    struct slice at = *rest;
    do {
        cut_space(&at);
        if (at.len == 0)
            return ERR_EOF;
        if (!cut_char(&at, ';'))
            return ERR_SYNTAX;
        cut_space(&at);
        parameter.name = cut_token(&at);
    } while (parameter.name.len == 0 && (at.len == 0 || at.ptr[0] == ';'));
    if (parameter.name.len == 0 || !cut_char(&at, '='))
        return ERR_SYNTAX;
    if (cut_char(&at, '"')) {
        parameter.is_quoted = true;
        TRY(cut_quoted(&at, &parameter.value));
    } else {
        parameter.value = cut_token(&at);
        if (parameter.value.len == 0)
            return ERR_SYNTAX;
    }
    *rest = at;
    *ret_parameter = parameter;
    return ERR_OK;
}

size_t media_unquote(struct slice value, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\\' && i + 1 < value.len)
            i++;
        out[len++] = value.ptr[i];
    }
    return len;
}

struct slice media_type_parameter(const struct media_type *type, const char *name)
{
    struct slice rest = type->parameters;
    struct media_parameter parameter;
    while (media_parameter_next(&rest, &parameter) == ERR_OK)
        if (slice_equal_nocase(parameter.name, slice_of_text(name)))
            return parameter.value;
    return (struct slice){NULL, 0};
}

/* ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ). */
int media_quality_parse(struct slice text)
{
    if (text.len < 1 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1'))
        return -1;
    if (text.len > 1 && text.ptr[1] != '.')
        return -1;
    int quality = text.ptr[0] - '0';
    for (size_t i = 2; i < 5; i++) {
        if (i < text.len && !scan_is(text.ptr[i], SCAN_DIGIT))
            return -1;
        quality = quality * 10 + (i < text.len ? text.ptr[i] - '0' : 0);
    }
    return quality <= QUALITY_MAX ? quality : -1;
}

struct range {
    struct media_type type;
    int quality;
};

static bool parse_range(struct slice element, struct range *range)
{
    *range = (struct range){.quality = QUALITY_MAX};
    if (media_type_parse(element, &range->type) != ERR_OK)
        return false;
    struct slice rest = range->type.parameters;
    struct media_parameter parameter;
    while (media_parameter_next(&rest, &parameter) == ERR_OK) {
        if (slice_equal_nocase(parameter.name, SLICE_LIT("q")))
            range->quality = media_quality_parse(parameter.value);
    }
    return range->quality >= 0;
}

/* 3 for type/subtype, 2 for a range of subtypes, 1 for any type, 0 for no match. */
static int specificity(const struct media_type *range, struct slice type, struct slice subtype)
{
    bool is_any_subtype = slice_is(range->subtype, "*");
    if (slice_is(range->type, "*"))
        return is_any_subtype ? 1 : 0;
    if (!slice_equal_nocase(range->type, type))
        return 0;
    return is_any_subtype ? 2 : slice_equal_nocase(range->subtype, subtype) ? 3 : 0;
}

int media_accept_quality(struct slice accept, struct slice type, struct slice subtype)
{
    struct slice element;
    int best_specificity = 0;
    int quality = 0;
    if (slice_trim(accept).len == 0)
        return QUALITY_MAX;
    while (http_list_next(&accept, &element)) {
        struct range range;
        if (!parse_range(element, &range))
            continue;
        int found = specificity(&range.type, type, subtype);
        if (found > best_specificity || (found > 0 && found == best_specificity && range.quality > quality)) {
            best_specificity = found;
            quality = range.quality;
        }
    }
    return quality;
}

int media_accept_choose(struct slice accept, const char *const *offers, size_t count)
{
    int best = -1;
    int best_quality = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice parameters = slice_of_text(offers[i]);
        struct slice subtype = slice_trim(slice_cut(&parameters, ';'));
        struct slice type = slice_cut(&subtype, '/');
        int quality = media_accept_quality(accept, type, subtype);
        if (quality > best_quality) {
            best_quality = quality;
            best = (int)i;
        }
    }
    return best;
}
