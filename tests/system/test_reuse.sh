# Reuse: what equals an earlier success is not run; what differs is, and explain names it.
. "$SYSTEM_TESTS/lib.sh"

mkdir "$scratch/ran"
cat >valohai.yaml <<END
- step:
    name: prepare
    image: debian:12
    command:
      - echo x >> "$scratch/ran/prepare"
      - sh prepare.sh
    inputs: [{name: raw, default: raw.txt}]
    environment-variables: [{name: SLUICE_CODE, default: prepare.sh}]
- step:
    name: train
    image: debian:12
    command:
      - echo x >> "$scratch/ran/train"
      - sh train/train.sh {parameter-value:lr}
    parameters: [{name: lr, type: float, default: 0.5}]
    inputs: [{name: data}]
    environment-variables: [{name: SLUICE_CODE, default: train/}, {name: MODE, default: fast}]
- step:
    name: choose
    image: debian:12
    command:
      - echo x >> "$scratch/ran/choose"
      - cat "\$VH_INPUTS_DIR"/models/* > "\$VH_OUTPUTS_DIR/best"
    parameters: [{name: scores, type: float, multiple: repeat, optional: true}]
    inputs: [{name: models}]
- step:
    name: gate
    image: debian:12
    command:
      - echo x >> "$scratch/ran/gate"
      - echo waits > "$scratch/said"
      - read -r word < "$scratch/go"
      - test "\$word" = good
- task:
    name: sweep
    step: train
    parameters: [{name: lr, style: multiple, rules: {items: [0.1, 0.2, 0.3]}}]
- pipeline:
    name: p
    reuse-executions: true
    nodes:
      - {name: prepare, type: execution, step: prepare}
      - {name: sweep, type: task, task: sweep}
      - {name: choose, type: execution, step: choose}
    edges:
      - [prepare.output.data.txt, sweep.input.data]
      - [sweep.output.*, choose.input.models]
      - [sweep.metadata.score, choose.parameter.scores]
- pipeline:
    name: gated
    reuse-executions: true
    nodes: [{name: gate, type: execution, step: gate}]
    edges: []
END
mkdir train
echo data.txt >.vhignore # a copy of an output, which must not be stored anew
echo 1 2 3 >raw.txt
cat >prepare.sh <<'END'
[ ! -e train ] || exit 9 # it sees only what it names
sort "$VH_INPUTS_DIR"/raw/raw.txt > "$VH_OUTPUTS_DIR/data.txt"
head -c 100000 /dev/zero >> "$VH_OUTPUTS_DIR/data.txt" # so that it is a file in the store
echo prepared
END
cat >train/train.sh <<'END'
cat "$VH_INPUTS_DIR"/data/data.txt > "$VH_OUTPUTS_DIR/model-$1"
echo "$1" >> "$VH_OUTPUTS_DIR/model-$1"
printf '{"score": %s}\n' "$1"
END

# How often each step ran since the last look: prepare, train, choose.
ran() {
    for step in prepare train choose; do
        [ ! -e "$scratch/ran/$step" ] || wc -l <"$scratch/ran/$step"
        [ -e "$scratch/ran/$step" ] || echo 0
        rm -f "$scratch/ran/$step"
    done | tr '\n' ' '
}

# The fields that differ from the nearest earlier success.
fields_of() { # RUN/STAGE[/N]
    "$SLUICE" explain "$1" --json | "$TOOLS/json" differences >"$scratch/fields"
    grep -o '"field": *"[^"]*"' "$scratch/fields" | cut -d '"' -f 4 | tr '\n' ' '
}

it "runs everything once, and nothing the second time"
sluice_exits 0 run p
same "1 3 1 " "$(ran)"
sluice_exits 0 run p
same "0 0 0 " "$(ran)"
has "stage sweep  complete, 3 of 3 reused, the first from 1/sweep/0"
same 5 "$(value run.reused show 2)"
same 5 "$(value run.complete show 2)"
sluice_exits 0 explain 2/prepare
has "it uses the result of 1/prepare/0, all fields being equal"
sluice_exits 0 explain 2
has "run 2 is complete"
has "it uses the result of 1/prepare/0, all fields being equal"
has "3 of 3 tasks are reused"
same 1/choose/0 "$(value stages.2.origin explain 2)"
same 1/sweep/2 "$(value origin explain 2/sweep/2)"
same reused "$(value task.cause show 2/sweep/1)"
same 1/sweep/1 "$(value task.origin show 2/sweep/1)"
sluice_exits 0 ls
has "5/5, 5 reused"
sluice_exits 0 show 2
has "reused from 1/choose/0"
await_event run/2/task/sweep/0/complete 0
"$SLUICE" explain 1/prepare >"$out"
has "the step has no earlier success"

it "outputs, log and metadata are those of the one that ran"
same "$(stdout_of 1/prepare)" "$(stdout_of 2/prepare)"
sluice_exits 0 outputs 1/sweep -d "$scratch/one"
sluice_exits 0 outputs 2/sweep -d "$scratch/two"
diff -r "$scratch/one" "$scratch/two" >/dev/null || fail "other outputs"
same "$(value 2.metadata.score metadata 1/sweep)" "$(value 2.metadata.score metadata 2/sweep)"

it "one line of a script runs what gets that file, and explain names it"
echo '# changed' >>train/train.sh
sluice_exits 0 run p
same "0 3 1 " "$(ran)"
same "code " "$(fields_of last/sweep)"
sluice_exits 0 explain last/sweep/1
has "1 field differs: code"
has "changed: train/train.sh"
has_not "prepare.sh"

it "a parameter runs what it is given to"
sluice_exits 0 run p -p choose.scores=7
same "0 0 1 " "$(ran)"
same "parameter:scores " "$(fields_of last/choose)"
has '"after":"[7.0]"' "$scratch/fields"
sed -i 's/0.2, 0.3]/0.2, 0.4]/' valohai.yaml
sluice_exits 0 run p
same "0 1 1 " "$(ran)"
same 2 "$(value stages.1.reused show last)"
same "parameter:lr " "$(fields_of last/sweep)"

it "one byte of data runs what comes of it, and no more"
echo 1 2 4 >raw.txt
sluice_exits 0 run p
same "1 3 1 " "$(ran)"
same "input:raw/raw.txt " "$(fields_of last/prepare)"
same "input:data/data.txt " "$(fields_of last/sweep/0)"
printf '1 2 4\n\n' >raw.txt # sorts to other bytes; then back
sluice_exits 0 run p
echo 1 2 4 >raw.txt
ran >/dev/null
sluice_exits 0 run p
same "0 0 0 " "$(ran)"

it "variables, image and command count; title and priority do not"
sluice_exits 0 run p --title other --priority 3
same "0 0 0 " "$(ran)"
sed -i 's/default: fast/default: slow/' valohai.yaml
sluice_exits 0 run p
same "0 3 0 " "$(ran)"
same "variable:MODE " "$(fields_of last/sweep)"
sluice_exits 0 explain last/sweep
has "variable:MODE            fast -> slow"
digest=$(printf '%064d' 7)
sed -i "0,/image: debian:12/s//image: debian:12@sha256:$digest/" valohai.yaml
sluice_exits 0 run p
same "1 0 0 " "$(ran)"
sluice_exits 0 explain last/prepare
has "image                    debian:12 -> debian:12@sha256:0000"
sed -i "s/debian:12@sha256/mirror.example\/debian@sha256/" valohai.yaml
sluice_exits 0 run p
same "0 0 0 " "$(ran)"

it "an equal step by itself uses the task of a sweep, if asked to"
sluice_exits 0 outputs last/prepare -d "$scratch/three"
cp "$scratch/three/data.txt" data.txt
sluice_exits 0 run --step train -p lr=0.1 -i data=data.txt
same "0 1 0 " "$(ran)"
sluice_exits 0 explain last/train
has "but reuse was not asked for"
sluice_exits 0 run --step train -p lr=0.1 -i data=data.txt --reuse
same "0 0 0 " "$(ran)"

it "the setting of the project asks, an option has the last word"
sluice_exits 0 run p --no-reuse
same "1 3 1 " "$(ran)"
echo 'reuse: true' >.sluice/config.yaml
sluice_exits 0 run --step train -p lr=0.1 -i data=data.txt
same "0 0 0 " "$(ran)"
sluice_exits 0 run --step train -p lr=0.1 -i data=data.txt --no-reuse
same "0 1 0 " "$(ran)"
sluice_exits 2 run p --reuse --no-reuse
rm .sluice/config.yaml

it "a result whose file is gone is made again, and the rest is used"
sluice_exits 0 run p
ran >/dev/null
digest=$(value 0.digest outputs "$(last_run)/prepare" | cut -d : -f 2)
rm ".sluice/objects/$(echo "$digest" | cut -c 1-2)/$(echo "$digest" | cut -c 3-)" || fail "no such file"
sluice_exits 0 run p
same "1 0 0 " "$(ran)"
same 4 "$(value run.reused show last)"

it "of two equal runs at once one works, also when the broker is killed"
mkfifo "$scratch/go" "$scratch/said"
sluice_exits 0 run gated --detach
first=$(last_run)
read -r _ <"$scratch/said"
sluice_exits 0 run gated --detach
sluice_exits 0 run gated --detach
last=$(last_run)
same twin "$(value why explain "$last/gate")"
sluice_exits 0 explain "$last/gate"
has "an equal stage that is at work, $first/gate"
pid=$(value pid status)
kill -9 "$pid"
gone "$pid" "the broker"
same twin "$(value why explain "$last/gate")"
echo good >"$scratch/go"
await_event "run/$last/run/complete" 0
same 1 "$(wc -l <"$scratch/ran/gate")"
same "$first/gate/0" "$(value stages.0.origin show "$last")"

it "when the one at work fails, the other runs itself"
sed -i 's/test "\$word" = good/test "$word" = fine/' valohai.yaml
sluice_exits 0 run gated --detach
first=$(last_run)
read -r _ <"$scratch/said"
sluice_exits 0 run gated --detach
echo bad >"$scratch/go"
await_event "run/$first/run/error" 0
read -r _ <"$scratch/said"
echo fine >"$scratch/go"
await_event "run/$((first + 1))/run/complete" 0

it "a stage that names no file is refused"
sed -i 's/default: prepare.sh/default: prepared.sh/' valohai.yaml
sluice_exits 2 run p
has 'no file of the project is named by "prepared.sh"' "$err"

it "the digits example does nothing the second time"
if command -v svm-train >/dev/null 2>&1; then
    example digits
    cd "$scratch/digits" || exit 1
    sluice_exits 0 run digits
    sluice_exits 0 run digits
    same 18 "$(value run.reused show 2)"
    sluice_exits 0 explain 2/sweep
    has "16 of 16 tasks are reused; it uses the result of 1/sweep/0"
    echo '# changed' >>train.sh
    sluice_exits 0 run digits
    same 1 "$(value stages.0.reused show 3)" # prepare
    same 0 "$(value stages.1.reused show 3)"
    same 1 "$(value stages.2.reused show 3)" # the models are the same bytes
    same "code " "$(fields_of 3/sweep)"
    sluice_exits 0 explain 3/sweep
    has "changed: train.sh"
    stop_daemons "$scratch/digits"
    cd "$project" || exit 1
fi
