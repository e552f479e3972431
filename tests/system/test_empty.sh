# Steps without a command: nothing runs, thousands end together, and each is there to be
# looked at, whatever is killed in between.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: nothing
    image: none
    command: ":"
    parameters:
      - {name: i, type: integer, default: 0}
      - {name: loss, type: float, default: 9.5}
- step:
    name: measure
    image: none
    command: ['echo "{\"loss\":0.5}"', 'test {parameter-value:fail} = no']
    parameters: [{name: fail, type: string, default: "no"}]
- step:
    name: told
    image: none
    command: echo {parameters}
    parameters: [{name: loss, type: float, default: 7.5}]
- task: {name: many, step: nothing, type: grid_search, parameters: [{name: i, style: linear, rules: {start: 0, end: 99999, step: 1}}]}
- task: {name: few, step: nothing, type: grid_search, parameters: [{name: i, style: linear, rules: {start: 0, end: 99, step: 1}}]}
- task:
    name: slow
    step: nothing
    type: grid_search
    maximum-queued-executions: 50
    parameters: [{name: i, style: linear, rules: {start: 0, end: 19999, step: 1}}]
- pipeline: {name: all, nodes: [{name: sweep, type: task, task: many}], edges: []}
- pipeline: {name: slowly, nodes: [{name: sweep, type: task, task: slow}], edges: []}
- pipeline:
    name: joined
    parameters: [{name: fail, default: "no", targets: [one.parameters.fail]}]
    nodes:
      - {name: one, type: execution, step: measure, on-error: stop-next}
      - {name: two, type: execution, step: measure}
      - {name: sweep, type: task, task: few, on-error: retry}
      - {name: join, type: execution, step: nothing, on-error: stop-all}
      - {name: after, type: execution, step: told}
    edges:
      - [one.metadata.loss, join.parameter.loss]
      - [two.dependency.x, join.dependency.x]
      - [sweep.dependency.x, join.dependency.x]
      - [join.parameter.loss, after.parameter.loss]
END

# Every event of the store, a line of JSON each.
all_events() {
    mkfifo "$scratch/events"
    "$SLUICE" watch --since 0 --json >"$scratch/events" 2>/dev/null &
    watcher=$!
    head -n "$(value last_event status)" <"$scratch/events" >"$scratch/all"
    kill $watcher
    wait $watcher 2>/dev/null
    rm "$scratch/events"
}

# How many tasks of the run the events say to be complete.
told_complete() { # RUN
    grep "\"topic\": \"run/$1/task/[^/]*/[0-9]*/complete\", \"body\"" "$scratch/all" |
        sed 's/.*"count": \([0-9]*\).*/\1/; t; s/.*/1/' | paste -sd+ | bc
}

# What holds of every run that has ended well.
whole() { # RUN TASKS
    same complete "$(state_of "$1")"
    same "$2" "$(value stage.complete show "$1/sweep")" "tasks of run $1"
    for n in 0 1 $(($2 / 2)) $(($2 - 1)); do
        same complete "$(state_of "$1/sweep/$n")" "task $n of run $1"
    done
    all_events
    same "$(seq "$(value last_event status)")" "$("$TOOLS/json" number <"$scratch/all")" \
        "numbers of events"
    same "$2" "$(told_complete "$1")" "tasks that events of run $1 tell of"
}

it "ends 100,000 tasks, each to be looked at by itself"
sluice_exits 0 run all
whole 1 100000
[ "$(wc -l <"$scratch/all")" -lt 100 ] || fail "as many events as tasks"
sluice_exits 0 show 1/sweep/777
has "i = 777"
same 0 "$(value task.exit_code show 1/sweep/777)"
same 1 "$(value task.attempts show 1/sweep/99999)"
sluice_exits 2 show 1/sweep/100000
same "" "$(stdout_of 1/sweep/777)"
sluice_exits 0 logs 1/sweep/777
sluice_exits 0 outputs 1/sweep/777
sluice_exits 0 metadata 1/sweep/777
sluice_exits 0 explain 1/sweep/777
has "there was nothing to run"
sluice_exits 0 explain 1/sweep
has "there was nothing to run"
same 777 "$(value 0.parameters.0.value record 1/sweep/777)"
same complete "$(value 0.task.state record 1/sweep/777)"
same "$(value 0.version.number record 1/sweep/0)" "$(value 0.version.number record 1/sweep/777)"
sluice_exits 0 verify
sluice_exits 0 verify 1
sluice_exits 0 run --step nothing --reuse
same 0 "$(value run.reused show 2)" "a task without a command is not looked up"

it "knows them after a restart, and finds them sound"
sluice_exits 0 stop
sluice_exits 0 show 1/sweep/54321
sluice_exits 0 verify
sluice_exits 0 check

