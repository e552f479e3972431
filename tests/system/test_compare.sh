# Runs and tasks beside each other: selection, filters, order, and what other programs read.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: train
    image: debian:12
    command:
      - printf '{"accuracy":0.1}\n'
      - printf '{"accuracy":0.%s,"note":"a,b"}\n' {parameter-value:n}
      - echo model > "$VH_OUTPUTS_DIR/model.bin"
    parameters:
      - {name: rate, type: float, default: 0.5}
      - {name: n, type: integer, default: 2}
      - {name: same, type: string, default: x}
- step:
    name: nothing
    image: debian:12
    command: printf '{"n":%s,"wide":"%060000d"}\n' {parameter-value:n} 0
    parameters: [{name: n, type: integer, default: 2}]
- task:
    name: grid
    step: train
    type: grid_search
    parameters:
      - {name: rate, style: multiple, rules: {items: [0.1, 0.2]}}
      - {name: n, style: multiple, rules: {items: [2, 9]}}
- task:
    name: wide
    step: nothing
    parameters: [{name: n, style: linear, rules: {start: 0, end: 79, step: 1}}]
- pipeline:
    name: wide
    nodes: [{name: sweep, type: task, task: wide}]
    edges: []
- pipeline:
    name: all
    nodes: [{name: sweep, type: task, task: grid}, {name: last, type: execution, step: train}]
    edges: []
END

it "shows what differs between the tasks of a sweep, and their latest metrics"
sluice_exits 0 run all
sluice_exits 0 compare 1/sweep
same "RUN STATE TOOK rate n accuracy note" "$(head -n 1 <"$out" | tr -s ' ' | sed 's/ $//')"
same 5 "$(wc -l <"$out" | tr -d ' ')"
sluice_exits 0 compare 1/sweep --json
same rate "$("$TOOLS/json" parameters.0 <"$out")"
same 0.9 "$("$TOOLS/json" rows.3.metrics.accuracy <"$out")"
same 3 "$("$TOOLS/json" rows.3.task <"$out")"
sluice_exits 0 compare 1/sweep --all --json
same x "$("$TOOLS/json" rows.0.parameters.same <"$out")"

it "sorts and filters"
order() { "$SLUICE" compare "$@" --csv | tail -n +2 | cut -d, -f1 | paste -sd' ' -; }
same "1/sweep/1 1/sweep/3 1/sweep/0 1/sweep/2" "$(order 1/sweep --sort -accuracy)"
same "1/sweep/1 1/sweep/3" "$(order 1/sweep --where 'accuracy > 0.5')"
same "1/sweep/1 1/sweep/3 1/sweep/0" "$(order 1/sweep --sort -accuracy --top 3)"
same "1/sweep/0" "$(order 1/sweep -t 1)"
same 4 "$(order 1/sweep --top 10 | wc -w | tr -d ' ')"
same "1/sweep/3" "$(order 1/sweep --where 'accuracy > 0.5' --where 'parameter.rate == 0.2')"
same "" "$(order 1/sweep --state error,stopped)"
sluice_exits 2 compare 1/sweep --sort nosuch
has "accuracy" "$err"
sluice_exits 2 compare 1/sweep --where 'accuracy >'
sluice_exits 2 compare 1/sweep -m nosuch

it "takes runs by number, range, step, pipeline and age"
sluice_exits 0 run --step train -p rate=0.75
sluice_exits 0 run --step train -p n=8
sluice_exits 0 run --step nothing
same "2 3" "$(order 2-3)"
same "2 3" "$(order 2..3)"
same "3 2" "$(order 3 2)"
same "3 2 1" "$(order 1-3 --last 3)"
same "1" "$(order --pipeline all)"
same "3/train/0 2/train/0" "$(order --step train --last 2)"
same 7 "$("$SLUICE" compare --step train --csv | tail -n +2 | wc -l | tr -d ' ')"
sluice_exits 2 compare
sluice_exits 2 compare 3-2
sluice_exits 2 compare 99
sluice_exits 2 compare 1/nosuch

it "writes CSV and Markdown that hold any text"
sluice_exits 0 compare 2-3 --csv -m note,accuracy
same 'run,state,seconds,rate,n,note,accuracy' "$(head -n 1 "$out" | tr -d '\r')"
same '"a,b",0.2' "$(sed -n 2p "$out" | tr -d '\r' | cut -d, -f6-)"
same 3 "$(grep -c "$(printf '\r')\$" "$out")" "lines that end as RFC 4180 says"
sluice_exits 0 compare 2-3 --md -m accuracy
same '| run | state | seconds | rate | n | accuracy |' "$(head -n 1 "$out")"
sluice_exits 2 compare 2-3 --md --csv

it "asks on where the results of a sweep do not fit into one answer"
sluice_exits 0 run wide
same "5/sweep/79" "$(order 5/sweep --sort -wide --where 'metadata.n == parameter.n' | cut -d' ' -f80)"
same 79 "$(value 79.metadata.n metadata 5/sweep)"

it "rounds long numbers, and leaves out columns that a terminal has no room for"
sluice_exits 0 run --step train -p rate=0.123456789012
sluice_exits 0 compare 2 "$(last_run)"
same "0.123457" "$(sed -n 3p "$out" | tr -s ' ' | cut -d' ' -f4)"
if command -v script >/dev/null 2>&1; then
    TERM=xterm NO_COLOR=1 script -qec "stty cols 42 rows 20 <&1; '$SLUICE' compare 1/sweep --sort rate" \
        /dev/null </dev/null >"$out"
    same "RUN STATE TOOK rate accuracy" "$(head -n 1 "$out" | tr -d '\r' | tr -s ' ')"
    has "2 more columns; --csv has all, --metric chooses"
fi
