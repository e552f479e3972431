# A broker and nodes as services: runs over TCP, nodes that come, drain and go, contexts.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

# A task says on one pipe that it runs, and ends when it is told on another.
mkfifo "$scratch/started" "$scratch/go"
cat >valohai.yaml <<END
- step:
    name: wait
    image: debian:12
    command:
      - echo started >"$scratch/started"
      - cat "$scratch/go"
- step:
    name: hello
    image: debian:12
    command: echo hello
- step:
    name: pinned
    image: debian:12
    environment: lab
    command: echo pinned
END

# Starts a run that waits, and sets $run_pid.
run_waiting() {
    "$SLUICE" run --step wait >"$scratch/waiting" 2>&1 &
    run_pid=$!
}

start_broker
SLUICE_BROKER=$url
export SLUICE_BROKER

it "runs a pipeline on three nodes over TCP"
for name in a b c; do
    start_node $name --cpus 2
    eval "pid_$name=$node_pid"
done
example digits
if command -v svm-train >/dev/null 2>&1; then
    sluice_exits 0 run -C "$scratch/digits" digits
    stdout_of last/choose >"$out"
    has '"accuracy":'
    sluice_exits 0 outputs last/choose -d "$scratch/model"
    [ ! -e "$scratch/digits/.sluice" ] || fail "a private broker was made beside the cluster"
fi

it "a node that goes hands its tasks over, and nothing runs twice at once"
run_waiting
read -r _ <"$scratch/started"
first=$(node_of last/wait)
eval "first_pid=\$pid_$first"
kill -TERM "$first_pid"
ends 0 "$first_pid"
read -r _ <"$scratch/started"
second=$(node_of last/wait)
[ "$first" != "$second" ] || fail "the task is on $second again"
echo go >"$scratch/go"
ends 0 "$run_pid"

it "a node that drains takes nothing new and lets its task end"
start_node d --cpus 50 --drain-timeout 10m
drained_pid=$node_pid
await_event node/d/online
run_waiting
read -r _ <"$scratch/started"
same d "$(node_of last/wait)" "the node with the most room"
kill -TERM "$drained_pid"
await_line "asked to end" "$scratch/node-d.log"
sluice_exits 0 run --step hello
[ "$(node_of last/hello)" != d ] || fail "a draining node got a task"
echo go >"$scratch/go"
ends 0 "$drained_pid"
ends 0 "$run_pid"

it "a second SIGTERM ends a draining node at once"
start_node e --cpus 60 --drain-timeout 10m
await_event node/e/online
run_waiting
read -r _ <"$scratch/started"
kill -TERM "$node_pid"
await_line "asked to end" "$scratch/node-e.log"
kill -TERM "$node_pid"
ends 0 "$node_pid"
sluice_exits 0 cancel last
ends 4 "$run_pid"

it "a label is honoured"
sluice_exits 1 run --step pinned
has "environment lab" "$out"
start_node f --cpus 1 --labels lab,other
await_event node/f/online
sluice_exits 0 run --step pinned
same f "$(node_of last/pinned)" "the node with the label"

it "a broker that is started again has everything"
kill -TERM "$broker_pid"
ends 0 "$broker_pid"
old=$url
start_broker --listen-requests "$old"
SLUICE_BROKER=$url
same "$old" "$url" "the endpoint"
sluice_exits 0 run --step hello
stdout_of last/hello >"$out"
has hello

it "names a broker by a context"
unset SLUICE_BROKER
mkdir -p "$XDG_CONFIG_HOME/sluice"
cat >"$XDG_CONFIG_HOME/sluice/config.yaml" <<END
contexts:
  lab: {broker: "$url"}
  far: {broker: "tcp://10.255.255.1:7101"}
  none: {broker: "tcp://127.0.0.1:1"}
END
sluice_exits 0 ls --context lab
has hello
SLUICE_CONTEXT=lab "$SLUICE" nodes >"$out" 2>"$err"
has f
sluice_exits 0 ls
has "no runs yet"
echo "context: lab" >>"$XDG_CONFIG_HOME/sluice/config.yaml"
sluice_exits 0 ls
has hello
sluice_exits 0 ls --context private
has "no runs yet"
sluice_exits 2 ls --context lub
has "did you mean lab?" "$err"
sluice_exits 2 stop
has "private broker" "$err"

it "says what is wrong with a broker that is far, away or none"
sluice_exits 2 nodes --context far
has "insecure" "$err"
sluice_exits 3 nodes --context none --timeout 300ms
has "tcp://127.0.0.1:1" "$err"
sluice_exits 3 nodes --broker tcp://10.255.255.1:7101 --insecure --timeout 300ms
has "tcp://10.255.255.1:7101" "$err"
sluice_exits 2 nodes --broker nonsense
has "nonsense" "$err"
