# SPDX-License-Identifier: Apache-2.0
"""The report as one HTML file with charts, which needs nothing beside it: uPlot (MIT) and page.js are put into it."""

import html
import json
import os
import re

import services  # (finds harness and servers)
import harness

HERE = os.path.dirname(os.path.abspath(__file__))
LICENSE = os.path.join(harness.ROOT, "src/load/results/report/uplot_license.txt")  # what weir load's own pages carry


class NoCharts(Exception):
    pass


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def chart_library():
    """Script and style of uPlot, where setup/setup.sh has put them."""
    try:
        return tuple(read(os.path.join(services.DEPS, "charts", name)) for name in ("uPlot.iife.min.js", "uPlot.min.css"))
    except OSError as error:
        raise NoCharts("uPlot is not there (%s): setup/setup.sh brings it" % error) from error


def inline(text):
    """The little of Markdown that sections use."""
    text = html.escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", text)


def row(cells, tag):
    return "<tr>%s</tr>" % "".join("<%s>%s</%s>" % (tag, inline(str(cell)), tag) for cell in cells)


def part(charts, kind, *content):
    if kind == "text":
        return "<p>%s</p>" % inline(content[0])
    if kind == "points":
        return "<ul>%s</ul>" % "".join("<li>%s</li>" % inline(text) for text in content[0])
    if kind == "table":
        header, rows = content
        return "<div class=scroll><table><thead>%s</thead><tbody>%s</tbody></table></div>" % (
            row(header, "th"), "".join(row(cells, "td") for cells in rows))
    charts.append(content[0])
    return '<figure class="%s" data-chart="%d"></figure>' % (content[0]["kind"], len(charts) - 1)


def write(sections, title="How weir compares"):
    script, style = chart_library()
    charts = []
    body = "".join("<section><h2>%s</h2>%s</section>" % (html.escape(section.title), "".join(part(charts, *item) for item in section.parts))
                   for section in sections)
    data = json.dumps(charts, separators=(",", ":")).replace("</", "<\\/")
    return """<!DOCTYPE html>
<!--
%s
-->
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>%s</title><style>%s
%s</style></head><body><main><h1>%s</h1>%s</main>
<script>%s</script><script>const charts = %s;
%s</script></body></html>
""" % (read(LICENSE).strip(), title, style.strip(), read(os.path.join(HERE, "page.css")), title, body, script.strip(), data, read(os.path.join(HERE, "page.js")))
