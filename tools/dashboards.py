#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the dashboards of deploy/grafana from the rows below.

    tools/dashboards.py [--check]

A panel is a row of what differs between panels: title, unit, queries. Grafana wants some forty lines of JSON for each, and places
on a grid; those are made here. With --check nothing is written, and the exit code is 1 when a file is not what would be.
"""
import argparse
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "deploy", "grafana")
SCHEMA_VERSION = 39  # Grafana 10.4 and newer
WIDTH = 24
HEIGHT = 8
STAT_HEIGHT = 4
QUANTILES = ("0.5", "0.95", "0.99")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
CALM, WATCH, ALARM = "green", "orange", "red"


class Row:
    def __init__(self, title, *panels):
        self.title, self.panels = title, panels


class Panel:
    """`queries`: (expression, legend) each. `bounds`: from where a value is to be watched, and from where it alarms."""

    kind, height, width = "timeseries", HEIGHT, 12

    def __init__(self, title, unit, *queries, about="", width=None, bounds=None, stacked=False, most=None):
        self.title, self.unit, self.queries, self.about = title, unit, queries, about
        self.width = width or type(self).width
        self.bounds, self.stacked, self.most = bounds, stacked, most

    def options(self):
        return {"legend": {"calcs": ["mean", "max", "lastNotNull"], "displayMode": "table", "placement": "bottom",
                           "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"}}

    def custom(self):
        return {"drawStyle": "line", "fillOpacity": 60 if self.stacked else 8, "lineWidth": 1, "showPoints": "never",
                "spanNulls": False, "stacking": {"group": "A", "mode": "normal" if self.stacked else "none"},
                "thresholdsStyle": {"mode": "line" if self.bounds else "off"}}

    def defaults(self):
        steps = [{"color": CALM, "value": None}]
        if self.bounds:
            steps += [{"color": color, "value": value} for color, value in zip((WATCH, ALARM), self.bounds)]
        values = {"color": {"mode": "palette-classic"}, "custom": self.custom(), "mappings": [], "min": 0,
                  "thresholds": {"mode": "absolute", "steps": steps}, "unit": self.unit}
        if self.most is not None:
            values["max"] = self.most
        return values

    def target(self, index, expression, legend):
        return {"datasource": SOURCE, "editorMode": "code", "expr": expression, "legendFormat": legend, "range": True,
                "refId": chr(ord("A") + index)}

    def make(self, number, x, y):
        return {"datasource": SOURCE, "description": self.about,
                "fieldConfig": {"defaults": self.defaults(), "overrides": []},
                "gridPos": {"h": self.height, "w": self.width, "x": x, "y": y}, "id": number,
                "options": self.options(),
                "targets": [self.target(i, *query) for i, query in enumerate(self.queries)],
                "title": self.title, "type": self.kind}


class Stat(Panel):
    kind, height, width = "stat", STAT_HEIGHT, 4

    def options(self):
        return {"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "textMode": "auto"}

    def defaults(self):
        values = super().defaults()
        del values["custom"]
        values["color"] = {"mode": "thresholds"}
        return values


class Wanted(Stat):
    """A stat that is well when it is at its bound, and alarms below."""

    def defaults(self):
        values = super().defaults()
        values["thresholds"]["steps"] = [{"color": ALARM, "value": None}, {"color": CALM, "value": self.bounds[0]}]
        return values


class Heat(Panel):
    """Of a histogram: how many fell into each bucket."""

    kind = "heatmap"

    def options(self):
        return {"calculate": False, "cellGap": 1, "color": {"exponent": 0.5, "mode": "scheme", "scheme": "Oranges", "steps": 64},
                "filterValues": {"le": 1e-9}, "legend": {"show": True}, "rowsFrame": {"layout": "auto"},
                "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
                "yAxis": {"axisPlacement": "left", "reverse": False, "unit": self.unit}}

    def defaults(self):
        return {"custom": {"hideFrom": {"legend": False, "tooltip": False, "viz": False},
                           "scaleDistribution": {"type": "linear"}}}

    def target(self, index, expression, legend):
        return dict(super().target(index, expression, legend), format="heatmap")


# --- queries --------------------------------------------------------------------------------------------------------

WINDOW = "[$__rate_interval]"
OWN = 'job=~"$job",instance=~"$instance"'


def matcher(more=""):
    return "{%s%s}" % (OWN, "," + more if more else "")


def rate(name, by="", more=""):
    return "sum%s(rate(%s%s%s))" % (" by (%s) " % by if by else "", name, matcher(more), WINDOW)


def level(name, by="", more="", how="sum"):
    return "%s%s(%s%s)" % (how, " by (%s) " % by if by else "", name, matcher(more))


def quantile(q, name, by="", more=""):
    return "histogram_quantile(%s, %s)" % (q, rate(name + "_bucket", ", ".join(filter(None, ("le", by))), more))


def quantiles(name, more=""):
    return [(quantile(q, name, more=more), "p%g" % (float(q) * 100)) for q in QUANTILES]


def mean(name, by="", more=""):
    return "%s / %s" % (rate(name + "_sum", by, more), rate(name + "_count", by, more))


def classes(name, more=""):
    """By class of status: 2xx, 4xx, 5xx."""
    return 'sum by (class) (label_replace(rate(%s%s%s), "class", "${1}xx", "status", "(.).."))' % (name, matcher(more), WINDOW)


def share(part, whole):
    return "%s / %s" % (part, whole)


# --- the server -----------------------------------------------------------------------------------------------------

ROUTE = 'route=~"$route"'
MODEL = 'model=~"$model"'
HTTP = "weir_http_requests_total"
TIME = "weir_http_request_duration_seconds"


def model_mean(phase):
    return (mean("weir_model_%s_duration_seconds" % phase, "", MODEL), phase)


SERVER = [
    Row("At a glance",
        Stat("Requests", "reqps", (rate("weir_requests_total"), "requests")),
        Stat("Failed (5xx)", "percentunit", (share(rate(HTTP, more='status=~"5.."'), rate(HTTP)), "5xx"), bounds=(0.001, 0.01)),
        Stat("p99", "s", (quantile("0.99", TIME), "p99"), bounds=(0.5, 2),
             about="From the first byte of a request to its response handed over; all routes with the middleware metrics."),
        Stat("In flight", "short", (level("weir_requests_in_flight"), "in flight")),
        Wanted("Models ready", "percentunit", (level("weir_model_ready", how="avg"), "ready"), bounds=(1,)),
        Wanted("Configuration in place", "bool_yes_no", (level("weir_config_last_reload_successful", how="min"), "good"), bounds=(1,),
               about="No: the last reload failed, and what is served is older than the file.")),
    Row("Requests",
        Panel("Requests by class of status", "reqps", (classes(HTTP, ROUTE), "{{class}}"), stacked=True),
        Panel("Latency", "s", *quantiles(TIME, ROUTE)),
        Panel("Requests by route", "reqps", (rate(HTTP, "route", ROUTE), "{{route}}"), stacked=True),
        Panel("p99 by route", "s", (quantile("0.99", TIME, "route", ROUTE), "{{route}}")),
        Panel("Errors, share of all requests", "percentunit",
              ('sum by (class) (label_replace(rate(%s%s%s), "class", "${1}xx", "status", "(.)..")) / scalar(%s)'
               % (HTTP, matcher('status=~"[45].."'), WINDOW, rate(HTTP)), "{{class}}"), bounds=(0.01, 0.05)),
        Panel("Given up", "reqps", (rate("weir_requests_over_time_total"), "over time"), (rate("weir_requests_cancelled_total"), "client went away"),
              (rate("weir_requests_malformed_total"), "malformed"), (rate("weir_auth_failed_total"), "without a valid key"),
              about="Requests that ended before they were answered, or were refused at the door."),
        Panel("Time by stage, mean", "s", (mean("weir_stage_duration_seconds", "stage"), "{{stage}}"), stacked=True,
              about="Of requests with a body, waiting included: where the time of a request goes."),
        Panel("p99 by stage", "s", (quantile("0.99", "weir_stage_duration_seconds", "stage"), "{{stage}}")),
        Panel("Requests in flight by route", "short", (level("weir_http_requests_in_flight", "route", ROUTE), "{{route}}"), stacked=True),
        Panel("Contracts", "reqps", (rate("weir_contract_refused_total"), "requests refused"), (rate("weir_contract_reported_total"), "requests reported"),
              (rate("weir_contract_responses_refused_total"), "responses held back"), (rate("weir_contract_over_limit_total"), "given up at a limit"),
              about="Requests and responses that did not fit their schemas.")),
    Row("Models",
        Panel("Runs", "ops", (rate("weir_model_runs_total", "model", MODEL), "{{model}}")),
        Panel("Runs without outputs", "ops", (rate("weir_model_run_failures_total", "model, reason", MODEL), "{{model}}: {{reason}}")),
        Panel("Queue length", "short", (level("weir_model_runs_queued", "model", MODEL), "{{model}}"),
              about="Runs that wait for an executor."),
        Panel("Time in the queue", "s", *quantiles("weir_model_queue_duration_seconds", MODEL)),
        Panel("Phases of a run, mean", "s", *(model_mean(phase) for phase in ("queue", "gather", "run", "scatter", "format")), stacked=True),
        Panel("Time in the model", "s", *quantiles("weir_model_run_duration_seconds", MODEL)),
        Panel("Rows of a batch, mean", "short", (mean("weir_model_batch_rows", "model", MODEL), "{{model}}"),
              (level("weir_model_batch_rows_max", "model", MODEL, "max"), "{{model}}: at most")),
        Heat("Rows of a batch", "short", (rate("weir_model_batch_rows_bucket", "le", MODEL), "{{le}}")),
        Panel("Refused or late", "ops", (rate("weir_runs_refused_total"), "queue full, or no hope"), (rate("weir_runs_over_share_total"), "tenant over its share"),
              (rate("weir_runs_hopeless_total"), "no hope of its deadline"), (rate("weir_runs_late_total"), "deadline passed in the queue")),
        Panel("What a run costs, as learned", "s", (level("weir_model_cost_run_seconds", "model", MODEL, "max"), "{{model}}: a run"),
              (level("weir_model_cost_row_seconds", "model", MODEL, "max"), "{{model}}: a row more")),
        Panel("Response cache", "percentunit",
              ("sum by (model) (rate(weir_model_cache_hits_total%s%s)) / (sum by (model) (rate(weir_model_cache_hits_total%s%s)) + "
               "sum by (model) (rate(weir_model_cache_misses_total%s%s)))" % ((matcher(MODEL), WINDOW) * 3), "{{model}}: hits"), most=1),
        Panel("Outputs kept", "bytes", (level("weir_model_cache_bytes", "model", MODEL), "{{model}}")),
        Panel("Steps of pipelines, p99", "s", (quantile("0.99", "weir_pipeline_step_duration_seconds", "pipeline, step"), "{{pipeline}}: {{step}}")),
        Panel("Sequences", "short", (level("weir_model_sequences", "model", MODEL), "{{model}}"))),
    Row("Upstreams",
        Panel("Requests handed on", "reqps", (rate("weir_upstream_requests_total"), "handed on"), (rate("weir_upstream_retries_total"), "tried again")),
        Panel("Until a response began", "s", *quantiles("weir_upstream_response_seconds")),
        Panel("Failures", "reqps", (rate("weir_upstream_failures_total"), "not answered, or not whole"), (rate("weir_upstream_timeouts_total"), "too slow"),
              (rate("weir_upstream_refused_total"), "too many there already")),
        Panel("Connections", "ops", (rate("weir_upstream_connects_total"), "made"), (rate("weir_upstream_reused_total"), "used again"))),
    Row("Connections",
        Panel("Open", "short", (level("weir_connections_open"), "open")),
        Panel("Coming and going", "ops", (rate("weir_connections_accepted_total"), "accepted"), (rate("weir_http2_connections_total"), "HTTP/2"),
              (rate("weir_connections_lost_total"), "broken within a request"), (rate("weir_connections_timed_out_total"), "too slow"),
              (rate("weir_connections_refused_total"), "refused"), (rate("weir_connections_evicted_total"), "made room")),
        Panel("TLS handshakes", "ops", (rate("weir_tls_handshakes_total"), "completed"), (rate("weir_tls_resumed_total"), "resumed"),
              (rate("weir_tls_handshakes_failed_total", "reason"), "failed: {{reason}}")),
        Panel("Bytes", "Bps", (rate("weir_received_bytes_total"), "received"), (rate("weir_sent_bytes_total"), "sent"))),
    Row("Event loops",
        Panel("Stalls by cause", "ops", (rate("weir_loop_stall_seconds_count", "cause"), "{{cause}}"), stacked=True,
              about="Times that an event loop was away for longer than stalls.threshold. GET of `endpoint: stalls` tells each, with the stage that held it."),
        Panel("Time away, by cause", "percentunit", (rate("weir_loop_stalled_seconds_total", "cause"), "{{cause}}"), stacked=True,
              about="Share of a second, all loops together."),
        Panel("Longest stall since the start", "s", (level("weir_loop_stall_max_seconds", "cause", how="max"), "{{cause}}"), bounds=(0.05, 0.5)),
        Panel("p99 of stalls by cause", "s", ("%s > 0" % quantile("0.99", "weir_loop_stall_seconds", "cause"), "{{cause}}")),
        Panel("Processor of the loops, cores", "short", (rate("weir_loop_cpu_seconds_total"), "used"), (rate("weir_loop_run_delay_seconds_total"), "waited for, behind others"),
              about="Waiting for a processor is the machine's doing: too many threads for its cores, or a quota."),
        Panel("Turns and major faults", "ops", (rate("weir_loop_turns_total"), "turns"), (rate("weir_loop_major_faults_total"), "pages read from disk"))),
    Row("The process",
        Panel("CPU, cores", "short", (rate("process_cpu_seconds_total"), "used"), (level("weir_workers"), "event loops")),
        Panel("Memory", "bytes", (level("process_resident_memory_bytes"), "resident"), (level("weir_memory_outstanding_bytes"), "of requests in flight")),
        Panel("Request memory asked of the system", "ops", (rate("weir_memory_mallocs_total"), "times"),
              about="Flat at nothing once warm: requests are served from memory that is kept."),
        Panel("Allocations by subsystem", "ops", (rate("weir_allocations_total", "subsystem"), "{{subsystem}}"), stacked=True,
              about="Times that the system was asked for memory, by who asked; of builds that count."),
        Panel("Allocated by thread", "Bps", (rate("weir_allocated_bytes_total", "thread"), "{{thread}}"), stacked=True),
        Panel("File descriptors", "short", (level("process_open_fds"), "open"), (level("process_max_fds", how="min"), "at most")),
        Panel("Log lines lost", "ops", (rate("weir_log_lines_dropped_total"), "log thread behind"), (rate("weir_log_lines_lost_total"), "disk full"),
              (rate("weir_traces_dropped_total"), "traces dropped")),
        Panel("Reloads", "short", ("sum by (result) (increase(weir_config_reloads_total%s%s))" % (matcher(), WINDOW), "configuration: {{result}}"),
              ("sum by (result) (increase(weir_model_loads_total%s%s))" % (matcher(), WINDOW), "models: {{result}}"))),
]

# --- load tests -----------------------------------------------------------------------------------------------------

STEP = 'scenario=~"$scenario",step=~"$step"'
PERCENTILES = ("50", "95", "99")
ALL_STEPS = "scenario, step"
NAMES = "{{scenario}}: {{step}}"

LOAD = [
    Row("At a glance",
        Stat("Offered", "reqps", (rate("weir_load_requests_due_total"), "due")),
        Stat("Done", "reqps", (rate("weir_load_requests_total", more='outcome="ok"'), "ok")),
        Stat("Failed", "percentunit", (share(rate("weir_load_requests_total", more='outcome="failed"'), rate("weir_load_requests_total")), "failed"),
             bounds=(0.001, 0.01)),
        Stat("p99", "s", (level("weir_load_overall_latency_quantile_seconds", more='percentile="99"', how="max"), "p99"),
             about="Of the last interval, all steps together, from when requests were due."),
        Stat("Own lag, p99", "s", (quantile("0.99", "weir_load_lag_seconds"), "lag"), bounds=(0.001, 0.01),
             about="How late the generator itself was. Where it is not far below the latencies, they are not the server's alone."),
        Stat("Elapsed", "s", (level("weir_load_elapsed_seconds", how="max"), "elapsed"))),
    Row("Load and answers",
        Panel("Offered and done", "reqps", (rate("weir_load_requests_due_total"), "due"), (rate("weir_load_requests_sent_total"), "sent"),
              (rate("weir_load_requests_total", more='outcome="ok"'), "answered"), (rate("weir_load_requests_total", more='outcome="failed"'), "failed"),
              about="Due above answered for long: the server, or the number of connections, is at its end."),
        Panel("Latency from due", "s",
              *((level("weir_load_overall_latency_quantile_seconds", more='percentile="%s"' % p, how="max"), "p" + p) for p in PERCENTILES),
              about="Exact quantiles of each interval, all steps together."),
        Panel("Done by step", "reqps", (rate("weir_load_requests_total", ALL_STEPS, STEP + ',outcome="ok"'), NAMES), stacked=True),
        Panel("p99 by step", "s", (level("weir_load_latency_quantile_seconds", ALL_STEPS, STEP + ',percentile="99"', "max"), NAMES)),
        Panel("From due and from sent, p99", "s", (quantile("0.99", "weir_load_latency_seconds", more=STEP), "from due"),
              (quantile("0.99", "weir_load_service_seconds", more=STEP), "from sent"),
              about="The gap is time that requests waited to be sent: what a closed loop would not have shown."),
        Heat("Latency", "s", (rate("weir_load_latency_seconds_bucket", "le", STEP), "{{le}}")),
        Panel("Failures by kind", "reqps", (rate("weir_load_failures_total", "kind", STEP) + " > 0", "{{kind}}"), stacked=True),
        Panel("Responses by status", "reqps", (rate("weir_load_responses_total", "status", STEP), "{{status}}"), stacked=True)),
    Row("Chat completions",
        Panel("Tokens", "short", (rate("weir_load_tokens_total", more=STEP), "received a second"), (rate("weir_load_input_tokens_total", more=STEP), "of prompts a second")),
        Panel("Goodput", "reqps", (rate("weir_load_good_responses_total", ALL_STEPS, STEP), NAMES),
              about="Responses within all bounds of their step."),
        Panel("Time to first token", "s", *quantiles("weir_load_first_token_seconds", STEP)),
        Panel("Time between tokens", "s", *quantiles("weir_load_between_tokens_seconds", STEP))),
    Row("The generator",
        Panel("Users, in flight, backlog", "short", (level("weir_load_users"), "users"), (level("weir_load_in_flight"), "in flight"),
              (level("weir_load_backlog"), "due and not sent"), (level("weir_load_connections"), "connections")),
        Panel("Own lag", "s", *quantiles("weir_load_lag_seconds"), bounds=(0.001, 0.01)),
        Panel("Wait for a connection", "s", *quantiles("weir_load_wait_seconds")),
        Panel("Connections", "ops", (rate("weir_load_connects_total"), "opened"), (rate("weir_load_disconnects_total"), "ended by the server or a fault")),
        Panel("Time to connect", "s", *quantiles("weir_load_connect_seconds")),
        Panel("CPU, cores", "short", (rate("weir_load_cpu_seconds_total"), "used")),
        Panel("Iterations", "ops", (rate("weir_load_iterations_due_total"), "due"), (rate("weir_load_iterations_begun_total"), "begun"),
              (rate("weir_load_iterations_ended_total"), "ended"), (rate("weir_load_unsent_total"), "requests never sent")),
        Panel("Bytes", "Bps", (rate("weir_load_request_bytes_total", more=STEP), "sent"), (rate("weir_load_response_bytes_total", more=STEP), "received")),
        Panel("Agents", "short", (level("weir_load_agents", how="max"), "take part"), (level("weir_load_agents_lost", how="max"), "lost"), bounds=(0, 1))),
]

# --- what a dashboard has around its panels -------------------------------------------------------------------------


def variable(name, label, query):
    return {"allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}, "datasource": SOURCE, "definition": query,
            "includeAll": True, "label": label, "multi": True, "name": name, "query": {"query": query, "refId": name}, "refresh": 2,
            "sort": 1, "type": "query"}


def variables(witness, more):
    source = {"current": {}, "label": "Data source", "name": "datasource", "query": "prometheus", "refresh": 1, "type": "datasource"}
    return [source, variable("job", "Job", "label_values(%s, job)" % witness),
            variable("instance", "Instance", 'label_values(%s{job=~"$job"}, instance)' % witness)] + [
                variable(name, label, "label_values(%s%s, %s)" % (metric, matcher(), name)) for name, label, metric in more]


def place(rows):
    """Panels from left to right, rows from top to bottom."""
    panels, y, number = [], 0, 1
    for row in rows:
        panels.append({"collapsed": False, "gridPos": {"h": 1, "w": WIDTH, "x": 0, "y": y}, "id": number, "panels": [],
                       "title": row.title, "type": "row"})
        x, y, number, height = 0, y + 1, number + 1, 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            panels.append(panel.make(number, x, y))
            x, number, height = x + panel.width, number + 1, max(height, panel.height)
        y += height
    return panels


def dashboard(uid, title, about, rows, witness, more, links=()):
    return {"annotations": {"list": []}, "description": about, "editable": True, "fiscalYearStartMonth": 0, "graphTooltip": 1,
            "id": None, "links": list(links), "panels": place(rows), "refresh": "5s", "schemaVersion": SCHEMA_VERSION, "tags": ["weir"],
            "templating": {"list": variables(witness, more)}, "time": {"from": "now-15m", "to": "now"},
            "timepicker": {}, "timezone": "browser", "title": title, "uid": uid, "version": 1, "weekStart": ""}


def make_all():
    return {
        "weir-server.json": dashboard("weir-server", "weir: server", "What weir serve does: requests, models, upstreams, connections.",
                                      SERVER, "weir_build_info",
                                      [("route", "Route", HTTP), ("model", "Model", "weir_model_ready")]),
        "weir-load.json": dashboard("weir-load", "weir: load test", "A running test of weir load: what was offered, what came of it, and "
                                    "how the generator itself did.", LOAD, "weir_load_test_info",
                                    [("scenario", "Scenario", "weir_load_requests_due_total"), ("step", "Step", "weir_load_requests_due_total")]),
    }


def main():
    parser = argparse.ArgumentParser(description="Writes deploy/grafana/*.json.")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wrong = 0
    for name, made in make_all().items():
        path = os.path.join(FOLDER, name)
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        there = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        if options.check and there != text:
            print("deploy/grafana/%s is not what tools/dashboards.py makes: run it" % name)
            wrong = 1
        elif there != text:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
    return wrong


if __name__ == "__main__":
    sys.exit(main())
