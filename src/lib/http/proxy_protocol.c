/* SPDX-License-Identifier: Apache-2.0 */
/* Section numbers are those of HAProxy's proxy-protocol.txt. Where it leaves a choice ("free to accept or reject"), what
 * cannot be told apart from an attack is refused: the header decides who the client is. */
#include "lib/http/proxy_protocol.h"

#include "lib/base/attr.h"

#define FIXED_BYTES    16
#define TLV_BYTES      3
#define TLV_CRC32C     0x03 /* PP2_TYPE_CRC32C */
#define CRC_BYTES      4
#define VERSION        2
#define INET_BYTES     12
#define INET6_BYTES    36
#define UNIX_BYTES     216
#define TRANSPORT_LAST 2
#define NOT_TOLD       0

enum command { COMMAND_LOCAL, COMMAND_PROXY, COMMAND_COUNT };
enum family { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILY_COUNT };

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
#define SIGNATURE_BYTES (sizeof signature - 1)

static enum err check_begin(struct slice bytes);
static enum err read_addresses(struct slice header, struct proxy_protocol *out);
static enum err check_tlvs(struct slice header, size_t begin);

static const uint8_t *at(struct slice bytes, size_t index)
{
    return (const uint8_t *)bytes.ptr + index;
}

static uint16_t u16_at(struct slice bytes, size_t index)
{
    return (uint16_t)(*at(bytes, index) << 8 | *at(bytes, index + 1));
}

size_t proxy_protocol_wanted(struct slice bytes)
{
    return bytes.len < FIXED_BYTES ? FIXED_BYTES : FIXED_BYTES + (size_t)u16_at(bytes, SIGNATURE_BYTES + 2);
}

enum err proxy_protocol_parse(struct slice bytes, struct proxy_protocol *ret_header, size_t *ret_bytes)
{
    TRY(check_begin(bytes));
    if (bytes.len < FIXED_BYTES)
        return ERR_AGAIN;
    size_t header_bytes = proxy_protocol_wanted(bytes);
    if (header_bytes > PROXY_PROTOCOL_BYTES_MAX)
        return ERR_LIMIT;
    if (bytes.len < header_bytes)
        return ERR_AGAIN;
    struct proxy_protocol header = {.is_local = true};
    /* "LOCAL: … the receiver must … discard the protocol block including the family which is ignored" */
    if ((*at(bytes, SIGNATURE_BYTES) & 15) == COMMAND_PROXY)
        TRY(read_addresses(slice_first(bytes, header_bytes), &header));
    *ret_header = header;
    *ret_bytes = header_bytes;
    return ERR_OK;
}

/* As far as it has come: a peer that speaks something else must not be able to wait for the timeout. */
static enum err check_begin(struct slice bytes)
{
    static const char version1[] = "PROXY ";
    size_t compared = MIN(bytes.len, SIGNATURE_BYTES);
    if (bytes.len && memcmp(bytes.ptr, version1, MIN(bytes.len, sizeof version1 - 1)) == 0)
        return bytes.len < sizeof version1 - 1 ? ERR_AGAIN : ERR_UNSUPPORTED;
    if (compared && memcmp(bytes.ptr, signature, compared) != 0)
        return ERR_SYNTAX;
    if (bytes.len > SIGNATURE_BYTES) {
        uint8_t byte = *at(bytes, SIGNATURE_BYTES);
        if (byte >> 4 != VERSION || (byte & 15) >= COMMAND_COUNT)
            return ERR_SYNTAX;
    }
    return ERR_OK;
}

static void read_inet(struct slice header, enum ip_family family, size_t address_bytes, struct proxy_protocol *out)
{
    size_t ports = FIXED_BYTES + 2 * address_bytes;
    out->source = ip_of_bytes(at(header, FIXED_BYTES), family);
    out->destination = ip_of_bytes(at(header, FIXED_BYTES + address_bytes), family);
    out->source_port = u16_at(header, ports);
    out->destination_port = u16_at(header, ports + 2);
}

static enum err read_addresses(struct slice header, struct proxy_protocol *out)
{
    static const uint16_t sizes[FAMILY_COUNT] = {NOT_TOLD, INET_BYTES, INET6_BYTES, UNIX_BYTES};
    uint8_t byte = *at(header, SIGNATURE_BYTES + 1);
    unsigned family = byte >> 4;
    unsigned transport = byte & 15;
    if (family >= FAMILY_COUNT || transport > TRANSPORT_LAST)
        return ERR_SYNTAX; /* "other values are unspecified and must be rejected as invalid by receivers" */
    if (header.len < FIXED_BYTES + (size_t)sizes[family])
        return ERR_SYNTAX;
    if (family == FAMILY_UNSPEC || transport == NOT_TOLD)
        return check_tlvs(header, family == FAMILY_UNSPEC ? header.len : FIXED_BYTES + (size_t)sizes[family]);
    if (transport == TRANSPORT_LAST)
        return ERR_UNSUPPORTED; /* datagrams do not come over a stream */
    TRY(check_tlvs(header, FIXED_BYTES + (size_t)sizes[family]));
    out->is_local = false;
    if (family == FAMILY_INET)
        read_inet(header, IP_V4, 4, out);
    else if (family == FAMILY_INET6)
        read_inet(header, IP_V6, 16, out);
    return ERR_OK;
}

/* CRC-32C (RFC 3720 appendix B.4), half a byte at a time: headers are short and come once a connection. */
static uint32_t crc32c(uint32_t crc, const uint8_t *bytes, size_t count)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

/* Section 2.2.3: of the whole header, with zeros in place of the checksum. */
static enum err check_crc(struct slice header, size_t place)
{
    static const uint8_t zeros[CRC_BYTES];
    uint32_t wanted = (uint32_t)u16_at(header, place) << 16 | u16_at(header, place + 2);
    uint32_t crc = crc32c(UINT32_MAX, at(header, 0), place);
    crc = crc32c(crc, zeros, CRC_BYTES);
    crc = ~crc32c(crc, at(header, place + CRC_BYTES), header.len - place - CRC_BYTES);
    return crc == wanted ? ERR_OK : ERR_MISMATCH;
}

/* All other kinds are skipped: what they say is not needed here, and they cost their length only. */
static enum err check_tlvs(struct slice header, size_t begin)
{
    size_t crc_place = 0;
    while (begin < header.len) {
        if (header.len - begin < TLV_BYTES)
            return ERR_SYNTAX;
        size_t bytes = u16_at(header, begin + 1);
        if (header.len - begin - TLV_BYTES < bytes)
            return ERR_SYNTAX;
        if (*at(header, begin) == TLV_CRC32C) {
            if (bytes != CRC_BYTES || crc_place)
                return ERR_SYNTAX;
            crc_place = begin + TLV_BYTES;
        }
        begin += TLV_BYTES + bytes;
    }
    return crc_place ? check_crc(header, crc_place) : ERR_OK;
}
