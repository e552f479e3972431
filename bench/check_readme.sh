#!/bin/sh
# check_readme.sh BENCH README - every workload and metric that `bench --list` knows stands in
# the table of the README.
set -eu
missing=0
workload=
while IFS= read -r line; do
    case $line in
    '    *'*) continue ;;
    '    '*) name=$(echo "$line" | cut -d' ' -f5) ;;
    *) name=${line%%:*} workload=$name ;;
    esac
    grep -qF "\`$name\`" "$2" || {
        echo "$2 does not tell of $workload $name"
        missing=1
    }
done <<END
$("$1" --list)
END
exit $missing
