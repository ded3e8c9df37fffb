#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every C file stands as .clang-format says ("make format" puts it so). Another version of the formatter would lay out
# differently, so without this one the check is skipped: exit 77.

cd "$(dirname "$0")/../.." || exit 1
if ! command -v clang-format-19 >/dev/null; then
    echo "skipped: no clang-format-19 (setup/setup.sh --dev installs it)"
    exit 77
fi
find src tests bench -name '*.[ch]' -print0 | xargs -0 clang-format-19 --dry-run --Werror
