# Wrong files and folders: a clear error, the documented exit status, nothing started, and
# earlier runs untouched.
. "$SYSTEM_TESTS/lib.sh"

refused() { # TEXT ARGUMENT...
    text=$1
    shift
    sluice_exits 2 run "$@"
    has "$text" "$err"
    [ ! -e .sluice/store ] || fail "a store was made"
}

it "refuses files that are none"
refused valohai.yaml
: >valohai.yaml
refused valohai.yaml
head -c 4096 /dev/urandom >valohai.yaml
refused valohai.yaml
mkdir folder && mv valohai.yaml folder/ && mkdir valohai.yaml
refused valohai.yaml
rmdir valohai.yaml
head -c 20000 /dev/zero | tr '\0' '[' >valohai.yaml
refused valohai.yaml:1
head -c 104857600 /dev/zero >valohai.yaml
refused valohai.yaml

it "refuses graphs that cannot run, with the line"
cat >valohai.yaml <<'END'
- step: {name: ok, image: debian:12, command: 'true', inputs: [{name: in, optional: true}]}
- pipeline:
    name: cycle
    nodes: [{name: a, type: execution, step: ok}, {name: b, type: execution, step: ok}]
    edges: [[a.dependency.a, b.dependency.a], [b.dependency.a, a.dependency.a]]
- pipeline:
    name: pair
    nodes: [{name: a, type: execution, step: ok}, {name: b, type: execution, step: ok}]
    edges: [[a.output.x, b.parameter.p]]
END
refused cycle cycle
refused valohai.yaml: pair
cat >>valohai.yaml <<'END'
- pipeline: {name: nowhere, nodes: [{name: a, type: execution, step: ok}], edges: [[a.output.x, c.input.in]]}
END
refused valohai.yaml:10 nowhere
sed -i '$d' valohai.yaml

it "does not touch a store that something else wrote, nor a folder that it may not write"
mkdir -p .sluice/store .sluice/run && echo text >.sluice/store/data.mdb
chmod 700 .sluice .sluice/run
"$SLUICE" run --step ok >"$out" 2>"$err"
[ $? -ne 0 ] || fail "it ran"
has .sluice "$err"
same text "$(cat .sluice/store/data.mdb)" "the foreign file"
stop_daemons "$project"
rm -rf .sluice
echo text >.sluice
"$SLUICE" run --step ok >"$out" 2>"$err"
[ $? -ne 0 ] || fail "it ran"
has .sluice "$err"
rm .sluice
sluice_exits 0 run --step ok

it "leaves earlier runs as they are"
echo '- step: {name: x}' >>valohai.yaml
sluice_exits 2 run --step ok
same "1 complete" "$(last_run) $(value runs.0.state ls)"
