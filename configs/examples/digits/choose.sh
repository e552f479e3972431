#!/bin/sh
# choose.sh ACCURACIES NAMES - both comma-separated and in the same order. The best model by
# validation becomes model.svm; it is tested on samples that nothing before it has seen.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '%s\n' "$1" | tr ',' '\n' > "$work/accuracies"
printf '%s\n' "$2" | tr ',' '\n' > "$work/names"
paste -d ' ' "$work/accuracies" "$work/names" | LC_ALL=C sort -s -k 1,1nr > "$work/ranking"

best=$(awk 'NR == 1 { print $2 }' "$work/ranking")
test=$VH_INPUTS_DIR/samples/test.svm
cp "$VH_INPUTS_DIR/models/$best" "$VH_OUTPUTS_DIR/model.svm"
svm-predict -q "$test" "$VH_OUTPUTS_DIR/model.svm" "$work/guesses"
accuracy=$(awk -f accuracy.awk "$work/guesses" "$test")

{
    echo "# Handwritten digits"
    echo
    awk -v accuracy="$accuracy" -v best="$best" 'END {
        printf "The chosen model, %s, reads %.2f %% of %d digits it has never seen.\n",
            best, 100 * accuracy, NR
    }' "$test"
    echo
    echo "## The sweep, by accuracy on the validation part"
    echo
    echo "| accuracy | model |"
    echo "|--:|---|"
    awk '{ printf "| %.4f | %s |\n", $1, $2 }' "$work/ranking"
    echo
    echo "## What was written and what was read"
    echo
    awk -f confusion.awk "$work/guesses" "$test"
} > "$VH_OUTPUTS_DIR/report.md"

printf '{"accuracy": %s, "model": "%s"}\n' "$accuracy" "$best"
