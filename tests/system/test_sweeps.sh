# Tasks: every kind of search and parameter style, limits on them, what a failed child does,
# and what is refused.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: point
    image: debian:12
    command: |
      printf '{"x":%s,"y":%s}\n' {parameter-value:x} {parameter-value:y}
    parameters: [{name: x, type: float, default: 0.5}, {name: y, type: integer, default: 2}]
- step:
    name: child
    image: debian:12
    command: test {parameter-value:n} != 1
    parameters: [{name: n, type: integer, default: 0}]
- step:
    name: crowd
    image: debian:12
    command:
      - cd "$CROWD" && touch "in.{parameter-value:n}" && ls in.* | wc -l >> counts
      - ls in.*
      - rm "in.{parameter-value:n}"
    parameters: [{name: n, type: integer, default: 0}]
    environment-variables: [{name: CROWD}]
- step: {name: after, image: debian:12, command: echo after}
- task:
    name: grid
    step: point
    type: grid-search
    parameters:
      - {name: x, style: linear, rules: {start: 0.8, end: 0.9, step: 0.05}}
      - {name: y, style: multiple, rules: {items: [1, 2]}}
- task:
    name: logs
    step: point
    parameters:
      - {name: y, style: logspace, rules: {start: 2, end: 8, count: 4, base: 2}}
      - {name: x, style: single, rules: {value: 3}}
- task:
    name: random
    step: point
    type: random_search
    execution-count: 6
    parameters:
      - {name: x, style: random, rules: {min: 1, max: 2, distribution: uniform, seed: 5}}
      - {name: y, style: multiple, rules: {items: [3, 4]}}
- task:
    name: manual
    step: point
    type: manual_search
    parameter-sets: [{x: 1, y: 10}, {y: 20}]
- task:
    name: zipped
    step: point
    type: manual_search
    parameters:
      - {name: x, style: multiple, rules: {items: [1, 2, 3]}}
      - {name: y, style: multiple, rules: {items: [7]}}
- task:
    name: bayes
    step: point
    type: bayesian_tpe
    execution-count: 5
    optimization-target-metric: x
    optimization-target-value: 9
    parameters: [{name: x, style: random, rules: {min: 0, max: 1}}]
- task:
    name: bigbayes
    step: point
    type: bayesian_tpe
    execution-count: 21
    parameters: [{name: x, style: random, rules: {min: 0, max: 1}}]
- task:
    name: dist
    step: point
    type: distributed
    execution-count: 2
    parameters: []
- task: &child
    name: plain
    step: child
    parameters: [{name: n, style: multiple, rules: {items: [0, 1, 2, 3, 4, 5, 6, 7]}}]
- task: {<<: *child, name: complete, on-child-error: continue-and-complete}
- task: {<<: *child, name: error, on-child-error: continue-and-error}
- task: {<<: *child, name: stop, on-child-error: stop-all-and-error, maximum-queued-executions: 1}
- task:
    name: crowd
    step: crowd
    maximum-queued-executions: 1
    parameters: [{name: n, style: linear, rules: {start: 1, end: 5, step: 1}}]
- task: {<<: *child, name: met, maximum-queued-executions: 1, step: point, stop-condition: metadata.y >= 2,
    parameters: [{name: y, style: multiple, rules: {items: [0, 1, 2, 3, 4, 5, 6, 7]}}]}
- pipeline: &one
    name: grid
    nodes: [{name: t, type: task, task: grid}]
    edges: []
- pipeline: {<<: *one, name: logs, nodes: [{name: t, type: task, task: logs}]}
- pipeline: {<<: *one, name: random, nodes: [{name: t, type: task, task: random}]}
- pipeline: {<<: *one, name: manual, nodes: [{name: t, type: task, task: manual}]}
- pipeline: {<<: *one, name: zipped, nodes: [{name: t, type: task, task: zipped}]}
- pipeline: {<<: *one, name: bayes, nodes: [{name: t, type: task, task: bayes}]}
- pipeline: {<<: *one, name: bigbayes, nodes: [{name: t, type: task, task: bigbayes}]}
- pipeline: {<<: *one, name: dist, nodes: [{name: t, type: task, task: dist}]}
- pipeline: {<<: *one, name: crowd, nodes: [{name: t, type: task, task: crowd}]}
- pipeline: {<<: *one, name: met, nodes: [{name: t, type: task, task: met}]}
- pipeline:
    name: deploys
    nodes: [{name: a, type: execution, step: after}, {name: d, type: deployment, deployment: x}]
    edges: []
