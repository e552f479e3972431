# Outputs that stay on nodes, and what nodes have in their caches, go with `sluice gc`.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

mkfifo "$scratch/gate"
cat >valohai.yaml <<EOF
- step:
    name: make
    image: debian:12
    command: head -c 300000 /dev/urandom >"\$VH_OUTPUTS_DIR/large.bin"
- step:
    name: same
    image: debian:12
    command: head -c 400000 /dev/zero >"\$VH_OUTPUTS_DIR/zeros.bin"
- step:
    name: held
    image: debian:12
    command:
      - head -c 400000 /dev/zero >"\$VH_OUTPUTS_DIR/zeros.bin"
      - read -r _ <"$scratch/gate"
- step:
    name: use
    image: debian:12
    command: sha256sum <"\$VH_INPUTS_DIR/data/given.bin" | cut -c 1-64
    inputs: [{name: data}]
EOF

start_broker
SLUICE_BROKER=$url
export SLUICE_BROKER
sed -i "s|requests: .*|requests: $url|" "$scratch/brokerd.yaml"
start_keeper() {
    before=$(value last_event status)
    start_node a --cpus 2 --bulk-listen 'tcp://127.0.0.1:*' --outputs node
    await_event node/a/online "$before"
}
restart_broker() { # SIGNAL
    kill "-$1" "$broker_pid"
    wait "$broker_pid" 2>/dev/null
    sluice_check
    start_broker
}
sluice_check() {
    exits 0 "$SLUICE" check "$store" --bytes
}
kill_node() {
    kill -KILL "$node_pid" "$(pgrep -P "$node_pid" | head -n 1)"
    wait "$node_pid" 2>/dev/null
    flock -w 60 "$scratch/node-a/lock" true
}
place_of() { # HEX
    echo "$scratch/node-a/cache/$(echo "$1" | cut -c 1-2)/$(echo "$1" | cut -c 3-)"
}
# Makes a file on node a: sets $run and $hex.
make() { # STEP [OPTION...]
    sluice_exits 0 run --step "$@"
    run=$(last_run)
    hex=$(value 0.digest outputs "$run" | sed 's/^sha256://')
    is_kept "$hex"
}
is_kept() { # HEX
    [ -e "$scratch/node-a/cache/kept/$1" ] || fail "node a does not keep $1"
    [ -e "$(place_of "$1")" ] || fail "node a does not have $1"
}
is_gone() { # HEX
    [ ! -e "$scratch/node-a/cache/kept/$1" ] || fail "node a keeps $1"
    [ ! -e "$(place_of "$1")" ] || fail "node a has $1"
}
# Runs a command after which the node says so.
says() { # TEXT COMMAND...
    said=$1
    line=$(($(wc -l <"$scratch/node-a.log") + 1))
    shift
    "$@"
    await_line "$said" "$scratch/node-a.log" "$line"
}
gc() { # OPTION...
    sluice_exits 0 gc --grace 0 --yes "$@"
}
start_keeper

it "counts what a node keeps, and says what may go"
make make
sluice_exits 0 du
has "KEPT ON NODE"
same a "$(value nodes.0.node du)"
same "1 300000" "$(value nodes.0.files du) $(value nodes.0.bytes du)"
same 0 "$(value count gc --runs "$run")" "young files"
kept=$hex
make make
sluice_exits 0 gc --grace 0 --runs 1
has "node a keeps it: only run 1 refers to it, which may go"
is_kept "$kept"

it "removes what a node keeps, and says so ever after"
says "removed 1 outputs" gc --runs 1
is_gone "$kept"
is_kept "$hex"
same "1 300000" "$(value nodes.0.files du) $(value nodes.0.bytes du)" "what is left"
sluice_exits 0 outputs 1/make
has "by gc: node a keeps it: only run 1 refers to it"
sluice_exits 1 outputs 1/make -d none
has "bytes removed on" "$err"
has_not "stayed on node" "$err"
same 0 "$(value count gc --grace 0 --runs 1)" "what may go again"
sluice_check

it "keeps what a tag, an alias or a run that goes on needs"
sluice_exits 0 tag add "$run" keep
gc --runs "$run"
has "0 files"
sluice_exits 0 tag rm "$run" keep
sluice_exits 0 alias set best "$(value datums.0.id datum ls --run "$run")"
gc --runs "$run"
has "0 files"
sluice_exits 0 alias rm best
is_kept "$hex"

it "tells a node that was away when it joins again, after the broker was killed too"
kill_node
gc --runs "$run"
has "node a keeps it: only run $run refers to it"
is_kept "$hex"
restart_broker KILL
says "removed 1 outputs" start_keeper
is_gone "$hex"

it "has again what is made anew after the order to remove it"
make same
sluice_exits 0 run --step held -d
held=$(last_run)
await_event "run/$held/task/held/0/started"
says "removed 1 outputs" gc --runs "$run"
is_gone "$hex"
echo go >"$scratch/gate"
await_event "run/$held/run/complete"
is_kept "$hex"
sluice_exits 0 outputs "$held/held"
has_not "by gc"
make same
gc --runs "1-$((run - 1))"
is_kept "$hex"
sluice_exits 0 verify "$run"

it "takes what nobody needs out of the caches of nodes"
head -c 200000 /dev/urandom >given.bin
sluice_exits 0 run --step use -i data=given.bin
given=$(sha256sum <given.bin | cut -c 1-64)
same "$given" "$(stdout_of last/use)"
[ -e "$(place_of "$given")" ] || fail "node a does not have the input in its cache"
find "$store/objects" -type f -exec touch -m -d '7 days ago' {} +
says "files of the cache that nobody needs" gc --runs "$(last_run)"
[ ! -e "$(place_of "$given")" ] || fail "node a still has the input in its cache"
sluice_check

it "goes into the file of an exported run from where it is"
make make
exits 0 "$SLUICE" export "$run" -o "$scratch/kept.sluice" --json
same 0 "$("$TOOLS/json" missing <"$out")" "files that are missing"
exits 0 tar -xOf "$scratch/kept.sluice" "objects/$hex"
same "$hex" "$(sha256sum <"$out" | cut -c 1-64)" "the output in the file"
