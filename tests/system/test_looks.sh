# Before a stage with inputs from elsewhere is reused a node looks at them: while none is
# there, while agent and broker are killed, when the run is stopped, and at many objects.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/store.sh"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_PROFILE
unset AWS_ENDPOINT_URL AWS_SHARED_CREDENTIALS_FILE http_proxy HTTP_PROXY all_proxy ALL_PROXY
start_store 250
raw=$scratch/raw
mkdir "$raw" .sluice
mkfifo "$scratch/raw.port"
"$TOOLS/raw_server" "$raw" >"$scratch/raw.port" &
raw_pid=$!
read -r raw_port <"$scratch/raw.port"
trap 'kill "$raw_pid" "$store_pid" 2>/dev/null; finish' EXIT
{
    echo 'stores:'
    printf '  all: {endpoint: "%s", region: here-1, access-key: test, ' "$url"
    echo 'secret-key: secret/with+signs, session-token: token==}'
} >.sluice/stores.yaml
chmod 600 .sluice/stores.yaml
cat >valohai.yaml <<'END'
- step:
    name: copy
    image: debian:12
    command: find "$VH_INPUTS_DIR"/in -type f | wc -l > "$VH_OUTPUTS_DIR/o"
    inputs: [{name: in}]
END
agent() {
    pgrep -P "$(head -n 1 .sluice/node/lock)" -f -- --agent
}
origin_of() { # RUN
    value task.origin show "$1/copy/0"
}
# A file that is fetched once; the second question after it waits, all others get 304.
waiting() { # NAME
    printf 'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 1\r\n\r\nx' >"$raw/$1.1"
    : >"$raw/$1.2"
    printf 'HTTP/1.1 304 Same\r\nETag: "e"\r\n\r\n' >"$raw/$1"
    sluice_exits 0 run --step copy -i "in=http://127.0.0.1:$raw_port/$1"
    had=$(last_run)
    : >"$raw/log"
    mkfifo "$raw/$1.wait"
    sluice_exits 0 run --reuse --detach --step copy -i "in=http://127.0.0.1:$raw_port/$1"
    run=$(last_run)
    timeout 60 sh -c 'until grep -q . "$1"; do sleep 0.05; done' sh "$raw/log" ||
        fail "nobody asked"
    sluice_exits 0 explain "$run/copy"
    has "waits until a node has looked"
}
release() { # NAME
    exec 9>"$raw/$1.wait"
    rm "$raw/$1.wait"
    echo >&9
    exec 9>&-
}

it "waits for a node, and has it look then"
printf 'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 1\r\n\r\nx' >"$raw/f"
sluice_exits 0 run --step copy -i "in=http://127.0.0.1:$raw_port/f"
had=$(last_run)
sluice_exits 0 stop
sluice_exits 0 run --reuse --step copy -i "in=http://127.0.0.1:$raw_port/f"
same "$had/copy/0" "$(origin_of "$(last_run)")" "its origin"

it "looks anew when the agent was killed"
waiting a
old=$(agent)
kill -9 "$old"
gone "$old" "the agent"
release a
await_event "run/$run/run/complete" 0
same "$had/copy/0" "$(origin_of "$run")" "its origin"

it "looks anew when the broker was killed"
waiting b
pid=$(value pid status)
kill -9 "$pid"
gone "$pid" "the broker"
same twin "$(value why explain "$run/copy")"
release b
await_event "run/$run/run/complete" 0
same "$had/copy/0" "$(origin_of "$run")" "its origin"

it "ends with its run when that is stopped"
waiting c
sluice_exits 0 cancel "$run"
same stopped "$(state_of "$run")"
release c
sluice_exits 0 run --reuse --step copy -i "in=http://127.0.0.1:$raw_port/c"
same "$had/copy/0" "$(origin_of "$(last_run)")" "its origin"

it "runs it anew when the server fails"
printf 'HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n' >"$raw/d"
printf 'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 1\r\n\r\nx' >"$raw/d.1"
printf 'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 2\r\n\r\nxy' >"$raw/d.3"
sluice_exits 0 run --step copy -i "in=http://127.0.0.1:$raw_port/d"
sluice_exits 0 stop
chmod -R u+w .sluice/node/cache && rm -rf .sluice/node/cache .sluice/node/fetched
sluice_exits 0 run --reuse --step copy -i "in=http://127.0.0.1:$raw_port/d"
sluice_exits 0 explain last/copy
has "HTTP status 403"

it "does not believe an ETag when the size is another"
printf 'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 1\r\n\r\nx' >"$raw/s.1"
printf 'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 2\r\n\r\nxy' >"$raw/s"
sluice_exits 0 run --step copy -i "in=http://127.0.0.1:$raw_port/s"
sluice_exits 0 run --reuse --step copy -i "in=http://127.0.0.1:$raw_port/s"
sluice_exits 0 explain last/copy
has "its size is another than 1"

it "looks at many objects by the list alone, whatever their names are"
i=0
while [ $i -lt 700 ]; do
    echo $i >"$store/data/many%2F$((i % 10))%2Fn%20$i%25%C3%A4"
    i=$((i + 1))
done
sluice_exits 0 run --step copy -i 'in=s3://data/many/**'
had=$(last_run)
same 700 "$("$SLUICE" record --json "$had/copy" | grep -o 's3://data/many/[0-9]' | wc -l)" "files that were fetched"
: >"$store/log"
sluice_exits 0 run --reuse --step copy -i 'in=s3://data/many/**'
same "$had/copy/0" "$(origin_of "$(last_run)")" "its origin"
same 3 "$(wc -l <"$store/log")" "requests"
echo other >"$store/data/many%2F7%2Fn%20677%25%C3%A4"
sluice_exits 0 run --reuse --step copy -i 'in=s3://data/many/**'
sluice_exits 0 explain last/copy
has "s3://data/many/7/n 677%ä: its ETag changed"
