# Where files came from and what was made of them: `sluice trace`, up and down, over runs,
# sweeps, reused stages and diamonds.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: prepare
    image: none
    command:
      - 'cp "$VH_INPUTS_DIR/raw/raw.csv" "$VH_OUTPUTS_DIR/clean.csv"; echo clean >> "$VH_OUTPUTS_DIR/clean.csv"'
      - 'echo "{\"rows\": 7}"'
    inputs: [{name: raw, default: raw.csv}]
- step:
    name: train
    image: none
    command:
      - 'cat "$VH_INPUTS_DIR"/data/* > "$VH_OUTPUTS_DIR/model-{parameter-value:rate}.bin"'
      - 'echo {parameter-value:rate} {parameter-value:rows} >> "$VH_OUTPUTS_DIR/model-{parameter-value:rate}.bin"'
    parameters:
      - {name: rate, type: integer, default: 1}
      - {name: rows, type: integer, default: 0}
    inputs: [{name: data}]
- step:
    name: report
    image: none
    command: 'cat "$VH_INPUTS_DIR"/models/* "$VH_INPUTS_DIR"/data/* > "$VH_OUTPUTS_DIR/report.txt"'
    inputs: [{name: models}, {name: data}]
- task:
    name: grid
    step: train
    type: grid_search
    parameters: [{name: rate, style: linear, rules: {start: 1, end: 20, step: 1}}]
- pipeline:
    name: all
    nodes:
      - {name: prepare, type: execution, step: prepare}
      - {name: train, type: task, task: grid}
      - {name: report, type: execution, step: report}
    edges:
      - [prepare.output.*, train.input.data]
      - [prepare.metadata.rows, train.parameter.rows]
      - [train.output.*, report.input.models]
      - [prepare.output.*, report.input.data]
END
echo 1,2 >raw.csv
git init -q . && git config user.email a@localhost && git config user.name a &&
    printf '%s\n' .sluice >.gitignore && git add . && git commit -qm first
sluice_exits 0 run all
sluice_exits 0 outputs 1/report -d "$scratch/got"
commit=$(git rev-parse HEAD | cut -c1-10)

