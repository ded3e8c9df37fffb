/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern and, behind a NUL, a text: the pattern is refused with a fault inside of it, or matched; the table of states and
 * PCRE2 must agree wherever both do.
 * fuzz-library: lib/regex */
#include "lib/regex/regex_int.h"

#include <stdlib.h>

#define REQUIRE(condition) ((condition) ? (void)0 : abort())
#define TEXT_BYTES_MAX     1000
#define STEPS_MAX          20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Well-formed UTF-8 of any bytes: Latin-1, with some characters that patterns care about in place of the last. */
static struct slice make_text(struct slice bytes, char *out)
{
    static const char *const special[] = {"\xe2\x80\xa8", "\xef\xbb\xbf",     "\xf0\x9f\x90\xb2",
                                          "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf", "\xce\xb1"};
    size_t len = 0;
    for (size_t i = 0; i < bytes.len && i < TEXT_BYTES_MAX; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c >= 250) {
            size_t more = strlen(special[c - 250]);
            memcpy(out + len, special[c - 250], more);
            len += more;
        } else if (c >= 0x80) {
            out[len++] = (char)(0xc0 | c >> 6);
            out[len++] = (char)(0x80 | (c & 0x3f));
        } else {
            out[len++] = (char)c;
        }
    }
    return slice_of(out, len);
}

static struct regex *compile(struct slice pattern, enum regex_way way, enum err *ret_err)
{
    struct regex_fault fault;
    struct regex *regex = NULL;
    *ret_err = regex_compile_as(pattern, way, &fault, &regex);
    REQUIRE(*ret_err != ERR_SYNTAX || (fault.byte <= pattern.len && fault.what[0]));
    return regex;
}

static void match(struct slice pattern, struct slice text, struct regex_work *work)
{
    enum err err;
    enum err other;
    struct regex *best = compile(pattern, REGEX_BEST, &err);
    bool is_valid = regex_is_valid(pattern);
    REQUIRE(!is_valid || err != ERR_SYNTAX);
    if (!best)
        return;
    struct regex *machine = compile(pattern, REGEX_MACHINE, &other);
    struct regex *pcre = compile(pattern, REGEX_PCRE, &other);
    enum regex_outcome outcome = regex_match(best, text, work);
    enum regex_outcome by_machine = machine ? regex_match(machine, text, work) : outcome;
    enum regex_outcome by_pcre = pcre ? regex_match(pcre, text, work) : outcome;
    REQUIRE(by_machine == outcome);
    REQUIRE(by_pcre == outcome || by_pcre == REGEX_LIMIT);
    REQUIRE(!machine || outcome != REGEX_LIMIT);
    regex_destroy(best);
    regex_destroy(machine);
    regex_destroy(pcre);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct regex_work *work;
    static char memory[4 * TEXT_BYTES_MAX];
    if (!work)
        REQUIRE(regex_work_create(STEPS_MAX, &work) == ERR_OK);
    struct slice rest = slice_of(data, size);
    struct slice pattern = slice_cut(&rest, '\0');
    struct slice text = make_text(rest, memory);
    char *exact = malloc(text.len + 1); /* AddressSanitizer sees a read behind it */
    REQUIRE(exact);
    memcpy(exact, text.ptr, text.len);
    char *exact_text = realloc(exact, text.len ? text.len : 1);
    REQUIRE(exact_text);
    match(pattern, slice_of(exact_text, text.len), work);
    free(exact_text);
    return 0;
}
