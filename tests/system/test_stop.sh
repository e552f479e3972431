# A task that does not want to end: children that make sessions of their own, fork twice and
# ignore SIGTERM and SIGINT. It is asked first, and after stop-grace nothing of it is left.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

# What a task starts has this in its environment, whoever its parent is now.
mark=SLUICE_STUBBORN_$$
cat >stubborn.sh <<'END'
trap 'echo asked; echo asked >"$FOLDER/asked"' TERM
trap '' INT
hold="trap '' TERM INT; echo up >'$FOLDER/up'; while :; do sleep 1000; done"
setsid sh -c "$hold" &
setsid sh -c "(sh -c \"\$0\" &)" "$hold" &
sh -c "(setsid sh -c \"\$0\" &) ; exit 0" "$hold"
if [ "$1" = leave ]; then
    read -r word <"$FOLDER/leave"
    exit 3
fi
while :; do sleep 1000 & wait; done
END
cat >valohai.yaml <<END
- step:
    name: stubborn
    image: debian:12
    command: exec env FOLDER="$scratch" $mark=1 sh "$project/stubborn.sh" {parameter-value:end}
    parameters: [{name: end, type: string, default: stay}]
END
mkfifo "$scratch/up" "$scratch/asked" "$scratch/leave"
exec 5<>"$scratch/up" 6<>"$scratch/asked" 7<>"$scratch/leave"

# How many processes have the mark; zombies show no environment.
left() {
    grep -lz "^$mark=" /proc/[0-9]*/environ 2>/dev/null | wc -l
}

begin() { # END
    sluice_exits 0 run --detach --step stubborn -p end="$1"
    for _ in 1 2 3; do read -r _ <&5; done
    [ "$(left)" -ge 4 ] || fail "the task has $(left) processes"
}

start_broker
SLUICE_BROKER=$url
export SLUICE_BROKER
start_node a --cpus 2 --stop-grace 1s

it "cancel asks, then kills the whole tree"
begin stay
sluice_exits 0 cancel last
read -r word <&6
same asked "$word" "what the task heard first"
await_event run/1/run/stopped
same 0 "$(left)" "processes after the end"
same asked "$(stdout_of 1/stubborn)" "output of the task"
same stopped "$(state_of 1)"

it "children of a task that ended by itself end with it"
begin leave
echo now >&7
await_event run/2/run/error
same 0 "$(left)" "processes after the end"
same 3 "$(value task.exit_code show 2/stubborn/0)" "exit code"

it "a node that is asked to end leaves nothing behind"
begin stay
kill -TERM "$node_pid"
read -r word <&6
ends 0 "$node_pid"
same 0 "$(left)" "processes after the end"
