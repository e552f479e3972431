# What an imported run brings besides its records: results that are used again, data by id,
# tags, aliases and versions of datasets; nothing that has such a name already is changed.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: train
    image: none
    command:
      - echo trained
      - echo "model {parameter-value:seed}" > "$VH_OUTPUTS_DIR/model.bin"
      - cp properties.json "$VH_OUTPUTS_DIR/model.bin.metadata.json"
    inputs: [{name: data, default: data.csv}]
    parameters: [{name: seed, type: integer, default: 1}]
- step:
    name: hidden
    image: none
    command: echo x > "$VH_OUTPUTS_DIR/x"
    environment-variables: [{name: API_TOKEN, default: hush-hush-hush}]
- pipeline:
    name: both
    nodes:
      - {name: train, type: execution, step: train}
      - {name: hidden, type: execution, step: hidden}
    edges: []
END
cat >properties.json <<'END'
{"valohai.tags": ["fine"], "valohai.alias": "best",
 "valohai.dataset-versions": ["dataset://models/one"]}
END
echo 1,2 >data.csv
sluice_exits 0 run both
id=$(value datums.0.id datum ls model.bin)
sluice_exits 0 tag add "datum://$id" by-hand
sluice_exits 0 tag add 1 paper
echo given >"$scratch/given.txt"
given=$(value id datum add "$scratch/given.txt")
other=$(value datums.0.id datum ls --run 1 x)
sluice_exits 0 alias set hand "$id"
sluice_exits 0 alias set elsewhere "$given"
sluice_exits 0 dataset create models/two "datum://$id" "datum://$other"
sluice_exits 0 dataset add models/one "datum://$other"
sluice_exits 0 dataset create mixed/one "datum://$id" "datum://$given"
sluice_exits 0 alias set dataset://models/prod two
sluice_exits 0 alias set dataset://mixed/prod one
sluice_exits 0 export 1 -o "$scratch/one.tar"
sluice_exits 0 run --step train -p seed=2
second=$(value datums.0.id datum ls --run 2 model.bin)
sluice_exits 0 alias set hand "$second"
sluice_exits 0 dataset create models/late "datum://$second"
sluice_exits 0 export 2 -o "$scratch/two.tar"
files="valohai.yaml properties.json data.csv"

# Aliases, datasets and the names of steps belong to a project, known by its folder's name.
home=$project
there=$scratch/far/p
trap 'stop_daemons "$there"; look_for_reports "$there"; finish' EXIT
move_in() { # FOLDER
    there=$1
    mkdir -p "$there"
    for file in $files; do
        cp "$home/$file" "$there"
    done
    cd "$there" || exit 1
}
move_in "$scratch/far/p"

it "brings data by id, tags, aliases and versions of datasets"
sluice_exits 0 import "$scratch/one.tar"
same "$id" "$(value id datum show best)"
same "$id" "$(value id datum show "$id")"
same "fine by-hand" "$(value tags.0 datum show best) $(value tags.1 datum show best)"
same 1 "$(value run datum show best)"
sluice_exits 0 ls --tag paper
has both
same "$id" "$(value files.0.id dataset show models/one)"
sluice_exits 0 check

it "brings names that were given by hand, if all that they stand for is of the run"
same "$id" "$(value id datum show hand)"
sluice_exits 0 alias history hand
has "import of run 1"
same "one 2" "$(value datasets.0.version dataset ls models) $(value datasets.0.files dataset ls models)"
same "two 2" "$(value datasets.1.version dataset ls models) $(value datasets.1.files dataset ls models)"
same "$id" "$(value files.0.id dataset show models/prod)"
sluice_exits 2 datum show elsewhere
sluice_exits 2 dataset show mixed/one
sluice_exits 2 dataset show mixed/prod

it "uses the results of an imported run"
sluice_exits 0 run --step train --reuse
same 1 "$(value run.reused show last)"
sluice_exits 0 explain last/train
has "1/train/0"
sluice_exits 0 outputs last/train -d "$scratch/got"
same "model 1" "$(cat "$scratch/got/model.bin")"

it "compares with it what did run"
echo 3,4 >data.csv
sluice_exits 0 run --step train --reuse
sluice_exits 0 explain last/train
has "1/train/0"
has "input:data/data.csv"
echo 1,2 >data.csv

it "does not take a masked secret of elsewhere for one of here"
sluice_exits 0 run --step hidden --reuse
same 0 "$(value run.reused show last)"

it "leaves names as they are that are here already, and says so"
kept=$(value id datum show best)
sluice_exits 0 import "$scratch/two.tar"
has "the alias best points to datum://$kept here" "$err"
has "dataset://models/one is here already" "$err"
has "the alias hand points to datum://$id here" "$err"
same "$id" "$(value id datum show hand)"
same "$second" "$(value files.0.id dataset show models/late)"
same "$kept" "$(value id datum show best)"
same "one 2" "$(value datasets.1.version dataset ls models) $(value datasets.1.files dataset ls models)"
sluice_exits 0 run --step train -p seed=2 --reuse
same 1 "$(value run.reused show last)"
sluice_exits 0 check
sluice_exits 0 verify
stop_daemons "$there"

it "prefers a whole result of its own"
move_in "$scratch/near/p"
sluice_exits 0 run --step train
sluice_exits 0 import "$scratch/one.tar"
sluice_exits 0 run --step train --reuse
sluice_exits 0 explain last/train
has "1/train/0"
