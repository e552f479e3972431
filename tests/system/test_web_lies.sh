# Web servers that break off, lie and never end: what a task gets is right, or it fails and
# says why. And what came before the node died is not fetched again.
. "$SYSTEM_TESTS/lib.sh"
raw=$scratch/raw
mkdir "$raw"
mkfifo "$scratch/port"
"$TOOLS/raw_server" "$raw" >"$scratch/port" &
server=$!
read -r port <"$scratch/port"
url=http://127.0.0.1:$port
trap 'kill "$server" 2>/dev/null; finish' EXIT
unset http_proxy HTTP_PROXY all_proxy ALL_PROXY

cat >valohai.yaml <<'END'
- step:
    name: copy
    image: debian:12
    command: cat "$VH_INPUTS_DIR"/in/* > "$VH_OUTPUTS_DIR/o"
    inputs: [{name: in}]
END
says() { # NAME HEADER-LINES BODY: what the server sends for it
    # shellcheck disable=SC2059
    { printf "$2" | sed 's/$/\r/'; printf 'Connection: close\r\n\r\n%s' "$3"; } >"$raw/$1"
}
gives() { # NAME TEXT: a run with it ends well and has got that
    : >"$raw/log"
    sluice_exits 0 run --step copy -i "in=$url/$1"
    same "sha256:$(printf '%s' "$2" | sha256sum | cut -c1-64)" \
        "$(value 0.digest outputs "$(last_run)/copy")" "the bytes of $1"
}
fails() { # NAME TEXT: a run with it fails and says that
    : >"$raw/log"
    sluice_exits 1 run --step copy -i "in=$url/$1"
    has "$2"
}

it "goes on after an answer that is shorter than it said"
says short.1 'HTTP/1.1 200 OK\nETag: "a"\nContent-Length: 10\n' 01234
says short 'HTTP/1.1 206 P\nETag: "a"\nContent-Length: 5\nContent-Range: bytes 5-9/10\n' 56789
gives short 0123456789
has "short bytes=5-" "$raw/log"

it "does not take a piece of the rest for the rest"
says piece.1 'HTTP/1.1 200 OK\nETag: "a"\nContent-Length: 10\n' 01234
says piece.2 'HTTP/1.1 206 P\nETag: "a"\nContent-Length: 3\nContent-Range: bytes 5-7/10\n' 567
says piece 'HTTP/1.1 206 P\nETag: "a"\nContent-Length: 2\nContent-Range: bytes 8-9/10\n' 89
gives piece 0123456789
has "piece bytes=8-" "$raw/log"

it "begins anew when a piece is of a file of another size, of another ETag, or is too long"
says size.1 'HTTP/1.1 200 OK\nETag: "a"\nContent-Length: 10\n' 01234
says size.2 'HTTP/1.1 206 P\nETag: "a"\nContent-Length: 7\nContent-Range: bytes 5-11/12\n' wrong89
says size 'HTTP/1.1 200 OK\nETag: "b"\nContent-Length: 3\n' new
gives size new
says tag.1 'HTTP/1.1 200 OK\nETag: "a"\nContent-Length: 10\n' 01234
says tag.2 'HTTP/1.1 206 P\nETag: "b"\nContent-Length: 5\nContent-Range: bytes 5-9/10\n' wrong
says tag 'HTTP/1.1 200 OK\nETag: "b"\nContent-Length: 3\n' new
gives tag new
says long.1 'HTTP/1.1 200 OK\nETag: "a"\nContent-Length: 10\n' 01234
says long.2 'HTTP/1.1 206 P\nETag: "a"\nContent-Range: bytes 5-9/10\n' 5678901234
says long 'HTTP/1.1 200 OK\nETag: "b"\nContent-Length: 3\n' new
gives long new
says gone.1 'HTTP/1.1 200 OK\nETag: "a"\nContent-Length: 10\n' 01234
says gone.2 'HTTP/1.1 416 No\nContent-Length: 0\n' ''
says gone 'HTTP/1.1 200 OK\nETag: "b"\nContent-Length: 3\n' new
gives gone new

it "takes no part that it did not ask for, and no answer without a file"
says part 'HTTP/1.1 206 P\nContent-Length: 5\nContent-Range: bytes 0-4/10\n' 01234
fails part "the server sends another part"
says none 'HTTP/1.1 204 Nothing\n' ''
fails none "HTTP status 204, which gives no file"
says empty 'HTTP/1.1 200 OK\nContent-Length: 0\n' ''
gives empty ''

it "ends with headers, refusals and redirects that do not"
{
    printf 'HTTP/1.1 200 OK\r\n'
    yes "X-Much: $(printf '%01000d' 0)$(printf '\r')" | head -n 2000
    printf 'Content-Length: 1\r\n\r\nx'
} >"$raw/headers"
fails headers "response headers"
{
    printf 'HTTP/1.1 404 No\r\nContent-Length: 20000000\r\n\r\n'
    head -c 20000000 /dev/zero
} >"$raw/refusal"
fails refusal "HTTP status 404"
says loop "HTTP/1.1 302 Found\nLocation: /loop\nContent-Length: 0\n" ''
fails loop "redirects"
says file 'HTTP/1.1 302 Found\nLocation: file:///etc/passwd\nContent-Length: 0\n' ''
fails file "file"
sluice_exits 0 outputs --json "$(last_run)/copy"
has_not root

it "asks for what a person writes, and gives the file that name"
says 'a%20b%C3%BC%25' 'HTTP/1.1 200 OK\nContent-Length: 3\n' odd
gives 'a bü%25' odd
same 'a bü%' "$(value 0.fetched.0.name record "$(last_run)/copy")" "its name"

it "records no header that could not be read back"
says tagged "HTTP/1.1 200 OK\nETag: \"\\377\\001\"\nLast-Modified: \\200\nContent-Length: 1\n" x
gives tagged x
same "" "$(value 0.fetched.0.etag record "$(last_run)/copy" 2>/dev/null)" "the ETag"

it "goes on where it was when the node was killed, and leaves no part behind"
head -c 12000000 /dev/urandom >"$scratch/large"
{
    printf 'HTTP/1.1 200 OK\r\nETag: "l"\r\nContent-Length: 12000000\r\n\r\n'
    head -c 9000000 "$scratch/large"
} >"$raw/large.1"
{
    printf 'HTTP/1.1 200 OK\r\nETag: "l"\r\nContent-Length: 12000000\r\n\r\n'
    cat "$scratch/large"
} >"$raw/large.2"
mkfifo "$raw/large.wait"
: >"$raw/log"
sluice_exits 0 run --step copy -i "in=$url/large" --detach
run=$(last_run)
timeout 60 sh -c 'until [ -n "$(find .sluice/node/cache/tmp -name "part-*" -size +8000k)" ]; do
    sleep 0.05; done' || fail "no part came"
part=$(find .sluice/node/cache/tmp -name 'part-*')
agent=$(pgrep -P "$(head -n 1 .sluice/node/lock)" -f -- --agent)
kill -9 "$agent"
gone "$agent" "the agent"
had=$(stat -c %s "$part")
{
    printf 'HTTP/1.1 206 Part\r\nETag: "l"\r\nContent-Length: %d\r\n' $((12000000 - had))
    printf 'Content-Range: bytes %d-11999999/12000000\r\n\r\n' "$had"
    tail -c +$((had + 1)) "$scratch/large"
} >"$raw/large.3"
exec 9>"$raw/large.wait"
rm "$raw/large.wait"
echo >&9
exec 9>&-
await_event "run/$run/run/complete" 0
same "large -
large -
large bytes=$had-" "$(cat "$raw/log")" "requests"
same "sha256:$(sha256sum <"$scratch/large" | cut -c1-64)" \
    "$(value 0.digest outputs "$run/copy")" "the bytes"
same "" "$(find .sluice/node/cache/tmp -type f)" "parts that are left"
