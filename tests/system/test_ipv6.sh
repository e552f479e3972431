# A cluster over IPv6: requests, events, files and running output go through tcp://[::1].
grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null || {
    echo "this system has no ::1"
    exit 77
}
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

mkfifo "$scratch/go"
cat >valohai.yaml <<END
- step:
    name: wait
    image: debian:12
    command:
      - cat "$project/given" >"\$VH_OUTPUTS_DIR/out"
      - echo early
      - read -r word <"$scratch/go"
END
echo bytes >given

settings() { # HOST [LINE]
    cat >"$scratch/brokerd.yaml" <<END
directory: $store
listen:
  requests: tcp://$1:*
  events: tcp://$1:*
  bulk: tcp://$1:*
${2-}
END
}

# A run with output that is read while it runs, events as they come, and a file.
work() { # RUN
    "$SLUICE" run --step wait >"$scratch/waiting" 2>&1 &
    run_pid=$!
    await_event "run/$1/task/wait/0/started"
    "$SLUICE" logs -f "$1/wait" >"$scratch/log.$1" 2>&1 &
    reader_pid=$!
    await_line early "$scratch/log.$1"
    echo on >"$scratch/go"
    ends 0 "$run_pid"
    ends 0 "$reader_pid"
    same complete "$(state_of last)"
    sluice_exits 0 outputs last/wait -d "$scratch/files"
    same_file given "$(find "$scratch/files" -name out)"
    rm -r "$scratch/files"
}

it "needs no permission on ::1"
settings '[::1]'
start_broker
case $url in
'tcp://[::1]:'*) ;;
*) fail "the broker is at $url" ;;
esac
SLUICE_BROKER=$url
export SLUICE_BROKER
start_node six
work 1
exits 0 "$BROKERD" --directory "$store" --listen-address ::1 --check

it "needs one for every address, and is reached through the one that was used"
kill -TERM "$node_pid" "$broker_pid"
ends 0 "$node_pid"
ends 0 "$broker_pid"
settings '[::]'
exits 2 "$BROKERD" -c "$scratch/brokerd.yaml" --check
has "[::]" "$err"
has "insecure" "$err"
settings '[::]' 'insecure: true'
start_broker
port=${url##*:}
url="tcp://[::1]:$port"
SLUICE_BROKER=$url
start_node six
await_event node/six/online
work 2
