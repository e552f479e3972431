# `sluice explain`: why something waits, is tried again, or failed; priorities; requests
# that no node can satisfy.
. "$SYSTEM_TESTS/lib.sh"

cpus=$(getconf _NPROCESSORS_ONLN)
mkfifo "$scratch/go"
echo data >other
cat >valohai.yaml <<END
- step:
    name: hold
    image: debian:12
    command: read -r _ <$scratch/go
    resources: {cpu: {min: $cpus}}
- step:
    name: take
    image: debian:12
    command: echo taken
    resources: {cpu: {min: $cpus}}
- step: {name: fail, image: debian:12, command: exit 3}
- step: {name: huge, image: debian:12, command: 'true', resources: {cpu: {min: 100000}}}
- pipeline:
    name: wait
    nodes:
      - {name: first, type: execution, step: hold}
      - {name: second, type: execution, step: take}
      - {name: beside, type: execution, step: take}
    edges: [[first.dependency.*, second.dependency.*]]
- pipeline:
    name: again
    nodes: [{name: one, type: execution, step: fail, on-error: retry}]
    edges: []
- pipeline:
    name: ask
    nodes:
      - name: gate
        type: execution
        step: fail
        actions: [{when: node-starting, then: require-approval}]
    edges: []
- step:
    name: measure
    image: debian:12
    command: echo '{"loss":' {parameter-value:loss} '}'
    parameters: [{name: loss, type: float, default: 0.9}]
- step:
    name: list
    image: debian:12
    command: 'true'
    inputs: [{name: files}]
    parameters: [{name: words}]
- pipeline:
    name: watch
    nodes:
      - name: first
        type: execution
        step: measure
        actions: [{when: node-complete, if: parameter.loss > 0.5, then: error-pipeline}]
      - {name: second, type: execution, step: measure}
    edges: [[first.dependency.*, second.dependency.*]]
END

it "says what a stage waits for"
sluice_exits 0 run -d --priority 7 wait
await_event run/1/task/first/0/started
sluice_exits 0 explain 1/second
has "stage second waits for stage first (started)"
same upstream "$(value why explain 1/second)"
sluice_exits 0 explain 1/beside
has "and none of the 1 nodes that could run it has that free now"
has "0 of $cpus CPU free"
same busy "$(value why explain 1/beside/0)"
sluice_exits 0 explain 1
has "run 1 goes on, 1 tasks run; stage beside asks for"
same runs "$(value why explain 1/first/0)"

it "shows the priority of a run"
same 7 "$(value priority show 1)"
sluice_exits 0 show 1
has "priority"
sluice_exits 2 run --priority 1001 wait
sluice_exits 2 run --priority high wait
echo >"$scratch/go"
await_event run/1/run/complete
same complete "$(value why explain 1)"

it "says why something failed, and what would help"
sluice_exits 1 run --step fail
sluice_exits 0 explain 2
has "run 2 is error: stage fail is error: task 0 of stage fail failed on node"
has "exit code 3"
has "what would help: \`sluice logs\`"
same error "$(value why explain 2/fail/0)"

it "says how each attempt of a task ended"
sluice_exits 1 run again
sluice_exits 0 explain last/one/0
has "attempt 1: exit code 3"
has "attempt 3: exit code 3"
same 3 "$(value attempts.# explain last/one/0)"

it "ends at once what no node can satisfy"
sluice_exits 1 run --step huge
sluice_exits 0 explain last
has "no node has what stage huge asks for: 100000 CPU"
has "ask for less"

it "says that a person is asked"
sluice_exits 0 run -d ask
await_event run/5/stage/gate/approval
same approval "$(value why explain last/gate)"
sluice_exits 0 explain last
has "sluice approve 5 gate"
sluice_exits 0 reject last gate
sluice_exits 0 explain 5
has "run 5 is stopped"

it "names the stage whose action ended the run, also where that is complete"
sluice_exits 1 run watch
sluice_exits 0 explain last
has "run 6 is error: an action of stage first ended the run"
has "what would help: sluice explain 6/first"
same error "$(value why explain last)"

it "shows where two long values differ"
sluice_exits 0 run --step list -p words=1 -i files=valohai.yaml
words=$(seq -s ' ' 1000)
sluice_exits 0 run --step list -p words="$words 1" -i files=valohai.yaml
sluice_exits 0 run --step list -p words="$words 2" -i files=valohai.yaml -i files=other
sluice_exits 0 explain last/list
has '997 998 999 1000 1" -> …91 992 993 994 995'
has "input:files              1 file: valohai.yaml -> 2 files: valohai.yaml, other"
has "input:files/other        (none) -> sha256:$(sha256sum <other | cut -c 1-12)…"

it "refuses what is not there"
sluice_exits 2 explain 99
sluice_exits 2 explain 1/nosuch
sluice_exits 2 explain 1/first/1
sluice_exits 2 explain
