# store.sh - an object store and web server for system tests (s3_server.c): starts it in
# $store, and ends it when the test ends. $url is where it is. Read after lib.sh.
# shellcheck shell=sh

store=$scratch/store
mkdir -p "$store/web" "$store/data" "$store/results"

start_store() { # [PAGE]
    mkfifo "$scratch/port"
    "$TOOLS/s3_server" "$store" "$@" >"$scratch/port" 2>"$scratch/store.log" &
    store_pid=$!
    read -r port <"$scratch/port"
    rm "$scratch/port"
    url=http://127.0.0.1:$port
    trap 'kill "$store_pid" 2>/dev/null; finish' EXIT
}

# Makes the store's next requests of a kind fail: fault KIND COUNT [METHOD]
fault() {
    echo "$1 $2 ${3-GET}" >"$store/fault"
    : >"$store/log"
}

# How often a fault can still happen.
faults_left() {
    cut -d' ' -f2 "$store/fault"
}

# Forgets what nodes have fetched, so that the next run fetches again.
forget() {
    "$SLUICE" stop --force >/dev/null 2>&1
    flock -w 60 .sluice/node/lock true
    chmod -R u+w .sluice/node/cache && rm -rf .sluice/node/cache .sluice/node/fetched
}
