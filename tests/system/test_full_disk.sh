# A full disk: what is new is refused, what runs goes on, what ended waits, and the same daemons go on
# when there is space again. Needs a mount namespace of its own for a small disk.
if [ -z "${SMALL_DISK-}" ]; then
    unshare -m true 2>/dev/null || { echo "a mount namespace is not permitted here"; exit 77; }
    SMALL_DISK=1 exec unshare -m sh "$0"
fi
. "$SYSTEM_TESTS/lib.sh"

mkdir "$scratch/disk"
mount -t tmpfs -o size=24m small "$scratch/disk" || exit 77

finish_disk() {
    status=$?
    stop_daemons "$scratch/disk"
    look_for_reports "$scratch/disk"
    cd / && umount -l "$scratch/disk"
    (exit $status)
    finish
}
trap finish_disk EXIT

mkfifo "$scratch/started" "$scratch/go"
cat >"$scratch/disk/valohai.yaml" <<END
- step:
    name: wait
    image: debian:12
    command:
      - echo started >"$scratch/started"
      - read -r _ <"$scratch/go"
- step:
    name: short
    image: debian:12
    command: echo short
END
mkdir "$scratch/other" && cd "$scratch/other" || exit 1
cp "$scratch/disk/valohai.yaml" .
sluice_exits 0 run --step short
sluice_exits 0 export last -o "$scratch/other.sluice"
head -c 3000000 /dev/urandom >"$scratch/data.bin"
cd "$scratch/disk" || exit 1
sluice_exits 0 run --step short
sluice_exits 0 run --detach --step wait
read -r _ <"$scratch/started"
broker=$(value pid status)
node=$(cat .sluice/node/lock)

it "refuses new work with the reason, and keeps what it acknowledged"
dd if=/dev/zero of=fill bs=1k 2>/dev/null
sluice_exits 1 run --step short
grep -q 'No space left' "$err" || fail "no word of the full disk: $(cat "$err")"
sluice_exits 0 ls
has 'wait'

it "takes no file and no run of elsewhere, writes none out, and leaves nothing behind"
sluice_exits 1 import "$scratch/other.sluice"
grep -q 'No space left' "$err" || fail "no word of the full disk: $(cat "$err")"
sluice_exits 1 datum add "$scratch/data.bin"
sluice_exits 1 export 1
grep -q 'No space left' "$err" || fail "no word of the full disk: $(cat "$err")"
same "" "$(ls ./*.sluice* 2>/dev/null)" "what the export left"
sluice_exits 0 check

it "lets what runs end, and takes its result when there is space again"
echo go >"$scratch/go"
sluice_exits 1 run --step short
rm fill
sluice_exits 0 watch --since 0 2
same complete "$(value run.state show 2)" "the state of the run that waited"

it "goes on with the same daemons"
sluice_exits 0 run --step short
sluice_exits 0 import "$scratch/other.sluice"
sluice_exits 0 datum add "$scratch/data.bin"
sluice_exits 0 export 1
sluice_exits 0 check --bytes
sluice_exits 0 verify
same "$broker" "$(value pid status)" "the broker"
same "$node" "$(cat .sluice/node/lock)" "the node"
