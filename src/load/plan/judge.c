/* SPDX-License-Identifier: Apache-2.0 */
/* Responses held against the checks of their step, and values taken out of them. */
#include "lib/base/utf8.h"
#include "lib/json/number.h"
#include "lib/json/pointer.h"
#include "lib/json/writer.h"
#include "lib/regex/regex.h"
#include "load/values.h"

#define DEPTH_MAX 64

static bool holds(const struct load_check *check, struct load_response *response, const struct load_values *values,
                  struct arena *arena);
static struct slice find(enum load_where where, struct slice key, struct load_response *response, struct arena *arena);

bool load_step_reads_body(const struct load_step *step)
{
    for (uint32_t i = 0; i < step->check_count; i++)
        if (step->checks[i].where == LOAD_OF_BODY || step->checks[i].where == LOAD_OF_JSON)
            return true;
    for (uint32_t i = 0; i < step->extract_count; i++)
        if (step->extracts[i].where != LOAD_OF_HEADER)
            return true;
    return false;
}

int load_check_all(const struct load_step *step, struct load_response *response, const struct load_values *values,
                   struct arena *arena)
{
    for (uint32_t i = 0; i < step->check_count; i++)
        if (!holds(&step->checks[i], response, values, arena))
            return (int)i;
    return -1;
}

static bool compare(enum load_test test, double value, double bound)
{
    switch (test) {
    case LOAD_EQUALS:
        return value == bound;
    case LOAD_NOT_EQUALS:
        return value != bound;
    case LOAD_LESS:
        return value < bound;
    case LOAD_AT_MOST:
        return value <= bound;
    case LOAD_MORE:
        return value > bound;
    default:
        return value >= bound;
    }
}

static bool contains(struct slice text, struct slice part)
{
    return part.len == 0 || memmem(text.ptr, text.len, part.ptr, part.len) != NULL;
}

/* A text that is no UTF-8 matches nothing: the library would read beyond its end. */
static bool matches(const struct regex *regex, struct slice text, struct regex_work *work)
{
    return utf8_is_valid(text) && regex_match(regex, text, work) == REGEX_YES;
}

static bool holds_text(const struct load_check *check, struct slice found, struct regex_work *work)
{
    double number;
    switch (check->test) {
    case LOAD_EXISTS:
        return found.ptr != NULL;
    case LOAD_ABSENT:
        return found.ptr == NULL;
    case LOAD_CONTAINS:
        return found.ptr && contains(found, check->text);
    case LOAD_MATCHES:
        return found.ptr && matches(check->regex, found, work);
    default:
        break;
    }
    if (!found.ptr)
        return false;
    if (check->is_number && number_parse_f64(found, &number) == ERR_OK)
        return compare(check->test, number, check->number);
    if (check->test == LOAD_EQUALS || check->test == LOAD_NOT_EQUALS)
        return slice_equal(found, check->text) == (check->test == LOAD_EQUALS);
    return false;
}

static bool holds(const struct load_check *check, struct load_response *response, const struct load_values *values,
                  struct arena *arena)
{
    if (check->where == LOAD_OF_TIME)
        return compare(check->test, (double)response->latency_ns, check->number);
    if (check->where != LOAD_OF_STATUS)
        return holds_text(check, find(check->where, check->key, response, arena), values->regex_work);
    for (uint32_t i = 0; i < check->status_count; i++)
        if (response->head->status >= check->statuses[i].low && response->head->status <= check->statuses[i].high)
            return true;
    return false;
}

/* A string as what it says, anything else as its JSON. {NULL, 0}: over the arena's limit. */
static struct slice text_of(yyjson_val *value, struct arena *arena)
{
    if (yyjson_is_str(value))
        return json_text(value);
    struct slice text = {NULL, 0};
    struct json_writer writer = json_writer_in_arena(arena, 64);
    json_write_value(&writer, value);
    return json_writer_finish(&writer, &text) == ERR_OK ? text : (struct slice){NULL, 0};
}

static yyjson_val *parse_once(struct load_response *response, struct arena *arena)
{
    const struct json_limits limits = {.bytes_max = SIZE_MAX, .depth_max = DEPTH_MAX};
    struct json_document document;
    struct json_fault fault;
    if (!response->is_parsed && json_parse(arena, response->body, &limits, &document, &fault) == ERR_OK)
        response->json = document.root;
    response->is_parsed = true;
    return response->json;
}

/* {NULL, 0}: not there. What is there and empty has a pointer. */
static struct slice find(enum load_where where, struct slice key, struct load_response *response, struct arena *arena)
{
    const struct http_header *header;
    yyjson_val *value;
    switch (where) {
    case LOAD_OF_HEADER:
        header = http_head_find_name(response->head, key);
        return header ? slice_of(header->value.ptr ? header->value.ptr : "", header->value.len)
                      : (struct slice){NULL, 0};
    case LOAD_OF_JSON:
        value = json_pointer_find(parse_once(response, arena), key);
        return value ? text_of(value, arena) : (struct slice){NULL, 0};
    default:
        return slice_of(response->body.ptr ? response->body.ptr : "", response->body.len);
    }
}

static struct slice captured(const struct load_extract *extract, struct slice found, struct regex_work *work)
{
    struct slice part = {NULL, 0};
    if (!utf8_is_valid(found) || regex_capture(extract->regex, found, work, &part) != REGEX_YES)
        return (struct slice){NULL, 0};
    return part;
}

enum err load_extract_all(const struct load_step *step, struct load_response *response, struct load_values *values,
                          struct arena *arena)
{
    for (uint32_t i = 0; i < step->extract_count; i++) {
        const struct load_extract *extract = &step->extracts[i];
        struct slice found = find(extract->where, extract->key, response, arena);
        if (found.ptr && extract->regex)
            found = captured(extract, found, values->regex_work);
        if (!found.ptr && !extract->is_optional)
            return ERR_NOT_FOUND;
        if (!found.ptr)
            continue;
        struct slice copy = arena_copy(arena, found);
        if (!copy.ptr)
            return ERR_NOMEM;
        values->variables[extract->variable] = copy;
    }
    return ERR_OK;
}
