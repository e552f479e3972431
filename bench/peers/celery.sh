#!/bin/sh
. "$(dirname "$0")/peer.sh"
needs redis-server
needs_python celery,redis
redis-server --bind 127.0.0.1 --port 0 --unixsocket "$PWD/redis" --save '' --dir "$PWD" \
    >redis.log 2>&1 &
server=$!
worker=
trap 'kill $worker $server 2>/dev/null; wait' EXIT
cat >noop.py <<END
import os
from celery import Celery, group
url = 'redis+socket://' + os.getcwd() + '/redis'
app = Celery('noop', broker=url, backend=url)
@app.task
def noop(i):
    return i
END
cat >client.py <<END
import sys
from noop import noop
results = [noop.delay(i) for i in range(int(sys.argv[1]))]
for result in results:
    result.get()
END
until [ -S redis ]; do
    kill -0 $server
done
"$python" -m celery -A noop worker -c "$slots" -l error >worker.log 2>&1 &
worker=$!
"$python" client.py "$slots" # it is up
rate "$python" client.py "$tasks"
