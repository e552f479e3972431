# Files that a node fetched from http and s3: what is recorded of them, and running tasks
# again with the bytes that they had.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/store.sh"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_PROFILE
unset AWS_ENDPOINT_URL AWS_SHARED_CREDENTIALS_FILE
start_store 2
mkdir "$store/kept" "$store/versions" .sluice
{
    echo 'stores:'
    printf '  all: {endpoint: "%s", region: here-1, access-key: test, ' "$url"
    echo 'secret-key: secret/with+signs, session-token: token==}'
} >.sluice/stores.yaml
chmod 600 .sluice/stores.yaml
cat >valohai.yaml <<'END'
- step:
    name: sum
    image: debian:12
    command:
      - cd "$VH_INPUTS_DIR" && find . -type f | sort | xargs -d '\n' sha256sum > "$VH_OUTPUTS_DIR/sums"
    inputs:
      - {name: in, optional: true}
      - {name: all, optional: true, keep-directories: suffix}
- step:
    name: part
    image: debian:12
    command: cat "$VH_INPUTS_DIR/in/"* > "$VH_OUTPUTS_DIR/o"
    parameters: [{name: n, type: string, default: a}]
    inputs: [{name: in, default: 'URL/-/file/{parameter:n}'}]
- task:
    name: grid
    step: part
    parameters: [{name: n, style: multiple, rules: {items: [a, b]}}]
- step:
    name: wait
    image: debian:12
    command:
      - echo waits > "SCRATCH/said"
      - read -r word < "SCRATCH/go"
      - cat "$VH_INPUTS_DIR/in/"* > "$VH_OUTPUTS_DIR/o"
    inputs: [{name: in, default: 'URL/-/file/f'}]
- step:
    name: same
    image: debian:12
    command: cat "$VH_INPUTS_DIR/in/"* > "$VH_OUTPUTS_DIR/o"
    parameters: [{name: n, type: integer, default: 0}]
    inputs: [{name: in, default: 'URL/-/file/f'}]
- task:
    name: rows
    step: same
    parameters: [{name: n, style: multiple, rules: {items: [1, 2, 3]}}]
- pipeline:
    name: all
    nodes: [{name: grid, type: task, task: grid}]
    edges: []
- pipeline:
    name: sweep
    nodes: [{name: rows, type: task, task: rows}]
    edges: []
END
sed -i "s|URL|$url|; s|SCRATCH|$scratch|" valohai.yaml
sum() { # FILE
    sha256sum <"$1" | cut -c1-64
}
put() { # BUCKET ENCODED-KEY TEXT: the version that the bucket `kept` gives is kept, too
    printf '%s\n' "$3" >"$store/$1/$2"
    printf '%s\n' "$3" >"$store/versions/v$(sum "$store/$1/$2" | cut -c1-16)"
}

it "records what the server told of a file"
put kept a.txt one
put kept 'x%2Fb.txt' two
put kept 'x%2Fy%2Fc.txt' three
put kept 'x%2Fy%2Fd.txt' four
sluice_exits 0 run --step sum -i in=s3://kept/a.txt -i 'all=s3://kept/x/**'
first=$(last_run)
version=v$(sum "$store/kept/a.txt" | cut -c1-16)
same "$version" "$(value 0.fetched.0.version record "$first/sum")" "its version"
same "v$(sum "$store/kept/x%2Fy%2Fd.txt" | cut -c1-16)" \
    "$(value 0.fetched.3.version record "$first/sum")" "the version of one of a pattern"
same y/d.txt "$(value 0.fetched.3.name record "$first/sum")" "its name"
same 's3://kept/x/y/d.txt' "$(value 0.fetched.3.uri record "$first/sum")" "its URI"

