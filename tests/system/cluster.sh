# cluster.sh - a broker and nodes as services over tcp:// on this machine, for the tests
# that need them. Read after lib.sh. The system chooses the ports.
# shellcheck shell=sh

programs=$(dirname "$SLUICE")/..
BROKERD=${BROKERD-$programs/broker/brokerd}
NODED=${NODED-$programs/nodes/noded}
services=
store=$scratch/broker

finish_cluster() {
    status=$?
    trap - EXIT INT TERM HUP
    for pid in $services; do
        kill -TERM "$pid" 2>/dev/null && kill -TERM "$pid" 2>/dev/null
    done
    for pid in $services; do
        wait "$pid" 2>/dev/null
    done
    for log in "$scratch"/*.log; do
        if grep -q 'Sanitizer\|runtime error:\|bug:.*must hold' "$log"; then
            fail "$log has a report:"
            sed 's/^/    /' "$log" | head -n 60
        fi
    done
    [ $status -eq 0 ] || failures=$((failures + 1))
    (exit 0)
    finish
}
trap finish_cluster EXIT

# Sets $url and $broker_pid. The settings are $scratch/brokerd.yaml.
start_broker() { # [OPTION...]
    [ -e "$scratch/brokerd.yaml" ] || cat >"$scratch/brokerd.yaml" <<EOF
directory: $store
listen:
  requests: tcp://127.0.0.1:*
  events: tcp://127.0.0.1:*
  bulk: tcp://127.0.0.1:*
EOF
    mkfifo "$scratch/ready"
    "$BROKERD" -c "$scratch/brokerd.yaml" --ready-fd 9 "$@" 9>"$scratch/ready" \
        2>>"$scratch/brokerd.log" &
    broker_pid=$!
    services="$services $broker_pid"
    read -r word url <"$scratch/ready" || url=none
    rm "$scratch/ready"
    same ready "${word-}" "the broker's first word ($(tail -n 3 "$scratch/brokerd.log"))"
    export url
}

# Starts a node and sets $node_pid.
start_node() { # NAME [OPTION...]
    node=$1
    shift
    mkdir -p "$scratch/node-$node"
    "$NODED" --directory "$scratch/node-$node" --name "$node" --broker "$url" "$@" \
        2>>"$scratch/node-$node.log" &
    node_pid=$!
    services="$services $node_pid"
}

# Waits until a line that holds the text is in the file that somebody appends to, from the
# given line on.
await_line() { # TEXT FILE [LINE]
    timeout 60 tail -n "+${3-1}" -F "$2" 2>/dev/null | grep -m 1 -q -F -e "$1" ||
        fail "\"$1\" never came in $2"
}

# Expects a service to end with this status.
ends() { # STATUS PID
    wait "$2"
    same "$1" "$?" "exit status of a service"
}

# The node that runs, or ran, the first task of a stage.
node_of() { # RUN/STAGE
    "$SLUICE" show "$1" --json 2>/dev/null | "$TOOLS/json" tasks.0.node
}
