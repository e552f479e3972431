#!/bin/sh
# units_inside.sh boot|try PLACE - the second part of units.sh, inside of the namespaces: what
# process 1 does before it becomes systemd, and what a unit of that systemd then tries.
set -eu

what=$1
place=$2

boot() {
    mount --make-rprivate /
    mount -t tmpfs tmpfs /run
    mount --bind "$place/etc" /etc
    mount --bind "$place/root/usr/local" /usr/local
    mount -t tmpfs tmpfs /var/lib
    if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
    else
        mount -t tmpfs tmpfs /sys/fs/cgroup
        mkdir /sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
    fi
    ip link set lo up
    id sluice >/dev/null 2>&1 || useradd --system --home-dir /nonexistent sluice
    mkdir -p /etc/sluice
    cp /usr/local/share/doc/*/brokerd.yaml /usr/local/share/doc/*/noded.yaml /etc/sluice/
    sed -i -e 's/^drain-timeout:.*/drain-timeout: 60s/' -e 's/^gpus:.*/gpus: none/' \
        -e 's/^cpus:.*/cpus: 2/' /etc/sluice/noded.yaml
    for unit in basic sysinit shutdown multi-user network-online network slices sockets \
        timers paths umount; do
        cp /lib/systemd/system/$unit.target "$place/units/"
    done
    cp /usr/local/lib/systemd/system/*.service "$place/units/"
    printf '[Unit]\nWants=try.service\n' >"$place/units/default.target"
    cat >"$place/units/try.service" <<END
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
ExecStart=/bin/sh $0 try $place
StandardOutput=file:$place/inside.log
StandardError=file:$place/inside.log
TimeoutStartSec=infinity
END
    exec env -i container=sluice PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        SYSTEMD_UNIT_PATH="$place/units" /usr/lib/systemd/systemd --system \
        --unit=default.target --log-target=console --show-status=no
}

fail() {
    printf 'failed: %s\n' "$*"
    systemctl status --no-pager brokerd noded || true
    exit 1
}

shown() { # UNIT PROPERTY
    systemctl show --value -p "$2" "$1"
}

same() { # EXPECTED ACTUAL WHAT
    [ "$1" = "$2" ] || fail "$3: $2 instead of $1"
}

agent() {
    main=$(shown noded MainPID)
    for pid in $(cat "/proc/$main/task/$main/children"); do
        if tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx -- --agent; then
            echo "$pid"
        fi
    done
}

# A run whose task has begun and waits at the gate; $run is the process that follows it.
begin() {
    sluice run --step held >"$place/run.log" 2>&1 &
    run=$!
    cat "$place/began" >/dev/null # to its end: then the task is behind it
}

complete() {
    echo go >"$place/gate"
    wait "$run" || fail "the run does not end well: $(cat "$place/run.log")"
}

try() {
    echo started
    mkdir -p "$place/project"
    cd "$place/project"
    cat >valohai.yaml <<END
- step:
    name: held
    image: none
    command: echo task > $place/began; read word < $place/gate; test "\$word" = go
END
    HOME=$place SLUICE_BROKER=tcp://127.0.0.1:7101
    export HOME SLUICE_BROKER

    systemctl start brokerd noded || fail 'they do not start'
    same sluice "$(stat -c %U /var/lib/sluice)" 'the owner of the state'
    begin
    complete

    broker=$(shown brokerd MainPID)
    node=$(shown noded MainPID)
    begin
    systemctl reload brokerd noded || fail 'they do not reload'
    same "$broker $node" "$(shown brokerd MainPID) $(shown noded MainPID)" 'after a reload'
    complete

    begin
    kill -KILL "$broker"
    complete
    same 1 "$(shown brokerd NRestarts)" 'restarts of a broker that was killed'

    begin
    systemctl restart brokerd || fail 'the broker does not restart'
    complete
    same 0 "$(shown brokerd ExecMainStatus)" 'the status of the broker'

    begin
    kill -KILL "$(agent)"
    complete
    same "$node" "$(shown noded MainPID)" 'the supervisor of an agent that was killed'

    begin
    kill -KILL "$node"
    cat "$place/began" >/dev/null # it is handed out again
    complete
    same 1 "$(shown noded NRestarts)" 'restarts of a node that was killed'

    begin
    systemctl stop --no-block noded
    complete
    systemctl stop noded brokerd || fail 'they do not stop'
    same 'success success' "$(shown noded Result) $(shown brokerd Result)" 'the ends'
    same '' "$(pgrep -u sluice || true)" 'processes that were left behind'

    printf 'cpus: many\n' >>/etc/sluice/noded.yaml
    ! systemctl start noded 2>/dev/null || fail 'wrong settings are taken'
    same 'exit-code 0' "$(shown noded Result) $(shown noded NRestarts)" 'wrong settings'
}

if [ "$what" = boot ]; then
    boot
fi
(try) && verdict=good || verdict=bad
echo "$verdict" >"$place/verdict"
