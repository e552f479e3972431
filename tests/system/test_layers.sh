# Graphs of many stages without a command: they go together, and each is there to be
# looked at as if it had gone alone, whatever is killed in between.
. "$SYSTEM_TESTS/lib.sh"

# A pipeline: layers of stages, each behind two of the layer before; then one that joins.
pipeline() { # NAME DEPTH WIDTH
    echo "- pipeline:"
    echo "    name: $1"
    echo "    nodes:"
    for layer in $(seq "$2"); do
        for n in $(seq "$3"); do
            echo "      - {name: s$layer-$n, type: execution, step: nothing," \
                "override: {parameters: [{name: i, default: $n}]}}"
        done
    done
    echo "      - {name: join, type: execution, step: nothing}"
    echo "    edges:"
    for layer in $(seq $(($2 - 1))); do
        for n in $(seq "$3"); do
            echo "      - [s$layer-$n.dependency.x, s$((layer + 1))-$n.dependency.x]"
            echo "      - [s$layer-$n.dependency.x," \
                "s$((layer + 1))-$((n % $3 + 1)).dependency.x]"
        done
    done
    for n in $(seq "$3"); do
        echo "      - [s$2-$n.dependency.x, join.dependency.x]"
    done
}

{
    cat <<'EOF'
- step:
    name: nothing
    image: none
    command: ":"
    parameters: [{name: i, type: integer, default: 0}]
EOF
    pipeline wide 3 200
    pipeline deep 60 12
} >valohai.yaml

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

topics() { # RUN
    sed -n "s|.*\"topic\": \"run/$1/\([^\"]*\)\", \"body\".*|\1|p" "$scratch/all"
}

# What holds of a run that has ended well.
whole() { # RUN STAGES STAGE...
    run=$1 stages=$2
    shift 2
    same complete "$(state_of "$run")"
    for stage in "$@" join; do
        same complete "$(state_of "$run/$stage")" "stage $stage of run $run"
        same complete "$(state_of "$run/$stage/0")" "task of $stage of run $run"
        same 0 "$(value task.exit_code show "$run/$stage/0")"
    done
    all_events
    same "$(seq "$(value last_event status)")" "$("$TOOLS/json" number <"$scratch/all")" \
        "numbers of events"
    for event in 'stage/[^/]*/queued' 'stage/[^/]*/started' 'stage/[^/]*/complete' \
        'task/[^/]*/0/complete'; do
        same "$stages" "$(topics "$run" | grep -c "^$event\$")" "events $event of $run"
        same "" "$(topics "$run" | grep "^$event\$" | sort | uniq -d)"
    done
}

# A plain subscriber to topics, until one ends with a text; it is there when this returns,
# and $listener is who writes what it hears into a file.
subscribe() { # FILE PREFIX LAST
    mkfifo "$scratch/$1.fifo"
    "$TOOLS/subscriber" "$endpoint" "$2" "$3" >"$scratch/$1.fifo" 2>>"$err" &
    exec 3<"$scratch/$1.fifo"
    read -r line <&3
    same ready "$line"
    cat <&3 >"$scratch/$1" &
    listener=$!
    exec 3<&-
}

it "tells each stage's events once, stored and live"
sluice_exits 0 run --step nothing
endpoint=$(value events_endpoint status)
subscribe live run/2/ run/2/run/complete
live=$listener
subscribe narrow run/2/stage/s2-77/ complete
narrow=$listener
begin=$(value last_event status)
sluice_exits 0 run wide
wait $live $narrow
whole 2 601 s1-1 s2-77 s3-200
tail -n "+$((begin + 1))" "$scratch/all" >"$scratch/tail"
same "$("$TOOLS/json" topic <"$scratch/tail")" "$(cut -d' ' -f2- "$scratch/live")" topics
same "$("$TOOLS/json" number <"$scratch/tail")" "$(cut -d' ' -f1 "$scratch/live")" numbers
same "run/2/stage/s2-77/queued run/2/stage/s2-77/started run/2/stage/s2-77/complete" \
    "$(cut -d' ' -f2- "$scratch/narrow" | xargs)" "events of one stage"

