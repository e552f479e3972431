# A peer that sends anything whatever: the broker stays up, stays small, and answers others.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"

cat >valohai.yaml <<'END'
- step: { name: t, image: none, command: "true" }
END
sluice_exits 0 run --step t

for mode in garbage bodies headers bombs tokens results blocks huge bulk names flood events; do
    it "the broker withstands: $mode"
    exits 0 timeout 120 "$TOOLS/attack" .sluice/run $mode
    sluice_exits 0 run --step t
done

it "a client that is stopped holds nobody up"
trap 'status=$?; kill -KILL "$watcher" 2>/dev/null; (exit $status); finish' EXIT
watcher=none
mkfifo "$scratch/watched"
"$SLUICE" watch --since 0 >"$scratch/watched" 2>&1 &
watcher=$!
# One that has not begun would, as a part of this shell, catch what it is to die of.
exec 8<"$scratch/watched"
read -r _ <&8
kill -STOP $watcher
sluice_exits 0 run --step t
kill -CONT $watcher
kill $watcher
wait $watcher 2>/dev/null

it "what was stored before is still there"
same complete "$(value run.state show 1)"
same 14 "$(last_run)"
