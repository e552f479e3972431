# A run whose records are more than a message carries goes to another broker all the same.
. "$SYSTEM_TESTS/lib.sh"

# Each task leaves a property of 7 MB, which is part of its result.
cat >valohai.yaml <<'END_OF_FILE'
- step:
    name: wide
    image: none
    command:
      - echo {parameter-value:n} >"$VH_OUTPUTS_DIR/one.txt"
      - (printf '{"big":"%s ' {parameter-value:n}; head -c 7000000 /dev/zero | tr '\0' x; echo '"}') >"$VH_OUTPUTS_DIR/one.txt.metadata.json"
    parameters: [{name: n, type: integer, default: 0}]
- step: {name: empty, image: none, command: ':'}
- task:
    name: many
    step: wide
    type: grid_search
    parameters: [{name: n, style: multiple, rules: {items: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}}]
- pipeline:
    name: all
    nodes:
      - {name: empty, type: execution, step: empty}
      - {name: many, type: task, task: many}
    edges: []
END_OF_FILE

it "exports and imports more than 60 MiB of records"
sluice_exits 0 run all
sluice_exits 0 export 1 -o "$scratch/large.sluice"
size=$(tar -tvf "$scratch/large.sluice" | awk '$NF == "records" { print $3 }')
[ "$size" -gt 70000000 ] || fail "the records have $size bytes"
mkdir "$scratch/q" && cd "$scratch/q" || exit 1
cp "$project/valohai.yaml" .
sluice_exits 0 import "$scratch/large.sluice"
same "complete 11" "$(value run.state show 1) $(value run.tasks show 1)"
same one.txt "$(value 4.name outputs 1/many)"
sluice_exits 0 verify
sluice_exits 0 check --bytes
sluice_exits 0 export 1 -o "$scratch/again.sluice"
again=$(tar -tvf "$scratch/again.sluice" | awk '$NF == "records" { print $3 }')
[ "$again" -ge "$size" ] || fail "handed on it has $again of $size bytes of records"

it "is killed while it takes them, and has all of the run or nothing"
mkdir "$scratch/r" && cd "$scratch/r" || exit 1
cp "$project/valohai.yaml" .
for _ in 1 2 3; do
    sluice_exits 0 run --step empty # so that there is a broker
    pid=$(value pid status)
    "$SLUICE" import "$scratch/large.sluice" >"$out" 2>&1 &
    importing=$!
    # The records are an object now, and the broker is about to read it.
    timeout 60 sh -c 'until [ -n "$(find .sluice/objects -type f -size +60000k)" ]; do
        flock -w 0.05 .sluice/store/lock.owner true; done'
    kill -9 "$pid"
    gone "$pid"
    wait $importing && break
    sluice_exits 0 check
done
taken=$(value runs status)
"$SLUICE" import "$scratch/large.sluice" >"$out" 2>"$err" || has "is here already" "$err"
id=$(tar -xOf "$scratch/large.sluice" manifest.json | "$TOOLS/json" id)
same "complete 11" "$(value run.state show "$id") $(value run.tasks show "$id")"
[ "$(value runs status)" -le $((taken + 1)) ] || fail "there are more runs than before"
sluice_exits 0 verify
sluice_exits 0 check --bytes

it "refuses large records that were changed"
mkdir "$scratch/x" && tar -xf "$scratch/large.sluice" -C "$scratch/x"
chmod u+w "$scratch/x/records"
printf X | dd of="$scratch/x/records" bs=1 seek=30000000 conv=notrunc 2>/dev/null
(cd "$scratch/x" && tar -cf "$scratch/bad.sluice" $(tar -tf "$scratch/large.sluice"))
sluice_exits 2 import "$scratch/bad.sluice"
has "the records were changed" "$err"
