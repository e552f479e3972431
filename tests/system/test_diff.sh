# What differs between two runs: code line by line, parameters, secrets, inputs, metrics.
. "$SYSTEM_TESTS/lib.sh"

mkdir "$scratch/tmp"

cat >valohai.yaml <<'END'
- step:
    name: train
    image: debian:12
    command:
      - sh train.sh {parameter-value:n}
      - echo {parameter-value:n} > "$VH_OUTPUTS_DIR/model.bin"
    parameters: [{name: n, type: integer, default: 2}]
    inputs: [{name: data, default: data.csv}]
    environment-variables: [{name: API_TOKEN, default: hush-hush}]
- task:
    name: grid
    step: train
    parameters: [{name: n, style: multiple, rules: {items: [1, 2, 3]}}]
- pipeline:
    name: all
    nodes: [{name: sweep, type: task, task: grid}]
    edges: []
END
printf 'echo "{\\"loss\\": 0.$1}"\n' >train.sh
echo 1,2 >data.csv
sluice_exits 0 run --step train
sluice_exits 0 run --step train

TMPDIR=$scratch/tmp
export TMPDIR

it "finds equal runs equal"
sluice_exits 0 diff 1 2
has_not metrics
sluice_exits 0 diff 1/train 2/train/0 --json
same true "$("$TOOLS/json" same <"$out")"

it "finds a reused result equal to what it reuses"
sluice_exits 0 run --step train --reuse
sluice_exits 0 diff 2 3
has "nothing differs but time and resources"
sluice_exits 0 diff 2/train 3/train
has "reused from"

it "shows the lines of code, values and files that differ"
printf 'echo "{\\"loss\\": 0.$1}"\necho more\n' >train.sh
printf 'a\0b' >binary
sed -i 's/hush-hush/other-one/' valohai.yaml
echo 3,4 >data.csv
sluice_exits 0 run --step train -p n=5
sluice_exits 1 diff 1 4
has "+echo more"
has "Binary files"
has "2 -> 5 (+3)"
has "0.2 -> 0.5 (+0.3)"
has "data/data.csv"
has "(secret) -> (secret)"
sluice_exits 1 diff 1 4 --json
same parameters "$("$TOOLS/json" tasks.0.changes.0.section <"$out")"
same 3.0 "$("$TOOLS/json" tasks.0.changes.0.change <"$out")"
same binary "$("$TOOLS/json" code.files.0.path <"$out")"

it "names files whose lines it cannot tell"
head -c 2000000 /dev/zero >large
sluice_exits 0 run --step train -p n=5
sluice_exits 1 diff 4 5
has "new:     large"
has "large files are named only"

it "compares tasks of sweeps by their numbers"
sluice_exits 0 run all
sluice_exits 1 diff 6/sweep/0 6/sweep/2
has "1 -> 3 (+2)"
sluice_exits 1 diff 6/sweep 5/train
has "only run 6 has sweep/1"
sluice_exits 2 diff 6 5/train
sluice_exits 2 diff 6
sluice_exits 2 diff 6 100
same "" "$(ls "$TMPDIR")" "temporary folders that are left"
