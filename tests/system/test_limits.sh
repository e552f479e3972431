# What happens at each limit that a setting names: docs/limits.md. Memory is looked at by
# test_bounds.sh, limits of single queues by unit tests.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

fill() { # BYTES
    head -c "$1" /dev/zero | tr '\0' x
}

for name in wait big1 big2 big3; do
    mkfifo "$scratch/$name.started" "$scratch/$name.go"
done
{
    cat <<END
- step: { name: hello, image: none, command: "true" }
- step: { name: other, image: none, command: "true" }
- step:
    name: wait
    image: none
    command: [ "echo started >$scratch/wait.started", "read -r _ <$scratch/wait.go" ]
- step:
    name: point
    image: none
    command: "true"
    parameters: [{name: x, type: integer}]
- task:
    name: many
    step: point
    type: grid-search
    parameters: [{name: x, style: linear, rules: {start: 1, end: 40, step: 1}}]
- pipeline:
    name: flow
    nodes:
      - {name: first, type: execution, step: hello}
      - {name: sweep, type: task, task: many}
      - {name: last, type: execution, step: other}
    edges: [[first.output.*, sweep.input.*], [sweep.output.*, last.input.*]]
END
    for n in 1 2 3; do
        echo "- step: { name: big$n, image: none, command: sh big.sh $scratch/big$n }"
    done
    for size in 2000000 100000; do
        printf -- '- step: { name: plan%s, image: none, command: "true #' $size
        fill $size
        printf '" }\n'
    done
} >valohai.yaml

# Ends with a result of some 360 KB: metadata of six keys.
cat >big.sh <<'END'
echo started >"$1.started"
read -r _ <"$1.go"
value=$(head -c 60000 /dev/zero | tr '\0' y)
for key in a b c d e f; do
    echo "{\"$key\":\"$value\"}"
done
END

# A broker with a store of its own and the settings that are given as lines.
begin() { # LINE...
    store=$scratch/broker-$1
    cat >"$scratch/brokerd.yaml" <<END
directory: $store
listen: { requests: "tcp://127.0.0.1:*", events: "ipc://$scratch/events", bulk: "tcp://127.0.0.1:*" }
END
    shift
    for line in "$@"; do
        echo "$line" >>"$scratch/brokerd.yaml"
    done
    start_broker
    SLUICE_BROKER=$url
    export SLUICE_BROKER
}

end_broker() {
    kill -TERM "$broker_pid"
    ends 0 "$broker_pid"
}

end_node() {
    kill -TERM "$node_pid"
    ends 0 "$node_pid"
}

it "sizes and counts have units and ranges"
exits 2 "$BROKERD" --directory /tmp --message-max 100MiB
has '--message-max: "100MiB" is not a size (KiB, MiB, GiB, TiB) from 1MiB to 64MiB' "$err"
exits 2 "$BROKERD" --directory /tmp --requests-max 0 --store-max 5
has '--requests-max: "0" is not a whole number from 1 to 10000' "$err"
has '--store-max: "5" is not a size' "$err"
exits 2 "$NODED" --directory /tmp --workers-max 0
has '--workers-max: "0" is not a whole number from 1 to 1024' "$err"

it "with every limit at its smallest, work goes its way all the same"
begin small 'requests-max: 1' 'message-max: 1MiB' 'turn-max: 1MiB' 'answers-max: 1MiB' \
    'queue-max: 100' 'events-max: 2000' 'nodes-max: 1' 'uploads-max: 1' \
    'uploads-peer-max: 1' 'bulk-queue-max: 16' 'stages-max: 3'
start_node a --cpus 4 --classes-max 1 --workers-max 1 --results-max 1KiB --queue-max 100
small=$node_pid
sluice_exits 0 run flow
sluice_exits 0 run flow
same 40 "$(value stage.complete show 2/sweep)" "complete tasks"

it "nodes-max: another node may not join, and the log says why"
start_node b --cpus 4
await_line 'node b may not join: 1 nodes are known, and nodes-max allows no more' \
    "$scratch/brokerd.log"
sluice_exits 0 nodes --json
has '"a"'
has_not '"b"'
end_node

