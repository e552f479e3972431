# What tasks print: kept byte for byte, followed while they run, metadata in it.
. "$SYSTEM_TESTS/lib.sh"

mkfifo "$scratch/go"
cat >valohai.yaml <<END
- step:
    name: bytes
    image: debian:12
    command:
      - cat bytes
      - cat bytes >&2
      - printf 'no newline at the end'
- step:
    name: long
    image: debian:12
    command: head -c 10485760 /dev/zero | tr '\\\\0' x; echo; echo '{"after":1}'
- step:
    name: waits
    image: debian:12
    command: [echo before, 'read -r line < "$scratch/go"', echo "got \$line", 'echo ''{"v":2}''']
- step:
    name: series
    image: debian:12
    command: cat lines; cat lines >&2
- step:
    name: both
    image: debian:12
    command: [echo 1, echo 2 >&2, echo 3]
END
sed -i 's/\\\\0/\\0/' valohai.yaml
{
    printf 'a\0b\n\377\376 bad \303\n'
    printf 'bell \033[31m\r\n\n'
    head -c 3000 /dev/urandom
    printf '\n'
} >bytes
cat >lines <<'END'

{"epoch": 1, "loss": 0.5}
  {"epoch": 2, "list": [1, "a"], "deep": {"er": null}}  
[1, 2]
{"broken": 
5
{"a": 1} {"b": 2}
{"epoch": 3, "text": "\u00e4\ud83d\ude00", "big": 12345678901234567890, "t": true}
END

it "keeps every byte of both streams"
sluice_exits 0 run --step bytes
"$SLUICE" logs --stdout last/bytes >"$scratch/stdout"
"$SLUICE" logs --stderr last/bytes >"$scratch/stderr"
{ cat bytes && printf 'no newline at the end'; } >"$scratch/expected"
same_file "$scratch/expected" "$scratch/stdout"
same_file bytes "$scratch/stderr"
sluice_exits 0 logs last/bytes --json
"$TOOLS/json" <"$out" || fail "logs --json is not JSON"
sluice_exits 0 logs -t last/bytes
grep -q '^[0-9][0-9]:[0-9][0-9]:[0-9][0-9]\.[0-9]* a' "$out" || fail "no times"

it "keeps a line of 10 MiB, and metadata behind it"
sluice_exits 0 run --step long
"$SLUICE" logs --stdout last/long >"$scratch/stdout"
same 10485773 "$(wc -c <"$scratch/stdout" | tr -d ' ')" "bytes of standard output"
same 1 "$(value 0.metadata.after metadata last/long)"
"$SLUICE" logs last/long --json </dev/null | "$TOOLS/json" || fail "logs --json is not JSON"

it "reads metadata from the lines of standard output that are one object"
sluice_exits 0 run --step series
sluice_exits 0 metadata --series --json last/series
same "$(printf '1\n2\n3')" "$("$TOOLS/json" metadata.epoch <"$out")" epochs
"$TOOLS/json" metadata._time <"$out" | grep -cxE \
    '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}' >"$scratch/times"
same 3 "$(cat "$scratch/times")" "lines with a time"
same '[1,"a"]' "$(value 0.metadata.list metadata last/series)"
same '{"er":null}' "$(value 0.metadata.deep metadata last/series)"
same 'ä😀' "$(value 0.metadata.text metadata last/series)"
same 3 "$(value 0.metadata.epoch metadata last/series)"
same missing "$(value 0.metadata.a metadata last/series || echo missing)"

it "shows both streams together"
sluice_exits 0 run --step both
sluice_exits 0 logs last/both
same "$(printf '1\n2\n3')" "$(sort "$out")"

it "follows a task that runs, of a run that was left alone"
sluice_exits 0 run --detach --step waits
number=$(last_run)
mkfifo "$scratch/log"
"$SLUICE" logs -f "$number/waits" >"$scratch/log" 2>"$err" &
follower=$!
exec 3<"$scratch/log"
read -r line <&3
same before "$line" "the first line"
same started "$(state_of "$number")"
"$SLUICE" logs "$number/waits" >"$out"
same before "$(cat "$out")" "what is there so far"
echo gone on >"$scratch/go"
same "$(printf 'got gone on\n{"v":2}')" "$(cat <&3)" "the other lines"
exec 3<&-
wait $follower
same 0 $? "exit of logs -f"
same 2 "$(value 0.metadata.v metadata "$number/waits")"