it "goes back from a file to the first inputs and the commit"
report=$(find "$scratch/got" -name report.txt)
sluice_exits 0 trace "$report"
cat >"$scratch/expected" <<END
$report  sha256:$(sha256sum <"$report" | cut -d' ' -f1)
\`- 1/report, commit $commit
   |- clean.csv  sha256:$(printf '1,2\nclean\n' | sha256sum | cut -d' ' -f1)
   |  \`- 1/prepare, commit $commit
   |     \`- raw.csv  sha256:$(sha256sum <raw.csv | cut -d' ' -f1)
   \`- 20 files, 260 B: model-1.bin to model-9.bin
      \`- 1/train[0..19], commit $commit
         |- clean.csv  sha256:$(printf '1,2\nclean\n' | sha256sum | cut -d' ' -f1)  (see above)
         \`- 1/prepare, commit $commit  (see above)
END
sed -i "s/20 files, [0-9]* B/20 files, 260 B/" "$out"
same_file "$scratch/expected" "$out"

it "takes a digest, the beginning of one, a run, a stage and a task"
digest=$(sha256sum <"$report" | cut -d' ' -f1)
sluice_exits 0 trace "sha256:$digest"
has "1/report"
sluice_exits 0 trace "sha256:$(echo "$digest" | cut -c1-9)"
has "sha256:$digest"
sluice_exits 2 trace sha256:zz
sluice_exits 2 trace "sha256:0000000000000000000000000000000000000000000000000000000000000000"
has "no task made it or used it" "$err"
sluice_exits 0 trace 1
has "run 1 all, commit $commit"
sluice_exits 0 trace 1/train/3
same "1/train/3, commit $commit" "$(head -n 1 "$out")"
sluice_exits 0 datum ls --json
id=$(value datums.0.id datum ls)
sluice_exits 0 trace "datum://$id"
has "1/report"

it "tells how an output is named when there is no such file"
sluice_exits 2 trace model-1.bin
has "neither a file that is here nor a run" "$err"
sluice_exits 2 tag add best good
has "a datum is named datum://best" "$err"

it "goes on to what was made of a file"
sluice_exits 0 trace --down raw.csv
has "1/prepare"
has "20 files"
has "report.txt"
same 1 "$(grep '1/train\[' "$out" | grep -vc 'see above')" "the sweep is walked over once"
sluice_exits 0 trace --down 1/train/3
has report.txt

it "gives the graph as JSON and for Graphviz"
same up "$(value direction trace 1)"
same run "$(value nodes.0.kind trace 1)"
same false "$(value cut trace 1)"
same files "$(value nodes.0.kind trace "$report")"
same 19 "$(value nodes.0.tasks.0.1 trace 1/train)"
sluice_exits 0 trace --dot 1
same "digraph trace {" "$(head -n 1 "$out")"
if command -v dot >/dev/null; then
    exits 0 dot -Tsvg "$out"
fi

it "says when it did not look at all of it"
sluice_exits 0 trace --depth 1 1/report
has "there is more than is shown"
same true "$(value cut trace --depth 1 1/report)"

it "names whose results a reused stage has"
sluice_exits 0 run all --reuse
sluice_exits 0 trace 2/report
has "2/report, reused from 1/report/0"
has "1/report, commit"
sluice_exits 0 trace "$report"
has_not "2/report"

it "goes on behind a stage that copied its input"
cat >valohai.yaml <<'END'
- step: {name: make, image: none, command: 'echo made > $VH_OUTPUTS_DIR/made'}
- step:
    name: copy
    image: none
    command: 'cp $VH_INPUTS_DIR/file/* $VH_OUTPUTS_DIR/copied'
    inputs: [{name: file}]
END
sluice_exits 0 run --step make
sluice_exits 0 run --step copy -i "file=datum://$(value datums.0.id datum ls)"
sluice_exits 0 trace 4/copy
has "3/make, commit"
has_not "see above"

it "tells by which name an input was found, besides its digest"
id=$(value datums.0.id datum ls)
sluice_exits 0 alias set newest "$id"
sluice_exits 0 dataset create sets/one datum://newest
sluice_exits 0 run --step copy -i file=datum://newest
sluice_exits 0 trace last/copy
has "from datum://newest"
sluice_exits 0 run --step copy -i file=dataset://sets/one
sluice_exits 0 trace last/copy
has "from dataset://sets/one"
same dataset://sets/one "$(value nodes.1.uri trace last/copy)"

sluice_exits 0 run --step copy -i file=raw.csv
sluice_exits 0 trace last/copy
has "raw.csv"
has_not "see above"

it "walks over each of a ladder of diamonds once"
cat >valohai.yaml <<'END'
- step:
    name: merge
    image: none
    command: 'ls $VH_INPUTS_DIR > $VH_OUTPUTS_DIR/out; echo $VH_JOB_ID >> $VH_OUTPUTS_DIR/out'
    inputs: [{name: a, optional: true}, {name: b, optional: true}]
- pipeline:
    name: ladder
    nodes:
END
for i in $(seq 0 59); do
    for side in a b; do
        echo "      - {name: $side$i, type: execution, step: merge}"
    done
done >>valohai.yaml
echo "    edges:" >>valohai.yaml
for i in $(seq 1 59); do
    for side in a b; do
        echo "      - [a$((i - 1)).output.*, $side$i.input.a]"
        echo "      - [b$((i - 1)).output.*, $side$i.input.b]"
    done
done >>valohai.yaml
sluice_exits 0 run ladder
sluice_exits 0 trace last/a59
[ "$(wc -l <"$out")" -lt 1000 ] || fail "$(wc -l <"$out") lines"
ladder=$(last_run)
has "$ladder/a0"
has "$ladder/b0"
