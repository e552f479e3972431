# A step by itself: its parameters, how values are given, and what is refused.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step:
    name: show values
    image: debian:12
    command:
      - printf '<%s>\n' {parameters}
      - echo lr={parameter-value:lr}
      - cat "$VH_CONFIG_DIR/parameters.json"
    parameters:
      - {name: lr, type: float, default: 0.001}
      - {name: epochs, type: integer, default: 5, min: 1, max: 9}
      - {name: name, default: a b}
      - {name: kind, choices: [x, y], default: x}
      - {name: fast, type: flag, default: true}
      - {name: slow, type: flag, pass-true-as: --slow=yes, pass-false-as: --slow=no}
      - {name: many, type: integer, multiple: repeat, default: [1, 2], pass-as: '-m {v}'}
      - {name: joined, multiple: separate, multiple-separator: ';', default: [a, b c]}
      - {name: opt, optional: true}
- step:
    name: shell
    image: debian:12
    command: 'true'
- step:
    name: needs
    image: debian:12
    command: 'true'
    parameters: [{name: given, type: integer}]
    inputs: [{name: data}]
- step:
    name: ok
    image: debian:12
    command: 'true'
- step:
    name: fails
    image: debian:12
    command: exit 3
END

it "refuses what is wrong before anything is started"
sluice_exits 2 run --step nosuch
has nosuch "$err"
sluice_exits 2 run --step needs
mkdir folder
sluice_exits 2 run --step needs -p given=1 -i data=folder
has "folder is a folder: name the files in it" "$err"
sluice_exits 2 run --step show -p epochs=x
has epochs "$err"
sluice_exits 2 run --step show -p epochs=10
sluice_exits 2 run --step show -p kind=z
sluice_exits 2 run --step show -p nosuch=1
has nosuch "$err"
sluice_exits 2 run --step show -p epochs
sluice_exits 2 run --step ok -i data=x
sluice_exits 2 run nosuch
sluice_exits 2 run --nosuch
sluice_exits 2 nosuch
sluice_exits 2 run --step sh
has shell "$err"
sluice_exits 2 run --step needs -p given=1 -i data=no/such/file
has no/such/file "$err"
[ ! -e .sluice/store ] || fail "a store was made for a run that was refused"
sluice_exits 3 status
sluice_exits 0 stop

it "runs with the defaults of a step, found by a prefix of its name"
sluice_exits 0 run --step show
stdout_of 1/show >"$out"
cat >"$scratch/expected" <<'END'
<--lr=0.001>
<--epochs=5>
<--name=a b>
<--kind=x>
<--fast>
<-m>
<1>
<-m>
<2>
<--joined=a;b c>
lr=0.001
END
head -n 11 "$out" >"$scratch/words"
same_file "$scratch/expected" "$scratch/words"
same '{"epochs":5,"fast":true,"joined":["a","b c"],"kind":"x","lr":0.001,"many":[1,2],"name":"a b"}' \
    "$(tail -n +12 "$out" | "$TOOLS/json" '')" parameters.json

it "takes values from -p, lists and flags too"
sluice_exits 0 run --step 'show values' -p lr=2 -p epochs=7 -p name="it's" -p fast=false \
    -p slow=true -p many=4 -p many=5 -p joined=one -p opt=
stdout_of last/show >"$out"
cat >"$scratch/expected" <<'END'
<--lr=2.0>
<--epochs=7>
<--name=it's>
<--kind=x>
<--slow=yes>
<-m>
<4>
<-m>
<5>
<--joined=one>
<--opt=>
lr=2.0
END
head -n 12 "$out" >"$scratch/words"
same_file "$scratch/expected" "$scratch/words"
same false "$(tail -n +13 "$out" | "$TOOLS/json" fast)" fast
same '{"epochs":7,"fast":false,"joined":["one"],"kind":"x","lr":2.0,"many":[4,5],"name":"it'"'"'s","opt":"","slow":true}' \
    "$(value parameters show last/show/0)" "the parameters shown"
sluice_exits 0 run --step show -p slow=false
stdout_of last/show >"$out"
has '<--slow=no>'

it "passes a number on as the file writes it, and gives a number where types count"
mkdir "$scratch/small" && cat >"$scratch/small/valohai.yaml" <<'END'
- step:
    name: small
    image: debian:12
    command:
      - echo {parameters}
      - cat "$VH_CONFIG_DIR/parameters.json"
    parameters:
      - {name: lr, type: float, default: 1e-5}
END
sluice_exits 0 run -C "$scratch/small" --step small
"$SLUICE" logs -C "$scratch/small" --stdout last/small >"$out"
has '--lr=1e-5'
has '"lr": 1e-05'
sluice_exits 0 run -C "$scratch/small" --step small -p lr=2e-5
"$SLUICE" logs -C "$scratch/small" --stdout last/small >"$out"
has '--lr=2e-05'

it "tells by its exit status how a run ended"
sluice_exits 0 run --step ok
sluice_exits 1 run --step fails
same 3 "$(value task.exit_code show last/fails/0)"
same exit "$(value task.cause show last/fails/0)"
sluice_exits 1 run -C "$project" --json --step fails
"$TOOLS/json" <"$out" || fail "run --json does not print JSON"
has '"change": "end"'

it "runs in a pipeline's folder from below, and in one with a long path"
mkdir sub && sluice_exits 0 run -C sub --step ok
long=$scratch/$(printf '%060d' 0)/$(printf '%060d' 1)
mkdir -p "$long" && cp valohai.yaml "$long" && ln -s "$long" "$scratch/long"
sluice_exits 0 run -C "$long" --step ok
same complete "$(value runs.0.state ls -C "$long")"
