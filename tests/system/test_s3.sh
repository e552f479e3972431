# Object stores: inputs from s3://, with patterns, and outputs that are put there as well.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/store.sh"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_PROFILE
unset AWS_ENDPOINT_URL AWS_SHARED_CREDENTIALS_FILE
HOME=$scratch/home
export HOME
start_store 2

cat >valohai.yaml <<'END'
- step:
    name: list
    image: debian:12
    command: cd "$VH_INPUTS_DIR" && find . -type f | sort && find . -name '*.txt' -exec cat {} + >&2
    inputs:
      - {name: in, optional: true}
      - {name: suffix, optional: true, keep-directories: suffix}
      - {name: full, optional: true, keep-directories: full}
- step:
    name: put
    image: debian:12
    upload-store: results
    command:
      - mkdir "$VH_OUTPUTS_DIR/deep"
      - echo small > "$VH_OUTPUTS_DIR/deep/größe 1+2.txt"
      - head -c {parameter-value:size} /dev/zero | tr '\0' x > "$VH_OUTPUTS_DIR/large"
    parameters: [{name: size, type: integer, default: 10}]
- step: {name: nowhere, image: debian:12, upload-store: elsewhere, command: 'true'}
- step: {name: here, image: debian:12, upload-store: local, command: 'echo 1 > "$VH_OUTPUTS_DIR/o"'}
END
keys() { # SECRET
    printf '    endpoint: %s\n    region: here-1\n    access-key: test\n' "$url"
    printf '    secret-key: %s\n    session-token: token==\n' "$1"
}
mkdir .sluice
{
    echo 'stores:'
    echo '  general:'
    keys 'secret/with+signs'
    echo '  results:'
    keys 'secret/with+signs'
    printf '    bucket: results\n    prefix: a team/all\n'
    echo '  wrong:'
    keys 'wrong-secret'
    printf '    bucket: wrong\n'
    echo '  host:'
    keys 'secret/with+signs' | sed 's/127.0.0.1/localhost/'
    printf '    bucket: hosted\n    path-style: false\n'
    echo '  open: {bucket: public, anonymous: true, endpoint: "'"$url"'"}'
    echo '  local: {upload: false}'
} >.sluice/stores.yaml
chmod 600 .sluice/stores.yaml
object() { # BUCKET ENCODED-KEY TEXT
    echo "$3" >"$store/$1/$2"
}
object data a.txt A
object data 'x%2Fb.txt' B
object data 'x%2Fy%2Fc.txt' C
object data 'x%2Fy%2Fd.csv' D
object data 'x%2F' '' # stands for a folder
object data 'odd%20%2B%26%3D%25%3F%20%C3%A4.txt' odd

it "fetches an object by its key, whatever is in it"
sluice_exits 0 run --step list -i 'in=s3://data/odd +&=%? ä.txt'
run=$(last_run)
same './in/odd +&=%? ä.txt' "$(stdout_of "$run/list")" "its name"
same "$(sha256sum <"$store/data/odd%20%2B%26%3D%25%3F%20%C3%A4.txt" | cut -c1-64)" \
    "$(value 0.fetched.0.digest record "$run/list" | cut -d: -f2)" "its digest"
same 's3://data/odd +&=%? ä.txt' "$(value 0.fetched.0.uri record "$run/list")" "its URI"
case $(value 0.fetched.0.etag record "$run/list") in
'"'*'"') ;;
*) fail "the ETag is not recorded" ;;
esac

it "takes a star for one level, two for all, and keeps folders as the input says"
sluice_exits 0 run --step list -i 'in=s3://data/x/*'
same './in/b.txt' "$(stdout_of "$(last_run)/list")" "one level"
sluice_exits 0 run --step list -i 'in=s3://data/**.txt' -i 'suffix=s3://data/x/**.txt' -i 'full=s3://data/x/**'
same './full/x/b.txt
./full/x/y/c.txt
./full/x/y/d.csv
./in/a.txt
./in/b.txt
./in/c.txt
./in/odd +&=%? ä.txt
./suffix/b.txt
./suffix/y/c.txt' "$(stdout_of "$(last_run)/list")" "all"

it "asks a store that has buckets in its host's name, and one that everybody may read"
mkdir "$store/hosted" "$store/public"
object hosted 'x%2Fa%20b.txt' hosted
object public p.txt public
sluice_exits 0 run --step list -i 'in=s3://hosted/x/*'
same hosted "$("$SLUICE" logs --stderr "$(last_run)/list")" "the content"
has "GET /x/a%20b.txt" "$store/log"
sluice_exits 0 run --step list -i 'in=s3://public/*'
same public "$("$SLUICE" logs --stderr "$(last_run)/list")" "the content"

it "says when nothing matches, or is not there"
sluice_exits 1 run --step list -i 'in=s3://data/none/*'
has "s3://data/none/*: no object matches"
sluice_exits 1 run --step list -i in=s3://data/none
has "s3://data/none: HTTP status 404 NoSuchKey"
sluice_exits 1 run --step list -i in=s3://nobucket/none
has "there is no such bucket"

