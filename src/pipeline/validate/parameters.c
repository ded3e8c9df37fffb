/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a request against their schemas: found in path, query, header fields and cookies, taken apart by their
 * style (style.c), read as the types that their schemas allow (values.c), and checked.
 *
 * All that is wrong with all of them is told at once. Where a text can be read as more than one type, it fits if one of
 * the readings does. */
#include "lib/base/utf8.h"
#include "lib/http/url.h"
#include "pipeline/validate/style.h"
#include "pipeline/validate/validate_int.h"
#include "pipeline/validate/values.h"

#define HIDDEN "(hidden)"

static const struct slice places[] = {
    [CONTRACT_PATH] = SLICE_LIT("path"),
    [CONTRACT_QUERY] = SLICE_LIT("query"),
    [CONTRACT_HEADER] = SLICE_LIT("header"),
    [CONTRACT_COOKIE] = SLICE_LIT("cookie"),
};

/* What is looked at. */
struct look {
    struct request *request;
    const struct contract *contract;
    const struct contract_parameter *parameter;
};

static enum verdict check_parameter(struct look *look);
static enum verdict check_value(struct look *look, const struct style_leaves *leaves);
static enum verdict check_unknown(struct request *request, const struct contract *contract);
static enum verdict conclude(struct request *request);

enum verdict validate_parameters(struct request *request, const struct contract *contract)
{
    for (uint32_t i = 0; i < contract->parameter_count; i++) {
        struct look look = {request, contract, &contract->parameters[i]};
        enum verdict verdict = check_parameter(&look);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    if (contract->refuses_unknown_query && contract->mode != CONTRACT_OFF) {
        enum verdict verdict = check_unknown(request, contract);
        if (verdict != VERDICT_NEXT)
            return verdict;
    }
    return request->fault_count ? conclude(request) : VERDICT_NEXT;
}

/* What is told. */

static bool is_letter(char c)
{
    return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* Whether a word begins at `at`, or ends before it: "pin" in "user_pin", "userPin" and "pin2", but not in "shipping". */
static bool is_edge(struct slice name, size_t at)
{
    if (at == 0 || at == name.len || !is_letter(name.ptr[at - 1]) || !is_letter(name.ptr[at]))
        return true;
    return ascii_lower(name.ptr[at - 1]) == name.ptr[at - 1] && ascii_lower(name.ptr[at]) != name.ptr[at];
}

static bool says(struct slice name, const char *word, bool is_whole)
{
    struct slice part = slice_of_text(word);
    for (size_t i = 0; i + part.len <= name.len; i++)
        if (slice_equal_nocase(slice_of(name.ptr + i, part.len), part) &&
            (!is_whole || (is_edge(name, i) && is_edge(name, i + part.len))))
            return true;
    return false;
}

/* Whether what stands there is likely to be a secret. Cookies carry sessions, whatever they are called. */
static bool is_secret(const struct contract_parameter *parameter)
{
    static const char *const parts[] = {"auth",       "token",       "secret",      "passw",      "passphrase",
                                        "api-key",    "api_key",     "apikey",      "session",    "cookie",
                                        "credential", "private-key", "private_key", "privatekey", "signature"};
    static const char *const words[] = {"pass", "pwd", "pin", "jwt", "cred", "creds"};
    if (parameter->place == CONTRACT_COOKIE)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (says(parameter->name, parts[i], false))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (says(parameter->name, words[i], true))
            return true;
    return false;
}

/* Where in the parameter, unless its members are nobody's affair: their names are of the client's making. */
static struct slice pointer_of(const struct look *look, const struct schema_error *error)
{
    return is_secret(look->parameter) ? (struct slice){NULL, 0} : error->instance;
}

/* "query parameter limit" */
static struct slice title_of(struct request *request, enum contract_place place, struct slice name)
{
    return arena_printf(&request->arena, SLICE_FMT " parameter " SLICE_FMT, SLICE_ARG(places[place]),
                        SLICE_ARG(utf8_first(name, 100)));
}

/* One more item. FAIL when there is no memory: what is wrong must not pass for want of words. */
static enum verdict add_fault(struct request *request, const struct fault_terms *terms, struct slice pointer,
                              struct slice detail)
{
    struct fault_terms *copy = arena_alloc(&request->arena, sizeof *copy);
    struct request_fault *fault = copy ? request_fault_push(request) : NULL;
    if (!fault || !detail.ptr)
        return request_fail_memory(request);
    *copy = *terms;
    *fault = (struct request_fault){.pointer = pointer, .detail = detail, .terms = copy};
    return VERDICT_NEXT;
}

static uint32_t room_for_faults(const struct look *look)
{
    uint32_t max = MAX(look->contract->errors_max, 1u);
    return look->request->fault_count < max ? max - look->request->fault_count : 0;
}

/* Something that no schema says. `what` completes "The query parameter limit". */
static enum verdict refuse(const struct look *look, enum contract_mode mode, const char *keyword, const char *what,
                           struct slice expected)
{
    struct request *request = look->request;
    const struct contract_parameter *parameter = look->parameter;
    if (mode == CONTRACT_OFF)
        return VERDICT_NEXT;
    struct slice title = title_of(request, parameter->place, parameter->name);
    validate_note(request, title, (struct slice){NULL, 0}, slice_of_text(keyword));
    if (mode == CONTRACT_REPORT || room_for_faults(look) == 0)
        return VERDICT_NEXT;
    struct slice detail = arena_printf(&request->arena, "The " SLICE_FMT " %s.", SLICE_ARG(title), what);
    const struct fault_terms terms = {.in = places[parameter->place],
                                      .parameter = parameter->name,
                                      .keyword = slice_of_text(keyword),
                                      .expected = expected};
    return add_fault(request, &terms, (struct slice){NULL, 0}, detail);
}

static enum verdict add_error(const struct look *look, const struct schema_error *error)
{
    struct request *request = look->request;
    struct fault_terms terms = {
        .in = places[look->parameter->place],
        .parameter = look->parameter->name,
        .schema = validate_place(request, error->location),
        .keyword = error->keyword,
        .expected = error->expected,
        .found = error->found,
    };
    struct slice detail = error->message;
    if (is_secret(look->parameter)) {
        terms.found = SLICE_LIT(HIDDEN);
        detail = arena_printf(&request->arena, "Expected " SLICE_FMT ", found " HIDDEN ".",
                              SLICE_ARG(error->expected.len ? error->expected : SLICE_LIT("another value")));
    }
    return add_fault(request, &terms, pointer_of(look, error), detail);
}

/* The detail repeats the first, for those that show one text only. */
static enum verdict conclude(struct request *request)
{
    const struct request_fault *first = &request->faults[0];
    struct slice title = slice_of_text("");
    char more[60] = "";
    struct text out = text_init(more, sizeof more);
    if (first->terms->schema.len) {
        title = arena_printf(&request->arena, SLICE_FMT " parameter " SLICE_FMT SLICE_FMT ": ",
                             SLICE_ARG(first->terms->in), SLICE_ARG(utf8_first(first->terms->parameter, 100)),
                             SLICE_ARG(utf8_first(first->pointer, 100)));
    }
    if (request->fault_count > 1)
        text_printf(&out, " See \"errors\" for %u more.", request->fault_count - 1);
    return request_fail(request, PROBLEM_INVALID_PARAMETERS, SLICE_FMT SLICE_FMT "%s", SLICE_ARG(title),
                        SLICE_ARG(utf8_first(first->detail, 250)), more);
}

/* Where it stands. */

/* Spaces around "=" are no part of either, as in RFC 6265 section 5.2: who is asked later may read it so. */
static enum err read_cookies(const struct contract_parameter *parameter, const struct http_head *head,
                             struct style_leaves *leaves)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_COOKIE);
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        while (rest.ptr) {
            struct slice value = slice_cut(&rest, ';');
            struct slice name = slice_trim(slice_cut(&value, '='));
            if (slice_equal(name, parameter->name))
                TRY(style_read_cookie(parameter, slice_trim(value), leaves));
        }
    }
    return ERR_OK;
}

