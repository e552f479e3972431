# peer.sh - read by the scripts of this folder. Each is called with a number of tasks and of
# slots, in an empty folder of its own; it prints how many tasks a second its program did, and
# exits with 77 where that is not installed.
# shellcheck shell=sh
set -eu
tasks=$1
slots=$2

needs() { # COMMAND...
    for command in "$@"; do
        command -v "$command" >/dev/null 2>&1 || exit 77
    done
}

# Sets $python to one that has the modules.
needs_python() { # MODULES, with commas
    for python in python3 /usr/bin/python3; do
        "$python" -c "import $1" 2>/dev/null && return 0
    done
    exit 77
}

now_ms() {
    date +%s%3N
}

# Runs a command and prints the tasks a second.
rate() { # COMMAND...
    start=$(now_ms)
    "$@" >/dev/null 2>peer.log || { cat peer.log >&2; exit 1; }
    took=$(($(now_ms) - start))
    echo $((tasks * 1000 / (took > 0 ? took : 1)))
}
