/* SPDX-License-Identifier: Apache-2.0 */
/* A parsed head from the text of its fields. */
#ifndef TESTS_UNIT_LIB_HTTP_HEAD_FIXTURE_H
#define TESTS_UNIT_LIB_HTTP_HEAD_FIXTURE_H

#include "lib/http/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct head_fixture {
    struct http_head head;
    struct http_header headers[16];
    char text[1024];
};

/* `fields` are whole lines with their CRLF. */
static inline const struct http_head *head_of(struct head_fixture *fixture, const char *method, const char *fields)
{
    static const struct http1_limits limits = {.head_bytes_max = 1024, .target_bytes_max = 100, .header_count_max = 16};
    struct http1_parser parser;
    int len = snprintf(fixture->text, sizeof fixture->text, "%s / HTTP/1.1\r\nHost: a\r\n%s\r\n", method, fields);
    fixture->head.headers = fixture->headers;
    http1_parser_init(&parser, &limits);
    assert_int_equal(http1_request_parse(&parser, slice_of(fixture->text, (size_t)len), &fixture->head), ERR_OK);
    return &fixture->head;
}

#endif
