#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The peers of the report give equal answers: all that are installed below build/bench/peers (make report does that), beside weir."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))
import weir  # noqa: E402

sys.path.insert(0, os.path.join(weir.ROOT, "bench/report"))
import equal  # noqa: E402
import services  # noqa: E402


def weir_alone_answers_as_the_contract_says():
    rows, wrong = equal.compare(["weir"])
    assert not wrong, equal.table(["weir"], rows)


def all_peers_that_are_installed_agree():
    missing = {name: why for name, service in services.BY_NAME.items() if service.is_peer and (why := service.missing())}
    names = [name for name, service in services.BY_NAME.items() if service.is_peer and name not in missing]
    for name, why in missing.items():
        print("not compared: %s: %s" % (name, why))
    if set(names) <= {"weir", "nginx"}:
        weir.skip("no peer is installed (bench/report/equal.py --install does it); weir alone is as the contract says")
    rows, wrong = equal.compare(names)
    assert not wrong, equal.table(names, rows)


def main():
    weir_alone_answers_as_the_contract_says()
    all_peers_that_are_installed_agree()


if __name__ == "__main__":
    main()
