# Events: numbered without gaps, told live and afterwards, seen by a plain ZeroMQ socket;
# and several callers on one broker.
. "$SYSTEM_TESTS/lib.sh"

mkfifo "$scratch/go" "$scratch/seen"
cat >valohai.yaml <<END
- step: {name: ok, image: debian:12, command: echo > "\$VH_OUTPUTS_DIR/out", parameters: [{name: n, type: integer, default: 0}]}
- step: {name: waits, image: debian:12, command: 'read -r line < "$scratch/go"'}
- task: {name: many, step: ok, parameters: [{name: n, style: linear, rules: {start: 1, end: 9, step: 1}}]}
- pipeline:
    name: sweep
    nodes: [{name: first, type: execution, step: ok}, {name: t, type: task, task: many}]
    edges: [[first.dependency.a, t.dependency.a]]
END

it "publishes every event to a plain SUB socket"
sluice_exits 0 run --step ok
endpoint=$(value events_endpoint status)
before=$(value last_event status)
"$TOOLS/subscriber" "$endpoint" run/2/ run/2/run/complete >"$scratch/seen" 2>"$err" &
subscriber=$!
exec 3<"$scratch/seen"
read -r line <&3
same ready "$line"
sluice_exits 0 run sweep
cat <&3 >"$scratch/live"
exec 3<&-
wait $subscriber
same 0 $? "exit of the subscriber"
last=$(value last_event status)
same "$(seq $((before + 1)) "$last")" "$(cut -d' ' -f1 "$scratch/live")" "numbers"

it "tells the same events afterwards, without gaps"
mkfifo "$scratch/events"
"$SLUICE" watch --since 0 --json >"$scratch/events" 2>"$err" &
watcher=$!
head -n "$last" <"$scratch/events" >"$scratch/all"
kill $watcher
wait $watcher 2>/dev/null
same "$(seq "$last")" "$("$TOOLS/json" number <"$scratch/all")" "numbers"
tail -n "$((last - before))" "$scratch/all" >"$scratch/tail"
same "$(cut -d' ' -f2- "$scratch/live")" "$("$TOOLS/json" topic <"$scratch/tail")" topics
for topic in run/2/run/started run/2/stage/first/queued run/2/stage/first/started \
    run/2/attempt/first/0/assigned run/2/task/first/0/started \
    run/2/artifact/first/0/stored run/2/task/first/0/complete run/2/stage/first/complete \
    run/2/task/t/8/complete run/2/stage/t/complete; do
    grep -q " $topic\$" "$scratch/live" || fail "no event $topic"
done

it "watches one run"
sluice_exits 0 run --detach --step waits
number=$(last_run)
"$SLUICE" watch --since 0 --json "$number" >"$scratch/events" 2>"$err" &
watcher=$!
await_event "run/$number/task/waits/0/started" &
awaits=$!
exec 4<"$scratch/events"
wait $awaits
timeout 60 sh -c "echo >'$scratch/go'"
while read -r line <&4; do
    topic=$(echo "$line" | "$TOOLS/json" topic)
    case $topic in
    "run/$number/run/complete") break ;;
    "run/$number/"*) ;;
    *) fail "an event of others: $topic" ;;
    esac
done
exec 4<&-
kill $watcher
wait $watcher 2>/dev/null

it "lets callers that start together share one broker"
mkdir "$scratch/q" && cp valohai.yaml "$scratch/q"
callers=
for i in 1 2 3; do
    "$SLUICE" run -C "$scratch/q" --step ok >"$scratch/caller.$i" 2>&1 &
    callers="$callers $!"
done
for caller in $callers; do
    wait "$caller" || fail "a caller failed: $(cat "$scratch"/caller.*)"
done
same 3 "$(value runs status -C "$scratch/q")" "runs of the one broker"

it "forgets nothing when the daemons end"
sluice_exits 0 stop
sluice_exits 0 run --step ok
same "$(last_run)" 4
same complete "$(value run.state show 2)"
"$SLUICE" watch --since 0 --json >"$scratch/events" 2>"$err" &
watcher=$!
head -n "$last" <"$scratch/events" | cmp - "$scratch/all" || fail "events changed"
kill $watcher
wait $watcher 2>/dev/null
