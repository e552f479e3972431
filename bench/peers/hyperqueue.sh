#!/bin/sh
. "$(dirname "$0")/peer.sh"
needs hq
export HQ_SERVER_DIR="$PWD/server"
hq server start >server.log 2>&1 &
server=$!
worker=
trap 'kill $worker $server 2>/dev/null; wait' EXIT
until hq server info >/dev/null 2>&1; do
    kill -0 $server
done
hq worker start --cpus "$slots" >worker.log 2>&1 &
worker=$!
rate hq submit --array "1-$tasks" --stdout none --stderr none --wait /bin/true
