#!/bin/sh
# spell.sh WORD REPEAT - a line of text, so many times.
set -eu

for _ in $(seq "$2"); do
    echo "$GREETING $1."
done > "$VH_OUTPUTS_DIR/$1.txt"
printf '{"word": "%s", "letters": %d}\n' "$1" "${#1}"
