#!/bin/sh
# train.sh C GAMMA - one model, named after its parameters, and its accuracy as metadata.
set -eu

C=$1
gamma=$2
samples=$VH_INPUTS_DIR/samples
model=model-C$C-g$gamma.svm
guesses=$(mktemp)
trap 'rm -f "$guesses"' EXIT

svm-train -q -c "$C" -g "$gamma" "$samples/train.svm" "$VH_OUTPUTS_DIR/$model"
svm-predict -q "$samples/validate.svm" "$VH_OUTPUTS_DIR/$model" "$guesses"

accuracy=$(awk -f accuracy.awk "$guesses" "$samples/validate.svm")
printf '{"accuracy": %s, "C": %s, "gamma": %s, "model": "%s"}\n' \
    "$accuracy" "$C" "$gamma" "$model"
