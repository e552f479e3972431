# Files on their way from the project to a task: whatever is killed, cut, damaged or full in between,
# the task reads the right bytes or does not start.
if [ -z "${SMALL_DISK-}" ]; then
    unshare -m true 2>/dev/null || { echo "a mount namespace is not permitted here"; exit 77; }
    SMALL_DISK=1 exec unshare -m sh "$0"
fi
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: small
    image: debian:12
    command: sha256sum small/* | sort | sha256sum
- step:
    name: large
    image: debian:12
    command: sha256sum <"$VH_INPUTS_DIR/data/large"
    inputs: [{name: data, default: large}]
END
cache=$project/.sluice/node/cache

finish_transfer() {
    status=$?
    stop_daemons "$project"
    umount -l "$cache" 2>/dev/null
    (exit $status)
    finish
}
trap finish_transfer EXIT

# Other bytes than ever before, of so many KiB.
make_large() { # KIB
    head -c $(($1 * 1024)) /dev/urandom >large
    large=$(sha256sum <large | cut -c 1-64)
    stored=.sluice/objects/$(echo "$large" | cut -c 1-2)/$(echo "$large" | cut -c 3-)
    cached=.sluice/node/cache/$(echo "$large" | cut -c 1-2)/$(echo "$large" | cut -c 3-)
}

supervisor() {
    head -n 1 .sluice/node/lock
}

# Kills a process, and waits until it is gone.
strike() { # PID WHAT
    kill -9 "$1" || fail "no $2 to kill"
    timeout 60 tail -s 0.05 -f --pid="$1" /dev/null || fail "the $2 did not end"
}

right() { # what a task of this large file says
    same "$large  -" "$(stdout_of last/large)" "what the task read"
}

flip() { # FILE
    chmod u+w "$1"
    byte=$(od -An -tu1 -j 70000 -N 1 "$1")
    printf "\\$(printf %o $((byte ^ 1)))" |
        dd of="$1" bs=1 seek=70000 conv=notrunc 2>/dev/null
}

it "many small files go together and arrive as they are"
mkdir small
for n in $(seq 300); do echo "file $n" >"small/$n"; done
: >small/empty
small=$(sha256sum small/* | sort | sha256sum)
sluice_exits 0 run --step small
same "$small" "$(stdout_of last/small)"
for folder in .sluice/objects .sluice/node/cache; do
    [ -s $folder/packs/000001.pack ] || fail "no pack in $folder"
done
echo more >small/more
small=$(sha256sum small/* | sort | sha256sum)
sluice_exits 0 run --step small
same "$small" "$(stdout_of last/small)" "with one more"

it "a damaged pack of the node is found before a task sees it"
size=$(wc -c <.sluice/node/cache/packs/000001.pack)
tr a-z b-za <.sluice/node/cache/packs/000001.pack >"$scratch/pack"
same "$size" "$(wc -c <"$scratch/pack")" "bytes of the damaged pack"
cat "$scratch/pack" >.sluice/node/cache/packs/000001.pack
sluice_exits 0 run --step small
same "$small" "$(stdout_of last/small)"

it "a flipped bit and a lost end in the node's cache are found before a task sees them"
make_large 2000
sluice_exits 0 run --step large
right
flip "$cached"
sluice_exits 0 run --step large
right
[ -e ".sluice/node/cache/bad/$large" ] || fail "the damaged file was not set aside"
chmod u+w "$cached"
truncate -s -1 "$cached"
sluice_exits 0 run --step large
right

it "a task that writes to its input changes it for no other"
cat >>valohai.yaml <<'END'
- step:
    name: vandal
    image: debian:12
    command: chmod u+w "$VH_INPUTS_DIR/data/large" && echo vandal >"$VH_INPUTS_DIR/data/large"
    inputs: [{name: data, default: large}]
END
sluice_exits 0 run --step vandal
sluice_exits 0 run --step large
right

it "a damaged object of the broker reaches no task, and is stored anew by who has it"
make_large 2100
sluice_exits 0 run --step large
rm -f "$cached"
flip "$stored"
sluice_exits 1 run --step large
same error "$(state_of last/large/0)" "the task's state"
sluice_exits 0 run --step large
right

it "a transfer goes on when broker and node are killed in it"
make_large 100000
"$SLUICE" run --detach --step large >/dev/null 2>"$err" || fail "not submitted: $(cat "$err")"
strike "$(pgrep -P "$(supervisor)" -f -- --agent)" agent
strike "$(value pid status)" broker
sluice_exits 0 ls
strike "$(value pid status)" broker
sluice_exits 0 ls
timeout 100 "$SLUICE" watch --since 0 last >"$out" 2>"$err" || fail "the run did not end"
right

it "a transfer waits while the node's disk is full"
sluice_exits 0 stop
flock -w 60 .sluice/node/lock true
rm -rf "$cache"
mkdir "$cache"
mount -t tmpfs -o size=30m small "$cache"
dd if=/dev/zero of="$cache/fill" bs=1M count=20 2>/dev/null
make_large 15000
"$SLUICE" run --detach --step large >/dev/null 2>"$err" || fail "not submitted: $(cat "$err")"
"$SLUICE" logs -f --status last/large >"$scratch/status" 2>/dev/null &
reader=$!
timeout 60 tail -n +1 -F "$scratch/status" 2>/dev/null | grep -m 1 -q "waiting: .*No space" ||
    fail "the task does not say that it waits"
kill "$reader" 2>/dev/null
rm "$cache/fill"
timeout 100 "$SLUICE" watch --since 0 last >"$out" 2>"$err" || fail "the run did not end"
right
