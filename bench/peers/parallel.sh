#!/bin/sh
. "$(dirname "$0")/peer.sh"
needs parallel
seq "$tasks" >numbers
rate parallel --will-cite -j "$slots" --joblog jobs -a numbers /bin/true
