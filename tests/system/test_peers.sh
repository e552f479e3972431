# Files from node to node: three nodes on this machine, each with a folder of its own, which
# give what they have to each other; and nodes that give badly.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

head -c 30000000 /dev/urandom >large.bin
large=$(sha256sum large.bin | cut -c 1-64)
place=$(echo "$large" | cut -c 1-2)/$(echo "$large" | cut -c 3-)

# A step that is pinned to each node, and tells which bytes it sees. The pipeline holds the
# second node back until the test has done something to the broker.
mkfifo "$scratch/started" "$scratch/go"
{
    for node in a b c; do
        cat <<END
- step:
    name: on-$node
    image: debian:12
    environment: $node
    command: sha256sum <"\$VH_INPUTS_DIR/data/large.bin" | cut -c 1-64
    inputs:
      - {name: data, default: large.bin}
      - {name: order, optional: true}
END
    done
    cat <<END
- step:
    name: anywhere
    image: debian:12
    command: echo here
    inputs:
      - {name: data, default: large.bin}
- step:
    name: gate
    image: debian:12
    environment: a
    command:
      - echo started >"$scratch/started"
      - cat "$scratch/go" >"\$VH_OUTPUTS_DIR/go"
- step:
    name: make
    image: debian:12
    environment: a
    command: head -c 5000000 /dev/urandom >"\$VH_OUTPUTS_DIR/made.bin"
- step:
    name: use
    image: debian:12
    command: test -s "\$VH_INPUTS_DIR/made/made.bin"
    inputs:
      - {name: made}
- pipeline:
    name: follow
    nodes:
      - {name: make, type: execution, step: make}
      - {name: use, type: execution, step: use}
    edges:
      - [make.output.*, use.input.made]
- pipeline:
    name: flow
    nodes:
      - {name: gate, type: execution, step: gate}
      - {name: on-b, type: execution, step: on-b}
    edges:
      - [gate.output.go, on-b.input.order]
END
} >valohai.yaml

start_broker
SLUICE_BROKER=$url
export SLUICE_BROKER
start_peer() { # NAME [OPTION...]
    name=$1
    shift
    start_node "$name" --cpus 2 --labels "$name" --bulk-listen 'tcp://127.0.0.1:*' "$@"
    eval "pid_$name=$node_pid"
}
start_peer a
start_peer b
start_peer c

# The task sees the file as it was made, wherever its bytes came from.
sees_right_bytes() { # NODE
    sluice_exits 0 run --step "on-$1"
    same "$large" "$(stdout_of last/"on-$1")" "the bytes that node $1 gave its task"
}

# Takes the file out of the broker's store: from now on it is to be had from nodes alone.
take_from_broker() {
    mv "$store/objects/$place" "$scratch/kept"
}

give_to_broker() {
    [ -e "$store/objects/$place" ] || cp "$scratch/kept" "$store/objects/$place"
}

forget() { # NODE
    rm -f "$scratch/node-$1/cache/$place"
}

# The broker hears of what a node has after a moment. A try before that finds no place; the
# broker waits, and gets the file itself.
flows_without_broker() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        "$SLUICE" run flow >"$scratch/flow" 2>&1 </dev/null &
        run_pid=$!
        read -r _ <"$scratch/started"
        take_from_broker
        echo go >"$scratch/go"
        wait "$run_pid" && [ ! -e "$store/objects/$place" ] && return
        give_to_broker
        forget b
    done
    fail "node b did not get the file from another node"
    cat "$scratch/flow"
}

it "a node gets from another node what the broker does not have"
sees_right_bytes a
flows_without_broker
same "$large" "$(stdout_of last/on-b)" "the bytes that came from node a"
[ -e "$scratch/node-b/cache/$place" ] || fail "node b does not have the file"
[ ! -e "$store/objects/$place" ] || fail "the broker has the file again"
give_to_broker

it "a task goes where its inputs are, also when another node has more room"
start_node d --cpus 50
await_event node/d/online
sluice_exits 0 run --step anywhere
[ "$(node_of last/anywhere)" != d ] || fail "the task is on the node that has nothing"
sluice_exits 0 run follow
same a "$(node_of last/use)" "the node that made the file"
kill -TERM "$node_pid"
ends 0 "$node_pid"

it "wrong bytes of a node reach no task, and the node loses them"
for node in a b; do
    chmod u+w "$scratch/node-$node/cache/$place"
    printf x | dd of="$scratch/node-$node/cache/$place" bs=1 seek=20000000 conv=notrunc \
        2>/dev/null
done
sees_right_bytes c
for node in a b; do
    wrong=$scratch/node-$node/cache/$place
    if [ -e "$wrong" ] && [ "$(sha256sum <"$wrong" | cut -c 1-64)" != "$large" ]; then
        # It was not asked by c, or not told yet: its own next task finds out.
        sees_right_bytes "$node"
    fi
done
sees_right_bytes a
sees_right_bytes b

it "a node that is killed while it gives is gone on from"
forget c
"$SLUICE" run --step on-c >"$scratch/killed" 2>&1 </dev/null &
run_pid=$!
timeout 3 tail -c +1 -F "$scratch/node-c/cache/tmp/part-$large" 2>/dev/null |
    head -c 1000000 >"$scratch/begun"
agent_a=$(pgrep -P "$pid_a" | head -n 1)
agent_b=$(pgrep -P "$pid_b" | head -n 1)
kill -KILL "$agent_a" "$agent_b" "$pid_a" "$pid_b"
ends 0 "$run_pid"
same "$large" "$(stdout_of last/on-c)" "the bytes that came in the end"
wait "$pid_a" "$pid_b" 2>/dev/null

it "a node that falls silent is left for the broker"
start_peer a
sees_right_bytes a
forget c
agent_a=$(pgrep -P "$pid_a" | head -n 1)
kill -STOP "$agent_a"
sees_right_bytes c
kill -CONT "$agent_a"

it "what is not on this machine is refused unless it is meant"
exits 2 "$NODED" --directory "$scratch/node-d" --broker "$url" \
    --bulk-listen tcp://192.0.2.1:7104
has "insecure" "$err"
exits 2 "$NODED" --directory "$scratch/node-d" --broker "$url" --insecure true \
    --bulk-listen 'tcp://0.0.0.0:7104'
has "bulk-advertise" "$err"
