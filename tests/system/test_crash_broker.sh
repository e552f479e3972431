# kill -9 of the broker, again and again within one run: the next command starts it again,
# nothing acknowledged is lost, and no task runs twice.
. "$SYSTEM_TESTS/lib.sh"

tasks=20
mkdir "$scratch/ran" "$scratch/go"
for n in $(seq $tasks); do mkfifo "$scratch/go/$n"; done
mkfifo "$scratch/said"
cat >valohai.yaml <<END
- step: {name: ok, image: debian:12, command: echo > "\$VH_OUTPUTS_DIR/out"}
- step:
    name: gated
    image: debian:12
    command:
      - echo ran >> "$scratch/ran/{parameter-value:n}"
      - echo {parameter-value:n} > "$scratch/said"
      - read -r word < "$scratch/go/{parameter-value:n}"
      - 'printf ''{"n":%s}\n'' {parameter-value:n}'
      - echo {parameter-value:n} > "\$VH_OUTPUTS_DIR/out.{parameter-value:n}"
    parameters: [{name: n, type: integer, default: 0}]
- step: {name: count, image: debian:12, command: 'ls "\$VH_INPUTS_DIR/in" | wc -l', inputs: [{name: in}]}
- task: {name: many, step: gated, parameters: [{name: n, style: linear, rules: {start: 1, end: $tasks, step: 1}}]}
- pipeline:
    name: sweep
    nodes: [{name: t, type: task, task: many}, {name: after, type: execution, step: count}]
    edges: [[t.output.*, after.input.in]]
END

kill_broker() {
    pid=$(value pid status)
    kill -9 "$pid" || fail "no broker to kill"
    timeout 60 tail -s 0.05 -f --pid="$pid" /dev/null || fail "the broker did not end"
}

first_run() {
    value run show 1
    value stages show 1
    value task show 1/ok/0
}

# Lets a task that waits end.
release() { # N
    timeout 60 sh -c "echo go >'$scratch/go/$1'" || fail "task $1 does not wait"
}

sluice_exits 0 run --step ok
first_run >"$scratch/first"
sluice_exits 0 run --detach sweep
exec 5<>"$scratch/said"

it "is killed while tasks run, while they end, and when it was just started"
for i in $(seq $tasks); do
    read -r n <&5
    case $((i % 6)) in
    1) kill_broker && release "$n" && sluice_exits 0 ls ;;
    3)
        kill_broker && sluice_exits 0 ls
        kill_broker && sluice_exits 0 show 2 && release "$n"
        ;;
    5) release "$n" && kill_broker && sluice_exits 0 ls ;;
    *) release "$n" ;;
    esac
done
timeout 100 "$SLUICE" watch --since 0 2 >"$out" 2>"$err" || fail "the run did not end"
exec 5<&-
same complete "$(state_of 2)"
same "$tasks" "$(stdout_of 2/after)" "files of all tasks, gathered"
for n in $(seq $tasks); do
    same ran "$(cat "$scratch/ran/$n")" "how often task $n ran"
    same complete "$(state_of "2/t/$((n - 1))")" "task $n"
done
same "$tasks" "$(value '#' outputs 2/t)" "outputs"

it "has lost no event and told none twice"
last=$(value last_event status)
mkfifo "$scratch/events"
"$SLUICE" watch --since 0 --json >"$scratch/events" 2>"$err" &
watcher=$!
head -n "$last" <"$scratch/events" >"$scratch/all"
kill $watcher
wait $watcher 2>/dev/null
same "$(seq "$last")" "$("$TOOLS/json" number <"$scratch/all")" "numbers"
"$TOOLS/json" topic <"$scratch/all" | grep '/complete$' >"$scratch/ends"
same "" "$(sort "$scratch/ends" | uniq -d)" "ends that were told twice"
# Of two runs, three stages, and of tasks and their attempts.
same $((5 + 2 * (tasks + 2))) "$(wc -l <"$scratch/ends")" "ends"

it "leaves earlier runs as they were, and serves new ones"
first_run >"$out"
same_file "$scratch/first" "$out"
sluice_exits 0 run --step ok
same 3 "$(last_run)"
