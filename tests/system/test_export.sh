# A run goes into one file and from there to another broker, where it is looked at like any
# other; a file that is not as it was exported changes nothing.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: train
    image: debian:12
    command:
      - echo trained {parameters}
      - echo "{\"loss\":0.5}"
      - echo model > "$VH_OUTPUTS_DIR/model.bin"
      - mkdir "$VH_OUTPUTS_DIR/deep" && head -c 3000000 /dev/zero > "$VH_OUTPUTS_DIR/deep/zeros"
      - test {parameter-value:fail} = no
    parameters:
      - {name: rate, type: float, default: 0.5}
      - {name: fail, type: string, default: "no"}
    inputs: [{name: data, default: data.csv}]
    environment-variables: [{name: API_TOKEN, default: hush-hush-hush}]
- task:
    name: grid
    step: train
    type: grid_search
    parameters: [{name: rate, style: multiple, rules: {items: [0.1, 0.2, 0.3]}}]
- pipeline:
    name: all
    nodes:
      - {name: first, type: execution, step: train}
      - {name: sweep, type: task, task: grid}
    edges: [[first.output.model.bin, sweep.input.data]]
END
echo 1,2 >data.csv
sluice_exits 0 run all
sluice_exits 1 run --step train -p fail=yes
id=$(value run.id show 1)

it "writes one file that tar can read"
sluice_exits 0 export 1 -o "$scratch/one.tar"
exits 0 tar -tf "$scratch/one.tar"
same manifest.json "$(head -n 1 "$out")"
same "$id" "$(tar -xOf "$scratch/one.tar" manifest.json | "$TOOLS/json" id)"
sluice_exits 0 export 2 --json
file=$("$TOOLS/json" file <"$out")
same "run-$(value run.id show 2 | cut -c1-8).sluice" "$file"
mv "$file" "$scratch/two.tar"
mkdir "$scratch/x" && tar -xf "$scratch/one.tar" -C "$scratch/x"
! grep -q hush-hush-hush "$scratch/x/records" || fail "the records tell a secret"
grep -q masked: "$scratch/x/records" || fail "the records have no mask"
sluice_exits 2 export 9

# Expects the same from both brokers.
both() { # PATH VERB...
    here=$(cd "$scratch/p" && value "$@")
    there=$(cd "$scratch/q" && value "$@")
    same "$here" "$there" "$*"
}

it "is a run like any other at another broker"
mkdir "$scratch/q" && cd "$scratch/q" || exit 1
cp "$scratch/p/valohai.yaml" "$scratch/p/data.csv" .
sluice_exits 0 import "$scratch/one.tar"
has "run 1: all, which was run 1"
for path in run.id run.title run.state run.created run.tree run.tasks stages.1.tasks; do
    both $path show 1
done
both 0.metadata.loss metadata 1/sweep/2
both 0.digest outputs 1/first
both tasks.2.state show 1/sweep
both tasks.1.exit_code show 1/sweep
both parameters.rate show 1/sweep/2
same "$(cd "$scratch/p" && stdout_of 1/sweep/2)" "$(stdout_of 1/sweep/2)"
sluice_exits 0 outputs 1/first -d "$scratch/files"
same model "$(cat "$scratch/files/model.bin")"
same 3000000 "$(wc -c <"$scratch/files/deep/zeros" | tr -d ' ')"
both 0.version.class record 1/sweep/1
both 0.version.result record 1/sweep/1
both 0.version.node record 1/sweep/1
both 0.asked.user record 1/first
both 0.environment.object.kernel record 1/first
same "$(cd "$scratch/p" && value 0.version.hash record 1/sweep/1)" \
    "$(value 0.version.origin record 1/sweep/1)" "the original hash"
sluice_exits 0 explain 1
sluice_exits 0 explain 1/sweep
sluice_exits 0 explain 1/sweep/1
sluice_exits 0 ls
has all
sluice_exits 0 verify
has "4 versions"
sluice_exits 0 stop
sluice_exits 0 verify

it "tells whether the store that it is from is still that store"
(cd "$scratch/p" && "$SLUICE" verify --head "$scratch/one.tar" >"$out" 2>&1) ||
    fail "the store does not have the hash of its own export"
has "has the hash that was given: nothing up to it was"
sluice_exits 1 verify --head "$scratch/one.tar"
sluice_exits 2 verify --head valohai.yaml
has "no exported run" "$err"
sluice_exits 2 verify --head nosuch
has "no hash and no file" "$err"
same "$(tar -xOf "$scratch/one.tar" manifest.json | "$TOOLS/json" head)" \
    "$(cd "$scratch/p" && value 0.version.hash record 2/train)"

it "refuses what is here already, and takes a second one"
sluice_exits 2 import "$scratch/one.tar"
has "is here already: it is run 1" "$err"
sluice_exits 0 import "$scratch/two.tar"
same error "$(value run.state show 2)"
sluice_exits 0 run --step train
same 3 "$(value run.number show last)"
sluice_exits 0 verify
has "6 versions"

it "hands an imported run on, with the hash that it had at first"
sluice_exits 0 export 1 -o "$scratch/again.tar"
mkdir "$scratch/r" && cd "$scratch/r" || exit 1
cp "$scratch/p/valohai.yaml" "$scratch/p/data.csv" .
sluice_exits 0 import "$scratch/again.tar"
same "$(cd "$scratch/p" && value 0.version.hash record 1/sweep/1)" \
    "$(value 0.version.origin record 1/sweep/1)" "the original hash"
