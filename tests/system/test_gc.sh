# What holds how much, and removing what nothing needs: `sluice du`, `sluice gc`.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: make
    image: none
    command:
      - 'head -c 100000 /dev/urandom > "$VH_OUTPUTS_DIR/big.bin"'
      - 'echo {parameter-value:n} > "$VH_OUTPUTS_DIR/small.txt"'
      - 'echo log of {parameter-value:n}'
    parameters: [{name: n, type: integer, default: 0}]
- step:
    name: use
    image: none
    command: 'cp "$VH_INPUTS_DIR"/data/* "$VH_OUTPUTS_DIR/used.bin"; echo used'
    inputs: [{name: data}]
- pipeline:
    name: both
    nodes:
      - {name: make, type: execution, step: make}
      - {name: use, type: execution, step: use}
    edges: [[make.output.big.bin, use.input.data]]
END
objects=.sluice/objects

# As if all that is stored had been asked for last a week ago; the broker is started anew,
# since it remembers small objects itself.
age() {
    sluice_exits 0 stop
    find $objects -type f -exec touch -m -d '7 days ago' {} +
}

it "counts files by kind and by run"
sluice_exits 0 run --step make -p n=1
sluice_exits 0 run --step make -p n=2
sluice_exits 0 du
has outputs
has "p/make"
same 1 "$(value runs.1.run du)"
same "p/make 2" "$(value titles.0.title du) $(value titles.0.runs du)"
[ "$(value titles.0.own du)" -ge 200000 ] || fail "the step has too little"
[ "$(value runs.1.own du)" -ge 100000 ] || fail "run 1 alone has too little"

it "removes nothing that a run refers to, and nothing young"
age
sluice_exits 0 gc --yes
has "0 files"
sluice_exits 0 verify
sluice_exits 0 run --step make -p n=3
sluice_exits 0 gc --runs 3 --json
same 0 "$(value count gc --runs 3)" "young files"

it "says what may go before it does it"
age
sluice_exits 0 gc --runs 1
has "only run 1 refers to it"
has "would be removed"
sluice_exits 0 verify
before=$(value count gc --runs 1)
[ "$before" -ge 2 ] || fail "$before files may go"

it "removes files of a run and keeps its record"
sluice_exits 0 gc --runs 1 --yes
same 0 "$(value count gc --runs 1)" "files that are left"
sluice_exits 0 verify 2
sluice_exits 0 verify 3
sluice_exits 1 verify 1
sluice_exits 0 verify --allow-missing
sluice_exits 0 record 1
has big.bin
sluice_exits 0 show 1
sluice_exits 0 trace 1
sluice_exits 0 stop
rm -rf .sluice/node
sluice_exits 0 outputs 1/make
has "big.bin"
has "by gc: only run 1 refers to it"
same "only run 1 refers to it, which may go" "$(value 0.removed.why outputs 1/make)"
sluice_exits 0 show 1/make/0
has "by gc: only run 1"
same 2 "$(value outputs_removed show 1/make/0)"
sluice_exits 0 record 1
has "only run 1 refers to it"
sluice_exits 1 outputs -d "$scratch/none" 1/make
has "bytes removed on" "$err"
sluice_exits 0 outputs 2/make
has_not "by gc"

it "keeps what has a tag, an alias or a place in a dataset"
age
sluice_exits 0 tag add 2 keep
id=$(value datums.0.id datum ls --run 3)
sluice_exits 0 alias set best "$id"
sluice_exits 0 gc --keep-last 1 --yes
sluice_exits 0 datum show best

it "runs what is gone again, and what is reused is kept"
sluice_exits 0 run both
sluice_exits 0 run both --reuse
age
first=$(($(last_run) - 1))
sluice_exits 0 gc --runs $first --yes
sluice_exits 0 verify $((first + 1))
age
sluice_exits 0 gc --runs $first-$((first + 1)) --yes
sluice_exits 0 run both --reuse
same complete "$(value run.state show last)"
sluice_exits 0 verify last

