#!/bin/sh
. "$(dirname "$0")/peer.sh"
needs_python distributed
cat >client.py <<END
import sys, time
from distributed import Client, LocalCluster
def noop(i):
    return i
if __name__ == '__main__':
    tasks, slots = int(sys.argv[1]), int(sys.argv[2])
    with LocalCluster(n_workers=slots, threads_per_worker=1, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            client.gather(client.map(noop, range(slots), pure=False))
            start = time.time()
            client.gather(client.map(noop, range(tasks), pure=False))
            print(int(tasks / (time.time() - start)))
END
"$python" client.py "$tasks" "$slots" 2>peer.log || { cat peer.log >&2; exit 1; }
