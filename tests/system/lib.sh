# lib.sh - what the system tests share: a project of their own in a temporary folder, and
# words to say what is expected. Read by test_*.sh, which run the real programs.
#
# From the environment (CMakeLists.txt sets it): SLUICE, the program; TOOLS, the folder of
# `json` and `subscriber`. A test goes on after a failed expectation, so that one run shows
# all of them; the trap at its end stops the daemons, reads their logs for reports of
# sanitizers, and gives the exit status.
# shellcheck shell=sh

set -u
: "${SLUICE:?the path of sluice}" "${TOOLS:?the folder of the test programs}"
unset SLUICE_BROKER SLUICE_CONTEXT NO_COLOR VH_JOB_ID 2>/dev/null || true
scratch=$(mktemp -d "${TMPDIR:-/tmp}/sluice-test.XXXXXX") || exit 1
project=$scratch/p
out=$scratch/out
err=$scratch/err
XDG_CONFIG_HOME=$scratch/config # of nobody
export XDG_CONFIG_HOME
failures=0
case_name=start
ended=by-itself
mkdir "$project" && cd "$project" || exit 1

# Stops the daemons of a project and waits until both are gone.
stop_daemons() { # PROJECT
    "$SLUICE" stop --force -C "$1" >/dev/null 2>&1
    [ ! -f "$1/.sluice/node/lock" ] || flock -w 60 "$1/.sluice/node/lock" true ||
        fail "the node of $1 did not end"
}

look_for_reports() { # PROJECT
    for log in "$1"/.sluice/*.log; do
        if [ -f "$log" ] && grep -q 'Sanitizer\|runtime error:\|bug:.*must hold' "$log"; then
            fail "$log has a report:"
            sed 's/^/    /' "$log" | head -n 60
        fi
    done
}

finish() {
    status=$?
    trap - EXIT INT TERM HUP
    for folder in "$scratch"/*/.sluice; do
        if [ -d "$folder" ]; then
            stop_daemons "${folder%/.sluice}"
            look_for_reports "${folder%/.sluice}"
        fi
    done
    cd /
    # The shell's own errors end it with 2; other statuses are those of its last command.
    [ "$ended" != by-signal ] && [ $status -ne 2 ] || failures=$((failures + 1))
    if [ -z "${KEEP-}" ]; then
        chmod -R u+w "$scratch" && rm -rf "$scratch"
    fi
    [ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
    exit 0
}
trap finish EXIT
trap 'ended=by-signal; exit 1' HUP INT TERM

# Names what is looked at next; failures are told under this name.
it() {
    case_name=$*
    echo "- $*"
}

fail() {
    failures=$((failures + 1))
    printf '  FAILED (%s): %s\n' "$case_name" "$*"
}

show_output() {
    head -c 2000 "$out" | sed 's/^/    out: /'
    head -c 2000 "$err" | sed 's/^/    err: /'
}

# Runs a command, keeping what it prints in $out and $err, and expects its exit status.
exits() { # STATUS COMMAND...
    wanted=$1
    shift
    "$@" >"$out" 2>"$err" </dev/null
    status=$?
    if [ $status -ne "$wanted" ]; then
        fail "exit $status instead of $wanted: $*"
        show_output
    fi
}

sluice_exits() { # STATUS ARGUMENT...
    wanted=$1
    shift
    exits "$wanted" "$SLUICE" "$@"
}

same() { # EXPECTED ACTUAL [WHAT]
    if [ "$1" != "$2" ]; then
        fail "${3-value}"
        printf '%s\n' "$1" | sed 's/^/    expected: /'
        printf '%s\n' "$2" | sed 's/^/    actual:   /'
    fi
}

# The text stands somewhere in the file ($out unless named).
has() { # TEXT [FILE]
    if ! grep -qF -e "$1" "${2-$out}"; then
        fail "\"$1\" is not in ${2-the output}"
        head -c 3000 "${2-$out}" | sed 's/^/    /'
    fi
}

has_not() { # TEXT [FILE]
    if grep -qF -e "$1" "${2-$out}"; then
        fail "\"$1\" is in ${2-the output}"
        head -c 3000 "${2-$out}" | sed 's/^/    /'
    fi
}

same_file() { # EXPECTED ACTUAL
    cmp "$1" "$2" >"$scratch/cmp" 2>&1 || fail "files differ: $(cat "$scratch/cmp")"
}

# Standard output of a task, byte by byte.
stdout_of() { # RUN/STAGE[/N]
    "$SLUICE" logs --stdout "$1"
}

# One value of a verb's JSON: value PATH VERB...
value() { # PATH ARGUMENT...
    path=$1
    shift
    "$SLUICE" "$@" --json </dev/null 2>&1 | "$TOOLS/json" "$path"
}

last_run() {
    value runs.0.number ls -n 1
}

# Copies an example as it is in the sources, without what a run of it left there.
example() { # NAME
    cp -R "$SYSTEM_TESTS/../../configs/examples/$1" "$scratch/$1"
    rm -rf "$scratch/$1/.sluice"
}

# Waits until a process that was killed has gone.
gone() { # PID [WHAT]
    timeout 60 tail -s 0.05 -f --pid="$1" /dev/null || fail "${2-$1} did not end"
}

# Waits until there is an event with such a topic, after the one with that number; gives up
# after a minute.
await_event() { # TOPIC-END [NUMBER]
    mkfifo "$scratch/awaited"
    "$SLUICE" watch --since "${2-0}" --json >"$scratch/awaited" 2>/dev/null &
    awaiter=$!
    timeout 60 "$TOOLS/json" --until "$1" topic <"$scratch/awaited" ||
        fail "no event $1 came"
    kill "$awaiter" 2>/dev/null
    wait "$awaiter" 2>/dev/null
    rm "$scratch/awaited"
}

# The state of a run, of a stage with RUN/STAGE, of a task with RUN/STAGE/N.
state_of() {
    case $1 in
    */*/*) value task.state show "$1" ;;
    */*) value stage.state show "$1" ;;
    *) value run.state show "$1" ;;
    esac
}