- pipeline: {<<: *one, name: commits, nodes: [{name: a, type: execution, step: after, commit: abc}]}
- pipeline: &then
    name: plain
    nodes: [{name: t, type: task, task: plain}, {name: a, type: execution, step: after}]
    edges: [[t.dependency.a, a.dependency.a]]
- pipeline: {<<: *then, name: complete, nodes: [{name: t, type: task, task: complete}, {name: a, type: execution, step: after}]}
- pipeline: {<<: *then, name: error, nodes: [{name: t, type: task, task: error}, {name: a, type: execution, step: after}]}
- pipeline: {<<: *then, name: stop, nodes: [{name: t, type: task, task: stop}, {name: a, type: execution, step: after}]}
END

it "refuses what is not run yet, and starts nothing"
for name in bigbayes dist deploys commits; do
    sluice_exits 2 run $name
    [ -s "$err" ] || fail "no reason was given"
done
[ ! -e .sluice/store ] || fail "a store was made"

# "x,y" of every execution of the last run's sweep, in order, on one line.
points() {
    "$SLUICE" metadata --json last/t >"$out"
    paste -d, "$(part x)" "$(part y)" | paste -sd' ' -
}
part() {
    n=0
    : >"$scratch/part.$1"
    while "$TOOLS/json" "$n.metadata.$1" <"$out" >>"$scratch/part.$1"; do n=$((n + 1)); done
    echo "$scratch/part.$1"
}

it "goes through a grid, the last parameter fastest"
sluice_exits 0 run grid
same "0.8,1 0.8,2 0.85,1 0.85,2 0.9,1 0.9,2" "$(points)" "the grid"
it "spaces values by powers, and keeps single ones"
sluice_exits 0 run logs
same "3,4 3,16 3,64 3,256" "$(points)" "the powers"
it "goes through sets of parameters, and zips columns"
sluice_exits 0 run manual
same "1,10 0.5,20" "$(points)" "the sets"
sluice_exits 0 run zipped
same "1,7 2,7 3,7" "$(points)" "the columns"
it "draws the same values from the same seed"
sluice_exits 0 run random --seed 3
points >"$scratch/draws"
same 6 "$(wc -w <"$scratch/draws" | tr -d ' ')"
for point in $(cat "$scratch/draws"); do
    case $point in
    1.*,[34]) ;;
    *) fail "$point is out of range" ;;
    esac
done
sluice_exits 0 run random --seed 3
same "$(cat "$scratch/draws")" "$(points)" "the draws"
it "runs a small bayesian search as a random one"
sluice_exits 0 run bayes
same 5 "$(value stage.tasks show last/t)"

it "lets failed children count as their blueprint says"
sluice_exits 0 run complete
same '7 1' "$(value stage.complete show last/t) $(value stage.failed show last/t)"
same after "$(stdout_of last/a)"
for name in plain error; do
    sluice_exits 1 run $name
    same '7 1' "$(value stage.complete show last/t) $(value stage.failed show last/t)" $name
done
sluice_exits 1 run stop
same '1 1 6' "$(value stage.complete show last/t) $(value stage.failed show last/t) $(
    value stage.stopped show last/t)" "complete, failed, stopped"

it "keeps at most so many children at once"
CROWD=$scratch/crowd
mkdir "$CROWD"
sed -i "s|{name: CROWD}|{name: CROWD, default: '$CROWD'}|" valohai.yaml
sluice_exits 0 run crowd
same "1 1 1 1 1" "$(paste -sd' ' - <"$CROWD/counts")" "children at once"

it "ends a sweep when its condition is met"
sluice_exits 0 run met
same stopped "$(value stage.state show last/t)"
same 8 $(($(value stage.complete show last/t) + $(value stage.stopped show last/t)))
[ "$(value stage.complete show last/t)" -lt 4 ] || fail "the sweep went on"
same '{"x":0.5,"y":6}' "$(value parameters show last/t/6)" "parameters of a child that never ran"
same stopped "$(value tasks.7.state show last/t)"
