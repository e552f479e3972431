# Pictures of metrics: series of several tasks, scatter plots, SVG, and no gnuplot at all.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: train
    image: debian:12
    command: sh train.sh {parameter-value:n}
    parameters: [{name: n, type: integer, default: 2}]
- task:
    name: grid
    step: train
    parameters: [{name: n, style: multiple, rules: {items: [1, 2, 3]}}]
- pipeline:
    name: all
    nodes: [{name: sweep, type: task, task: grid}]
    edges: []
END
cat >train.sh <<'END'
for i in 1 2 3 4; do
    printf '{"epoch":%s,"it'"'"'s <`loss`>":%s}\n' $i $((i * $1))
done
echo '{"note":"no number"}'
echo '{"end":'"$1"'}'
END
metric="it's <\`loss\`>"
sluice_exits 0 run all

it "gives the points as data"
sluice_exits 0 plot 1/sweep "$metric" --x epoch --json
same 3 "$("$TOOLS/json" curves.2.points.0.1 <"$out" | cut -d. -f1)"
same 1/sweep/2 "$("$TOOLS/json" curves.2.name <"$out")"
same 4 "$("$TOOLS/json" curves.0.points.3.0 <"$out" | cut -d. -f1)"
sluice_exits 0 plot --scatter n 1/sweep "$metric" --json
same 12 "$("$TOOLS/json" curves.0.points.2.1 <"$out" | cut -d. -f1)"
sluice_exits 2 plot 1/sweep nosuch
sluice_exits 2 plot 1/sweep note
sluice_exits 2 plot 1/sweep "$metric" --x nosuch
sluice_exits 2 plot --scatter nosuch 1/sweep "$metric"
sluice_exits 2 plot "$metric"

it "says what is missing where there is no gnuplot"
exits 1 env PATH=/nowhere "$SLUICE" plot 1/sweep "$metric"
has "gnuplot" "$err"

if command -v gnuplot >/dev/null 2>&1; then
    it "draws on the terminal and as SVG"
    sluice_exits 0 plot 1/sweep/0 1/sweep/2 "$metric"
    has "$metric"
    has "1/sweep/2"
    sluice_exits 0 plot 1/sweep "$metric" --x epoch --svg picture.svg
    has "<svg" picture.svg
    has "it's &lt;\`loss\`" picture.svg
    sluice_exits 0 plot --scatter n 1/sweep "$metric" --svg -
    has "</svg>"
    sluice_exits 2 plot 1/sweep "$metric" --svg nowhere/picture.svg
    has_not scatter "$err"
    sluice_exits 0 plot 1/sweep end
    has "--scatter NAME draws it over a parameter" "$err"
fi
