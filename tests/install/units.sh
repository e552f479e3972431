#!/bin/sh
# units.sh BUILD - the service units as they are installed: systemd finds no fault in them, and
# a systemd of its own, as process 1 of its own namespaces, runs the daemons by them
# (units_inside.sh). Needs root for the second part. Status 77: it cannot be tried here.
set -eu

build=$1
source=$(cd -- "$(dirname -- "$0")" && pwd)
systemd=/usr/lib/systemd/systemd
name=sluice-units-$$

skip() {
    printf 'units: skipped: %s\n' "$*"
    exit 77
}

fail() {
    printf 'units: %s\n' "$*" >&2
    exit 1
}

command -v systemd-analyze >/dev/null || skip 'there is no systemd-analyze here'
place=$(mktemp -d "${TMPDIR:-/tmp}/$name-XXXXXX")
chmod 755 "$place"
first=

finish() {
    status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$first" ]; then # its child is process 1, whose end waits for that of all others
        one=$(cat "/proc/$first/task/$first/children")
        # shellcheck disable=SC2086 # a number and a space, or nothing
        [ -z "$one" ] || kill -KILL $one || true
        wait "$first" 2>/dev/null || true
    fi
    find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} \; 2>/dev/null || true
    [ $status -eq 0 ] || [ $status -eq 77 ] || cat "$place"/*.log >&2 || true
    rm -rf "$place"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

DESTDIR=$place/root cmake --install "$build" --prefix /usr/local >"$place/install.log"
units=$place/root/usr/local/lib/systemd/system

# What is to be found at its place is looked for where it lies now, and the manual not at all.
mkdir "$place/verified"
for unit in brokerd noded; do
    grep -q "^ExecStart=/usr/local/sbin/$unit -c /etc/sluice/$unit.yaml\$" "$units/$unit.service" ||
        fail "$unit.service does not start what was installed"
    sed -e "s|=/usr/local/|=$place/root/usr/local/|" -e /^Documentation=/d \
        "$units/$unit.service" >"$place/verified/$unit.service"
done
systemd-analyze verify "$place/verified/brokerd.service" "$place/verified/noded.service" \
    >"$place/verify.log" 2>&1 || fail 'systemd-analyze finds a fault'
[ ! -s "$place/verify.log" ] || fail 'systemd-analyze has something to say'

[ "$(id -u)" = 0 ] || skip 'the units are good; to run them takes root'
[ -x $systemd ] || skip 'the units are good; there is no systemd to run them'
unshare --pid --mount --uts --ipc --net --cgroup --fork true 2>/dev/null ||
    skip 'the units are good; namespaces are not permitted here'

# In a control group of its own, so that nothing is left in those of this machine.
enter_groups() {
    for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
        if [ -e "$group/cgroup.procs" ] && mkdir "$group/$name" 2>/dev/null; then
            echo 0 >"$group/$name/cgroup.procs" 2>/dev/null || rmdir "$group/$name"
        fi
    done
}

cp -a /etc "$place/etc"
mkdir "$place/units"
mkfifo "$place/began" "$place/gate" "$place/verdict"
chmod 666 "$place/began" "$place/gate"
(
    enter_groups
    exec unshare --pid --mount --uts --ipc --net --cgroup --fork --kill-child --mount-proc \
        sh "$source/units_inside.sh" boot "$place" >"$place/systemd.log" 2>&1 </dev/null
) &
first=$!
verdict=$(timeout 100 cat "$place/verdict") || verdict=
[ -n "$verdict" ] || grep -q started "$place/inside.log" 2>/dev/null ||
    skip 'the units are good; systemd does not run in namespaces here'
[ "$verdict" = good ] || fail "the daemons under systemd: ${verdict:-no end}"
