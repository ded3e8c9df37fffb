/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/meter/exposition_accept.h"

#include "lib/http/http.h"
#include "lib/http/media.h"

#define QUALITY_MAX 1000

static const struct {
    const char *name;
    const char *version;
} formats[] = {
    [EXPOSITION_PROMETHEUS] = {"text/plain", "0.0.4"},
    [EXPOSITION_OPENMETRICS] = {"application/openmetrics-text", "1.0.0"},
};

static int quality_of(struct slice accept, enum exposition_format format);

bool exposition_accept(struct slice accept, enum exposition_format *ret_format)
{
    int openmetrics = quality_of(accept, EXPOSITION_OPENMETRICS);
    int prometheus = quality_of(accept, EXPOSITION_PROMETHEUS);
    int any = media_accept_quality(accept, SLICE_LIT("text"), SLICE_LIT("plain"));
    *ret_format = openmetrics > 0 && openmetrics >= prometheus ? EXPOSITION_OPENMETRICS : EXPOSITION_PROMETHEUS;
    return openmetrics > 0 || prometheus > 0 || any > 0;
}

/* How much a format is wanted by its own name, in our version or in any; 0 when it is not named. */
static int quality_of(struct slice accept, enum exposition_format format)
{
    int best = 0;
    struct slice element;
    while (http_list_next(&accept, &element)) {
        struct media_type type;
        if (media_type_parse(element, &type) != ERR_OK || !media_type_is(&type, formats[format].name))
            continue;
        struct slice version = media_type_parameter(&type, "version");
        if (version.ptr && !slice_is(version, formats[format].version))
            continue;
        struct slice weight = media_type_parameter(&type, "q");
        best = MAX(best, weight.ptr ? media_quality_parse(weight) : QUALITY_MAX);
    }
    return best;
}
