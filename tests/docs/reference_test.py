#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The committed reference is what the binary of today says. `tools/reference.py` makes it anew."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main():
    made = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "tools", "reference.py"), "--check"],
                          check=False)
    if made.returncode:
        print("docs/reference is out of date: run tools/reference.py and commit what it writes")
    return made.returncode


if __name__ == "__main__":
    sys.exit(main())
