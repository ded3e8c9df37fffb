/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/http/scan.h"

#include "lib/base/attr.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
/* The classes said once more, in the words of the RFCs. */
static bool is_alnum(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_one_of(int c, const char *set)
{
    return c != 0 && strchr(set, c) != NULL;
}

static unsigned classes_of(int c)
{
    unsigned classes = 0;
    bool is_unreserved = is_alnum(c) || is_one_of(c, "-._~");
    classes |= is_alnum(c) || is_one_of(c, "!#$%&'*+-.^_`|~") ? SCAN_TCHAR : 0;
    classes |= c > 0x20 && c < 0x7f && !is_one_of(c, "\"#<>") ? SCAN_TARGET : 0;
    classes |= c == '\t' || (c >= 0x20 && c != 0x7f) ? SCAN_VALUE : 0;
    classes |= c >= '0' && c <= '9' ? SCAN_DIGIT : 0;
    classes |= is_one_of(c, "0123456789abcdefABCDEF") ? SCAN_HEX : 0;
    classes |= is_unreserved ? SCAN_UNRESERVED : 0;
    classes |= is_one_of(c, "!$&'()*+,;=") ? SCAN_SUB_DELIM : 0;
    classes |= is_alnum(c) || is_one_of(c, "'()+_,-./:=? ") ? SCAN_BCHAR : 0;
    classes |= is_alnum(c) || is_one_of(c, "-_~!$&'()*+,;=:@/") ? SCAN_PATH : 0;
    return classes;
}

static void has_the_classes_of_the_rfcs(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        if (scan_classes[c] != classes_of(c))
            fail_msg("byte %d: %x, expected %x", c, scan_classes[c], classes_of(c));
}

static const struct {
    size_t offset;
    unsigned classes;
} searches[] = {
    {offsetof(struct scan, tchar), SCAN_TCHAR},
    {offsetof(struct scan, target), SCAN_TARGET},
    {offsetof(struct scan, value), SCAN_VALUE},
    {offsetof(struct scan, path), SCAN_PATH},
};

static scan_fn search_at(enum cpu_level level, size_t index)
{
    scan_fn fn;
    memcpy(&fn, (const char *)scan_for(level) + searches[index].offset, sizeof fn);
    return fn;
}

/* Every byte value at every place of buffers around the block sizes, in exact allocations. */
static void finds_every_byte_at_every_place_at_every_level(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 7, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 97};
    for (size_t l = 0; l < ARRAY_LEN(lengths); l++) {
        size_t len = lengths[l];
        char *memory = malloc(len);
        assert_non_null(memory);
        memset(memory, 'a', len);
        for (size_t place = 0; place < len; place++)
            for (int c = 0; c < 256; c++) {
                memory[place] = (char)c;
                for (size_t i = 0; i < ARRAY_LEN(searches); i++)
                    for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++) {
                        const char *hit = search_at((enum cpu_level)level, i)(memory, memory, memory + len);
                        bool is_member = (classes_of(c) & searches[i].classes) != 0;
                        assert_ptr_equal(hit, is_member ? memory + len : memory + place);
                    }
                memory[place] = 'a';
            }
        free(memory);
    }
}

static void the_inline_search_agrees_with_the_other(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        char *memory = malloc(len);
        assert_non_null(memory);
        memset(memory, 'a', len);
        for (size_t at = 0; at < len; at++)
            for (size_t place = 0; place < len; place++)
                for (int c = 0; c < 256; c++) {
                    memory[place] = (char)c;
                    const char *hit = scan_value(scan_best, memory, memory + at, memory + len);
                    bool is_found = place >= at && !scan_is((char)c, SCAN_VALUE);
                    assert_ptr_equal(hit, is_found ? memory + place : memory + len);
                    memory[place] = 'a';
                }
        free(memory);
    }
}

#if SCAN_HAS_BLOCKS
static const struct {
    unsigned (*outside)(const char *);
    const char *others; /* beside letters and digits */
    unsigned class;     /* that all of them are in */
} block_searches[] = {
    {scan_outside_plain_path, "/-_:", SCAN_PATH},
    {scan_outside_plain_host, "-.", SCAN_UNRESERVED},
    {scan_outside_printable, " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", SCAN_VALUE},
};

