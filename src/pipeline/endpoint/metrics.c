/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: all meters as text.
 *
 * A scrape visits every bucket of every histogram of every worker, which takes too long for an event loop.
 *
 * Scrapers ask by Accept, with a version as a parameter ("application/openmetrics-text;version=1.0.0;q=0.5, …"), which
 * the general negotiation passes over, since a parameter may mean anything. Here it means something: a version that is
 * not ours is not what was asked for. */
#include "lib/http/media.h"
#include "lib/meter/exposition.h"
#include "pipeline/endpoint/endpoint_int.h"
#include "pipeline/negotiate.h"

#define QUALITY_MAX 1000

static const struct {
    const char *name;
    const char *version;
} formats[] = {
    [EXPOSITION_PROMETHEUS] = {"text/plain", "0.0.4"},
    [EXPOSITION_OPENMETRICS] = {"application/openmetrics-text", "1.0.0"},
};

static bool choose(struct slice accept, enum exposition_format *ret_format);
static int quality_of(struct slice accept, enum exposition_format format);
static int parse_quality(struct slice text);
static enum err run(struct rendering *rendering);
static enum verdict conclude(struct request *request);

enum verdict endpoint_metrics(struct request *request)
{
    if (request->was_submitted)
        return conclude(request);
    struct slice accept = negotiate_accept(request);
    enum exposition_format format;
    if (!choose(accept, &format))
        return request_fail(request, PROBLEM_NOT_ACCEPTABLE,
                            "Accept is \"" SLICE_FMT "\"; metrics are text/plain; version=0.0.4 or "
                            "application/openmetrics-text; version=1.0.0.",
                            SLICE_ARG(slice_first(accept, 100)));
    return endpoint_render(request, run, (int)format);
}

static enum err run(struct rendering *rendering)
{
    const struct ports *ports = rendering->ports;
    return ports->metrics_render(ports->owner, rendering->form == EXPOSITION_OPENMETRICS, &rendering->text,
                                 &rendering->bytes);
}

static enum verdict conclude(struct request *request)
{
    const struct rendering *rendering = endpoint_rendered(request);
    if (rendering->err != ERR_OK)
        return request_fail(request, PROBLEM_OUT_OF_MEMORY, "There is no memory to render the metrics.");
    response_set(request, 200, exposition_content_type((enum exposition_format)rendering->form),
                 slice_of(rendering->text, rendering->bytes));
    return VERDICT_NEXT;
}

/* OpenMetrics when it is wanted by name and at least as much as the older format. */
static bool choose(struct slice accept, enum exposition_format *ret_format)
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
        best = MAX(best, parse_quality(media_type_parameter(&type, "q")));
    }
    return best;
}

/* "0.25" → 250 (RFC 9110 section 12.4.2: at most three decimals); absent: all; malformed: nothing. */
static int parse_quality(struct slice text)
{
    if (!text.ptr)
        return QUALITY_MAX;
    if (!text.len || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') || (text.len > 1 && text.ptr[1] != '.'))
        return 0;
    int value = (text.ptr[0] - '0') * QUALITY_MAX;
    int place = QUALITY_MAX / 10;
    for (size_t i = 2; i < text.len; i++, place /= 10) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
        value += (text.ptr[i] - '0') * place;
    }
    return MIN(value, QUALITY_MAX);
}
