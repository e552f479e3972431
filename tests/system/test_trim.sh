# Old events are forgotten, and whoever asks for them gets a picture of the present first.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

mkfifo "$scratch/started" "$scratch/go"
cat >valohai.yaml <<END
- step:
    name: wait
    image: debian:12
    command:
      - echo started >"$scratch/started"
      - cat "$scratch/go"
- step:
    name: short
    image: debian:12
    command: sleep 2
END

start_broker --events-keep 1s
SLUICE_BROKER=$url
export SLUICE_BROKER
start_node a --cpus 2

it "forgets events that are older than events-keep, while work goes on"
"$SLUICE" run --step wait >"$scratch/waiting" 2>&1 &
run_pid=$!
read -r _ <"$scratch/started"
sluice_exits 0 run --step short
sluice_exits 0 run --step short
"$SLUICE" watch --since 0 --json >"$scratch/watched" 2>&1 &
watch_pid=$!
await_line '"topic": "snapshot"' "$scratch/watched"

it "gives a snapshot in place of what is forgotten, with the runs that go on"
sed -n 1p "$scratch/watched" >"$out"
has '"title": "wait"'

it "goes on from there without a gap"
sluice_exits 0 run --step short
kill "$watch_pid"
first=$(sed -n 1p "$scratch/watched" | "$TOOLS/json" number)
same $((first + 1)) "$(sed -n 2p "$scratch/watched" | "$TOOLS/json" number)" "the number after the snapshot"
echo go >"$scratch/go"
ends 0 "$run_pid"
