/* SPDX-License-Identifier: Apache-2.0 */
/* Loads a configuration from a literal and compares what the report says. Brings a small set of middlewares of its own,
 * so that the rules of loading are tested and not those of the real ones. */
#ifndef WEIR_TESTS_CONTROL_CONFIG_HARNESS_H
#define WEIR_TESTS_CONTROL_CONFIG_HARNESS_H

#include "control/config/load.h"
#include "pipeline/middleware.h"
#include "pipeline/route.h"
#include "unit/lib/yaml/notes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define REPORT_BYTES 65536

struct fake_auth {
    struct slice keys;
    struct slice tenant;
};

struct fake_image {
    struct option_list size;
    uint32_t layout;
    struct option_list mean;
    double scale;
    bool is_grey;
    uint64_t wait;
    struct option_list shapes;
};

struct fake_output {
    struct option_list labels;
    uint64_t top_k;
};

static unsigned fakes_prepared;
static unsigned fakes_released;

static enum err fake_prepare(struct middleware_setup *setup)
{
    const struct fake_auth *options = setup->options;
    if (slice_is(options->tenant, "nobody")) {
        text_printf(setup->fault, "%s:3: the tenant is nobody", options->keys.ptr);
        return ERR_INVALID;
    }
    fakes_prepared++;
    return ERR_OK;
}

static void fake_release(void *options)
{
    (void)options;
    fakes_released++;
}

static const struct option fake_auth_rows[] = {
    {.name = "keys",
     .type = OPTION_PATH,
     .offset = offsetof(struct fake_auth, keys),
     .min = 1,
     .max = 4096,
     .flags = OPTION_REQUIRED,
     .help = "The keys file"},
    {.name = "tenant", .type = OPTION_TEXT, .offset = offsetof(struct fake_auth, tenant), .help = "Whose"},
};
static const struct option_table fake_auth_table = {
    .name = "auth", .help = "", .bytes = sizeof(struct fake_auth), .rows = fake_auth_rows, .count = 2};

static const char *const fake_layouts[] = {"nchw", "nhwc", NULL};
static const struct option fake_image_rows[] = {
    {.name = "size",
     .type = OPTION_COUNTS,
     .offset = offsetof(struct fake_image, size),
     .min = 2,
     .max = 2,
     .flags = OPTION_REQUIRED,
     .help = "Width and height"},
    {.name = "layout",
     .type = OPTION_CHOICE,
     .offset = offsetof(struct fake_image, layout),
     .fallback = "nchw",
     .choices = fake_layouts,
     .help = ""},
    {.name = "mean",
     .type = OPTION_REALS,
     .offset = offsetof(struct fake_image, mean),
     .fallback = "[0.5]",
     .min = 1,
     .max = 3,
     .help = ""},
    {.name = "scale",
     .type = OPTION_REAL,
     .offset = offsetof(struct fake_image, scale),
     .fallback = "0.25",
     .min = 0,
     .max = 1.5,
     .help = ""},
    {.name = "grey", .type = OPTION_BOOL, .offset = offsetof(struct fake_image, is_grey), .help = ""},
    {.name = "wait",
     .type = OPTION_DURATION,
     .offset = offsetof(struct fake_image, wait),
     .fallback = "10s",
     .min = 1e6,
     .max = 36e11,
     .help = ""},
    {.name = "shapes", .type = OPTION_SHAPES, .offset = offsetof(struct fake_image, shapes), .max = 2, .help = ""},
};
static const struct option_table fake_image_table = {.name = "normalize_image",
                                                     .help = "",
                                                     .bytes = sizeof(struct fake_image),
                                                     .rows = fake_image_rows,
                                                     .count = ARRAY_LEN(fake_image_rows)};

static const struct option fake_output_rows[] = {
    {.name = "labels", .type = OPTION_TEXTS, .offset = offsetof(struct fake_output, labels), .max = 4, .help = ""},
    {.name = "top_k",
     .type = OPTION_COUNT,
     .offset = offsetof(struct fake_output, top_k),
     .fallback = "1",
     .min = 1,
     .max = 100,
     .help = ""},
};
static const struct option_table fake_output_table = {
    .name = "format_output", .help = "", .bytes = sizeof(struct fake_output), .rows = fake_output_rows, .count = 2};

static const struct middleware fakes[] = {
    {.name = "request_id", .help = "", .place = PLACE_IDENTIFY, .duty = DUTY_OPTIONAL},
    {.name = "access_log", .help = "", .place = PLACE_OBSERVE, .duty = DUTY_SKIPPABLE},
    {.name = "auth",
     .help = "",
     .place = PLACE_AUTHENTICATE,
     .duty = DUTY_MANDATORY,
     .options = &fake_auth_table,
     .prepare = fake_prepare,
     .release = fake_release},
    {.name = "normalize_image", .help = "", .place = PLACE_INPUT, .options = &fake_image_table},
    {.name = "format_output", .help = "", .place = PLACE_OUTPUT, .options = &fake_output_table},
};

/* In front of those of the library, as the linker sees it. */
const struct middleware *const middlewares[] = {&fakes[0], &fakes[1], &fakes[2], &fakes[3], &fakes[4]};
const size_t middleware_count = ARRAY_LEN(middlewares);

const struct middleware *middleware_find(struct slice name)
{
    for (size_t i = 0; i < middleware_count; i++)
        if (slice_is(name, middlewares[i]->name))
            return middlewares[i];
    return NULL;
}

/* Loads and returns the configuration, or NULL; the report has to read `expected`. */
static inline struct config *load_reporting(struct slice yaml, const char *path, const char *expected)
{
    struct report report;
    struct config *config = NULL;
    static char found[REPORT_BYTES];
    report_init(&report);
    enum err err = config_load_text(yaml, path, &report, &config);
    format_report(&report, found, sizeof found);
    assert_string_equal(found, expected);
    assert_int_equal(err, report.error_count ? ERR_INVALID : ERR_OK);
    assert_int_equal(err == ERR_OK, config != NULL);
    report_deinit(&report);
    return config;
}

static inline void assert_report(const char *yaml, const char *expected)
{
    config_unref(load_reporting(slice_of_text(yaml), "weir.yaml", expected));
    assert_int_equal(fakes_prepared, fakes_released);
}

/* Loads what must be free of notes. The caller gives the reference back. */
static inline struct config *load_good(const char *yaml)
{
    struct config *config = load_reporting(slice_of_text(yaml), "/srv/weir.yaml", "");
    assert_non_null(config);
    return config;
}

#endif
