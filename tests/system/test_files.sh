# Files: inputs from everywhere, outputs live and with properties, the code's snapshot.
. "$SYSTEM_TESTS/lib.sh"

mkdir -p data/x/y "$scratch/else where"
for name in data/a.txt data/x/b.txt data/x/y/c.txt; do echo "$name" >$name; done
echo elsewhere >"$scratch/else where/d e.txt"
cat >valohai.yaml <<END
- step: &list
    name: list
    image: debian:12
    command: cd "\$VH_INPUTS_DIR" && find . -type f | LC_ALL=C sort
    inputs: [{name: in, default: data/a.txt}]
- step: {<<: *list, name: full, inputs: [{name: in, keep-directories: full, default: 'data/**'}]}
- step: {<<: *list, name: suffix, inputs: [{name: in, keep-directories: suffix, default: 'data/x/**'}]}
- step: {<<: *list, name: flat, inputs: [{name: in, default: ['data/x/**', 'data/*.txt']}]}
- step: {<<: *list, name: named, inputs: [{name: in, filename: other.name, default: data/a.txt}]}
- step: {<<: *list, name: param, parameters: [{name: f, default: b}],
    inputs: [{name: in, default: 'data/x/{parameter:f}.txt'}]}
- step: {<<: *list, name: none, inputs: [{name: in, default: 'data/*.nothing'}]}
- step:
    name: live
    image: debian:12
    command:
      - cd "\$VH_OUTPUTS_DIR"
      # Goes on when the file is gone; tail --follow=name can miss a file that is renamed.
      - |
        for i in 1 2 3; do
          echo \$i > model && chmod 0444 model
          while [ -e model ]; do sleep 0.01; done
        done
      - echo end > model
- step:
    name: properties
    image: debian:12
    command:
      - cd "\$VH_OUTPUTS_DIR"
      - mkdir d && echo a > d/a && echo b > b && echo c > c && true > empty
      - |
        echo '{"k":"sidecar","only":1}' > d/a.metadata.json
        echo '{"k":"b"}' > b.metadata.json
        echo '{"file":"d/a","metadata":{"k":"jsonl","valohai.tags":["t"]}}' > valohai.metadata.jsonl
        echo 'not json' >> valohai.metadata.jsonl
      - ln -s a d/link
- step:
    name: next
    image: debian:12
    command: cat "\$VH_CONFIG_DIR/inputs.json"
    inputs: [{name: in}]
- step:
    name: newline
    image: debian:12
    command: |
      echo > "\$VH_OUTPUTS_DIR/\$(printf 'a\\nb')"; echo ok > "\$VH_OUTPUTS_DIR/ok"
- pipeline:
    name: relive
    nodes: [{name: live, type: execution, step: live}, {name: next, type: execution, step: next}]
    edges: [[live.output.*, next.input.in]]
- pipeline:
    name: pass
    nodes: [{name: properties, type: execution, step: properties}, {name: next, type: execution, step: next}]
    edges: [[properties.output.*, next.input.in]]
END

files_of() { stdout_of "last/$1" | paste -sd' ' -; }

it "takes inputs by path, pattern, file: and parameter, and keeps folders as told"
sluice_exits 0 run --step list
same "./in/a.txt" "$(files_of list)"
sluice_exits 0 run --step list -i in=data/x/b.txt -i "in=file://$project/data/a.txt" \
    -i "in=$scratch/else where/d e.txt"
same "./in/a.txt ./in/b.txt ./in/d e.txt" "$(files_of list)"
sluice_exits 0 run --step full
same "./in/data/a.txt ./in/data/x/b.txt ./in/data/x/y/c.txt" "$(files_of full)"
sluice_exits 0 run --step suffix
same "./in/b.txt ./in/y/c.txt" "$(files_of suffix)"
sluice_exits 0 run --step flat
same "./in/a.txt ./in/b.txt ./in/c.txt" "$(files_of flat)"
sluice_exits 0 run --step named
same "./in/other.name" "$(files_of named)"
sluice_exits 0 run --step param
same "./in/b.txt" "$(files_of param)"
same "sha256:$(sha256sum <data/x/b.txt | cut -d' ' -f1)" "$(value inputs.0.digest show last/param/0)"

