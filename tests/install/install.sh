#!/bin/sh
# install.sh BUILD - installs the build into a prefix of its own and uses what lies there: the
# programs run an example, and a C program is built against the library in both its forms and
# asks the broker for the runs.
set -eu

build=$1
source=$(cd -- "$(dirname -- "$0")" && pwd)
place=$(mktemp -d "${TMPDIR:-/tmp}/sluice-install-XXXXXX")
prefix=$place/prefix
project=$place/project

finish() {
    status=$?
    [ ! -x "$prefix/bin/sluice" ] || "$prefix/bin/sluice" stop -C "$project" >/dev/null 2>&1 || true
    rm -rf "$place"
    exit "$status"
}
trap finish EXIT

fail() {
    printf 'install: %s\n' "$*" >&2
    exit 1
}

is_there() { # PATH under the prefix, * allowed
    for found in "$prefix"/$1; do
        [ -e "$found" ] || fail "nothing was installed as $1"
    done
}

cmake --install "$build" --prefix "$prefix" >"$place/log" || fail "$(cat "$place/log")"
for path in bin/sluice sbin/brokerd sbin/noded include/sluice.h 'lib*/libsluice.so' \
    'lib*/libsluice.so.[0-9]' 'lib*/libsluice.a' 'lib*/pkgconfig/sluice.pc' \
    share/man/man1/sluice.1 share/man/man8/brokerd.8 share/man/man8/noded.8 \
    share/bash-completion/completions/sluice share/zsh/site-functions/_sluice \
    share/fish/vendor_completions.d/sluice.fish 'share/doc/*/examples/hello/valohai.yaml'; do
    is_there "$path"
done

# Neither variables nor PATH help the program to find its daemons.
unset SLUICE_BROKERD SLUICE_NODED
cp -R "$prefix"/share/doc/*/examples/hello "$project"
"$prefix/bin/sluice" run -C "$project" --step hello >"$place/log" 2>&1 ||
    fail "the installed program does not run: $(cat "$place/log")"

PKG_CONFIG_PATH=$(echo "$prefix"/lib*/pkgconfig)
export PKG_CONFIG_PATH
libraries=$(dirname "$PKG_CONFIG_PATH")
# shellcheck disable=SC2046 # one word an option
cc -Wall -Werror -o "$place/shared" "$source/runs.c" $(pkg-config --cflags --libs sluice)
# shellcheck disable=SC2046
cc -Wall -Werror -o "$place/static" "$source/runs.c" \
    $(pkg-config --static --cflags --libs sluice | sed 's/-lsluice/-l:libsluice.a/')

for form in shared static; do
    printed=$(LD_LIBRARY_PATH=$libraries "$place/$form" "$project")
    [ "$printed" = "1 hello complete" ] || fail "the $form program printed: $printed"
done

# The library finds the daemons too, for a program that lies elsewhere.
"$prefix/bin/sluice" stop -C "$project" >/dev/null
LD_LIBRARY_PATH=$libraries "$place/shared" "$project" >/dev/null

exported=$(nm -D --defined-only "$libraries/libsluice.so" | awk '{ print $3 }' | grep -v '^sluice_' || true)
[ -z "$exported" ] || fail "the library shows more than sluice.h: $exported"
