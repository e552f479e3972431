# An upload that breaks off, since the broker or the client was killed in the middle of it,
# goes on where it was: what the broker has counted is not sent again.
. "$SYSTEM_TESTS/lib.sh"

cat >valohai.yaml <<'END'
- step: {name: one, image: debian:12, command: "true"}
END
trap 'exec 7<&- 8>&-; finish_project' EXIT
mib=1048576

finish_project() {
    status=$?
    stop_daemons "$project"
    (exit $status)
    finish
}

strike() { # PID WHAT
    kill -9 "$1" || fail "no $2 to kill"
    timeout 60 tail -s 0.05 -f --pid="$1" /dev/null || fail "the $2 did not end"
}

# Other bytes than ever before.
make_large() { # MIB
    head -c $(($1 * mib)) /dev/urandom >large
    large=$(sha256sum <large | cut -c 1-64)
    stored=.sluice/objects/$(echo "$large" | cut -c 1-2)/$(echo "$large" | cut -c 3-)
    part=.sluice/objects/tmp/part-$large
}

# Starts an upload, of which descriptor 7 tells and which descriptor 8 lets go on.
begin() { # STOP
    rm -f "$scratch/said" "$scratch/go"
    mkfifo "$scratch/said" "$scratch/go"
    "$TOOLS/upload" large "sha256:$large" "$1" <"$scratch/go" >"$scratch/said" 2>"$err" &
    upload=$!
    exec 8>"$scratch/go" 7<"$scratch/said"
}

# Sets $bytes to what the upload says after this word.
hear() { # WORD
    word=none bytes=0
    read -r word bytes <&7
    same "$1" "$word" "what the upload says ($(cat "$err"))"
}

hear_end() {
    hear stored
    wait "$upload"
    same 0 "$?" "exit status of the upload"
    exec 7<&- 8>&-
    same "$large" "$(sha256sum <"$stored" | cut -c 1-64)" "what is stored"
    same "" "$(ls .sluice/objects/tmp)" "what is left over"
}

sluice_exits 0 run --step one

it "the broker is killed in the middle of an upload"
make_large 64
begin $((32 * mib))
hear begun
same 0 $((bytes > 2 * mib)) "whether the first bytes counted are old"
hear stopped
counted=$bytes
strike "$(value pid status)" broker
[ -s "$part" ] || fail "nothing is left over"
sluice_exits 0 ls
echo on >&8
hear resumed
[ "$bytes" -ge "$counted" ] || fail "$counted bytes were counted, and $bytes after the restart"
hear_end

it "the client is killed, and the next one goes on"
make_large 64
begin $((48 * mib))
hear begun
hear stopped
counted=$bytes
strike "$upload" client
wait "$upload" 2>/dev/null
exec 7<&- 8>&-
begin $((1024 * mib))
hear begun
[ "$bytes" -ge "$counted" ] || fail "$counted bytes were counted, and $bytes by the next client"
hear_end

it "what is left over is counted, and its bytes are not believed"
make_large 64
begin $((32 * mib))
hear begun
hear stopped
strike "$upload" client
wait "$upload" 2>/dev/null
exec 7<&- 8>&-
strike "$(value pid status)" broker
sluice_exits 0 ls
sluice_exits 0 du
[ "$(sed -n 's/.*unfinished *//p' "$out" | wc -l)" -ge 1 ] || fail "du does not tell: $(cat "$out")"
printf x | dd of="$part" bs=1 seek=70000 conv=notrunc 2>/dev/null
begin $((1024 * mib))
hear begun
hear_end