it "refuses inputs that are not there"
before=$(last_run)
sluice_exits 2 run --step none
has 'data/*.nothing' "$err"
sluice_exits 2 run --step list -i in=data
sluice_exits 2 run --step list -i in=data/none
sluice_exits 2 run --step list -i "in=file:///no/such/file"
same "$before" "$(last_run)" "the number of runs"
sluice_exits 1 run --step list -i in=http://127.0.0.1:1/nothing
"$SLUICE" show last/list/0 >"$out"
has "127.0.0.1:1"
same input-failed "$(value task.cause show last/list/0)"

it "fetches inputs over http"
if command -v python3 >/dev/null 2>&1; then
    mkfifo "$scratch/port"
    (cd data && exec python3 -u - >"$scratch/port" 2>"$scratch/http.log") <<'END' &
import http.server
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()
END
    server=$!
    read -r port <"$scratch/port"
    sluice_exits 0 run --step list -i "in=http://127.0.0.1:$port/x/b.txt?q=1"
    same "./in/b.txt" "$(files_of list)"
    sluice_exits 1 run --step list -i "in=http://127.0.0.1:$port/none"
    "$SLUICE" show last/list/0 >"$out"
    has "127.0.0.1:$port/none"
    has 404
    kill $server
    wait $server 2>/dev/null
else
    echo "  there is no python3 to serve files"
fi

it "takes a file that becomes read-only at once, and its name again"
sluice_exits 0 run --step live
sluice_exits 0 outputs --json last/live
same "model model model model" \
    "$(for i in 0 1 2 3 4; do "$TOOLS/json" $i.name <"$out"; done | paste -sd' ' -)" "names"
sluice_exits 0 outputs last/live -d "$scratch/live"
same "end 1 2 3" "$(cd "$scratch/live" && cat model 'model.~1~' 'model.~2~' 'model.~3~' |
    paste -sd' ' -)" "contents of the outputs"

sluice_exits 0 run relive
stdout_of last/next >"$out"
same 4 "$("$TOOLS/json" in.files.# <"$out")" "files handed on"
same 4 "$(for i in 0 1 2 3; do "$TOOLS/json" in.files.$i.name <"$out"; done | sort -u | wc -l |
    tr -d ' ')" "names of files handed on"

it "hands properties of outputs on"
sluice_exits 0 run pass
sluice_exits 0 outputs --json last/properties
same "$(printf 'b\nc\nd/a\nempty')" "$(for i in 0 1 2 3 4 5; do
    "$TOOLS/json" $i.name <"$out"; done | sort)" "names"
stdout_of last/next >"$out"
for i in 0 1 2 3; do "$TOOLS/json" in.files.$i.metadata <"$out"; done | sort >"$scratch/have"
printf '%s\n' '[]' '[]' '[{"k":"b"}]' '[{"k":"jsonl","only":1,"valohai.tags":["t"]}]' |
    sort >"$scratch/expected"
same_file "$scratch/expected" "$scratch/have"

it "downloads outputs, does not overwrite, and says what they are"
sluice_exits 0 outputs last/properties -d "$scratch/get"
same a "$(cat "$scratch/get/d/a")"
same 0 "$(wc -c <"$scratch/get/empty" | tr -d ' ')"
echo mine >"$scratch/get/b"
sluice_exits 2 outputs last/properties -d "$scratch/get"
same mine "$(cat "$scratch/get/b")"
sluice_exits 0 outputs last/properties -d "$scratch/get" --overwrite
same b "$(cat "$scratch/get/b")"
same "sha256:$(sha256sum <"$scratch/get/d/a" | cut -d' ' -f1)" \
    "$("$SLUICE" outputs last/properties | awk '$NF ~ /^sha256/ && /d\/a/ {print $NF}')"

it "refuses an output whose name has a newline, and keeps the others"
sluice_exits 1 run --step newline
same ok "$(value 0.name outputs last/newline)"
same output-failed "$(value task.cause show last/newline/0)"
