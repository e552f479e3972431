# What a result was made of: records, secrets, the chain of versions, and that `verify`
# names what was changed.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: train
    image: debian:12
    command:
      - echo {parameters}
      - echo "{\"loss\":0.5}"
      - echo model > "$VH_OUTPUTS_DIR/model.bin"
      - printf %s "$API_TOKEN" | wc -c
      - test {parameter-value:fail} = no
    parameters:
      - {name: rate, type: float, default: 0.5}
      - {name: fail, type: string, default: "no"}
    inputs: [{name: data, default: data.csv}]
    environment-variables:
      - {name: API_TOKEN, default: hush-hush-hush}
      - {name: MODE, default: fast}
- task:
    name: grid
    step: train
    type: grid_search
    parameters: [{name: rate, style: multiple, rules: {items: [0.1, 0.2, 0.3]}}]
- pipeline:
    name: all
    nodes: [{name: sweep, type: task, task: grid}]
    edges: []
END
echo 1,2 >data.csv
git init -q . && git config user.email a@localhost && git config user.name a &&
    printf '%s\n' .sluice >.gitignore && git add . && git commit -qm first

it "records what a result was made of"
sluice_exits 0 run --step train -p rate=0.25
sluice_exits 0 record 1
has "user: $(id -un)"
has "commit: $(git rev-parse HEAD)"
has "value: 0.25"
record() { value "0.$1" record 1; }
same 1 "$(record version.number)"
same "$(value run.id show 1)" "$(record run_id)"
same complete "$(record task.state)"
same false "$(record code.dirty)"
same float "$(record parameters.0.type)"
same 0.25 "$(record parameters.0.value)"
same data "$(record inputs.0.input)"
same "sha256:$(sha256sum <data.csv | cut -d' ' -f1)" "$(record inputs.0.digest)"
same model.bin "$(record outputs.0.name)"
same 0.5 "$(record metadata.loss)"
same "$(uname -r)" "$(record environment.object.kernel)"
same "$(hostname)" "$(record asked.host)"
same debian:12 "$(record image)"

it "shows secrets as masks, but gives them to the task"
same 14 "$(stdout_of 1/train/0 | tail -n 1)"
same API_TOKEN "$(record variables.0.name)"
same true "$(record variables.0.masked)"
same fast "$(record variables.1.value)"
sluice_exits 0 record 1 --json
has_not hush-hush-hush
has masked:
sluice_exits 0 run --step train
same "$(record variables.0.value)" "$(value 0.variables.0.value record 2)" "equal values"

it "records failed tasks and every task of a sweep"
sluice_exits 1 run --step train -p fail=yes
same error "$(value 0.task.state record 3)"
same 1 "$(value 0.task.exit_code record 3)"
sluice_exits 0 run all
sluice_exits 0 record last
same 4 "$(wc -l <"$out" | tr -d ' ')"
has sweep/2
same 0.3 "$(value 2.parameters.0.value record last)"
sluice_exits 2 record 9
sluice_exits 2 record 1/nosuch

it "finds nothing changed where nothing was"
sluice_exits 0 verify
has "6 versions"
sluice_exits 0 verify 2
same true "$(value good verify)"
head=$(value head verify)
"$SLUICE" record last | grep -q "$head" || fail "the last version is not one of the last run"
"$SLUICE" stop --force >/dev/null
same "$head" "$(value head verify)" "after a restart"

# Changes the store, expects the fault to be named, and takes the change back.
flip() { # TABLE KEY AT WHAT VERSION
    "$SLUICE" stop --force >/dev/null
    cp .sluice/store/data.mdb "$scratch/whole.mdb"
    size=$("$TOOLS/flip" .sluice/store "$1" "$2" "$3") || fail "flip $1 $2"
    sluice_exits 1 verify --json
    same "$4" "$("$TOOLS/json" fault.what <"$out")" "what of $1 $2 at $3 of $size"
    same "$5" "$("$TOOLS/json" fault.version <"$out")" "version of $1 $2 at $3 of $size"
    sluice_exits 1 verify
    "$SLUICE" stop --force >/dev/null
    cp "$scratch/whole.mdb" .sluice/store/data.mdb
}

one=0000000000000001 two=0000000000000002 six=0000000000000006 zero=0000000000000000

it "names a record that was changed, wherever the bit is"
for at in 1 5 37 38 45 80 -1; do
    flip versions $two "$at" record 2
done
flip versions $one -1 record 1
flip versions $six -1 record 6
flip versions $six 6 record 6
flip versions $six remove record 6

it "names a result, a plan, a run and a resolved stage that were changed"
flip results "${one}00000000${zero}00000001" 20 result 1
flip results "${one}00000000${zero}00000001" remove result 1
flip plans $two 12 class 2
flip runs $two -20 class 2
flip resolved "${two}00000000" 12 class 2

it "names a file that was changed, and one that is missing"
digest=$(record outputs.0.digest)
object=.sluice/objects/$(echo "$digest" | cut -c8-9)/$(echo "$digest" | cut -c10-)
cp "$object" "$scratch/object"
chmod u+w "$object"
printf X | dd of="$object" bs=1 conv=notrunc 2>/dev/null
sluice_exits 1 verify
has "model.bin"
has "was changed"
rm -f "$object"
sluice_exits 1 verify
has "is missing (if \`sluice gc\` removed files: --allow-missing"
sluice_exits 0 verify --allow-missing
has "1 artifacts are not in the store"
cp "$scratch/object" "$object"
sluice_exits 0 verify

it "tells a store that was set back or made anew by a hash that was kept elsewhere"
head=$(value head verify)
count=$(value versions verify)
same "$count" "$(value known verify --head "$head")"
sluice_exits 0 stop
cp -a .sluice/store "$scratch/earlier"
sluice_exits 0 run --step train
same "$count" "$(value known verify --head "$head")" "an older hash"
later=$(value head verify)
sluice_exits 0 verify --head "$later"
has "version $((count + 1)) has the hash that was given"
sluice_exits 2 verify --head sha256:12
has "is no hash" "$err"
sluice_exits 0 stop
rm -r .sluice/store && mv "$scratch/earlier" .sluice/store
sluice_exits 0 verify
sluice_exits 1 verify --head "$later"
has "no version has the hash that was given"
sluice_exits 1 verify --head "$later" --json
same head "$("$TOOLS/json" fault.what <"$out")"
sluice_exits 0 stop
rm -r .sluice/store
sluice_exits 0 run --step train
sluice_exits 0 verify
sluice_exits 1 verify --head "$head"