sluice_exits 0 verify

# Expects that an import fails and that broker and store are as they were.
refused() { # FILE [TEXT]
    before=$(value runs status)
    sluice_exits 2 import "$1"
    [ $# -eq 1 ] || has "$2" "$err"
    same "$before" "$(value runs status)" "runs after $1"
    same "$objects" "$(find .sluice/objects -type f | wc -l)" "objects after $1"
}

it "changes nothing for a file that is not as it was exported"
objects=$(find .sluice/objects -type f | wc -l)
cp "$scratch/two.tar" "$scratch/bad.tar"
size=$(wc -c <"$scratch/two.tar")
head -c $((size / 2)) "$scratch/two.tar" >"$scratch/cut.tar"
refused "$scratch/cut.tar"
refused "$scratch/nosuch.tar"
: >"$scratch/empty.tar"
refused "$scratch/empty.tar"
refused valohai.yaml
rm -rf "$scratch/x" && mkdir "$scratch/x" && tar -xf "$scratch/two.tar" -C "$scratch/x"
cd "$scratch/x" && chmod -R u+w . || exit 1
object=$(tar -tf "$scratch/two.tar" | sed -n 3p)
names() { tar -tf "$scratch/two.tar"; }

# shellcheck disable=SC2046 # names without blanks
{
    printf X | dd of="$object" bs=1 conv=notrunc 2>/dev/null
    tar -cf "$scratch/object.tar" $(names)
    tar -xf "$scratch/two.tar" "$object" && chmod u+w "$object"
    printf X | dd of=records bs=1 seek=200 conv=notrunc 2>/dev/null
    tar -cf "$scratch/records.tar" $(names)
    tar -xf "$scratch/two.tar" records && chmod u+w records
    tar -cf "$scratch/climb.tar" --transform "s,^$object\$,../../evil," $(names)
    cp "$object" saved && rm "$object" && ln -s /etc/passwd "$object"
    tar -cf "$scratch/link.tar" $(names)
    rm "$object" && truncate -s 1T "$object"
    tar -S -cf "$scratch/huge.tar" $(names)
    mv saved "$object"
    echo more >more
    tar -cf "$scratch/more.tar" $(names) more
    tar -cf "$scratch/order.tar" records manifest.json
    tar -czf "$scratch/packed.tar" $(names)
}
cd "$scratch/r" || exit 1
refused "$scratch/object.tar" "was changed"
refused "$scratch/records.tar" "the records were changed"
refused "$scratch/climb.tar" "should be"
refused "$scratch/link.tar" "no plain file"
refused "$scratch/huge.tar"
refused "$scratch/more.tar" "more follows"
refused "$scratch/order.tar" "should be"
refused "$scratch/packed.tar"
sluice_exits 0 import "$scratch/two.tar"

it "carries the results of other runs that were used"
cd "$scratch/p" || exit 1
sluice_exits 0 run all --reuse
reused=$(value runs.0.number ls -n 1)
same 4 "$(value run.reused show "$reused")"
sluice_exits 0 export "$reused" -o "$scratch/reused.tar"
mkdir "$scratch/s" && cd "$scratch/s" || exit 1
cp "$scratch/p/valohai.yaml" .
sluice_exits 0 import "$scratch/reused.tar"
same model "$("$SLUICE" outputs 1/first -d "$scratch/reused" >/dev/null && cat "$scratch/reused/model.bin")"
same "$(cd "$scratch/p" && stdout_of 1/sweep/2)" "$(stdout_of 1/sweep/2)"
sluice_exits 0 show 1/sweep
sluice_exits 0 record 1/sweep/2
sluice_exits 0 verify

it "takes records that somebody changed with their digest only if they are a run's"
cd "$scratch/r" || exit 1
sluice_exits 0 ls
rm -rf "$scratch/x" && mkdir "$scratch/x" && tar -xf "$scratch/reused.tar" -C "$scratch/x"
chmod -R u+w "$scratch/x"
was=$(sha256sum <"$scratch/x/records" | cut -c 1-64)
size=$(wc -c <"$scratch/x/records")
cp "$scratch/x/records" "$scratch/records"
cp "$scratch/x/manifest.json" "$scratch/manifest"
for part in 1 2 3 4 5 6 7 8 9; do
    cp "$scratch/records" "$scratch/x/records"
    printf '\377' | dd of="$scratch/x/records" bs=1 seek=$((size * part / 10)) conv=notrunc 2>/dev/null
    is=$(sha256sum <"$scratch/x/records" | cut -c 1-64)
    sed "s/$was/$is/" "$scratch/manifest" >"$scratch/x/manifest.json"
    # shellcheck disable=SC2046 # names without blanks
    (cd "$scratch/x" && tar -cf "$scratch/forged.tar" $(tar -tf "$scratch/reused.tar"))
    "$SLUICE" import "$scratch/forged.tar" >"$out" 2>"$err"
    case $? in
    0 | 2) ;;
    *) fail "part $part: $(cat "$err")" ;;
    esac
    sluice_exits 0 check
done

it "needs a project to take a run in"
mkdir "$scratch/none" && cd "$scratch/none" || exit 1
sluice_exits 2 import "$scratch/reused.tar"
has "no project" "$err"
