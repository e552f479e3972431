#!/bin/sh
. "$(dirname "$0")/peer.sh"
needs gearmand gearman gearadmin
port=$((20000 + $$ % 20000))
gearmand --listen=127.0.0.1 --port=$port --log-file=gearmand.log &
server=$!
workers=
trap 'kill $workers $server 2>/dev/null; wait' EXIT
until gearadmin -h 127.0.0.1 -p $port --status >/dev/null 2>&1; do
    kill -0 $server
done
for _ in $(seq "$slots"); do
    gearman -h 127.0.0.1 -p $port -w -f empty >/dev/null 2>&1 &
    workers="$workers $!"
done
seq $((tasks / slots)) >numbers
all() {
    clients=
    for _ in $(seq "$slots"); do
        gearman -h 127.0.0.1 -p $port -n -f empty <numbers &
        clients="$clients $!"
    done
    for client in $clients; do
        wait "$client"
    done
}
rate all
