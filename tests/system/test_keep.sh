# Outputs that stay on the node that made them until somebody asks for them.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

{
    for node in a b; do
        cat <<END
- step:
    name: make-$node
    image: debian:12
    environment: $node
    command:
      - head -c 3000000 /dev/urandom >"\$VH_OUTPUTS_DIR/large.bin"
      - echo small >"\$VH_OUTPUTS_DIR/small.txt"
- step:
    name: use-$node
    image: debian:12
    environment: $node
    command: sha256sum <"\$VH_INPUTS_DIR/data/large.bin" | cut -c 1-64
    inputs:
      - {name: data}
END
    done
    cat <<END
- pipeline:
    name: over
    nodes:
      - {name: make-a, type: execution, step: make-a}
      - {name: use-b, type: execution, step: use-b}
    edges:
      - [make-a.output.large.bin, use-b.input.data]
END
} >valohai.yaml

start_broker
SLUICE_BROKER=$url
export SLUICE_BROKER
start_keeper() { # NAME
    start_node "$1" --cpus 2 --labels "$1" --bulk-listen 'tcp://127.0.0.1:*' \
        --outputs node --drain-timeout 60s
    eval "pid_$1=$node_pid"
}
start_keeper a
start_keeper b
await_event node/a/online
await_event node/b/online

large_of() { # RUN/STAGE: sets $large and $place
    "$SLUICE" outputs "$1" --json >"$scratch/outputs" 2>&1
    large=$("$TOOLS/json" 0.digest <"$scratch/outputs" | sed 's/^sha256://')
    place=$(echo "$large" | cut -c 1-2)/$(echo "$large" | cut -c 3-)
}

it "a large output stays on its node, a small one does not"
sluice_exits 0 run --step make-a
large_of last/make-a
same a "$("$TOOLS/json" 0.node <"$scratch/outputs")" "the node that keeps the output"
[ ! -e "$store/objects/$place" ] || fail "the broker has the large output"
[ -e "$scratch/node-a/cache/kept/$large" ] || fail "node a does not say that it keeps it"
same "$large" "$(sha256sum <"$scratch/node-a/cache/$place" | cut -c 1-64)" "what node a has"

it "it comes to the broker when somebody asks for it, after both daemons were killed"
kill -KILL "$(pgrep -P "$pid_a" | head -n 1)" "$broker_pid"
wait "$broker_pid" 2>/dev/null
sed -i "s|requests: .*|requests: $url|" "$scratch/brokerd.yaml"
start_broker
sluice_exits 0 outputs last/make-a -d got
same "$large" "$(sha256sum <got/large.bin | cut -c 1-64)" "what was downloaded"
[ -e "$store/objects/$place" ] || fail "the broker did not get it"

it "another node gets it without the broker having it before"
sluice_exits 0 run over
large_of last/make-a
same "$large" "$(stdout_of last/use-b)" "the bytes that node b gave its task"

it "an output that a node keeps is as good as one that the broker has, for reuse"
sluice_exits 0 run --step make-b
large_of last/make-b
[ ! -e "$store/objects/$place" ] || fail "the broker has the output of node b"
sluice_exits 0 run --step make-b --reuse
large_before=$large
large_of last/make-b
same "$large_before" "$large" "the output of the earlier run"

it "a node that is asked to end copies what only it has"
kill -TERM "$pid_b"
ends 0 "$pid_b"
[ -e "$store/objects/$place" ] || fail "the broker did not get what node b kept"
sluice_exits 0 outputs last/make-b -d after
same "$large" "$(sha256sum <after/large.bin | cut -c 1-64)" "what was downloaded"

it "a lost node is named, and what it had is made again"
sluice_exits 0 run --step make-a
large_of last/make-a
before=$(value last_event status)
agent_a=$(pgrep -P "$pid_a" | head -n 1)
kill -KILL "$pid_a" "$agent_a"
wait "$pid_a" 2>/dev/null
exits 2 "$SLUICE" outputs last/make-a -d lost
has "node a, which had it" "$err"
has "large.bin stayed on node a" "$err"
await_event node/a/away "$before"
start_node a2 --cpus 2 --labels a --bulk-listen 'tcp://127.0.0.1:*' --outputs node
sluice_exits 0 run --step make-a --reuse
large_of last/make-a
same a2 "$("$TOOLS/json" 0.node <"$scratch/outputs")" "the node that made it again"

it "what a node has no time to copy is named, and is there again with the node"
kill -TERM "$node_pid"
ends 0 "$node_pid"
await_line "$large is on this node alone" "$scratch/node-a2.log"
[ ! -e "$store/objects/$place" ] || fail "node a2 copied what it kept"
start_node a2 --cpus 2 --labels a --bulk-listen 'tcp://127.0.0.1:*' --outputs node
sluice_exits 0 outputs last/make-a -d again
same "$large" "$(sha256sum <again/large.bin | cut -c 1-64)" "what was downloaded"

it "to keep outputs that nobody can ask for is refused"
exits 2 "$NODED" --directory "$scratch/node-d" --broker "$url" --outputs node
has "bulk-listen" "$err"