it "tries again when the store is slow or broken"
fault 503 3
sluice_exits 0 run --step list -i 'in=s3://data/x/*'
same 0 "$(faults_left)" "faults"
fault 500 2
sluice_exits 0 run --step list -i 'in=s3://data/x/b.txt'
same 0 "$(faults_left)" "faults"
fault 500 100
sluice_exits 1 run --step list -i 'in=s3://data/a.txt'
has "HTTP status 500"
rm "$store/fault"

it "goes on where a cut answer ended"
head -c 3000000 /dev/urandom >"$store/data/large"
fault cut 2
sluice_exits 0 run --step list -i in=s3://data/large
same "$(sha256sum <"$store/data/large" | cut -c1-64)" \
    "$(value 0.fetched.0.digest record "$(last_run)/list" | cut -d: -f2)" "its digest"
has "bytes=1500000- 206" "$store/log"
has "bytes=2250000- 206" "$store/log"

it "does not take wrong bytes for the object"
object data checked.txt right
fault wrong 1
sluice_exits 0 run --step list -i in=s3://data/checked.txt
same right "$("$SLUICE" logs --stderr "$(last_run)/list")" "the content"
same 0 "$(faults_left)" "faults"
fault wrong 100
sluice_exits 1 run --step list -i in=s3://data/checked.txt
has "the store says sha256:"
rm "$store/fault"

it "says what is wrong with credentials, and never shows them"
fault expired 1
sluice_exits 1 run --step list -i in=s3://data/a.txt
has "ExpiredToken"
has "renew them"
mkdir "$store/wrong"
object wrong a A
sluice_exits 1 run --step list -i in=s3://wrong/a
has "SignatureDoesNotMatch"
has_not "wrong-secret"
chmod 644 .sluice/stores.yaml
sluice_exits 1 run --step list -i in=s3://data/a.txt
has "chmod 600"
chmod 600 .sluice/stores.yaml

it "puts outputs to the upload-store, large ones in parts"
sluice_exits 0 run --step put -p size=40000000
run=$(last_run)
id=$(value run.id show "$run")
small=$(value 0.location outputs "$run/put")
large=$(value 1.location outputs "$run/put")
case $small in
"s3://results/a team/all/$id/put/0/"*"/deep/größe 1+2.txt") ;;
*) fail "the location is $small" ;;
esac
has "partNumber=3" "$store/log"
set -- "$store"/results/*large
same "$(value 1.digest outputs "$run/put" | cut -d: -f2)" "$(sha256sum <"$1" | cut -c1-64)" "its digest"
sluice_exits 0 run --step list -i "in=$small" -i "full=$large"
same small "$("$SLUICE" logs --stderr "$(last_run)/list")" "the small one"
same "$(value 1.digest outputs "$run/put")" "$(value 0.fetched.1.digest record "$(last_run)/list")" "the large one"
same '' "$(ls "$store/parts")" "parts that are left"

it "fails a task whose outputs cannot be put, and leaves no parts behind"
fault 500 100 PUT
sluice_exits 1 run --step put -p size=20000000
has "output-failed"
has "cannot be put to the upload-store results"
same '' "$(ls "$store/parts")" "parts that are left"
rm "$store/fault"
fault 503 2 PUT
sluice_exits 0 run --step put
same 0 "$(faults_left)" "faults"

it "refuses an upload-store that it does not know before the command runs"
sluice_exits 1 run --step nowhere
has 'this node knows no store "elsewhere"'
sluice_exits 0 run --step here
sluice_exits 0 outputs --json "$(last_run)/here"
has_not location

it "says what to do instead of other stores"
sluice_exits 2 run --step list -i in=gs://bucket/a
has "https://storage.googleapis.com" "$err"
sluice_exits 2 run --step list -i in=azure://account/container/a
has "not supported" "$err"

it "takes credentials from the environment and from ~/.aws/credentials"
rm .sluice/stores.yaml
forget
mkdir -p "$HOME/.aws"
printf '[default]\naws_access_key_id = test\naws_secret_access_key = secret/with+signs\naws_session_token = token==\n' \
    >"$HOME/.aws/credentials"
chmod 600 "$HOME/.aws/credentials"
AWS_ENDPOINT_URL=$url AWS_REGION=here-1 sluice_exits 0 run --step list -i in=s3://data/a.txt
forget
rm "$HOME/.aws/credentials"
AWS_ENDPOINT_URL=$url AWS_REGION=here-1 sluice_exits 1 run --step list -i in=s3://data/a.txt
has "there are no credentials for the object store"
forget
AWS_ENDPOINT_URL=$url AWS_REGION=here-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=secret/with+signs \
    AWS_SESSION_TOKEN=token== sluice_exits 0 run --step list -i in=s3://data/a.txt

it "has no secret in what it keeps"
if grep -rlaF 'secret/with+signs' .sluice >"$scratch/found"; then
    fail "a secret is in $(cat "$scratch/found")"
fi
