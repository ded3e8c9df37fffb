#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Shell scripts without findings of shellcheck; exit 77 where it is not installed.

cd "$(dirname "$0")/../.." || exit 1
if ! command -v shellcheck >/dev/null; then
    echo "skipped: no shellcheck (setup/setup.sh --dev installs it)"
    exit 77
fi
find .ci setup tools tests examples -type f \( -name '*.sh' -o -path '.ci/*' \) -exec shellcheck {} +
