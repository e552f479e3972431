# The verbs that look: every one answers in text and in JSON, names may be prefixes.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step: &ok
    name: prepare
    image: debian:12
    command: ['echo ''{"m":1}''', echo x > "$VH_OUTPUTS_DIR/x"]
    parameters: [{name: n, type: integer, default: 1}]
- step: {<<: *ok, name: present}
- task: {name: grid, step: prepare, parameters: [{name: n, style: multiple, rules: {items: [1, 2, 3]}}]}
- pipeline:
    name: training
    nodes: [{name: prepare, type: execution, step: prepare}, {name: sweep, type: task, task: grid}]
    edges: [[prepare.dependency.a, sweep.dependency.a]]
END

it "explains itself"
for verb in run lint ls show logs outputs metadata cancel approve reject watch nodes status \
    stop version; do
    sluice_exits 0 help $verb
    has "sluice $verb"
    sluice_exits 0 $verb --help
done
sluice_exits 0 version
sluice_exits 0 --help
sluice_exits 2
sluice_exits 0 lint valohai.yaml

it "takes the options of every verb before the verb, too"
sluice_exits 0 --timeout 5s ls
sluice_exits 0 -C . ls

it "prints data of every verb as JSON"
sluice_exits 0 run tr --json --title 'a "title"'
"$TOOLS/json" <"$out" || fail "run: not JSON"
same end "$("$TOOLS/json" change <"$out" | tail -n 1)"
for words in "ls" "ls -n 1" "show last" "show 1/prepare" "show 1/sweep/2" "logs 1/sweep/0" \
    "outputs 1/sweep" "metadata 1/sweep" "metadata --series 1/sweep" "nodes" "status" \
    "version" "lint valohai.yaml"; do
    # shellcheck disable=SC2086 # words
    sluice_exits 0 $words --json
    "$TOOLS/json" <"$out" || fail "$words: not JSON"
    # shellcheck disable=SC2086
    sluice_exits 0 $words
done
same 'a "title"' "$(value run.title show 1)"
same 4 "$(value run.complete show 1)"
same 3 "$(value stage.tasks show 1/sweep)"
same 3 "$(value '#' metadata 1/sweep)"
same online "$(value nodes.0.state nodes)"
for words in "show 9" "show 1/nosuch" "show 1/sweep/3" "logs 1/sweep" "outputs 1/nosuch" \
    "metadata 9/x" "cancel 9" "show nosuch"; do
    # shellcheck disable=SC2086
    sluice_exits 2 $words --json
    same 2 "$("$TOOLS/json" error.exit <"$err")" "$words"
    # shellcheck disable=SC2086
    sluice_exits 2 $words
    [ -s "$err" ] || fail "$words: nothing on standard error"
done

it "takes unique prefixes of names and of a run's id"
id=$(value run.id show 1)
same 1 "$(value run.number show "$(echo "$id" | cut -c1-8)")"
same "$id" "$(value run.id show last)"
same prepare "$(value stage.name show 1/pre)"
sluice_exits 0 run --step prep
sluice_exits 2 run --step pre
has present "$err"

it "takes a run for its stage where it has one only, and else names the stages"
sluice_exits 0 show last/prepare
sluice_exits 0 logs last
sluice_exits 0 outputs last
sluice_exits 0 metadata last
sluice_exits 2 logs 1
has "stages: name one, as in 1/prepare (there are: prepare, sweep" "$err"

it "downloads the outputs of a sweep, each task into its folder"
sluice_exits 0 outputs 1/sweep -d "$scratch/sweep"
same "0 1 2" "$(cd "$scratch/sweep" && echo *)"

it "takes the outputs of a run's stages together, each in a folder of its own"
same "prepare sweep sweep sweep" \
    "$(value 0.stage outputs 1) $(value 1.stage outputs 1) $(value 2.stage outputs 1) $(value 3.stage outputs 1)"
sluice_exits 0 outputs 1
has prepare
sluice_exits 0 outputs 1 -d "$scratch/all"
same "prepare sweep" "$(cd "$scratch/all" && echo *)"
same "0 1 2" "$(cd "$scratch/all/sweep" && echo *)"
same "$(cat "$scratch/sweep/2/x")" "$(cat "$scratch/all/sweep/2/x")"

it "uses no colours in a pipe, nor with NO_COLOR on a terminal"
"$SLUICE" show 1 >"$out"
has_not "$(printf '\033')"
if command -v script >/dev/null 2>&1; then
    script -qec "'$SLUICE' show 1" /dev/null </dev/null >"$out"
    has "$(printf '\033[')"
    NO_COLOR=1 script -qec "'$SLUICE' show 1" /dev/null </dev/null >"$out"
    has_not "$(printf '\033[3')"
fi

it "ends the daemons, once"
sluice_exits 0 stop
flock -w 30 .sluice/node/lock true || fail "the node goes on"
sluice_exits 3 status
sluice_exits 0 stop
sluice_exits 0 stop --json
same false "$("$TOOLS/json" was_running <"$out")"
