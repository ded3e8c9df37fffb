#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every link between the documents leads to a file that is there, and to a heading that is in it; every page is led to.

No web address is asked for. Exit codes: 0 or 1."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")


def pages():
    """The documents of the project: its top folder and all below docs."""
    for name in sorted(os.listdir(ROOT)):
        if name.endswith(".md"):
            yield name
    for folder, _, names in sorted(os.walk(os.path.join(ROOT, "docs"))):
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as page:
        return page.read()


def anchors(text):
    """What a forge makes of the headings: lower case, spaces as hyphens, no other signs; numbered when repeated."""
    seen = {}
    for heading in re.findall(r"^#+ +(.*?) *$", FENCE.sub("", text), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = seen.get(anchor, 0)
        seen[anchor] = number + 1
        yield f"{anchor}-{number}" if number else anchor


def check_link(page, link, targets):
    """What is wrong with a link, or None."""
    if re.match(r"(https?|mailto):", link):
        return None
    path, _, anchor = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
    targets.add(target)
    if target.startswith("..") or not os.path.exists(os.path.join(ROOT, target)):
        return f"there is no {target}"
    if os.path.isdir(os.path.join(ROOT, target)):
        targets.add(os.path.join(target, "README.md"))
    if anchor and anchor not in set(anchors(read(target))):
        return f"{target} has no heading #{anchor}"
    return None


def main():
    faults, count, targets = [], 0, {"README.md"}
    for page in pages():
        text = FENCE.sub(lambda match: "\n" * match[0].count("\n"), read(page))
        for match in LINK.finditer(re.sub(r"`[^`\n]*`", lambda match: " " * len(match[0]), text)):
            count += 1
            fault = check_link(page, match[1], targets)
            if fault:
                faults.append(f"{page}:{text.count(chr(10), 0, match.start()) + 1}: {match[1]}: {fault}")
    faults += [f"{page}: no document leads here" for page in pages()
               if page.startswith("docs") and page not in targets]
    print("\n".join(faults) if faults else f"{count} links, all good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
