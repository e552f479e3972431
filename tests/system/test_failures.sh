# What becomes of a pipeline when something fails, is stopped, or waits for a person.
. "$SYSTEM_TESTS/lib.sh"

sed "s|SCRATCH|$scratch|g" >valohai.yaml <<'END'
- step: &ok {name: ok, image: debian:12, command: echo ok}
- step: {<<: *ok, name: fails, command: [echo kept > "$VH_OUTPUTS_DIR/kept", 'false']}
- step: {<<: *ok, name: tries, command: ['echo try >> SCRATCH/tries', 'false']}
- step: {<<: *ok, name: third, command: ['echo try >> SCRATCH/third', 'test $(wc -l < SCRATCH/third) = 3']}
- step: {<<: *ok, name: cat, command: 'cat "$VH_INPUTS_DIR"/in/*', inputs: [{name: in, optional: true}]}
- step: {<<: *ok, name: slow, time-limit: 1, command: [echo begun, sleep 300]}
- step: {<<: *ok, name: mute, no-output-timeout: 1s, command: [sleep 300]}
- step: {<<: *ok, name: chatty, no-output-timeout: 2s,
    command: 'for i in 1 2 3 4 5; do sleep 0.5; echo $i; done'}
- step: {<<: *ok, name: endless, command: [echo begun, sleep 300]}
- step: {<<: *ok, name: enough, stop-condition: metadata.x > 1 and parameter.p == 'v',
    parameters: [{name: p, default: v}],
    command: [echo made > "$VH_OUTPUTS_DIR/made", 'echo ''{"x":1}''', 'echo ''{"x":2}''', sleep 300]}
- step: {<<: *ok, name: measure, parameters: [{name: q, type: float, default: 0.9}],
    command: 'printf ''{"q":%s}\n'' {parameter-value:q}'}
- pipeline: &errors
    name: stop-all
    nodes:
      - {name: bad, type: execution, step: fails}
      - {name: next, type: execution, step: cat}
      - {name: other, type: execution, step: ok}
      - {name: last, type: execution, step: ok}
    edges:
      - [bad.output.*, next.input.in]
      - [bad.dependency.a, other.dependency.a]
      - [other.dependency.a, last.dependency.a]
- pipeline: {<<: *errors, name: continue, nodes: [
    {name: bad, type: execution, step: fails, on-error: continue},
    {name: next, type: execution, step: cat}, {name: other, type: execution, step: ok},
    {name: last, type: execution, step: ok}]}
- pipeline: {<<: *errors, name: stop-next, nodes: [
    {name: bad, type: execution, step: fails, on-error: stop-next},
    {name: next, type: execution, step: ok}, {name: other, type: execution, step: ok},
    {name: last, type: execution, step: ok}], edges: [
    [bad.dependency.a, next.dependency.a], [other.dependency.a, last.dependency.a]]}
- pipeline: {name: retry, edges: [[bad.dependency.a, next.dependency.a]], nodes: [
    {name: bad, type: execution, step: tries, on-error: retry},
    {name: next, type: execution, step: ok}]}
- pipeline: {name: third, edges: [[bad.dependency.a, next.dependency.a]], nodes: [
    {name: bad, type: execution, step: third, on-error: retry},
    {name: next, type: execution, step: ok}]}
- pipeline: &gate
    name: gate
    parameters: [{name: q, targets: [measure.parameter.q], default: 0.9}]
    nodes:
      - {name: measure, type: execution, step: measure, actions: [
          {when: node-complete, if: metadata.q < 0.5, then: stop-pipeline},
          {when: node-complete, if: [metadata.q > 2, parameter.q < 4], then: error-pipeline},
          {when: node-error, then: noop}]}
      - {name: publish, type: execution, step: ok, actions: [
          {when: node-starting, then: require-approval}]}
    edges: [[measure.dependency.a, publish.dependency.a]]
- pipeline: {<<: *gate, name: onerror, parameters: [], nodes: [
    {name: measure, type: execution, step: fails, on-error: continue, actions: [
      {when: node-error, then: stop-pipeline}]},
    {name: publish, type: execution, step: ok}]}
END

it "stops all, goes on, stops what comes next, tries three times"
sluice_exits 1 run stop-all
same "error skipped" "$(state_of last/bad) $(state_of last/last)"
same kept "$(value 0.name outputs last/bad)" "outputs of a failed execution"
sluice_exits 0 run continue
same "error complete complete" "$(state_of last/bad) $(state_of last/next) $(state_of last/last)"
same kept "$(stdout_of last/next)" "what a failed stage handed on"
sluice_exits 1 run stop-next
same "error skipped complete complete" "$(state_of last/bad) $(state_of last/next) $(
    state_of last/other) $(state_of last/last)"
sluice_exits 1 run retry
same 3 "$(wc -l <"$scratch/tries" | tr -d ' ')" tries
same "3 skipped" "$(value task.attempts show last/bad/0) $(state_of last/next)"
sluice_exits 0 run third
same "3 complete" "$(value task.attempts show last/bad/0) $(state_of last/next)"

it "limits the time, and the time without a word"
sluice_exits 1 run --step slow
same "error time-limit" "$(state_of last/slow/0) $(value task.cause show last/slow/0)"
same begun "$(stdout_of last/slow)"
sluice_exits 1 run --step mute
same "error no-output" "$(state_of last/mute/0) $(value task.cause show last/mute/0)"
[ "$(value message show last/mute/0)" != null ] || fail "no message says why"
sluice_exits 0 run --step chatty

it "stops an execution whose condition is met, and keeps what it made"
sluice_exits 0 run --step enough
same "stopped stop-condition" "$(state_of last/enough/0) $(value task.cause show last/enough/0)"
same 2 "$(value 0.metadata.x metadata last/enough)"
same made "$(value 0.name outputs last/enough)"

it "acts when a stage ends or starts"
sluice_exits 4 run gate -p q=0.25
same "stopped skipped" "$(state_of last) $(state_of last/publish)"
sluice_exits 1 run gate -p q=3
same "error" "$(state_of last)"
sluice_exits 4 run onerror

it "waits for a person, who approves or rejects from another process"
for answer in approve reject; do
    number=$(($(last_run) + 1))
    "$SLUICE" run gate >"$out" 2>"$err" &
    run=$!
    await_event "run/$number/stage/publish/approval"
    same approval "$(state_of "$number/publish")"
    exits 0 "$SLUICE" $answer "$number" publish
    wait $run
    same "$answer $?" "$answer $([ $answer = approve ] && echo 0 || echo 4)" "exit status"
done
same "stopped" "$(state_of last)"
sluice_exits 1 approve last publish
sluice_exits 2 approve last nosuch
sluice_exits 2 approve 999 publish

it "cancels a run from another process"
number=$(($(last_run) + 1))
"$SLUICE" run --step endless >"$out" 2>"$err" &
run=$!
await_event "run/$number/task/endless/0/started"
sluice_exits 0 cancel "$number"
wait $run
same 4 $? "exit status"
same "stopped stopped" "$(state_of "$number") $(state_of "$number/endless/0")"
sluice_exits 1 cancel "$number"
sluice_exits 2 cancel 999
