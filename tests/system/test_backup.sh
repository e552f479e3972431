# A backup while runs go on, the loss of everything, and the start of another place from it.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"
. "${SYSTEM_TESTS:?}/cluster.sh"

cat >valohai.yaml <<'END'
- step:
    name: quick
    image: none
    command:
      - echo "words of {parameter-value:n}"
      - head -c 100000 /dev/urandom > "$VH_OUTPUTS_DIR/big.bin"
      - echo small > "$VH_OUTPUTS_DIR/small.txt"
    parameters: [{name: n, type: integer, default: 1}]
- step:
    name: slow
    image: none
    command:
      - echo started > "$GATE.started"
      - until test -e "$GATE"; do read -r _ <"$GATE.pipe"; done
    environment-variables: [{name: GATE, default: ""}]
END
gate=$scratch/gate
sed -i "s|default: \"\"}]|default: \"$gate\"}]|" valohai.yaml
mkfifo "$gate.pipe"
safe=$scratch/safe

start_broker
start_node a --cpus 4
export SLUICE_BROKER="$url"
sluice_exits 0 run --step quick
sluice_exits 0 run --step slow -d
await_event task/slow/0/started

it "copies a broker's folder while a run goes on"
sluice_exits 0 backup --from "$store" "$safe" --json
same 2 "$("$TOOLS/json" runs <"$out")"
same 0 "$("$TOOLS/json" damaged <"$out")"
sluice_exits 0 check "$safe" --bytes
has "a backup of"
has "the store is sound"
sluice_exits 0 check "$store" --bytes
has_not "a backup of"

it "moves only what is new the second time"
sluice_exits 0 run --step quick -p n=2
sluice_exits 0 backup --from "$store" "$safe" --json
first=$("$TOOLS/json" new_artifacts <"$out")
[ "$first" -gt 0 ] || fail "nothing was new after another run"
sluice_exits 0 backup --from "$store" "$safe" --json
same 0 "$("$TOOLS/json" new_artifacts <"$out")"
big=$(value 0.digest outputs 1/quick | sed 's/sha256:\(..\)/\1\//')
same "$(stat -c %i "$store/objects/$big")" "$(stat -c %i "$safe/objects/$big")" "a hard link"

it "leaves the former backup whole when it is killed"
for try in 1 2 3; do
    "$SLUICE" backup --from "$store" "$safe" >/dev/null 2>&1 &
    killed=$!
    [ $try -lt 3 ] || kill -STOP $killed
    kill -KILL $killed
    wait $killed 2>/dev/null
    sluice_exits 0 check "$safe"
done
sluice_exits 0 backup --from "$store" "$safe"

it "says what a folder is that it does not take"
mkdir "$scratch/full" && echo x >"$scratch/full/x"
sluice_exits 2 backup --from "$store" "$scratch/full"
has "something else than a backup" "$err"
sluice_exits 2 backup --from "$store" "$store"
sluice_exits 2 backup --from "$scratch/full" "$scratch/none"
sluice_exits 2 backup "$scratch/none"
has "broker's machine" "$err"

it "keeps what the broker removed until it is told to prune"
sluice_exits 0 backup --from "$store" "$scratch/second"
chmod u+w "$store/objects/${big%/*}"
mv "$store/objects/$big" "$scratch/kept"
sluice_exits 0 backup --from "$store" "$scratch/second"
[ -e "$scratch/second/objects/$big" ] || fail "the object was removed"
sluice_exits 0 backup --from "$store" "$scratch/second" --prune --json
same 1 "$("$TOOLS/json" pruned <"$out")"
[ ! -e "$scratch/second/objects/$big" ] || fail "the object is still there"
mv "$scratch/kept" "$store/objects/$big"

it "goes on elsewhere after the loss of everything"
sluice_exits 0 run --step quick -p n=3
later=$(last_run)
event=$(value last_event status)
known=$(value store status)
digest=$(value 0.digest outputs 3/quick)
kill -KILL "$broker_pid" && wait "$broker_pid" 2>/dev/null
touch "$gate"
echo >"$gate.pipe"
mv "$store" "$scratch/lost"
mkdir "$scratch/other"
cp -a "$safe/." "$scratch/other"
store=$scratch/other
port=${url##*:}
cat >"$scratch/brokerd.yaml" <<END
directory: $store
listen:
  requests: tcp://127.0.0.1:$port
  events: tcp://127.0.0.1:*
  bulk: tcp://127.0.0.1:*
END
start_broker
sluice_exits 0 check "$store"
[ "$(value store status)" != "$known" ] || fail "the restored store has the old id"

it "has all of the backup, and what was running then ends"
await_event run/2/run/complete
same complete "$(state_of 1)"
same complete "$(state_of 3)"
same complete "$(state_of 2)"
exits 0 "$SLUICE" outputs -d "$scratch/got" 3/quick
same "$digest" "sha256:$(sha256sum <"$scratch/got/big.bin" | cut -d' ' -f1)"

it "gives no number out twice"
sluice_exits 2 show "$later"
sluice_exits 0 run --step quick -p n=4
same 10000 "$(last_run)"
[ "$(value last_event status)" -gt $((event + 1000000)) ] || fail "event numbers came back"

it "gives a subscriber that is ahead a picture of the present"
timeout 20 "$SLUICE" watch --since "$event" --json </dev/null >"$out" 2>"$err" &
watcher=$!
await_line '"snapshot"' "$out"
await_line 'run/10000/run/complete' "$out"
kill $watcher 2>/dev/null
wait $watcher 2>/dev/null

it "a backup on which a broker was started is none any more"
sluice_exits 2 backup --from "$store" "$store"
sluice_exits 0 backup --from "$store" "$scratch/again"
sluice_exits 2 backup --from "$scratch/again" "$store"
