# A broker that comes back from an older backup: what its nodes still have of the time that
# was lost is dropped, and a result whose files went with the old store is no result.
# shellcheck shell=sh
. "${SYSTEM_TESTS:?}/lib.sh"
. "${SYSTEM_TESTS:?}/cluster.sh"

for gate in known unknown; do
    mkfifo "$scratch/$gate.started" "$scratch/$gate.go" "$scratch/$gate.alive"
    cat <<END
- step:
    name: $gate
    image: none
    command:
      - |
        exec 5>$scratch/$gate.alive
        echo started >$scratch/$gate.started
        read -r _ <$scratch/$gate.go
      - head -c 300000 /dev/urandom >"\$VH_OUTPUTS_DIR/big.bin"
END
done >valohai.yaml

settings() { # REQUESTS BULK
    cat >"$scratch/brokerd.yaml" <<END
directory: $store
listen:
  requests: tcp://127.0.0.1:$1
  events: tcp://127.0.0.1:*
  bulk: tcp://127.0.0.1:$2
END
}
settings '*' '*'
start_broker
asked=$url
requests=${url##*:}
export SLUICE_BROKER="$url"
bulk=$(value bulk_endpoint status)
bulk=${bulk##*:}
start_node a --cpus 2 --bulk "tcp://127.0.0.1:$bulk"
# Ends when the process that has the other end has ended.
hold() { # GATE
    timeout 120 cat "$scratch/$1.alive" >/dev/null &
    held=$!
}
hold known
sluice_exits 0 run --step known -d
read -r _ <"$scratch/known.started"
await_event task/known/0/started
sluice_exits 0 backup --from "$store" "$scratch/safe"
hold unknown
lost=$held
sluice_exits 0 run --step unknown -d
read -r _ <"$scratch/unknown.started"
await_event task/unknown/0/started
known=$(ls "$scratch/node-a/attempts" | sort -n | head -n 1)

it "a node stores files with a broker whose requests nobody hears any more"
kill -KILL "$broker_pid" && wait "$broker_pid" 2>/dev/null
settings '*' "$bulk"
start_broker
lost_pid=$broker_pid
echo go >"$scratch/known.go"
await_line "" "$scratch/node-a/attempts/$known/result"
kill -KILL "$lost_pid" && wait "$lost_pid" 2>/dev/null

it "the restored broker takes a result without its files for a loss, and runs the task again"
hold known
store=$scratch/other
cp -a "$scratch/safe" "$store"
settings "$requests" "$bulk"
start_broker
same "$asked" "$url"
timeout 60 cat "$scratch/known.started" >/dev/null || fail "the task was not run again"
echo go >"$scratch/known.go"
await_event run/1/run/complete
same complete "$(state_of 1)"
same 2 "$(value tasks.0.attempts show 1/known)"
sluice_exits 0 outputs 1/known -d "$scratch/got"
same 300000 "$(wc -c <"$scratch/got/big.bin" | tr -d ' ')"
sluice_exits 0 verify

it "ends what runs and nobody knows of"
sluice_exits 2 show 2
wait $lost || fail "the task of the lost time goes on"
hold unknown
sluice_exits 0 run --step unknown -d
read -r _ <"$scratch/unknown.started"
echo go >"$scratch/unknown.go"
await_event run/10000/run/complete
same complete "$(state_of 10000)"
sluice_exits 0 check "$store"