it "stages-max: a submission beyond it is refused"
sluice_exits 0 run --step wait --detach
read -r _ <"$scratch/wait.started"
sluice_exits 1 run flow
has 'as many unfinished stages as it may' "$err"
echo go >"$scratch/wait.go"
sluice_exits 0 watch --since 0 3
sluice_exits 0 run flow

it "requests-max: who asks before it reads is slowed, and gets every answer"
exits 0 timeout 100 "$TOOLS/bounds" ask "$url" 90
has 90

it "message-max: a larger message ends the connection, and nobody else's"
exits 1 "$TOOLS/bounds" large "$url" 1000000
exits 0 "$TOOLS/bounds" large "$url" 1100000
sluice_exits 0 status

it "message-max: a plan beyond it is refused before it is sent"
mkdir "$scratch/large"
{
    printf '%s\n' '- step:' '    name: large' '    image: none' '    command:'
    yes '      - echo a line that stands in the plan many thousand times' | head -n 30000
} >"$scratch/large/valohai.yaml"
sluice_exits 2 run --step large -C "$scratch/large"
has 'the broker takes at most 1048576: raise its setting message-max' "$err"

end_broker
kill -TERM "$small"
ends 0 "$small"

it "events-max: a subscriber that does not read fetches what was skipped for it"
begin events 'events-max: 2000'
sluice_exits 0 run --step hello --detach
"$SLUICE" watch --since 0 --json >"$scratch/watched" 2>&1 &
watcher=$!
await_line '"number"' "$scratch/watched"
kill -STOP $watcher
exits 0 timeout 100 "$TOOLS/bounds" crowd "$url" 1 1 8 350
kill -CONT $watcher
last=$(value last_event status)
await_line "\"number\": $last," "$scratch/watched"
kill $watcher
same "$last" "$(grep -c '"number"' "$scratch/watched")" "events that were seen"
same "$last" "$(grep -o '"number": [0-9]*,' "$scratch/watched" | sort -u | wc -l)" "different ones"
end_broker

it "attempts-max: a node takes no more, and says so"
begin attempts
start_node few --cpus 4 --attempts-max 1
sluice_exits 0 run --step wait --detach
read -r _ <"$scratch/wait.started"
sluice_exits 1 run --step hello
sluice_exits 0 explain 2/hello/0
has 'attempts-max'
echo go >"$scratch/wait.go"
sluice_exits 0 watch --since 0 1
sluice_exits 0 run --step hello
end_node
end_broker

# Submits the step until that is refused; gives up after 200.
submit_until_full() { # STEP
    count=0
    while "$SLUICE" run --step "$1" --detach >"$out" 2>"$err" && [ $count -lt 200 ]; do
        count=$((count + 1))
    done
    has 'store-max' "$err"
    has 'raise store-max' "$err"
}

it "store-max: shortly before it, submissions are refused, and what runs goes on"
begin store 'store-max: 8MiB'
start_node full --cpus 4
for name in big1 big2 big3 wait; do
    sluice_exits 0 run --step $name --detach
    read -r _ <"$scratch/$name.started"
done
for step in plan2000000 plan100000 hello; do
    submit_until_full $step
done
sluice_exits 0 ls
echo go >"$scratch/wait.go"
sluice_exits 0 watch --since 0 4
same complete "$(value run.state show 4)"

it "store-max: what does not fit waits on its node, and is taken when there is room"
for name in big1 big2 big3; do
    echo go >"$scratch/$name.go"
done
await_line 'nothing of this turn was stored' "$scratch/brokerd.log"
has 'raise store-max' "$scratch/brokerd.log"
sed -i 's/store-max: 8MiB/store-max: 64MiB/' "$scratch/brokerd.yaml"
kill -HUP "$broker_pid"
for run in 1 2 3; do
    sluice_exits 0 watch --since 0 $run
    same complete "$(value run.state show $run)" "run $run"
    same 1 "$(value tasks.0.attempts show $run/big$run)" "attempts of run $run"
done
sluice_exits 0 run --step hello
end_node
end_broker
