/* SPDX-License-Identifier: Apache-2.0 */
/* The checks behind formats.def, and what they share. */
#ifndef WEIR_LIB_FORMATS_FORMATS_INT_H
#define WEIR_LIB_FORMATS_FORMATS_INT_H

#include "lib/base/attr.h"
#include "lib/base/slice.h"

/* time.c */
bool is_date_time(struct slice text);
bool is_date(struct slice text);
bool is_time(struct slice text);
bool is_duration(struct slice text);
/* mail.c */
bool is_email(struct slice text);
bool is_idn_email(struct slice text);
/* host.c */
bool is_hostname(struct slice text);
bool is_idn_hostname(struct slice text);
/* uri.c */
bool is_uri(struct slice text);
bool is_uri_reference(struct slice text);
bool is_iri(struct slice text);
bool is_iri_reference(struct slice text);
bool is_uri_template(struct slice text);
/* formats.c */
bool is_ipv4(struct slice text);
bool is_ipv6(struct slice text);
bool is_uuid(struct slice text);
bool is_json_pointer(struct slice text);
bool is_relative_json_pointer(struct slice text);
bool is_byte(struct slice text);

/* What host.c does for mail.c: letters, digits and hyphens in labels of 1 to 63, no hyphen at either end, 253 in all. */
bool host_is_ldh(struct slice text);
/* As is_idn_hostname; `only_dots`: the other characters that IDNA takes for a dot are not. */
bool host_is_idn(struct slice text, bool only_dots);

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#define CHARACTER_NONE UINT32_MAX

/* The character at the front of `rest`, which is not empty, by RFC 3629; CHARACTER_NONE for what is not well-formed, and
 * then *rest is left alone. */
uint32_t character_next(struct slice *rest);

#endif
