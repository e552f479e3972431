# Inputs over http: retries, resuming, redirects, passwords.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/store.sh"
start_store

cat >valohai.yaml <<'END'
- step:
    name: list
    image: debian:12
    command: cd "$VH_INPUTS_DIR" && find . -type f | sort && sha256sum < in/f >&2 || true
    inputs: [{name: in, optional: true}]
END
head -c 2000000 /dev/urandom >"$store/web/f"
cp "$store/web/f" "$scratch/first"
digest_of_input() {
    "$SLUICE" logs --stderr "$(last_run)/list" | cut -c1-64
}
digest_of() { # FILE
    sha256sum <"$1" | cut -c1-64
}

it "fetches a file, directly and by a redirect"
sluice_exits 0 run --step list -i "in=$url/-/file/f"
same "$(digest_of "$scratch/first")" "$(digest_of_input)"
sluice_exits 0 run --step list -i "in=$url/-/moved/f"
same "$(digest_of "$scratch/first")" "$(digest_of_input)"
has "/-/moved/f - 302" "$store/log"

it "goes on where a cut answer ended"
fault cut 1
sluice_exits 0 run --step list -i "in=$url/-/file/f"
same "$(digest_of "$scratch/first")" "$(digest_of_input)"
has "bytes=1000000- 206" "$store/log"

it "begins anew when the file changed meanwhile"
head -c 1500000 /dev/urandom >"$store/web/f.next"
cp "$store/web/f.next" "$scratch/second"
fault change 1
sluice_exits 0 run --step list -i "in=$url/-/file/f"
same "$(digest_of "$scratch/second")" "$(digest_of_input)"
has "bytes=1000000- 412" "$store/log"

it "begins anew when the server cannot go on"
fault cut 1
sluice_exits 0 run --step list -i "in=$url/-/plain/f"
same "$(digest_of "$scratch/second")" "$(digest_of_input)"
has_not "bytes=" "$store/log"

it "tries again when the server is busy, and gives up at last"
fault 503 2
sluice_exits 0 run --step list -i "in=$url/-/file/f"
same 0 "$(faults_left)" "faults"
fault 502 100
sluice_exits 1 run --step list -i "in=$url/-/file/f"
has "$url/-/file/f: HTTP status 502"
same 94 "$(faults_left)" "faults after six tries"
fault cut 100
sluice_exits 1 run --step list -i "in=$url/-/plain/f"
has "cannot fetch $url/-/plain/f"
rm "$store/fault"

it "does not ask again for what is not there"
: >"$store/log"
sluice_exits 1 run --step list -i "in=$url/-/file/none"
has "HTTP status 404"
same 1 "$(wc -l <"$store/log")" "requests"

it "sends the password that a URL has, and does not show it"
sluice_exits 0 run --step list -i "in=http://u:p@127.0.0.1:$port/-/secret/f"
same "$(digest_of "$scratch/second")" "$(digest_of_input)"
same "$url/-/secret/f" "$(value 0.fetched.0.uri record "$(last_run)/list")" "the recorded URI"
sluice_exits 1 run --step list -i "in=http://u:wrong@127.0.0.1:$port/-/secret/f"
has "HTTP status 401"
has_not "u:wrong"