/* RFC 9110 section 7.6.1: what Connection names is for the next hop only, and goes no further. For those behind us it is
 * missing, so it is for the contract. */
static bool is_for_connection(const struct http_head *head, struct slice name)
{
    const struct http_header *header = http_head_find(head, HTTP_FIELD_CONNECTION);
    for (; header; header = http_head_find_next(head, header)) {
        struct slice rest = header->value;
        while (rest.ptr)
            if (slice_equal_nocase(slice_trim(slice_cut(&rest, ',')), name))
                return true;
    }
    return false;
}

static enum err read_headers(const struct contract_parameter *parameter, const struct http_head *head,
                             struct style_leaves *leaves)
{
    if (is_for_connection(head, parameter->name))
        return ERR_OK;
    for (uint32_t i = 0; i < head->header_count; i++)
        if (slice_equal_nocase(head->headers[i].name, parameter->name))
            TRY(style_read_header(parameter, head->headers[i].value, leaves));
    return ERR_OK;
}

static enum err read_path(const struct contract_parameter *parameter, const struct route_match *match,
                          struct style_leaves *leaves)
{
    for (uint32_t i = 0; i < match->param_count; i++)
        if (slice_equal(match->params[i].name, parameter->name))
            return style_read_path(parameter, match->params[i].value, leaves);
    return ERR_OK;
}

static enum err read_leaves(const struct look *look, struct style_leaves *leaves)
{
    const struct request *request = look->request;
    switch (look->parameter->place) {
    case CONTRACT_PATH:
        return read_path(look->parameter, &request->match, leaves);
    case CONTRACT_QUERY:
        return style_read_query(look->parameter, look->contract, request->query, leaves);
    case CONTRACT_HEADER:
        return read_headers(look->parameter, &request->head, leaves);
    case CONTRACT_COOKIE:
        break;
    }
    return read_cookies(look->parameter, &request->head, leaves);
}

