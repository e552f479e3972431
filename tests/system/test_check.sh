# `sluice check` names the table of whatever is damaged.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"

gate=$scratch/gate
mkfifo "$gate"
cat >valohai.yaml <<END
- step:
    name: t
    image: none
    command:
      - echo x > "\$VH_OUTPUTS_DIR/x.txt"
      - head -c 300000 /dev/urandom > "\$VH_OUTPUTS_DIR/big.bin"
    inputs: [{name: none, optional: true}]
    environment-variables: [{name: API_TOKEN, default: hush-hush}]
- step:
    name: slow
    image: none
    command: read -r _ <$gate
    environment-variables: [{name: API_TOKEN, default: hush-hush}]
END
echo word >word
sluice_exits 0 run --step t
sluice_exits 0 run --step t --reuse
sluice_exits 0 datum add --alias best -t good word
sluice_exits 0 tag add 1 mine
sluice_exits 0 dataset create words/one datum://best
sluice_exits 0 run --step slow -d
await_event task/slow/0/started
sluice_exits 0 backup "$scratch/safe"
echo >"$gate" &

it "finds nothing in a sound store"
sluice_exits 0 check "$scratch/safe" --json
same true "$("$TOOLS/json" good <"$out")"
sluice_exits 0 check

# Damages a copy, and expects a fault of that table.
names_damage() { # TABLE WHAT
    rm -rf "$scratch/bad"
    cp -a "$scratch/safe" "$scratch/bad"
    exits 0 "$TOOLS/flip" "$scratch/bad/store" "$1" first "$2"
    sluice_exits 1 check "$scratch/bad"
    grep -q "^${3-$1} " "$out" || { fail "no fault of ${3-$1}: $2"; show_output; }
}

it "names the table of a record that does not decode"
for table in runs run_rows plans ids submissions stages resolved tasks results attempts \
    nodes artifacts events versions executions reused datums datum_ids aliases \
    alias_changes datasets dataset_keys dataset_files; do
    names_damage $table cut
done

it "names the table of a record that refers to nothing"
for table in active makers users by_step datum_runs tags tags_of secrets tasks datums events; do
    names_damage $table move
done

it "names what misses a record that was removed"
names_damage run_rows remove runs
names_damage active remove run_rows
names_damage nodes remove attempts
names_damage aliases remove alias_changes
names_damage datum_ids remove datums

it "says that the core cannot go on"
names_damage attempts cut core:

it "names a note of a stage that there is not"
names_damage notes move

it "names a file of another size without reading it"
rm -rf "$scratch/bad"
cp -a "$scratch/safe" "$scratch/bad"
large=$(value 0.digest outputs 1/t | sed 's/sha256:\(..\)/\1\//')
chmod u+w "$scratch/bad/objects/$large"
printf x >>"$scratch/bad/objects/$large"
sluice_exits 1 check "$scratch/bad"
has "the file has not the size that was stored"
truncate -s 0 "$scratch/bad/objects/$large"
sluice_exits 1 check "$scratch/bad"
has "the file has not the size that was stored"

it "names other bytes with --bytes"
rm -rf "$scratch/bad"
cp -a "$scratch/safe" "$scratch/bad"
for pack in "$scratch"/bad/objects/packs/*.pack; do
    printf x | dd of="$pack" conv=notrunc status=none
done
sluice_exits 0 check "$scratch/bad"
sluice_exits 1 check --bytes "$scratch/bad"
has "objects sha256:"

it "says when there is no store"
sluice_exits 2 check "$scratch/none"
has "no store to read" "$err"
wait
