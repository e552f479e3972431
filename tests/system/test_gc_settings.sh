# A broker that removes by its settings what nothing needs.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"
. "${SYSTEM_TESTS:?}/cluster.sh"

cat >valohai.yaml <<'END'
- step:
    name: make
    image: none
    command: head -c 200000 /dev/urandom > "$VH_OUTPUTS_DIR/big.bin"
    parameters: [{name: n, type: integer, default: 0}]
END
start_broker
start_node a --cpus 2
export SLUICE_BROKER="$url"
for n in 1 2 3; do
    sluice_exits 0 run --step make -p n=$n
done
sluice_exits 0 tag add 1 keep
kill -TERM "$broker_pid" && ends 0 "$broker_pid"
find "$store/objects" -type f -exec touch -m -d '7 days ago' {} +
sed -i "s|requests: .*|requests: $url|" "$scratch/brokerd.yaml"

it "removes nothing by itself unless it is told to"
start_broker
sluice_exits 0 outputs 2/make -d "$scratch/two"
kill -TERM "$broker_pid" && ends 0 "$broker_pid"
find "$store/objects" -type f -exec touch -m -d '7 days ago' {} +

it "removes by age and count, when it starts and it is time"
start_broker --gc-every 1h --gc-keep-last 1 --gc-grace 1h
await_line "brokerd: gc removed" "$scratch/brokerd.log"
sluice_exits 0 verify 1
sluice_exits 0 verify 3
sluice_exits 1 verify 2
sluice_exits 0 outputs 2/make
has "by gc: only run 2 refers to it"

it "does not do it again before it is time"
lines=$(wc -l <"$scratch/brokerd.log")
written=$(stat -c %y "$store/removal.lock")
kill -TERM "$broker_pid" && ends 0 "$broker_pid"
start_broker --gc-every 1h --gc-keep-last 1 --gc-grace 1h
sluice_exits 0 status
same "$written" "$(stat -c %y "$store/removal.lock")"

it "takes the settings anew by SIGHUP"
find "$store/objects" -type f -exec touch -m -d '7 days ago' {} +
kill -TERM "$broker_pid" && ends 0 "$broker_pid"
touch -d '3 hours ago' "$store/removal.lock"
start_broker
printf 'gc-every: 2h\ngc-older-than: 1s\ngc-grace: 5m\n' >>"$scratch/brokerd.yaml"
kill -HUP "$broker_pid"
await_line "brokerd: gc removed" "$scratch/brokerd.log" $((lines + 1))
sluice_exits 1 verify 3
sluice_exits 0 verify 1

it "is done by the broker of a project, too, by the project's settings or the person's"
unset SLUICE_BROKER
mkdir "$scratch/own" && cd "$scratch/own" || exit 1
cp "$project/valohai.yaml" .
sluice_exits 0 run --step make -p n=1
sluice_exits 0 run --step make -p n=2
collects() { # RUN
    sluice_exits 0 stop
    find .sluice/objects -type f -exec touch -m -d '7 days ago' {} +
    rm -rf .sluice/node/cache .sluice/removal.lock
    lines=$(wc -l <.sluice/brokerd.log)
    sluice_exits 0 ls
    await_line "brokerd: gc removed" .sluice/brokerd.log $((lines + 1))
    sluice_exits 0 outputs "$1/make"
    has "by gc: only run $1 refers to it"
}
printf 'gc-every: 1h\ngc-keep-last: 1\ngc-grace: 1h\n' >.sluice/brokerd.yaml
collects 1
mkdir -p "$XDG_CONFIG_HOME/sluice"
mv .sluice/brokerd.yaml "$XDG_CONFIG_HOME/sluice/brokerd.yaml"
sluice_exits 0 run --step make -p n=3
collects 2
sluice_exits 0 stop
echo 'gc-every: soon' >.sluice/brokerd.yaml
sluice_exits 3 run --step make -p n=4
has "brokerd.yaml:1: gc-every" "$err"
