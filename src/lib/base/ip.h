/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses as plain bytes, and sets of them: for texts that come from the network, where the system's own parsers
 * take more than they should. No system call; any thread. */
#ifndef WEIR_LIB_BASE_IP_H
#define WEIR_LIB_BASE_IP_H

#include "lib/base/err.h"
#include "lib/base/slice.h"

enum ip_family { IP_NONE, IP_V4, IP_V6 };

struct ip {
    uint8_t family;    /* enum ip_family */
    uint8_t bytes[16]; /* most significant first; of IPv4 the first four, and the rest is zero */
};

#define IP_TEXT_MAX 46 /* with the NUL */

/* Takes 4 or 16 bytes, most significant first. An IPv4-mapped address of IPv6 (::ffff:192.0.2.1) becomes the IPv4
 * address that it stands for: one client must not have two names. */
struct ip ip_of_bytes(const void *bytes, enum ip_family family);
/* "192.0.2.1" in four decimal numbers without leading zeros, or IPv6 as in RFC 4291 section 2.2, without a zone and
 * without brackets. ERR_SYNTAX. */
MUST_USE enum err ip_parse(struct slice text, struct ip *ret_ip);
/* Writes the canonical text (RFC 5952) with a NUL, "unknown" for IP_NONE; returns its length. */
size_t ip_format(const struct ip *ip, char out[IP_TEXT_MAX]);
bool ip_equal(const struct ip *a, const struct ip *b);
/* The first `bits` bits, and zeros. */
struct ip ip_prefix(const struct ip *ip, unsigned bits);

/* Addresses of one family, both ends included. */
struct ip_range {
    struct ip first;
    struct ip last;
};

/* "10.0.0.0/8", "2001:db8::/32", or one address. ERR_SYNTAX; ERR_INVALID when bits are set behind the prefix, which is
 * more likely a slip than meant: 10.1.2.3/8. */
MUST_USE enum err ip_range_parse(struct slice text, struct ip_range *ret_range);

/* Ranges in order that do not touch: found by halving. */
struct ip_set {
    const struct ip_range *ranges;
    uint32_t count;
};

/* Orders and joins the ranges in place. They stay the caller's and must live as long as the set. */
struct ip_set ip_set_of(struct ip_range *ranges, uint32_t count);
/* ::/0 is every address of IPv6 and none of IPv4. IP_NONE is in a set of which it is one of the ranges: who has no
 * address, such as a client at a unix socket. */
bool ip_set_has(const struct ip_set *set, const struct ip *ip);

#endif
