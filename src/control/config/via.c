/* SPDX-License-Identifier: Apache-2.0 */
/* The name in Via. One that nobody has written is made up once for each process, because several servers in a row that
 * know nothing of each other must not take each other for themselves; a reload keeps it. */
#include "control/config/compile_int.h"

#include "lib/crypto/crypto.h"
#include "lib/http/http.h"

#define NAME_RANDOM_BYTES 6

/* Configurations are loaded one after the other. */
static enum err make_up_name(struct slice *ret_name)
{
    static char name[] = "weir-000000000000";
    static bool is_made;
    uint8_t random[NAME_RANDOM_BYTES];
    char *at = name + sizeof "weir-" - 1;
    if (!is_made) {
        TRY(crypto_random(random, sizeof random));
        for (size_t i = 0; i < sizeof random; i++) {
            *at++ = "0123456789abcdef"[random[i] >> 4];
            *at++ = "0123456789abcdef"[random[i] & 15];
        }
        is_made = true;
    }
    *ret_name = slice_of_text(name);
    return ERR_OK;
}

enum err compile_via(struct compile *compile)
{
    static const char *const protocols[VIA_PROTOCOLS] = {[VIA_HTTP10] = "1.0", [VIA_HTTP11] = "1.1", [VIA_HTTP2] = "2"};
    struct config *config = compile->config;
    struct slice name = config->via;
    if (slice_is(name, "off"))
        return ERR_OK;
    if (name.len == 0 && make_up_name(&name) != ERR_OK) {
        report_error(compile->report, (struct report_place){0}, "the system has no random numbers to give");
        return ERR_OK;
    }
    if (!http_is_token(name)) {
        report_error(compile->report, compile_place_of(yaml_find(compile->root, "via")),
                     "\"" SLICE_FMT "\" is no name that can stand in Via: letters, digits and -._ do", SLICE_ARG(name));
        return ERR_OK;
    }
    for (size_t i = 0; i < VIA_PROTOCOLS; i++) {
        config->via_lines[i] = arena_printf(&config->arena, "Via: %s " SLICE_FMT "\r\n", protocols[i], SLICE_ARG(name));
        if (!config->via_lines[i].ptr)
            return ERR_NOMEM;
    }
    config->via_name = name;
    return ERR_OK;
}
