# kill -9 of the node's agent, of its supervisor, and of the client: what still runs is
# taken over, what is gone is handed out again.
. "$SYSTEM_TESTS/lib.sh"

mkdir "$scratch/ran"
for name in go.1 go.2 go.3 go.4 said; do mkfifo "$scratch/$name"; done
cat >valohai.yaml <<END
- step: {name: ok, image: debian:12, command: echo ok}
- step:
    name: gated
    image: debian:12
    command:
      - echo \$\$ >> "$scratch/ran/{parameter-value:n}"
      - echo {parameter-value:n} > "$scratch/said"
      - echo before
      - read -r word < "$scratch/go.{parameter-value:n}"
      - echo after
      - echo "\$word" > "\$VH_OUTPUTS_DIR/out"
    parameters: [{name: n, type: integer, default: 0}]
- task: {name: many, step: gated, parameters: [{name: n, style: linear, rules: {start: 1, end: 4, step: 1}}]}
- pipeline: {name: sweep, nodes: [{name: t, type: task, task: many}], edges: []}
END
exec 5<>"$scratch/said"

supervisor() {
    head -n 1 "$project/.sluice/node/lock"
}

agent() {
    pgrep -P "$(supervisor)" -f -- --agent
}

release() { # N
    timeout 60 sh -c "echo went >'$scratch/go.$1'" || fail "task $1 does not wait"
}

ends() { # RUN
    timeout 100 "$SLUICE" watch --since 0 "$1" >"$out" 2>"$err" || fail "run $1 did not end"
}

it "keeps tasks when its agent is killed"
sluice_exits 0 run --detach sweep
for i in 1 2 3 4; do
    read -r n <&5
    case $i in 1 | 3)
        old=$(agent)
        kill -9 "$old" || fail "no agent to kill"
        gone "$old" "the agent"
        ;;
    esac
    [ $i != 2 ] || sluice_exits 0 show last
    release "$n"
done
ends 1
same complete "$(state_of 1)"
for n in 1 2 3 4; do
    same 1 "$(wc -l <"$scratch/ran/$n")" "how often task $n ran"
    same "before
after" "$(stdout_of 1/t/$((n - 1)))" "log of task $n"
done
rm "$scratch"/ran/*

it "hands out again what ended with its supervisor"
sluice_exits 0 run --detach --step gated -p n=1
read -r n <&5
task=$(cat "$scratch/ran/1")
kill -9 "$(supervisor)" || fail "no supervisor to kill"
gone "$task" "the task of a killed supervisor"
sluice_exits 0 ls
read -r n <&5
same 1 "$n" "which task began again"
release 1
ends 2
same complete "$(state_of 2)"
same "2 2" "$(value task.attempts show 2/gated/0) $(wc -l <"$scratch/ran/1")" attempts
rm "$scratch"/ran/*

it "starts a lost node again while a client waits for its run"
"$SLUICE" run --step gated -p n=4 >"$out" 2>"$err" &
client=$!
read -r n <&5
task=$(cat "$scratch/ran/4")
kill -9 "$(supervisor)" || fail "no supervisor to kill"
gone "$task" "the task of a killed supervisor"
read -r n <&5
same 4 "$n" "which task began again"
release 4
wait $client || fail "the run ended with $?"
same "complete 2" "$(state_of 3) $(value task.attempts show 3/gated/0)"
rm "$scratch"/ran/*

it "goes on when the client is killed"
"$SLUICE" run --step gated -p n=2 >"$out" 2>"$err" &
client=$!
read -r n <&5
kill -9 $client
wait $client 2>/dev/null
release 2
ends 4
same "complete 1" "$(state_of 4) $(wc -l <"$scratch/ran/2")"

it "loses nothing when all of them are killed at once"
sluice_exits 0 run --detach --step gated -p n=3
read -r n <&5
task=$(cat "$scratch/ran/3")
kill -9 "$(value pid status)" "$(agent)" "$(supervisor)"
gone "$task" "the task of a killed supervisor"
sluice_exits 0 ls
read -r n <&5
release 3
ends 5
same "complete 2" "$(state_of 5) $(value task.attempts show 5/gated/0)"
sluice_exits 0 run --step ok
