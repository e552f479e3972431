#!/bin/sh
# prepare.sh - the digits as three files in LIBSVM's format, with pixels from 0 to 1.
set -eu

gzip -dc "$VH_INPUTS_DIR"/digits/*.gz | awk -v folder="$VH_OUTPUTS_DIR" -f split.awk
