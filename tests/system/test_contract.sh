# What a running task sees: folders, variables, config files, its shell.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: look
    image: debian:12
    environment-variables: [{name: MINE, default: my value}]
    command:
      - cd /
      - export CARRIED=over
      - echo "carried $CARRIED from $PWD" # a comment swallows nothing
      - |
        cat <<HERE
        here $MINE
        HERE
      - cd "$VH_REPOSITORY_DIR" && ls -A
      - cp -R "$VH_CONFIG_DIR" "$VH_OUTPUTS_DIR/config"
      - env > "$VH_OUTPUTS_DIR/env"
      - echo "stdin $(wc -c)"
      - echo "arguments $# $1"
      - mktemp > "$VH_OUTPUTS_DIR/tmp" && echo "$TMPDIR" >> "$VH_OUTPUTS_DIR/tmp"
      - (echo x > "$VH_CONFIG_DIR/new") 2> /dev/null || echo config is read-only
    inputs: [{name: empty, optional: true}]
    parameters: [{name: n, type: integer, default: 3}, {name: unset, optional: true}]
- step:
    name: middle
    image: debian:12
    command: [echo first, 'false', echo last]
- step:
    name: missing
    image: debian:12
    command: /no/such/program
- step:
    name: shebang
    image: debian:12
    command: ["#!/bin/cat", some text]
- step:
    name: fixed
    image: debian:12
    command:
      - cat /valohai/repository/data.txt /valohai/config/parameters.json
      - ls /valohai/inputs/in && echo made > /valohai/outputs/made
    parameters: [{name: n, type: integer, default: 3}]
    inputs: [{name: in, default: data.txt}]
- step:
    name: signal
    image: debian:12
    command: kill -SEGV $$
- step:
    name: children
    image: debian:12
    command: (while :; do read -r line < fifo; done) & echo $! > "$VH_OUTPUTS_DIR/pid"; mkfifo fifo
- step:
    name: memory
    image: debian:12
    command: head -c 60000000 /dev/zero | tail -c 60000000 | wc -c
- step: {name: ok, image: debian:12, command: 'true'}
- pipeline:
    name: pipe
    nodes: [{name: a, type: execution, step: look}]
    edges: []
- pipeline:
    name: pair
    nodes: [{name: b, type: execution, step: ok}, {name: c, type: execution, step: ok}]
    edges: []
END
echo data >data.txt
mkdir kept && echo kept >kept/file
echo secret >ignored && echo ignored >.vhignore

it "has its folders, variables, one shell, an empty standard input"
export VALOHAI_PORT=80 SECRET_OF_THE_CALLER=1
sluice_exits 0 run --step look
unset VALOHAI_PORT SECRET_OF_THE_CALLER
stdout_of 1/look >"$out"
cat >"$scratch/expected" <<'END'
carried over from /
here my value
.vhignore
data.txt
kept
valohai.yaml
stdin 0
arguments 0 
config is read-only
END
[ "$(id -u)" -ne 0 ] || sed -i '/config is read-only/d' "$scratch/expected" "$out"
same_file "$scratch/expected" "$out"
sluice_exits 0 outputs 1/look -d "$scratch/look"
look=$scratch/look
for name in execution inputs parameters runtime api; do
    "$TOOLS/json" <"$look/config/$name.json" || fail "$name.json is not JSON"
    same "$("$TOOLS/json" '' <"$look/config/$name.json")" \
        "$("$TOOLS/yaml" "$look/config/$name.yaml")" "$name.yaml"
done
same '{"n":3}' "$("$TOOLS/json" '' <"$look/config/parameters.json")"
same '{"empty":{"files":[]}}' "$("$TOOLS/json" '' <"$look/config/inputs.json")"
for key in id counter ctime status step image title tags duration qtime; do
    grep -q "\"valohai.execution-$key\"" "$look/config/execution.json" ||
        fail "execution.json lacks valohai.execution-$key"
done
has '"valohai.commit-identifier"' "$look/config/execution.json"
variable() { sed -n "s/^$1=//p" "$look/env"; }
same "exec-$(variable VH_EXECUTION_ID)" "$(variable VH_JOB_ID)" VH_JOB_ID
same "my value" "$(variable MINE)"
same 1 "$(variable PYTHONUNBUFFERED)"
for name in VH_EXECUTION_ID VH_PROJECT_ID VH_CONFIG_DIR VH_INPUTS_DIR VH_OUTPUTS_DIR \
    VH_REPOSITORY_DIR VH_LOCAL_IP VH_PUBLIC_IP; do
    [ -n "$(variable $name)" ] || fail "$name is not set"
done
for name in VH_TASK_ID VH_PIPELINE_ID VH_PIPELINE_NODE_ID VALOHAI_PORT \
    SECRET_OF_THE_CALLER; do
    same "" "$(variable $name)" "$name"
done
same "$(tail -n 1 "$look/tmp")" "$(dirname "$(head -n 1 "$look/tmp")")" TMPDIR

it "knows its pipeline"
sluice_exits 0 run pipe
sluice_exits 0 outputs last/a -d "$scratch/pipe"
look=$scratch/pipe
[ -n "$(variable VH_PIPELINE_ID)" ] || fail "no VH_PIPELINE_ID"
[ -n "$(variable VH_PIPELINE_NODE_ID)" ] || fail "no VH_PIPELINE_NODE_ID"
for key in id counter node-id title tags; do
    grep -q "\"valohai.pipeline-$key\"" "$look/config/execution.json" ||
        fail "execution.json lacks valohai.pipeline-$key"
done

it "ends at the first command that fails"
sluice_exits 1 run --step middle
same first "$(stdout_of last/middle)"
sluice_exits 1 run --step missing
same 127 "$(value task.exit_code show last/missing/0)"
"$SLUICE" logs --stderr last/missing >"$out"
has /no/such/program

it "runs a script by its interpreter"
sluice_exits 0 run --step shebang
stdout_of last/shebang >"$out"
has "some text"

it "shows the fixed paths, where the system lets it"
"$SLUICE" run --step fixed >"$out" 2>"$err"
if ! grep -q 'may not use namespaces' "$err"; then
    same complete "$(value run.state show last)"
    stdout_of last/fixed >"$out"
    has data
    has '"n"'
    has data.txt
    same made "$(value 0.name outputs last/fixed)"
else
    echo "  the system does not let it"
fi

it "records the death by a signal, and leaves no process behind"
sluice_exits 1 run --step signal
same 11 "$(value task.signal show last/signal/0)"
same signal "$(value task.cause show last/signal/0)"
sluice_exits 0 run --step children
sluice_exits 0 outputs last/children -d "$scratch/children"
! kill -0 "$(cat "$scratch/children/pid")" 2>/dev/null || fail "a child lives on"

it "records what an attempt used"
sluice_exits 0 run --step memory
peak=$(value usage.memory_peak_bytes show last/memory/0)
[ "$peak" -gt 55000000 ] && [ "$peak" -lt 400000000 ] || fail "memory peak $peak"
for name in wall_us user_us; do
    [ "$(value usage.$name show last/memory/0)" -gt 0 ] || fail "no $name"
done
for name in system_us read_bytes written_bytes; do
    [ "$(value usage.$name show last/memory/0)" -ge 0 ] || fail "no $name"
done
same debian:12 "$(value image show last/memory/0)" image

it "says once per run that commands run on the host"
sluice_exits 0 run pair
same 1 "$(grep -c 'commands run on this host.*debian:12' "$err")" "how often it was said"
has "commands run on this host" "$err"
same 1 "$("$SLUICE" show last --json | grep -o 'commands run on this host' | grep -c .)" notes
