# Stores that older releases left (tests/data/stores) open in today's broker: all in them is
# read, and the work that waits in them goes on.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

printf -- '- step: {name: hello, image: debian:12, command: echo hello}\n' >valohai.yaml
use() { # ARCHIVE
    mkdir "$store"
    tar -C "$store" -xzf "$1" || fail "$1 is no archive"
    rm -f "$scratch/brokerd.yaml"
    start_broker
    SLUICE_BROKER=$url
    export SLUICE_BROKER
}

for archive in "$SYSTEM_TESTS"/../data/stores/*.tar.gz; do
    release=$(basename "$archive" .tar.gz)

    it "reads what $release left"
    use "$archive"
    same "complete error started" "$(state_of 1) $(state_of 2) $(state_of 3)" "runs"
    same "complete 3" "$(state_of 1/sweep) $(value stages.0.tasks show 1)"
    same 3 "$(value task.exit_code show 2/fail/0)"
    same '{"loss": 2}' "$(stdout_of 1/sweep/1)"
    same "weights 1
weights 2
weights 3" "$(stdout_of 1/read | sort)"
    sluice_exits 0 outputs 1/sweep -d "$scratch/files"
    same 3 "$(find "$scratch/files" -type f | wc -l)" "outputs"
    rm -r "$scratch/files"
    same 3 "$("$SLUICE" metadata 1/sweep --json | "$TOOLS/json" '#')" "tasks with metadata"
    same approval "$(state_of 3/second)"
    same away "$(value nodes.0.state nodes)"
    last=$(value last_event status)
    timeout 60 "$SLUICE" watch --since 0 --json 1 >"$out" 2>"$err" || fail "no events"
    has '"topic": "run/1/run/complete"'

    it "goes on with what $release began"
    start_node a --cpus 2
    sluice_exits 0 approve 3 second
    await_event run/3/run/complete "$last"
    same "weights 0" "$(stdout_of 3/second)"
    sluice_exits 0 run --step hello
    same "4 hello" "$(last_run) $(stdout_of 4/hello)" "a new run"
    kill -TERM "$node_pid" "$broker_pid"
    ends 0 "$node_pid"
    ends 0 "$broker_pid"
    start_broker
    SLUICE_BROKER=$url
    same "complete complete" "$(state_of 3) $(state_of 4)" "after a restart"
    kill -TERM "$broker_pid"
    ends 0 "$broker_pid"
    rm -r "$store" "$scratch/node-a"
done