static void block_searches_pass_over_their_own_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(block_searches); i++)
        for (size_t place = 0; place < SCAN_BLOCK_BYTES; place++)
            for (int c = 0; c < 256; c++) {
                char block[SCAN_BLOCK_BYTES];
                memset(block, 'a', sizeof block);
                block[place] = (char)c;
                bool is_inside = is_alnum(c) || is_one_of(c, block_searches[i].others);
                assert_int_equal(block_searches[i].outside(block), is_inside ? 0 : 1U << place);
                assert_true(!is_inside || scan_is((char)c, block_searches[i].class));
            }
}

/* From every place, up to every place, in exact allocations. */
static void block_searches_stop_where_it_ends(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 50; len++) {
        char *memory = malloc(len);
        assert_non_null(memory);
        const char *last_block = scan_last_block(scan_best, memory, memory + len);
        memset(memory, 'a', len);
        for (size_t at = 0; at <= len; at++)
            for (size_t place = 0; place <= len; place++) {
                if (place < len)
                    memory[place] = '\r';
                const char *expected = memory + (place >= at ? place : len);
                assert_ptr_equal(scan_inside(scan_outside_printable, memory + at, last_block),
                                 last_block ? expected : memory + at);
                if (place < len)
                    memory[place] = 'a';
            }
        free(memory);
    }
}
#else
static void block_searches_pass_over_their_own_only(void **state)
{
    (void)state;
}

static void block_searches_stop_where_it_ends(void **state)
{
    (void)state;
}
#endif

/* With more to read before `at`, and nothing. */
static void ignores_bytes_before_the_start(void **state)
{
    (void)state;
    char memory[80];
    for (size_t at = 0; at <= sizeof memory; at++) {
        memset(memory, '\n', at);
        memset(memory + at, 'b', sizeof memory - at);
        for (size_t i = 0; i < ARRAY_LEN(searches); i++)
            for (int level = CPU_SCALAR; level <= (int)cpu_level(); level++) {
                scan_fn fn = search_at((enum cpu_level)level, i);
                assert_ptr_equal(fn(memory, memory + at, memory + sizeof memory), memory + sizeof memory);
                assert_ptr_equal(fn(memory + at, memory + at, memory + sizeof memory), memory + sizeof memory);
            }
    }
}

static void agrees_on_random_bytes_at_every_level(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252;
    char memory[160];
    for (unsigned round = 0; round < 20000; round++) {
        for (size_t i = 0; i < sizeof memory; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            memory[i] = (char)(random >> 56 < 8 ? random >> 40 : 'A' + (random >> 32) % 26);
        }
        const char *at = memory + round % 40;
        const char *end = memory + sizeof memory - round % 33;
        for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
            const char *expected = search_at(CPU_SCALAR, i)(memory, at, end);
            for (int level = CPU_SCALAR + 1; level <= (int)cpu_level(); level++)
                assert_ptr_equal(search_at((enum cpu_level)level, i)(memory, at, end), expected);
        }
    }
}

static void tells_words_apart_exactly(void **state)
{
    (void)state;
    assert_true(scan_is_word("ChUnKeD", 7, "chunked", 7));
    assert_true(scan_is_word("KEEP-ALIVE", 10, "keep-alive", 10));
    assert_true(scan_is_word("te", 2, "te", 2));
    assert_false(scan_is_word("chunkee", 7, "chunked", 7));
    assert_false(scan_is_word("xhunked", 7, "chunked", 7));
    assert_false(scan_is_word("chunke", 6, "chunked", 7));
    assert_false(scan_is_word("", 0, "chunked", 7));
    for (int c = 0x20; c < 256; c++) {
        char word[] = "close";
        word[2] = (char)c;
        assert_int_equal(scan_is_word(word, 5, "close", 5), c == 'o' || c == 'O');
        char dash[] = "keep-alive";
        dash[4] = (char)c;
        assert_int_equal(scan_is_word(dash, 10, "keep-alive", 10), c == '-');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_inline_search_agrees_with_the_other),
        cmocka_unit_test(block_searches_pass_over_their_own_only),
        cmocka_unit_test(block_searches_stop_where_it_ends),
        cmocka_unit_test(has_the_classes_of_the_rfcs),
        cmocka_unit_test(finds_every_byte_at_every_place_at_every_level),
        cmocka_unit_test(ignores_bytes_before_the_start),
        cmocka_unit_test(agrees_on_random_bytes_at_every_level),
        cmocka_unit_test(tells_words_apart_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