it "reproduces with the bytes that nodes keep, and asks no server"
for name in a.txt 'x%2Fb.txt' 'x%2Fy%2Fc.txt'; do echo changed >"$store/kept/$name"; done
echo new >"$store/kept/x%2Fe.txt"
: >"$store/log"
sluice_exits 0 reproduce "$first/sum"
has "1 output, all byte-equal"
same "" "$(cat "$store/log")" "requests"
same "sha256:$(echo one | sha256sum | cut -c1-64)" \
    "$(value 0.inputs.0.digest record "$(last_run)/sum")" "the digest in the new record"

it "fetches the versions of a store when nobody keeps the bytes"
forget
sluice_exits 0 reproduce "$first/sum"
has "1 output, all byte-equal"
has "GET /kept/a.txt?versionId=$version - 200" "$store/log"

it "takes what is there now if it is the same, and fails with both digests if it is not"
forget
rm "$store/versions/$version"
echo one >"$store/kept/a.txt"
sluice_exits 0 reproduce "$first/sum"
has "GET /kept/a.txt?versionId=$version - 404" "$store/log"
has "GET /kept/a.txt - 200" "$store/log"
forget
echo other >"$store/kept/a.txt"
sluice_exits 5 reproduce "$first/sum"
sluice_exits 0 logs --status "$(last_run)/sum"
has "input in: s3://kept/a.txt gives other bytes than it once did"
has "expected sha256:$(echo one | sha256sum | cut -c1-64), got sha256:$(sum "$store/kept/a.txt")"

it "does the same over http, with the password that the record does not show"
echo secret >"$store/web/s"
sluice_exits 0 run --step sum -i "in=http://u:p@127.0.0.1:$port/-/secret/s"
web=$(last_run)
forget
sluice_exits 0 reproduce "$web/sum"
has "1 output, all byte-equal"
echo changed >"$store/web/s"
sluice_exits 0 reproduce "$web/sum"
forget
sluice_exits 5 reproduce "$web/sum"
sluice_exits 0 logs --status "$(last_run)/sum"
has "input in: $url/-/secret/s gives other bytes than it once did"
has_not "u:p"

it "gives each task of a sweep the file that it had"
echo A >"$store/web/a"
echo B >"$store/web/b"
sluice_exits 0 run all
grid=$(last_run)
echo other >"$store/web/b"
sluice_exits 0 reproduce "$grid/grid/1"
has "1 output, all byte-equal"
sluice_exits 5 reproduce "$grid/grid"
has "fetched different files" "$err"
has "the input file b was fetched again, and its bytes have changed" "$err"

it "takes an object for what it is when its key has a star"
put kept 'star%2Fa%2A' starred
sluice_exits 0 run --step sum -i 'all=s3://kept/star/*'
same 'a*' "$(value 0.fetched.0.name record "$(last_run)/sum")" "its name"
same "sha256:$(sum "$store/kept/star%2Fa%2A")" \
    "$(value 0.fetched.0.digest record "$(last_run)/sum")" "its digest"

explain() { # RUN/STAGE
    sluice_exits 0 explain "$1"
}
origin_of() { # RUN/STAGE
    value task.origin show "$1/0"
}

it "reuses a result when servers say that the files are the same, and fetches nothing"
echo F >"$store/web/f"
reuse() { # ARGUMENT...
    : >"$store/log"
    sluice_exits 0 run --reuse --step sum "$@"
    run=$(last_run)
}
all() {
    reuse -i "in=$url/-/file/f" -i 'all=s3://kept/x/**'
}
all
had=$run
all
same "$had/sum/0" "$(origin_of "$run/sum")" "its origin"
has "GET /-/file/f - 304" "$store/log"
has "GET /kept/?" "$store/log"
has_not "/kept/x/" "$store/log"
has_not "/file/f - 200" "$store/log"
explain "$run/sum"
has "it uses the result of $had/sum/0"

