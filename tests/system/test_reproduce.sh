# Running something again exactly: equal and different outputs, a pipeline file that has
# changed or gone, secrets, and bytes that have gone.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: train
    image: debian:12
    command:
      - sh train.sh {parameter-value:n} > "$VH_OUTPUTS_DIR/model.bin"
      - wc -c < "$VH_INPUTS_DIR/data/data.csv" > "$VH_OUTPUTS_DIR/size"
      - printf %s "$API_TOKEN" > "$VH_OUTPUTS_DIR/token"
    parameters: [{name: n, type: integer, default: 2}]
    inputs: [{name: data, default: data.csv}]
    environment-variables: [{name: API_TOKEN, default: hush-hush}]
- step:
    name: dice
    image: debian:12
    command:
      - echo same > "$VH_OUTPUTS_DIR/same"
      - cat /proc/sys/kernel/random/uuid > "$VH_OUTPUTS_DIR/uuid"
- step: {name: fails, image: debian:12, command: [echo x > "$VH_OUTPUTS_DIR/x", exit 3]}
- task:
    name: grid
    step: train
    parameters: [{name: n, style: multiple, rules: {items: [1, 2, 3]}}]
- pipeline:
    name: all
    nodes: [{name: sweep, type: task, task: grid}]
    edges: []
END
echo 'echo "model $1"' >train.sh
head -c 100000 /dev/zero >data.csv

it "runs a task again, whatever has become of the file, the code and the inputs"
sluice_exits 0 run all
sluice_exits 0 run --step train
mv valohai.yaml "$scratch/valohai.yaml"
echo 'echo "other $1"' >train.sh
echo changed >data.csv
sluice_exits 0 reproduce 2/train
has "2/train was reproduced by run 3: 3 outputs, all byte-equal"
same reproduce "$(value 0.asked.why record 3)"
same "$(value run.id show 2)" "$(value 0.asked.parent record 3)"
same null "$(value 0.task.origin record 3)" "nothing is reused"
sluice_exits 0 reproduce 1/sweep/2 --json
tail -n 1 "$out" >"$scratch/last"
same true "$("$TOOLS/json" equal <"$scratch/last")"
same 1/sweep/2 "$("$TOOLS/json" origin <"$scratch/last")"
same 3 "$(value 0.parameters.0.value record last)"
sluice_exits 0 reproduce 1/sweep
has "9 outputs, all byte-equal"
sluice_exits 0 reproduce 1/sweep -v API_TOKEN=hush-hush
sluice_exits 5 reproduce 1/sweep/0 -v API_TOKEN=other
has "the secret variable API_TOKEN has another value" "$err"
has "different  token"

it "tells which outputs differ"
cp "$scratch/valohai.yaml" valohai.yaml
sluice_exits 0 run --step dice
dice=$(last_run)
sluice_exits 5 reproduce "$dice/dice"
has "equal      same"
has "different  uuid"
has "1 of 2 outputs differ"
sluice_exits 5 reproduce "$dice/dice" --json

it "reproduces a failure"
sluice_exits 1 run --step fails
sluice_exits 0 reproduce last/fails

it "says what is missing before anything is run"
runs=$(last_run)
digest=$(value 0.inputs.0.digest record 2)
object=.sluice/objects/$(echo "$digest" | cut -c8-9)/$(echo "$digest" | cut -c10-)
rm -f "$object"
sluice_exits 2 reproduce 2/train
has "data.csv is no longer in the store" "$err"
sluice_exits 2 reproduce 2
sluice_exits 2 reproduce 2/nosuch
same "$runs" "$(last_run)"
