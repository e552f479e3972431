# A .sluice folder that cannot be used: a clear error, status 3, and nothing left running.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"

cat >valohai.yaml <<'END'
- step: { name: t, image: none, command: "true" }
END

it "a store of another program is named and not touched"
mkdir -p .sluice/store
echo "somebody's" >.sluice/store/data.mdb
sluice_exits 3 run --step t
has "$project/.sluice/store/data.mdb was not written by sluice" "$err"
same "somebody's" "$(cat .sluice/store/data.mdb)"
if [ -f .sluice/node/lock ]; then
    flock -w 10 .sluice/node/lock true || fail "a node was left behind"
fi
rm -rf .sluice

it "a file in place of the node's folder fails every start, not only the first"
mkdir .sluice
: >.sluice/node
for _ in 1 2; do
    exits 3 timeout 30 "$SLUICE" run --step t
    has "noded did not start" "$err"
done
"$SLUICE" stop --force >"$out" 2>&1
rm -rf .sluice

it "a project can be started right after it was stopped"
for _ in 1 2 3 4 5; do
    exits 0 timeout 30 "$SLUICE" run --step t
    exits 0 timeout 30 "$SLUICE" stop
done

it "twenty that start at once share one broker"
for i in $(seq 20); do
    timeout 60 "$SLUICE" run --step t >"$scratch/o.$i" 2>&1 </dev/null &
done
wait
for i in $(seq 20); do has "complete after" "$scratch/o.$i"; done
same 25 "$(last_run)"
