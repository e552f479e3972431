# Settings of the daemons and of the command: what is wrong is said with its place.
. "$SYSTEM_TESTS/lib.sh"
. "$SYSTEM_TESTS/cluster.sh"

it "names file, line, key and what is allowed, all faults at once"
cat >bad.yaml <<END
directory: broker
node-timeot: 5s
listen:
  requests: 70000
  evnts: 7102
insecure: perhaps
events-keep: 5 parsecs
stages-max: 0
END
exits 2 "$BROKERD" -c bad.yaml
has 'bad.yaml:1: directory: "broker" is not an absolute path' "$err"
has 'bad.yaml:2: node-timeot: there is no such key; did you mean node-timeout?' "$err"
has 'bad.yaml:4: listen.requests: "70000" is not a port' "$err"
has 'bad.yaml:5: listen.evnts: there is no such key; did you mean events?' "$err"
has 'bad.yaml:6: insecure: "perhaps" is not true or false' "$err"
has 'bad.yaml:7: events-keep: "5 parsecs" is not a duration' "$err"
has 'bad.yaml:8: stages-max: "0" is not a whole number from 1 to' "$err"
printf 'memory: lots\nlabels: {a: b}\ngpus: 2\nbroker: here\n' >bad.yaml
exits 2 "$NODED" -c bad.yaml
has 'bad.yaml:1: memory: "lots" is not a size' "$err"
has 'bad.yaml:2: labels: the value has to be a list' "$err"
has 'bad.yaml:3: gpus: "2" is no list' "$err"
has 'bad.yaml:4: broker: "here" is not an endpoint' "$err"
printf 'a: [\n' >bad.yaml
exits 2 "$NODED" -c bad.yaml
has 'bad.yaml:' "$err"
exits 2 "$BROKERD" -c absent.yaml
has 'absent.yaml' "$err"
exits 2 "$BROKERD" --directory /tmp --node-timeout 5
has '--node-timeout: "5" is not a duration' "$err"
mkdir -p "$XDG_CONFIG_HOME/sluice"
printf 'contexts:\n  lab: {brokr: x}\n' >"$XDG_CONFIG_HOME/sluice/config.yaml"
sluice_exits 2 ls
has 'config.yaml:2: contexts.lab.brokr: there is no such key; did you mean broker?' "$err"
rm "$XDG_CONFIG_HOME/sluice/config.yaml"

it "refuses an address beyond this machine, unless it is told"
printf 'directory: %s\nlisten: {address: 0.0.0.0}\n' "$store" >far.yaml
exits 2 "$BROKERD" -c far.yaml
has 'far.yaml:2: listen.address: ' "$err"
has 'insecure: true' "$err"
exits 0 "$BROKERD" -c far.yaml --insecure true --check
printf 'directory: %s\nbroker: tcp://10.255.255.1:7101\n' "$scratch/n" >far.yaml
exits 2 "$NODED" -c far.yaml
has 'far.yaml:2: broker: ' "$err"
exits 0 "$NODED" -c far.yaml --insecure true --check

it "takes its own examples"
"$BROKERD" --example >example.yaml
exits 0 "$BROKERD" -c example.yaml --directory "$store" --check
"$NODED" --example >example.yaml
exits 0 "$NODED" -c example.yaml --directory "$store" --check
exits 0 "$BROKERD" -c "$SYSTEM_TESTS/../../configs/brokerd.yaml" --check
exits 0 "$NODED" -c "$SYSTEM_TESTS/../../configs/noded.yaml" --check

it "lets only one broker have a store or a port"
start_broker
exits 1 "$BROKERD" -c "$scratch/brokerd.yaml"
has "in use by another brokerd" "$err"
exits 1 "$BROKERD" -c "$scratch/brokerd.yaml" --directory "$scratch/other" \
    --listen-requests "$url"
has "$url" "$err"

it "reads settings again and says what changed"
printf 'node-timeout: 3s\nstages-max: 77\n' >>"$scratch/brokerd.yaml"
kill -HUP "$broker_pid"
await_line 'node-timeout was "10s" and is "3s"' "$scratch/brokerd.log"
await_line 'stages-max was "4000000" and is "77" after a restart' "$scratch/brokerd.log"
echo 'nonsense: 1' >>"$scratch/brokerd.yaml"
kill -HUP "$broker_pid"
await_line 'nonsense: there is no such key' "$scratch/brokerd.log"
await_line 'the settings stay as they were' "$scratch/brokerd.log"
sluice_exits 0 status --broker "$url"

it "a node's number of processors follows its file"
export SLUICE_BROKER="$url"
printf 'directory: %s\nbroker: %s\nname: n\ncpus: 3\n' "$scratch/node-n" "$url" >n.yaml
"$NODED" -c n.yaml 2>>"$scratch/node-n.log" &
node_pid=$!
services="$services $node_pid"
await_event node/n/online
same 3 "$(value nodes.0.slots nodes)" "processors"
sed -i 's/cpus: 3/cpus: 5/' n.yaml
kill -HUP "$node_pid"
await_line 'cpus was "3" and is "5"' "$scratch/node-n.log"
kill -TERM "$node_pid"
ends 0 "$node_pid"