it "refuses a run of files that are gone, and says since when and why"
sluice_exits 0 run --step make -p n=5
id=$(value datums.0.id datum ls --run last)
sluice_exits 0 run --step use -i data="datum://$id"
user=$(last_run)
exits 0 "$TOOLS/resubmit" "$user"
await_event "run/$((user + 1))/run/complete"
age
sluice_exits 0 gc --yes --runs "$((user - 1))-$((user + 1))"
sluice_exits 0 stop
rm -rf .sluice/node
sluice_exits 0 ls
sluice_exits 2 reproduce "$user"/use
has "bytes removed on" "$err"
exits 1 "$TOOLS/resubmit" "$user"
has "use: the bytes of " "$err"
has "UTC by gc: all runs that refer to it may go" "$err"

it "excludes a backup, in both orders, and a dead one excludes nothing"
lock=.sluice/removal.lock
exits 1 flock -o -s $lock "$SLUICE" gc --yes
has "a backup of the broker's folder is being made" "$err"
exits 0 flock -o -s $lock "$SLUICE" gc
exits 0 flock -o -s $lock "$SLUICE" backup "$scratch/safe"
exits 1 flock -o -x $lock "$SLUICE" backup "$scratch/safe"
has "sluice gc removes files at this moment" "$err"
sluice_exits 0 gc --yes
sluice_exits 0 backup "$scratch/safe"
sluice_exits 0 check "$scratch/safe" --bytes

it "is safe beside runs and when the broker is killed in the middle"
for n in 11 12 13 14; do
    sluice_exits 0 run --step make -p n=$n
done
kept=$(last_run)
age
"$SLUICE" run --step make -p n=21 >"$out" 2>&1 &
running=$!
sluice_exits 0 gc --runs 1-3 --yes
wait $running || fail "the run beside it failed"
for _ in 1 2 3 4 5; do
    age
    sluice_exits 0 ls
    pid=$(value pid status)
    "$SLUICE" gc --runs 1-$((kept - 1)) --yes >/dev/null 2>&1 &
    collecting=$!
    kill -9 "$pid"
    gone "$pid"
    wait $collecting
done
sluice_exits 0 run --step make -p n=22
sluice_exits 0 gc --runs 1-$((kept - 1)) --yes
sluice_exits 0 verify --allow-missing
for run in $(seq $kept "$(last_run)"); do
    "$SLUICE" verify "$run" >"$out" 2>"$err" || fail "run $run misses files: $(cat "$out")"
done

it "counts what was set aside, what is unfinished and the store, and removes the first"
aside=$(printf '%064d' 7)
head -c 3000 /dev/zero >$objects/bad/"$aside"
head -c 2000 /dev/zero >$objects/tmp/left
same 3000 "$(value kinds.6.bytes du)"
same damaged "$(value kinds.6.kind du)"
same 2000 "$(value kinds.7.bytes du)"
[ "$(value kinds.8.bytes du)" -gt 10000 ] || fail "the store has no size"
sluice_exits 0 gc --yes
same 3000 "$(value kinds.6.bytes du)" "young"
touch -d '7 days ago' $objects/bad/"$aside"
sluice_exits 0 gc
has "its bytes were wrong"
same 3000 "$(value kinds.6.bytes du)" "a dry run"
sluice_exits 0 gc --yes
has "sha256:$aside"
same 0 "$(value kinds.6.bytes du)"

it "keeps the files of a run that was tagged, whatever the policy"
sluice_exits 0 run --step make -p n=31
sluice_exits 0 tag add last keep
age
sluice_exits 0 gc --runs "$(last_run)" --yes
sluice_exits 0 verify "$(last_run)"

it "refuses what it does not understand"
sluice_exits 2 gc --older-than soon
sluice_exits 2 gc --runs a-b