it "runs it anew when one has changed, and says which and how"
before=$(sum "$store/web/f" | cut -c1-32)
echo G >"$store/web/f"
all
same null "$(origin_of "$run/sum")" "its origin"
explain "$run/sum"
has "$url/-/file/f: its ETag changed from \"$before\" to \"$(sum "$store/web/f" | cut -c1-32)\""
has "input:in/f"
echo changed again >"$store/kept/x%2Fy%2Fc.txt"
all
had=$run
same null "$(origin_of "$run/sum")" "its origin"
explain "$run/sum"
has "s3://kept/x/y/c.txt: its ETag changed"
echo new >"$store/kept/x%2Fn.txt"
all
explain "$run/sum"
has "s3://kept/x/n.txt is new"
rm "$store/kept/x%2Fn.txt"
all
same "$had/sum/0" "$(origin_of "$run/sum")" "its origin, the one before the last"

it "compares the bytes where a server does not tell whether they changed"
reuse -i "in=$url/-/plain/f"
had=$run
reuse -i "in=$url/-/plain/f"
same "$had/sum/0" "$(origin_of "$run/sum")" "its origin"
has "/-/plain/f - 200" "$store/log"
echo H >"$store/web/f"
reuse -i "in=$url/-/plain/f"
same null "$(origin_of "$run/sum")" "its origin"
explain "$run/sum"
has "nothing equal has run with what its inputs hold now"
echo G >"$store/web/f"
reuse -i "in=$url/-/plain/f"
same "$had/sum/0" "$(origin_of "$run/sum")" "its origin, the one before the last"

it "takes no ETag for what may change once more in the same second"
touch -d "now + 1 hour" "$store/web/f"
reuse -i "in=$url/-/dated/f"
had=$run
same "" "$(value 0.fetched.0.etag record "$had/sum" 2>/dev/null)" "the ETag of a new file"
case $(value 0.fetched.0.modified record "$had/sum") in
*GMT) ;;
*) fail "Last-Modified is not recorded" ;;
esac
touch -d 2020-01-02T03:04:05Z "$store/web/f"
reuse -i "in=$url/-/dated/f"
same "$had/sum/0" "$(origin_of "$run/sum")" "its origin"
has "/-/dated/f - 200" "$store/log"
sluice_exits 0 run --no-reuse --step sum -i "in=$url/-/dated/f"
same "Thu, 02 Jan 2020 03:04:05 GMT" "$(value 0.fetched.0.modified record "$(last_run)/sum")"
reuse -i "in=$url/-/dated/f"
same "GET /-/dated/f - 304" "$(cat "$store/log")" "requests"

it "runs it anew when nobody can look"
rm "$store/web/f"
: >"$store/log"
sluice_exits 1 run --reuse --step sum -i "in=$url/-/plain/f"
explain "$(last_run)/sum"
has "HTTP status 404"
echo F >"$store/web/f"

it "looks once for all tasks of a sweep"
sluice_exits 0 run --reuse sweep
had=$(last_run)
: >"$store/log"
sluice_exits 0 run --reuse sweep
same "$had/rows/2" "$(value task.origin show "$(last_run)/rows/2")" "the origin of a task"
same "GET /-/file/f - 304" "$(cat "$store/log")" "requests"
sluice_exits 0 run --reuse --step same -p n=2
same "$had/rows/1" "$(origin_of "$(last_run)/same")" "the origin of a step with these values"
sluice_exits 0 run --reuse all
sluice_exits 0 run --reuse all
sluice_exits 0 show "$(last_run)"
has "what input in gets in each task is known only when it is fetched"

it "runs two equal stages at the same moment once, also over the end of the broker"
mkfifo "$scratch/said" "$scratch/go"
: >"$store/log"
sluice_exits 0 run --reuse --step wait --detach
had=$(last_run)
read -r _ <"$scratch/said"
sluice_exits 0 run --reuse --step wait --detach
run=$(last_run)
explain "$run/wait"
has "an equal stage that is at work, $had/wait"
pid=$(value pid status)
kill -9 "$pid"
gone "$pid" "the broker"
same twin "$(value why explain "$run/wait")"
echo good >"$scratch/go"
await_event "run/$run/run/complete" 0
same "$had/wait/0" "$(origin_of "$run/wait")" "its origin"
same 1 "$(grep -c 200 "$store/log")" "files that were fetched"
