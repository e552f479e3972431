# make.sh OUT.tar.gz - makes a store as this release leaves it; see README.md.
archive=$1
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

cat >valohai.yaml <<END
- step:
    name: train
    image: debian:12
    command:
      - 'printf ''{"loss": %s}\n'' {parameter-value:rate}'
      - echo weights {parameter-value:rate} >"\$VH_OUTPUTS_DIR/model"
    parameters: [{name: rate, type: integer, default: 0}]
- step:
    name: read
    image: debian:12
    command: cat "\$VH_INPUTS_DIR"/in/*
    inputs: [{name: in}]
- step: {name: fail, image: debian:12, command: exit 3}
- task: {name: many, step: train, parameters: [{name: rate, style: linear, rules: {start: 1, end: 3, step: 1}}]}
- pipeline:
    name: all
    nodes:
      - {name: sweep, type: task, task: many}
      - {name: read, type: execution, step: read}
    edges: [[sweep.output.*, read.input.in]]
- pipeline:
    name: ask
    nodes:
      - {name: first, type: execution, step: train}
      - name: second
        type: execution
        step: read
        actions: [{when: node-starting, then: require-approval}]
    edges: [[first.output.*, second.input.in]]
END
start_broker
SLUICE_BROKER=$url
export SLUICE_BROKER
start_node a --cpus 2
sluice_exits 0 run all
sluice_exits 1 run --step fail
sluice_exits 0 run --detach ask
await_event run/3/stage/second/approval
kill -TERM "$node_pid"
ends 0 "$node_pid"
kill -TERM "$broker_pid"
ends 0 "$broker_pid"

tar -C "$store" --exclude="lock.*" --sort=name --owner=0 --group=0 --numeric-owner \
    --mtime=2026-01-01 -cf - . | gzip -9n >"$archive" || fail "no archive"
