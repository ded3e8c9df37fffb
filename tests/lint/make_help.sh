#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# "make help" lists every word of the Makefile, and nothing else.

cd "$(dirname "$0")/../.." || exit 1
words=$(sed -n 's/^\.PHONY: //p' Makefile | tr ' ' '\n' | sort)
listed=$(make --no-print-directory help | awk '$1 == "make" && NF > 2 { print $2 }' | sort)
if [ -z "$words" ] || [ "$words" != "$listed" ]; then
    printf 'words of the Makefile:\n%s\nlisted by make help, each with a text:\n%s\n' "$words" "$listed"
    exit 1
fi
