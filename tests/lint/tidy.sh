#!/bin/sh
# tidy.sh - the rules on the source that a compiler does not know (tidy.awk lists them).
# Prints file:line: what, and exits 1 if there is anything.
set -eu
cd -- "$(dirname -- "$0")/../.."

find codecs broker nodes client tests bench -name '*.[ch]' |
    LC_ALL=C sort |
    xargs -r awk -f tests/lint/tidy.awk
