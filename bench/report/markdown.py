# SPDX-License-Identifier: Apache-2.0
"""The report as Markdown."""

HEAD = """# How weir compares

Made by `make report` from [runs.json](runs.json), which has every run; [summary.json](summary.json) has the figures below, and
[report.html](report.html) shows them as charts, in one file that needs no network. Who is compared, how each is written and why that is
fair: [bench/peers](../../bench/peers/README.md). Anybody can make it again: `make report`.
"""


def escaped(text):
    return str(text).replace("|", "\\|")


def row(cells):
    return "| " + " | ".join(escaped(cell) for cell in cells) + " |"


def part(kind, *content):
    if kind == "text":
        return [content[0], ""]
    if kind == "points":
        return ["* " + text for text in content[0]] + [""]
    if kind == "table":
        header, rows = content
        return [row(header), "|" + "---|" * len(header), *(row(cells) for cells in rows), ""]
    return []  # charts are in the page


def write(sections):
    lines = [HEAD]
    for section in sections:
        lines += ["## " + section.title, ""]
        for item in section.parts:
            lines += part(*item)
    return "\n".join(lines).rstrip() + "\n"
