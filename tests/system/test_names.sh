# Names of data: what tasks say about their outputs, inputs that are named, and the verbs.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: make
    image: debian:12
    command:
      - mkdir "$VH_OUTPUTS_DIR/deep"
      - echo model {parameter-value:n} > "$VH_OUTPUTS_DIR/deep/größe 1.bin"
      - echo same > "$VH_OUTPUTS_DIR/same.txt"
      - cp good.json "$VH_OUTPUTS_DIR/deep/größe 1.bin.metadata.json"
      - sed 's/N/{parameter-value:n}/' list.jsonl > "$VH_OUTPUTS_DIR/valohai.metadata.jsonl"
    parameters: [{name: n, type: integer, default: 1}]
- step:
    name: use
    image: debian:12
    command:
      - cp "$VH_CONFIG_DIR/inputs.json" "$VH_OUTPUTS_DIR/seen.json"
      - cd "$VH_INPUTS_DIR" && find . -type f | sort && cat model/*
    inputs:
      - {name: model, default: 'datum://best'}
      - {name: set, optional: true}
- step:
    name: wait
    image: debian:12
    command: while [ ! -e ../../../../../go ]; do sleep 0.05; done
- step:
    name: twice
    image: debian:12
    command:
      - echo 1 > "$VH_OUTPUTS_DIR/t" && chmod 444 "$VH_OUTPUTS_DIR/t"
      - while [ -e "$VH_OUTPUTS_DIR/t" ]; do sleep 0.05; done
      - echo 2 > "$VH_OUTPUTS_DIR/t"
- step:
    name: derive
    image: debian:12
    command:
      - echo {parameter-value:n} > "$VH_OUTPUTS_DIR/same.txt"
      - echo "$PROPERTIES" > "$VH_OUTPUTS_DIR/same.txt.metadata.json"
      - exit {parameter-value:status}
    parameters: [{name: n, type: integer, default: 1}, {name: status, default: '0'}]
    environment-variables: [{name: PROPERTIES}]
- step:
    name: flaky
    image: debian:12
    command:
      - echo x >> ../../../../../tries && wc -l < ../../../../../tries > "$VH_OUTPUTS_DIR/f"
      - echo '{"valohai.alias":"flaky","valohai.tags":["flaky"]}' > "$VH_OUTPUTS_DIR/f.metadata.json"
      - '[ "$(wc -l < ../../../../../tries)" -gt 1 ]'
- pipeline:
    name: again
    nodes: [{name: flaky, type: execution, step: flaky, on-error: retry}]
    edges: []
- pipeline:
    name: flow
    nodes:
      - {name: make, type: execution, step: make}
      - {name: first, type: execution, step: use}
      - {name: next, type: execution, step: use}
      - {name: made, type: execution, step: use}
    edges:
      - [first.input.model, next.input.model]
      - [make.output.deep/*, made.input.model]
- pipeline:
    name: later
    nodes:
      - {name: wait, type: execution, step: wait}
      - {name: use, type: execution, step: use}
    edges:
      - [wait.dependency.*, use.dependency.*]
END
cat >good.json <<'END'
{"k": "v", "valohai.tags": ["good", "grün"], "valohai.alias": "best",
 "valohai.dataset-versions": ["dataset://all/v1", "dataset://models/v1"]}
END
cat >list.jsonl <<'END'
{"file": "same.txt", "metadata": {"n": N, "valohai.alias": ["no text"]}}
{"file": "same.txt", "metadata": {"valohai.dataset-versions": ["dataset://all/v1", 5]}}
END

# inputs.json of a task of the step `use`.
seen() { # RUN/STAGE PATH
    rm -rf "$scratch/seen"
    "$SLUICE" outputs "$1" -d "$scratch/seen" >/dev/null 2>&1
    "$TOOLS/json" "$2" <"$scratch/seen/seen.json"
}

id_of() { # DATUM
    value id datum show "$1"
}

it "needs no name to be there for a step that uses none"
sluice_exits 2 run --step use
has 'input model of stage use: datum://best: project p has no such alias' "$err"
sluice_exits 0 datum ls
has 'no datums'

it "does what properties ask for, and tells what is wrong in them"
sluice_exits 0 run --step make
has "same.txt: valohai.alias is ignored" "$err"
has "same.txt: an entry of valohai.dataset-versions is ignored" "$err"
same complete "$(state_of 1)"
same 2 "$(value datums.# datum ls)"
same 'deep/größe 1.bin' "$(value name datum show best)"
same v "$(value properties.k datum show datum://best)"
same '1 make 0' "$(value run datum show best) $(value stage datum show best) $(
    value task datum show best)"
same 1 "$(value datums.# datum ls -t grün)"
same 0 "$(value datums.# datum ls -t gr)"
same 1 "$(value datums.# datum ls 'same.*')"
same 2 "$(value files.# dataset show all/v1)"
same 1 "$(value files.# dataset show models/latest)"
await_event alias/best/set
await_event tag/grün/added
await_event dataset/all/v1/created
await_event dataset/models/v1/created

it "gives a task what the name stood for, with id, properties and the named URI on record"
best=$(id_of best)
sluice_exits 0 run --step use -i set=dataset://all/v1
stdout_of last/use >"$out"
printf '%s\n' './model/größe 1.bin' './set/größe 1.bin' ./set/same.txt 'model 1' \
    >"$scratch/expected"
same_file "$scratch/expected" "$out"
same "datum://$best $best v" "$(seen last/use model.files.0.uri) $(
    seen last/use model.files.0.datum_id) $(seen last/use model.files.0.metadata.0.k)"
same 2 "$(seen last/use set.files.#)"
same "datum://best $best" "$(value inputs.0.uri show last/use/0) $(
    value inputs.0.datum show last/use/0)"
same dataset://all/v1 "$(value inputs.1.uri show last/use/0)"

it "carries a datum along edges under its own id"
sluice_exits 0 run flow -p make.n=2 -i first.model=datum://$best
same "$best $best" "$(seen last/first model.files.0.datum_id) $(
    seen last/next model.files.0.datum_id)"
same "$(id_of best)" "$(seen last/made model.files.0.datum_id)"
[ "$best" != "$(id_of best)" ] || fail "the alias did not move"
same 2 "$(value changes.# alias history best)"
same "datum://$best" "$(value changes.1.target alias history best)"
same 3 "$(value files.# dataset show all/v1)"

it "keeps what was found when the alias moves before the task starts"
sluice_exits 0 run later -d
run=$(last_run)
await_event "run/$run/task/wait/0/started"
moved=$(id_of best)
sluice_exits 0 alias set best "$best"
touch go
await_event "run/$run/run/complete"
same "$moved" "$(seen "$run/use" model.files.0.datum_id)"
same "$best" "$(id_of best)"

it "makes two datums of a name that was written twice"
sluice_exits 0 run --step twice
run=$(last_run)
same 2 "$(value datums.# datum ls --run "$run" t)"
same "$run" "$(value datums.1.run datum ls --run "$run")"

it "stores a file without a run, once"
echo raw >raw.csv
sluice_exits 0 datum add raw.csv --alias raw -t a -t b
raw=$(id_of raw)
has "datum://$raw"
sluice_exits 0 datum add raw.csv
has "datum://$raw"
same "raw.csv null 2" "$(value name datum show raw) $(value run datum show raw) $(
    value tags.# datum show raw)"
sluice_exits 0 datum add raw.csv --name other/name.csv
same other/name.csv "$(value datums.0.name datum ls -n 1)"
sluice_exits 2 datum add raw.csv --name ../up
sluice_exits 2 datum add gone.csv
sluice_exits 2 datum add raw.csv --alias a/b
sluice_exits 0 run --step use -i model=datum://raw
same raw "$(stdout_of last/use | tail -n 1)"

it "tags datums and runs"
sluice_exits 0 tag add datum://raw "für später"
sluice_exits 0 tag rm datum://raw a nothing
same "b für später" "$(value tags.0 datum show raw) $(value tags.1 datum show raw)"
sluice_exits 0 tag add last paper
same "$(last_run) 1" "$(value runs.0.number ls --tag paper) $(value runs.# ls --tag paper)"
same paper "$(value run.tags.0 show last)"
sluice_exits 2 tag add 9999 x
sluice_exits 2 tag add datum://raw ''

it "makes versions of datasets out of others"
sluice_exits 0 dataset create all/v2 --from all/v1 --exclude same.txt datum://raw
same 3 "$(value files.# dataset show all/v2)"
same dataset://all/v1 "$(value datasets.1.from dataset ls all)"
sluice_exits 1 dataset create all/v2
sluice_exits 0 dataset add all/v2 raw
same 3 "$(value files.# dataset show all/latest)"
sluice_exits 0 alias set dataset://all/prod v1
same dataset://all/v1 "$(value uri dataset show all/prod)"
sluice_exits 1 alias set dataset://all/v1 v2
sluice_exits 2 alias set dataset://all/prod raw
sluice_exits 2 alias set raw dataset://all/v1

derive() { # N PROPERTIES
    sed "s|PROPERTIES}|PROPERTIES, default: '$2'}|" valohai.yaml >"$scratch/y"
    cp valohai.yaml "$scratch/kept" && cp "$scratch/y" valohai.yaml
    sluice_exits "${3-0}" run --step derive -p n="$1" -p status="${3-0}"
    cp "$scratch/kept" valohai.yaml
}

it "begins a version with another one when a task asks for it"
derive 1 '{"valohai.dataset-versions":[{"uri":"dataset://all/v3","from":"v1","exclude":["nothing"]}]}'
same 3 "$(value files.# dataset show all/v3)"
same dataset://all/v1 "$(value datasets.2.from dataset ls all)"
derive 2 '{"valohai.dataset-versions":[{"uri":"dataset://all/v3","from":"dataset://all/v2"}]}'
has 'was begun with another version already' "$err"
same 4 "$(value files.# dataset show all/v3)"
derive 3 '{"valohai.dataset-versions":[{"uri":"dataset://all/v3","start_fresh":true}]}'
same 3 "$(value files.# dataset show all/v3)"
derive 4 '{"valohai.dataset-versions":[{"uri":"dataset://all/v4","from":"none"}]}'
has 'dataset all of project p has no such version or alias' "$err"
same 1 "$(value files.# dataset show all/v4)"

it "names what a failed task left, and of several tries what the last one left"
derive 5 '{"valohai.alias":"broken"}' 1
same error "$(state_of last)"
same same.txt "$(value name datum show broken)"
sluice_exits 0 run again
same 1 "$(value changes.# alias history flaky)"
same 1 "$(value datums.# datum ls -t flaky)"
rm -rf "$scratch/f"
sluice_exits 0 outputs last/flaky -d "$scratch/f"
same "$(value digest datum show flaky)" "sha256:$(sha256sum <"$scratch/f/f" | cut -d ' ' -f 1)"
same 2 "$(cat "$scratch/f/f")"

it "forgets an alias, but not what it was"
sluice_exits 0 alias rm raw
sluice_exits 2 datum show raw
sluice_exits 2 alias rm raw
same null "$(value changes.0.target alias history raw)"

it "remembers all of it after a restart, also when the broker was killed at once"
sluice_exits 0 tag add datum://best late
pid=$(value pid status)
kill -9 "$pid"
gone "$pid"
same late "$(value tags.2 datum show best)"
stop_daemons "$project"
same "$best" "$(id_of best)"
same 3 "$(value files.# dataset show all/v2)"
same 4 "$(value aliases.# alias ls)"

it "says what is wrong, and the nearest name"
sluice_exits 2 run --step use -i model=datum://bset
has 'did you mean "best"?' "$err"
sluice_exits 2 run --step use -i model=dataset://all/v9
has 'dataset all of project p has no such version or alias' "$err"
sluice_exits 2 run --step use -i model=dataset://al/v1
has 'did you mean "all"?' "$err"
sluice_exits 2 run --step use -i model=dataset://all
has 'it has to be dataset://NAME/VERSION' "$err"
sluice_exits 2 run --step use -i model=datum://00000000-0000-8000-8000-000000000000
has 'there is no such datum' "$err"
sluice_exits 2 run --step use -i 'model=datum://a/b'

it "says which bytes are gone"
digest=$(value digest datum show best)
stop_daemons "$project"
chmod -R u+w .sluice/objects && rm -r .sluice/objects
sluice_exits 2 run --step use
has "the bytes of deep/größe 1.bin are gone from the store ($digest)" "$err"
