# What peers that ask too much, or do not listen, do to the broker: its memory stays under
# the limits of docs/limits.md, and others are served.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

{
    cat <<'END'
- step: { name: hello, image: none, command: "true" }
- step:
    name: point
    image: none
    command: "true"
    parameters: [{name: x, type: integer}, {name: y, type: integer}]
- task:
    name: million
    step: point
    type: grid-search
    parameters:
      - {name: x, style: linear, rules: {start: 0, end: 999, step: 1}}
      - {name: y, style: linear, rules: {start: 0, end: 999, step: 1}}
- pipeline:
    name: sweep
    nodes: [{name: all, type: task, task: million}]
    edges: []
END
    printf -- '- step: { name: big, image: none, command: "true #'
    head -c 1000000 /dev/zero | tr '\0' x
    printf '" }\n'
} >valohai.yaml

# A field of the broker's memory, in KiB: VmHWM, the most there was, or VmRSS, now.
memory() { # FIELD
    sed -n "s/^$1:[^0-9]*\([0-9]*\) kB/\1/p" "/proc/$broker_pid/status"
}

# Sanitizers need memory of their own, and keep what was freed.
has_sanitizer=no
if grep -q -e __asan_init -e __tsan_init "$BROKERD"; then
    has_sanitizer=yes
fi

# The broker's largest memory so far is at most so much above what was there before.
grew_at_most() { # MIB BEFORE_KIB WHAT
    grown=$(($(memory VmHWM) - $2))
    echo "  $3: $grown KiB"
    [ $grown -le $(($1 * 1024)) ] || [ $has_sanitizer = yes ] ||
        fail "$3 took $grown KiB, more than $1 MiB"
}

start_broker --node-timeout 1s
SLUICE_BROKER=$url
export SLUICE_BROKER

it "ten clients submit a million tasks each"
before=$(memory VmRSS)
clients=
for i in 1 2 3 4 5 6 7 8 9 10; do
    "$SLUICE" run sweep --detach >"$scratch/sweep.$i" 2>&1 &
    clients="$clients $!"
done
for client in $clients; do
    wait "$client" || fail "a client failed: $(cat "$scratch"/sweep.*)"
done
same 10 "$(last_run)"
same 1000000 "$(value stage.tasks show 10/all)" "tasks of the last run"
grew_at_most 64 "$before" "10,000,000 waiting tasks"
echo "  $((($(memory VmRSS) - before) * 1024)) bytes now, for all of them"
for i in 1 2 3 4 5 6 7 8 9 10; do
    sluice_exits 0 cancel $i
done

it "a node that joins and then neither reads nor speaks is lost, and others get its tasks"
for i in 1 2 3 4; do
    sluice_exits 0 run --step hello --detach
done
mkfifo "$scratch/silent"
"$TOOLS/bounds" silent "$url" silent <"$scratch/silent" &
silent=$!
exec 8>"$scratch/silent"
await_event node/silent/away
start_node real --cpus 4 8>&- # which would keep the silent one going
sluice_exits 0 run --step hello
for i in 11 12 13 14; do
    await_event run/$i/run/complete
    same 2 "$(value tasks.0.attempts show $i/hello)" "attempts of run $i"
done
exec 8>&-
wait "$silent"
kill -TERM "$node_pid"
ends 0 "$node_pid"

it "a node that goes on sending beats, but reads nothing, is lost just so"
sluice_exits 0 run --step hello --detach
waiting=$(last_run)
"$TOOLS/bounds" deaf "$url" deaf <"$scratch/silent" &
deaf=$!
exec 8>"$scratch/silent"
await_event node/deaf/away
start_node real --cpus 4 8>&-
await_event "run/$waiting/run/complete"
same 2 "$(value tasks.0.attempts show "$waiting/hello")" "attempts of run $waiting"
exec 8>&-
wait "$deaf"
kill -TERM "$node_pid"
ends 0 "$node_pid"

it "clients that submit as fast as they can, beside ones that do not listen, lose nothing"
sluice_exits 0 run --step big --detach
big=$(last_run)
before=$(memory VmRSS)
exits 0 timeout 100 "$TOOLS/bounds" crowd "$url" "$big" 11 20 200
sed 's/^/  /' "$out"
same $((big + 4000)) "$(last_run)"
grew_at_most 256 "$before" "4000 runs and 500 answers of a megabyte that nobody reads"
echo "  $(memory VmRSS) KiB in the end"
kill -TERM "$broker_pid"
ends 0 "$broker_pid"

it "a node that wants more classes than it reads gets no more of them"
start_broker --node-timeout 1h --answers-max 4MiB --turn-max 1MiB
SLUICE_BROKER=$url
before=$(memory VmRSS)
mkfifo "$scratch/asked"
"$TOOLS/bounds" greedy "$url" greedy "$big" 500 <"$scratch/silent" >"$scratch/asked" &
greedy=$!
exec 8>"$scratch/silent"
read -r word <"$scratch/asked"
same asked "$word"
grew_at_most 64 "$before" "500 classes of a megabyte that a node wants and does not read"
sluice_exits 0 status
exec 8>&-
wait "$greedy"
