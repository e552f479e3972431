# Many short tasks of one sweep, whose folders go from one to the next: each finds its own
# files and nothing of another, whatever those did, and kill -9 loses and repeats none.
. "$SYSTEM_TESTS/lib.sh"

cat >"$scratch/task" <<'END_OF_TASK'
# task N: looks at all that it was given, then leaves something, if its number says so.
n=$1
wrong() {
    echo "task $n: $*" >>"$SCRATCH/wrong"
    exit 1
}
same() { # EXPECTED FILE
    printf '%s\n' "$1" | cmp -s - "$2" || wrong "$2 is $(cat "$2")"
}
for folder in "$VH_OUTPUTS_DIR" "$VH_INPUTS_DIR" "$TMPDIR" "$VH_REPOSITORY_DIR"; do
    left=$(ls -A "$folder")
    [ "${left#valohai.yaml}" = "" ] || wrong "$left is in $folder"
    [ "$(stat -c %a "$folder")" = 755 ] || wrong "the mode of $folder"
done
there=$(ls "$VH_CONFIG_DIR/.." | grep -vxE 'status|times|metadata' | tr '\n' ' ')
[ "$there" = "config identity inputs launch outputs repository stderr stdout tmp " ] ||
    wrong "there is more: $there"
[ ! -e /valohai ] || [ /valohai/outputs -ef "$VH_OUTPUTS_DIR" ] || wrong "/valohai/outputs"
grep -qF "\"valohai.execution-id\": \"$VH_EXECUTION_ID\"" "$VH_CONFIG_DIR/execution.json" ||
    wrong "the execution is another"
same "{\"n\": $n}" "$VH_CONFIG_DIR/parameters.json"
same "{}" "$VH_CONFIG_DIR/api.json"
same "{}" "$VH_CONFIG_DIR/inputs.json"
[ ! -s "$VH_CONFIG_DIR/../stdout" ] || wrong "there is a log already"
case $((n % $EVERY)) in
1) echo "$n" >"$VH_OUTPUTS_DIR/out" ;;
2) mkdir "$TMPDIR/left" ;;
3) echo left >left ;;
4) chmod 777 "$VH_OUTPUTS_DIR" ;;
5) cd "$VH_CONFIG_DIR/../config" && chmod u+w api.json && echo '[]' >api.json ;;
6) rm "$VH_CONFIG_DIR/../config/inputs.json" ;;
7) echo "$n" ;;
8) echo "$n" >&2 ;;
9) touch "$VH_CONFIG_DIR/../more" ;;
esac
echo "$n $(stat -c %i "$VH_OUTPUTS_DIR")" >>"$SCRATCH/ran"
[ ! -p "$SCRATCH/said" ] || echo "$n" >"$SCRATCH/said"
END_OF_TASK
cat >valohai.yaml <<END
- step:
    name: look
    image: none
    command: /bin/sh $scratch/task {parameter-value:n}
    parameters: [{name: n, type: integer, default: 0}]
    environment-variables: [{name: SCRATCH, default: "$scratch"}, {name: EVERY, default: "100"}]
- task: {name: many, step: look, parameters: [{name: n, style: linear, rules: {start: 10, end: 109, step: 1}}]}
- task: {name: few, step: look, parameters: [{name: n, style: linear, rules: {start: 0, end: 59, step: 1}}]}
- pipeline: {name: quiet, nodes: [{name: t, type: task, task: many}], edges: []}
- pipeline: {name: loud, nodes: [{name: t, type: task, task: few}], edges: []}
END

each_once() { # FIRST LAST
    same "$(seq "$1" "$2")" "$(cut -d ' ' -f 1 "$scratch/ran" | sort -n)" "what ran"
    [ ! -f "$scratch/wrong" ] || fail "$(cat "$scratch/wrong")"
}

it "gives the folders of tasks that leave nothing to others"
sluice_exits 0 run quiet
each_once 10 109
folders=$(cut -d ' ' -f 2 "$scratch/ran" | sort -u | wc -l)
[ "$folders" -lt 60 ] || fail "100 tasks had $folders folders"
same complete "$(state_of last/t)"
same "" "$(stdout_of last/t/50)" "log of a task"

it "lets none of what tasks leave reach another"
sed -i 's/default: "100"/default: "11"/' valohai.yaml
rm "$scratch/ran"
sluice_exits 0 run loud
each_once 0 59
same 18 "$(stdout_of last/t/18)" "log of a task"
same "" "$(stdout_of last/t/19)" "log of the next"

it "loses none and repeats none when its agent is killed"
rm "$scratch/ran"
mkfifo "$scratch/said"
exec 5<>"$scratch/said"
sed -i 's/default: "11"/default: "100"/' valohai.yaml
sluice_exits 0 run --detach quiet
count=0
while [ $count -lt 100 ]; do
    timeout 60 sh -c 'read -r _' <&5 || { fail "only $count tasks came"; break; }
    count=$((count + 1))
    case $count in 15 | 40 | 70)
        old=$(pgrep -P "$(head -n 1 .sluice/node/lock)" -f -- --agent)
        kill -9 "$old" || fail "no agent to kill"
        gone "$old" "the agent"
        ;;
    esac
done
timeout 100 "$SLUICE" watch --since 0 "$(last_run)" >"$out" 2>"$err" ||
    fail "the run did not end"
same complete "$(state_of "$(last_run)")"
each_once 10 109
