/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of IDNA 2008 as characters, and as Punycode (RFC 3492). */
#ifndef WEIR_LIB_FORMATS_IDNA_INT_H
#define WEIR_LIB_FORMATS_IDNA_INT_H

#include "lib/base/slice.h"

#define LABEL_MAX 63 /* bytes, of an A-label; characters of any label are fewer */

struct u_label {
    uint32_t count;
    uint32_t characters[LABEL_MAX];
};

/* Of an A-label, "xn--" included and at most LABEL_MAX bytes: its characters. False when it is none, also when encoding
 * them would not give the same label. */
bool idna_decode(struct slice a_label, struct u_label *ret_label);
/* How long the A-label would be. False: too long for one. */
bool idna_measure(const struct u_label *label, size_t *ret_bytes);

/* Whether a label with a character beyond ASCII is a U-label: RFC 5891 section 4.2, all but the bidi rule of more labels
 * than this one. */
bool idna_is_label(const struct u_label *label);
bool idna_has_right_to_left(const struct u_label *label);
bool idna_keeps_bidi_rule(const struct u_label *label);

#endif
