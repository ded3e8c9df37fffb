/* SPDX-License-Identifier: Apache-2.0 */
/* A test as its watcher sees it: intervals, and what they decide. Warming up makes none. */
#include "load/session.h"

#include "lib/sys/clock.h"
#include "lib/sys/thread.h"
#include "load/arrival/arrival.h"

#define LOOK_NS    (20 * NS_PER_MS)
#define EARLY_PART 10 /* of a test: what stops one does not look at the first tenth */
#define SLACK_PART 10 /* of an interval: what an end may be late by without making an interval of its own */

struct session {
    const struct load_session_options *options;
    struct load_results *results;
    uint64_t zero_ns; /* the end of warming up */
    uint64_t duration_ns;
    uint64_t interval_ns;
    uint64_t next_ns; /* from zero_ns: when the interval at hand ends */
    bool is_stopped;
};

static void stop(struct session *session)
{
    const struct load_source *source = &session->options->source;
    if (!session->is_stopped)
        source->stop(source->owner);
    session->is_stopped = true;
}

/* Thresholds that end a test as soon as they do not hold any more. */
static void look_at_thresholds(struct session *session, uint64_t now_ns)
{
    const struct load_plan *plan = session->options->plan;
    if (session->is_stopped || session->duration_ns == UINT64_MAX || now_ns < session->duration_ns / EARLY_PART)
        return;
    for (uint32_t i = 0; i < plan->threshold_count; i++) {
        const struct load_threshold *threshold = &plan->thresholds[i];
        double value = threshold->stops_test ? load_threshold_value(session->results, threshold) : 0;
        if (!threshold->stops_test || value != value || load_threshold_holds(threshold, value))
            continue;
        load_results_remark(session->results, LOAD_REMARK_NOTE, "stopped",
                            "stopped after %.1f s: \"" SLICE_FMT "\" does not hold", (double)now_ns / (double)NS_PER_S,
                            SLICE_ARG(threshold->text));
        stop(session);
        return;
    }
}

static enum err end_interval(struct session *session, uint64_t end_ns)
{
    const struct load_session_options *options = session->options;
    struct load_results *results = session->results;
    load_record_reset(results->totals);
    options->source.collect(options->source.owner, results->totals);
    if (options->source.count_agents)
        options->source.count_agents(options->source.owner, results);
    uint64_t begin_ns = results->interval_count ? results->intervals[results->interval_count - 1]->end_ns : 0;
    uint32_t stage = load_stage_of(options->plan, begin_ns, end_ns);
    TRY(load_results_add_interval(results, results->totals, end_ns, stage));
    session->next_ns =
        MIN((end_ns / session->interval_ns + 1) * session->interval_ns, load_stage_end_ns(options->plan, end_ns));
    for (uint32_t i = 0; i < options->observer_count; i++)
        options->observers[i].on_interval(options->observers[i].owner, results);
    look_at_thresholds(session, end_ns);
    return ERR_OK;
}

/* An interval that ends with the plan waits a little for the last answers, which would else have one of their own. */
static enum err look(struct session *session, bool is_over)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t slack_ns = session->interval_ns / SLACK_PART;
    if (now_ns < session->zero_ns)
        return ERR_OK;
    now_ns -= session->zero_ns;
    bool is_last = session->next_ns >= session->duration_ns;
    uint64_t due_ns = is_last && !is_over ? session->next_ns + slack_ns : session->next_ns;
    if (now_ns < due_ns && !is_over)
        return ERR_OK;
    bool is_end = is_last && now_ns >= session->next_ns && now_ns <= session->next_ns + 2 * slack_ns;
    return end_interval(session, is_end ? session->next_ns : MAX(now_ns, 1));
}

static void tick(const struct session *session)
{
    const struct load_session_options *options = session->options;
    int64_t now_ns = (int64_t)(clock_now_ns() - session->zero_ns);
    for (uint32_t i = 0; i < options->observer_count; i++)
        if (options->observers[i].on_tick)
            options->observers[i].on_tick(options->observers[i].owner, session->results, now_ns);
}

static enum err watch(struct session *session)
{
    const struct load_session_options *options = session->options;
    bool is_over = false;
    while (!is_over) {
        clock_sleep_ns(MIN(LOOK_NS, session->interval_ns));
        if (options->is_cancelled && options->is_cancelled(options->owner) && !session->results->is_cancelled) {
            session->results->is_cancelled = true;
            stop(session);
        }
        is_over = options->source.is_over(options->source.owner);
        TRY(look(session, is_over));
        tick(session);
    }
    return ERR_OK;
}

enum err load_session_run(const struct load_session_options *options, struct load_results *results)
{
    struct session session = {
        .options = options,
        .results = results,
        .zero_ns = options->begin_ns + options->plan->warm_ns,
        .duration_ns = load_plan_duration_ns(options->plan),
        .interval_ns = options->plan->interval_ns ? options->plan->interval_ns : NS_PER_S,
    };
    session.next_ns = MIN(session.interval_ns, load_stage_end_ns(options->plan, 0));
    thread_be_modest(); /* adding up histograms takes a millisecond, which would make a generator on the same core late */
    results->wall_begin_ns = clock_wall_ns() + session.zero_ns - clock_now_ns();
    TRY(watch(&session));
    if (options->source.finish)
        options->source.finish(options->source.owner, results);
    load_results_judge(results);
    return results->is_cancelled ? ERR_CANCELLED : ERR_OK;
}
