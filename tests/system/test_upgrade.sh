# Releases side by side: today's programs, the next release's (which speak today's protocol and
# one more), and those of a later one (which have forgotten today's). Brokers, agents and
# clients are exchanged while tasks run, and nothing is lost.
. "$SYSTEM_TESTS/lib.sh"
: "${RELEASES:?the folder with the programs of other releases}"
. "$SYSTEM_TESTS/cluster.sh"

today=$(cd "$programs" && pwd)
next=$RELEASES/next
later=$RELEASES/later
mkdir "$scratch/bin" "$scratch/ran"
mkfifo "$scratch/said" "$scratch/go"
exec 5<>"$scratch/said" 6<>"$scratch/go"
cat >valohai.yaml <<END
- step: {name: hello, image: debian:12, command: 'echo hello > "\$VH_OUTPUTS_DIR/out"'}
- step:
    name: gated
    image: debian:12
    command:
      - echo ran >>"$scratch/ran/{parameter-value:n}"
      - echo up >"$scratch/said"
      - read -r word <"$scratch/go"
      - echo done
    parameters: [{name: n, type: integer, default: 0}]
END

# The broker of a release, on the store and the ports of the one before it.
broker_of() { # RELEASE
    BROKERD=$1/broker/brokerd
    start_broker --node-timeout 1h
    SLUICE_BROKER=$url
    export SLUICE_BROKER
    cat >"$scratch/brokerd.yaml" <<END
directory: $store
listen:
  requests: $(value endpoint status)
  events: $(value events_endpoint status)
  bulk: $(value bulk_endpoint status)
END
}

exchange_broker() { # RELEASE
    before=$(value last_event status)
    kill -TERM "$broker_pid"
    ends 0 "$broker_pid"
    SLUICE=$1/client/sluice
    broker_of "$1"
    await_event node/a/online "$before"
}

# A node of a release is a copy of its program, which can be exchanged.
install_noded() { # RELEASE
    cp "$1/nodes/noded" "$scratch/bin/noded.new"
    mv "$scratch/bin/noded.new" "$scratch/bin/noded"
}

agent_pid() {
    pgrep -P "$node_pid" -f -- --agent
}

# Puts the agent of a release into the place of the one that runs.
exchange_agent() { # RELEASE
    agent_line=$(wc -l <"$scratch/node-a.log")
    old_agent=$(agent_pid)
    install_noded "$1"
    kill -USR1 "$node_pid"
    [ -z "$old_agent" ] || timeout 60 tail -s 0.05 -f --pid="$old_agent" /dev/null ||
        fail "the agent did not end"
}

# The new agent has joined.
await_joined() {
    await_line "the broker has taken this node" "$scratch/node-a.log" $((agent_line + 1))
}

# Which protocol node and client use with the broker.
protocols() {
    echo "$(value nodes.0.protocol nodes) $(value protocol status)"
}

begin_gated() { # N
    sluice_exits 0 run --detach --step gated -p n="$1"
    read -r _ <&5
    gated_run=$(last_run)
}

# The task that began before went on through all of it, once.
end_gated() { # N
    before=$(value last_event status)
    echo on >&6
    await_event "run/$gated_run/run/complete" "$before"
    same 1 "$(wc -l <"$scratch/ran/$1")" "how often task $1 ran"
    same 1 "$(value task.attempts show "$gated_run/gated/0")" attempts
    same done "$(stdout_of "$gated_run/gated")" "output of task $1"
}

SLUICE=$today/client/sluice
broker_of "$today"
install_noded "$today"
NODED=$scratch/bin/noded
start_node a --cpus 4
await_event node/a/online

it "releases that are the same use what they speak"
same "1 1" "$(protocols)"
sluice_exits 0 run --step hello

it "the next agent takes over under a supervisor and a broker of today"
begin_gated 1
exchange_agent "$next"
await_joined
same "1 1" "$(protocols)"
end_gated 1

it "the next client speaks with the broker of today"
SLUICE=$next/client/sluice
same 1 "$(value protocol status)"
sluice_exits 0 run --step hello

it "the next broker takes over, and then all use the next protocol"
begin_gated 2
exchange_broker "$next"
same "2 2" "$(protocols)"
end_gated 2
sluice_exits 0 run --step hello

it "clients and agents of today speak with the next broker"
SLUICE=$today/client/sluice
same "2 1" "$(protocols)"
sluice_exits 0 run --step hello
begin_gated 3
exchange_agent "$today"
await_joined
same "1 1" "$(protocols)"
end_gated 3

it "the way back is open, also for a client that follows a run"
exchange_agent "$next"
await_joined
SLUICE=$next/client/sluice
begin_gated 4
"$SLUICE" run --step hello >"$scratch/hello" 2>&1 || fail "$(cat "$scratch/hello")"
"$next/client/sluice" watch --since 0 --json "$gated_run" >"$scratch/watched" 2>&1 &
watcher_pid=$!
await_line "task/gated/0/started" "$scratch/watched"
exchange_broker "$today"
same "1 1" "$(protocols)"
end_gated 4
ends 0 "$watcher_pid"

it "a later client is refused, and says why"
SLUICE=$later/client/sluice
sluice_exits 3 status
has "the broker speaks protocol 1 and the client protocol 2: upgrade the broker" "$err"
SLUICE=$today/client/sluice

it "a later agent is refused by the broker and by the supervisor, and what runs stays"
begin_gated 5
exchange_agent "$later"
await_line "this agent speaks protocol 2 and the supervisor protocol 1: upgrade the supervisor" \
    "$scratch/node-a.log"
await_line "the supervisor speaks protocol 1 and the agent protocol 2" "$scratch/node-a.log"
exchange_agent "$today"
await_joined
end_gated 5

it "a later node is refused, and says why, on both sides"
NODED=$later/nodes/noded
first_node=$node_pid
start_node b --cpus 4
refusal="the broker speaks protocol 1 and the node b protocol 2: upgrade the broker"
await_line "the broker refuses this node: $refusal" "$scratch/node-b.log"
await_line "a node's join is refused: $refusal" "$scratch/brokerd.log"
kill -TERM "$node_pid"
ends 0 "$node_pid"
node_pid=$first_node

it "a later broker refuses what is of today, and a node keeps what it has"
begin_gated 6
kill -TERM "$broker_pid"
ends 0 "$broker_pid"
SLUICE=$later/client/sluice
broker_of "$later"
await_line "the node a protocol 1: upgrade the node a" "$scratch/brokerd.log"
await_line "upgrade the node a" "$scratch/node-a.log"
exits 3 "$today/client/sluice" status
has "the broker speaks protocol 2 and the client protocol 1: upgrade the client" "$err"
exchange_agent "$next"
await_joined
same "2 2" "$(protocols)"
end_gated 6
