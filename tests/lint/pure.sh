#!/bin/sh
# pure.sh LIBRARY... - what the libraries call from outside touches no file, socket, clock,
# process, thread, database or luck. The linker knows more than a list of includes does.
set -eu

if ! command -v nm >/dev/null 2>&1; then
    echo "nm is not installed: binutils"
    exit 77
fi
found=$(nm -u -A "$@" 2>/dev/null |
    grep -E ' U (zmq_|z[a-z]+_new|mdb_|curl_|pthread_|open(at|64)?$|fopen|read$|write$|close$|socket$|connect$|send$|recv$|poll$|fork$|exec|posix_spawn|time$|clock_gettime$|gettimeofday$|rand|getrandom$|getenv$)' ||
    true)
[ -z "$found" ] || {
    echo "$found"
    exit 1
}
