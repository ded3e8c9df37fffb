/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/fields_int.h"

#define ALL_FOLDED 0x2020202020202020

static const struct {
    const char *text;
    bool is_single;
} fields[] = {
#define FIELD(name, text, is_single) {text, is_single},
#include "lib/http/fields.def"
#undef FIELD
    {"", false},
};
_Static_assert(HTTP_FIELD_COUNT <= 64, "http_head.repeated has a bit for each field");

struct field_block http_field_blocks[HTTP_FIELD_COUNT];
uint8_t http_field_slots[1u << FIELD_SLOT_BITS];
uint64_t http_field_multiplier;

/* The block of a name, as two little-endian words. */
struct name_words {
    uint64_t head;
    uint64_t tail;
};

static inline uint64_t read_word(const char *ptr)
{
    uint64_t word;
    memcpy(&word, ptr, sizeof word);
    return word;
}

/* Reads nothing behind the name. */
static inline struct name_words words_of(struct slice name)
{
    struct name_words words = {0};
    size_t len = name.len;
    if (len >= FIELD_BLOCK_BYTES)
        return (struct name_words){read_word(name.ptr), read_word(name.ptr + 8)};
    if (len >= 8) {
        words.head = read_word(name.ptr);
        words.tail = read_word(name.ptr + len - 8) >> 8 * (15 - len) >> 8;
    } else {
        for (size_t i = 0; i < len; i++)
            words.head |= (uint64_t)(unsigned char)name.ptr[i] << 8 * i;
    }
    *(len < 8 ? &words.head : &words.tail) |= (uint64_t)':' << 8 * (len % 8);
    return words;
}

static inline uint8_t *slot_of(struct name_words words)
{
    return http_field_slot(words.head | ALL_FOLDED, words.tail | ALL_FOLDED);
}

static void fill_block(struct field_block *block, struct name_words words)
{
    memcpy(block->text, &words, sizeof words);
    for (size_t i = 0; i < sizeof block->text; i++)
        block->fold[i] = block->text[i] >= 'a' && block->text[i] <= 'z' ? 0x20 : 0;
}

static bool fill_slots(void)
{
    memset(http_field_slots, HTTP_FIELD_OTHER, sizeof http_field_slots);
    for (uint8_t field = 0; field < HTTP_FIELD_OTHER; field++) {
        struct name_words words = words_of(slice_of_text(fields[field].text));
        uint8_t *slot = slot_of(words);
        if (*slot != HTTP_FIELD_OTHER)
            return false;
        *slot = field;
        fill_block(&http_field_blocks[field], words);
    }
    return true;
}

__attribute__((constructor)) static void find_multiplier(void)
{
    http_field_multiplier = 0x9e3779b97f4a7c15;
    for (unsigned tries = 0; tries < 1u << 16; tries++) {
        if (fill_slots())
            return;
        http_field_multiplier = http_field_multiplier * 6364136223846793005 + 2;
    }
    ASSERT(false, "no multiplier tells the names of fields.def apart: mix more of them into http_field_slot");
}

/* What is behind the block, of a name and a row that are the same up to there. */
static bool is_rest_equal(struct slice token, const char *lower)
{
    if (token.len != strlen(lower))
        return false;
    for (size_t i = FIELD_BLOCK_BYTES; i < token.len; i++)
        if ((token.ptr[i] | 0x20) != lower[i])
            return false;
    return true;
}

enum http_field http_field_parse(struct slice name)
{
    struct name_words words = words_of(name);
    enum http_field field = (enum http_field) * slot_of(words);
    struct name_words text;
    struct name_words fold;
    memcpy(&text, http_field_blocks[field].text, sizeof text);
    memcpy(&fold, http_field_blocks[field].fold, sizeof fold);
    uint64_t difference = ((words.head | fold.head) ^ text.head) | ((words.tail | fold.tail) ^ text.tail);
    if (difference != 0)
        return HTTP_FIELD_OTHER;
    return name.len < FIELD_BLOCK_BYTES || is_rest_equal(name, fields[field].text) ? field : HTTP_FIELD_OTHER;
}

const char *http_field_name(enum http_field field)
{
    return fields[field].text;
}

bool http_field_is_single(enum http_field field)
{
    return fields[field].is_single;
}
