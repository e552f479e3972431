# Many submissions in one call, and the broker killed in the middle of it: each becomes one
# run, and all are there afterwards.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

private=$scratch/private
mkdir -p "$private/run"

start_private() {
    mkfifo "$scratch/ready"
    "$BROKERD" --private "$private" --idle-exit 0 --ready-fd 9 9>"$scratch/ready" \
        2>>"$scratch/brokerd.log" &
    broker_pid=$!
    services="$services $broker_pid"
    read -r word <"$scratch/ready" || word=none
    rm "$scratch/ready"
    same ready "${word%% *}" "the broker's first word"
}

it "submits each once although the broker is killed"
start_private
"$TOOLS/submitter" "ipc://$private/run/broker" 11000 "$broker_pid" >"$out" 2>"$err" &
submitter=$!
wait "$broker_pid"
same 137 "$?" "exit status of the broker that was killed"
start_private
wait "$submitter"
same 0 "$?" "exit status of the submitter ($(cat "$err"))"
same "11000 runs" "$(cat "$out")" "what the submitter says"

# More runs than the broker keeps small plans of.
it "has them all after another restart"
kill -9 "$broker_pid"
wait "$broker_pid"
start_private
SLUICE_BROKER=ipc://$private/run/broker
export SLUICE_BROKER
same 11000 "$(last_run)" "the last run"

it "knows the plans of runs of which it keeps none"
same only "$(value stages.0.name show 10999)" "the stage of a late run"
exits 0 "$SLUICE" cancel 10999
same stopped "$(value run.state show 10999)" "the state of a late run that was cancelled"
kill -TERM "$broker_pid"
ends 0 "$broker_pid"