static bool is_empty(const struct style_leaves *leaves)
{
    return leaves->count == 0 || (leaves->count == 1 && leaves->items[0].text.len == 0);
}

static enum verdict check_parameter(struct look *look)
{
    const struct contract_parameter *parameter = look->parameter;
    struct style_leaves leaves = {.arena = &look->request->arena};
    enum err err = read_leaves(look, &leaves);
    if (err == ERR_NOMEM)
        return request_fail_memory(look->request);
    if (err != ERR_OK)
        return refuse(look, parameter->schema.schema ? parameter->schema.mode : look->contract->mode, "style",
                      leaves.what, (struct slice){NULL, 0});
    if (!leaves.is_given)
        return parameter->is_required
                   ? refuse(look, look->contract->mode, "required", "is missing", SLICE_LIT("a value"))
                   : VERDICT_NEXT;
    if (!parameter->schema.schema || parameter->schema.mode == CONTRACT_OFF ||
        (parameter->allows_empty && is_empty(&leaves)))
        return VERDICT_NEXT;
    return check_value(look, &leaves);
}

/* A name in the query that nobody has declared. */
static enum verdict check_unknown(struct request *request, const struct contract *contract)
{
    struct slice rest = request->query;
    struct slice written;
    struct slice value;
    while (url_query_next(&rest, &written, &value)) {
        struct slice name;
        enum err err = style_decode(&request->arena, written, STYLE_ESCAPES_FORM, &name);
        if (err == ERR_NOMEM)
            return request_fail_memory(request);
        if (err != ERR_OK)
            name = SLICE_LIT("(malformed)");
        if (err == ERR_OK && style_knows_query(contract, name))
            continue;
        const struct contract_parameter unknown = {.name = utf8_first(name, 100), .place = CONTRACT_QUERY};
        const struct look look = {request, contract, &unknown};
        enum verdict verdict =
            refuse(&look, contract->mode, "unknown", "is none that this route knows", (struct slice){NULL, 0});
        if (verdict != VERDICT_NEXT || room_for_faults(&look) == 0)
            return verdict;
    }
    return VERDICT_NEXT;
}

/* Its value. */

/* It could not be looked at to the end. */
static enum verdict give_up(const struct look *look, enum schema_outcome outcome)
{
    struct request *request = look->request;
    struct slice title = title_of(request, look->parameter->place, look->parameter->name);
    if (outcome == SCHEMA_NO_MEMORY)
        return request_fail_memory(request);
    counter_add(&request->worker->meter.contract_over_limit, 1);
    validate_note(request, title, (struct slice){NULL, 0}, SLICE_LIT("over limit"));
    return look->parameter->schema.mode == CONTRACT_ENFORCE ? validate_fail_over_limit(request, title) : VERDICT_NEXT;
}

static enum verdict explain(const struct look *look, yyjson_val *root, size_t bytes)
{
    struct request *request = look->request;
    const struct contract_schema *schema = &look->parameter->schema;
    bool is_enforced = schema->mode == CONTRACT_ENFORCE;
    uint32_t max = is_enforced ? room_for_faults(look) : 1;
    struct schema_errors errors;
    if (max == 0)
        return VERDICT_NEXT;
    enum schema_outcome outcome = validate_explain(request, schema->schema, root, bytes, max, &errors);
    if (errors.count == 0)
        return give_up(look, outcome);
    struct slice title = title_of(request, look->parameter->place, look->parameter->name);
    validate_note(request, title, pointer_of(look, &errors.items[0]), errors.items[0].keyword);
    enum verdict verdict = VERDICT_NEXT;
    for (uint32_t i = 0; is_enforced && i < errors.count && verdict == VERDICT_NEXT; i++)
        verdict = add_error(look, &errors.items[i]);
    return verdict;
}

/* First as what the texts look like, then, where the schema takes strings, all as strings. */
static enum verdict check_value(struct look *look, const struct style_leaves *leaves)
{
    struct request *request = look->request;
    const struct schema *schema = look->parameter->schema.schema;
    yyjson_val *first = NULL;
    size_t first_bytes = 0;
    for (enum value_reading reading = VALUE_TYPED; reading <= VALUE_PLAIN; reading++) {
        struct value value = {.keeps_numbers = schema_wants_numbers(schema), .reading = reading};
        enum err err = value_make(request, look->parameter, leaves, &request->arena, &value);
        if (err == ERR_NOMEM)
            return request_fail_memory(request);
        if (err != ERR_OK)
            return refuse(look, look->parameter->schema.mode, "style", value.what, (struct slice){NULL, 0});
        enum schema_outcome outcome = validate_run(request, schema, value.root, value.bytes, NULL);
        if (outcome == SCHEMA_VALID)
            return VERDICT_NEXT;
        if (outcome != SCHEMA_INVALID)
            return give_up(look, outcome);
        if (!first) {
            first = value.root;
            first_bytes = value.bytes;
        }
        if (!value.has_other)
            break;
    }
    return explain(look, first, first_bytes);
}