it "takes them to another broker and on to a third"
sluice_exits 0 export 1 -o "$scratch/one.tar"
mkdir "$scratch/q" "$scratch/r"
cp valohai.yaml "$scratch/q" && cp valohai.yaml "$scratch/r"
cd "$scratch/q" || exit 1
sluice_exits 0 import "$scratch/one.tar"
sluice_exits 0 export 1 -o "$scratch/again.tar"
cd "$scratch/r" || exit 1
sluice_exits 0 import "$scratch/again.tar"
for folder in q r; do
    cd "$scratch/$folder" || exit 1
    sluice_exits 0 verify
    sluice_exits 0 check
    same 100000 "$(value stage.complete show 1/sweep)"
    for path in 0.task.started 0.task.ended 0.parameters.0.value 0.version.result; do
        same "$(cd "$project" && value $path record 1/sweep/54321)" \
            "$(value $path record 1/sweep/54321)" "$path at $folder"
    done
    sluice_exits 0 logs 1/sweep/54321
    sluice_exits 0 explain 1/sweep/54321
done
cd "$project" || exit 1

it "joins stages that did run something, and hands on what they left"
sluice_exits 0 run joined
number=$(last_run)
same complete "$(state_of "$number/join")"
same 0.5 "$(value parameters.loss show "$number/join/0")"
same "--loss=0.5" "$(stdout_of "$number/after")"

it "does not go on when what it waits for failed"
sluice_exits 1 run joined -p fail=yes
number=$(last_run)
same complete "$(state_of "$number/sweep")"
[ "$(state_of "$number/join")" != complete ] || fail "the join went on"

it "is cancelled in the middle"
sluice_exits 0 run --detach slowly
number=$(last_run)
await_event "run/$number/task/sweep/200/complete"
"$SLUICE" cancel "$number" >"$out" 2>"$err"
timeout 100 "$SLUICE" watch --since 0 "$number" >"$out" 2>"$err"
case $(state_of "$number") in
stopped)
    all_events
    same "$(value stage.complete show "$number/sweep")" "$(told_complete "$number")"
    ;;
complete) whole "$number" 20000 ;;
*) fail "the run is $(state_of "$number")" ;;
esac
sluice_exits 0 check

supervisor() {
    head -n 1 "$project/.sluice/node/lock"
}

it "loses none when the agent is killed in the middle"
begin=$(value last_event status)
sluice_exits 0 run --detach slowly
number=$(last_run)
for n in 50 200 400; do # of about 800 events
    await_event complete $((begin + n))
    pid=$(pgrep -P "$(supervisor)" -f -- --agent)
    kill -9 "$pid" && gone "$pid"
done
timeout 100 "$SLUICE" watch --since 0 "$number" >"$out" 2>"$err" || show_output
whole "$number" 20000

it "loses none when the broker is killed in the middle"
begin=$(value last_event status)
sluice_exits 0 run --detach slowly
number=$(last_run)
for n in 50 200 400; do # of about 800 events
    await_event complete $((begin + n))
    pid=$(value pid status)
    kill -9 "$pid" && gone "$pid"
    sluice_exits 0 ls
done
timeout 100 "$SLUICE" watch --since 0 "$number" >"$out" 2>"$err" || show_output
whole "$number" 20000
sluice_exits 0 verify
sluice_exits 0 check

# Damages a copy of the store, and tells what is found.
damaged() { # TABLE WHAT
    rm -rf "$scratch/bad"
    cp -a "$scratch/safe" "$scratch/bad"
    exits 0 "$TOOLS/flip" "$scratch/bad/store" "$1" first "$2"
}

it "names blocks that were changed, cut, moved and removed"
sluice_exits 0 backup "$scratch/safe"
for what in cut move 40 -1; do
    damaged blocks $what
    sluice_exits 1 check "$scratch/bad"
    has "blocks "
done
damaged blocks remove
sluice_exits 1 check "$scratch/bad"
has "versions "
damaged versions remove
sluice_exits 1 check "$scratch/bad"
has "blocks "
for what in -1 40 cut remove; do
    "$SLUICE" stop --force >/dev/null
    cp .sluice/store/data.mdb "$scratch/whole.mdb"
    exits 0 "$TOOLS/flip" .sluice/store blocks first $what
    sluice_exits 1 verify --json
    same result "$("$TOOLS/json" fault.what <"$out")" "what is wrong: $what"
    same 1 "$("$TOOLS/json" fault.version <"$out")" "where it is wrong: $what"
    "$SLUICE" stop --force >/dev/null
    cp "$scratch/whole.mdb" .sluice/store/data.mdb
done
sluice_exits 0 verify
