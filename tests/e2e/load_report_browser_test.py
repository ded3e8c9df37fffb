#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of a load test in a browser: its scripts run without a fault, every chart is drawn, names stay text, and nothing is loaded.

Wants Debian's chromium."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

PLAN = """
name: "shop </script><b>bold</b>"
url: http://127.0.0.1:%d
connections: 4
load: {rate: 50, duration: 2s}
valid: {lag: 5s, errors: 1}
steps:
  - {name: "</script><img src=x onerror=document.title='taken'>", request: GET /livez}
  - {name: absent, request: GET /absent}
"""


def load(*arguments):
    result = subprocess.run([weir.BINARY, "load", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=60 * weir.SLOWNESS, check=False)
    assert result.returncode == 0, (result.returncode, result.stdout, result.stderr)


def page_of(browser, folder, path):
    """The document once its scripts have run, and what was said on the console."""
    result = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + os.path.join(folder, "profile"),
         "--enable-logging=stderr", "--virtual-time-budget=5000", "--window-size=1280,2000", "--dump-dom", "file://" + path],
        capture_output=True, text=True, timeout=120, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


def check(page, console, charts):
    assert not console, console
    assert len(re.findall("<canvas", page)) == charts, len(re.findall("<canvas", page))
    rendered = page[page.index('<main id="report">'):page.index("</main>")]
    assert "<b>bold" not in rendered and "<img" not in rendered
    assert "shop &lt;/script&gt;&lt;b&gt;bold" in rendered
    assert "<title>taken" not in page


def main():
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if not browser:
        weir.skip("chromium is not installed")
    with tempfile.TemporaryDirectory(prefix="weir-load-") as folder, weir.Server(weir.LIVEZ_CONFIG) as server:
        path = lambda name: os.path.join(folder, name)  # noqa: E731
        with open(path("plan.yaml"), "w", encoding="utf-8") as file:
            file.write(PLAN % server.port)
        for name in ("a", "b"):
            load("--json", path(name + ".json"), path("plan.yaml"))
        load("report", "-o", path("one.html"), path("a.json"))
        load("report", "-o", path("two.html"), path("a.json"), path("b.json"))
        check(*page_of(browser, folder, path("one.html")), charts=8)
        check(*page_of(browser, folder, path("two.html")), charts=7)
    return 0


if __name__ == "__main__":
    sys.exit(main())
