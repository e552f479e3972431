# Pipelines: what flows along edges, merge modes, overrides, pipeline parameters, and the
# sweeps that a list makes.
. "$SYSTEM_TESTS/lib.sh"

mkdir own && echo one >own/1.txt && echo two >own/2.txt
cat >valohai.yaml <<'END'
- step:
    name: make
    image: debian:12
    command:
      - mkdir -p "$VH_OUTPUTS_DIR/deep/er"
      - echo a{parameter-value:text} > "$VH_OUTPUTS_DIR/a.txt"
      - echo b > "$VH_OUTPUTS_DIR/deep/er/b.txt"
      - echo c > "$VH_OUTPUTS_DIR/c.bin"
      - echo '{"list":["x","y z",3],"number":1}'
      - printf '{"number":%s}\n' {parameter-value:number}
      - echo "{\"env\":\"$ENV_FROM\"}"
    parameters:
      - {name: text, default: ''}
      - {name: number, type: integer, default: 7}
      - {name: several, multiple: repeat, default: [p, q]}
    inputs: [{name: base, default: own/1.txt}]
    environment-variables: [{name: ENV_FROM, default: from step}]
- step:
    name: take
    image: debian:12
    command:
      - printf '<%s>' {parameters}; echo
      - echo "env $ENV_TO"
      - cd "$VH_INPUTS_DIR" && find . -type f | sort
      - cp "$VH_CONFIG_DIR/inputs.json" "$VH_OUTPUTS_DIR/$VH_EXECUTION_ID.json"
    parameters:
      - {name: number, type: integer, default: 1}
      - {name: word, optional: true}
      - {name: several, multiple: separate, optional: true}
    inputs:
      - {name: in, optional: true, default: own/2.txt}
      - {name: other, optional: true}
    environment-variables: [{name: ENV_TO, default: unset}]
- pipeline:
    name: flow
    parameters:
      - {name: label, targets: [make.parameter.text], default: P}
      - {name: amount, targets: make.parameters.number}
    nodes:
      - {name: make, type: execution, step: make}
      - {name: take, type: execution, step: take}
      - {name: append, type: execution, step: take, edge-merge-mode: append}
      - {name: sweep, type: task, step: take}
      - {name: spread, type: task, step: take}
      - name: gather
        type: execution
        step: take
        override: {inputs: [{name: in}]}
      - {name: last, type: execution, step: take, override: {command: "echo overridden"}}
    edges:
      - [make.output.*.txt, take.input.in]
      - [make.output.c.bin, take.input.other]
      - [make.metadata.number, take.parameter.number]
      - [make.parameter.several, take.parameter.several]
      - [make.environment-variable.ENV_FROM, take.environment-variable.ENV_TO]
      - [make.output.deep/*, append.input.in]
      - [make.input.base, append.input.other]
      - [make.metadata.list, append.parameter.several]
      - [make.metadata.list, sweep.parameter.word]
      - [make.parameter.several, spread.parameter.word]
      - [sweep.output.*.json, gather.input.in]
      - [gather.dependency.*, last.dependency.*]
- pipeline:
    name: over
    nodes:
      - name: make
        type: execution
        step: make
        override:
          image: other:1
          command: ['echo replaced {parameters}', 'ls "$VH_INPUTS_DIR/base"']
          parameters: [{name: text, default: over}, {name: number, optional: true}]
          inputs: [{name: base, default: own/2.txt}]
          environment-variables: [{name: ENV_FROM, default: over}]
    edges: []
END

it "carries files, values and variables along edges of every type"
sluice_exits 0 run flow
cat >"$scratch/expected" <<'END'
<--number=7><--several=p,q>
env from step
./in/a.txt
./in/b.txt
./other/c.bin
END
stdout_of 1/take >"$out"
same_file "$scratch/expected" "$out"

it "appends to an input's own files, takes files by a pattern, copies an input"
cat >"$scratch/expected" <<'END'
<--number=1><--several=x,y z,3>
env unset
./in/2.txt
./in/b.txt
./other/1.txt
END
stdout_of 1/append >"$out"
same_file "$scratch/expected" "$out"

it "makes a sweep of a list of metadata, and of a parameter"
same 3 "$(value stage.tasks show 1/sweep)"
same '["<--number=1><--word=x>" "<--number=1><--word=y z>" "<--number=1><--word=3>"]' \
    "[\"$(stdout_of 1/sweep/0 | head -n 1)\" \"$(stdout_of 1/sweep/1 | head -n 1)\" \"$(
        stdout_of 1/sweep/2 | head -n 1)\"]"
same 2 "$(value stage.tasks show 1/spread)"
same q "$(value parameters.word show 1/spread/1)"

it "gives the outputs of all executions of a sweep to one input"
same 3 "$(stdout_of 1/gather | grep -c '^./in/.*json$')" "files that arrived"
same overridden "$(stdout_of 1/last)"
sluice_exits 0 outputs 1/gather -d "$scratch/gather"
inputs=$(echo "$scratch"/gather/*.json)
same 3 "$("$TOOLS/json" in.files.# <"$inputs")"
for key in name path size checksums metadata; do
    [ -n "$("$TOOLS/json" in.files.0.$key <"$inputs")" ] || fail "no $key in inputs.json"
done
sum=$(value 0.digest outputs 1/sweep/0)
has "${sum#sha256:}" "$inputs"

it "takes pipeline parameters and values for one stage, of which the latter win"
sluice_exits 0 run flow -p label=Q -p amount=8 -p take.number=9 -p append.word=w \
    -i take.in=own/1.txt
same "a Q" "$(value parameters.text show last/make/0 | sed 's/^/a /')"
same 8 "$(value parameters.number show last/make/0)"
same '<--number=9><--several=p,q>' "$(stdout_of last/take | head -n 1)"
same '<--number=1><--word=w><--several=x,y z,3>' "$(stdout_of last/append | head -n 1)"

it "refuses values for what is not there"
sluice_exits 2 run flow -p nosuch=1
sluice_exits 2 run flow -p take.nosuch=1
sluice_exits 2 run flow -p nosuch.number=1
sluice_exits 2 run flow -p amount=text
sluice_exits 2 run flow -i take.nosuch=own/1.txt
same 2 "$(last_run)"

it "overrides image, command, parameters, inputs and variables of a step"
sluice_exits 0 run over
stdout_of last/make >"$out"
printf '%s\n' "replaced --text=over --several=p --several=q" 2.txt >"$scratch/expected"
same_file "$scratch/expected" "$out"
same other:1 "$(value image show last/make/0)"
