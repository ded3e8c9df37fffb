/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-library: lib/base
 *
 * Addresses as texts, against the system's inet_pton, which agrees on all of them; what is read and written again is the
 * same address; a range has its ends and not their neighbours. */
#include "lib/base/ip.h"

#include <arpa/inet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool system_reads(struct slice text, struct ip *ret_ip)
{
    char copy[64];
    uint8_t bytes[16];
    if (text.len >= sizeof copy || slice_find(text, '\0') < text.len)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1)
        *ret_ip = ip_of_bytes(bytes, IP_V4);
    else if (inet_pton(AF_INET6, copy, bytes) == 1)
        *ret_ip = ip_of_bytes(bytes, IP_V6);
    else
        return false;
    return true;
}

static void check_address(struct slice text)
{
    struct ip ip;
    struct ip wanted;
    char shown[IP_TEXT_MAX];
    bool is_read = ip_parse(text, &ip) == ERR_OK;
    require(is_read == system_reads(text, &wanted));
    if (!is_read)
        return;
    require(ip_equal(&ip, &wanted));
    size_t len = ip_format(&ip, shown);
    require(len == strlen(shown) && len < IP_TEXT_MAX);
    require(ip_parse(slice_of(shown, len), &wanted) == ERR_OK && ip_equal(&ip, &wanted));
}

static bool add_one(struct ip *ip, int by)
{
    for (int i = ip->family == IP_V4 ? 3 : 15; i >= 0; i--) {
        uint8_t old = ip->bytes[i];
        ip->bytes[i] = (uint8_t)(old + by);
        if (by > 0 ? old != 0xff : old != 0)
            return true;
    }
    return false;
}

static void check_range(struct slice text)
{
    struct ip_range range;
    if (ip_range_parse(text, &range) != ERR_OK)
        return;
    struct ip_range twice[] = {range, range};
    struct ip_set set = ip_set_of(twice, 2);
    require(set.count == 1);
    require(ip_set_has(&set, &range.first) && ip_set_has(&set, &range.last));
    if (add_one(&range.first, -1))
        require(!ip_set_has(&set, &range.first));
    if (add_one(&range.last, 1))
        require(!ip_set_has(&set, &range.last));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_address(slice_of(data, size));
    check_range(slice_of(data, size));
    return 0;
}
