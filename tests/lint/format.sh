#!/bin/sh
# format.sh - every C file stands as clang-format writes it. Exits 77 (skipped) without
# clang-format.
set -eu
cd -- "$(dirname -- "$0")/../.."

if ! command -v clang-format >/dev/null 2>&1; then
    echo "clang-format is not installed: ./dev setup"
    exit 77
fi
find codecs broker nodes client tests bench -name '*.[ch]' |
    sort |
    xargs -r clang-format --dry-run --Werror