it "lets each of them be looked at, and verified"
sluice_exits 0 show 2/s2-77/0
has "i = 77"
same 77 "$(value 0.parameters.0.value record 2/s2-77/0)"
same complete "$(value 0.task.state record 2/s3-200/0)"
sluice_exits 0 logs 2/s2-77/0
sluice_exits 0 explain 2/s2-77
has "there was nothing to run"
sluice_exits 0 verify
sluice_exits 0 stop
same complete "$(state_of 2/s3-199)" "after a restart"
sluice_exits 0 check

supervisor() {
    head -n 1 "$project/.sluice/node/lock"
}

it "loses none when the agent is killed in the middle"
begin=$(value last_event status)
sluice_exits 0 run --detach deep
number=$(last_run)
for n in 300 1200 2400; do # of about 3,600 events
    await_event complete $((begin + n))
    pid=$(pgrep -P "$(supervisor)" -f -- --agent)
    kill -9 "$pid" && gone "$pid"
done
timeout 100 "$SLUICE" watch --since 0 "$number" >"$out" 2>"$err" || show_output
whole "$number" 721 s1-1 s30-7 s60-12

it "loses none when the broker is killed in the middle"
begin=$(value last_event status)
sluice_exits 0 run --detach deep
number=$(last_run)
for n in 300 1200 2400; do # of about 3,600 events
    await_event complete $((begin + n))
    pid=$(value pid status)
    kill -9 "$pid" && gone "$pid"
    sluice_exits 0 ls
done
timeout 100 "$SLUICE" watch --since 0 "$number" >"$out" 2>"$err" || show_output
whole "$number" 721 s1-1 s30-7 s60-12
sluice_exits 0 verify
sluice_exits 0 check

it "is cancelled in the middle"
sluice_exits 0 run --detach deep
number=$(last_run)
await_event "run/$number/stage/s20-1/complete"
"$SLUICE" cancel "$number" >"$out" 2>"$err"
timeout 100 "$SLUICE" watch --since 0 "$number" >"$out" 2>"$err"
case $(state_of "$number") in
stopped | complete) ;;
*) fail "the run is $(state_of "$number")" ;;
esac
sluice_exits 0 verify
sluice_exits 0 check

it "takes them to another broker"
sluice_exits 0 export 2 -o "$scratch/two.tar"
mkdir "$scratch/q"
cp valohai.yaml "$scratch/q"
cd "$scratch/q" || exit 1
sluice_exits 0 import "$scratch/two.tar"
sluice_exits 0 verify
sluice_exits 0 check
for stage in s1-1 s2-77 s3-200 join; do
    for path in 0.task.started 0.task.ended 0.parameters.0.value 0.version.result; do
        same "$(cd "$project" && value $path record "2/$stage/0")" \
            "$(value $path record "1/$stage/0")" "$path of $stage"
    done
done
cd "$project" || exit 1

# Damages a copy of the store, and tells what is found.
damaged() { # TABLE WHAT
    rm -rf "$scratch/bad"
    cp -a "$scratch/safe" "$scratch/bad"
    exits 0 "$TOOLS/flip" "$scratch/bad/store" "$1" first "$2"
}

it "names layers that were changed, cut, moved and removed"
sluice_exits 0 backup "$scratch/safe"
for what in cut move 20 -1; do
    damaged layers $what
    sluice_exits 1 check "$scratch/bad"
    has "layers "
done
damaged layers remove
sluice_exits 1 check "$scratch/bad"
has "versions "
damaged versions remove
sluice_exits 1 check "$scratch/bad"
has "layers "
for what in -1 20 cut remove; do
    "$SLUICE" stop --force >/dev/null
    cp .sluice/store/data.mdb "$scratch/whole.mdb"
    exits 0 "$TOOLS/flip" .sluice/store layers first $what
    sluice_exits 1 verify --json
    same result "$("$TOOLS/json" fault.what <"$out")" "what is wrong: $what"
    same 1 "$("$TOOLS/json" fault.version <"$out")" "where it is wrong: $what"
    "$SLUICE" stop --force >/dev/null
    cp "$scratch/whole.mdb" .sluice/store/data.mdb
done
sluice_exits 0 verify
