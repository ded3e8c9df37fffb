/* SPDX-License-Identifier: Apache-2.0 */
/* The text is copied into the arena once and parsed there in place, so that string values cost nothing more. yyjson
 * reserves its values from a guess (one for six bytes of compact text) and grows by half when the guess was low, which
 * in an arena would leave every outgrown block behind. So the first time it grows we count what the text can hold at
 * most and reserve that: it grows once.
 *
 * yyjson parses without recursion and bounds no depth; the depth is checked on the finished document, where a container
 * without containers is told from its size alone, so a tensor of 150,000 numbers costs one step and not 150,000. */
#include "lib/json/json.h"

#include "lib/json/pointer.h"

/* So many keys of an object are compared each with each. */
#define KEYS_FEW 32

struct source {
    struct arena *arena;
    struct slice text;
    void *reserved; /* the block that grew, and how far it may grow in place */
    size_t reserved_bytes;
};

static void *source_malloc(void *source, size_t bytes);
static void *source_realloc(void *source, void *old, size_t old_bytes, size_t bytes);
static void source_free(void *source, void *ptr);
static enum err fail(struct slice text, size_t byte, const char *what, struct json_fault *ret_fault);
static bool is_too_deep(yyjson_val *root, uint32_t depth_max);
static size_t find_too_deep(struct slice text, uint32_t depth_max);
static enum err find_duplicate(struct arena *arena, yyjson_val *root, size_t values_count, const char **ret_key);

enum err json_parse(struct arena *arena, struct slice text, const struct json_limits *limits,
                    struct json_document *ret_document, struct json_fault *ret_fault)
{
    ASSERT(limits->depth_max > 0 && limits->depth_max <= JSON_DEPTH_MAX, "a depth limit that walkers can rely on");
    if (text.len > limits->bytes_max) {
        (void)fail(text, limits->bytes_max, "text longer than the limit", ret_fault);
        return ERR_LIMIT;
    }
    if (text.len == 0)
        return fail(text, 0, "empty text", ret_fault);
    struct source source = {.arena = arena, .text = text};
    char *copy = arena_alloc(arena, text.len + YYJSON_PADDING_SIZE);
    if (!copy) {
        (void)fail(text, 0, "no memory for a text of this size", ret_fault);
        return ERR_NOMEM;
    }
    memcpy(copy, text.ptr, text.len);
    memset(copy + text.len, 0, YYJSON_PADDING_SIZE);

    const yyjson_alc allocator = {source_malloc, source_realloc, source_free, &source};
    yyjson_read_err error;
    const yyjson_read_flag flags = YYJSON_READ_INSITU | (limits->keeps_numbers ? YYJSON_READ_NUMBER_AS_RAW : 0);
    yyjson_doc *doc = yyjson_read_opts(copy, text.len, flags, &allocator, &error);
    if (!doc) {
        (void)fail(text, error.pos, error.msg, ret_fault);
        return error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION ? ERR_NOMEM : ERR_SYNTAX;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (is_too_deep(root, limits->depth_max)) {
        (void)fail(text, find_too_deep(text, limits->depth_max), "nested deeper than the limit", ret_fault);
        return ERR_LIMIT;
    }
    size_t values_count = yyjson_doc_get_val_count(doc);
    if (limits->keeps_numbers)
        json_settle_numbers(root, values_count);
    const char *key = NULL;
    if (limits->refuse_duplicate_keys) {
        enum err err = find_duplicate(arena, root, values_count, &key);
        if (err != ERR_OK) {
            /* In place means that a key still stands where it stood in the text. */
            const char *what = err == ERR_EXISTS ? "duplicate key" : "no memory to compare the keys";
            (void)fail(text, key ? (size_t)(key - copy) - 1 : 0, what, ret_fault);
            return err;
        }
    }
    *ret_document = (struct json_document){.root = root, .values_count = values_count, .copy = copy};
    return ERR_OK;
}

const char *json_kind(yyjson_val *value)
{
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return "a boolean";
    case YYJSON_TYPE_NUM:
    case YYJSON_TYPE_RAW:
        return "a number";
    case YYJSON_TYPE_STR:
        return "a string";
    case YYJSON_TYPE_ARR:
        return "an array";
    case YYJSON_TYPE_OBJ:
        return "an object";
    default:
        return "nothing";
    }
}

