/* SPDX-License-Identifier: Apache-2.0 */
/* What weir and llhttp made of the same bytes, and which differences between them are accounted for. */
#ifndef WEIR_TESTS_FUZZ_HTTP1_LLHTTP_H
#define WEIR_TESTS_FUZZ_HTTP1_LLHTTP_H

#include "lib/http/http1.h"

#define INPUT_BYTES_MAX 4096
#define HEADERS_MAX     1024
#define REQUESTS_MAX    16

enum outcome { UNDECIDED, REFUSED, COMPLETE };

/* What one parser made of the bytes from where a request begins. */
struct reading {
    enum outcome outcome;
    enum http1_fault fault; /* ours */
    int error;              /* llhttp's */
    char method[INPUT_BYTES_MAX];
    bool is_method_known; /* to llhttp */
    char target[INPUT_BYTES_MAX + 1];
    int version_major;
    int version_minor;
    struct {
        struct slice name;
        struct slice value;
    } fields[HEADERS_MAX];
    size_t field_count;
    bool is_field_open; /* llhttp: the value of the last field is still coming */
    bool is_in_trailers;
    bool is_chunked;
    bool has_content_length;
    uint64_t content_length;
    bool is_keep_alive;
    bool is_upgrade;
    char text[INPUT_BYTES_MAX * 2]; /* names and values, llhttp */
    size_t text_len;
    char body[INPUT_BYTES_MAX];
    size_t body_len;
    size_t bytes; /* where the next request begins */
};

/* A disagreement: the bytes it is about and both readings of them. */
struct dispute {
    struct slice input;
    const struct reading *weir;
    const struct reading *llhttp;
};

/* Who alone takes the bytes for a whole request, or in what two complete readings differ. */
enum dispute_kind { ONLY_LLHTTP, ONLY_WEIR, STAYS, VALUE };

/* Whether a row of the table of classes fits; counts it. */
bool llhttp_class_forgives(const struct dispute *dispute, enum dispute_kind kind);

#endif
