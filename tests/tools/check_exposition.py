#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads metrics from standard input and says whether a scraper takes them: check_exposition.py prometheus|openmetrics

Uses promtool or the prometheus_client library. Exits 77 where neither is installed, 1 with the reason on a fault.
"""

import shutil
import subprocess
import sys


def main():
    is_openmetrics = sys.argv[1] == "openmetrics"
    text = sys.stdin.read()
    checked = False
    if not is_openmetrics and shutil.which("promtool"):
        checked = True
        result = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=False)
        if result.returncode:
            return 1
    try:
        if is_openmetrics:
            from prometheus_client.openmetrics.parser import text_string_to_metric_families
        else:
            from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        return 0 if checked else 77
    families = list(text_string_to_metric_families(text))
    print(f"{len(families)} families, {sum(len(family.samples) for family in families)} samples")
    return 0 if families else 1


if __name__ == "__main__":
    sys.exit(main())