void json_pointer_add(struct text *pointer, struct slice token)
{
    text_add(pointer, SLICE_LIT("/"));
    while (token.len > 0) {
        size_t plain = MIN(slice_find(token, '~'), slice_find(token, '/'));
        text_add(pointer, slice_first(token, plain));
        if (plain == token.len)
            return;
        text_add(pointer, token.ptr[plain] == '~' ? SLICE_LIT("~0") : SLICE_LIT("~1"));
        token = slice_skip(token, plain + 1);
    }
}

void json_pointer_add_index(struct text *pointer, size_t index)
{
    char digits[20];
    text_add(pointer, SLICE_LIT("/"));
    text_add(pointer, slice_of(digits, text_format_u64(digits, index)));
}

/* Fills the fault and returns what most faults are. */
static enum err fail(struct slice text, size_t byte, const char *what, struct json_fault *ret_fault)
{
    struct json_place place = json_place_at(text, MIN(byte, text.len));
    *ret_fault = (struct json_fault){.byte = place.byte, .line = place.line, .column = place.column, .what = what};
    return ERR_SYNTAX;
}

static void *source_malloc(void *context, size_t bytes)
{
    struct source *source = context;
    return arena_alloc(source->arena, bytes);
}

/* Where the string ends that begins at `start`: its second quote, or the end of a text that is not well-formed. */
static inline size_t find_string_end(struct slice text, size_t start)
{
    size_t end = start + 1;
    while (end < text.len && text.ptr[end] != '"')
        end += text.ptr[end] == '\\' ? 2 : 1;
    return end;
}

/* Values outside strings are separated or preceded by one of these, so there is at most one more value than these. */
static size_t count_values_max(struct slice text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            i = find_string_end(text, i);
        else
            count += c == ',' || c == ':' || c == '[' || c == '{';
    }
    return count;
}

/* yyjson asks for half as much again when its block is full, so a block of one and a half times the most that the text
 * can hold is never outgrown. 16 values stand for yyjson's own head. */
static void *source_realloc(void *context, void *old, size_t old_bytes, size_t bytes)
{
    struct source *source = context;
    if (old == source->reserved && bytes <= source->reserved_bytes)
        return old;
    size_t most_bytes = (count_values_max(source->text) + 16) * sizeof(yyjson_val) / 2 * 3;
    size_t new_bytes = MAX(bytes, most_bytes);
    void *grown = arena_alloc(source->arena, new_bytes);
    if (!grown)
        return NULL;
    memcpy(grown, old, MIN(old_bytes, bytes));
    source->reserved = grown;
    source->reserved_bytes = new_bytes;
    return grown;
}

/* The arena frees all at once. */
static void source_free(void *source, void *ptr)
{
    (void)source;
    (void)ptr;
}

/* Every value below is a scalar or an empty container: then each takes one place. */
static bool is_flat(yyjson_val *container)
{
    size_t places = (size_t)(unsafe_yyjson_get_next(container) - container) - 1;
    size_t members = unsafe_yyjson_get_len(container);
    return places == (unsafe_yyjson_is_obj(container) ? 2 * members : members);
}

/* Values stand in the order of the text, each container before what it holds. */
static bool is_too_deep(yyjson_val *root, uint32_t depth_max)
{
    yyjson_val *ends[JSON_DEPTH_MAX];
    yyjson_val *end = unsafe_yyjson_get_next(root);
    uint32_t depth = 0;
    for (yyjson_val *value = root; value != end;) {
        while (depth > 0 && value == ends[depth - 1])
            depth--;
        if (!unsafe_yyjson_is_ctn(value)) {
            value++;
            continue;
        }
        if (depth == depth_max)
            return true;
        if (depth + 2 <= depth_max && is_flat(value)) {
            value = unsafe_yyjson_get_next(value);
            continue;
        }
        ends[depth++] = unsafe_yyjson_get_next(value);
        value++;
    }
    return false;
}

/* Where the bracket stands that is one too many; the text is known to be well-formed. */
static size_t find_too_deep(struct slice text, uint32_t depth_max)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '"')
            i = find_string_end(text, i);
        else if ((c == '[' || c == '{') && depth++ == depth_max)
            return i;
        else if (c == ']' || c == '}')
            depth--;
    }
    return text.len;
}

/* Any total order would do; equal keys in the order of the text. */
static int compare_keys(yyjson_val *a, yyjson_val *b)
{
    struct slice left = json_text(a);
    struct slice right = json_text(b);
    if (left.len != right.len)
        return left.len < right.len ? -1 : 1;
    int order = left.len ? memcmp(left.ptr, right.ptr, left.len) : 0;
    if (order != 0)
        return order;
    return a < b ? -1 : 1;
}

static void sift_down(yyjson_val **keys, size_t from, size_t count)
{
    for (size_t child; (child = 2 * from + 1) < count; from = child) {
        if (child + 1 < count && compare_keys(keys[child], keys[child + 1]) < 0)
            child++;
        if (compare_keys(keys[from], keys[child]) >= 0)
            return;
        yyjson_val *spare = keys[from];
        keys[from] = keys[child];
        keys[child] = spare;
    }
}

/* Heapsort: qsort may malloc, and a hash table has a worst case that a client can bring about. */
static void sort_keys(yyjson_val **keys, size_t count)
{
    for (size_t i = count / 2; i > 0; i--)
        sift_down(keys, i - 1, count);
    for (size_t last = count - 1; last > 0; last--) {
        yyjson_val *spare = keys[0];
        keys[0] = keys[last];
        keys[last] = spare;
        sift_down(keys, 0, last);
    }
}

/* The second of two equal keys, the first such in the text; NULL when all differ. `keys` has room for all of them. */
static yyjson_val *find_duplicate_key(yyjson_val *object, yyjson_val **keys)
{
    size_t count = 0;
    yyjson_val *found = NULL;
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter)) != NULL;)
        keys[count++] = key;
    sort_keys(keys, count);
    for (size_t i = 1; i < count; i++)
        if (slice_equal(json_text(keys[i - 1]), json_text(keys[i])) && (!found || keys[i] < found))
            found = keys[i];
    return found;
}

/* The first eight bytes of a key and its length: keys that differ mostly differ here. Read at once: behind a key stand at
 * least its quote, a colon, a value, a bracket and the padding. */
static inline uint64_t mark_of(yyjson_val *key)
{
    uint64_t word;
    size_t len = unsafe_yyjson_get_len(key);
    memcpy(&word, unsafe_yyjson_get_str(key), sizeof word);
    if (len < sizeof word)
        word &= (UINT64_C(1) << 8 * len) - 1;
    return word ^ (uint64_t)len << 56;
}

/* The same for an object of at most KEYS_FEW: each key is held against all before it, by their marks first. */
static yyjson_val *find_duplicate_of_few(yyjson_val *object)
{
    uint64_t marks[KEYS_FEW];
    yyjson_val *keys[KEYS_FEW];
    size_t members = unsafe_yyjson_get_len(object);
    yyjson_val *key = object + 1;
    for (size_t i = 0; i < members; i++, key = unsafe_yyjson_get_next(key + 1)) {
        uint64_t mark = mark_of(key);
        bool is_seen = false;
        for (size_t j = 0; j < i; j++)
            is_seen |= marks[j] == mark;
        for (size_t j = 0; UNLIKELY(is_seen) && j < i; j++)
            if (marks[j] == mark && slice_equal(json_text(keys[j]), json_text(key)))
                return key;
        marks[i] = mark;
        keys[i] = key;
    }
    return NULL;
}

static enum err find_duplicate(struct arena *arena, yyjson_val *root, size_t values_count, const char **ret_key)
{
    yyjson_val **many = NULL;
    yyjson_val *end = unsafe_yyjson_get_next(root);
    for (yyjson_val *value = root; value < end; value++) {
        if (unsafe_yyjson_is_arr(value) && is_flat(value))
            value = unsafe_yyjson_get_next(value) - 1;
        if (!unsafe_yyjson_is_obj(value) || unsafe_yyjson_get_len(value) < 2)
            continue;
        bool are_few = unsafe_yyjson_get_len(value) <= KEYS_FEW;
        if (!are_few && !many)
            many = arena_alloc(arena, values_count / 2 * sizeof(yyjson_val *));
        if (!are_few && !many)
            return ERR_NOMEM;
        yyjson_val *key = are_few ? find_duplicate_of_few(value) : find_duplicate_key(value, many);
        if (key) {
            *ret_key = json_text(key).ptr;
            return ERR_EXISTS;
        }
    }
    return ERR_OK;
}
